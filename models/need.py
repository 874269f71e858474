"""The need model: probabilities of the segments, and the visits and minutes that they imply, by profession."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.calibration import Calibrator, segment_probabilities
from models.estimators import KINDS, Estimator

Floats = NDArray[np.float64]


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
    """

    margins: Floats
    at_least: Floats
    probabilities: Floats
    visits: Floats
    minutes: Floats


@dataclass(frozen=True)
class NeedModel:
    """A fitted estimator with its calibration, its need table, and what it was made from.

    Attributes:
        estimator: ranks patients.
        calibrator: turns margins into probabilities.
        need: turns probabilities into visits and minutes, so that the three can never contradict each other.
        catalogue: version of the feature catalogue that the estimator reads.
        segments_from: first day of the dated table of segments that the labels were cut by.
    """

    estimator: Estimator
    calibrator: Calibrator
    need: NeedTable
    catalogue: str
    segments_from: str

    def predict(self, x: Floats) -> Predictions:
        """Predict from feature values of shape (n, features), columns in the estimator's order."""
        margins = self.estimator.margins(x)
        at_least = self.calibrator.at_least(margins)
        probabilities = segment_probabilities(at_least)
        # Not a matrix product: its last bits would depend on how many rows come together.
        visits, minutes = (
            np.einsum("nk,kp->np", probabilities, np.array(table)) for table in (self.need.visits, self.need.minutes)
        )
        return Predictions(margins, at_least, probabilities, visits, minutes)

    def save(self, folder: Path) -> None:
        """Write the model as text files into an existing folder."""
        said = {
            "kind": self.estimator.kind,
            "calibrator": asdict(self.calibrator),
            "need": asdict(self.need),
            "catalogue": self.catalogue,
            "segments_from": self.segments_from,
        }
        (folder / "need.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
        self.estimator.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: the folder holds no complete model.
        """
        try:
            said: dict[str, Any] = json.loads((folder / "need.json").read_text(encoding="utf-8"))
            estimator = KINDS[said["kind"]].load(folder)
            return cls(estimator, Calibrator(**_tuples(said["calibrator"])), NeedTable(**_tuples(said["need"])),
                       said["catalogue"], said["segments_from"])  # fmt: skip
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{folder} holds no need model that can be read: {error}") from error


class ModelError(ValueError):
    """A model cannot be read, or does not fit the features it is given."""


def _tuples(said: Mapping[str, Any]) -> dict[str, Any]:
    """JSON lists as tuples, all the way down."""
    return {key: _tuple(value) for key, value in said.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(each) for each in value) if isinstance(value, list) else value
