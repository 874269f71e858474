"""DuckDB, by the SQL that the catalogue compiles to (`features.sql`): one filtered aggregate a feature."""

from __future__ import annotations

from pathlib import Path

import duckdb

from features.catalogue import Catalogue
from features.sql import statement


def run(catalogue: Catalogue, folder: Path, moments: Path, out: Path) -> None:
    """Compute the matrix."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"CREATE VIEW moments AS SELECT * FROM '{moments}'")  # noqa: S608 - our own paths
        for source in dict.fromkeys(("patients", *catalogue.sources)):
            connection.execute(f"CREATE VIEW {source} AS SELECT * FROM '{folder / source}.parquet'")  # noqa: S608
        columns = f"SELECT COLUMNS(* EXCLUDE (row))::DOUBLE FROM ({statement(catalogue)})"  # noqa: S608 - no input
        connection.execute(f"COPY ({columns}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
