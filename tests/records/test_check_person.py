"""One person is checked as tables are: the same used, the same set aside for the same reasons, the same notices."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from records.check import check
from records.check_person import check_person
from records.history import raw_table
from records.person import Person
from records.schema import EVENTS, TABLES, Column
from tests.records.database.histories import values
from tests.rows import event, patient

MOMENT = datetime(2026, 11, 22, 8, tzinfo=UTC)
TEXTS = ["", "a", "b", "SFA20", " sfa20\t", "K02.1", "k021", "D0120", "ß", "ŉ.1", "\x1cX\x85", "å", "SDE02", "SHD01"]
TIMES = [
    MOMENT,
    MOMENT - timedelta(microseconds=1),
    datetime(1971, 5, 16, 22, 59, tzinfo=UTC),
    datetime(1971, 5, 16, 21, 59, tzinfo=UTC),
    datetime(2016, 12, 31, 21, 59, 59, tzinfo=UTC),
    datetime(2016, 12, 31, 22, tzinfo=UTC),
    datetime(1850, 1, 1, tzinfo=UTC),
    datetime(2150, 7, 1, tzinfo=UTC),
]


def odd_values(column: Column) -> st.SearchStrategy[Any]:
    """Values of the column's type that the schema may or may not allow."""
    if pa.types.is_integer(column.type):
        bits = column.type.bit_width - 1
        return st.integers(-(2**bits), 2**bits - 1) | st.integers(-1, 101)
    by_type: dict[Any, st.SearchStrategy[Any]] = {
        pa.string(): st.sampled_from([*TEXTS, *column.one_of]),
        pa.float64(): st.sampled_from([-1.0, -0.0, 0.5, 1.0, 2.0, float("inf"), float("nan")]),
    }
    return by_type.get(column.type, st.sampled_from(TIMES) if str(column.type).startswith("timestamp") else st.none())


@st.composite
def rows(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """The rows of one patient: mostly good ones, some with odd values."""
    born = draw(st.sampled_from([None, date(1971, 5, 17), date(2016, 12, 31), date(1850, 1, 1), date(2150, 7, 1)]))
    found = {"patients": [patient(birth_date=born) | draw(st.sampled_from([{}, {}, {"sex": "none"}, {"sex": None}]))]}
    for name in draw(st.sets(st.sampled_from([*EVENTS]), min_size=1)):
        several = []
        for _ in range(draw(st.integers(0, 5))):
            row = {column: draw(values(rule)) for column, rule in TABLES[name].columns().items()}
            row |= {
                "event_id": draw(st.sampled_from(["1", "2", "é", "z", "\U0010ffff", "￿"])),
                "event_time": draw(st.sampled_from(TIMES)),
            }
            for column in draw(st.sets(st.sampled_from([*row]), max_size=2)):
                row[column] = draw(st.none() | odd_values(TABLES[name].columns()[column]))
            several.append(row | {"patient_id": "a"})
        found[name] = several
    return found


GOOD = {"patients": [patient(birth_date=date(1971, 5, 17))], "visits": [event("visits", "2020-01-01")] * 2}


def reasons(aside: pa.Table) -> list[str]:
    return aside.column(aside.num_columns - 1).to_pylist()  # messages have a column of that name of their own


@given(rows(), st.sampled_from([None, MOMENT]))
@example(GOOD, MOMENT)
@example({"patients": [patient()], "procedures": [event("procedures", "2020-01-01", code=" sde02 ")]}, None)
def test_both_ways_come_to_the_same(given_rows: dict[str, list[dict[str, Any]]], moment: datetime | None) -> None:
    expected = check({name: raw_table(name, several) for name, several in given_rows.items()}, moment)
    found = check_person(Person.from_rows(given_rows), moment)
    if "patients" in expected.set_aside:
        assert [found.fault] == reasons(expected.set_aside["patients"])
        return
    assert found.fault is None
    for name in TABLES:
        assert repr(found.person.history[name].to_pylist()) == repr(expected.history[name].to_pylist())
        assert found.person.history[name].schema == expected.history[name].schema
    expected_reasons = {name: reasons(aside) for name, aside in expected.set_aside.items()}
    assert dict(found.set_aside) == Counter((name, one) for name, some in expected_reasons.items() for one in some)
    assert dict(found.notices) == dict(expected.notices)


def test_an_absent_column_is_missing() -> None:
    row = {"patient_id": "a", "sex": "female", "special_needs": False}
    assert check_person(Person.from_rows({"patients": [row]})).fault == "non_disclosure is missing"
    good = check_person(Person.from_rows({"patients": [row | {"non_disclosure": True}]}))
    assert good.fault is None
    assert good.person.history["patients"]["birth_date"].to_pylist() == [None]


def test_a_code_of_a_million_letters_is_looked_up_at_once() -> None:
    long = event("procedures", "2020-01-01", code="SFA20" + "A" * 1_000_000)
    found = check_person(Person.from_rows({"patients": [patient()], "procedures": [long]}))
    assert not found.notices


def test_a_column_that_is_absent_is_all_missing() -> None:
    """Where it may be missing nothing is said; where not, every event is set aside, as if the column were there."""
    row = {"patient_id": "a", "birth_date": None, "sex": "unknown", "special_needs": False, "non_disclosure": False}
    person = Person.from_rows({"patients": [row], "visits": [event("visits", "2025-01-01")]})
    rows = person["visits"]
    for absent in rows.values:
        less = {name: column for name, column in rows.values.items() if name != absent}
        none = {**less, absent: [None]}
        found, meant = (
            check_person(replace(person, events={"visits": replace(rows, values=values)})) for values in (less, none)
        )
        assert found.set_aside == meant.set_aside
