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
from serving.shelf import LATEST, MODEL_NAME, Shelf

if TYPE_CHECKING:
    from features.catalogue import Catalogue
    from models.card import Card
    from models.need import NeedModel
    from models.segments import SegmentTable
    from serving.questions import Interviewer

ALIAS = "champion"
RELEASE_FILE = "release.json"
MODEL_FOLDER = "artifacts/need"
"""Where training logs the saved need model, inside the MLflow model."""


class ReleaseError(ValueError):
    """There is no model to run, or it does not fit this service."""


class RegistryError(ReleaseError):
    """The registry is away, or broken."""


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
        card: the model card that was saved with the model; None when there is none.
    """

    model: NeedModel
    catalogue: Catalogue
    segments: SegmentTable
    name: str
    version: str
    run_id: str
    interview: Interviewer | None = None
    card: Card | None = None

    @property
    def tag(self) -> str:
        """Its name in the BentoML model store."""
        return _tag(self.version, self.run_id)

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

        said = require_fit(folder)
        try:
            model = NeedModel.load(folder)
        except ModelError as error:
            raise ReleaseError(str(error)) from error
        segments = _segments(model.segments_from)
        try:
            interview = Interviewer.of(model, segments)
        except InterviewError as error:
            raise ReleaseError(str(error)) from error
        return cls(model, DENTAL, segments, said["name"], said["version"], said["run_id"], interview, _card(folder))


def stored(tag: str = f"{MODEL_NAME}:{LATEST}") -> Path:
    """The folder of a release in the BentoML model store.

    Raises:
        ReleaseError: the store holds no such model.
    """
    shelf, version = Shelf.of_bentoml(), tag.partition(":")[2]
    folder = shelf.champion() if version == LATEST else shelf.folder / version
    if folder is None or not folder.is_dir():
        raise ReleaseError(f"the BentoML model store holds no {tag}; fetch one first: python -m serving pull")
    return folder


def pull(name: str = MODEL_NAME, alias: str = ALIAS) -> str:
    """Carry the model that holds an alias in the MLflow registry into the BentoML model store, as its latest.

    The registry is the one that MLflow's own settings name (`MLFLOW_TRACKING_URI`, `MLFLOW_REGISTRY_URI`). Pulling
    the same version again changes nothing; pulling an older one, after a roll-back, makes it the latest again. What
    the store holds already is not fetched anew.

    Returns:
        The BentoML tag, `tarve-need:v<version>-<first eight letters of the run id>`.

    Raises:
        RegistryError: the registry cannot be read.
        ReleaseError: no model holds the alias, or the model does not fit this service.
    """
    version, run_id = _champion(name, alias)
    tag, shelf = _tag(version, run_id), Shelf.of_bentoml()
    if not shelf.holds(tag.partition(":")[2]):
        with tempfile.TemporaryDirectory(prefix="tarve-pull-") as scratch:
            folder = _download(name, version, Path(scratch))
            said = {"name": name, "version": version, "run_id": run_id}
            (folder / RELEASE_FILE).write_text(json.dumps(said, indent=1), encoding="utf-8")
            Release.read(folder)
            _store(folder, tag)
    shelf.point(tag.partition(":")[2])
    return tag


def _tag(version: str, run_id: str) -> str:
    return f"{MODEL_NAME}:v{version}-{run_id[:8]}"


def require_fit(folder: Path) -> dict[str, str]:
    """Look whether a release was made for this code, without loading it, and tell its name, version and run.

    Raises:
        ReleaseError: the folder holds no release, or its model reads other features or segments than this code.
    """
    said = _release_file(folder / RELEASE_FILE)
    try:
        need = json.loads((folder / "need.json").read_text(encoding="utf-8"))
        catalogue, segments_from = str(need["catalogue"]), str(need["segments_from"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{folder} holds no need model that can be read") from error
    if catalogue != DENTAL.version:
        raise ReleaseError(
            f"model {said['name']} version {said['version']} reads features {catalogue}, this service computes "
            f"features {DENTAL.version}; train and promote a model on this code, or run the older code"
        )
    _segments(segments_from)
    return said


def _release_file(path: Path) -> dict[str, str]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return {key: str(said[key]) for key in ("name", "version", "run_id")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{path} does not name the model, its version and its run") from error


def _card(folder: Path) -> Card | None:
    from models.card import FILE, Card, CardError  # noqa: PLC0415 - only the worker reads a release

    try:
        return Card.load(folder) if (folder / FILE).exists() else None
    except CardError as error:
        raise ReleaseError(str(error)) from error


def _segments(valid_from: str) -> SegmentTable:
    from models.segments import read_tables  # noqa: PLC0415 - only the worker reads a release

    found = [table for table in read_tables() if table.valid_from.isoformat() == valid_from]
    if not found:
        raise ReleaseError(f"the model was made for the segments of {valid_from}; there is no table of that day")
    return found[0]


def _champion(name: str, alias: str) -> tuple[str, str]:
    """Version and run of the model that holds an alias."""
    mlflow = _mlflow()
    try:
        found = mlflow.MlflowClient().get_model_version_by_alias(name, alias)
    except mlflow.MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise ReleaseError(f"no model {name}@{alias} is registered; train and promote one first") from error
        raise RegistryError(f"the MLflow registry cannot be read ({error.error_code})") from error
    return str(found.version), str(found.run_id)


def _download(name: str, version: str, scratch: Path) -> Path:
    """The saved need model of a version: by version, not by alias, which may have moved meanwhile."""
    mlflow = _mlflow()
    try:
        path = mlflow.artifacts.download_artifacts(f"models:/{name}/{version}", dst_path=str(scratch))
    except (mlflow.MlflowException, OSError) as error:
        raise RegistryError(f"model {name} version {version} cannot be fetched ({type(error).__name__})") from error
    folder = Path(path) / MODEL_FOLDER
    if not folder.is_dir():
        raise ReleaseError(f"model {name} version {version} has no {MODEL_FOLDER}: it is no need model of Tarve")
    return folder


def _store(folder: Path, tag: str) -> str:
    """Put a release into the model store under a tag; the newest is the champion until another is pointed at."""
    with _bentoml().models.create(tag) as model:
        shutil.copytree(folder, model.path, dirs_exist_ok=True)
    return tag


def _mlflow() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Its own patience, two minutes seven times over, would tell nobody for a quarter of an hour that it is away.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    import mlflow  # noqa: PLC0415 - the running service must not import MLflow

    return mlflow


def _bentoml() -> Any:
    # BentoML reads this once, when it first has something to report.
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    import bentoml  # noqa: PLC0415 - after the line above

    return bentoml
