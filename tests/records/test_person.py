"""One person's history in plain Python is the same history."""

from __future__ import annotations

import pytest
from hypothesis import given

from records.history import History
from records.person import Person
from tests.features.histories import Population, populations
from tests.rows import event, history, patient


@given(populations(1))
def test_a_person_as_tables_is_the_history_that_it_came_from(asked: Population) -> None:
    again = Person.of(asked.history).history
    assert all(again[name].equals(asked.history[name]) for name in asked.history)


def test_times_are_microseconds_and_columns_that_nobody_gave_are_null() -> None:
    person = Person.of(history(patient(), visits=[event("visits", "1970-01-01T00:00:00.000007+00:00")]))
    assert person["visits"].happened.tolist() == [7]
    assert person["visits"]["unit"] == [None]
    assert person["visits"]["no such column"] == [None]
    assert len(person["findings"]) == 0


def test_a_person_is_one_patient() -> None:
    with pytest.raises(ValueError, match="the history holds 0"):
        Person.of(History.of({}))
