from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.calibration import Calibrator, segment_probabilities
from models.estimators import PointsRule
from models.need import ModelError, NeedModel, NeedTable

margins = hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.floats(-20, 20))
CURVES = Calibrator((1.3, 0.7), (-0.5, -2.0))
NEED = NeedTable(
    ("dentist", "hygienist"), ((1.0, 0.5), (3.0, 1.0), (6.0, 2.0)), ((30.0, 20.0), (90.0, 45.0), (200.0, 80.0))
)


def model() -> NeedModel:
    return NeedModel(PointsRule(("visits",), {"visits": 1.0}, thresholds=2), CURVES, NEED, "catalogue", "2000-01-01")


@given(margins)
def test_probabilities_of_the_segments_are_probabilities_and_sum_to_one(found: np.ndarray) -> None:
    probabilities = segment_probabilities(CURVES.at_least(found))
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-12)


@given(margins)
def test_needing_more_is_never_likelier_than_needing_less(found: np.ndarray) -> None:
    at_least = CURVES.at_least(found)
    assert (np.diff(at_least, axis=1) <= 0).all()


@given(margins, st.floats(0, 5))
def test_a_higher_margin_never_gives_a_smaller_probability_or_fewer_visits(found: np.ndarray, more: float) -> None:
    low, high = CURVES.at_least(found), CURVES.at_least(found + more)
    assert (high >= low).all()
    visits = [segment_probabilities(at_least) @ np.array(NEED.visits) for at_least in (low, high)]
    assert (visits[1] >= visits[0] - 1e-9).all()


def test_calibration_finds_the_curve_that_made_the_outcomes() -> None:
    random = np.random.default_rng(3)
    margin = random.normal(0, 2, (40_000, 1))
    reached = random.random((40_000, 1)) < 1 / (1 + np.exp(-(0.5 * margin - 1)))
    curve = Calibrator.fit(margin, reached)
    assert curve.slope[0] == pytest.approx(0.5, abs=0.03)
    assert curve.intercept[0] == pytest.approx(-1, abs=0.05)


def test_a_curve_never_falls_even_if_the_margin_ranks_the_wrong_way() -> None:
    margin = np.linspace(-3, 3, 200)[:, None]
    curve = Calibrator.fit(margin, margin < 0)
    assert curve.slope[0] > 0


def test_a_margin_that_separates_everyone_gives_a_finite_curve() -> None:
    margin = np.linspace(-3, 3, 200)[:, None]
    curve = Calibrator.fit(margin, margin > 0)
    assert 0 < curve.at_least(np.array([[-3.0]]))[0, 0] < 0.05


def test_the_need_table_holds_the_means_of_each_segment() -> None:
    segment = np.array([0, 0, 1])
    visits = np.array([[1.0, 0.0], [3.0, 1.0], [5.0, 2.0]])
    table = NeedTable.fit(segment, visits, 10 * visits, ("dentist", "hygienist"), 2)
    assert table.visits == ((2.0, 0.5), (5.0, 2.0))
    assert table.minutes == ((20.0, 5.0), (50.0, 20.0))


def test_a_segment_that_nobody_reached_cannot_be_tabulated() -> None:
    with pytest.raises(ModelError, match="nobody reached segment 2"):
        NeedTable.fit(np.array([0]), np.ones((1, 1)), np.ones((1, 1)), ("dentist",), 2)


def test_a_saved_model_predicts_the_same_bits(tmp_path: Path) -> None:
    x = np.array([[0.0], [3.0], [np.nan]])
    model().save(tmp_path)
    again = NeedModel.load(tmp_path)
    for name in ("margins", "at_least", "probabilities", "visits", "minutes"):
        assert getattr(again.predict(x), name).tobytes() == getattr(model().predict(x), name).tobytes()
    assert (again.catalogue, again.segments_from) == ("catalogue", "2000-01-01")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no need model that can be read"):
        NeedModel.load(tmp_path)
