"""One small training run that the tests of this folder look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import mlflow
import pytest

from records import store
from records.simulate import TruthFile, simulate
from tests.training.made import policy_file
from training.__main__ import main

BOUNDED = {"resamples": 60, "subgroup_resamples": 20, "origins": 1, "sites": 1, "fold_rows": 1500, "fold_resamples": 20,
           "assessable_rows": 60, "assessable_events": 5}  # fmt: skip
"""A quick examination."""
LENIENT = BOUNDED | {
    "test_events_at_least": 5, "learn_events_at_least": 5, "permuted_auroc_at_most": 0.9, "auroc_low_at_least": 0.0,
    "slope_between": [-9.0, 9.0], "intercept_between": [-9.0, 9.0], "observed_to_expected_between": [0.0, 9.0],
    "net_benefit_gain_at_least": -1.0, "auroc_gain_at_least": -1.0, "auroc_loss_at_most": 1.0,
    "log_loss_gain_at_most": 9.0, "net_benefit_loss_at_most": 1.0, "subgroup_auroc_at_least": 0.0,
    "subgroup_observed_to_expected_between": [0.0, 9.0], "median_ms_at_most": 9999.0,
}  # fmt: skip
"""A gate that asks for a card, honest data and a signature only."""


@dataclass(frozen=True)
class Trained:
    """A folder with records of a few people, their examples, policies, a tracking store and one trained version."""

    folder: Path

    @property
    def records(self) -> Path:
        return self.folder / "records"

    @property
    def examples(self) -> Path:
        return self.folder / "examples.parquet"

    @property
    def tracking(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    def policy(self, name: str) -> Path:
        return self.folder / f"{name}.toml"

    def run(self, command: str, *more: str, policy: str | None = "lenient") -> int:
        """Run a command of training on the examples."""
        words = [command, *more]
        if policy is not None:
            words += ["--examples", str(self.examples), "--policy", str(self.policy(policy))]
        return main(words)


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Simulate, derive features, train: version 1 is challenger."""
    found = Trained(tmp_path_factory.mktemp("training"))
    with (
        store.Writer(found.records) as writer,
        TruthFile(found.folder / "records-truth.parquet") as truth,
    ):
        for block in simulate(3000, 8, 9, date(2025, 12, 31)):
            writer.write(block.history)
            truth.write(block.truth)
    policy_file(found.folder, "lenient.toml", **LENIENT)
    policy_file(found.folder, "strict.toml", **LENIENT | {"auroc_low_at_least": 0.99})
    mlflow.set_tracking_uri(found.tracking)
    try:
        assert main(["features", "--records", str(found.records), "--out", str(found.examples)]) == 0
        assert found.run("train") == 0
    finally:
        mlflow.set_tracking_uri(None)
    return found


@pytest.fixture(scope="module")
def trained(trained_once: Trained) -> Iterator[Trained]:
    """The small training run, with its tracking store in use."""
    mlflow.set_tracking_uri(trained_once.tracking)
    yield trained_once
    mlflow.set_tracking_uri(None)
