"""What people are likely to answer, given what is known of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.interview import Likely
from models.interview.likely import _banded, _nearest, levels_of

NONE = np.full(3, np.nan)


@pytest.fixture(scope="module")
def likely() -> Likely:
    """Two kinds of people: the old answer 1, 1 and many; the young 0, 0 and few. One in ten is like the others."""
    random = np.random.default_rng(1)
    old = random.random(4_000) < 0.5
    odd = random.random((4_000, 3)) < 0.1
    answers = np.column_stack([old ^ odd[:, 0], old ^ odd[:, 1], np.where(old ^ odd[:, 2], 8, 1)]).astype(float)
    answers[random.random(answers.shape) < 0.2] = np.nan
    age = np.where(old, 70, 30) + random.integers(-10, 10, 4_000)
    levels = [levels_of(answers[:, at]) for at in range(3)]
    return Likely.fit(answers, np.column_stack([age, np.full(4_000, np.nan)]).astype(float), levels, classes=3)


def chance_of_one(likely: Likely, answers: list[float], age: float) -> float:
    weights = likely.weights(np.array(answers), np.array([age, np.nan]))
    assert weights.sum() == pytest.approx(1)
    return float(likely.chance(weights, 1)[1])


def test_what_is_known_of_a_person_says_what_they_are_likely_to_answer(likely: Likely) -> None:
    nobody = chance_of_one(likely, [np.nan] * 3, np.nan)
    assert nobody == pytest.approx(0.5, abs=0.05)
    assert chance_of_one(likely, [np.nan] * 3, 72.0) == pytest.approx(0.9, abs=0.05)
    assert chance_of_one(likely, [np.nan] * 3, 25.0) == pytest.approx(0.1, abs=0.05)
    assert chance_of_one(likely, [1.0, np.nan, 8.0], np.nan) > 0.8
    assert chance_of_one(likely, [0.0, np.nan, 1.0], np.nan) < 0.2


def test_plausible_sets_hold_what_is_known_and_vary_in_the_rest(likely: Likely) -> None:
    known = np.array([1.0, np.nan, np.nan])
    weights = likely.weights(known, np.array([np.nan, np.nan]))
    drawn = likely.complete(known, weights, [1, 2], 400)
    assert drawn.shape == (400, 3)
    assert set(drawn[:, 0]) == {1.0}
    assert set(drawn[:, 1]) == {0.0, 1.0}
    assert set(drawn[:, 2]) == {1.0, 8.0}
    assert drawn[:, 1].mean() == pytest.approx(likely.chance(weights, 1)[1], abs=0.06)
    assert np.corrcoef(drawn[:, 1], drawn[:, 2])[0, 1] > 0.3


def test_plausible_sets_are_the_same_every_time(likely: Likely) -> None:
    weights = likely.weights(NONE, np.array([40.0, np.nan]))
    assert np.array_equal(likely.complete(NONE, weights, [0, 1, 2], 48), likely.complete(NONE, weights, [0, 1, 2], 48))


def test_no_answer_is_ever_impossible(likely: Likely) -> None:
    assert min(min(map(min, table)) for table in likely.chances) > 0


def test_it_is_kept_as_shares_in_json(likely: Likely) -> None:
    assert Likely.of(json.loads(json.dumps(likely.said()))) == likely


def test_many_people_are_thinned_evenly() -> None:
    answers = np.tile([[0.0], [1.0]], (30_000, 1))
    found = Likely.fit(answers, np.zeros((60_000, 0)), [(0.0, 1.0)], classes=1)
    assert found.chances[0][0] == pytest.approx((0.5, 0.5), abs=0.01)


def test_many_numbers_are_kept_as_a_few_levels() -> None:
    assert levels_of(np.array([2.0, 0.0, np.nan, 2.0])) == (0.0, 2.0)
    many = levels_of(np.arange(1000.0))
    assert len(many) == 7
    assert many[0] < 100
    assert many[-1] > 900


def test_the_chances_of_all_questions_are_those_of_each(likely: Likely) -> None:
    weights = likely.weights(np.array([1.0, np.nan, np.nan]), np.array([40.0, np.nan]))
    together = likely.chances_of(weights)
    for question, table in enumerate(likely.chances[:3]):
        assert likely.chance(weights, question).tobytes() == (weights[:, None] * np.array(table)).sum(0).tobytes()
    assert np.concatenate([likely.chance(weights, at) for at in range(3)]).tobytes() == together.tobytes()


@pytest.mark.parametrize("age", [-1.0, 29.5, 40.0, 70.0, 200.0])
def test_a_person_is_coded_as_the_people_that_the_classes_were_learnt_from(likely: Likely, age: float) -> None:
    for answers in ([1.0, 0.0, 4.5], [0.4, 0.5, 8.0], [np.nan, 1.0, 0.0]):
        coded = np.hstack(
            [_nearest(np.array([answers]), likely.levels), _banded(np.array([[age, np.nan]]), likely.edges)]
        )[0]
        logs = np.log(likely.shares)
        for at in np.flatnonzero(coded >= 0):
            logs = logs + np.log(np.array(likely.chances[at])[:, coded[at]])
        weights = np.exp(logs - logs.max())
        found = likely.weights(np.array(answers), np.array([age, np.nan]))
        assert found.tobytes() == (weights / weights.sum()).tobytes()
