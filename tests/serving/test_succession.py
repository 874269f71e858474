"""Another champion takes over without a failed request, and no answer is of two releases; what is there is kept."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
import time
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.api import create_app, create_app_without_model
from serving.following import Follower, follow, while_child_of
from serving.front import Before, Front
from serving.guard import Watch
from serving.house import House
from serving.metrics import Metrics
from serving.release import RELEASE_FILE, RegistryError, Release, ReleaseError
from serving.shelf import HEARD, LATEST, Heard, Shelf
from serving.succession import Succession
from tests.serving.asker import KNOWN, NOW, authority, posted
from tests.serving.watched import Served

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The settings of the garbage collector are the process's; they are as before after a test."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty shelf."""
    return Shelf(tmp_path / "models" / "tarve-need")


def put(shelf: Shelf, release_folder: Path, version: str, shift: float = 0.0) -> None:
    """Put a release on a shelf and make it champion; `shift` moves its probabilities, above zero its reasons too."""
    folder = shelf.folder / f"v{version}"
    shutil.copytree(release_folder, folder)
    said = json.loads((folder / RELEASE_FILE).read_text())
    (folder / RELEASE_FILE).write_text(json.dumps(said | {"version": version}))
    need = json.loads((folder / "need.json").read_text())
    need["calibrator"]["intercept"] = [one + shift for one in need["calibrator"]["intercept"]]
    (folder / "need.json").write_text(json.dumps(need))
    if shift > 0:
        first, second = folder / "threshold-1.txt", folder / "threshold-2.txt"
        texts = first.read_text(), second.read_text()
        first.write_text(texts[1])
        second.write_text(texts[0])
    shelf.point(f"v{version}")


def broken(shelf: Shelf, version: str) -> None:
    """Put what is no release on a shelf and make it champion."""
    (shelf.folder / version).mkdir(parents=True)
    shelf.point(version)


@pytest.fixture
def succession(shelf: Shelf, house: House) -> Succession:
    """A succession over a shelf, with the applications that the service makes."""
    metrics = Metrics()
    return Succession(shelf, lambda release: create_app(release, house, lambda: NOW, metrics=metrics), metrics)


@pytest.fixture
def front(succession: Succession) -> Front:
    """The front of a worker."""
    made = Front()
    made.succession = succession
    return made


def get(front: Front, path: str, **headers: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=front)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(send())


def test_a_worker_without_a_champion_is_alive_and_not_ready(front: Front, succession: Succession) -> None:
    assert not succession.look()
    assert (get(front, "/healthz").status_code, get(front, "/livez").status_code) == (200, 200)
    ready = get(front, "/readyz")
    assert (ready.status_code, ready.json()["ready"], ready.json()["model"]) == (503, False, None)
    refused = get(front, "/docs")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.json()["errors"][0]["what"].startswith("no model was ever promoted here")
    assert get(Front(), "/readyz").status_code == 503


def test_what_needs_no_model_is_served_without_a_champion(front: Front, succession: Succession, watch: Served) -> None:
    front.without_model = create_app_without_model(watch.house, lambda: watch.now, Metrics())
    officer = watch.asked_by("officer").headers
    found = get(front, "/v1/vouchers/overdue", **officer).json()
    assert (found["ordered_by"], found["fallback"], found["model"]) == ("days_overdue", "no_champion", None)
    assert [row["days_overdue"] for row in found["rows"]] == [74, 54, 10]
    assert get(front, "/v1/vouchers/report", **officer).status_code == 200
    assert get(front, "/v1/vouchers/overdue").status_code == 401
    assert get(front, "/v1/model", **officer).status_code == 503


def test_the_first_champion_makes_a_worker_ready(
    front: Front, succession: Succession, shelf: Shelf, release_folder: Path
) -> None:
    succession.look()
    put(shelf, release_folder, "1")
    os.utime(shelf.folder / LATEST, (AT.timestamp(), AT.timestamp()))
    assert succession.look()
    ready = get(front, "/readyz")
    assert ready.status_code == 200
    assert ready.json()["model"] == {
        "name": "tarve-need", "version": "1", "run_id": "0123456789abcdef", "since": "2026-11-22T08:00:00+00:00",
    }  # fmt: skip
    assert get(front, "/docs").status_code == 200


async def _asking(front: Front, headers: dict[str, str], goes_on: Any) -> list[httpx.Response]:
    """What one caller gets who asks again and again: by a posted history and for a known patient."""
    questions = [posted(), {"patient_id": KNOWN, "as_of": posted()["as_of"]}]
    given: list[httpx.Response] = []
    transport = httpx.ASGITransport(app=front)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        while goes_on() or len(given) < 3:
            given.append(await client.post("/v1/assess", json=questions[len(given) % 2]))
    return given


def whole(answer: dict[str, Any]) -> str:
    """An answer without its name."""
    return json.dumps({name: value for name, value in answer.items() if name != "id"}, sort_keys=True)


def test_another_champion_takes_over_under_load_and_no_answer_is_mixed(
    front: Front, succession: Succession, shelf: Shelf, release_folder: Path, house: House
) -> None:
    put(shelf, release_folder, "1")
    succession.look()

    async def asked_while_promoting() -> list[httpx.Response]:
        going = True
        callers = [asyncio.create_task(_asking(front, authority(house), lambda: going)) for _ in range(3)]
        for version, shift in (("2", 1.5), ("3", -1.5)):
            await asyncio.sleep(0.1)
            await asyncio.to_thread(put, shelf, release_folder, version, shift)
            assert await asyncio.to_thread(succession.look)
        await asyncio.sleep(0.1)
        going = False
        return [one for given in await asyncio.gather(*callers) for one in given]

    given = asyncio.run(asked_while_promoting())
    assert {one.status_code for one in given} == {200}
    answers = [one.json() for one in given]
    assert {one["model"]["version"] for one in answers} == {"1", "2", "3"}
    # Each release gives one and the same answer, whatever happened around it; so none was of two.
    assert len({whole(one) for one in answers}) == 3
    assert len({json.dumps(one["probabilities"]) for one in answers}) == 3
    assert len({json.dumps(one["reasons"]) for one in answers}) > 1
    for one in answers:
        kept = house.ledger.find(one["id"])
        assert kept is not None
        assert kept.model == f"tarve-need:v{one['model']['version']}-01234567"


def test_a_champion_that_cannot_be_read_leaves_the_one_that_runs(
    front: Front, succession: Succession, shelf: Shelf, release_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(shelf, release_folder, "1")
    succession.look()
    broken(shelf, "v2")
    assert not succession.look()
    ready = get(front, "/readyz")
    assert (ready.status_code, ready.json()["model"]["version"]) == (200, "1")
    assert ready.json()["champion_refused"] == "v2"
    assert "the release in v2 cannot be taken up" in caplog.text
    caplog.clear()
    assert not succession.look()  # not again with every look
    assert caplog.text == ""
    shelf.point("v1")
    succession.look()
    assert get(front, "/readyz").json()["champion_refused"] is None


def test_a_worker_that_starts_beside_a_broken_champion_takes_the_last_good_release(
    front: Front, succession: Succession, shelf: Shelf, release_folder: Path
) -> None:
    put(shelf, release_folder, "1")
    broken(shelf, "v2")
    assert succession.look()
    said = get(front, "/readyz").json()
    assert (said["model"]["version"], said["model"]["since"], said["champion_refused"]) == ("1", None, "v2")


def test_the_numbers_tell_what_runs_and_go_on_over_a_change(shelf: Shelf, release_folder: Path) -> None:
    metrics = Metrics()

    async def app(*_: object) -> None: ...

    succession = Succession(shelf, lambda _: app, metrics)
    metrics.know(["/v1/assess"])
    metrics.request("/v1/assess", 200, 0.01)
    put(shelf, release_folder, "1")
    succession.look()
    put(shelf, release_folder, "2")
    shelf.hear(AT)
    succession.look()
    broken(shelf, "v3")
    succession.look()
    text = metrics.text().decode()
    assert 'tarve_model{name="tarve-need",version="2"} 1.0' in text
    assert 'version="1"' not in text
    assert 'tarve_requests_total{route="/v1/assess",status="200"} 1.0' in text
    assert metrics.registry.get_sample_value("tarve_registry_reached_seconds") == AT.timestamp()
    assert metrics.registry.get_sample_value("tarve_champion_refused") == 1


def test_a_running_succession_sees_a_new_champion_and_lets_go_of_the_old_one(
    shelf: Shelf, release_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.succession.SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr("serving.succession.SECONDS_TO_END", 0.01)

    class App:
        """An application that refers to itself, as real ones do: only the collector can take it away."""

        def __init__(self, release: Release) -> None:
            self.release, self.self = release, self

    put(shelf, release_folder, "1")
    succession = Succession(shelf, App, Metrics())  # type: ignore[arg-type]
    succession.start()
    try:
        assert succession.running is not None
        old = weakref.ref(succession.running.app)
        put(shelf, release_folder, "2")
        wait_for(lambda: succession.running is not None and succession.running.release.version == "2")
        wait_for(lambda: old() is None)
    finally:
        succession.close()


def wait_for(what: Any) -> None:
    for _ in range(6000):
        if what():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen in a minute")


def test_a_shelf_that_cannot_be_looked_at_is_logged_and_looked_at_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("serving.succession.SECONDS_BETWEEN_LOOKS", 0.01)
    succession = Succession(shelf, lambda _: None, Metrics())  # type: ignore[arg-type, return-value]
    succession.start()

    def away() -> Heard:
        raise OSError(5, "the disk is away")

    monkeypatch.setattr(shelf, "heard", away)
    wait_for(lambda: "the releases cannot be looked at: the disk is away" in caplog.text)
    succession.close()


def test_what_is_heard_of_the_registry_is_kept_over_its_absence(shelf: Shelf) -> None:
    assert shelf.heard() == Heard()
    shelf.hear(AT, "away")
    assert shelf.heard() == Heard(None, "away")
    shelf.hear(AT)
    shelf.hear(AT.replace(hour=9), "away again")
    assert shelf.heard() == Heard(AT, "away again")
    (shelf.folder / HEARD).write_text("{")
    assert shelf.heard() == Heard()


def test_an_empty_pointer_names_no_champion(shelf: Shelf) -> None:
    assert (shelf.champion(), shelf.since(), shelf.releases()) == (None, None, [])
    shelf.folder.mkdir(parents=True)
    (shelf.folder / LATEST).write_text("")
    assert shelf.champion() is None


def test_a_follower_keeps_what_is_there_and_says_each_trouble_once(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    answers: list[Any] = [
        "tarve-need:v1-x", RegistryError("the registry is away"), RegistryError("the registry is away"),
        ReleaseError("no model is registered"), RuntimeError("SECRET"),
    ]  # fmt: skip

    def pull(*_: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    monkeypatch.setattr("serving.following.pull", pull)
    follower, heard = Follower(shelf, "tarve-need", "champion"), []
    hours = iter(range(5))
    monkeypatch.setattr("serving.following.time.sleep", lambda _: None)
    for hour in hours:
        follower.ask(AT.replace(hour=hour))
        heard.append((shelf.heard().reached_at.hour if shelf.heard().reached_at else None, shelf.heard().trouble))
    assert heard == [(0, ""), (0, "the registry is away"), (0, "the registry is away"), (3, ""),
                     (3, "the registry cannot be used (RuntimeError)")]  # fmt: skip
    assert caplog.text.count("the registry is away") == 1
    assert "SECRET" not in caplog.text


def test_a_follower_goes_on_as_long_as_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[datetime] = []
    follower = type("F", (), {"ask": lambda _, at: asked.append(at)})()
    going = iter([True, True, True, False, False])
    follow(follower, 0.01, lambda: next(going))
    assert len(asked) == 1
    assert while_child_of(os.getppid())()
    assert not while_child_of(-1)()


def test_a_request_that_takes_too_long_is_given_up(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    front = Front(seconds=0.05)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/begun":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(5)

    front.succession = running(slow)
    given = get(front, "/v1/model")
    assert (given.status_code, given.json()["errors"][0]["what"]) == (504, "it took too long; try again")
    assert "given up" in caplog.text
    with pytest.raises(AssertionError):  # the transport's: an answer that has begun cannot become another
        get(front, "/begun")


def test_more_requests_than_can_be_in_work_are_refused(shelf: Shelf) -> None:
    front = Front(at_once=1)

    async def fine(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.05)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    front.succession = running(fine)

    async def three() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=front)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return list(await asyncio.gather(client.get("/a"), client.get("/b"), client.get("/healthz")))

    first, second, alive = asyncio.run(three())
    assert (first.status_code, second.status_code, alive.status_code) == (200, 429, 200)
    assert second.headers["Retry-After"] == "1"
    assert get(front, "/again").status_code == 200


def test_a_worker_that_stops_is_not_ready_and_closes_connections(
    front: Front, succession: Succession, shelf: Shelf, release_folder: Path
) -> None:
    put(shelf, release_folder, "1")
    succession.look()
    assert "connection" not in get(front, "/docs").headers
    front.stopping = True
    assert get(front, "/readyz").status_code == 503
    answer = get(front, "/docs")
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_what_is_no_request_passes_by_the_front() -> None:
    seen: list[str] = []

    async def app(scope: Any, *_: object) -> None:
        seen.append(scope["type"])

    asyncio.run(Before(app, Front())({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def running(app: Any) -> Any:
    """A succession of which an application is all that is asked."""
    return type("S", (), {"running": type("R", (), {"app": staticmethod(app)})()})()


def test_a_pull_while_the_registry_is_away_keeps_what_is_there_if_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from serving import __main__ as command

    def away(*_: str) -> str:
        raise RegistryError("the registry is away")

    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    monkeypatch.setattr(command, "pull", away)
    assert command.main(["pull", "--or-keep"]) == 1  # there is nothing to keep
    shelf = Shelf.of_bentoml()
    broken(shelf, "v7-01234567")
    assert command.main(["pull"]) == 1
    assert command.main(["pull", "--or-keep"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "the registry is away; tarve-need:v7-01234567 is kept"


def test_the_command_follows_until_it_is_stopped_or_its_parent_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    from serving import __main__ as command

    asked: list[tuple[float, bool]] = []

    def follow_once(_: Follower, seconds: float, goes_on: Any) -> None:
        asked.append((seconds, goes_on()))
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "follow", follow_once)
    monkeypatch.setattr(command.logs, "set_up", lambda: None)
    assert command.main(["follow", "--seconds", "5"]) == 0
    assert command.main(["follow", "--while-parent"]) == 0
    assert asked == [(5.0, True), (60.0, True)]


def test_a_request_that_is_given_up_is_counted_as_such(shelf: Shelf) -> None:
    metrics, front = Metrics(), Front(seconds=0.05)

    async def slow(*_: object) -> None:
        await asyncio.sleep(5)

    front.succession = running(Watch(slow, metrics))
    assert get(front, "/slow").status_code == 504
    assert 'tarve_requests_total{route="other",status="504"} 1.0' in metrics.text().decode()
