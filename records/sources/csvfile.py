"""Text files with columns, read block by block: what is wrong is said with file and line, never with the content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from records.sources.batch import SourceError

BLOCK = 1 << 24
"""Bytes of a file in memory at once."""
_ROW = re.compile(r"Row #(\d+)")
_COLUMN = re.compile(r"CSV column #(\d+)")


@dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes:
        delimiter: between columns.
        encoding: `utf-8` or `latin-1`.
        times: formats of date-times as `strptime` knows them, or ISO 8601.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    times: tuple[str, ...] = ("ISO8601",)


def header(path: Path, dialect: Dialect) -> list[str]:
    """The names of a file's columns.

    Raises:
        SourceError: the file cannot be opened, or is empty.
    """
    try:
        with path.open("rb") as file:
            line = file.readline().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise SourceError(f"{path.name} cannot be opened") from error
    if not line.strip():
        raise SourceError(f"{path.name}, line 1: there is no header")
    names = line.decode(dialect.encoding, "replace").strip().split(dialect.delimiter)
    return [name.strip().strip('"') for name in names]


def require(path: Path, found: Sequence[str], needed: Sequence[str]) -> None:
    """Refuse a header that lacks a column."""
    missing = [name for name in needed if name not in found]
    if missing:
        raise SourceError(f"{path.name}, line 1: the column {missing[0]} is missing")


def read_csv(path: Path, types: Mapping[str, pa.DataType], dialect: Dialect) -> Iterator[pa.Table]:
    """The columns named in `types`, as those types, block by block; an empty value is null.

    Columns that the file lacks are not in the tables.

    Raises:
        SourceError: the file is cut short, a line has too many or too few columns, a value is not of its type, or a
            byte is no text.
    """
    found = header(path, dialect)
    wanted = {name: type_ for name, type_ in types.items() if name in found}
    _require_end(path)
    read = 1
    try:
        with pacsv.open_csv(path, *_options(found, wanted, dialect)) as reader:
            for batch in reader:
                rows = pa.Table.from_batches([batch])
                yield _decoded(rows, dialect, path, read)
                read += rows.num_rows
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise SourceError(_sentence(path, str(error), found)) from None
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read") from error


def _options(
    found: Sequence[str], wanted: Mapping[str, pa.DataType], dialect: Dialect
) -> tuple[pacsv.ReadOptions, pacsv.ParseOptions, pacsv.ConvertOptions]:
    # one thread, because only then does an error know its row; the names come from `header`, without marks and quotes
    read = pacsv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=list(found), skip_rows=1)
    parse = pacsv.ParseOptions(delimiter=dialect.delimiter)
    convert = pacsv.ConvertOptions(
        check_utf8=False,  # decoded below, only where a byte is beyond ASCII
        column_types={name: pa.binary() if pa.types.is_string(kind) else kind for name, kind in wanted.items()},
        include_columns=list(wanted),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        timestamp_parsers=[pacsv.ISO8601 if one == "ISO8601" else one for one in dialect.times],
    )
    return read, parse, convert


def _require_end(path: Path) -> None:
    """A file whose last line does not end was cut in half, or may have been."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(file.tell() - 1, 0))
        if file.read(1) not in {b"\n", b"\r"}:
            raise SourceError(f"{path.name}: the last line has no end; the file was cut short")


def _decoded(rows: pa.Table, dialect: Dialect, path: Path, read: int) -> pa.Table:
    for at, field in enumerate(rows.schema):
        if pa.types.is_binary(field.type):
            rows = rows.set_column(
                at, field.name, _text(rows[field.name], dialect, f"{path.name}, column {field.name}", read)
            )
    return rows


def _text(values: pa.ChunkedArray, dialect: Dialect, where: str, read: int) -> pa.ChunkedArray:
    chunk = values.combine_chunks()
    if _is_plain(chunk):
        return pa.chunked_array([chunk.cast(pa.string())])
    encoded = chunk.dictionary_encode()
    texts = [_decode(value, dialect.encoding) for value in encoded.dictionary.to_pylist()]
    if None in texts:
        bad = pa.array([text is None for text in texts]).take(encoded.indices)
        line = pc.index(pc.fill_null(bad, False), True).as_py() + read + 1
        raise SourceError(f"{where}, line {line}: a byte is no text in {dialect.encoding}")
    return pa.chunked_array([pa.array(texts, pa.string()).take(encoded.indices)])


def _is_plain(values: pa.BinaryArray) -> bool:
    """Whether all bytes are printable ASCII, which is the same text in every encoding."""
    _, ends, data = values.buffers()
    if data is None or not len(values):
        return True
    edges = np.frombuffer(ends, np.int32)
    letters = np.frombuffer(data, np.uint8)[edges[values.offset] : edges[values.offset + len(values)]]
    return not len(letters) or bool(letters.min() >= 32 and letters.max() < 127)


def _decode(value: bytes, encoding: str) -> str | None:
    """The text, or None when it holds what no text holds."""
    try:
        text = value.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text) else text


def _sentence(path: Path, message: str, columns: Sequence[str]) -> str:
    """What Arrow said, without the value that it repeats."""
    row, column = _ROW.search(message), _COLUMN.search(message)
    where = path.name + (f", line {row[1]}" if row else "")
    if column and int(column[1]) < len(columns):
        kind = "date or time" if "timestamp" in message or "date" in message.partition("invalid value")[0] else "number"
        return f"{where}: {columns[int(column[1])]} is no {kind} of the expected form"
    if "Expected" in message:
        return f"{where}: too many or too few columns; the line is broken or the file was cut short"
    return f"{where}: the file cannot be read as columns"
