"""Bad rows are kept aside with their reason and counted: never used, never lost."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.check import check
from records.clock import instant
from records.history import raw_table
from tests.rows import event, patient

MOMENT = instant("2026-01-01T09:00")


def checked(patients: list[dict[str, Any]] | None = None, **events: list[dict[str, Any]]) -> Any:
    tables = {"patients": [patient()] if patients is None else patients, **events}
    return check({name: raw_table(name, rows) for name, rows in tables.items()}, MOMENT)


@pytest.mark.parametrize(
    ("table", "row", "reason"),
    [
        ("visits", event("visits", "2026-03-01T10:00"), "it happened at or after the moment"),
        ("visits", event("visits", "2026-01-01T09:00"), "it happened at or after the moment"),
        ("visits", event("visits", "2025-12-01T10:00", known="2026-01-02"), "it was recorded at or after the moment"),
        ("visits", event("visits", "2020-01-01T10:00", minutes=-30), "minutes is below 0"),
        ("visits", event("visits", "2020-01-01T10:00", minutes=5000), "minutes is above 1440"),
        ("visits", event("visits", "2020-01-01T10:00", profession="barber"), "profession is not an allowed value"),
        ("visits", event("visits", "1979-01-01T10:00"), "it happened before the patient was born"),
        ("visits", event("visits", "2020-01-01T10:00", patient="nobody"), "the patient is unknown"),
        ("visits", event("visits", "2020-01-01T10:00", event_id=None), "event_id is missing"),
        ("procedures", event("procedures", "2020-01-01T10:00", tooth=3), "tooth is below 11"),
        ("findings", event("findings", "2020-01-01T10:00", value=None), "value is missing"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason(table: str, row: dict[str, Any], reason: str) -> None:
    good = event(table, "2019-05-05T10:00")
    found = checked(**{table: [row, good]})
    assert found.counts() == {(table, reason): 1}
    assert found.history[table]["event_id"].to_pylist() == [good["event_id"]]
    assert found.set_aside[table]["event_id"].to_pylist() == [row["event_id"]]


def test_of_rows_with_the_same_event_id_the_first_usable_one_is_kept() -> None:
    bad = event("visits", "2020-01-01T10:00", event_id="v", minutes=-1)
    first = event("visits", "2020-01-02T10:00", event_id="v", minutes=20)
    again = event("visits", "2020-01-03T10:00", event_id="v", minutes=40)
    found = checked(visits=[bad, first, again])
    assert found.history["visits"]["minutes"].to_pylist() == [20]
    assert found.counts() == {("visits", "minutes is below 0"): 1, ("visits", "duplicate event id"): 1}


def test_a_patient_given_twice_is_kept_once() -> None:
    found = checked(patients=[patient(), patient(birth_date=date(1990, 1, 1))])
    assert found.counts() == {("patients", "duplicate patient id"): 1}
    assert found.history["patients"]["birth_date"].to_pylist() == [date(1980, 2, 29)]


def test_unknown_codes_are_used_as_other_and_counted() -> None:
    codes = ["SFA10", "VALMI", "-1", "VALMI"]
    rows = [event("procedures", f"2020-01-0{at + 1}T10:00", code=code) for at, code in enumerate(codes)]
    found = checked(procedures=rows)
    assert found.history["procedures"].num_rows == 4
    assert found.notices == {("procedures", "unknown code, counted in the group other"): 3}


def test_reasons_never_hold_a_value() -> None:
    found = checked(visits=[event("visits", "2020-01-01T10:00", profession="SECRET", patient="SECRET")])
    assert "SECRET" not in "".join(reason for _, reason in found.counts())


def test_a_patient_without_a_date_of_birth_can_be_used() -> None:
    found = checked(patients=[patient(birth_date=None)], visits=[event("visits", "2020-01-01T10:00")])
    assert found.counts() == {}
    assert found.history["visits"].num_rows == 1


times = st.sampled_from(["1975-01-01T10:00", "2020-01-01T10:00", "2025-12-31", "2027-01-01T10:00"])


@given(st.lists(st.builds(
    lambda when, minutes, name, key: event("visits", when, minutes=minutes, patient=name, event_id=key),
    times, st.sampled_from([None, -1, 30, 9999]), st.sampled_from("ab"), st.sampled_from(["1", "2", "3", None]),
)))  # fmt: skip
def test_every_row_is_either_used_or_set_aside(rows: list[dict[str, Any]]) -> None:
    found = checked(visits=rows)
    aside = found.set_aside["visits"].num_rows if "visits" in found.set_aside else 0
    assert found.history["visits"].num_rows + aside == len(rows)


def test_codes_are_written_as_the_schema_writes_them() -> None:
    found = checked(
        diagnoses=[event("diagnoses", "2020-01-01T10:00", code=" k02.1")],
        procedures=[event("procedures", "2020-01-01T10:00", code="sfa10")],
    )
    assert found.history["diagnoses"]["code"].to_pylist() == ["K021"]
    assert found.history["procedures"]["code"].to_pylist() == ["SFA10"]
    assert found.notices == {}


def test_codes_used_outside_their_validity_are_used_and_counted() -> None:
    used = [
        ("SDE03", "2016-12-31T10:00"),
        ("SDE03", "2017-01-01T10:00"),
        ("SAB03", "2016-06-01T10:00"),
        ("SFA10", "1999-01-01"),
    ]
    found = checked(procedures=[event("procedures", when, code=code) for code, when in used])
    assert found.history["procedures"].num_rows == 4
    assert found.notices == {("procedures", "code used outside the dates of its validity"): 2}


def test_a_table_without_a_column_that_may_be_null_is_checked_all_the_same() -> None:
    rows = raw_table("visits", [event("visits", "2020-01-01T10:00")]).drop_columns(["minutes"])
    found = check({"patients": raw_table("patients", [patient()]), "visits": rows})
    assert found.counts() == {}
    assert found.history["visits"]["minutes"].to_pylist() == [None]
