"""Our own schema as files: a folder with `<table>.parquet` or `<table>.csv` for any of the schema's tables.

CSV is UTF-8 with commas; instants are ISO 8601 with an offset or `Z` (`2026-11-22T08:00:00Z`), days are `2026-11-22`,
an empty value is missing. Columns that may be missing may be absent; other columns are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from records.schema import TABLES
from records.sources.batch import Batch, SourceError
from records.sources.csvfile import Dialect, header, read_csv, require

CSV = Dialect()
ENDINGS = (".parquet", ".csv")


def read_own(paths: Sequence[Path]) -> Iterator[Batch]:
    """Read folders or files of our own schema.

    Raises:
        SourceError: a file is no table of the schema, lacks a column, or holds a value that is not of its type.
    """
    for file in _files(paths):
        if file.stem not in TABLES:
            raise SourceError(f"{file.name} is no table of the schema; it has {', '.join(TABLES)}")
        yield from _parquet(file) if file.suffix == ".parquet" else _csv(file)


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += [file for file in path.iterdir() if file.suffix in ENDINGS]
        elif path.suffix in ENDINGS:
            found.append(path)
        else:
            raise SourceError(f"{path.name} is neither a folder nor a file that ends with {' or '.join(ENDINGS)}")
    if not found:
        raise SourceError("there is no file to read")
    return sorted(found)


def _csv(file: Path) -> Iterator[Batch]:
    schema = TABLES[file.stem].arrow()
    require(file, header(file, CSV), [field.name for field in schema if not field.nullable])
    for rows in read_csv(file, {field.name: field.type for field in schema}, CSV):
        yield Batch({file.stem: rows}, rows.num_rows)


def _parquet(file: Path) -> Iterator[Batch]:
    schema = TABLES[file.stem].arrow()
    try:
        with pq.ParquetFile(file) as opened:
            found = opened.schema_arrow.names
            require_columns(file, found, [field.name for field in schema if not field.nullable])
            for some in opened.iter_batches(columns=[field.name for field in schema if field.name in found]):
                rows = pa.Table.from_batches([some])
                yield Batch({file.stem: typed(file, rows, schema)}, rows.num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{file.name} is not a readable Parquet file") from error


def require_columns(file: Path, found: Sequence[str], needed: Sequence[str]) -> None:
    """Refuse a Parquet file that lacks a column."""
    missing = [name for name in needed if name not in found]
    if missing:
        raise SourceError(f"{file.name}: the column {missing[0]} is missing")


def typed(file: Path, rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Columns cast to the types of a schema; those that the schema lacks are dropped.

    Raises:
        SourceError: a column cannot be read as its type, or an instant is without a time zone.
    """
    columns = {}
    for field in schema:
        if field.name not in rows.column_names:
            continue
        column = rows[field.name]
        naive = pa.types.is_timestamp(column.type) and column.type.tz is None
        if naive and pa.types.is_timestamp(field.type) and field.type.tz is not None:
            raise SourceError(f"{file.name}: column {field.name} has times without a time zone")
        try:
            columns[field.name] = column.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise SourceError(f"{file.name}: column {field.name} cannot be read as {field.type}") from None
    return pa.table(columns)
