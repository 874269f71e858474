"""Net benefit, minutes of first appointments, care captured; calibration and risk as they are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from models.segments import read_tables
from training import performance, utility
from training.bootstrap import Resamples
from training.performance import curves, perform, wilson
from training.scores import ScoresError

TABLE = read_tables()[-1]
RNG = np.random.default_rng(8)
P = expit(RNG.normal(-1.2, 1.2, 3000))
Y = RNG.random(3000) < P
RESAMPLES = Resamples.of(np.arange(3000) // 2, 200)
AT = (0.25, 0.4)


def test_net_benefit_counts_true_positives_less_weighed_false_ones() -> None:
    p, y = np.array([0.9, 0.6, 0.3, 0.1]), np.array([True, False, True, False])
    assert utility.net_benefit(p, y, 0.5) == (1 - 1 * 1) / 4
    assert utility.net_benefit(p, y, 0.25) == pytest.approx((2 - 1 / 3) / 4)
    assert utility.treat_all(y, 0.25) == pytest.approx(0.5 - 0.5 / 3)


@given(st.floats(0.05, 0.6))
def test_probabilities_of_everyone_alike_are_worth_one_of_the_defaults(at: float) -> None:
    same = np.full(len(Y), Y.mean())
    expected = utility.treat_all(Y, at) if Y.mean() >= at else 0.0
    assert utility.net_benefit(same, Y, at) == pytest.approx(expected)


def test_declared_thresholds_come_with_replicates_around_them() -> None:
    found, replicates = utility.declared(P, Y, AT, RESAMPLES)
    assert [each.at for each in found] == list(AT)
    for each in found:
        assert each.bounds[0] < each.model < each.bounds[1]
        assert each.gain == each.model - max(each.treat_all, 0)
        assert abs(replicates[f"net_benefit {each.at}"].mean() - each.model) < 0.005
    assert set(replicates) == {f"{what} {at}" for what in ("net_benefit", "gain") for at in AT}


def test_too_long_and_too_short_are_counted_apart() -> None:
    booked, needed = np.array([60.0, 20, 20, 45]), np.array([20.0, 60, 20, 45])
    found = utility.booking("model", booked, needed, np.array([30.0, np.nan, 30, 45]))
    assert (found.over, found.under, found.too_short) == (1000.0, 1000.0, 0.25)
    assert (found.over_recorded, found.under_recorded) == (1000.0, pytest.approx(1000 / 3))
    assert np.isnan(utility.booking("x", booked, needed, np.full(4, np.nan)).over_recorded)


def test_the_confusion_hides_small_counts() -> None:
    suggested = np.repeat([0, 0, 1, 2], [50, 3, 20, 20])
    happened = np.repeat([0, 2, 1, 2], [50, 3, 20, 20])
    found = utility.confusion(suggested, happened, TABLE)
    assert found.rows[0][2] == "under 5"
    assert sum(row.count("hidden") for row in found.rows) == 1
    assert found.minutes[2] == (40, 15, 0)


def test_the_tenth_ranked_highest_captures_its_care() -> None:
    minutes = np.arange(1.0, 101)
    found = utility.captured("best", minutes, np.ones(100), minutes, Resamples.of(np.arange(100), 50))
    assert found.visits == 0.1
    assert found.minutes == pytest.approx(sum(range(91, 101)) / 5050)
    assert found.bounds[0] < found.minutes < found.bounds[1]


def test_expected_and_taken_care_are_told_by_profession() -> None:
    taken = np.column_stack([np.tile([2.0, 4.0], 50), np.zeros(100)])
    expected = np.column_stack([np.full(100, 2.0), np.zeros(100)])
    found = list(utility.amounts("visits", expected, taken, ("dentist", "hygienist"), Resamples.of(np.arange(100), 50)))
    assert [each.profession for each in found] == ["all", "dentist", "hygienist"]
    assert (found[0].expected, found[0].taken, found[0].error) == (2.0, 3.0, 1.0)
    assert found[1].ratio[0] == 1.5
    assert found[1].ratio[1] < 1.5 < found[1].ratio[2]
    assert np.isnan(found[2].ratio[0])


def test_intervals_hold_the_figures() -> None:
    found = perform(P, Y, RESAMPLES, AT)
    for name, bounds in found.bounds.items():
        assert bounds[0] < getattr(found.scores, name) < bounds[1]
    assert found.scores.slope == pytest.approx(1, abs=0.15)
    assert len(found.replicates["auroc"]) == 200


def test_the_interval_of_the_slope_agrees_with_the_bootstrap() -> None:
    found = perform(P, Y, RESAMPLES, AT).bounds["slope"]
    z, slopes = logit(P)[:, None], []
    for counts in RESAMPLES.counts():
        for count in counts[:60]:
            weights = count[RESAMPLES.group]
            slopes.append(LogisticRegression(C=np.inf).fit(z, Y, sample_weight=weights).coef_[0, 0])
    assert (found[1] - found[0]) / (2 * 1.96) == pytest.approx(np.std(slopes), rel=0.35)


def test_rows_of_one_outcome_are_refused_at_once() -> None:
    with pytest.raises(ScoresError, match="nothing can be ranked"):
        perform(P, np.zeros(3000, bool), RESAMPLES, AT)


def test_the_calibration_plot_of_true_probabilities_is_the_diagonal() -> None:
    found = curves(P, Y)
    assert len(found.bins) == 10
    assert found.calibration_error < 0.02
    assert all(each.low <= each.predicted <= each.high for each in found.bins[2:-2]) or found.calibration_error < 0.01
    assert curves(np.sqrt(P), Y).calibration_error > 0.1


def test_probabilities_of_few_values_still_make_a_plot() -> None:
    found = curves(np.where(Y, 0.6, 0.2), Y)
    assert len(found.bins) <= 2
    assert {y for _, y in found.smooth} == {Y.mean()}


def test_wilson_keeps_within_0_and_1() -> None:
    assert wilson(0.0, 10)[0] == 0.0
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)
    low, high = wilson(0.5, 100)
    assert (low, high) == (pytest.approx(0.404, abs=1e-3), pytest.approx(0.596, abs=1e-3))


@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=120))
def test_no_band_of_risk_shows_one_to_four_people(rows: list[tuple[float, bool]]) -> None:
    p, y = (np.array(column) for column in zip(*rows, strict=True))
    bands = performance._risk(p, y)
    assert sum(reached + others for _, reached, others in bands) == len(rows)
    assert [band[0] for band in bands] == sorted({band[0] for band in bands})
    if min(y.sum(), (~y).sum()) >= 5:
        assert all(count == 0 or count >= 5 for band in bands for count in band[1:])
