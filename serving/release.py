"""The release that a service runs: a need model, what it was made for, and where it came from.

`Release.read` needs neither MLflow nor BentoML. `pull` carries the model that holds an alias in the MLflow registry
into the BentoML model store; it is the only place here that imports MLflow, and the running service never calls it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from features.dental import DENTAL

if TYPE_CHECKING:
    from features.catalogue import Catalogue
    from models.need import NeedModel
    from models.segments import SegmentTable
    from serving.questions import Interviewer

MODEL_NAME = "tarve-need"
ALIAS = "champion"
RELEASE_FILE = "release.json"
MODEL_FOLDER = "artifacts/need"
"""Where training logs the saved need model, inside the MLflow model."""


class ReleaseError(ValueError):
    """There is no model to run, or it does not fit this service."""


@dataclass(frozen=True)
class Release:
    """Everything an assessment needs but the patient.

    Attributes:
        model: the need model.
        catalogue: the features it reads.
        segments: the dated table of segments that its labels were cut by.
        name: registered name of the model.
        version: its version in the registry.
        run_id: the training run it came from.
        interview: what to ask about a patient; None when the model brings no plan of an interview.
    """

    model: NeedModel
    catalogue: Catalogue
    segments: SegmentTable
    name: str
    version: str
    run_id: str
    interview: Interviewer | None = None

    @property
    def tag(self) -> str:
        """Its name in the BentoML model store."""
        return f"{MODEL_NAME}:v{self.version}-{self.run_id[:8]}"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a saved need model with its `release.json`.

        Raises:
            ReleaseError: the folder holds no release, or its model reads other features or segments than this code.
        """
        # LightGBM and scikit-learn take seconds to import; the supervisor of the service never needs them.
        from models.interview import InterviewError  # noqa: PLC0415
        from models.need import ModelError, NeedModel  # noqa: PLC0415
        from serving.questions import Interviewer  # noqa: PLC0415

        said = _release_file(folder / RELEASE_FILE)
        try:
            model = NeedModel.load(folder)
        except ModelError as error:
            raise ReleaseError(str(error)) from error
        if model.catalogue != DENTAL.version:
            raise ReleaseError(
                f"model {said['name']} version {said['version']} reads features {model.catalogue}, this service "
                f"computes features {DENTAL.version}; train and promote a model on this code, or run the older code"
            )
        segments = _segments(model.segments_from)
        try:
            interview = Interviewer.read(folder, model, segments)
        except InterviewError as error:
            raise ReleaseError(str(error)) from error
        return cls(model, DENTAL, segments, said["name"], said["version"], said["run_id"], interview)


def stored(tag: str = f"{MODEL_NAME}:latest") -> Path:
    """The folder of a release in the BentoML model store.

    Raises:
        ReleaseError: the store holds no such model.
    """
    bentoml = _bentoml()
    try:
        return Path(bentoml.models.get(tag).path)
    except bentoml.exceptions.NotFound as error:
        what = f"the BentoML model store holds no {tag}; fetch one first: python -m serving pull"
        raise ReleaseError(what) from error


def pull(name: str = MODEL_NAME, alias: str = ALIAS) -> str:
    """Carry the model that holds an alias in the MLflow registry into the BentoML model store, as its latest.

    The registry is the one that MLflow's own settings name (`MLFLOW_TRACKING_URI`, `MLFLOW_REGISTRY_URI`). Pulling
    the same version again changes nothing; pulling an older one, after a roll-back, makes it the latest again.

    Returns:
        The BentoML tag, `tarve-need:v<version>-<first eight letters of the run id>`.

    Raises:
        ReleaseError: no model holds the alias, the registry cannot be read, or the model does not fit this service.
    """
    with tempfile.TemporaryDirectory(prefix="tarve-pull-") as scratch:
        folder, version, run_id = _download(name, alias, Path(scratch))
        said = {"name": name, "version": version, "run_id": run_id}
        (folder / RELEASE_FILE).write_text(json.dumps(said, indent=1), encoding="utf-8")
        return _store(folder, Release.read(folder).tag)


def _release_file(path: Path) -> dict[str, str]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return {key: str(said[key]) for key in ("name", "version", "run_id")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{path} does not name the model, its version and its run") from error


def _segments(valid_from: str) -> SegmentTable:
    from models.segments import read_tables  # noqa: PLC0415 - only the worker reads a release

    found = [table for table in read_tables() if table.valid_from.isoformat() == valid_from]
    if not found:
        raise ReleaseError(f"the model was made for the segments of {valid_from}; there is no table of that day")
    return found[0]


def _download(name: str, alias: str, scratch: Path) -> tuple[Path, str, str]:
    """The saved need model, its registry version and its run."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow  # noqa: PLC0415 - the running service must not import MLflow

    try:
        found = mlflow.MlflowClient().get_model_version_by_alias(name, alias)
    except mlflow.MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise ReleaseError(f"no model {name}@{alias} is registered; train and promote one first") from error
        raise ReleaseError(f"the MLflow registry cannot be read ({error.error_code})") from error
    # By version, not by alias: the alias may move between the two calls.
    path = mlflow.artifacts.download_artifacts(f"models:/{name}/{found.version}", dst_path=str(scratch))
    folder = Path(path) / MODEL_FOLDER
    if not folder.is_dir():
        raise ReleaseError(f"model {name} version {found.version} has no {MODEL_FOLDER}: it is no need model of Tarve")
    return folder, str(found.version), str(found.run_id)


def _store(folder: Path, tag: str) -> str:
    bentoml = _bentoml()
    held = {str(model.tag) for model in bentoml.models.list()}
    if tag in held:
        if str(bentoml.models.get(f"{MODEL_NAME}:latest").tag) == tag:
            return tag
        # The latest is the one created last, so an older version becomes the latest by being created again.
        bentoml.models.delete(tag)
    with bentoml.models.create(tag) as model:
        shutil.copytree(folder, model.path, dirs_exist_ok=True)
    return tag


def _bentoml() -> Any:
    # BentoML reads this once, when it first has something to report.
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    import bentoml  # noqa: PLC0415 - after the line above

    return bentoml
