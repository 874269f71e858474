"""Answers as feature columns: where the catalogue holds them, and how a fresh answer is written into a row.

Writing an answer gives the same bits as evaluating the catalogue on a history in which the answer was recorded right
before the moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.families import Feature

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class InterviewError(ValueError):
    """An interview does not fit the catalogue or the model it is given."""


@dataclass(frozen=True)
class AnswerColumns:
    """The columns of a catalogue that answers fill.

    Attributes:
        questions: names of the questions, in order.
        latest: for each question, the columns that hold its latest answer, the shortest window first.
        days: for each question, the shortest window of these columns in days; infinity without a window.
        since: columns that hold the time since the latest answer, each with the positions of the questions it looks at.
    """

    questions: tuple[str, ...]
    latest: tuple[tuple[int, ...], ...]
    days: tuple[float, ...]
    since: tuple[tuple[int, tuple[int, ...]], ...]

    @staticmethod
    def held(catalogue: Catalogue, questions: Sequence[str]) -> list[str]:
        """The questions of which the catalogue holds the latest answer."""
        families = [feature for feature in catalogue if feature.family.source == "answers"]
        held = {
            name for feature in families if feature.family.aggregate == "last" for name in _read(feature, questions)
        }
        return [name for name in questions if name in held]

    @classmethod
    def of(cls, catalogue: Catalogue, questions: Sequence[str]) -> AnswerColumns:
        """Find the columns.

        Raises:
            InterviewError: a question has no column, or a column reads answers in a way that a fresh one cannot be
                written into.
        """
        latest: dict[str, list[tuple[float, int]]] = {name: [] for name in questions}
        since = []
        for at, feature in enumerate(catalogue):
            if feature.family.source != "answers":
                continue
            about = [name for name in questions if name in _read(feature, questions)]
            if feature.family.aggregate == "since":
                since.append((at, tuple(questions.index(name) for name in about)))
            elif feature.family.aggregate != "last" or feature.family.measure != "value" or len(about) > 1:
                raise InterviewError(f"a fresh answer cannot be written into the feature {feature.name}")
            for name in about if feature.family.aggregate == "last" else ():
                latest[name].append((np.inf if feature.days is None else feature.days, at))
        lacking = [name for name, columns in latest.items() if not columns]
        if lacking:
            raise InterviewError(f"the catalogue has no column for answers to {lacking[0]!r}")
        ordered = [sorted(columns) for columns in latest.values()]
        return cls(
            questions=tuple(questions),
            latest=tuple(tuple(at for _, at in columns) for columns in ordered),
            days=tuple(columns[0][0] for columns in ordered),
            since=tuple(since),
        )

    def written(self, x: Floats, answers: Floats) -> Floats:
        """A copy of rows with answers written in.

        Args:
            x: feature values, shape (n, features).
            answers: shape (n, questions); NaN leaves what the record says.
        """
        found = x.copy()
        found[:, self.columns] = self._filled(x[:, self.columns], answers)
        return found

    def values(self, row: Floats, answers: Floats) -> Floats:
        """What `written` would put into `columns` of one row, with each of some sets of answers.

        Args:
            row: shape (features,).
            answers: shape (n, questions).

        Returns:
            Shape (n, columns).
        """
        return self._filled(np.repeat(row[None, self.columns], len(answers), axis=0), answers)

    @cached_property
    def columns(self) -> Ints:
        """All columns that answers fill: those of the latest answers, and then those of the time since."""
        latest = [column for columns in self.latest for column in columns]
        return np.array([*latest, *(column for column, _ in self.since)], np.int64)

    @cached_property
    def _owner(self) -> Ints:
        """Of each column of a latest answer, the question."""
        return np.repeat(np.arange(len(self.latest)), [len(columns) for columns in self.latest])

    def _filled(self, found: Floats, answers: Floats) -> Floats:
        """The values of `columns`, shape (n, columns), overwritten by the answers."""
        told = answers[:, self._owner]
        np.copyto(found[:, : told.shape[1]], told, where=~np.isnan(told))
        for at, (_, about) in enumerate(self.since, told.shape[1]):
            found[(~np.isnan(answers[:, about])).any(axis=1), at] = 0.0
        return found


def _read(feature: Feature, questions: Sequence[str]) -> Sequence[str]:
    """Questions whose answers a feature looks at."""
    family = feature.family
    if family.by == "question":
        return (feature.level or "",)
    wanted = dict(family.where).get("question")
    return questions if wanted is None else [str(name) for name in wanted]
