"""Histories in a database: written in one transaction or not at all, and read again bit for bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Engine, Row, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from records.database.connection import engine, require_reachable, writing
from records.database.errors import DatabaseError, told_plainly
from records.database.insertion import insert
from records.database.rows import RowError, arrow_table, fetching
from records.database.tables import DATABASE_TABLES, in_order, key, not_retracted
from records.database.versions import migrate
from records.history import History
from records.schema import TABLES

DEFAULT_URL = "sqlite:///var/tarve.db"
"""Where what changes is kept unless another URL is given; the path is relative to the working directory."""

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Written:
    """What a write did, in rows by table.

    Attributes:
        new: rows that were not there.
        unchanged: rows that were there, the same in every column.
        replaced: patients who were there with another language, municipality or the like. Events are never replaced.
    """

    new: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)


class Database:
    """A database that holds histories in the schema's tables. Open one with `Database.open`, and close it.

    Threads may share it; every call is a transaction of its own.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, Database.open(f"sqlite:///{folder}/tarve.db") as database:
        ...     database.patients()
        []
    """

    def __init__(self, opened: Engine) -> None:
        self._engine = opened

    @classmethod
    def open(cls, url: str = DEFAULT_URL) -> Self:
        """Open a database at the newest version of the schema, migrating it there. A SQLite file is created.

        Args:
            url: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`; libpq's environment variables
                and password file hold too, so that the password need not stand in the URL.

        Raises:
            DatabaseError: the URL cannot be read, the database cannot be reached, is newer than this code, or cannot
                be migrated. No message holds a password.
        """
        migrate(url)
        opened = engine(url)
        require_reachable(opened, url)
        return cls(opened)

    def write(self, history: History) -> Written:
        """Write all of a history in one transaction, or nothing of it.

        A row that is there already, the same in every column, changes nothing and is counted. A patient's row is the
        person's present state: another one replaces it. An event is what happened: another content under its id is an
        error. Events may come without their patient's row if the database holds the patient.

        Raises:
            DatabaseError: an event id is there with other content, an id stands twice in the history, a value is not
                allowed by the schema or cannot be stored, a patient is unknown, or the database fails. Nothing was
                written, and no message holds an identifier or a value.
        """
        _require_storable(history)
        written = Written()
        with told_plainly(), self._engine.begin() as connection:
            for name in TABLES:
                for chunk in history[name].to_batches(max_chunksize=ROWS_AT_ONCE):
                    _write_rows(connection, name, _plain(name, chunk), written)
        return written

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A writer's transaction, for `add` and for the tables that a caller keeps beside the schema's.

        Raises:
            DatabaseError: a statement fails, or the commit; nothing was written.
        """
        with told_plainly(), writing(self._engine) as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that only reads, and whose every statement sees the same moment.

        Raises:
            DatabaseError: a statement fails, or the database holds what this code never wrote.
        """
        with told_plainly(), self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            try:
                yield connection
            except RowError as error:
                raise DatabaseError(str(error)) from None

    def read_patient(self, patient_id: str, names: Iterable[str] = TABLES) -> History | None:
        """The history of one patient, or None when the database does not hold the patient.

        Events that were taken back are not part of it.

        Args:
            patient_id: whose.
            names: tables to read; the others stay empty.

        Raises:
            DatabaseError: the database fails, or holds what this code never wrote.
        """
        with self.snapshot() as connection:
            history = History.of({name: _of_patient(connection, name, patient_id) for name in {"patients", *names}})
        return history if len(history.patient_ids) else None

    def patients(self) -> list[str]:
        """The patients that the database holds, in order.

        Raises:
            DatabaseError: the database fails.
        """
        patient_id = DATABASE_TABLES["patients"].c.patient_id
        with self.snapshot() as connection:
            return list(connection.scalars(select(patient_id).order_by(patient_id)))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def add(connection: Connection, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Add rows by table name within a writer's transaction, patients first; absent columns become null.

    For what a service writes as it happens. A patient who is there stays as he is; an event id that is there is an
    error, which the transaction reports.
    """
    for name, some in rows.items():
        if TABLES[name].is_event():
            insert(connection, DATABASE_TABLES[name], some)
        else:
            # In order, so that of two writers neither waits for a patient whom the other is about to add.
            in_turn = sorted(some, key=lambda row: row["patient_id"])
            insert(connection, DATABASE_TABLES[name], in_turn, unless_there=True)


def rows_of(connection: Connection, name: str, patient_id: str) -> list[dict[str, Any]]:
    """The rows that a table holds of one patient, in order."""
    found: list[dict[str, Any]] = _of_patient(connection, name, patient_id).to_pylist()
    return found


def _of_patient(connection: Connection, name: str, patient_id: str) -> pa.Table:
    table = DATABASE_TABLES[name]
    statement = select(table).where(table.c.patient_id == patient_id).order_by(*in_order(table))
    if TABLES[name].is_event():
        statement = statement.where(not_retracted(table))
    with fetching(name):
        rows = connection.execute(statement).all()
    return arrow_table(name, rows)


def _require_storable(history: History) -> None:
    for name in history:
        rows = history[name]
        if pc.count_distinct(rows[key(TABLES[name])]).as_py() < rows.num_rows:
            raise DatabaseError(f"table {name}: an id stands twice; nothing was written")
        for column in rows.schema:
            # SQLite would make null of it, and missing is null already.
            if pa.types.is_floating(column.type) and pc.any(pc.is_nan(rows[column.name])).as_py():
                raise DatabaseError(f"table {name}: {column.name} is not a number; nothing was written")


def _plain(name: str, chunk: pa.RecordBatch) -> list[dict[str, Any]]:
    try:
        return chunk.to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError):
        raise DatabaseError(f"table {name}: a time is outside the years 1 to 9999; nothing was written") from None


def _write_rows(connection: Connection, name: str, rows: list[dict[str, Any]], written: Written) -> None:
    new = _insert(connection, name, rows)
    known = [row for row in rows if row[key(TABLES[name])] not in new]
    changed = _changed(connection, name, known) if known else []
    if changed and TABLES[name].is_event():
        raise DatabaseError(
            f"table {name}: {len(changed)} event ids or more are there with other content; nothing was written"
        )
    if changed:
        _replace_patients(connection, changed)
    for counter, count in (
        (written.new, len(new)),
        (written.replaced, len(changed)),
        (written.unchanged, len(known) - len(changed)),
    ):
        if count:
            counter[name] += count


def _insert(connection: Connection, name: str, rows: list[dict[str, Any]]) -> set[str]:
    """Insert what is not there, and tell its keys.

    The database decides what is there, not a look before: of two writers of one event the second waits for the first,
    and then finds the event.
    """
    table, named = DATABASE_TABLES[name], key(TABLES[name])
    insertion = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insertion(table).on_conflict_do_nothing(index_elements=[named]).returning(table.c[named])
    return set(connection.scalars(statement, rows))


def _changed(connection: Connection, name: str, known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the known rows that differ from what is there."""
    table, named = DATABASE_TABLES[name], key(TABLES[name])
    found = connection.execute(select(table).where(table.c[named].in_([row[named] for row in known])))
    stored: Mapping[str, Row[Any]] = {row._mapping[named]: row for row in found}  # noqa: SLF001
    return [row for row in known if row[named] not in stored or tuple(row.values()) != tuple(stored[row[named]])]


def _replace_patients(connection: Connection, rows: list[dict[str, Any]]) -> None:
    table = DATABASE_TABLES["patients"]
    statement = update(table).where(table.c.patient_id == bindparam("whose"))
    connection.execute(statement, [{**row, "whose": row["patient_id"]} for row in rows])
