"""Transactions in which alerts are read, and in which they are changed, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from records.database import connection
from records.database.errors import told_plainly

_LOCK = 0xA1E27
"""Names the advisory lock under which alerts and feedback change in a PostgreSQL database."""


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction whose every statement sees the same moment; it waits for nobody and holds up nobody.

    Raises:
        DatabaseError: the database fails.
    """
    with told_plainly(), engine.connect() as found:
        if engine.dialect.name == "postgresql":
            found.execution_options(isolation_level="REPEATABLE READ")
        with found.begin():
            yield found


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes alerts or feedback; only one is under way at a time, and each sees those before it.

    Raises:
        DatabaseError: the database fails, or another writer holds it for too long. Nothing was written.
    """
    with told_plainly(), connection.writing(engine, _LOCK) as found:
        yield found
