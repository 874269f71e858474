"""The timeline: every known event is drawn once, in its month, and stands in the table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.history import History
from serving.pages.timeline import LANES, MOST_RADIUS, timeline

AS_OF = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LANE = st.sampled_from(LANES)
AGE = st.timedeltas(timedelta(seconds=1), timedelta(days=365 * 30))


def row(number: int, lane: str, at: datetime) -> tuple[str, dict[str, object]]:
    common = {"patient_id": "x", "event_id": str(number), "event_time": at, "recorded_at": at, "source": "test"}
    booked = {"appointment_id": "a", "starts_at": at, "profession": "dentist"}
    visit = {"minutes": 30, "profession": "dentist", "mode": "office", "producer": "own"}
    by_lane: dict[str, tuple[str, dict[str, object]]] = {
        "urgent": ("visits", visit | {"urgency": "emergency"}),
        "visits": ("visits", visit | {"urgency": "routine"}),
        "procedures": ("procedures", {"code": "SAA01", "code_system": "thl"}),
        "diagnoses": ("diagnoses", {"code": "K021"}),
        "findings": ("findings", {"kind": "cpi", "value": 2}),
        "missed": ("appointments", booked | {"state": "no_show"}),
        "kept": ("appointments", booked | {"state": "fulfilled"}),
    }  # fmt: skip
    table, more = by_lane[lane]
    return table, common | more


def history(events: list[tuple[str, datetime]]) -> History:
    person = {"patient_id": "x", "sex": "female", "special_needs": False, "non_disclosure": False}
    rows: dict[str, list[dict[str, object]]] = {"patients": [person]}
    for number, (lane, at) in enumerate(events):
        table, made = row(number, lane, at)
        rows.setdefault(table, []).append(made)
    return History.from_rows(rows)


@given(st.lists(st.tuples(LANE, AGE), min_size=1, max_size=40))
def test_every_event_is_drawn_or_counted_as_older_and_stands_in_the_table(ages: list[tuple[str, timedelta]]) -> None:
    found = timeline(history([(lane, AS_OF - age) for lane, age in ages]), AS_OF)
    if found is None:
        assert all(age > timedelta(days=9 * 365) for _, age in ages)
        return
    assert found.count + found.older == len(ages)
    assert sum(mark.count for marks in found.marks.values() for mark in marks) == found.count
    assert sum(sum(counts.values()) for _, counts in found.table) == found.count
    for marks in found.marks.values():
        assert all(0 <= mark.x <= 100 and 0 < mark.radius <= MOST_RADIUS for mark in marks)
        assert [mark.x for mark in marks] == sorted(mark.x for mark in marks)
    assert 1 <= len(found.years) <= 4
    assert [lane for lane in LANES if lane in found.marks] == list(found.marks)


def test_what_was_not_known_yet_is_not_drawn() -> None:
    assert timeline(history([("visits", AS_OF), ("visits", AS_OF + timedelta(days=1))]), AS_OF) is None


def test_an_appointment_that_was_kept_is_no_missed_one() -> None:
    assert timeline(history([("kept", AS_OF - timedelta(days=9))]), AS_OF) is None


@pytest.mark.parametrize("days", [0, 1, 400])
def test_more_in_a_month_is_a_larger_mark(days: int) -> None:
    at = AS_OF - timedelta(days=days, seconds=1)
    found = timeline(history([("visits", at)] * 1 + [("findings", at)] * 4), AS_OF)
    assert found is not None
    (one,), (four,) = found.marks["visits"], found.marks["findings"]
    assert four.radius > one.radius
    assert one.x == four.x
