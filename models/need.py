"""The need model: probabilities of the segments, the visits and minutes that follow, and how sure all that is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.amounts import Amounts
from models.calibration import AnyCalibrator, Recalibrated, from_json, segment_probabilities, to_json
from models.conformal import Conformal
from models.estimators import KINDS, Estimator
from models.forest import FEW, Codes, Forest
from models.intervals import Intervals
from models.interview.plan import FILE as PLAN
from models.interview.plan import Plan

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class NeedTable:
    """What episodes of each segment took, on average: the bridge from probabilities to visits and minutes.

    Attributes:
        professions: columns of the two tables.
        visits: mean visits of an episode, shape (segments, professions).
        minutes: mean chair minutes of an episode, the same shape.
    """

    professions: tuple[str, ...]
    visits: tuple[tuple[float, ...], ...]
    minutes: tuple[tuple[float, ...], ...]

    @classmethod
    def fit(
        cls, segment: NDArray[np.int64], visits: Floats, minutes: Floats, professions: tuple[str, ...], segments: int
    ) -> Self:
        """Average training episodes by segment; `visits` and `minutes` have shape (n, professions).

        Raises:
            ModelError: a segment has no episode to average.
        """
        for k in range(segments):
            if not (segment == k).any():
                raise ModelError(f"nobody reached segment {k + 1} of {segments}: there is nothing to average")

        def means(values: Floats) -> tuple[tuple[float, ...], ...]:
            return tuple(tuple(values[segment == k].mean(0).tolist()) for k in range(segments))

        return cls(professions, means(visits), means(minutes))


@dataclass(frozen=True)
class Predictions:
    """Predicted need of n patients.

    Attributes:
        margins: calibrated by nothing, log-odds, shape (n, thresholds).
        at_least: probability of needing at least each segment but the first, shape (n, thresholds).
        probabilities: probability of each segment, shape (n, segments).
        visits: expected visits of the episode, shape (n, professions).
        minutes: expected chair minutes of the episode, shape (n, professions).
        prediction_set: whether each segment cannot be ruled out, shape (n, segments); None if the model cannot say.
        visits_interval: lowest and highest number of visits, shape (n, 2); None if the model cannot say.
        minutes_interval: lowest and highest chair minutes, shape (n, 2); None if the model cannot say.
    """

    margins: Floats
    at_least: Floats
    probabilities: Floats
    visits: Floats
    minutes: Floats
    prediction_set: Bools | None = None
    visits_interval: Floats | None = None
    minutes_interval: Floats | None = None

    def columns(self) -> dict[str, Floats | Bools]:
        """As columns: `at_least_1` ..., `visits`, `minutes`, and if there are any `in_set_0` ..., `visits_low` ..."""
        found: dict[str, Floats | Bools] = {f"at_least_{k + 1}": each for k, each in enumerate(self.at_least.T)}
        found |= {"visits": self.visits.sum(1), "minutes": self.minutes.sum(1)}
        if self.prediction_set is not None:
            found |= {f"in_set_{k}": each for k, each in enumerate(self.prediction_set.T)}
        for name, bounds in (("visits", self.visits_interval), ("minutes", self.minutes_interval)):
            if bounds is not None:
                found |= {f"{name}_low": bounds[:, 0], f"{name}_high": bounds[:, 1]}
        return found


@dataclass(frozen=True)
class Reading:
    """What a model has read of n patients.

    Attributes:
        x: feature values, shape (n, features).
        margins: log-odds, shape (n, thresholds).
        scores: of the professions that visits divide among, shape (n, shared); None where they were not read.
        patterns: how the rows answer the splits of all trees, shape (n, parts); None where they were not kept.
    """

    x: Floats
    margins: Floats
    scores: Floats | None = None
    patterns: Codes | None = None


@dataclass(frozen=True)
class Uncertainty:
    """How sure a model is, learnt from calibration rows that nothing else was learnt from.

    Attributes:
        sets: segments that cannot be ruled out.
        visits: interval of the episode's visits.
        minutes: interval of its chair minutes.
    """

    sets: Conformal
    visits: Intervals
    minutes: Intervals

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """What `dataclasses.asdict` and JSON have made of it."""
        visits, minutes = (Intervals.from_json(said[name]) for name in ("visits", "minutes"))
        return cls(Conformal.from_json(said["sets"]), visits, minutes)


@dataclass(frozen=True)
class NeedModel:
    """A fitted estimator with its calibration, its amounts, its uncertainty, and what it was made from.

    Attributes:
        estimator: ranks patients.
        calibrator: turns margins into probabilities.
        need: average visits and minutes of each segment; what is expected where there are no `amounts`.
        catalogue: version of the feature catalogue that the estimator reads.
        segments_from: first day of the dated table of segments that the labels were cut by.
        amounts: turns probabilities into a patient's own visits and minutes, so that they never contradict each other.
        uncertainty: sets and intervals; None in a model without calibration rows.
        ranges: for features that a person can change, the values of usual patients, rising.
        interview: what to ask, in which order, and what people are likely to answer; None in a model that learnt
            nothing of interviews.
    """

    estimator: Estimator
    calibrator: AnyCalibrator
    need: NeedTable
    catalogue: str
    segments_from: str
    amounts: Amounts | None = None
    uncertainty: Uncertainty | None = None
    ranges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    interview: Plan | None = None

    @property
    def by_site(self) -> bool:
        """Whether levels, sets or intervals differ between sites."""
        sure = self.uncertainty
        own = () if sure is None else (sure.sets.groups, sure.visits.groups, sure.minutes.groups)
        return isinstance(self.calibrator, Recalibrated) or any(own)

    def read(self, x: Floats) -> Reading:
        """Read feature values, shape (n, features), columns in the estimator's order.

        A few rows are read once for margins, amounts and reasons together; many by each for itself, block by block.
        """
        forest = self._forest if len(x) <= FEW else None
        if forest is None:
            return Reading(x, self.estimator.margins(x))
        patterns, sums = forest.read(x)
        thresholds = sums.shape[1] - len(self.amounts.shared) if self.amounts and self.amounts.forest else sums.shape[1]
        return Reading(x, sums[:, :thresholds], sums[:, thresholds:], patterns)

    @cached_property
    def _forest(self) -> Forest | None:
        """The estimator's trees and those of the amounts; None where the estimator has no tables of its own."""
        tables = self.estimator.tabulated
        if tables is None:
            return None
        if self.amounts is None or self.amounts.forest is None:
            return tables.forest
        return tables.forest.beside(self.amounts.forest)

    def predict(self, x: Floats, groups: ArrayLike | None = None) -> Predictions:
        """Predict from feature values.

        Args:
            x: shape (n, features), columns in the estimator's order.
            groups: site (or period) of each row, for models that are calibrated by it; others make no difference.
        """
        return self.needs(self.read(x), groups)

    def needs(self, rows: Reading, groups: ArrayLike | None = None) -> Predictions:
        """Predict from what was read; `groups` as for `predict`."""
        at_least = self.calibrator.at_least(rows.margins, groups)
        probabilities = segment_probabilities(at_least)
        visits, minutes = self._expected(rows, at_least, probabilities)
        sure = self.uncertainty
        if sure is None:
            return Predictions(rows.margins, at_least, probabilities, visits, minutes)
        return Predictions(
            rows.margins, at_least, probabilities, visits, minutes, sure.sets.sets(at_least, groups),
            sure.visits.of(probabilities, groups, visits.sum(1)),
            sure.minutes.of(probabilities, groups, minutes.sum(1)),
        )  # fmt: skip

    def contributions(self, rows: Reading, threshold: int) -> Floats:
        """What each feature adds to one margin, shape (n, features), without the base."""
        tables = self.estimator.tabulated
        if rows.patterns is None or tables is None:
            return self.estimator.contributions(rows.x)[:, threshold, :-1]
        return tables.explained(rows.patterns, threshold)

    def at_least_alike(self, row: Floats, columns: Ints, values: Floats, group: str | None = None) -> Floats:
        """Probability of needing at least each segment but the first, of rows that are one row but for some columns.

        Args:
            row: shape (features,).
            columns: positions of the columns that differ.
            values: what stands there, shape (n, columns).
            group: site of the patient; without it the shared curve holds.

        Returns:
            Shape (n, thresholds); the bits of `predict`.
        """
        groups = None if group is None else [group] * len(values)
        return self.calibrator.at_least(self.estimator.margins_alike(row, columns, values), groups)

    def _expected(self, rows: Reading, at_least: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
        if self.amounts is not None:
            return self.amounts.expected(rows.x, at_least, rows.scores)
        # Not a matrix product: its last bits would depend on how many rows come together.
        visits, minutes = (
            np.einsum("nk,kp->np", probabilities, np.array(table)) for table in (self.need.visits, self.need.minutes)
        )
        return visits, minutes

    def save(self, folder: Path) -> None:
        """Write the model as text files into an existing folder."""
        said = {
            "kind": self.estimator.kind,
            "calibrator": to_json(self.calibrator),
            "need": asdict(self.need),
            "catalogue": self.catalogue,
            "segments_from": self.segments_from,
            "amounts": None if self.amounts is None else self.amounts.save(folder),
            "uncertainty": None if self.uncertainty is None else asdict(self.uncertainty),
            "ranges": self.ranges,
        }
        (folder / "need.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
        if self.interview is not None:
            self.interview.save(folder)
        self.estimator.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: the folder holds no complete model.
        """
        try:
            said: dict[str, Any] = json.loads((folder / "need.json").read_text(encoding="utf-8"))
            # Models saved before these existed have neither amounts of their own nor uncertainty nor ranges nor a plan.
            plan = Plan.load(folder) if (folder / PLAN).exists() else None
            amounts, uncertainty = said.get("amounts"), said.get("uncertainty")
            made = cls(
                KINDS[said["kind"]].load(folder), from_json(said["calibrator"]), NeedTable(**_tuples(said["need"])),
                said["catalogue"], said["segments_from"], amounts and Amounts.load(folder, amounts),
                uncertainty and Uncertainty.from_json(uncertainty), _tuples(said.get("ranges", {})), plan,
            )  # fmt: skip
            # Now, so that the first patient does not wait for what is worked out once.
            made.predict(np.full((1, len(made.estimator.features)), np.nan))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{folder} holds no need model that can be read: {error}") from error
        return made


class ModelError(ValueError):
    """A model cannot be read, or does not fit the features it is given."""


def _tuples(said: Mapping[str, Any]) -> dict[str, Any]:
    """JSON lists as tuples, all the way down."""
    return {key: _tuple(value) for key, value in said.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(each) for each in value) if isinstance(value, list) else value
