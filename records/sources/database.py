"""A database that holds the schema's tables, read as a stream of batches: PostgreSQL or SQLite, by URL."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, Text, collate, inspect, select
from sqlalchemy.exc import DataError, DBAPIError

from records.database.connection import engine, masked, require_reachable, sqlite_file
from records.database.errors import DatabaseError
from records.database.rows import RowError, arrow_table, fetching
from records.database.tables import DATABASE_TABLES, RETRACTIONS, in_order, not_retracted
from records.schema import TABLES
from records.sources.batch import Batch, SourceError

ROWS_AT_ONCE = 5_000
"""How many rows a cursor hands over at once; with eight tables, a few tens of megabytes."""


def read_named(paths: Sequence[Path], *, url: str) -> Iterator[Batch]:
    """Stream the database of a URL, as the command line asks for it; there are no paths.

    A password need not stand in the URL, where other users of the machine could see it: libpq's environment variables
    and password file hold too.

    Raises:
        SourceError: paths were given, or as `read_database` says.
    """
    if paths:
        raise SourceError("a database has no paths; name it by the option url alone")
    return read_database(url)


def read_database(url: str, batch_patients: int = 20_000) -> Iterator[Batch]:
    """Stream a database that holds the tables of `records.schema`, in patient order, without changing it.

    All tables are read in one snapshot, each through a cursor of its own that the server keeps, so that memory holds
    one batch and not the database. The database may be made by this project or by another program; it needs neither
    the checks nor the indexes, but without an index on (patient_id, event_time, event_id) the server sorts.

    Args:
        url: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE` or `sqlite:///PATH`. Instants are `timestamptz` on
            PostgreSQL, whole microseconds since 1970 in UTC on SQLite.
        batch_patients: at most so many patients a batch.

    Yields:
        Batches in patient order, each table sorted by patient, time and event id. Events of patients who have no row
        in `patients` come in their place in that order; those after the last patient come last.

    Raises:
        SourceError: the database cannot be reached, lacks a table or a column, or holds values of another type. The
            message holds no password and nothing of a patient.
    """
    if batch_patients < 1:
        raise ValueError("a batch holds at least one patient")
    with _told_as_source(), _opened(url) as opened, _snapshot(opened) as connection:
        _require_schema(connection, url)
        with ExitStack() as cursors:
            streams = {name: cursors.enter_context(closing(_Stream(connection, name))) for name in TABLES}
            while tables := _next_tables(streams, batch_patients):
                yield Batch(tables, sum(table.num_rows for table in tables.values()))


class _Stream:
    """The rows of one table in order, taken patient by patient, held a part at a time."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._name = name
        self._nulls_last = connection.dialect.name == "postgresql"
        in_parts = {"yield_per": ROWS_AT_ONCE}
        self._result = connection.execute(_in_byte_order(connection, name), execution_options=in_parts)
        self._parts = self._result.partitions()
        self._rest = arrow_table(name, [])
        self._owners: list[tuple[bool, str]] = []

    def close(self) -> None:
        """Let the server forget the cursor."""
        self._result.close()

    def first(self, rows: int) -> pa.Table:
        """The next rows, at most so many."""
        taken = []
        while rows and self._fill():
            taken.append(self._take(min(rows, self._rest.num_rows)))
            rows -= taken[-1].num_rows
        return self._joined(taken)

    def up_to(self, patient_id: str | None) -> pa.Table:
        """The next rows of patients up to this one, himself included."""
        taken = []
        while self._fill():
            count = bisect_right(self._owners, self._place(patient_id))
            taken.append(self._take(count))
            if self._rest.num_rows:
                break
        return self._joined(taken)

    def _fill(self) -> bool:
        if not self._rest.num_rows:
            self._rest = self._next_part()
            self._owners = [self._place(owner) for owner in self._rest["patient_id"].to_pylist()]
        return bool(self._rest.num_rows)

    def _next_part(self) -> pa.Table:
        with fetching(self._name):
            rows: list[Row[Any]] = list(next(self._parts, []))
        return arrow_table(self._name, rows)

    def _take(self, count: int) -> pa.Table:
        taken, self._rest = self._rest.slice(0, count), self._rest.slice(count)
        self._owners = self._owners[count:]
        return taken

    def _joined(self, parts: list[pa.Table]) -> pa.Table:
        return pa.concat_tables([arrow_table(self._name, []), *parts]).combine_chunks()

    def _place(self, patient_id: str | None) -> tuple[bool, str]:
        """Where a patient stands in the order; a missing one is last on PostgreSQL and first on SQLite."""
        return (patient_id is None) == self._nulls_last, patient_id or ""


def _next_tables(streams: dict[str, _Stream], batch_patients: int) -> dict[str, pa.Table]:
    """Tables of the next patients; once all patients are read, what is left of each table; at the end nothing."""
    patients = streams["patients"].first(batch_patients)
    others = {name: stream for name, stream in streams.items() if name != "patients"}
    if patients.num_rows:
        last = patients["patient_id"][-1].as_py()
        return {"patients": patients} | {name: stream.up_to(last) for name, stream in others.items()}
    left = {name: stream.first(ROWS_AT_ONCE) for name, stream in others.items()}
    return {"patients": patients} | left if any(table.num_rows for table in left.values()) else {}


def _in_byte_order(connection: Connection, name: str) -> Select[Any]:
    """All rows in the order of a history, whatever order of letters the database was made with."""
    table = DATABASE_TABLES[name]
    columns: list[ColumnElement[Any]] = list(in_order(table))
    if connection.dialect.name == "postgresql":
        columns = [collate(column, "C") if isinstance(column.type, Text) else column for column in columns]
    statement = select(table).order_by(*columns)
    # Another program's database may keep no retractions.
    if TABLES[name].is_event() and inspect(connection).has_table(RETRACTIONS.name):
        statement = statement.where(not_retracted(table))
    return statement


def _require_schema(connection: Connection, url: str) -> None:
    inspector = inspect(connection)
    there = {*inspector.get_table_names(), *inspector.get_view_names()}
    for name, table in TABLES.items():
        if name not in there:
            raise SourceError(f"{masked(url)} has no table {name}")
        columns = {column["name"] for column in inspector.get_columns(name)}
        missing = [column for column in table.columns() if column not in columns]
        if missing:
            raise SourceError(f"{masked(url)}: table {name} has no column {', '.join(missing)}")


@contextmanager
def _opened(url: str) -> Iterator[Engine]:
    file = sqlite_file(url)
    if file is not None and not file.is_file():
        raise SourceError(f"{masked(url)}: there is no such file")  # SQLite would create it
    opened = engine(url, read_only=True)
    try:
        require_reachable(opened, url)
        yield opened
    finally:
        opened.dispose()


@contextmanager
def _snapshot(opened: Engine) -> Iterator[Connection]:
    """A transaction in which every table is seen as of the same moment."""
    with opened.connect() as connection:
        if opened.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def _told_as_source() -> Iterator[None]:
    try:
        yield
    except (DatabaseError, RowError) as error:
        raise SourceError(str(error)) from None
    except DataError:
        raise SourceError("the database holds a date or a time outside the years 1 to 9999") from None
    except DBAPIError:
        raise SourceError("the database stopped answering, or this user may not read all of the tables") from None
