"""Plain rows are checked as tables are: the same used, the same set aside for the same reasons, the same notices."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from records.check import check
from records.check_rows import check_rows
from records.history import raw_table
from records.schema import TABLES, Column
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
NAMES = [name for name in TABLES if name != "messages"]
"""Messages have a column `reason` of their own, beside which that of `check` cannot be read by its name."""


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
    """Rows of some tables: mostly good ones, some with odd values, of known patients and of others."""
    found = {}
    for name in draw(st.sets(st.sampled_from(NAMES), min_size=1)):
        several = []
        for _ in range(draw(st.integers(0, 4))):
            row = {column: draw(values(rule)) for column, rule in TABLES[name].columns().items()}
            row["patient_id"] = draw(st.sampled_from(["a", "b", "ä", None]))
            if "event_id" in row:
                row |= {
                    "event_id": draw(st.sampled_from(["1", "2", "é", "z"])),
                    "event_time": draw(st.sampled_from(TIMES)),
                }
            for column in draw(st.sets(st.sampled_from([*row]), max_size=2)):
                row[column] = draw(st.none() | odd_values(TABLES[name].columns()[column]))
            several.append(row)
        found[name] = several
    return found


GOOD = {"patients": [patient(birth_date=date(1971, 5, 17))], "visits": [event("visits", "2020-01-01")] * 2}


@given(rows(), st.sampled_from([None, MOMENT]))
@example(GOOD, MOMENT)
@example({"patients": [patient()], "procedures": [event("procedures", "2020-01-01", code=" sde02 ")]}, None)
def test_both_ways_come_to_the_same(given_rows: dict[str, list[dict[str, Any]]], moment: datetime | None) -> None:
    tables = {name: raw_table(name, several) for name, several in given_rows.items()}
    expected, found = check(tables, moment), check_rows(given_rows, moment)
    for name in TABLES:
        assert repr(found.history[name].to_pylist()) == repr(expected.history[name].to_pylist())
        assert found.history[name].schema == expected.history[name].schema
    assert found.set_aside.keys() == expected.set_aside.keys()
    for name, aside in expected.set_aside.items():
        assert repr(found.set_aside[name].to_pylist()) == repr(aside.to_pylist())
    assert dict(found.notices) == dict(expected.notices)
    assert found.counts() == expected.counts()


def test_an_absent_column_is_missing() -> None:
    found = check_rows({"patients": [{"patient_id": "a", "sex": "female", "special_needs": False}]})
    assert found.counts() == {("patients", "non_disclosure is missing"): 1}
    good = check_rows(
        {"patients": [{"patient_id": "a", "sex": "female", "special_needs": False, "non_disclosure": True}]}
    )
    assert good.history["patients"]["birth_date"].to_pylist() == [None]
