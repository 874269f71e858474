"""How rows go into a table: by a statement that is made once, and values made ready by the types' own rules.

SQLAlchemy makes a statement, its parameters and what it knows of the outcome anew for every row. A service that adds
the same few rows to the same few tables all day spends more on that than the database spends on keeping them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Self

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

MOST_AT_ONCE = 16
"""Rows of one statement."""


@dataclass(frozen=True)
class Insertion:
    """How rows go into one table of one kind of database.

    Attributes:
        statement: SQL as the driver takes it, with a place for each column of each row in turn.
        names: the columns, in the order of the places; one that the database counts itself is not among them.
        rules: the places whose values the database keeps in another form, and what makes that form.
    """

    statement: str
    names: tuple[str, ...]
    rules: tuple[tuple[int, Callable[[Any], Any]], ...]

    @classmethod
    def of(cls, table: Table, dialect: Dialect, *, unless_there: bool, many: int = 1) -> Self:
        """Make it for so many rows at once; `unless_there` passes over a row whose key is there."""
        columns = [column for column in table.columns if column is not table.autoincrement_column]
        names = tuple(column.name for column in columns)
        insertion = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        # Inline: nobody asks for the number that the database counts.
        statement = insertion(table).inline().values([dict.fromkeys(names)] * many)
        if unless_there:
            statement = statement.on_conflict_do_nothing(index_elements=list(table.primary_key))
        rules = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
        known = tuple((place, rule) for place, rule in enumerate(rules) if rule is not None)
        return cls(driver_sql(statement, dialect), names, known)

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """A row as the driver takes it; an absent column is null."""
        values = list(map(row.get, self.names))
        for place, rule in self.rules:
            values[place] = rule(values[place])
        return tuple(values)


@lru_cache(maxsize=256)
def driver_sql(statement: ClauseElement, dialect: Dialect) -> str:
    """A statement as a driver takes it, with a place for each parameter in the order in which they stand in the text.

    It is made once for each statement object, so give one that lives as long as its module.
    """
    compiled = statement.compile(dialect=dialect)
    return str(compiled) if dialect.positional else str(compiled) % dict.fromkeys(compiled.params, "%s")


def insert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, unless_there: bool = False
) -> None:
    """Add rows to a table within a transaction of the caller; absent columns become null.

    Args:
        connection: of the transaction.
        table: where to; a default that Python would compute is not asked for.
        rows: values by column; what names no column of the table is passed over.
        unless_there: pass over a row whose key is there, instead of failing.

    Raises:
        sqlalchemy.exc.DBAPIError: the database refuses a row, or fails; `told_plainly` says it in a sentence.
        InstantError: a time has no time zone.
        TypeError: a value is not of its column's type.
    """
    dialect = connection.dialect
    if dialect.name == "postgresql":
        # A server spares what each statement costs it; SQLite takes rows one by one at no more than together.
        for block in _blocks(rows):
            made = _made(table, dialect, unless_there, len(block))
            connection.exec_driver_sql(made.statement, tuple(chain.from_iterable(map(made.values, block))))
    elif rows:
        made = _made(table, dialect, unless_there, 1)
        connection.exec_driver_sql(made.statement, [made.values(row) for row in rows])


def _blocks(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Rows in blocks of few sizes, powers of two, so that few statements are made."""
    start = 0
    while start < len(rows):
        size = min(1 << (len(rows) - start).bit_length() - 1, MOST_AT_ONCE)
        yield rows[start : start + size]
        start += size


@lru_cache(maxsize=512)
def _made(table: Table, dialect: Dialect, unless_there: bool, many: int) -> Insertion:  # noqa: FBT001 - a cache's key
    return Insertion.of(table, dialect, unless_there=unless_there, many=many)
