"""What every estimator of need can do: feature values in, one log-odds margin for every threshold out."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from models.contributions import Tables

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


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

    def margins_alike(self, row: Floats, columns: Ints, values: Floats) -> Floats:
        """Log-odds of rows that are one row but for some columns, shape (n, thresholds): the bits of `margins`.

        Args:
            row: shape (features,).
            columns: positions of the columns that differ.
            values: what stands there, shape (n, columns).
        """
        rows = np.repeat(row[None], len(values), axis=0)
        rows[:, columns] = values
        return self.margins(rows)

    @abstractmethod
    def contributions(self, x: Floats) -> Floats:
        """Shape (n, thresholds, features + 1); the last column is the base. Sums over it are the margins."""

    @property
    def tabulated(self) -> Tables | None:
        """Trees whose margins and contributions are looked up in tables, where the estimator has made such."""
        return None

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
