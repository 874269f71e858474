"""The project as MLflow's users find it: every entry point runs, and a run keeps what it should and no patient."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from features.dental import DENTAL
from records import store
from records.clock import HELSINKI
from records.history import History, raw_table
from tests.training.conftest import LENIENT
from tests.training.made import policy_file
from training.__main__ import main as train

ROOT = Path(__file__).parent.parent
BINARIES = Path(sys.executable).parent
pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which all entry points were run one after another, by `mlflow run`."""
    folder = tmp_path_factory.mktemp("project")
    policy = policy_file(folder, **LENIENT)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.create_experiment("tarve", artifact_location=(folder / "artifacts").as_uri())
    options = {
        "simulate": {"patients": 4000, "years": 8, "seed": 5, "records": folder / "records"},
        "features": {"records": folder / "records", "examples": folder / "examples.parquet"},
        "train": {"examples": folder / "examples.parquet", "policy": policy},
        "evaluate": {"examples": folder / "examples.parquet", "policy": policy},
        "promote": {"examples": folder / "examples.parquet", "policy": policy, "signed_by": "Anna Esimerkki"},
        "score": {"history": folder / "records", "as_of": "2026-01-01", "out": folder / "scores.parquet"},
        "monitor": {"records": folder / "served", "reference": folder / "reference.json", "out": folder / "monitor"},
    }
    assert list(options) == list(entry_points())
    for entry, parameters in options.items():
        if entry == "monitor":
            serve(folder / "records", folder / "served")
            last = datetime.now(HELSINKI).date().replace(day=1) - timedelta(days=1)
            command = ["reference", "--since", str(last.replace(day=1)), "--until", str(last),
                       "--records", str(folder / "served"), "--reference", str(folder / "reference.json")]  # fmt: skip
            assert train(command) == 0
        run_entry(entry, parameters, folder)
    yield folder
    mlflow.set_tracking_uri(None)


def serve(records: Path, out: Path) -> None:
    """A history as a service leaves it: with an assessment of everybody in each of the last months."""
    history = store.read(records)
    this = datetime.now(HELSINKI)
    months = [divmod(this.year * 12 + this.month - 1 - ago, 12) for ago in range(1, 15)]
    middles = [datetime(year, month + 1, 15, tzinfo=UTC) for year, month in months]
    rows = [
        {"patient_id": name, "event_id": f"{name}-{at:%Y-%m}", "event_time": at,
         "recorded_at": at, "source": "service", "model_version": "1",
         "features_version": DENTAL.version, "rules_version": "1", "suggested": "light",
         "at_least_moderate": 0.2, "at_least_heavy": 0.1}
        for name in history.patient_ids.to_pylist()[:300] for at in middles
    ]  # fmt: skip
    store.write(History.of({**history.tables, "assessments": raw_table("assessments", rows)}), out)


def entry_points() -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((ROOT / "mlproject.yaml").read_text(encoding="utf-8"))["entry_points"]
    return found


def run_entry(entry: str, parameters: dict[str, object], folder: Path) -> None:
    given = [word for name, value in parameters.items() for word in ("-P", f"{name}={value}")]
    command = [
        BINARIES / "mlflow",
        "run",
        ".",
        "-e",
        entry,
        "--env-manager=local",
        "--experiment-name",
        "tarve",
        *given,
    ]
    # Another test in this process may have chosen an experiment, which MLflow keeps in the environment.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")} | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "PATH": f"{BINARIES}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "default",
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, f"{entry}:\n{done.stdout}\n{done.stderr}"


def test_mlflow_finds_the_project_file_by_its_symlink() -> None:
    assert (ROOT / "MLproject").is_symlink()
    assert (ROOT / "MLproject").readlink() == Path("mlproject.yaml")


def test_a_quiet_service_is_found_quiet(folder: Path) -> None:
    months = json.loads((folder / "monitor" / "monitor.json").read_text(encoding="utf-8"))
    assert len(months) == 12
    assert months[-1]["figures"]
    assert not months[-1]["breaches"]


def test_every_entry_point_ran(folder: Path) -> None:
    assert store.read(folder / "records").rows()["patients"] == 4000
    assert pq.read_metadata(folder / "examples.parquet").num_rows > 1000
    runs = mlflow.search_runs(experiment_names=["tarve"])
    assert set(runs["status"]) == {"FINISHED"}
    assert set(runs["tags.mlflow.project.entryPoint"]) == set(entry_points())
    assert pq.read_metadata(folder / "scores.parquet").num_rows > 2000


def test_the_champion_is_a_registered_model_that_answers(folder: Path) -> None:
    assert folder.exists()
    model = mlflow.pyfunc.load_model("models:/tarve-need@champion")
    examples = pq.read_table(folder / "examples.parquet").to_pandas()
    predicted = model.predict(examples[list(DENTAL.names)].head(50))
    assert isinstance(predicted, pd.DataFrame)
    assert predicted["at_least_1"].between(0, 1).all()
    assert (predicted["at_least_2"] <= predicted["at_least_1"]).all()
    assert np.isfinite(predicted[["visits", "minutes"]].to_numpy()).all()


def test_a_run_keeps_three_models_side_by_side_and_its_settings(folder: Path) -> None:
    assert folder.exists()
    runs = mlflow.search_runs(experiment_names=["tarve"])
    trained = runs[runs["tags.mlflow.project.entryPoint"] == "train"].iloc[0]
    for model in ("rule", "logistic", "lightgbm"):
        for segment in ("moderate", "heavy"):
            assert 0.5 < trained[f"metrics.{model}.{segment}.auroc"] < 0.95
    assert trained["params.catalogue"] == DENTAL.version
    files = {item.path for item in mlflow.artifacts.list_artifacts(run_id=trained["run_id"])}
    assert {"comparison.txt", "attrition.txt", "report.html", "card"} <= files


def test_no_patient_is_in_a_run(folder: Path) -> None:
    ids = {name.encode() for name in store.read(folder / "records").patient_ids.to_pylist()}
    kept = [folder / "mlflow.db", *(path for path in (folder / "artifacts").rglob("*") if path.is_file())]
    assert len(kept) > 5
    for path in kept:
        assert not ids & set(re.findall(rb"p\d{7}", path.read_bytes())), path.name
