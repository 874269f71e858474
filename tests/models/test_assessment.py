from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from models.assessment import assess, assess_person
from models.calibration import Calibrator
from models.conformal import Conformal
from models.estimators import PointsRule
from models.intervals import Intervals
from models.need import ModelError, NeedModel, NeedTable, Uncertainty
from models.segments import read_tables
from models.sites import site_of, sites
from records.clock import instant, microseconds
from records.person import Person
from tests.rows import event, history, patient

SEGMENTS = read_tables()[-1]
NOW = instant("2026-01-01T09:00")
NEED = NeedTable(("dentist",), ((1.5,), (4.5,), (8.0,)), ((40.0,), (120.0,), (300.0,)))
MODEL = NeedModel(
    PointsRule(DENTAL.names, {"visits_m24": 1.0, "found_decayed": 1.0}, thresholds=2),
    Calibrator((1.0, 1.0), (-4.0, -6.0)),
    NEED,
    DENTAL.version,
    "2000-01-01",
)


def visits(number: int, **more: object) -> list[dict[str, object]]:
    return [event("visits", f"2025-{1 + at:02d}-01T10:00", **more) for at in range(number)]


def test_more_need_gives_a_higher_segment_a_longer_appointment_and_more_minutes() -> None:
    found = [assess(MODEL, DENTAL, SEGMENTS, history(visits=visits(number)), NOW) for number in (1, 5, 11)]
    assert [one.segment.name for one in found if one.segment] == ["light", "moderate", "heavy"]
    assert [one.first_appointment.minutes for one in found] == sorted(one.first_appointment.minutes for one in found)
    minutes = [one.minutes.total for one in found if one.minutes]
    assert minutes == sorted(minutes)


def test_visits_and_minutes_follow_from_the_probabilities() -> None:
    found = assess(MODEL, DENTAL, SEGMENTS, history(visits=visits(5)), NOW)
    assert found.probabilities
    assert found.visits
    expected = sum(share * visits[0] for share, visits in zip(found.probabilities.values(), NEED.visits, strict=True))
    assert found.visits.total == pytest.approx(expected)
    assert sum(found.probabilities.values()) == pytest.approx(1)


def test_no_history_is_no_history_and_never_light() -> None:
    for empty in (
        history(),
        history(visits=[event("visits", "2026-06-01T10:00")]),
        history(charges=[event("charges", "2020-01-01")]),
    ):
        found = assess(MODEL, DENTAL, SEGMENTS, empty, NOW)
        assert found.status == "no_history"
        assert (found.segment, found.probabilities, found.visits, found.minutes) == (None, None, None, None)
        assert found.reasons == ()
        assert found.first_appointment == SEGMENTS.without_history
        assert (found.events_seen, found.latest_event) == (0, None)


def test_only_what_was_known_is_counted_and_dated() -> None:
    rows = [*visits(2), event("visits", "2025-12-30T10:00", known="2026-01-02T10:00")]
    found = assess(MODEL, DENTAL, SEGMENTS, history(visits=rows), NOW)
    assert found.events_seen == 2
    assert found.latest_event == instant("2025-02-01T10:00")


def test_special_needs_stand_beside_the_segment() -> None:
    found = assess(MODEL, DENTAL, SEGMENTS, history(patient(special_needs=True), visits=visits(1)), NOW)
    assert found.special_needs
    assert found.segment
    assert found.segment.name == "light"


def test_reasons_speak_of_the_threshold_into_the_suggested_segment() -> None:
    found = assess(MODEL, DENTAL, SEGMENTS, history(visits=visits(11)), NOW)
    assert [reason.feature for reason in found.reasons] == ["visits_m24"]
    assert found.reasons[0].direction == "raises"


def test_a_model_for_other_features_is_refused() -> None:
    with pytest.raises(ModelError, match="the model reads features another"):
        assess(replace(MODEL, catalogue="another"), DENTAL, SEGMENTS, history(visits=visits(1)), NOW)


def test_an_assessment_is_of_one_patient() -> None:
    with pytest.raises(ValueError, match="a person is one patient; the history holds 2"):
        assess(MODEL, DENTAL, SEGMENTS, history(patient("a"), patient("b")), NOW)


def test_a_later_moment_sees_more() -> None:
    rows = history(visits=visits(3))
    early = assess(MODEL, DENTAL, SEGMENTS, rows, instant("2025-01-01T10:00") + timedelta(microseconds=1))
    assert early.events_seen == 1


SURE = replace(
    MODEL,
    uncertainty=Uncertainty(
        Conformal((0.6, 0.9, 0.7), {"strict": (1.0, 1.0, 1.0)}),
        Intervals(
            (1.0, 3.0, 5.0, 9.0), ((0.5, 1, 1, 1), (0, 0.1, 1, 1), (0, 0, 0.1, 1)), (), (0.3,), {"strict": (0.5,)}
        ),
        Intervals((20.0, 400.0), ((1, 1), (0.5, 1), (0, 1)), (), (0.4,)),
    ),
    ranges={"found_plaque": (5.0, 20.0, 35.0, 50.0, 70.0)},
)


def test_a_model_without_calibration_rows_says_neither_sets_nor_intervals() -> None:
    found = assess(MODEL, DENTAL, SEGMENTS, history(visits=visits(5)), NOW, differences=True)
    assert (found.prediction_set, found.visits_interval, found.minutes_interval, found.lighter) == (None,) * 4


def test_the_set_holds_the_suggestion_and_the_intervals_what_is_expected() -> None:
    for number in (1, 5, 11):
        found = assess(SURE, DENTAL, SEGMENTS, history(visits=visits(number)), NOW)
        assert found.prediction_set
        assert found.segment in found.prediction_set
        names = [one.name for one in found.prediction_set]
        assert names == [one.name for one in SEGMENTS.segments if one.name in names]
        for interval, expected in ((found.visits_interval, found.visits), (found.minutes_interval, found.minutes)):
            assert interval
            assert expected
            assert interval.low <= expected.total <= interval.high
            assert interval.confidence == 0.8


def test_a_site_is_assessed_by_its_own_limits() -> None:
    usual, strict = (
        assess(SURE, DENTAL, SEGMENTS, history(visits=visits(3, unit=unit)), NOW) for unit in ("usual", "strict")
    )
    assert usual.prediction_set
    assert strict.prediction_set == SEGMENTS.segments
    assert len(usual.prediction_set) < 3
    assert usual.visits_interval
    assert strict.visits_interval
    assert strict.visits_interval.high >= usual.visits_interval.high


def test_no_history_has_no_set_and_no_interval() -> None:
    found = assess(SURE, DENTAL, SEGMENTS, history(), NOW, differences=True)
    assert (found.prediction_set, found.visits_interval, found.minutes_interval, found.lighter) == (None,) * 4


def test_what_would_have_to_differ_is_said_where_it_is_asked_for() -> None:
    plaque = replace(SURE, estimator=PointsRule(DENTAL.names, {"found_plaque": 0.1}, thresholds=2))
    rows = history(findings=[event("findings", "2025-05-01T10:00", kind="plaque", value=60)])
    found = assess(plaque, DENTAL, SEGMENTS, rows, NOW, differences=True)
    assert found.segment == SEGMENTS.segments[2]
    assert found.lighter
    assert found.lighter.segment == SEGMENTS.segments[1]
    assert assess(plaque, DENTAL, SEGMENTS, rows, NOW).lighter is None


def test_a_person_is_assessed_as_a_history_of_one_patient_is() -> None:
    for rows in (history(visits=visits(3, unit="strict")), history(patient(special_needs=True)), history()):
        person = Person.of(rows)
        matrix = evaluate(DENTAL, rows, Moments.of([person.row["patient_id"]], [NOW]))
        as_history = assess(SURE, DENTAL, SEGMENTS, rows, NOW)
        assert assess_person(SURE, DENTAL, SEGMENTS, person, NOW) == as_history
        assert assess_person(SURE, DENTAL, SEGMENTS, person, NOW, matrix=matrix) == as_history


INSTANTS = st.integers(-3_000_000, 3_000_000).map(lambda at: instant("1970-01-01T02:00") + timedelta(microseconds=at))


@given(st.lists(st.tuples(INSTANTS, INSTANTS, st.sampled_from(["a", "b", None])), max_size=5), INSTANTS)
def test_the_site_of_a_person_is_that_of_the_history(
    seen: list[tuple[datetime, datetime, str | None]], at: datetime
) -> None:
    rows = history(visits=[
        event("visits", when.isoformat(), known=known.isoformat(), unit=unit, event_id=f"{n}")
        for n, (when, known, unit) in enumerate(seen)
    ])  # fmt: skip
    moments = Moments.of([rows.patient_ids[0].as_py()], [at])
    assert site_of(Person.of(rows), int(microseconds(moments.as_of)[0])) == sites(rows, moments)[0]
