"""The laws of features as of a moment: who is seen, what a window holds, what missing means."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import Catalogue
from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from features.events import prepare
from features.families import Label, attribute, count, distinct, highest, last, mean, oldest, share, since, slope, total
from records.clock import instant
from records.history import History
from records.schema import APPOINTMENT_STATES, FINDINGS, MODES, PRODUCERS, PROFESSIONS, URGENCIES, VOUCHER_STATES
from tests.features.reference import reference
from tests.rows import event, history, patient

L = Label("x", "x", "x")
VISITS = count("visits", "n", L, "use", windows="m12 ever")


def value(catalogue: Catalogue, found: History, as_of: str, name: str) -> float:
    matrix = evaluate(catalogue, found, Moments.of(["a"], [instant(as_of)]))
    return float(matrix.values[0, matrix.names.index(name)])


def visits_seen(as_of: str, *visits: dict[str, Any], window: str = "ever") -> float:
    return value(Catalogue(VISITS), history(visits=list(visits)), as_of, f"n_{window}")


class TestWhatIsSeen:
    def test_an_event_before_the_moment_is_seen_also_on_the_same_day(self) -> None:
        assert visits_seen("2025-03-10T14:00", event("visits", "2025-03-10T09:00")) == 1

    def test_an_event_at_the_moment_is_not_seen(self) -> None:
        assert visits_seen("2025-03-10T14:00", event("visits", "2025-03-10T14:00")) == 0

    def test_an_event_recorded_at_or_after_the_moment_is_not_seen(self) -> None:
        assert visits_seen("2025-03-10T14:00", event("visits", "2025-01-01T09:00", known="2025-03-10T14:00")) == 0
        assert visits_seen("2025-03-10T14:00", event("visits", "2025-01-01T09:00", known="2025-03-10T13:59")) == 1

    def test_what_is_known_to_the_day_is_seen_from_the_next_day_on(self) -> None:
        dated = event("visits", "2025-03-10")
        assert visits_seen("2025-03-10T23:59", dated) == 0
        assert visits_seen("2025-03-11T00:00", dated) == 1

    def test_another_patients_events_are_never_seen(self) -> None:
        found = history(patient("a"), patient("b"), visits=[event("visits", "2020-01-01", patient="b")])
        assert value(Catalogue(VISITS), found, "2025-01-01", "n_ever") == 0

    def test_a_gap_does_not_show_a_visit_that_was_recorded_later(self) -> None:
        catalogue = Catalogue(highest("visits.gap", "gap", L, "gap"))
        visits = [
            event("visits", "2025-01-01"),
            event("visits", "2025-01-31", known="2025-06-01"),
            event("visits", "2025-03-02"),
        ]
        assert value(catalogue, history(visits=visits), "2025-05-01T12:00", "gap") == 60
        assert value(catalogue, history(visits=visits), "2025-07-01T12:00", "gap") == 30


class TestWindows:
    def test_a_window_of_365_days_holds_the_365th_day_before_and_no_more(self) -> None:
        assert visits_seen("2025-03-10T08:00", event("visits", "2024-03-10T09:00"), window="m12") == 1
        assert visits_seen("2025-03-10T08:00", event("visits", "2024-03-09T23:59"), window="m12") == 0

    def test_the_day_is_the_helsinki_day(self) -> None:
        # 22:30 UTC on 9 March is 00:30 on 10 March in Helsinki.
        assert visits_seen("2025-03-10T08:00", event("visits", "2024-03-09T22:30+00:00"), window="m12") == 1
        assert visits_seen("2025-03-10T08:00", event("visits", "2024-03-09T21:30+00:00"), window="m12") == 0

    def test_days_are_calendar_days_across_clock_changes(self) -> None:
        catalogue = Catalogue(since("visits", "since", L, "gap"))
        found = history(visits=[event("visits", "2025-03-29T23:30")])
        assert value(catalogue, found, "2025-03-31T00:30", "since") == 2


class TestMissing:
    catalogue = Catalogue(
        VISITS,
        total("visits.minutes", "minutes", L, "use"),
        distinct("visits.unit", "units", L, "use"),
        since("visits", "since", L, "gap"),
        oldest("visits", "oldest", L, "gap"),
        last("findings.value", "last", L, "caries"),
        highest("findings.value", "highest", L, "caries"),
        mean("visits.gap", "mean", L, "gap"),
        slope("findings.value", "slope", L, "caries"),
        share(VISITS, VISITS, "share", L, "use"),
    )

    def test_nothing_recorded_is_zero_for_counts_and_missing_for_the_rest(self) -> None:
        matrix = evaluate(self.catalogue, history(), Moments.of(["a"], [instant("2025-01-01")]))
        found = dict(zip(matrix.names, matrix.values[0].tolist(), strict=True))
        assert {name for name, number in found.items() if number == 0} == {"n_m12", "n_ever", "minutes", "units"}
        assert all(math.isnan(number) for number in found.values() if number != 0)

    def test_no_event_in_the_window_is_zero_although_there_are_older_ones(self) -> None:
        assert visits_seen("2025-01-01", event("visits", "2020-01-01"), window="m12") == 0

    def test_unknown_minutes_add_nothing(self) -> None:
        found = history(visits=[event("visits", "2024-01-01", minutes=None), event("visits", "2024-02-01", minutes=20)])
        assert value(self.catalogue, found, "2025-01-01", "minutes") == 20

    def test_a_slope_needs_two_days(self) -> None:
        one = [event("findings", "2024-01-01", value=value) for value in (3, 4)]
        assert math.isnan(value(self.catalogue, history(findings=one), "2025-01-01T12:00", "slope"))
        two = [event("findings", "2023-01-01", value=3), event("findings", "2024-01-01", value=5)]
        assert value(self.catalogue, history(findings=two), "2025-01-01T12:00", "slope") == 2.0


class TestTies:
    def test_the_last_of_values_at_the_same_time_is_the_one_with_the_highest_event_id(self) -> None:
        catalogue = Catalogue(last("findings.value", "last", L, "caries"))
        rows = [event("findings", "2024-01-01", event_id=key, value=value) for key, value in (("2", 7), ("1", 3))]
        assert value(catalogue, history(findings=rows), "2025-01-01", "last") == 7


def test_an_unknown_patient_is_refused_without_naming_anyone() -> None:
    with pytest.raises(ValueError, match="1 of 1 moments ask about a patient that the history does not hold"):
        evaluate(DENTAL, history(), Moments.of(["nobody"], [instant("2025-01-01")]))


def test_no_moments_have_no_rows() -> None:
    assert evaluate(DENTAL, history(), Moments.of([], [])).values.shape == (0, len(DENTAL))


def test_a_filter_can_be_on_a_number() -> None:
    catalogue = Catalogue(count("visits", "half_hours", L, "use", where={"minutes": 30}))
    found = history(
        visits=[event("visits", f"2024-01-0{at + 1}", minutes=minutes) for at, minutes in enumerate((30, 45, None, 30))]
    )
    assert value(catalogue, found, "2025-01-01", "half_hours") == 2


def test_attributes_and_ages_are_of_the_patient() -> None:
    catalogue = Catalogue(attribute("patients.special_needs", "special", L, "x"), *DENTAL.families[:1])
    found = history(patient(special_needs=True))
    assert value(catalogue, found, "2025-02-28T12:00", "special") == 1
    assert value(catalogue, found, "2025-02-28T12:00", "age") == 44
    assert value(catalogue, found, "2025-03-01T12:00", "age") == 45
    assert math.isnan(value(catalogue, history(patient(birth_date=None)), "2025-03-01", "age"))


# Days around clock changes, a leap day, a new year; minutes around midnight; recorded at once, late, or much later.
moments = st.builds(
    lambda day, minutes: instant(day) + timedelta(minutes=minutes),
    st.sampled_from(["2023-12-31", "2024-02-29", "2024-03-30", "2024-03-31", "2024-10-26", "2024-10-27", "2024-12-31"]),
    st.integers(-2000, 2000),
)
delays = st.sampled_from([timedelta(0), timedelta(minutes=1), timedelta(days=40), timedelta(days=300)])
OPTIONS: dict[str, dict[str, list[Any]]] = {
    "visits": {
        "minutes": [None, 0, 30, 45],
        "mode": list(MODES),
        "producer": list(PRODUCERS),
        "profession": list(PROFESSIONS),
        "urgency": list(URGENCIES),
        "unit": [None, "A", "B"],
    },
    "contacts": {"urgency": list(URGENCIES)},
    "appointments": {"state": list(APPOINTMENT_STATES)},
    "procedures": {
        "code": ["SAA01", "SFA10", "SFA20", "SGB10", "SDA03", "WYA01", "WYA02", "VALMI", "EBA00"],
        "tooth": [None, 11, 36],
        "surfaces": [None, "O", "MOD"],
    },
    "diagnoses": {"code": ["K021", "K0531", "K045", "E119", "Z720", "S0251"], "tooth": [None, 36]},
    "findings": {"kind": list(FINDINGS), "value": [0, 1, 4, 17]},
    "answers": {"question": ["pain", "fear", "unheard_of"], "value": [0.0, 1.0, 2.5]},
    "vouchers": {"state": list(VOUCHER_STATES)},
}


@st.composite
def events(draw: st.DrawFn, table: str) -> dict[str, Any]:
    when = draw(moments)
    chosen = {column: draw(st.sampled_from(values)) for column, values in OPTIONS[table].items()}
    made = event(
        table, "2020-01-01", patient=draw(st.sampled_from("ab")), event_id=draw(st.text("0123", min_size=6, max_size=9))
    )
    return made | chosen | {"event_time": when, "recorded_at": when + draw(delays)}


@st.composite
def histories(draw: st.DrawFn) -> History:
    born = st.sampled_from([None, *(instant(text).date() for text in ("1950-02-28", "1992-02-29", "2020-12-31"))])
    people = [patient(name, birth_date=draw(born), special_needs=draw(st.booleans())) for name in "ab"]
    return history(*people, **{table: draw(st.lists(events(table), max_size=8)) for table in OPTIONS})


def same(left: Any, right: Any) -> bool:
    return np.array_equal(np.asarray(left).view(np.int64), np.asarray(right).view(np.int64))


def bits(values: Any) -> Any:
    """Values with one kind of NaN, so that equal means equal bits."""
    array = np.asarray(values, np.float64)
    return np.where(np.isnan(array), np.nan, array)


@given(histories(), st.lists(moments, min_size=1, max_size=3))
def test_the_evaluator_says_what_the_reference_says_to_the_last_bit(found: History, as_of: list[datetime]) -> None:
    asked = [(name, moment) for name in "ba" for moment in as_of]
    matrix = evaluate(DENTAL, found, Moments.of([name for name, _ in asked], [moment for _, moment in asked]))
    for row, (name, moment) in zip(matrix.values, asked, strict=True):
        assert same(bits(row), bits(reference(DENTAL, found, name, moment)))


@given(histories(), moments)
def test_one_patient_alone_has_the_bits_of_the_batch(found: History, as_of: datetime) -> None:
    batch = evaluate(DENTAL, found, Moments.of(["a", "b"], [as_of, as_of])).values
    alone = History.of({name: rows.filter(pc.equal(rows["patient_id"], "b")) for name, rows in found.tables.items()})
    assert same(bits(evaluate(DENTAL, prepare(DENTAL, alone), Moments.of(["b"], [as_of])).values[0]), bits(batch[1]))


@given(histories(), moments, st.randoms(use_true_random=False))
def test_nothing_at_or_after_the_moment_or_recorded_then_changes_a_value(
    found: History, as_of: datetime, random: Any
) -> None:
    changed = {"patients": found["patients"].to_pylist()}
    for table, options in OPTIONS.items():
        rows = found[table].to_pylist()
        known = [row for row in rows if row["event_time"] < as_of and row["recorded_at"] < as_of]
        later = [{**row, **{column: random.choice(values) for column, values in options.items()}}
                 for row in rows if row not in known and random.random() < 0.7]  # fmt: skip
        changed[table] = known + later
    before = evaluate(DENTAL, found, Moments.of(["a"], [as_of])).values
    after = evaluate(DENTAL, History.from_rows(changed), Moments.of(["a"], [as_of])).values
    assert same(bits(before), bits(after))
