"""The bento: it is described whole, holds nothing else, and starts without a network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from serving.shelf import Shelf
from tests.serving.test_operation import NOWHERE, until
from tests.serving.test_release import environment, free_port

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("records", "features", "models", "alerts", "serving")


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "bentofile.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")
def test_a_bento_holds_every_file_of_the_service_and_no_other(description: dict[str, Any]) -> None:
    from bentoml._internal.bento.build_config import BentoPathSpec

    spec = BentoPathSpec(description["include"], description["exclude"])
    needed = [
        file.relative_to(ROOT)
        for room in ROOMS
        for file in (ROOT / room).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and "deployment" not in file.parts
    ]
    assert {Path("serving/service.py"), Path("serving/tables/pathways.toml"), Path("models/card.yaml")} <= set(needed)
    assert [str(file) for file in needed if not spec.includes(str(file))] == []
    for other in ("tests/rows.py", "training/fit.py", "var/keys/audit.key", "README.md", ".venv/pyvenv.cfg",
                  "serving/__pycache__/api.cpython-311.pyc", "serving/deployment/compose.yaml"):  # fmt: skip
        assert not spec.includes(other), other


def test_a_bento_starts_what_the_command_line_starts_and_needs_no_index(description: dict[str, Any]) -> None:
    assert description["service"] == "serving.service:Tarve"
    assert description["models"] == ["tarve-need:latest"]
    assert not description["python"]["lock_packages"]
    assert (ROOT / description["python"]["requirements_txt"]).exists()
    assert {one["name"]: one["value"] for one in description["envs"]}["BENTOML_DO_NOT_TRACK"] == "True"


def test_what_is_packed_will_do_until_a_champion_is_fetched(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "fetched", tmp_path / "packed")
    (tmp_path / "packed" / "v1").mkdir(parents=True)
    assert (shelf.champion(), shelf.releases()) == (None, [tmp_path / "packed" / "v1"])
    (tmp_path / "fetched" / "v2").mkdir(parents=True)
    shelf.point("v2")
    assert shelf.releases() == [tmp_path / "fetched" / "v2", tmp_path / "packed" / "v1"]


@pytest.mark.nightly
@pytest.mark.service
def test_a_built_bento_starts_and_is_ready_without_a_network(release_folder: Path, tmp_path: Path) -> None:
    store = "import sys, pathlib; from serving.release import _store; _store(pathlib.Path(sys.argv[1]), sys.argv[2])"
    away = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PIP_INDEX_URL", "UV_INDEX_URL"), NOWHERE)
    kept = {"TARVE_DATABASE": f"sqlite:///{tmp_path}/tarve.db", "TARVE_VAULT": f"sqlite:///{tmp_path}/vault.db",
            "TARVE_KEYS": str(tmp_path / "keys"), "TARVE_ANCHORS": str(tmp_path / "anchors.txt")}  # fmt: skip
    settings = environment(tmp_path) | away | {"NO_PROXY": "127.0.0.1"} | kept
    subprocess.run(
        [sys.executable, "-c", store, str(release_folder), "tarve-need:v1-01234567"], env=settings, check=True
    )
    context = tmp_path / "code"
    context.mkdir()
    for name in (*ROOMS, "bentofile.yaml", "requirements.lock"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, context / name)  # type: ignore[operator]
    del settings["PYTHONPATH"]  # what the bento lacks must not come from here
    build = [sys.executable, "-m", "bentoml", "build", "--output", "tag", "--version", "1"]
    built = subprocess.run(build, cwd=context, env=settings, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    shutil.rmtree(context)
    port = free_port()
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", "tarve:1", "--host", "127.0.0.1", "--port", str(port)],
            cwd=tmp_path, env=settings, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200)
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").json()["model"]["version"] == "1"
        assert "Tarve API" in httpx.get(f"http://127.0.0.1:{port}/").text
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)
