"""What people of a kind are likely to answer: a few latent classes of people, each with its own usual answers.

Only shares are kept, no person's answers. Given what is known of a person (answers, and a few anchors such as age),
the classes have weights; plausible sets of all answers together are drawn from them, always the same ones for the
same person, so that an interview is reproducible.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import isnan
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CLASSES = 12
ROUNDS = 60
"""Rounds of expectation and maximisation; the answers' shares settle long before."""
PRIOR = 5.0
"""Weight of the whole population's answers in every class, in people: keeps small classes from saying never."""
MOST_LEVELS = 7
"""A number as an answer is kept in at most so many levels."""
MOST_ROWS = 20_000
MISSING = -1


@dataclass(frozen=True)
class Likely:
    """Latent classes of people.

    Attributes:
        levels: for each question, the values that stand for its answers, rising.
        edges: for each anchor, the cut points between its bands.
        shares: of the classes, shape (classes,).
        chances: for each question and then each anchor, the chance of each level or band in each class, shape
            (classes, levels).
    """

    levels: tuple[tuple[float, ...], ...]
    edges: tuple[tuple[float, ...], ...]
    shares: tuple[float, ...]
    chances: tuple[tuple[tuple[float, ...], ...], ...]

    @classmethod
    def fit(cls, answers: Floats, anchors: Floats, levels: Sequence[Sequence[float]], classes: int = CLASSES) -> Self:
        """Learn the classes from people of whom all that is known was asked.

        Args:
            answers: shape (people, questions), NaN where not answered.
            anchors: shape (people, anchors), NaN where not known.
            levels: the values that stand for each question's answers, rising.
            classes: how many.
        """
        rows = slice(None, None, max(1, -(-len(answers) // MOST_ROWS)))
        answers, anchors = answers[rows], anchors[rows]
        edges = tuple(tuple(_bands(anchors[:, at])) for at in range(anchors.shape[1]))
        coded = np.hstack([_nearest(answers, levels), _banded(anchors, edges)])
        sizes = [len(values) for values in levels] + [len(cuts) + 1 for cuts in edges]
        shares, chances = _classes(coded, sizes, classes)
        return cls(tuple(map(tuple, levels)), edges, tuple(shares.tolist()), tuple(_tuples(each) for each in chances))

    def weights(self, answers: Floats, anchors: Floats) -> Floats:
        """Weight of each class for one person: answers of shape (questions,), anchors of shape (anchors,)."""
        shares, tables = self._logs
        logs = shares.copy()
        for answer, levels, places, table in zip(answers.tolist(), self.levels, self._places, tables, strict=False):
            if not isnan(answer):
                at = places.get(answer)
                logs += table[min(range(len(levels)), key=lambda k: abs(answer - levels[k])) if at is None else at]
        for anchor, cuts, table in zip(anchors.tolist(), self.edges, tables[len(self.levels) :], strict=True):
            if not isnan(anchor):
                logs += table[bisect_right(cuts, anchor)]
        weights = np.exp(logs - logs.max())
        return np.asarray(weights / weights.sum())

    def chance(self, weights: Floats, question: int) -> Floats:
        """Chance of each level of a question's answer under weights of the classes."""
        return np.split(self.chances_of(weights), self.starts[1:])[question]

    def chances_of(self, weights: Floats) -> Floats:
        """Chance of each level of every question's answer, one question after the other (see `starts`)."""
        return np.asarray((weights[:, None] * self._stacked).sum(0))

    def complete(self, answers: Floats, weights: Floats, unknown: Sequence[int] | Ints, count: int) -> Floats:
        """Plausible sets of answers, shape (count, questions): what is known, and drawn answers to `unknown`."""
        cumulated = np.cumsum(weights)
        each = np.arange(count)
        drawn = np.searchsorted(cumulated, (each + 0.5) / count * cumulated[-1])
        is_unknown = np.zeros(len(answers), np.bool_)
        is_unknown[unknown] = True
        return np.where(is_unknown, self._plausible(count)[each, drawn], answers)

    @cached_property
    def starts(self) -> Ints:
        """Where the levels of each question begin when those of all stand one after the other."""
        return np.cumsum([0, *map(len, self.levels)])[:-1]

    def said(self) -> dict[str, Any]:
        """As plain lists and numbers, for JSON."""
        return {"levels": self.levels, "edges": self.edges, "shares": self.shares, "chances": self.chances}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """From what `said` gave, after JSON."""
        return cls(**{name: _tuples(said[name]) for name in ("levels", "edges", "shares", "chances")})

    @cached_property
    def _tables(self) -> list[Floats]:
        return [np.array(table) for table in self.chances]

    @cached_property
    def _stacked(self) -> Floats:
        """Chance of each level of all questions in each class, shape (classes, levels)."""
        return np.hstack(self._tables[: len(self.levels)])

    @cached_property
    def _logs(self) -> tuple[Floats, list[list[Floats]]]:
        """Logarithms of the shares of the classes, and of the chances of each level or band in the classes."""
        return np.log(self.shares), [list(np.ascontiguousarray(np.log(table).T)) for table in self._tables]

    @cached_property
    def _places(self) -> list[dict[float, int]]:
        """Where each level of a question stands."""
        return [{level: at for at, level in enumerate(levels)} for levels in self.levels]

    @cached_property
    def _plausible(self) -> Callable[[int], Floats]:
        """By a number of sets: the answer to each question in each set and class, shape (count, classes, questions)."""
        return cache(self._answered)

    def _answered(self, count: int) -> Floats:
        chance = _uniform(count, len(self.levels))
        found = np.empty((count, len(self.shares), len(self.levels)))
        for question, levels in enumerate(self.levels):
            cumulated = np.cumsum(self._tables[question], axis=1)
            passed = chance[:, question, None, None] * cumulated[:, -1:] > cumulated
            found[:, :, question] = np.array(levels)[passed.sum(axis=2)]
        return found


def levels_of(answers: Floats) -> tuple[float, ...]:
    """Values that stand for the answers to one question: all of a few, else as many quantiles."""
    given = answers[~np.isnan(answers)]
    values = np.unique(given)
    if len(values) > MOST_LEVELS:
        values = np.unique(np.quantile(given, np.linspace(0.05, 0.95, MOST_LEVELS), method="nearest"))
    return tuple(values.tolist())


def _bands(anchor: Floats) -> Floats:
    """Cut points that part an anchor into eighths."""
    known = anchor[~np.isnan(anchor)]
    return np.unique(np.quantile(known, np.linspace(0, 1, 9)[1:-1])) if len(known) else known


def _nearest(answers: Floats, levels: Sequence[Sequence[float]]) -> Ints:
    coded = np.full(answers.shape, MISSING, np.int64)
    for at, values in enumerate(levels):
        known = ~np.isnan(answers[:, at])
        coded[known, at] = np.abs(answers[known, at, None] - np.array(values)).argmin(axis=1)
    return coded


def _banded(anchors: Floats, edges: Sequence[Sequence[float]]) -> Ints:
    coded = np.full(anchors.shape, MISSING, np.int64)
    for at, cuts in enumerate(edges):
        known = ~np.isnan(anchors[:, at])
        coded[known, at] = np.searchsorted(np.array(cuts), anchors[known, at], side="right")
    return coded


def _classes(coded: Ints, sizes: Sequence[int], classes: int) -> tuple[Floats, list[Floats]]:
    """Shares and chances by expectation and maximisation; what is missing says nothing."""
    seen = np.hstack([coded[:, at, None] == np.arange(size) for at, size in enumerate(sizes)]).astype(np.float64)
    starts = np.cumsum([0, *sizes])
    parts = [slice(start, start + size) for start, size in zip(starts, sizes, strict=False)]
    usual = seen.sum(0) + 0.5
    prior = np.concatenate([PRIOR * usual[part] / usual[part].sum() for part in parts])
    member = np.random.default_rng(1).dirichlet(np.ones(classes), len(coded))
    for _ in range(ROUNDS):
        shares = (member.sum(0) + 1) / (len(coded) + classes)
        counted = member.T @ seen + prior
        chances = [counted[:, part] / counted[:, part].sum(axis=1, keepdims=True) for part in parts]
        logs = np.log(shares) + seen @ np.log(np.hstack(chances)).T
        member = np.exp(logs - logs.max(axis=1, keepdims=True))
        member /= member.sum(axis=1, keepdims=True)
    return shares, chances


def _uniform(count: int, questions: int) -> Floats:
    """The same numbers in [0, 1) for everybody: differences between people are then theirs, not chance."""
    return np.random.default_rng(11).random((count, questions))


def _tuples(values: Any) -> Any:
    return tuple(map(_tuples, values)) if isinstance(values, (list, tuple, np.ndarray)) else float(values)
