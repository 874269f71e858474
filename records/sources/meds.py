"""MEDS, the Medical Event Data Standard: a store as a MEDS dataset, and MEDS datasets as batches.

A dataset is a folder: `data/*.parquet` (one row an event: `subject_id` int64, `time` timestamp[us], `code`,
`numeric_value` float32; each subject in one shard, sorted by time), `metadata/dataset.json` and
`metadata/codes.parquet`.

What we write holds more, so that reading it again gives the same history: `record` names our table and further columns
hold ours (`code` as `source_code`); `metadata/subjects.parquet` says which `patient_id` a `subject_id` is. A patient
is a row without a time; `MEDS_BIRTH` and `LEFT_CARE` say again, for other tools, what that row says. `time` is UTC.

Of a dataset of others we read `MEDS_BIRTH`, `GENDER//` and `SEX//`, diagnoses (`ICD10//`, `ICD10CM//`, `ICD10FI//`) and
procedures (`THL//`, `CDT//`), with `/` or `//`; all other rows are left out and counted by vocabulary. Such a dataset
says neither what a visit was nor when a row became known: there are no visits, and `recorded_at` is `time`.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from records import store
from records.history import History
from records.schema import INSTANT, SEXES, TABLES
from records.sources.batch import Batch, SourceError
from records.sources.columns import constant, count, join, numbered
from records.sources.own import require_columns, typed

VERSION = "0.4"
TIME = pa.timestamp("us")
CORE = {"subject_id": pa.int64(), "time": TIME, "code": pa.string(), "numeric_value": pa.float32()}
BIRTH, LEFT = "MEDS_BIRTH", "LEFT_CARE"
KEYS = ("patient_id", "event_time")
"""Our columns that MEDS has a place for."""

CODES = {
    "patients": ("SEX", "sex"),
    "contacts": ("CONTACT", "urgency"),
    "appointments": ("APPOINTMENT", "state"),
    "visits": ("VISIT", "profession"),
    "diagnoses": ("ICD10", "code"),
    "findings": ("FINDING", "kind"),
    "answers": ("ANSWER", "question"),
    "charges": ("CHARGE", "category"),
    "vouchers": ("VOUCHER", "state"),
    "decisions": ("DECISION", "outcome"),
    "messages": ("MESSAGE", "state"),
}
"""Vocabulary of a table's codes, and the column that completes the code; procedures have their own code systems."""
NUMBERS = {"visits": "minutes", "findings": "value", "answers": "value", "charges": "cents"}
"""The column that is a table's numeric value."""
VOCABULARIES = {
    "ICD10": ("diagnoses", None), "ICD10CM": ("diagnoses", None), "ICD10FI": ("diagnoses", None),
    "THL": ("procedures", "thl"), "CDT": ("procedures", "cdt"),
}  # fmt: skip
SEX_OF = {"F": "female", "FEMALE": "female", "M": "male", "MALE": "male", "OTHER": "other"}


def export_meds(folder: Path, out: Path) -> int:
    """Write the store in `folder` as a MEDS dataset; the number of rows.

    The dataset is patient data: its folder can be read by its owner alone. `subject_id` counts patients from 1 in their
    order, so it is not the same number in the next export.

    Raises:
        ValueError: `out` exists.
        StoreError, OrderError: the store cannot be read.
    """
    if out.exists():
        raise ValueError(f"{out} exists; give a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
        staging = Path(name) / "dataset"
        staging.mkdir(mode=0o700)
        rows = _write(folder, staging)
        staging.rename(out)
    return rows


def _write(folder: Path, staging: Path) -> int:
    (staging / "data").mkdir()
    (staging / "metadata").mkdir()
    codes: set[str] = set()
    subjects: list[str] = []
    rows = 0
    for number, block in enumerate(store.blocks(folder)):
        shard = _shard(block, len(subjects) + 1)
        pq.write_table(shard, staging / "data" / f"{number}.parquet", compression="zstd")
        codes.update(shard["code"].unique().to_pylist())
        subjects += block.patient_ids.to_pylist()
        rows += shard.num_rows
    _write_metadata(staging / "metadata", sorted(codes), subjects)
    return rows


def _write_metadata(folder: Path, codes: Sequence[str], subjects: Sequence[str]) -> None:
    about = {"dataset_name": "tarve", "etl_name": "tarve", "meds_version": VERSION}
    (folder / "dataset.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    described = {
        "code": pa.array(codes, pa.string()),
        "description": pa.array([_description(code) for code in codes], pa.string()),
        "parent_codes": pa.nulls(len(codes), pa.list_(pa.string())),
    }
    pq.write_table(pa.table(described), folder / "codes.parquet")
    numbers = pa.array(np.arange(1, len(subjects) + 1))
    pq.write_table(
        pa.table({"subject_id": numbers, "patient_id": pa.array(subjects, pa.string())}), folder / "subjects.parquet"
    )


def _description(code: str) -> str:
    vocabulary, _, rest = code.partition("//")
    if code == BIRTH:
        return "Date of birth"
    if code == LEFT:
        return "The person died or moved away"
    kinds = {"ICD10": "Diagnosis, ICD-10 without the dot", "VISIT": "Visit, minutes, to", "CHARGE": "Charge, cents"}
    return f"{kinds.get(vocabulary, vocabulary.capitalize())}: {rest}"


def _shard(block: History, first: int) -> pa.Table:
    """The events of a block of patients, sorted by subject and time."""
    ids = block.patient_ids.combine_chunks()
    parts = [
        _derived(block["patients"], first, BIRTH, "birth_date"),
        _derived(block["patients"], first, LEFT, "left_at"),
    ]
    for name in block:
        rows = block[name]
        place = pc.add(pc.index_in(rows["patient_id"], ids).cast(pa.int64()), first)
        parts.append(_events(name, rows, place))
    together = pa.concat_tables(parts).combine_chunks()
    time = pc.fill_null(together["time"].cast(pa.int64()), np.iinfo(np.int64).min).to_numpy()
    return together.take(pa.array(np.lexsort((time, together["subject_id"].to_numpy()))))


def _events(name: str, rows: pa.Table, subject: pa.ChunkedArray) -> pa.Table:
    many = rows.num_rows
    number = rows[NUMBERS[name]].cast(pa.float32(), safe=False) if name in NUMBERS else pa.nulls(many, pa.float32())
    event = "event_time" in rows.column_names
    time = rows["event_time"].cast(pa.int64()).cast(TIME) if event else pa.nulls(many, TIME)
    columns = {"subject_id": subject, "time": time, "code": _code(name, rows), "numeric_value": number}
    columns["record"] = constant(name, many)
    own = {_ours(column): column for column in rows.column_names if column not in KEYS}
    for column, type_ in _further().items():
        columns[column] = rows[own[column]].cast(type_) if column in own else pa.nulls(many, type_)
    return pa.table(columns, schema=_schema())


def _code(name: str, rows: pa.Table) -> pa.Array | pa.ChunkedArray:
    if name == "procedures":
        return pc.binary_join_element_wise(pc.utf8_upper(rows["code_system"]), rows["code"], "//")
    prefix, column = CODES.get(name, (name.upper(), "source"))
    return pc.binary_join_element_wise(prefix, rows[column], "//")


def _derived(patients: pa.Table, first: int, code: str, column: str) -> pa.Table:
    """What the row of a patient says about a day or moment, once more as an event."""
    given = patients[column].is_valid()
    time = patients[column].filter(given)
    time = time.cast(TIME) if pa.types.is_date(time.type) else time.cast(pa.int64()).cast(TIME)
    subject = pa.chunked_array([np.arange(first, first + patients.num_rows)]).filter(given)
    columns = {"subject_id": subject, "time": time, "code": constant(code, len(time))}
    return pa.table([columns.get(field.name, pa.nulls(len(time), field.type)) for field in _schema()], schema=_schema())


def _schema() -> pa.Schema:
    return pa.schema([*CORE.items(), ("record", pa.string()), *_further().items()])


def _further() -> dict[str, pa.DataType]:
    """Our columns by the name they have in MEDS; a name of several types is a double, which holds them all."""
    found: dict[str, pa.DataType] = {}
    for table in TABLES.values():
        for name, column in table.columns().items():
            if name not in KEYS:
                known = found.setdefault(_ours(name), column.type)
                found[_ours(name)] = known if known == column.type else pa.float64()
    return found


def _ours(name: str) -> str:
    return "source_code" if name == "code" else name


def read_meds(paths: Sequence[Path]) -> Iterator[Batch]:
    """Read MEDS datasets: folders with `data/*.parquet`, or shards themselves.

    Raises:
        SourceError: there is no shard, or one cannot be read, or lacks a column of the standard.
    """
    for path in paths:
        shards = sorted((path / "data").rglob("*.parquet")) if path.is_dir() else [path]
        if not shards:
            raise SourceError(f"{path.name} has no data/*.parquet; a MEDS dataset has")
        names = _subjects(path)
        for shard in shards:
            yield _read_shard(shard, names)


def _subjects(path: Path) -> tuple[pa.Array, pa.Array] | None:
    file = (path if path.is_dir() else path.parent.parent) / "metadata" / "subjects.parquet"
    if not file.exists():
        return None
    rows = _parquet(file, pa.schema([("subject_id", pa.int64()), ("patient_id", pa.string())]), 2)
    return rows["subject_id"].combine_chunks(), rows["patient_id"].combine_chunks()


def _parquet(file: Path, schema: pa.Schema, needed: int) -> pa.Table:
    """Columns of a file as the types of a schema, of which the first so many must be there."""
    try:
        with pq.ParquetFile(file) as opened:
            found = opened.schema_arrow.names
            require_columns(file, found, schema.names[:needed])
            rows = opened.read(columns=[name for name in schema.names if name in found])
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{file.name} is not a readable Parquet file") from error
    return typed(file, rows, schema)


def _read_shard(file: Path, names: tuple[pa.Array, pa.Array] | None) -> Batch:
    rows = _parquet(file, _schema(), 3)
    patients = rows["subject_id"].cast(pa.string())
    if names is not None:
        at = pc.index_in(rows["subject_id"], names[0])
        if at.null_count:
            raise SourceError(f"{file.name}: a subject is not in metadata/subjects.parquet")
        patients = names[1].take(at)
    rows = rows.append_column("patient_id", patients)
    return _own(rows) if "record" in rows.column_names else _foreign(rows)


def _own(rows: pa.Table) -> Batch:
    """Our own export: every row goes back to its table."""
    tables = {}
    for name, type_ in _further().items():
        if name not in rows.column_names:  # written before the schema had it
            rows = rows.append_column(name, pa.nulls(rows.num_rows, type_))
    for name, table in TABLES.items():
        some = rows.filter(pc.equal(rows["record"], name))
        columns = {}
        for column in table.arrow():
            found = {"patient_id": "patient_id", "event_time": "time"}.get(column.name, _ours(column.name))
            values = some[found].cast(pa.int64()) if column.name == "event_time" else some[found]
            columns[column.name] = values.cast(column.type)
        tables[name] = pa.table(columns)
    left_out: Counter[tuple[str, str]] = Counter()
    held = sum(table.num_rows for table in tables.values())
    derived = pc.sum(rows["record"].is_null()).as_py() or 0
    count(left_out, "meds", f"{BIRTH} and {LEFT} say again what the patient's row says", derived)
    count(left_out, "meds", "the store keeps no such table", rows.num_rows - held - derived)
    return Batch(tables, rows.num_rows, left_out)


def _foreign(rows: pa.Table) -> Batch:
    """A dataset of others: the codes that we know."""
    encoded = rows["code"].combine_chunks().dictionary_encode()
    parts = [_parted(code) for code in encoded.dictionary.to_pylist()]
    vocabulary = pa.array([one[0] for one in parts], pa.string()).take(encoded.indices)
    rest = pa.array([one[1] for one in parts], pa.string()).take(encoded.indices)
    left_out: Counter[tuple[str, str]] = Counter()
    used = np.isin(vocabulary.to_numpy(zero_copy_only=False), [BIRTH, "GENDER", "SEX"])
    tables = {"patients": _people(rows, vocabulary, rest)}
    timed = rows["time"].is_valid().to_numpy()
    for name in ("diagnoses", "procedures"):
        known = [key for key, (table, _) in VOCABULARIES.items() if table == name]
        mask = pc.fill_null(pc.is_in(vocabulary, pa.array(known)), False).to_numpy(zero_copy_only=False)
        count(left_out, name, "there is no time", int((mask & ~timed).sum()))
        used |= mask
        chosen = pa.array(mask & timed)
        tables[name] = _coded(name, rows.filter(chosen), vocabulary.filter(chosen), rest.filter(chosen))
    for pair in vocabulary.filter(pa.array(~used)).value_counts().to_pylist():
        left_out["meds", f"no place for codes of {pair['values']}"] += pair["counts"]
    return Batch(tables, rows.num_rows, left_out)


def _parted(code: str | None) -> tuple[str, str]:
    """Vocabulary and code; a code that names no vocabulary might be anything, and is not repeated."""
    if code == BIRTH:
        return BIRTH, ""
    vocabulary, slash, rest = (code or "").partition("/")
    return (vocabulary.upper(), rest.lstrip("/")) if slash and re.fullmatch(r"\w{1,20}", vocabulary) else ("others", "")


def _people(rows: pa.Table, vocabulary: pa.Array, rest: pa.Array) -> pa.Table:
    birth: dict[str, object] = {}
    sex: dict[str, str] = {}
    born = pc.equal(vocabulary, BIRTH)
    some = rows.filter(born)
    birth.update(
        zip(some["patient_id"].to_pylist(), some["time"].cast(pa.date32(), safe=False).to_pylist(), strict=True)
    )
    said = pc.is_in(vocabulary, pa.array(["GENDER", "SEX"]))
    for name, one in zip(rows["patient_id"].filter(said).to_pylist(), rest.filter(said).to_pylist(), strict=True):
        sex[name] = SEX_OF.get(one.upper(), "unknown")
    names = rows["patient_id"].unique().to_pylist()
    columns = {
        "patient_id": pa.array(names, pa.string()),
        "birth_date": pa.array([birth.get(name) for name in names], pa.date32()),
        "sex": pa.array([sex.get(name, SEXES[-1]) for name in names], pa.string()),
    }
    return pa.table(columns)


def _coded(name: str, rows: pa.Table, vocabulary: pa.Array, rest: pa.Array) -> pa.Table:
    codes = pc.utf8_upper(pc.replace_substring(rest, ".", "") if name == "diagnoses" else rest)
    micros = rows["time"].cast(pa.int64())
    content = join("meds/", rows["patient_id"], "/", micros.cast(pa.string()), "/", vocabulary, "/", codes)
    when = micros.cast(INSTANT)
    columns = {
        "patient_id": rows["patient_id"],
        "event_id": join(content, numbered(np.zeros(rows.num_rows, np.int64), content)),
        "event_time": when,
        "recorded_at": when,
        "source": constant("meds", rows.num_rows),
        "code": codes,
    }
    if name == "procedures":
        keys = pa.array(list(VOCABULARIES), pa.string())
        systems = pa.array([system for _, system in VOCABULARIES.values()], pa.string())
        columns["code_system"] = systems.take(pc.index_in(vocabulary, keys))
    return pa.table(columns)
