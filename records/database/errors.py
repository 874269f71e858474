"""What went wrong with a database, in sentences without a password, an identifier or a value of a patient."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from records.database.tables import CHECKS

_RETRY_STATES = ("40001", "40P01", "55P03")
"""PostgreSQL's codes for serialization failure, deadlock and lock not available (manual, appendix A)."""


class DatabaseError(ValueError):
    """A database cannot be used as asked: the message holds no password and nothing of a patient."""


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn a driver's error into a `DatabaseError`.

    The driver's own text is left behind, because both PostgreSQL and SQLite quote the row they refuse.
    """
    try:
        yield
    except DBAPIError as error:
        raise DatabaseError(sentence(error)) from None


def sentence(error: DBAPIError) -> str:
    """What a driver's error says, without the values that it quotes."""
    if isinstance(error, IntegrityError):
        return _refusal(error)
    if _may_pass(error):
        return "another writer holds the database; nothing was written, try again"
    if isinstance(error, DataError):
        return "the database cannot hold one of the values; nothing was written"
    return "the database does not answer, or is not as this code left it; nothing was written"


def _refusal(error: IntegrityError) -> str:
    told = _constraint(error)
    for name, says in CHECKS.items():
        if name in told.split():
            return f"{says}; nothing was written"
    if "FOREIGN" in told or told.startswith("fk_"):
        return "an event belongs to a patient whom the database does not hold; nothing was written"
    return "the database refuses the rows; nothing was written"


def _constraint(error: IntegrityError) -> str:
    """PostgreSQL names the constraint apart; SQLite ends its sentence with the name, and quotes no value."""
    diagnosis = getattr(error.orig, "diag", None)
    return str(diagnosis.constraint_name if diagnosis is not None else error.orig)


def _may_pass(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _RETRY_STATES or "database is locked" in str(error.orig)
