"""Histories of the schema at random: limits, nulls, and the hours that a change of the clock repeats or skips."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from records.history import History
from records.schema import INSTANT, TABLES, Column

CLOCK_CHANGES = (datetime(2025, 3, 30, 1, tzinfo=UTC), datetime(2025, 10, 26, 1, tzinfo=UTC))
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")

instants = st.one_of(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.builds(
        lambda change, late: change + timedelta(microseconds=late),
        st.sampled_from(CLOCK_CHANGES),
        st.one_of(st.sampled_from([-1, 0, 1]), st.integers(-7_200_000_000, 7_200_000_000)),
    ),
    st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
)
texts = st.text(LETTERS, max_size=4)
patient_ids = st.lists(st.text(LETTERS, min_size=1, max_size=3), min_size=1, max_size=3, unique=True)


def values(column: Column) -> st.SearchStrategy[Any]:
    found = st.sampled_from(column.one_of) if column.one_of else _of_type(column)
    return st.none() | found if column.nullable else found


def _of_type(column: Column) -> st.SearchStrategy[Any]:
    if pa.types.is_integer(column.type):
        bits = column.type.bit_width - 1
        least = -(2**bits) if column.at_least is None else int(column.at_least)
        return st.integers(least, 2**bits - 1 if column.at_most is None else int(column.at_most))
    return {
        pa.string(): texts,
        pa.bool_(): st.booleans(),
        pa.date32(): st.dates(date(1900, 1, 1)),
        pa.float64(): st.floats(column.at_least, column.at_most, allow_nan=False),
        INSTANT: instants,
    }[column.type]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Up to three patients with up to four events a table."""
    patients = draw(patient_ids)
    rows = {}
    for name, table in TABLES.items():
        columns = {column: values(rule) for column, rule in table.columns().items()}
        if table.is_event():
            keys = draw(st.lists(texts, max_size=4, unique=True))
            of_row = st.fixed_dictionaries(columns | {"patient_id": st.sampled_from(patients)})
            rows[name] = [draw(of_row) | {"event_id": key} for key in keys]
        else:
            rows[name] = [draw(st.fixed_dictionaries(columns)) | {"patient_id": key} for key in patients]
    return History.from_rows(rows)
