"""Learning interviews: a model that can do with any answers, the order of the questions, and what people answer.

The answers of an interview are given at the moment itself, so features as of the moment do not see them. Here they are
written into the features, and left out at random, so that one model serves before, during and after an interview.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold
from tqdm import tqdm

from features.catalogue import Catalogue
from models.estimators import Boosted, Estimator
from models.interview import AnswerColumns, Likely, Limits, Plan
from models.interview.interview import anchors
from models.interview.likely import levels_of
from models.need import NeedModel
from models.segments import SegmentTable
from training.examples import Examples
from training.fit import fit_need, need_of
from training.scores import auroc

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

COPIES = 4
"""How often each row is learnt from where the order of the questions is found: once with all its answers, else with
some left out; most of what is looked at there are a few answers."""
IN_ORDER = 0.5
"""Share of the rows with answers left out that keep the first ones in the order of the interview; others any."""
RECORD_ALONE = 0.5
"""Share of the rows that a need model learns from without any answer of the interview."""
FOLDS = 3
ROWS_TO_ORDER = 4_000
"""Rows on which the order of the questions is found, about, at the most: the order is not sensitive, time is."""


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


def shown(rows: Asked, columns: AnswerColumns, order: Sequence[int]) -> Floats:
    """Feature values to learn from, shape (n, features): some rows as before the interview, others with some answers.

    Args:
        rows: rows before the interview, with its answers.
        columns: where answers stand among the features.
        order: positions of the questions in the order of the interview.
    """
    random = np.random.default_rng(1)
    told = columns.written(rows.x, _left_out(random, rows.given, order))
    return np.where(random.random(len(told))[:, None] < RECORD_ALONE, rows.x, told)


def greedy_order(make: Callable[[], Estimator], rows: Asked, columns: AnswerColumns) -> tuple[int, ...]:
    """Positions of the questions, each the one that raises AUROC most after those before it.

    AUROC is the mean over the thresholds, measured on folds that were not learnt from.
    """
    rows = _some(rows, ROWS_TO_ORDER)
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


def answered(learn: Examples, catalogue: Catalogue) -> list[str]:
    """Questions to which people gave different answers in interviews, of those that the catalogue has columns for."""
    held = AnswerColumns.held(catalogue, list(learn.given))
    return [name for name in held if len(levels_of(learn.given[name])) > 1]


def fit_interviewing(
    make: Callable[[], Estimator], learn: Examples, table: SegmentTable, catalogue: Catalogue
) -> NeedModel:
    """Fit a need model that serves before, during and after an interview, with the plan of the interview.

    A part of the rows is learnt from as of the moment, with what is on record alone, the others with some of the
    answers that were given then; sets and intervals hold over both. On 23,872 simulated rows this costs .001 and .002
    of AUROC before the interview, and no time; learning from every row twice costs as much, and twice the time.

    Args:
        make: makes an unfitted estimator.
        learn: rows to learn from, with answers.
        table: cuts the segments.
        catalogue: of the features.

    Raises:
        InterviewRowsError: no question was answered in different ways.
        ModelError: a segment has no episode to average.
    """
    questions = answered(learn, catalogue)
    if not questions:
        raise InterviewRowsError("the examples hold no answers of interviews that differ")
    columns = AnswerColumns.of(catalogue, questions)
    given = np.column_stack([learn.given[name] for name in questions])
    rows = Asked(learn.x, given, need_of(learn, table)[1], learn.patient_ids)
    # By LightGBM whatever the estimator is: it is quick enough to be fitted many times.
    order = list(greedy_order(lambda: Boosted(learn.names), rows, columns))
    learnt = replace(learn, x=shown(rows, columns, order))
    model = fit_need(make, learnt, table, catalogue=catalogue, sites=learn.about.get("site"))
    before = model.calibrator.at_least(model.estimator.margins(rows.x))
    return replace(model, interview=_plan(rows, before, catalogue, [questions[at] for at in order], order))


def _plan(rows: Asked, before: Floats, catalogue: Catalogue, names: Sequence[str], order: Sequence[int]) -> Plan:
    """The plan of an interview from rows, with the probabilities `before` it; `names` and `order` are in its order."""
    ages = [at for at, feature in enumerate(catalogue) if feature.family.aggregate == "age"]
    known, given = anchors(before, rows.x, ages[0] if ages else None), rows.given[:, order]
    likely = Likely.fit(given, known, [levels_of(answers) for answers in given.T])
    return Plan(catalogue.version, tuple(names), likely, Limits())


def _left_out(random: np.random.Generator, given: Floats, order: Sequence[int] = ()) -> Floats:
    """A copy in which each row keeps a random number of its answers: any, or for some rows the first in order."""
    n, questions = given.shape
    kept = random.integers(0, questions + 1, n)
    rank = np.argsort(np.argsort(random.random((n, questions)), axis=1), axis=1)
    if len(order):
        in_order = random.random(n) < IN_ORDER
        rank[in_order] = np.argsort(np.asarray(order))
    return np.where(rank < kept[:, None], given, np.nan)


def _some(rows: Asked, most: int) -> Asked:
    """All rows, or those of a random part of the groups when there are many."""
    if len(rows.x) <= most:
        return rows
    names, group = np.unique(rows.groups, return_inverse=True)
    chosen = np.random.default_rng(1).random(len(names)) < most / len(rows.x)
    return rows.take(chosen[group])


def _fitted(make: Callable[[], Estimator], rows: Asked, columns: AnswerColumns) -> Estimator:
    """An estimator that can do with any answers: it learns from each row with all of them, and with some left out."""
    random = np.random.default_rng(1)
    given = [rows.given, *(_left_out(random, rows.given) for _ in range(COPIES - 1))]
    x = np.vstack([columns.written(rows.x, answers) for answers in given])
    return make().fit(x, np.tile(rows.reached, (COPIES, 1)))


def _discrimination(held: Sequence[tuple[Estimator, Asked]], columns: AnswerColumns, asked: Sequence[int]) -> float:
    """Mean AUROC over folds and thresholds when only some questions are asked."""
    found = []
    for estimator, rows in held:
        given = np.full(rows.given.shape, np.nan)
        given[:, asked] = rows.given[:, asked]
        margins = estimator.margins(columns.written(rows.x, given))
        found += [auroc(margins[:, k], rows.reached[:, k]) for k in range(margins.shape[1])]
    return float(np.mean(found))
