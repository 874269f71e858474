"""How to reach a database: the URLs understood, the settings of each kind, and URLs without their secrets."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError

from records.database.errors import DatabaseError

BUSY_MILLISECONDS = 10_000
"""How long a writer of SQLite waits for another one."""

BUSY_PAUSE_SECONDS = 0.01
"""How long it waits before it tries again to set a file to WAL."""

CONNECT_SECONDS = 10
"""How long a PostgreSQL server may take to answer."""

_SECRETS = ("password", "sslpassword", "passfile", "sslkey")


def engine(url: str, *, read_only: bool = False, foreign_keys: bool = True) -> Engine:
    """An SQLAlchemy engine for `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`.

    Every PostgreSQL session is in UTC. A SQLite file that may be written is set to WAL, so that readers and one
    writer do not wait for each other. An engine's own errors never show the parameters of a statement.

    Args:
        url: where the database is.
        read_only: refuse to change anything, and leave a SQLite file's settings as they are.
        foreign_keys: whether SQLite enforces them; migrations that rebuild a table must not.

    Raises:
        DatabaseError: the URL cannot be read or names a kind of database that is not supported.
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, read_only=read_only, foreign_keys=foreign_keys)
    return _postgresql(parsed, read_only=read_only)


def parse(url: str) -> URL:
    """Read a URL; `postgres://` and `postgresql://` mean the driver psycopg.

    Raises:
        DatabaseError: the URL cannot be read or names a kind of database that is not supported.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseError(
            "the database URL cannot be read; give sqlite:///PATH or postgresql://USER@HOST/DATABASE"
        ) from None
    kind = parsed.drivername.partition("+")[0]
    if kind in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+psycopg")
    if kind == "sqlite":
        return _of_file(parsed).set(drivername="sqlite+pysqlite")
    raise DatabaseError(f"{kind} is not a kind of database that is supported; give sqlite:/// or postgresql://")


def masked(url: str) -> str:
    """A URL to show to people: the password, wherever it stands, is three asterisks."""
    parsed = parse(url)
    query = {name: "***" if name in _SECRETS else value for name, value in parsed.query.items()}
    shown = parsed.set(drivername=parsed.get_backend_name(), query=query)
    return shown.render_as_string(hide_password=True)


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database; None for a database on a server."""
    parsed = parse(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def _of_file(url: URL) -> URL:
    name = url.database or ""
    if name in {"", ":memory:"} or name.startswith("file:"):
        # In memory every connection has a database of its own: one would migrate it, and another find it empty.
        raise DatabaseError("a SQLite database is a file; give sqlite:///PATH")
    return url


def require_reachable(reached: Engine, url: str) -> None:
    """Connect once.

    Raises:
        DatabaseError: nothing answers there, or it does not let this user in.
    """
    try:
        with reached.connect():
            pass
    except DBAPIError as error:
        raise DatabaseError(f"{masked(url)} cannot be reached: {_reason(error, url)}") from None


@contextmanager
def writing(opened: Engine, lock: int | None = None) -> Iterator[Connection]:
    """A transaction that writes.

    On SQLite it waits for all others that write before it begins, and its statements wait for none: a reader that turns
    writer may have to give up.

    Args:
        opened: the database.
        lock: on PostgreSQL, the advisory lock under which no other one may be under way.

    Raises:
        sqlalchemy.exc.DBAPIError: it cannot begin or commit.
    """
    with opened.connect() as reached:
        connection = reached.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        with connection.begin():
            if lock is not None and opened.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(lock)))
            yield connection


def _reason(error: DBAPIError, url: str) -> str:
    """The driver's first line; at this point it knows of no patient, and its secrets are masked."""
    first = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
    parsed = parse(url)
    hidden = [parsed.password, *(parsed.query.get(name) for name in _SECRETS)]
    for secret in hidden:
        first = first.replace(str(secret), "***") if secret else first
    return first


def _sqlite(url: URL, *, read_only: bool, foreign_keys: bool) -> Engine:
    made = create_engine(url, hide_parameters=True)
    pragmas = [f"busy_timeout = {BUSY_MILLISECONDS}", f"foreign_keys = {'ON' if foreign_keys else 'OFF'}"]
    if read_only:
        pragmas.append("query_only = ON")

    @event.listens_for(made, "connect")
    def set_up(connection: SQLiteConnection, _record: object) -> None:
        # Python's driver would otherwise begin and commit behind our back, and not at all before a SELECT or a DDL.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        if not read_only:
            _set_wal(connection)

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return made


def _set_wal(connection: SQLiteConnection) -> None:
    """Set a file to WAL, waiting for others who do so too: SQLite's own busy timeout does not cover that switch."""
    deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(BUSY_PAUSE_SECONDS)
        else:
            return


def _postgresql(url: URL, *, read_only: bool) -> Engine:
    settings: dict[str, Any] = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    options = {"postgresql_readonly": True} if read_only else {}
    made = create_engine(
        url, hide_parameters=True, pool_pre_ping=True, connect_args=settings, execution_options=options
    )

    @event.listens_for(made, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()

    return made
