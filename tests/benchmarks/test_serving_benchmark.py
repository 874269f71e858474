"""The benchmark of the service measures what it says, on a bare endpoint; and its report names what misses a limit."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks import serving
from benchmarks.serving import (
    BARE,
    FASTAPI,
    MLFLOW,
    ONE,
    SILENT,
    TWO,
    Latency,
    Learnt,
    Request,
    Results,
    Target,
    Throughput,
)
from records import store
from records.simulate import simulate
from tests.serving import conftest
from tests.serving.asker import Asker, posted

release_folder = conftest.release_folder


ALL = [FASTAPI, MLFLOW, BARE, ONE, SILENT, TWO]


def question() -> bytes:
    return json.dumps({key: value for key, value in posted().items() if key != "unit"}).encode()


@pytest.fixture(scope="module")
def found() -> Results:
    """Figures that were made up."""
    rates = {FASTAPI: (900, 0.6), MLFLOW: (40, 25.0), BARE: (4000, 0.1), ONE: (200, 3.0), SILENT: (210, 4.1),
             TWO: (380, 4.5)}  # fmt: skip
    rounds = {name: [Throughput(rate * slow, cpu) for slow in (1.0, 0.5, 0.9)] for name, (rate, cpu) in rates.items()}
    ran = [[Latency(share, share * 200, 10.0, 20.0, 30.0 * share * times) for share in serving.SHARES]
           for times in (1, 4, 9)]  # fmt: skip
    return Results(rounds, {ONE: ran, TWO: ran}, dict.fromkeys(rates, 300.0), dict.fromkeys(rates, 20.0), (1.0, 2.0))


def test_ratios_are_of_rounds_and_times_are_medians(found: Results) -> None:
    assert found.rate(ONE) == 180
    assert found.ratio(ONE, BARE, lambda one: one.cpu) == pytest.approx(30)
    assert found.ratio(ONE, MLFLOW, lambda one: one.rate) == pytest.approx(5)
    assert found.tail(ONE) == pytest.approx(6)
    assert [one.p99 for one in found.latency(ONE)] == [120 * share for share in serving.SHARES]


def test_the_report_names_every_limit_and_what_misses_it(found: Results, tmp_path: Path) -> None:
    text = serving.report(found, 3, 5.0)
    assert "| CPU a request, times the bare endpoint's, with the next question | 40 | 30.0 |" in text
    assert "| CPU a request, times the bare endpoint's, without it, as asked | 40 | 41.0 (missed) |" in text
    assert "| Throughput of one worker, times that of `mlflow models serve` | 20 | 5.0 (missed) |" in text
    assert "| p99 against p50 at half of saturation, one worker | 5 | 6.0 (missed) |" in text
    assert "| Seconds until ready | 15 | 20.0 (missed) |" in text
    assert "load average 1.0 before and 2.0 after" in text
    serving.draw(found, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 10_000


def test_a_bare_endpoint_is_measured(tmp_path: Path) -> None:
    requests = [Request.of("POST", "/", question())]
    with serving.served(BARE, tmp_path, serving.uvicorn("bare"), "/", requests) as target:
        ran = asyncio.run(serving.closed(target, 4, 0.2))
        assert ran.rate > 10
        assert 0 <= ran.cpu < 1e3 / ran.rate * 4
        late = asyncio.run(serving.at_rate(target, 0.5, 50.0, 0.4))
        assert 0 < late.p50 <= late.p95 <= late.p99
        measured = serving.measure([target], 1, 0.1)
        assert (list(measured.rounds), measured.latencies) == ([BARE], {})
        assert measured.megabytes[BARE] > 10
        target.name = ONE  # of the service latency is measured too
        [ran] = serving.measure([target], 1, 0.05).latencies[ONE]
        assert [one.share for one in ran] == list(serving.SHARES)
        target.requests = [Request.of("POST", "/nowhere")]
        with pytest.raises(RuntimeError, match=r"answered .*404"):
            asyncio.run(serving.closed(target, 1, 0.1))
    assert target.process.poll() is not None


def test_a_server_that_does_not_start_is_said_so(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="did not become ready"),
        serving.served("none", tmp_path, lambda _: ["-c", "raise SystemExit"], "/", ()),
    ):
        pass


def test_a_server_that_does_not_stop_is_killed() -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    serving.stop(process, seconds=0.1)
    assert process.wait(60) == -9
    process.stdout.close()


def test_questions_hold_the_last_events_and_become_features(tmp_path: Path) -> None:
    with store.Writer(tmp_path / "records") as writer:
        for block in simulate(300, 8, 1, date(2025, 12, 31)):
            writer.write(block.history)
    [asked] = serving.questions(tmp_path / "records", 1)
    assert sum(len(rows) for rows in json.loads(asked)["history"].values()) == serving.EVENTS
    row = serving.features_of(asked)
    assert len(row) == len(serving.DENTAL)
    assert sum(value is not None for value in row) > 50


def test_features_of_a_question_without_a_history_are_refused() -> None:
    with pytest.raises(ValueError, match="holds no history"):
        serving.features_of(b'{"patient_id": "P1"}')


def test_fastapi_predicts_from_ready_features(release_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(serving.RELEASE, str(release_folder))
    answer = Asker(serving.ready_features()).post("/predict", {"values": serving.features_of(question())})
    assert answer.status_code == 200
    assert np.sum(answer.json()) == pytest.approx(1)


@pytest.mark.nightly
@pytest.mark.service
def test_all_targets_start_and_answer(release_folder: Path, tmp_path: Path) -> None:
    learnt = Learnt(release_folder, [question()], [serving.features_of(question())])
    with serving.targets(tmp_path, learnt) as started:
        assert [target.name for target in started] == ALL
        for target in started:
            assert asyncio.run(serving.closed(target, 2, 0.1)).rate > 0
            assert 0 < target.worker_megabytes() < 2_000
        assert httpx.get(f"http://127.0.0.1:{started[-1].port}/readyz").json()["model"]["version"] == "1"


@contextmanager
def nothing_served(*said: Any) -> Iterator[Target]:
    """A target that is told of and not started."""
    name, _, command, probe, requests, *more = said
    assert command(8000)
    assert probe.startswith("/")
    assert all(isinstance(value, str) for settings in more for value in settings.values())
    yield Target(name, 8000, None, 1.0, requests)  # type: ignore[arg-type]


def test_every_target_is_asked_the_same_patients(
    release_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "served", nothing_served)
    monkeypatch.setattr(serving, "save_for_mlflow", lambda *_: None)
    learnt = Learnt(release_folder, [question()] * 3, [serving.features_of(question())] * 3)
    with serving.targets(tmp_path, learnt) as told:
        assert {one.name: len(one.requests) for one in told} == dict.fromkeys(ALL, 3)
        whole = told[3].requests[0].content
        assert whole.startswith(b"POST /v1/assess HTTP/1.1")
        assert b"Authorization: Bearer " in whole
        assert whole.endswith(question())


def test_the_model_for_mlflow_is_the_one_that_is_served(release_folder: Path, tmp_path: Path) -> None:
    serving.save_for_mlflow(release_folder, tmp_path / "model")
    saved = [file.name for file in (tmp_path / "model" / "artifacts").rglob("*")]
    assert {"need.json", "threshold-1.txt", "threshold-2.txt"} <= set(saved)


def test_what_is_learnt_is_a_release_with_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Model:
        def save(self, folder: Path) -> None:
            (folder / "need.json").write_text("{}")

    def fitted(*_: object, interview: bool) -> Model:
        assert interview
        return Model()

    monkeypatch.setattr(serving, "fit_model", fitted)
    monkeypatch.setattr(serving, "QUESTIONS", 2)
    learnt = serving.learn(tmp_path, 400)
    assert sorted(file.name for file in learnt.release.iterdir()) == ["need.json", "release.json"]
    assert (len(learnt.questions), len(learnt.rows)) == (2, 2)


def test_a_run_writes_its_report_and_its_picture(
    found: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def none(*_: object) -> Iterator[list[Target]]:
        yield []

    monkeypatch.setattr(serving, "learn", lambda *_: None)
    monkeypatch.setattr(serving, "targets", none)
    monkeypatch.setattr(serving, "measure", lambda *_: found)
    assert serving.main(["--rounds", "3", "--docs", str(tmp_path)]) == 0
    assert (tmp_path / "serving-speed.md").read_text() == capsys.readouterr().out.removesuffix("\n")
    assert (tmp_path / "serving-speed.png").exists()
