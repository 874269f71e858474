"""The read limit: what it takes to read the columns that the features need, and to do nothing but sum them up."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from features.catalogue import Catalogue
from features.plan import plan_of
from records.schema import TABLES


def by_polars(catalogue: Catalogue, folder: Path, moments: Path, out: Path) -> None:
    """Scan and sum by Polars, as a stream."""
    del moments, out
    for source, columns in _read(catalogue).items():
        sums = [_summed(source, column).sum().alias(column) for column in columns]
        pl.scan_parquet(folder / f"{source}.parquet").select(sums).collect(engine="streaming")


def _summed(source: str, name: str) -> pl.Expr:
    kind, column = TABLES[source].columns()[name].type, pl.col(name)
    if pa.types.is_string(kind):
        return column.str.len_bytes()
    return column.to_physical() if pa.types.is_timestamp(kind) or pa.types.is_date(kind) else column


def by_duckdb(catalogue: Catalogue, folder: Path, moments: Path, out: Path) -> None:
    """Scan and sum by DuckDB."""
    del moments, out
    with duckdb.connect(config={"threads": 1}) as connection:
        for source, columns in _read(catalogue).items():
            sums = ", ".join(f"sum({_sql(source, column)})" for column in columns)
            connection.execute(f"SELECT {sums} FROM '{folder / source}.parquet'").fetchall()  # noqa: S608 - no input


def _sql(source: str, name: str) -> str:
    kind = TABLES[source].columns()[name].type
    if pa.types.is_string(kind):
        return f"strlen({name})"
    if pa.types.is_timestamp(kind):
        return f"epoch_us({name})"
    return f"epoch({name})" if pa.types.is_date(kind) else f"{name}::INT" if pa.types.is_boolean(kind) else name


def _read(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    return {source: ("patient_id", *columns) for source, columns in plan_of(catalogue).columns.items()}
