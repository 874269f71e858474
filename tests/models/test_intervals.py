"""Intervals hold the asked share of amounts, in every band of what is expected, and lie higher for a higher need."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.calibration import segment_probabilities
from models.intervals import MOST_VALUES, Intervals, IntervalsError

RNG = np.random.default_rng(13)


def population(n: int, length: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Segment probabilities, segments, visits and minutes; `length` stretches the minutes."""
    drive = RNG.normal(-1, 1.5, n)
    at_least = 1 / (1 + np.exp(-np.column_stack([drive, drive - 1])))
    segment = (RNG.random((n, 1)) < at_least).sum(1)
    visits = np.choose(segment, [RNG.integers(1, 4, n), RNG.integers(4, 6, n), 6 + RNG.poisson(2, n)]).astype(float)
    minutes = np.round(visits * length * RNG.gamma(8, 5, n))
    return segment_probabilities(at_least), segment, visits, minutes


SEEN = population(8000)
KNOWN = population(4000)
VISITS = Intervals.fit((SEEN[1], SEEN[2]), KNOWN[0], KNOWN[2])
MINUTES = Intervals.fit((SEEN[1], SEEN[3]), KNOWN[0], KNOWN[3])


def covered(found: Intervals, probabilities: np.ndarray, amount: np.ndarray, *names: object) -> np.ndarray:
    low, high = found.of(probabilities, *names).T
    return (low <= amount) & (amount <= high)


@pytest.mark.parametrize(("found", "which"), [(VISITS, 2), (MINUTES, 3)], ids=["visits", "minutes"])
def test_the_asked_share_is_covered_in_every_band(found: Intervals, which: int) -> None:
    asked = population(20_000)
    inside, band = covered(found, asked[0], asked[which]), found.band(asked[0])
    assert inside.mean() >= 0.79
    assert min(inside[band == at].mean() for at in range(len(found.reach))) >= 0.75
    if which == 3:
        assert inside.mean() == pytest.approx(0.8, abs=0.02)


def test_the_reach_is_the_rank_that_the_theorem_asks_for() -> None:
    few = [rows[:9] for rows in KNOWN]
    found = Intervals.fit((SEEN[1], SEEN[3]), few[0], few[3])
    assert sorted(found.needed(few[0], few[3]))[7] == found.reach[0]
    assert covered(found, few[0], few[3]).sum() >= 8
    three = [rows[:3] for rows in KNOWN]
    assert Intervals.fit((SEEN[1], SEEN[3]), three[0], three[3]).reach == (0.5,)


def test_a_site_where_everything_takes_longer_has_its_own_reach() -> None:
    slow = population(4000, length=2.5)
    names = np.repeat(["usual", "slow", "small"], [3950, 4000, 50])
    probabilities = np.vstack([KNOWN[0][:3950], slow[0], KNOWN[0][3950:]])
    amount = np.concatenate([KNOWN[3][:3950], slow[3], KNOWN[3][3950:]])
    found = Intervals.fit((SEEN[1], SEEN[3]), probabilities, amount, names)
    assert set(found.groups) == {"usual", "slow"}
    asked = population(10_000, length=2.5)
    assert covered(found, asked[0], asked[3], ["slow"] * 10_000).mean() == pytest.approx(0.8, abs=0.03)
    assert covered(found, asked[0], asked[3]).mean() < 0.77
    assert (found.of(asked[0], ["small"] * 10_000) == found.of(asked[0])).all()


at_least = hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.just(2)), elements=st.floats(0, 1)).map(
    lambda found: -np.sort(-found, axis=1)
)


@given(at_least, st.floats(0, 1))
def test_within_a_band_a_higher_need_never_has_a_lower_interval(low: np.ndarray, more: float) -> None:
    high = low + more * (1 - low)
    before, after = (segment_probabilities(each) for each in (low, high))
    same = VISITS.band(before) == VISITS.band(after)
    assert (VISITS.of(after)[same] >= VISITS.of(before)[same]).all()
    assert (VISITS.expected(after) >= VISITS.expected(before) - 1e-9).all()


@given(at_least)
def test_an_interval_is_the_same_alone_and_among_others(found: np.ndarray) -> None:
    probabilities = segment_probabilities(found)
    together = MINUTES.of(probabilities)
    assert (together[:, 0] <= together[:, 1]).all()
    assert np.vstack([MINUTES.of(row[None]) for row in probabilities]).tobytes() == together.tobytes()


def test_many_different_amounts_are_thinned() -> None:
    assert len(MINUTES.values) <= MOST_VALUES
    assert MINUTES.values[-1] == SEEN[3].max()


def test_amounts_beyond_any_that_were_seen_are_not_covered() -> None:
    assert not covered(VISITS, KNOWN[0][:5], np.full(5, 1000.0)).any()


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(IntervalsError, match="nobody reached segment 3 of 3"):
        Intervals.fit((np.minimum(SEEN[1], 1), SEEN[2]), KNOWN[0], KNOWN[2])
    with pytest.raises(IntervalsError, match="needs rows to be calibrated on"):
        Intervals.fit((SEEN[1], SEEN[2]), KNOWN[0][:0], KNOWN[2][:0])


def test_intervals_are_the_same_after_writing_and_reading() -> None:
    found = Intervals.fit((SEEN[1], SEEN[2]), KNOWN[0], KNOWN[2], ["a"] * 4000)
    again = Intervals.from_json(json.loads(json.dumps(asdict(found))))
    assert again == found
    assert again.of(KNOWN[0]).tobytes() == found.of(KNOWN[0]).tobytes()
