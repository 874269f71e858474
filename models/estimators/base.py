"""What every estimator of need can do: feature values in, one log-odds margin for every threshold out."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Estimator(ABC):
    """What every estimator can do.

    `x` is float64 of shape (n, features), NaN for missing, columns in the order of `features`; `reached` is bool of
    shape (n, thresholds): whether the need reached each threshold.
    """

    kind: ClassVar[str]
    features: tuple[str, ...]

    @abstractmethod
    def fit(self, x: Floats, reached: Bools) -> Self:
        """Learn from rows; returns itself."""

    @abstractmethod
    def margins(self, x: Floats) -> Floats:
        """Log-odds, shape (n, thresholds)."""

    @abstractmethod
    def contributions(self, x: Floats) -> Floats:
        """Shape (n, thresholds, features + 1); the last column is the base. Sums over it are the margins."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write text files only; nothing in them is executed when read."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""


def write(folder: Path, features: tuple[str, ...], **said: object) -> None:
    """Write the part of an estimator that every kind has, with what its own kind adds, as JSON."""
    text = json.dumps({"features": list(features), **said}, indent=1)
    (folder / "estimator.json").write_text(text, encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Read what `write` wrote."""
    said: dict[str, Any] = json.loads((folder / "estimator.json").read_text(encoding="utf-8"))
    return said | {"features": tuple(said["features"])}
