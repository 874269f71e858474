"""Levels are fitted anew for periods and sites; ranking, and sites that say little, stay as they are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit

from models.calibration import Calibrator, Recalibrated, changes_text, from_json, refit, to_json

BASE = Calibrator((1.0, 0.8), (-0.5, -2.0))
RNG = np.random.default_rng(11)


def rows(n: int, level: float, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Margins, and outcomes whose log-odds are `slope` times those of the base, plus `level`."""
    margins = RNG.normal(0, 1.5, (n, 2))
    return margins, RNG.random((n, 2)) < expit(slope * BASE.log_odds(margins) + level)


def test_a_period_in_which_fewer_need_care_gets_a_lower_level() -> None:
    margins, reached = rows(4000, -0.7)
    found, changes = refit(BASE, margins, reached)
    assert [change.level for change in changes] == pytest.approx([-0.7, -0.7], abs=0.12)
    assert found.slope == BASE.slope
    for change in changes:
        assert change.events / change.expected_before < 0.8
        assert change.events / change.expected_after == pytest.approx(1, abs=0.05)


def test_the_slope_is_fitted_where_it_is_asked_for() -> None:
    margins, reached = rows(6000, 0.3, slope=0.7)
    found, changes = refit(BASE, margins, reached, slopes=True)
    assert [change.slope for change in changes] == pytest.approx([0.7, 0.7], abs=0.08)
    assert found.slope == pytest.approx([0.7, 0.56], abs=0.08)


def test_sites_get_their_own_level_and_others_the_shared_curve() -> None:
    margins, reached = rows(9000, 0.0)
    sites = np.repeat(["north", "south", ""], 3000)
    for at, level in ((0, 0.6), (1, -0.6)):
        some = slice(3000 * at, 3000 * (at + 1))
        margins[some], reached[some] = rows(3000, level)
    found, changes = Recalibrated.fit(BASE, margins, reached, sites)
    assert {change.group: round(change.level, 1) for change in changes} == {"north": 0.6, "south": -0.6}
    ask = np.zeros((4, 2))
    north, south, other, none = found.at_least(ask, ["north", "south", "west", ""])[:, 0]
    assert south < BASE.at_least(ask)[0, 0] < north
    assert other == none == BASE.at_least(ask)[0, 0]
    assert found.at_least(ask).tobytes() == BASE.at_least(ask).tobytes()


def test_a_site_with_few_rows_hardly_moves_and_one_with_many_goes_where_they_say() -> None:
    levels = [refit(BASE, *rows(n, 1.5))[1][0].level for n in (3, 30, 3000)]
    assert abs(levels[0]) < 0.5
    assert levels[0] < levels[1] < levels[2]
    assert levels[2] == pytest.approx(1.5, abs=0.2)


def test_a_group_in_which_nobody_or_everybody_needs_care_keeps_a_finite_level() -> None:
    margins, reached = rows(50, 0.0)
    for everybody in (False, True):
        _, changes = refit(BASE, margins, np.full_like(reached, everybody))
        assert all(abs(change.level) < 5 for change in changes)


margins_ = hnp.arrays(np.float64, st.tuples(st.integers(5, 40), st.just(2)), elements=st.floats(-6, 6))


@given(margins_, st.integers(0, 2**32 - 1))
def test_ranking_within_a_group_stays_and_thresholds_stay_ordered(margins: np.ndarray, seed: int) -> None:
    reached = np.random.default_rng(seed).random(margins.shape) < 0.3
    names = np.array(["a", "b"])[np.arange(len(margins)) % 2]
    found, _ = Recalibrated.fit(BASE, margins, reached, names, slopes=True)
    at_least = found.at_least(margins, names)
    assert (np.diff(at_least, axis=1) <= 0).all()
    for name, curve in found.groups.items():
        mine = margins[names == name]
        order = np.argsort(mine, axis=0, kind="stable")
        assert (np.diff(np.take_along_axis(curve.log_odds(mine), order, 0), axis=0) >= 0).all()


def test_calibrators_are_the_same_after_writing_and_reading() -> None:
    shifted = Recalibrated(BASE, {"north": Calibrator((1.1, 0.9), (0.0, -1.0))})
    for calibrator in (BASE, shifted):
        assert from_json(json.loads(json.dumps(to_json(calibrator)))) == calibrator


def test_what_changed_can_be_read() -> None:
    margins, reached = rows(500, -0.7)
    _, changes = refit(BASE, margins, reached, group="2015")
    text = changes_text(changes).splitlines()
    assert text[0].split() == ["group", "threshold", "n", "events", "O:E", "before", "O:E", "after", "level", "slope"]
    assert text[1].split()[:3] == ["2015", "1", "500"]
    assert len({len(line) for line in text}) == 1
