"""The line of champions: whole steps or none, whatever is killed in between."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import pytest

from tests.training.conftest import Trained
from training import registry, tracking
from training.registry import RegistryError, champions

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KILLED = """
import os, sys
from datetime import UTC, datetime
import mlflow
from training import registry, tracking
mlflow.set_tracking_uri(sys.argv[1])
tracking.NAME = sys.argv[2]
def killed(*given): os.kill(os.getpid(), 9)
mlflow.MlflowClient.set_registered_model_alias = killed
registry.promote("3", "2", signed_by="B", now=datetime.now(UTC), run_id="r")
"""


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@pytest.fixture
def three(trained: Trained, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """A registered model of three versions, of which 1 and then 2 became champion."""
    assert trained
    name = f"line-{request.node.name}"
    monkeypatch.setattr(tracking, "NAME", name)
    client = mlflow.MlflowClient()
    client.create_registered_model(name)
    for _ in range(3):
        client.create_model_version(name, source="file:///nowhere")
    promote("1", None)
    promote("2", "1")
    yield name
    client.delete_registered_model(name)


def promote(version: str, over: str | None) -> None:
    registry.promote(version, over, signed_by=f"signer of {version}", now=NOW, run_id=f"run {version}")


def line() -> list[str]:
    return [each.version for each in champions()]


def test_champions_follow_one_another_and_come_back(three: str) -> None:
    assert three
    promote("3", "2")
    assert line() == ["1", "2", "3"]
    assert champions()[-1] == registry.Champion("3", "signer of 3", "2026-01-01T12:00:00+00:00", "run 3")
    assert registry.roll_back() == "2"
    assert registry.roll_back() == "1"
    assert line() == ["1"]
    with pytest.raises(RegistryError, match="no champion before"):
        registry.roll_back()
    promote("3", "1")
    promote("1", "3")
    assert line() == ["1", "3", "1"]
    assert registry.roll_back() == "3"


def calls_of(monkeypatch: pytest.MonkeyPatch, killed_at: int | None) -> list[str]:
    """Count the calls that change the registry; the process dies before the one of that number."""
    made: list[str] = []
    for name in ("set_registered_model_tag", "set_registered_model_alias"):
        whole = getattr(mlflow.MlflowClient, name)

        def call(self: mlflow.MlflowClient, *given: object, _whole=whole, _name=name) -> object:
            if len(made) == killed_at:
                raise Killed
            made.append(_name)
            return _whole(self, *given)

        monkeypatch.setattr(mlflow.MlflowClient, name, call)
    return made


@pytest.mark.parametrize("step", ["promote", "roll back"])
@pytest.mark.parametrize("killed_at", [0, 1])
def test_a_step_killed_half_way_is_not_half_done(
    three: str, step: str, killed_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert three
    before, after = (["1", "2"], ["1", "2", "3"]) if step == "promote" else (["1", "2"], ["1"])
    with monkeypatch.context() as patched:
        made = calls_of(patched, killed_at)
        with pytest.raises(Killed):
            promote("3", "2") if step == "promote" else registry.roll_back()
        assert len(made) == killed_at
    assert tracking.version_of("champion") == line()[-1]
    assert line() in (before, after)
    promote("3", line()[-1])
    assert line()[-1] == "3"
    assert registry.roll_back() == line()[-1]


def test_the_alias_is_the_last_call_of_a_promotion(three: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert three
    with monkeypatch.context() as patched:
        made = calls_of(patched, None)
        promote("3", "2")
    assert made == ["set_registered_model_tag", "set_registered_model_alias"]


def test_a_process_killed_between_the_calls_leaves_the_old_champion(three: str, trained: Trained) -> None:
    root = Path(__file__).parent.parent.parent
    words = [sys.executable, "-W", "ignore", "-c", KILLED, trained.tracking, three]
    done = subprocess.run(words, cwd=root, capture_output=True, check=False, timeout=600)
    assert done.returncode == -9, done.stderr.decode()
    tags = mlflow.MlflowClient().get_registered_model(three).tags
    assert [each["version"] for each in json.loads(tags[registry.LINE])] == ["1", "2", "3"]  # written, never in force
    assert line() == ["1", "2"]
    assert registry.previous() == "1"


def test_a_champion_that_changed_since_the_verdict_is_not_overtaken(three: str) -> None:
    assert three
    with pytest.raises(RegistryError, match="the champion changed from 1 to 2 since; judge again"):
        promote("3", "1")
    assert line() == ["1", "2"]


def test_a_champion_set_by_hand_stands_alone(three: str) -> None:
    assert three
    registry.set_alias("champion", "3")
    assert champions() == (registry.Champion("3", "", "", ""),)


def test_the_line_is_bounded(three: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert three
    monkeypatch.setattr(registry, "REMEMBERED", 2)
    promote("3", "2")
    assert line() == ["2", "3"]
