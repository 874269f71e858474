"""MLflow: what a run keeps, and the models that came of it.

The tracking server is the one of the usual variable (`MLFLOW_TRACKING_URI`), else MLflow's own default: a SQLite file
in the working directory. Runs hold aggregates only, never a row of a patient.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
import numpy as np
import pandas as pd
from mlflow.data.dataset_source_registry import get_dataset_source_from_json
from mlflow.data.meta_dataset import MetaDataset
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.types.schema import ColSpec, Schema

from models.card import Card
from models.need import NeedModel
from training.evaluation import Evaluation, Performance

NAME = "tarve-need"
EXPERIMENT = "tarve"
CHAMPION = "champion"
CHALLENGER = "challenger"
CODE = Path(__file__).parent.parent
EVALUATION, REPORT, RECIPE, REFERENCE = "evaluation.json", "report.html", "recipe.json", "reference.json"
MODEL_VERSION = "model version"
"""Parameter of a run that examined a version again."""
NEED = "artifacts/need"
"""Where the saved need model lies inside a logged model."""


class TrackingError(ValueError):
    """A run or a model is not there, or lacks what is asked of it."""


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


def log_dataset(path: Path, digest: str, columns: tuple[str, ...], context: str) -> None:
    """Log which file of examples was used, with its digest and columns; no row of it is kept."""
    source = get_dataset_source_from_json(json.dumps({"uri": str(path.resolve())}), "local")
    schema = Schema([ColSpec("double", name) for name in columns])
    mlflow.log_input(MetaDataset(source, path.name, digest, schema), context)  # type: ignore[abstract]


def log_performances(model: str, performances: Mapping[str, Performance]) -> None:
    """Log every figure as `<model>.<segment>.<figure>`."""
    figures: dict[str, float] = {}
    for segment, found in performances.items():
        said = found.scores.figures() | found.scores.supporting()
        figures |= {f"{model}.{segment}.{name}": value for name, value in said.items()}
        figures |= {f"{model}.{segment}.net_benefit_{each.at:g}": each.model for each in found.net_benefit}
    mlflow.log_metrics(figures)


def log_model(model: NeedModel, card: Card) -> str:
    """Log a model with its card and register it as the next version of `NAME`; returns the version.

    The input example is a row of zeros: nobody's. The signature lets a column `site` stand beside the features.
    """
    zeros = np.zeros((1, len(model.estimator.features)))
    features = pd.DataFrame(zeros, columns=list(model.estimator.features))
    signature = infer_signature(features, pd.DataFrame(model.predict(zeros).columns()))
    site = ColSpec("string", "site", required=False)
    signature.inputs = Schema([*signature.inputs.inputs, site])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "need"
        folder.mkdir()
        model.save(folder)
        card.save(folder)
        logged = mlflow.pyfunc.log_model(
            name="need",
            python_model=str(CODE / "models" / "pyfunc.py"),
            artifacts={"need": str(folder)},
            code_paths=[str(CODE / room) for room in ("records", "features", "models")],
            signature=signature,
            input_example=features,
            pip_requirements=[f"{name}=={version}" for name, version in requirements().items()],
            registered_model_name=NAME,
        )
    return str(logged.registered_model_version)


def requirements() -> dict[str, str]:
    """What a loaded model needs, at the versions in use."""
    import lightgbm
    import numba
    import pyarrow as pa
    import scipy
    import sklearn

    packages = (mlflow, lightgbm, numba, np, pd, pa, scipy, sklearn)
    return {package.__name__.replace("sklearn", "scikit-learn"): package.__version__ for package in packages}


def log_card(card: Card) -> None:
    """Log a card and its label, as pages and as Markdown, the label in three languages."""
    pages = {"card.html": card.to_html(), "card.md": card.to_markdown()}
    for language in ("fi", "sv", "en"):
        pages[f"label-{language}.html"] = card.label_html(language)
        pages[f"label-{language}.md"] = card.label_markdown(language)
    log_texts({f"card/{name}": text for name, text in pages.items()})


def log_texts(texts: Mapping[str, str]) -> None:
    """Log texts as artifacts by file name."""
    for name, text in texts.items():
        mlflow.log_text(text, name)


def version_of(alias: str) -> str | None:
    """The version that an alias points to, or None."""
    try:
        return str(mlflow.MlflowClient().get_model_version_by_alias(NAME, alias).version)
    except MlflowException:
        return None


def version_named(name: str) -> str:
    """The version that a number or an alias names.

    Raises:
        TrackingError: there is no such version or alias.
    """
    found = name if name.isdigit() else version_of(name)
    if found is None:
        raise TrackingError(f"no {NAME}@{name} is registered; run: python -m training train")
    run_of(found)
    return found


def version_of_run(run_id: str) -> str:
    """The version that a training run registered.

    Raises:
        TrackingError: it registered none, or there is no such run.
    """
    found = mlflow.MlflowClient().search_model_versions(f"name='{NAME}' and run_id='{run_id}'")
    if not found:
        raise TrackingError(f"no version of {NAME} came of run {run_id}")
    return str(found[0].version)


def run_of(version: str) -> str:
    """The id of the run that a version came of.

    Raises:
        TrackingError: there is no such version.
    """
    try:
        return str(mlflow.MlflowClient().get_model_version(NAME, version).run_id)
    except MlflowException as error:
        raise TrackingError(f"there is no version {version} of {NAME}") from error


@contextmanager
def saved(version: str) -> Iterator[Path]:
    """The folder of a registered version's need model, while the `with` block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        found = mlflow.artifacts.download_artifacts(f"models:/{NAME}/{version}", dst_path=folder)
        yield Path(found) / NEED


def load(version: str) -> NeedModel:
    """The need model of a registered version."""
    with saved(version) as folder:
        return NeedModel.load(folder)


def logged_text(run_id: str, name: str) -> str:
    """The text of an artifact of a run.

    Raises:
        TrackingError: the run has none of that name.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=name, dst_path=folder)
            return Path(path).read_text(encoding="utf-8")
    except (MlflowException, OSError) as error:
        raise TrackingError(f"run {run_id} has no {name}") from error


def logged_evaluation(version: str) -> Evaluation:
    """The evaluation of a registered version that its training run logged, else the latest run that examined it.

    Raises:
        TrackingError: none of them logged one.
        EvaluationError: it was written by another version of the project.
    """
    later = mlflow.search_runs(experiment_names=[EXPERIMENT], output_format="list", order_by=["start_time DESC"],
                               filter_string=f"params.`{MODEL_VERSION}` = '{version}'")  # fmt: skip
    runs = [run_of(version), *(each.info.run_id for each in later)]
    for run_id in runs:
        with suppress(TrackingError):
            return Evaluation.from_json(logged_text(run_id, EVALUATION))
    raise TrackingError(f"no run has kept an evaluation of version {version}")
