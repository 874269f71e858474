"""Rows are added as SQLAlchemy would add them, to the last bit, in every kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, Table, select, text

from records.database import DatabaseError, migrate
from records.database.connection import engine
from records.database.errors import told_plainly
from records.database.insertion import MOST_AT_ONCE, driver_sql, insert
from records.database.tables import DATABASE_TABLES, TEXT, Instant, InstantError
from records.history import History
from tests.records.database.histories import histories
from tests.rows import event, patient

PATIENTS, VISITS = DATABASE_TABLES["patients"], DATABASE_TABLES["visits"]
COUNTED = Table(
    "counted",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("name", TEXT),
    Column("sealed", LargeBinary),
    Column("at", Instant()),
)


@pytest.fixture
def opened(url: str) -> Iterator[Engine]:
    migrate(url)
    made = engine(url)
    COUNTED.create(made)
    yield made
    made.dispose()


def as_kept(opened: Engine, history: History, *, by_sqlalchemy: bool) -> dict[str, list[tuple[Any, ...]]]:
    """What the database itself says it holds after rows were added in one of the two ways; nothing stays."""
    with opened.connect() as connection:
        for name, table in DATABASE_TABLES.items():
            rows = history[name].to_pylist()
            if by_sqlalchemy:
                for row in rows:
                    connection.execute(table.insert(), row)
            else:
                insert(connection, table, rows)
        # Without the types: as the database keeps it, and not as SQLAlchemy reads it.
        found = {
            name: sorted(map(tuple, connection.execute(text(f"SELECT * FROM {name}"))), key=repr)  # noqa: S608
            for name in DATABASE_TABLES
        }
        connection.rollback()
    return found


@settings(max_examples=20, deadline=None, suppress_health_check=[*HealthCheck])
@given(history=histories())
def test_what_is_added_is_kept_as_sqlalchemy_would_keep_it(opened: Engine, history: History) -> None:
    assert as_kept(opened, history, by_sqlalchemy=False) == as_kept(opened, history, by_sqlalchemy=True)


@pytest.mark.parametrize("many", [0, 1, 3, MOST_AT_ONCE, 3 * MOST_AT_ONCE + 7])
def test_any_number_of_rows_is_added_in_their_order(opened: Engine, many: int) -> None:
    at = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    with opened.begin() as connection:
        insert(connection, COUNTED, [{"name": f"{n}\u00e4%", "sealed": bytes([n]), "at": at} for n in range(many)])
    with opened.connect() as connection:
        found = connection.execute(select(COUNTED).order_by(COUNTED.c.number)).all()
    assert found == [(n + 1, f"{n}\u00e4%", bytes([n]), at.astimezone(UTC)) for n in range(many)]


def test_an_absent_column_is_null_and_what_is_no_column_is_passed_over(opened: Engine) -> None:
    with opened.begin() as connection:
        insert(connection, COUNTED, [{"name": "a", "of nobody": 1}, {"sealed": b"x"}])
        assert connection.execute(select(COUNTED)).all() == [(1, "a", None, None), (2, None, b"x", None)]


def test_a_row_that_is_there_is_passed_over_only_when_that_is_asked_for(opened: Engine) -> None:
    with opened.begin() as connection:
        insert(connection, PATIENTS, [patient("a")])
        insert(connection, PATIENTS, [patient("b"), patient("a", sex="male"), patient("b")], unless_there=True)
    with pytest.raises(DatabaseError, match="the database refuses the rows"):
        added(opened, {PATIENTS: [patient("c"), patient("a")]})
    with opened.connect() as connection:
        rows = connection.execute(select(PATIENTS.c.patient_id, PATIENTS.c.sex).order_by(PATIENTS.c.patient_id)).all()
    assert rows == [("a", "female"), ("b", "female")]


def added(opened: Engine, rows: dict[Table, list[dict[str, Any]]]) -> None:
    with told_plainly(), opened.begin() as connection:
        for table, some in rows.items():
            insert(connection, table, some)


@pytest.mark.parametrize("many", [1, 2, 20])
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"minutes": 1441}, "table visits: minutes is above 1440"),
        ({"patient_id": "Zq7Stranger"}, "an event belongs to a patient whom the database does not hold"),
        ({"event_time": None}, "the database refuses the rows"),
    ],
)
def test_a_row_that_the_schema_does_not_allow_is_told_plainly(
    opened: Engine, many: int, changed: dict[str, Any], says: str
) -> None:
    rows = [event("visits", f"2020-01-{day:02}", event_id=str(day)) for day in range(1, many + 1)]
    rows[-1] |= changed
    with pytest.raises(DatabaseError, match=says) as raised:
        added(opened, {PATIENTS: [patient("a")], VISITS: rows})
    assert "Zq7Stranger" not in str(raised.value)
    with opened.connect() as connection:
        assert connection.execute(select(PATIENTS)).all() == []


def test_a_value_of_another_type_is_no_row(opened: Engine) -> None:
    naive = datetime(2020, 1, 1)  # noqa: DTZ001
    with opened.begin() as connection:
        with pytest.raises(InstantError, match="an instant has no time zone"):
            insert(connection, VISITS, [event("visits", "2020-01-01") | {"event_time": naive}])
        with pytest.raises(TypeError):
            insert(connection, PATIENTS, [patient("a") | {"special_needs": "yes"}])
        assert connection.execute(select(PATIENTS)).all() == []


def test_a_statement_is_made_once(opened: Engine) -> None:
    statement = PATIENTS.insert().values(patient_id="a", birth_date=date(2000, 1, 1))
    made = driver_sql(statement, opened.dialect)
    assert driver_sql(statement, opened.dialect) is made
    assert made.count("?" if opened.dialect.name == "sqlite" else "%s") == 2
