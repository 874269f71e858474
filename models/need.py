"""The need model: probabilities of the segments, the visits and minutes that follow, and how sure all that is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.amounts import Amounts
from models.calibration import AnyCalibrator, Recalibrated, from_json, segment_probabilities, to_json
from models.conformal import Conformal
from models.estimators import KINDS, Estimator
from models.intervals import Intervals
from models.interview.plan import FILE as PLAN
from models.interview.plan import Plan

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


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

    def predict(self, x: Floats, groups: ArrayLike | None = None) -> Predictions:
        """Predict from feature values.

        Args:
            x: shape (n, features), columns in the estimator's order.
            groups: site (or period) of each row, for models that are calibrated by it; others make no difference.
        """
        margins = self.estimator.margins(x)
        at_least = self.calibrator.at_least(margins, groups)
        probabilities = segment_probabilities(at_least)
        visits, minutes = self._expected(x, at_least, probabilities)
        found = Predictions(margins, at_least, probabilities, visits, minutes)
        return found if self.uncertainty is None else _with_uncertainty(found, self.uncertainty, groups)

    def _expected(self, x: Floats, at_least: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
        if self.amounts is not None:
            return self.amounts.expected(x, at_least)
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
            return cls(
                KINDS[said["kind"]].load(folder), from_json(said["calibrator"]), NeedTable(**_tuples(said["need"])),
                said["catalogue"], said["segments_from"], amounts and Amounts.load(folder, amounts),
                uncertainty and Uncertainty.from_json(uncertainty), _tuples(said.get("ranges", {})), plan,
            )  # fmt: skip
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{folder} holds no need model that can be read: {error}") from error


def _with_uncertainty(found: Predictions, uncertainty: Uncertainty, groups: ArrayLike | None) -> Predictions:
    return replace(
        found,
        prediction_set=uncertainty.sets.sets(found.at_least, groups),
        visits_interval=_around(uncertainty.visits.of(found.probabilities, groups), found.visits.sum(1)),
        minutes_interval=_around(uncertainty.minutes.of(found.probabilities, groups), found.minutes.sum(1)),
    )


def _around(interval: Floats, expected: Floats) -> Floats:
    """The interval, widened to the whole numbers around what is expected, where that lies outside of it."""
    low, high = interval.T
    return np.column_stack([np.minimum(low, np.floor(expected)), np.maximum(high, np.ceil(expected))])


class ModelError(ValueError):
    """A model cannot be read, or does not fit the features it is given."""


def _tuples(said: Mapping[str, Any]) -> dict[str, Any]:
    """JSON lists as tuples, all the way down."""
    return {key: _tuple(value) for key, value in said.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(each) for each in value) if isinstance(value, list) else value
