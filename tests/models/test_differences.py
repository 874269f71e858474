"""What would have to differ: only what can be changed, only for the better, only as far as is usual; or nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.dental import DENTAL
from models.calibration import Calibrator, Recalibrated
from models.differences import BETTER, USUAL, better, lighter, usual_values
from models.estimators import PointsRule
from models.need import NeedModel, NeedTable
from models.segments import read_tables

SEGMENTS = read_tables()[-1]
RNG = np.random.default_rng(15)
ROWS = RNG.integers(0, 5, (500, len(DENTAL))).astype(float)
ROWS[:, DENTAL.names.index("found_plaque")] = RNG.integers(0, 100, 500)
USUALLY = usual_values(DENTAL, ROWS)
NEED = NeedTable(("dentist",), ((1.5,), (4.5,), (8.0,)), ((40.0,), (120.0,), (300.0,)))
POINTS = {"found_plaque": 0.1, "no_shows_m12": 1.0, "no_show_share_m24": 2.0, "answer_brushing": -0.5, "age": 1.0}


def model(points: dict[str, float], level: float = -4.0) -> NeedModel:
    rule = PointsRule(DENTAL.names, points, thresholds=2)
    return NeedModel(rule, Calibrator((1.0, 1.0), (level, level - 2)), NEED, DENTAL.version, "", ranges=USUALLY)


def patient(**values: float) -> np.ndarray:
    row = np.zeros(len(DENTAL))
    for name, value in values.items():
        row[DENTAL.names.index(name)] = value
    return row


def test_every_feature_that_can_be_changed_has_a_direction_or_is_left_out_on_purpose() -> None:
    for feature in DENTAL:
        said = BETTER.get(feature.family.name)
        if feature.modifiable:
            assert said is not None
            assert isinstance(said, int) or feature.level in said
        else:
            assert better(feature) == 0


def test_the_smallest_usual_difference_that_is_enough_is_said() -> None:
    found = lighter(model(POINTS), DENTAL, SEGMENTS, patient(found_plaque=80))
    assert found
    assert found.segment == SEGMENTS.segments[1]
    (one,) = found.differences
    assert (one.feature, one.now) == ("found_plaque", 80)
    assert one.then in USUALLY["found_plaque"]
    more = max(value for value in USUALLY["found_plaque"] if one.then < value)
    assert lighter(model(POINTS), DENTAL, SEGMENTS, patient(found_plaque=more)).segment == SEGMENTS.segments[1]
    assert found.text.en.startswith("The suggestion would be “moderate” if this were different: Latest finding")
    assert found.text.en.endswith("(now 80). This is an association in past records, not advice.")
    assert "keskihoitoinen" in found.text.fi
    assert "ei hoito-ohje" in found.text.fi
    assert "inte ett råd" in found.text.sv


def test_things_differ_together_where_one_is_not_enough() -> None:
    points = {"found_plaque": 0.03, "no_shows_m12": 0.5, "answer_brushing": -0.3}
    row = patient(found_plaque=95, no_shows_m12=4, no_shows_m24=4, no_shows_m60=4, no_shows_ever=4, appointments_m24=8)
    found = lighter(model(points, -0.5), DENTAL, SEGMENTS, row)
    assert found
    assert 2 <= len(found.differences) <= 3
    assert {one.feature for one in found.differences} <= {"found_plaque", "no_shows_ever", "answer_brushing"}


def test_shares_follow_what_they_are_a_share_of() -> None:
    row = patient(no_shows_m24=4, appointments_m24=8, no_show_share_m24=0.5)
    found = lighter(model({"no_show_share_m24": 10.0}), DENTAL, SEGMENTS, row)
    assert found
    assert [one.feature for one in found.differences] == ["no_shows_m24"]


def test_nothing_found_is_an_answer() -> None:
    found = lighter(model({"age": 0.1}), DENTAL, SEGMENTS, patient(age=90, found_plaque=50))
    assert found
    assert (found.segment, found.differences) == (None, ())
    assert found.text.en == "Nothing was found among what can be changed that would make the suggestion lighter."
    unknown = np.full(len(DENTAL), np.nan)
    unknown[DENTAL.names.index("age")] = 90
    nothing_known = lighter(model({"age": 0.1}), DENTAL, SEGMENTS, unknown)
    assert nothing_known
    assert nothing_known.segment is None
    weak_points = dict.fromkeys(("found_plaque", "found_bop", "tobacco", "answer_smoking"), 1e-4)
    row = patient(age=90, found_plaque=50, found_bop=50, tobacco=9, answer_smoking=9)
    weak = lighter(model({"age": 0.1, **weak_points}), DENTAL, SEGMENTS, row)
    assert weak
    assert weak.segment is None


def test_the_lightest_segment_and_a_model_without_usual_values_are_not_asked() -> None:
    assert lighter(model(POINTS), DENTAL, SEGMENTS, patient()) is None
    assert lighter(replace(model(POINTS), ranges={}), DENTAL, SEGMENTS, patient(found_plaque=80)) is None


def test_a_site_is_asked_by_its_own_level() -> None:
    base = model(POINTS)
    strict = Calibrator((1.0, 1.0), (4.0, 2.0))
    shifted = replace(base, calibrator=Recalibrated(Calibrator((1.0, 1.0), (-4.0, -6.0)), {"strict": strict}))
    assert lighter(shifted, DENTAL, SEGMENTS, patient(found_plaque=10)) is None
    assert lighter(shifted, DENTAL, SEGMENTS, patient(found_plaque=10), "strict") is not None


numbers = st.sampled_from([0.0, 1.0, 2.0, 4.0, np.nan])


@given(st.lists(numbers, min_size=8, max_size=8), st.floats(0, 100), st.floats(20, 90))
def test_what_differs_is_better_usual_and_enough(values: list[float], plaque: float, age: float) -> None:
    names = [name for name in USUALLY if name != "found_plaque"][:8]
    row = patient(**dict(zip(names, values, strict=True)), found_plaque=plaque, age=age)
    asked = model({**POINTS, "age": 0.05})
    found = lighter(asked, DENTAL, SEGMENTS, row)
    if found is None or found.segment is None:
        return
    now = SEGMENTS.suggest(asked.predict(row[None]).at_least)[0]
    assert SEGMENTS.segments.index(found.segment) < now
    for one in found.differences:
        feature = DENTAL[one.feature]
        assert feature.modifiable
        assert (one.then - one.now) * better(feature) > 0
        assert min(USUALLY[one.feature]) <= one.then <= max(USUALLY[one.feature])


def test_usual_values_are_observed_rise_and_speak_of_enough_people() -> None:
    assert set(USUALLY) == {feature.name for feature in DENTAL if better(feature)}
    for name, found in USUALLY.items():
        assert len(found) == len(USUAL)
        assert list(found) == sorted(found)
        assert set(found) <= set(ROWS[:, DENTAL.names.index(name)])
    assert usual_values(DENTAL, ROWS[:99]) == {}


@pytest.mark.parametrize("name", ["since_visit", "gap_longest_ever", "recall_overdue"])
def test_another_past_is_not_proposed(name: str) -> None:
    assert better(DENTAL[name]) == 0
