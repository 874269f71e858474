"""Prediction sets cover every segment, agree with crepes, and never contradict the probabilities."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from crepes import ConformalClassifier
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.calibration import segment_probabilities
from models.conformal import NO_LIMIT, Conformal, misfits

RNG = np.random.default_rng(12)


def population(n: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of needing at least each segment, and segments drawn from them (from shifted ones)."""
    drive = RNG.normal(-1, 1.2, n)
    at_least = 1 / (1 + np.exp(-np.column_stack([drive, drive - 1])))
    true = 1 / (1 + np.exp(-np.column_stack([drive + shift, drive - 1 + shift])))
    return at_least, (RNG.random((n, 1)) < true).sum(1)


def test_every_segment_is_covered_at_the_asked_confidence() -> None:
    for confidence in (0.8, 0.9):
        found = Conformal.fit(*population(6000), confidence=confidence)
        at_least, segment = population(20_000)
        for k in range(3):
            mine = segment == k
            bare = found.fitting(at_least)[mine, k].mean()
            assert bare == pytest.approx(confidence, abs=0.03)
            assert found.sets(at_least)[mine, k].mean() >= bare


@pytest.mark.parametrize("n", [7, 60, 400])
def test_sets_are_those_of_crepes(n: int) -> None:
    """Without its smoothing: a segment is in the set where its p-value is above 1 - confidence."""
    (known, segment), (asked, _) = population(n), population(300)
    segment[:3] = range(3)
    for confidence in (0.7, 0.8, 0.95):
        mine = Conformal.fit(known, segment, confidence=confidence).fitting(asked)
        for k in range(3):
            oracle = ConformalClassifier().fit(misfits(known)[segment == k, k])
            p = oracle.predict_p(misfits(asked)[:, [k]], smoothing=False)[:, 0]
            assert (mine[:, k] == (p > 1 - confidence + 1e-12)).all()


def test_groups_have_their_own_limits_as_in_crepes_and_small_ones_those_of_all() -> None:
    (one, seg_one), (two, seg_two), (few, seg_few) = population(3000), population(3000, -1.5), population(40)
    known, segment = np.vstack([one, two, few]), np.concatenate([seg_one, seg_two, seg_few])
    names = np.repeat(["one", "two", "few"], [3000, 3000, 40])
    found = Conformal.fit(known, segment, names)
    assert set(found.groups) == {"one", "two"}
    asked, _ = population(200)
    for name in ("one", "two"):
        rows = (names == name) & (segment == 0)
        p = ConformalClassifier().fit(misfits(known)[rows, 0]).predict_p(misfits(asked)[:, [0]], smoothing=False)[:, 0]
        assert (found.fitting(asked, [name] * 200)[:, 0] == (p > 0.2 + 1e-12)).all()
    assert (found.fitting(asked, ["few"] * 200) == found.fitting(asked)).all()
    asked, needed = population(20_000, -1.5)
    with_own, without = found.fitting(asked, ["two"] * 20_000), found.fitting(asked)
    for k in range(2):
        assert with_own[needed == k, k].mean() == pytest.approx(0.8, abs=0.04)
    assert max(abs(without[needed == k, k].mean() - 0.8) for k in range(2)) > 0.04


def test_a_segment_with_too_few_rows_is_never_ruled_out() -> None:
    at_least, _ = population(50)
    found = Conformal.fit(at_least, np.zeros(50, np.int64))
    assert found.limits[1:] == (NO_LIMIT, NO_LIMIT)
    assert found.sets(at_least)[:, 1:].all()


pairs = hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.floats(0, 1)).map(
    lambda found: -np.sort(-found, axis=1)
)


@given(pairs, st.tuples(*[st.floats(0, 1)] * 3))
def test_a_set_has_no_gap_and_holds_the_most_probable_segment(at_least: np.ndarray, limits: tuple[float, ...]) -> None:
    found = Conformal(limits).sets(at_least)
    assert found[np.arange(len(found)), segment_probabilities(at_least).argmax(1)].all()
    assert not (found[:, 0] & ~found[:, 1] & found[:, 2]).any()
    assert (found >= Conformal(limits).fitting(at_least)).all()


@given(pairs)
def test_one_row_alone_gets_the_set_that_it_gets_among_others(at_least: np.ndarray) -> None:
    found = Conformal((0.6, 0.7, 0.8))
    assert (np.vstack([found.sets(row[None]) for row in at_least]) == found.sets(at_least)).all()


def test_limits_are_the_same_after_writing_and_reading() -> None:
    found = Conformal((0.6, 0.7, 0.8), {"north": (0.5, 0.6, 1.0)}, 0.9)
    assert Conformal.from_json(json.loads(json.dumps(asdict(found)))) == found
