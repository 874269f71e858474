"""Learning interviews: which answers belong to a moment, what is left out, and the order of the questions."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from features.catalogue import Catalogue
from features.dental import DENTAL
from features.evaluate import Moments
from features.families import Label, age, last
from models.estimators import Boosted, Logistic
from models.interview import AnswerColumns, Interview, Item, Limits, Number, Stop, of_rows, read_items
from records.clock import instant
from records.schema import PROFESSIONS
from tests.models.interview.made import TABLE, label
from tests.rows import event, history, patient
from tests.training.conftest import Trained
from training import commands, compare, tracking
from training.answers import given_at
from training.examples import Examples
from training.fit import fit
from training.interview import Asked, InterviewRowsError, answered, fit_interviewing, greedy_order, shown
from training.material import Material
from training.scores import auroc

QUESTIONS = ("weak", "strong", "middling", "idle")
COPY = Label("{level}", "{level}", "{level}")
KNOWN = Catalogue(
    age("age", COPY, "age"),
    last("answers.value", "answer", COPY, "self", by="question", levels=dict.fromkeys(QUESTIONS, COPY), windows="m6"),
)
COLUMNS = AnswerColumns.of(KNOWN, QUESTIONS)


def rows(n: int, seed: int = 1) -> Asked:
    """People whose need follows from three answers, unequally; a tenth of the answers are missing."""
    random = np.random.default_rng(seed)
    given = random.integers(0, 3, (n, 4)).astype(float)
    odds = 0.4 * (given[:, 0] - 1) + 1.6 * (given[:, 1] - 1) + 0.8 * (given[:, 2] - 1)
    reached = random.random((n, 1)) < 1 / (1 + np.exp(-odds))[:, None]
    given[random.random(given.shape) < 0.1] = np.nan
    x = np.full((n, len(KNOWN)), np.nan)
    x[:, 0] = random.integers(20, 80, n)
    return Asked(x, given, reached, np.arange(n).astype(str))


def make() -> Boosted:
    return Boosted(KNOWN.names, rounds=40)


def test_the_answers_of_an_interview_belong_to_the_contact_it_was_held_at() -> None:
    told = history(
        patient("a"), patient("b"),
        answers=[
            event("answers", "2024-01-01T10:00", question="strong", value=1.0),
            event("answers", "2024-01-01T10:30", question="weak", value=2.0),
            event("answers", "2024-01-01T10:30:00.000001", question="middling", value=1.0),
            event("answers", "2024-01-01T10:20", question="strong", value=2.0),
            event("answers", "2024-01-01T09:59", question="idle", value=1.0),
            event("answers", "2024-01-01T10:05", question="unheard", value=1.0),
            event("answers", "2024-03-01T10:10", question="strong", value=0.0),
            event("answers", "2024-03-01T10:00", patient="b", question="strong", value=1.0),
        ],
    )  # fmt: skip
    moments = Moments.of(
        ["b", "a", "a", "a"], [instant(f"2024-{day}T10:00") for day in ("01-01", "03-01", "01-01", "02-01")]
    )
    found = given_at(told, moments, QUESTIONS)
    expected = np.full((4, 4), np.nan)
    expected[1] = [np.nan, 0.0, np.nan, np.nan]
    expected[2] = [2.0, 2.0, np.nan, np.nan]
    assert np.array_equal(found, expected, equal_nan=True)


def test_an_answer_belongs_to_the_latest_of_two_contacts() -> None:
    told = history(answers=[event("answers", "2024-01-01T10:15", question="strong", value=1.0)])
    moments = Moments.of(["a", "a"], [instant("2024-01-01T10:00"), instant("2024-01-01T10:10")])
    assert np.array_equal(given_at(told, moments, ["strong"]), [[np.nan], [1.0]], equal_nan=True)


def test_without_answers_nothing_is_given() -> None:
    assert np.isnan(given_at(history(), Moments.of(["a"], [instant("2024-01-01")]), QUESTIONS)).all()


def some_told(some: Asked, order: Sequence[int] = (1, 2, 0, 3)) -> tuple[np.ndarray, np.ndarray]:
    """The answers that rows are learnt from with, and which of the rows have any."""
    found = shown(some, COLUMNS, order)[:, [columns[0] for columns in COLUMNS.latest]]
    return found, ~np.isnan(found).all(axis=1)


def test_rows_are_learnt_from_with_the_record_alone_or_with_some_of_the_answers() -> None:
    some = rows(2_000)
    found, told = some_told(some)
    kept = ~np.isnan(found)
    assert np.array_equal(found[kept], some.given[kept])
    assert 0.3 < told.mean() < 0.5  # of the half that is told, some keep no answer
    assert 0.3 < kept[told].mean() < 0.8
    assert np.array_equal(shown(some, COLUMNS, [1, 2, 0, 3])[:, 0], some.x[:, 0])
    assert np.array_equal(found, some_told(some)[0], equal_nan=True)


def test_many_of_the_rows_keep_the_first_questions_in_order() -> None:
    some = rows(4_000)
    order = [1, 2, 0, 3]
    found, told = some_told(Asked(some.x, np.nan_to_num(some.given), some.reached, some.groups), order)
    kept = ~np.isnan(found[told][:, order])
    in_order = (kept[:, :-1] >= kept[:, 1:]).all(axis=1)
    assert 0.55 < in_order.mean() < 0.85  # by chance alone, 0.33: one way of 4, 6 and 4, and all of them


def test_what_the_record_says_is_never_left_out() -> None:
    some = rows(100)
    some.x[:, KNOWN.names.index("answer_strong_m6")] = 2.0
    found = shown(some, COLUMNS, [1, 2, 0, 3])[:, KNOWN.names.index("answer_strong_m6")]
    assert not np.isnan(found).any()


def test_the_question_that_tells_most_comes_first() -> None:
    assert greedy_order(make, rows(3_000), COLUMNS) == (1, 2, 0, 3)


def test_the_order_of_many_rows_is_found_on_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.interview.ROWS_TO_ORDER", 1_000)
    seen = []

    class Counting(Logistic):
        def fit(self, x: np.ndarray, reached: np.ndarray) -> Counting:
            seen.append(len(x))
            super().fit(x, reached)
            return self

    assert greedy_order(lambda: Counting(KNOWN.names), rows(6_000), COLUMNS)[0] == 1
    assert all(length < 3_500 for length in seen)


def test_one_model_for_any_answers_is_as_good_as_one_for_all_answers() -> None:
    some, other = rows(3_000), rows(3_000, seed=2)
    full = COLUMNS.written(other.x, other.given)
    alone = make().fit(COLUMNS.written(some.x, some.given), some.reached).margins(full)[:, 0]
    learnt = shown(some, COLUMNS, [1, 2, 0, 3])
    estimator, calibrator = fit(make, learnt, some.reached, some.groups)
    margins = estimator.margins(full)
    assert auroc(margins[:, 0], other.reached[:, 0]) > auroc(alone, other.reached[:, 0]) - 0.005
    before = calibrator.at_least(estimator.margins(other.x))[:, 0]
    assert before.mean() == pytest.approx(other.reached.mean(), abs=0.05)


def examples(some: Asked) -> Examples:
    """The same people as examples: who reached the threshold needed four visits, a tenth of these six."""
    visits = np.zeros((len(some.x), len(PROFESSIONS)))
    visits[:, 0] = np.where(some.reached[:, 0], np.where(np.arange(len(some.x)) % 10, 4, 6), 1)
    given = dict(zip(QUESTIONS, some.given.T, strict=True))
    return Examples(some.groups, np.arange(len(some.x)), some.x, visits, 30 * visits, KNOWN.names, KNOWN.version,
                    Counter(), given=given)  # fmt: skip


def test_what_is_learnt_holds_interviews() -> None:
    some = rows(2_000)
    model = fit_interviewing(make, examples(some), TABLE, KNOWN)
    plan = model.interview
    assert plan is not None
    assert plan.catalogue == KNOWN.version
    assert plan.order[:2] == ("strong", "middling")
    items = [Item(name, label(name), label(name), 183, number=Number(0, 2, 1, label("n"))) for name in QUESTIONS]
    held = Interview(replace(plan, limits=Limits(drawn=16)), items=items, catalogue=KNOWN, table=TABLE,
                     at_least=of_rows(lambda x: model.calibrator.at_least(model.estimator.margins(x))))  # fmt: skip
    first = held.next(some.x[0], {})
    assert not isinstance(first, Stop)
    assert first.name == "strong"


def test_a_question_that_everybody_answers_alike_is_not_asked() -> None:
    some = rows(2_000)
    some.given[:, 3] = np.nan
    assert answered(examples(some), KNOWN) == ["weak", "strong", "middling"]


def test_the_examples_hold_what_was_answered_at_each_contact_beside_the_features(trained: Trained) -> None:
    learn = Material.read(trained.examples).parts.learn
    assert set(learn.given) == {item.name for item in read_items()}
    assert {len(answers) for answers in learn.given.values()} == {len(learn)}
    assert 0.1 < np.mean(~np.isnan(learn.given["pain"])) < 1
    assert np.array_equal(learn.take(np.array([5, 2])).given["pain"], learn.given["pain"][[5, 2]], equal_nan=True)


def test_the_challenger_of_a_run_brings_an_interview(trained: Trained) -> None:
    model, learn = tracking.load("1"), Material.read(trained.examples).parts.learn
    assert model.interview is not None
    assert sorted(model.interview.order) == sorted(answered(learn, DENTAL))
    assert model.interview.catalogue == DENTAL.version


def test_answers_raise_what_the_model_of_a_run_can_tell_apart(trained: Trained) -> None:
    material, model = Material.read(trained.examples), tracking.load("1")
    assert model.interview is not None
    test, order = material.parts.test, model.interview.order
    told = AnswerColumns.of(DENTAL, order).written(test.x, np.column_stack([test.given[name] for name in order]))
    goal = compare.reached(test, material.table)[:, 0]
    before, after = (auroc(model.predict(x).at_least[:, 0], goal) for x in (test.x, told))
    assert after > before


def test_without_answers_that_differ_nothing_is_learnt_of_interviews(trained: Trained) -> None:
    material = Material.read(trained.examples)
    alike = {name: np.ones_like(answers) for name, answers in material.parts.learn.given.items()}
    learn = replace(material.parts.learn, given=alike)
    assert not compare.can_interview(learn)
    with pytest.raises(InterviewRowsError, match="no answers of interviews that differ"):
        fit_interviewing(lambda: Logistic(learn.names), learn, material.table, DENTAL)


@pytest.mark.parametrize(
    ("challenger", "wanted", "can", "learns"),
    [("lightgbm", True, True, True), ("lightgbm", True, False, False), ("lightgbm", False, True, False),
     ("rule", True, True, False)],
)  # fmt: skip
def test_a_run_without_answers_says_so(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    challenger: str, *, wanted: bool, can: bool, learns: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(compare, "can_interview", lambda _: can)
    options = argparse.Namespace(interview=wanted, challenger=challenger)
    assert commands._learns_interviews(options, Material.read(trained.examples)) == learns
    assert ("no interview: the examples hold no answers" in capsys.readouterr().out) == (not can)
