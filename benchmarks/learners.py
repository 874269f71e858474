"""Other engines on the same rows: what their makers ship, untouched, or nearly.

AutoGluon and XGBoost do not live in the project's environment. Given the Python of one that has them, they run there,
on rows handed over in a folder that is gone afterwards.
"""

from __future__ import annotations

import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from interpret.glassbox import ExplainableBoostingClassifier
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from typing_extensions import override

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class EngineError(ValueError):
    """An engine outside this environment did not answer."""


class Engine(ABC):
    """Learns one target and gives probabilities."""

    name: str

    @abstractmethod
    def predict(self, x: Floats, reached: Bools, weight: Floats, test: Floats) -> Floats:
        """Probability of reaching the target, shape (n,), for test rows of shape (n, features).

        Rows that stand for others carry weights and are not repeated: an engine that holds rows out to know when to
        stop would find their doubles among those it learnt from.
        """


class HistGradient(Engine):
    """scikit-learn's histogram gradient boosting with its defaults, stopping early."""

    name = "histgb"

    @override
    def predict(self, x: Floats, reached: Bools, weight: Floats, test: Floats) -> Floats:
        known = _known(x)
        model = HistGradientBoostingClassifier(early_stopping=True, random_state=1)
        model.fit(x[:, known], reached, sample_weight=weight)
        return np.asarray(model.predict_proba(test[:, known])[:, 1])


@dataclass
class Explainable(Engine):
    """InterpretML's explainable boosting machine; fewer bags and pairs than its defaults where there are many columns.

    With 400 columns its defaults take hours and gain nothing that can be seen.
    """

    name = "ebm"
    bags: int = 4
    pairs: int = 10

    @override
    def predict(self, x: Floats, reached: Bools, weight: Floats, test: Floats) -> Floats:
        known = _known(x)
        model = ExplainableBoostingClassifier(
            outer_bags=self.bags, interactions=self.pairs, n_jobs=1, random_state=1, max_bins=256
        )
        model.fit(x[:, known], reached, sample_weight=weight)
        return np.asarray(model.predict_proba(test[:, known])[:, 1])


@dataclass
class Outside(Engine):
    """An engine in an environment of its own, which reads rows from a folder and writes probabilities into it.

    Attributes:
        python: the Python of that environment.
        seconds: time limit for each target.
    """

    python: Path
    seconds: int = 120

    @override
    def predict(self, x: Floats, reached: Bools, weight: Floats, test: Floats) -> Floats:
        script = Path(__file__).with_name(f"{self.name}_run.py")
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            _frame(x).assign(reached=reached.astype(int), weight=weight).to_parquet(folder / "learn.parquet")
            _frame(test).to_parquet(folder / "test.parquet")
            command = [str(self.python), str(script), place, str(self.seconds)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the user's
            except OSError as error:
                raise EngineError(f"{self.python} cannot be run") from error
            if done.returncode:
                raise EngineError(f"{self.python} could not run {self.name}: {done.stderr.strip().splitlines()[-1]}")
            found = pd.read_parquet(folder / "probability.parquet")["probability"]
        return np.asarray(found.to_numpy(np.float64))


class AutoGluon(Outside):
    """AutoGluon with its preset of good quality."""

    name = "autogluon"


class XGBoost(Outside):
    """XGBoost, stopping where a fifth of the rows gains nothing."""

    name = "xgboost"


ENGINES: Mapping[str, type[HistGradient | Explainable]] = {"histgb": HistGradient, "ebm": Explainable}
"""Engines that need no environment of their own."""


def _known(x: Floats) -> Bools:
    """Columns with a value: those without one cannot be binned."""
    return np.asarray(~np.isnan(x).all(axis=0))


def _frame(x: Floats) -> pd.DataFrame:
    return pd.DataFrame(x, columns=[f"f{at}" for at in range(x.shape[1])])
