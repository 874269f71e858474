"""Expected visits and minutes follow the probabilities, divide among professions by the patient, and add up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.amounts import Amounts, AmountsError, Curve

RNG = np.random.default_rng(14)
N = 3000
PROFESSIONS = ("dentist", "hygienist", "other")
GUMS = RNG.integers(0, 2, N)
DRIVE = RNG.normal(-0.5, 1.3, N)
AT_LEAST = 1 / (1 + np.exp(-np.column_stack([DRIVE, DRIVE - 1])))
SEGMENT = (RNG.random((N, 1)) < AT_LEAST).sum(1)
TOTAL = np.choose(SEGMENT, [RNG.integers(1, 4, N), RNG.integers(4, 6, N), 6 + RNG.poisson(1 + 6 * AT_LEAST[:, 1])])
BY_HYGIENIST = RNG.binomial(TOTAL, np.where(GUMS, 0.6, 0.1))
VISITS = np.column_stack([TOTAL - BY_HYGIENIST, BY_HYGIENIST, np.zeros(N)]).astype(float)
MINUTES = VISITS * [40.0, 50.0, 0.0]
X = np.column_stack([GUMS, RNG.normal(size=N)]).astype(float)
FITTED = Amounts.fit(X, AT_LEAST, VISITS, MINUTES, SEGMENT, PROFESSIONS)


def test_the_total_is_the_mean_of_what_was_taken_also_within_a_segment() -> None:
    visits, minutes = FITTED.expected(X, AT_LEAST)
    assert visits.sum() == pytest.approx(VISITS.sum(), rel=0.02)
    assert minutes.sum() == pytest.approx(MINUTES.sum(), rel=0.02)
    high = AT_LEAST[:, 1] > 0.6
    assert visits[high].sum() == pytest.approx(VISITS[high].sum(), rel=0.08)


def test_visits_divide_by_what_is_known_of_the_patient() -> None:
    visits, minutes = FITTED.expected(X, AT_LEAST)
    for gums, share in ((1, 0.6), (0, 0.1)):
        mine = gums == GUMS
        assert visits[mine, 1].sum() / visits[mine].sum() == pytest.approx(share, abs=0.05)
    np.testing.assert_allclose((minutes[:, 1] / visits[:, 1]) / (minutes[:, 0] / visits[:, 0]), 50 / 40)
    assert not visits[:, 2].any()


at_least = hnp.arrays(np.float64, st.tuples(st.integers(1, 15), st.just(2)), elements=st.floats(0, 1)).map(
    lambda found: -np.sort(-found, axis=1)
)


@given(at_least, st.floats(0, 1), st.integers(0, N - 20))
def test_a_higher_probability_never_means_fewer_visits_or_minutes_whoever_the_patient(
    low: np.ndarray, more: float, someone: int
) -> None:
    """Also between patients: what is known of them only divides the total."""
    high = low + more * (1 - low)
    for before, after in zip(
        FITTED.expected(X[: len(low)], low), FITTED.expected(X[someone : someone + len(low)], high), strict=True
    ):
        assert (after.sum(1) >= before.sum(1) - 1e-9).all()


@given(at_least)
def test_the_professions_add_up_and_nobody_gets_less_than_nothing(found: np.ndarray) -> None:
    visits, minutes = FITTED.expected(X[: len(found)], found)
    again = FITTED.expected(X[: len(found)][::-1], found)
    assert (visits >= 0).all()
    assert (minutes >= 0).all()
    np.testing.assert_allclose(again[0].sum(1), visits.sum(1), rtol=1e-12)
    np.testing.assert_allclose(again[1].sum(1), minutes.sum(1), rtol=1e-12)


def test_one_patient_alone_gets_the_bits_of_the_batch() -> None:
    together = FITTED.expected(X[:50], AT_LEAST[:50])
    for at in range(50):
        for alone, batch in zip(FITTED.expected(X[at : at + 1], AT_LEAST[at : at + 1]), together, strict=True):
            assert alone.tobytes() == batch[at : at + 1].tobytes()


def test_amounts_are_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    again = Amounts.load(tmp_path, json.loads(json.dumps(FITTED.save(tmp_path))))
    for before, after in zip(FITTED.expected(X, AT_LEAST), again.expected(X, AT_LEAST), strict=True):
        assert before.tobytes() == after.tobytes()


def test_one_profession_alone_gives_every_visit(tmp_path: Path) -> None:
    alone = Amounts.fit(X, AT_LEAST, VISITS * [1, 0, 0] + [1, 0, 0], MINUTES * 0, SEGMENT, PROFESSIONS)
    again = Amounts.load(tmp_path, json.loads(json.dumps(alone.save(tmp_path))))
    assert not list(tmp_path.iterdir())
    visits, minutes = again.expected(X[:10], AT_LEAST[:10])
    assert (visits[:, 0] > 0).all()
    assert not visits[:, 1:].any()
    assert not minutes.any()


def test_curves_rise_and_stay_level_outside() -> None:
    curve = Curve.fit(np.repeat([0.1, 0.5, 0.9], 60), np.repeat([3.0, 2.0, 7.0], 60))
    assert list(np.diff(curve.y) >= 0) == [True] * (len(curve.y) - 1)
    assert curve.at(np.array([-1.0, 0.1, 2.0])).tolist() == [2.5, 2.5, 7.0]
    assert Curve.fit(np.array([0.3]), np.array([4.0])).at(np.array([0.0, 1.0])).tolist() == [4.0, 4.0]


def test_a_segment_without_an_episode_is_refused() -> None:
    with pytest.raises(AmountsError, match="nobody reached segment 3 of 3"):
        Amounts.fit(X, AT_LEAST, VISITS, MINUTES, np.minimum(SEGMENT, 1), PROFESSIONS)
