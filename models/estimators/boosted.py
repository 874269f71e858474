"""LightGBM as an estimator: one shallow booster for each threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from models.contributions import Tables
from models.estimators.base import Bools, Estimator, Floats, Ints, read, write
from models.trees import read_trees

SHALLOW: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 8,
    "min_child_samples": 50,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
"""Parameters for a few thousand to a few hundred thousand rows; shallow, so that a reason concerns few features."""


@dataclass
class Boosted(Estimator):
    """LightGBM, one shallow booster for each threshold."""

    kind: ClassVar[str] = "lightgbm"
    features: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=lambda: dict(SHALLOW))
    rounds: int = 300
    boosters: Sequence[lgb.Booster] = ()
    _tables: Tables | None = field(default=None, init=False, repr=False, compare=False)

    @override
    def fit(self, x: Floats, reached: Bools) -> Self:
        # The same rows for every threshold, so they are binned once.
        rows = lgb.Dataset(x, reached[:, 0].astype(np.float64), feature_name=list(self.features), free_raw_data=True)
        self.boosters = [self._boost(rows, reached[:, k]) for k in range(reached.shape[1])]
        self._tables = None
        return self

    def tables(self) -> Tables:
        """What margins and contributions are looked up in; made when first asked for, which takes tenths of a second.

        Raises:
            ForestError: the trees are too deep to be tabulated.
            TreeError: the trees ask what is never asked here.
        """
        if self._tables is None:
            self._tables = Tables.of(read_trees(self.boosters), len(self.features))
        return self._tables

    @property
    @override
    def tabulated(self) -> Tables | None:
        return self._tables

    def _boost(self, rows: lgb.Dataset, reached: NDArray[np.bool_]) -> lgb.Booster:
        return lgb.train(dict(self.parameters), rows.set_label(reached.astype(np.float64)), self.rounds)

    @override
    def margins(self, x: Floats) -> Floats:
        # The bits are the same. A model that is loaded has its tables; one that was just fitted, perhaps for one fold
        # and with trees too deep for tables, does without.
        return self.predicted(x) if self._tables is None else self._tables.forest.margins(x)

    @override
    def margins_alike(self, row: Floats, columns: Ints, values: Floats) -> Floats:
        if self._tables is None:
            return super().margins_alike(row, columns, values)
        return self._tables.forest.margins_alike(row, columns, values)

    @override
    def contributions(self, x: Floats) -> Floats:
        return self.tables().contributions(x)

    def predicted(self, x: Floats) -> Floats:
        """The same margins as LightGBM itself adds them up, at two to five times the cost."""
        return np.stack([np.asarray(booster.predict(x, raw_score=True)) for booster in self.boosters], axis=1)

    def explained(self, x: Floats) -> Floats:
        """The same contributions as LightGBM itself works them out, twenty to sixty times as slowly."""
        return np.stack([np.asarray(booster.predict(x, pred_contrib=True)) for booster in self.boosters], axis=1)

    @override
    def save(self, folder: Path) -> None:
        """Write text files only; trees whose contributions cannot be tabulated are refused as by `tables`."""
        self.tables()
        write(
            folder, self.features, parameters=dict(self.parameters), rounds=self.rounds, thresholds=len(self.boosters)
        )
        for k, booster in enumerate(self.boosters):
            booster.save_model(folder / f"threshold-{k + 1}.txt")

    @classmethod
    @override
    def load(cls, folder: Path) -> Self:
        said = read(folder)
        boosters = [lgb.Booster(model_file=folder / f"threshold-{k + 1}.txt") for k in range(said["thresholds"])]
        loaded = cls(said["features"], said["parameters"], said["rounds"], boosters)
        loaded.tables()  # now, so that the first patient does not wait for it
        return loaded
