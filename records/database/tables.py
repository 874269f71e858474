"""The schema's tables as SQLAlchemy tables: made from `records.schema`, so that there is one schema and not two."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Date,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    exists,
)
from sqlalchemy.types import TypeEngine

from records import schema
from records.history import ORDER

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class InstantError(ValueError):
    """A value is no instant: it has no time zone, or is no time at all."""


class Instant(TypeDecorator[datetime]):
    """An instant, exact to the microsecond: `timestamptz` on PostgreSQL, microseconds since 1970 UTC on SQLite.

    SQLite has no type for time. A whole number sorts, compares and comes back exactly, also before 1970; text would
    do so only if every writer spelled it alike. What is read is always UTC.

    Raises:
        InstantError: a value written or read has no time zone, or is of another type.
    """

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in one kind of database."""
        kind: TypeEngine[Any] = TIMESTAMP(timezone=True) if dialect.name == "postgresql" else BigInteger()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | int | None:
        """An instant as the database keeps it."""
        if value is None:
            return None
        moment = _aware(value)
        return moment if dialect.name == "postgresql" else (moment - EPOCH) // MICROSECOND

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:
        """An instant as it was given, in UTC."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            return _aware(value)
        if not isinstance(value, int):
            raise InstantError("an instant is not a whole number of microseconds since 1970 in UTC")
        return EPOCH + value * MICROSECOND


def _aware(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise InstantError("an instant is not a date with a time of day")
    if value.tzinfo is None:
        raise InstantError("an instant has no time zone")
    return value.astimezone(UTC)


TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that every database sorts by its bytes, as Arrow does; a server's own collation would sort otherwise."""

TYPES: dict[pa.DataType, TypeEngine[Any]] = {
    pa.string(): TEXT,
    pa.bool_(): Boolean(),
    pa.date32(): Date(),
    pa.int16(): SmallInteger(),
    pa.int32(): Integer(),
    pa.int64(): BigInteger(),
    pa.float64(): Double(),
    schema.INSTANT: Instant(),
}
"""The SQLAlchemy type of each Arrow type of the schema."""

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def key(table: type[schema.Table]) -> str:
    """The column that names a row: an event's id, a patient's pseudonym."""
    return "event_id" if table.is_event() else "patient_id"


def in_order(table: Table) -> list[Column[Any]]:
    """The columns that put a table's rows in the order of a history."""
    return [table.c[name] for name in ORDER if name in table.c]


def _table(table: type[schema.Table]) -> Table:
    columns = [_column(table, name, column) for name, column in table.columns().items()]
    made = Table(table.name, METADATA, *columns, *_checks(table))
    if table.is_event():
        Index(None, *in_order(made))
    return made


def _column(table: type[schema.Table], name: str, column: schema.Column) -> Column[Any]:
    owner = [ForeignKey("patients.patient_id")] if table.is_event() and name == "patient_id" else []
    return Column(name, TYPES[column.type], *owner, primary_key=name == key(table), nullable=column.nullable)


def _checks(table: type[schema.Table]) -> Iterator[CheckConstraint]:
    for name, column in table.columns().items():
        for rule, condition, says in _rules(name, column):
            yield CheckConstraint(condition, name=f"{name}_{rule}", info={"says": f"table {table.name}: {says}"})


def _rules(name: str, column: schema.Column) -> Iterator[tuple[str, str, str]]:
    if column.one_of:
        allowed = ", ".join(f"'{value}'" for value in column.one_of)
        yield "one_of", f"{name} IN ({allowed})", f"{name} is not an allowed value"
    if column.at_least is not None:
        yield "at_least", f"{name} >= {column.at_least:g}", f"{name} is below {column.at_least:g}"
    if column.at_most is not None:
        yield "at_most", f"{name} <= {column.at_most:g}", f"{name} is above {column.at_most:g}"


DATABASE_TABLES: dict[str, Table] = {name: _table(table) for name, table in schema.TABLES.items()}
"""The SQLAlchemy table of each table of the schema, in its order: patients first, because events refer to them."""

Index(
    None, DATABASE_TABLES["vouchers"].c.voucher_id
)  # who reports care on a voucher knows the voucher, not the patient

CHECKS: dict[str, str] = {
    str(constraint.name): constraint.info["says"]
    for table in DATABASE_TABLES.values()
    for constraint in table.constraints
    if isinstance(constraint, CheckConstraint)
}
"""What each named check says when it fails; it tells the column and the limit, never the value."""

RETRACTIONS = Table(
    "retractions",
    METADATA,
    Column("table_name", TEXT, primary_key=True),
    Column("event_id", TEXT, primary_key=True),
    Column("retracted_at", Instant(), nullable=False),
)
"""One row is one event that was taken back, because it never happened as recorded. The event's own row is kept, and is
part of no history any more, as of whatever moment: every reader asks `not_retracted`."""


def not_retracted(table: Table) -> ColumnElement[bool]:
    """The condition that an event of one of the schema's tables was not taken back."""
    taken_back = RETRACTIONS.c.table_name == table.name, RETRACTIONS.c.event_id == table.c.event_id
    return ~exists().where(*taken_back)
