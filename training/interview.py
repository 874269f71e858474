"""Learning interviews: a model that can do with any answers, the order of the questions, and what people answer.

The answers of an interview are given at the moment itself, so features as of the moment do not see them. Here they are
written into the features, and left out at random, so that one model serves before, during and after an interview.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold
from tqdm import tqdm

from features.catalogue import Catalogue
from features.evaluate import Moments
from models.calibration import Calibrator
from models.estimators import Estimator
from models.interview import AnswerColumns, Likely, Limits, Plan
from models.interview.interview import anchors
from models.interview.likely import levels_of
from records.clock import microseconds
from records.history import History
from training.fit import fit
from training.scores import auroc

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

WITHIN = timedelta(minutes=30)
"""An answer recorded so soon after a booking contact began belongs to its interview; no visit comes that soon."""
COPIES = 2
"""How often each row is learnt from: once with all its answers, else with some left out; more gain nothing."""
COPIES_TO_ORDER = 4
"""The same where the order of the questions is found: most of what is looked at there are a few answers."""
IN_ORDER = 0.5
"""Share of the rows with answers left out that keep the first ones in the order of the interview; others any."""
FOLDS = 3
MOST_ROWS = 20_000
"""Rows on which the order of the questions is found."""


class InterviewRowsError(ValueError):
    """Rows from which no interview can be learnt."""


@dataclass(frozen=True)
class Asked:
    """Rows with the answers given at their moment.

    Attributes:
        x: feature values before the interview, shape (n, features).
        given: answers of the interview, shape (n, questions), NaN where there is none.
        reached: whether the need reached each threshold, shape (n, thresholds).
        groups: patient or family of each row; a group is never on both sides of a fold.
    """

    x: Floats
    given: Floats
    reached: Bools
    groups: NDArray[np.str_]

    def take(self, some: NDArray[np.bool_] | Ints) -> Asked:
        """Some of the rows."""
        return Asked(self.x[some], self.given[some], self.reached[some], self.groups[some])


def given_at(history: History, moments: Moments, questions: Sequence[str], within: timedelta = WITHIN) -> Floats:
    """Answers given at moments, shape (moments, questions): the latest of each question, NaN where there is none.

    An answer belongs to the latest moment of its patient that is neither after it nor more than `within` before it.
    """
    rows = history["answers"].select(["patient_id", "question", "value"]).to_pandas()
    rows["time"] = microseconds(history["answers"]["event_time"])
    rows["question"] = pd.Index(questions).get_indexer(rows["question"])
    at = pd.DataFrame({"patient_id": moments.patient_ids.to_pandas(), "time": microseconds(moments.as_of)})
    at["moment"] = np.arange(len(at))
    belonging = pd.merge_asof(
        rows[rows["question"] >= 0].sort_values("time", kind="stable"), at.sort_values("time", kind="stable"),
        on="time", by="patient_id", tolerance=within // timedelta(microseconds=1),
    ).dropna(subset="moment")  # fmt: skip
    found = np.full((len(at), len(questions)), np.nan)
    found[belonging["moment"].astype(int), belonging["question"]] = belonging["value"]
    return found


def masked(
    rows: Asked, columns: AnswerColumns, order: Sequence[int] = (), copies: int = COPIES, seed: int = 1
) -> Asked:
    """Rows with answers written into the features, once all of them and `copies - 1` times with some left out.

    Args:
        rows: rows before the interview, with its answers.
        columns: where answers stand among the features.
        order: positions of the questions in the order of the interview; without it, any answers are left out.
        copies: how often each row appears.
        seed: of what is left out.
    """
    random = np.random.default_rng(seed)
    given = [rows.given, *(_left_out(random, rows.given, order) for _ in range(copies - 1))]
    x = np.vstack([columns.written(rows.x, answers) for answers in given])
    return Asked(x, np.vstack(given), np.tile(rows.reached, (copies, 1)), np.tile(rows.groups, copies))


def fit_masked(
    make: Callable[[], Estimator], rows: Asked, columns: AnswerColumns, order: Sequence[int] = (), copies: int = COPIES
) -> tuple[Estimator, Calibrator]:
    """Fit one model, with its calibrator, that can do with any of the answers."""
    some = masked(rows, columns, order, copies)
    return fit(make, some.x, some.reached, some.groups)


def greedy_order(make: Callable[[], Estimator], rows: Asked, columns: AnswerColumns) -> tuple[int, ...]:
    """Positions of the questions, each the one that raises AUROC most after those before it.

    AUROC is the mean over the thresholds, measured on folds that were not learnt from.
    """
    rows = _some(rows)
    folds = list(GroupKFold(FOLDS, shuffle=True, random_state=1).split(rows.x, groups=rows.groups))
    held = [(_fitted(make, rows.take(learn), columns), rows.take(hold)) for learn, hold in folds]
    order: list[int] = []
    left = set(range(len(columns.questions)))
    with tqdm(total=len(left), desc="order of questions", unit="question", disable=None) as progress:
        while left:
            best = max(sorted(left), key=lambda at: _discrimination(held, columns, [*order, at]))
            order.append(best)
            left.remove(best)
            progress.update()
    return tuple(order)


def learn(
    make: Callable[[], Estimator],
    rows: Asked,
    catalogue: Catalogue,
    questions: Sequence[str],
    limits: Limits | None = None,
) -> tuple[Estimator, Calibrator, Plan]:
    """Learn everything an interview needs: a model for any answers, its calibrator, and the plan.

    Args:
        make: makes an unfitted estimator.
        rows: rows to learn from; the columns of `given` are those of `questions`.
        catalogue: what the columns of `x` mean.
        questions: names of the questions.
        limits: when to ask and when to stop.

    Raises:
        InterviewRowsError: nobody answered one of the questions, or everybody alike.
    """
    levels = [levels_of(rows.given[:, at]) for at in range(len(questions))]
    silent = [name for name, values in zip(questions, levels, strict=True) if len(values) < 2]
    if silent:
        raise InterviewRowsError(f"the answers to {silent[0]!r} do not differ: nothing can be learnt from them")
    columns = AnswerColumns.of(catalogue, questions)
    order = list(greedy_order(make, rows, columns))
    estimator, calibrator = fit_masked(make, rows, columns, order)
    ages = [at for at, feature in enumerate(catalogue) if feature.family.aggregate == "age"]
    before = anchors(calibrator.at_least(estimator.margins(rows.x)), rows.x, ages[0] if ages else None)
    likely = Likely.fit(rows.given[:, order], before, [levels[at] for at in order])
    plan = Plan(catalogue.version, tuple(questions[at] for at in order), likely, limits or Limits())
    return estimator, calibrator, plan


def _left_out(random: np.random.Generator, given: Floats, order: Sequence[int]) -> Floats:
    """A copy in which each row keeps a random number of its answers: any, or for some rows the first in order."""
    n, questions = given.shape
    kept = random.integers(0, questions + 1, n)
    rank = np.argsort(np.argsort(random.random((n, questions)), axis=1), axis=1)
    if len(order):
        in_order = random.random(n) < IN_ORDER
        rank[in_order] = np.argsort(np.asarray(order))
    return np.where(rank < kept[:, None], given, np.nan)


def _some(rows: Asked) -> Asked:
    """All rows, or those of a random part of the groups when there are many."""
    if len(rows.x) <= MOST_ROWS:
        return rows
    names, group = np.unique(rows.groups, return_inverse=True)
    chosen = np.random.default_rng(1).random(len(names)) < MOST_ROWS / len(rows.x)
    return rows.take(chosen[group])


def _fitted(make: Callable[[], Estimator], rows: Asked, columns: AnswerColumns) -> Estimator:
    some = masked(rows, columns, copies=COPIES_TO_ORDER)
    return make().fit(some.x, some.reached)


def _discrimination(held: Sequence[tuple[Estimator, Asked]], columns: AnswerColumns, asked: Sequence[int]) -> float:
    """Mean AUROC over folds and thresholds when only some questions are asked."""
    found = []
    for estimator, rows in held:
        given = np.full(rows.given.shape, np.nan)
        given[:, asked] = rows.given[:, asked]
        margins = estimator.margins(columns.written(rows.x, given))
        found += [auroc(margins[:, k], rows.reached[:, k]) for k in range(margins.shape[1])]
    return float(np.mean(found))
