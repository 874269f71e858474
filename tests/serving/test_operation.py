"""The running service while its champion changes, its registry is away, its worker is killed, and it is to stop."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from serving.keys import demo_key
from serving.release import RELEASE_FILE
from serving.shelf import Shelf
from serving.tokens import demo_token
from tests.serving.asker import posted
from tests.serving.test_release import environment, free_port

NOWHERE = "http://127.0.0.1:9"
"""A registry that is away: nobody listens at this port."""


def promote(folder: Path, release_folder: Path, version: str) -> None:
    """Lay a release on the service's shelf and make it champion, as `pull` does."""
    shelf = Shelf(folder / "bentoml" / "models" / "tarve-need")
    shutil.copytree(release_folder, shelf.folder / version)
    file = shelf.folder / version / RELEASE_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": version}))
    shelf.point(version)


@contextlib.contextmanager
def service(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A service that follows a registry which is away; with its address, and killed at the end if need be."""
    url = f"http://127.0.0.1:{free_port()}"
    # One caller asks as fast as it can here: how often one may has its own tests.
    settings = environment(folder, MLFLOW_TRACKING_URI=NOWHERE, TARVE_DRAIN_SECONDS="2", TARVE_RATE="0")
    command = ["-m", "serving", "start", "--port", url.rpartition(":")[2], "--follow", "1"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, *command], cwd=folder, env=settings, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield server, url
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def until(what: Callable[[], bool], seconds: float = 300) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if what():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    pytest.fail("it did not happen in time")


class Callers:
    """Threads that ask over one connection each, again and again, until the service closes it or they are told to."""

    def __init__(self, url: str, headers: dict[str, str], many: int) -> None:
        self.given: list[tuple[int, str]] = []
        self.lost: list[str] = []
        self._url, self._headers, self._ended = url, headers, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(many)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=240) as client:
            while not self._ended.is_set():
                try:
                    answer = client.post("/v1/assess", json=posted())
                except httpx.TransportError as error:
                    self.lost.append(type(error).__name__)
                    return
                self.given.append((answer.status_code, answer.json()["model"]["version"] if answer.is_success else ""))
                if answer.headers.get("connection") == "close":
                    return

    def end(self) -> None:
        """Tell them to stop, and wait."""
        self._ended.set()
        self.wait()

    def wait(self) -> None:
        """Wait until all have stopped."""
        for thread in self._threads:
            thread.join(300)


def workers(server: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The worker processes of a service."""
    found = []
    for child in psutil.Process(server.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            if "_bentoml_impl.worker.service" in child.cmdline():
                found.append(child)
    return found


@pytest.mark.service
def test_the_service_outlives_its_registry_its_champion_and_its_worker(release_folder: Path, tmp_path: Path) -> None:
    with service(tmp_path) as (server, url), httpx.Client(base_url=url, timeout=120) as probe:
        until(lambda: probe.get("/healthz").status_code == 200)
        waiting = probe.get("/readyz")
        assert (waiting.status_code, waiting.json()["model"]) == (503, None)

        promote(tmp_path, release_folder, "1")
        until(lambda: probe.get("/readyz").status_code == 200)
        for path in ("/schema.json", "/docs.json", "/static_content/index.js"):
            assert probe.get(path).status_code == 404, path
        assert probe.get("/metrics").status_code == 401

        key = demo_key(tmp_path / "var" / "keys")
        token = demo_token(key, "booking-system", url, datetime.now(UTC))
        callers = Callers(url, {"Authorization": f"Bearer {token}"}, 3)
        until(lambda: len(callers.given) > 5)
        promote(tmp_path, release_folder, "2")
        until(lambda: (200, "2") in callers.given[-3:])
        callers.end()
        assert (set(callers.given), callers.lost) == ({(200, "1"), (200, "2")}, [])

        before = probe.get("/readyz").json()["model"]
        [worker] = workers(server)
        worker.kill()
        until(lambda: [one.pid for one in workers(server)] not in ([], [worker.pid]))
        until(lambda: probe.get("/readyz").status_code == 200)
        after = probe.get("/readyz").json()
        assert after["model"] == before
        assert after["model"]["version"] == "2"
        until(lambda: "cannot be" in (probe.get("/readyz").json()["registry"]["trouble"] or ""))

        callers = Callers(url, {"Authorization": f"Bearer {token}"}, 3)
        until(lambda: len(callers.given) > 5)
        server.send_signal(signal.SIGTERM)
        callers.wait()
        assert (set(callers.given), callers.lost) == ({(200, "2")}, [])
        assert server.wait(120) == 0
        until(lambda: not [one for one in psutil.process_iter() if _follows(one, server.pid)], 120)


def _follows(process: psutil.Process, parent: int) -> bool:
    try:
        return process.ppid() == parent
    except psutil.Error:
        return False
