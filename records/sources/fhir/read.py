"""FHIR R4 resources from files or from memory, as batches of unchecked tables."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

import orjson
import pyarrow as pa

from records.identity import Pseudonyms
from records.schema import TABLES
from records.sources.batch import Batch, SourceError
from records.sources.fhir.people import People
from records.sources.fhir.rows import Reader, Rows

LINES = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
DOCUMENTS = (".json", ".json.gz")
FIRST = ("Patient", "Procedure")
"""Resource types that tell about others, so they are read before them."""

Resource: TypeAlias = dict[str, Any]


def read_fhir(
    paths: Sequence[Path],
    identity: Pseudonyms | None = None,
    batch_resources: int = 50_000,
    *,
    source: str = "fhir",
    all_dental: bool = False,
) -> Iterator[Batch]:
    """Read FHIR files.

    Patients and procedures are read first and all the rest after them, because a procedure makes its encounter
    dental, whichever file comes first; with an identity the patients' ids are read before that. A file of patients or
    procedures only, as a bulk export has, is parsed once. What is kept in between is a short text a patient and a
    dental encounter; of an ndjson file no more than the rows of one batch are in memory, of a Bundle file all of it.

    Args:
        paths: files, or folders of files named `.ndjson`, `.jsonl` (a resource a line) or `.json` (a Bundle or one
            resource), any of them gzipped with `.gz`. An empty file is legal.
        identity: turns Finnish identity codes into `patient_id`; None leaves the server's resource ids.
        batch_resources: resources a batch.
        source: the `source` of every row.
        all_dental: the whole source is dental care, so nothing is left out for not saying so.

    Raises:
        SourceError: a file is missing, or not JSON from some line on (the message names both, never the content).
    """
    files = _files(paths)
    reader = Reader(People(identity), source, all_dental)
    if identity is not None:
        for file in files:
            for resource in _resources(file, (b'"Patient"',)):
                reader.meet(resource or {})
    collected = _Collected(reader)
    for resource in _ordered(files):
        collected.add(resource)
        if collected.resources == batch_resources:
            yield collected.batch()
    if collected.resources:
        yield collected.batch()


def from_resources(
    resources: object,
    identity: Pseudonyms | None = None,
    *,
    source: str = "fhir",
    all_dental: bool = False,
) -> Batch:
    """Read what is in memory, such as the prefetch of a request: the same mapping as of files.

    Args:
        resources: a resource, a Bundle, or any nesting of lists of them; None, nulls and OperationOutcomes are met.
        identity: as in `read_fhir`.
        source: as in `read_fhir`.
        all_dental: as in `read_fhir`.
    """
    reader = Reader(People(identity), source, all_dental)
    found = list(unpacked(resources))
    for resource in found:
        reader.meet(resource)
    collected = _Collected(reader)
    for resource in sorted(found, key=lambda one: not _is_first(one)):
        collected.add(resource)
    return collected.batch()


class _Collected:
    """Rows on their way into a batch."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.rows: dict[str, Rows] = defaultdict(list)
        self.resources = 0

    def add(self, resource: Resource) -> None:
        table, rows = self.reader.read(resource)
        self.resources += 1
        if rows:
            self.rows[table] += rows

    def batch(self) -> Batch:
        """What was collected since the last one."""
        tables = {name: _table(name, rows) for name, rows in self.rows.items()}
        batch = Batch(tables, self.resources, self.reader.left_out, self.reader.notices)
        self.reader.left_out, self.reader.notices = Counter(), Counter()
        self.rows, self.resources = defaultdict(list), 0
        return batch


def _is_first(resource: Resource) -> bool:
    return resource.get("resourceType") in FIRST


def _ordered(files: Sequence[Path]) -> Iterator[Resource]:
    """The resources of all files, patients and procedures first; a file with nothing else is read once."""
    words = tuple(f'"{name}"'.encode() for name in FIRST)
    unfinished = []
    for file in files:
        finished = True
        for resource in _resources(file, words):
            if resource is not None and _is_first(resource):
                yield resource
            else:
                finished = False
        if not finished:
            unfinished.append(file)
    for file in unfinished:
        for resource in _resources(file):
            if resource is not None and not _is_first(resource):
                yield resource


def _table(name: str, rows: Rows) -> pa.Table:
    schema = TABLES[name].arrow()
    return pa.table({field.name: _column([row.get(field.name) for row in rows], field.type) for field in schema})


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # half of a surrogate pair, which some JSON parsers let through: no text at all
        return pa.array([value if _is_text(value) else None for value in values], kind)


def _is_text(value: object) -> bool:
    return not isinstance(value, str) or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if file.name.endswith(LINES + DOCUMENTS))
        elif path.exists():
            found.append(path)
        else:
            raise SourceError(f"{path} does not exist")
    return found


def _resources(file: Path, words: tuple[bytes, ...] = ()) -> Iterator[Resource | None]:
    """The resources of a file; with `words`, None in the place of a line of an ndjson file that holds none of them."""
    with _opened(file) as stream:
        if file.name.endswith(DOCUMENTS):
            yield from _of_document(file, _read(file, stream.read, 0))
            return
        number = 0
        while line := _read(file, stream.readline, number):
            number += 1
            if words and not any(word in line for word in words):
                yield None
            else:
                yield from _of_line(file, line, number)


def _of_document(file: Path, text: bytes) -> Iterator[Resource]:
    """The resources of a whole JSON file; some systems name a file of resources a line `.json`, so that is met too."""
    value, wrong_line = _parsed(text)
    lines = text.splitlines()
    if wrong_line is None:
        yield from unpacked(value)
    elif wrong_line > 1 and _parsed(lines[0])[1] is None:
        for number, line in enumerate(lines, 1):
            yield from _of_line(file, line, number)
    else:
        raise SourceError(f"{file}, line {wrong_line}: the JSON is wrong or broken off")


def _of_line(file: Path, line: bytes, number: int) -> Iterator[Resource]:
    value, wrong_line = _parsed(line)
    if wrong_line is not None or not isinstance(value, dict | None):
        raise SourceError(f"{file}, line {number}: this is not one whole JSON resource")
    yield from unpacked(value)


def _parsed(text: bytes) -> tuple[Any, int | None]:
    """The value, and the line on which it stops being JSON; the parser's own error holds the text, so it ends here."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    if not text or text.isspace():
        return None, None
    try:
        return orjson.loads(text), None
    except orjson.JSONDecodeError as error:
        return None, error.lineno


def unpacked(value: object) -> Iterator[Resource]:
    """The resources of a resource, of Bundles and of lists in any nesting.

    Nulls and entries without a resource (answers, deletions) yield nothing; what is no JSON object yields an empty
    resource, so that it is counted. In a Bundle a `urn:uuid:` address is the identity that references use.
    """
    waiting: list[Iterator[object]] = [iter((value,))]
    while waiting:
        one = next(waiting[-1], waiting)
        if one is waiting:
            waiting.pop()
        elif isinstance(one, dict):
            if one.get("resourceType") == "Bundle":
                waiting.append(_entries(one.get("entry")))
            else:
                yield one
        elif isinstance(one, Iterable) and not isinstance(one, str | bytes):
            waiting.append(iter(one))
        elif one is not None:
            yield {}


def _entries(entries: object) -> Iterator[object]:
    for entry in entries if isinstance(entries, list) else [entries]:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        address = entry.get("fullUrl") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and isinstance(address, str) and address.startswith("urn:uuid:"):
            yield {**resource, "id": address.removeprefix("urn:uuid:")}
        else:
            yield resource


def _read(file: Path, read: Callable[[], bytes], lines: int) -> bytes:
    try:
        return read()
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{file}, after line {lines}: the file is damaged or broken off") from error


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    stream: Any = gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")  # noqa: SIM115
    with stream:
        yield stream
