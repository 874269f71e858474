"""A release is refused unless it fits the code; and the whole way from MLflow to a running service."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from serving import examples
from serving.release import RELEASE_FILE, RegistryError, Release, ReleaseError, pull
from tests.serving.asker import KNOWN, posted

ROOT = Path(__file__).resolve().parents[2]

REGISTER = """
import sys
import mlflow
client = mlflow.MlflowClient()
try:
    client.create_registered_model("tarve-need")
except mlflow.MlflowException:
    pass
run = client.create_run("0")
found = client.create_model_version("tarve-need", sys.argv[1], run.info.run_id)
client.set_registered_model_alias("tarve-need", "champion", found.version)
print(found.version, run.info.run_id)
"""


def copied(folder: Path, to: Path, file: str, **members: str) -> Path:
    """A copy of a release with some members of one file changed."""
    shutil.copytree(folder, to)
    said = json.loads((to / file).read_text(encoding="utf-8"))
    (to / file).write_text(json.dumps(said | members), encoding="utf-8")
    return to


def test_a_release_is_read(release: Release) -> None:
    assert (release.name, release.version, release.run_id) == ("tarve-need", "1", "0123456789abcdef")
    assert release.segments.names == ("light", "moderate", "heavy")


def test_a_model_of_other_features_is_refused(release_folder: Path, tmp_path: Path) -> None:
    other = copied(release_folder, tmp_path / "other", "need.json", catalogue="000000000000")
    with pytest.raises(ReleaseError, match=r"tarve-need version 1 reads features 000000000000, this service computes"):
        Release.read(other)


def test_a_model_of_unknown_segments_is_refused(release_folder: Path, tmp_path: Path) -> None:
    other = copied(release_folder, tmp_path / "other", "need.json", segments_from="1999-01-01")
    with pytest.raises(ReleaseError, match="there is no table of that day"):
        Release.read(other)


def test_a_folder_without_a_release_is_refused(release_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="does not name the model"):
        Release.read(tmp_path)
    (tmp_path / RELEASE_FILE).write_bytes((release_folder / RELEASE_FILE).read_bytes())
    with pytest.raises(ReleaseError, match="holds no need model"):
        Release.read(tmp_path)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Everything a command writes stays under a folder."""
    return os.environ | {
        "BENTOML_HOME": str(folder / "bentoml"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONPATH": str(ROOT),
        **more,
    }


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )


def test_the_service_and_its_commands_import_no_mlflow() -> None:
    script = (
        "import serving.service, serving.__main__, serving.api, sys; "
        "print([name for name in ('mlflow', 'training') if name in sys.modules])"
    )
    done = run(ROOT, "-c", script)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.service
def test_pull_carries_the_champion_and_follows_a_roll_back(release_folder: Path, tmp_path: Path) -> None:
    missing = run(tmp_path, "-m", "serving", "pull")
    assert missing.returncode == 1
    assert missing.stderr.strip().endswith("no model tarve-need@champion is registered; train and promote one first")

    model = tmp_path / "model"
    shutil.copytree(release_folder, model / "artifacts" / "need", ignore=shutil.ignore_patterns(RELEASE_FILE))
    tags = []
    for _ in range(2):
        version, run_id = run(tmp_path, "-c", REGISTER, str(model)).stdout.split()
        pulled = run(tmp_path, "-m", "serving", "pull")
        assert pulled.stdout.split()[-1] == f"tarve-need:v{version}-{run_id[:8]}", pulled.stderr
        tags.append(pulled.stdout.split()[-1])
    assert run(tmp_path, "-m", "serving", "pull").stdout.split()[-1] == tags[1]

    back = "import mlflow; mlflow.MlflowClient().set_registered_model_alias('tarve-need', 'champion', '1')"
    assert run(tmp_path, "-c", back).returncode == 0
    assert run(tmp_path, "-m", "serving", "pull").stdout.split()[-1] == tags[0]
    latest = "from serving.release import Release, stored; r = Release.read(stored()); print(r.version, r.run_id[:8])"
    assert run(tmp_path, "-c", latest).stdout.split() == tags[0].partition(":v")[2].split("-")


@pytest.mark.service
def test_starting_without_a_model_fails_with_a_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "serving", "start")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("fetch one first: python -m serving pull")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.service
def test_the_real_service_starts_answers_and_stops(release_folder: Path, records: Path, tmp_path: Path) -> None:
    store = (
        "import sys, pathlib; from serving.release import _store; "
        "_store(pathlib.Path(sys.argv[1]), 'tarve-need:v1-01234567')"
    )
    assert run(tmp_path, "-c", store, str(release_folder)).returncode == 0
    port = free_port()
    log = tmp_path / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "serving", "start", "--port", str(port)],
            cwd=tmp_path, env=environment(tmp_path, TARVE_RECORDS=str(records)), stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            wait_until_ready(client, server)
            assert client.post("/v1/assess", json=posted()).status_code == 401
            address = ["--url", str(client.base_url)]
            client.headers["Authorization"] = f"Bearer {token(tmp_path, 'booking-system', *address)}"
            page = client.get("/")
            assert "<h1>Tarve API</h1>" in page.text
            assert set(re.findall(r"https?://[^/\s\"']+", page.text)) <= {"http://localhost:3000"}
            assert client.get("/healthz").status_code == client.get("/livez").status_code == 200
            known = client.post("/v1/assess", json={"patient_id": KNOWN, "as_of": examples.AS_OF})
            assert known.status_code == 200
            posted_too = client.post("/v1/assess", json=posted())
            assert known.json() | {"id": ""} == posted_too.json() | {"id": ""}
            assert client.get(f"/v1/assessments/{known.json()['id']}").json()["decisions"] == []
            assert client.get("/Zq7Sentinel").status_code == 404
            assert client.post("/v1/assess", json={"patient_id": "Zq7Sentinel"}).status_code == 404
            operator = {"Authorization": f"Bearer {token(tmp_path, 'operator', *address)}"}
            numbers = client.get("/metrics", headers=operator).text
            assert 'tarve_requests_total{route="/v1/assess",status="200"} 2.0' in numbers
        verified = run(tmp_path, "-m", "serving", "audit", "verify")
        assert verified.stdout.startswith("3 lines, all as they were written")
        again = run(tmp_path, "-m", "serving", "audit", "reproduce", known.json()["id"])
        assert again.stdout.strip() == "made again by tarve-need:v1-01234567: the same in every member"
        server.send_signal(signal.SIGTERM)
        assert server.wait(120) == 0
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    assert "Zq7Sentinel" not in log.read_text()
    assert "Traceback" not in log.read_text()


def token(folder: Path, *said: str) -> str:
    done = run(folder, "-m", "serving", "token", "--role", *said)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_until_ready(client: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        assert server.poll() is None, "the service stopped while starting"
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    pytest.fail("the service was not ready in two minutes")


def test_a_registry_that_fails_or_holds_another_model_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    class Registry:
        def get_model_version_by_alias(self, name: str, alias: str) -> Any:
            if alias == "broken":
                raise mlflow.MlflowException("the disk said: SECRET")
            return SimpleNamespace(version="8" if alias == "cut off" else "7", run_id="run")

    def fetched(uri: str, **_: object) -> str:
        if uri.endswith("/8"):
            raise OSError(28, "the disk said: SECRET")
        return str(tmp_path)

    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    monkeypatch.setattr(mlflow, "MlflowClient", Registry)
    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", fetched)
    with pytest.raises(ReleaseError, match=r"the MLflow registry cannot be read \(INTERNAL_ERROR\)"):
        pull("tarve-need", "broken")
    with pytest.raises(RegistryError, match=r"tarve-need version 8 cannot be fetched \(OSError\)"):
        pull("tarve-need", "cut off")
    with pytest.raises(ReleaseError, match="version 7 has no artifacts/need: it is no need model of Tarve"):
        pull("tarve-need", "champion")
