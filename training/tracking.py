"""MLflow: what a run keeps, and which version of the need model is challenger and champion.

The tracking server is the one of the usual variable (`MLFLOW_TRACKING_URI`), else MLflow's own default: a SQLite file
in the working directory. Runs hold aggregates only, never a row of a patient.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import matplotlib as mpl

mpl.use("Agg")

import mlflow
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from numpy.typing import NDArray

from features.catalogue import Catalogue
from models.need import NeedModel
from training.gate import Evaluation
from training.scores import Scores

NAME = "tarve-need"
EXPERIMENT = "tarve"
CHAMPION = "champion"
CHALLENGER = "challenger"
CODE = Path(__file__).parent.parent
FEATURES_SHOWN = 15


@contextmanager
def run(name: str) -> Iterator[mlflow.ActiveRun]:
    """An MLflow run: the one that `mlflow run` has started, else a new one in the project's experiment."""
    if "MLFLOW_RUN_ID" not in os.environ:
        _use_experiment()
    with mlflow.start_run(run_name=None if "MLFLOW_RUN_ID" in os.environ else name) as active:
        yield active


def _use_experiment() -> None:
    """Make the project's experiment once; beside a SQLite file its artifacts lie in the same folder."""
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        path = re.fullmatch(r"sqlite:///(.+)", mlflow.get_tracking_uri())
        location = (Path(path[1]).resolve().parent / "mlartifacts").as_uri() if path else None
        mlflow.create_experiment(EXPERIMENT, artifact_location=location)
    mlflow.set_experiment(EXPERIMENT)


def log_evaluation(model: str, evaluation: Evaluation) -> None:
    """Log every figure as `<model>.<segment>.<figure>`."""
    mlflow.log_metrics(
        {
            f"{model}.{segment}.{figure}": value
            for segment, scores in evaluation.items()
            for figure, value in scores.figures().items()
        }
    )


def log_model(model: NeedModel) -> str:
    """Log a model and register it as the next version of `NAME`; returns the version.

    The input example is a row of zeros: nobody's.
    """
    features = pd.DataFrame(np.zeros((1, len(model.estimator.features))), columns=list(model.estimator.features))
    predicted = pd.DataFrame(columns=["at_least_1", "at_least_2", "visits", "minutes"], dtype=np.float64)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "need"
        folder.mkdir()
        model.save(folder)
        logged = mlflow.pyfunc.log_model(
            name="need",
            python_model=str(CODE / "models" / "pyfunc.py"),
            artifacts={"need": str(folder)},
            code_paths=[str(CODE / room) for room in ("records", "features", "models")],
            signature=infer_signature(features, predicted),
            input_example=features,
            pip_requirements=_requirements(),
            registered_model_name=NAME,
        )
    return str(logged.registered_model_version)


def _requirements() -> list[str]:
    """What a loaded model needs, at the versions in use."""
    import lightgbm
    import pyarrow as pa
    import scipy
    import sklearn

    return [
        f"{package.__name__.replace('sklearn', 'scikit-learn')}=={package.__version__}"
        for package in (mlflow, lightgbm, np, pd, pa, scipy, sklearn)
    ]


def set_alias(alias: str, version: str) -> None:
    """Let an alias of the registered model point to a version."""
    mlflow.MlflowClient().set_registered_model_alias(NAME, alias, version)


def version_of(alias: str) -> str | None:
    """The version that an alias points to, or None."""
    try:
        return str(mlflow.MlflowClient().get_model_version_by_alias(NAME, alias).version)
    except MlflowException:
        return None


def load(version: str) -> NeedModel:
    """The need model of a registered version."""
    with tempfile.TemporaryDirectory() as folder:
        found = mlflow.artifacts.download_artifacts(f"models:/{NAME}/{version}", dst_path=folder)
        return NeedModel.load(Path(found) / "artifacts" / "need")


def logged_evaluation(version: str, kind: str, segments: tuple[str, ...]) -> Evaluation:
    """The scores that the training run of a registered version logged for its model.

    Raises:
        KeyError: the run did not log a figure.
    """
    client = mlflow.MlflowClient()
    metrics = client.get_run(str(client.get_model_version(NAME, version).run_id)).data.metrics

    def scores(segment: str) -> Scores:
        figures: dict[str, Any] = {one.name: metrics[f"{kind}.{segment}.{one.name}"] for one in fields(Scores)}
        return Scores(**figures)

    return {segment: scores(segment) for segment in segments}


def log_contributions(model: NeedModel, catalogue: Catalogue, x: NDArray[np.float64], names: tuple[str, ...]) -> None:
    """Log one beeswarm picture a threshold: which features moved the margin, over at most 2,000 rows."""
    import shap

    rows = x[:2000]
    contributions = model.estimator.contributions(rows)
    for k, name in enumerate(names):
        values = shap.Explanation(
            values=contributions[:, k, :-1], base_values=contributions[:, k, -1], data=rows,
            feature_names=[feature.name for feature in catalogue],
        )  # fmt: skip
        plt.figure()
        shap.plots.beeswarm(values, max_display=FEATURES_SHOWN, show=False)
        plt.title(f"log-odds of needing at least {name}")
        mlflow.log_figure(plt.gcf(), f"reasons/{name}.png", save_kwargs={"bbox_inches": "tight"})
        plt.close("all")


def log_texts(texts: Mapping[str, str]) -> None:
    """Log texts as artifacts by file name."""
    for name, text in texts.items():
        mlflow.log_text(text, name)
