"""What goes wrong around a service, what the caller sees of it, and that nothing answered is lost."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import engine, select, text

from records.database import Database, DatabaseError
from serving.api import create_app
from serving.cds import fetch
from serving.front import Front
from serving.house import House
from serving.keys import demo_key
from serving.known import Known
from serving.release import Release
from serving.reviews import reproduce, verify
from serving.settings import Settings
from serving.storage.ledger import snapshot_name
from serving.storage.tables import ASSESSMENTS, AUDIT
from serving.tokens import demo_token
from tests.databases import administrator
from tests.serving.asker import NOW, URL, Asker, asker, authority, posted
from tests.serving.attack.mutations import MARK
from tests.serving.cds import Client, listed, record
from tests.serving.interviews import planned
from tests.serving.test_operation import promote, service, until, workers

ROOT = Path(__file__).resolve().parents[3]
NOT_KEPT = {"errors": [{"where": "", "what": "the answer cannot be kept now, so it cannot be given; try again"}]}
UNREADABLE = {"errors": [{"where": "", "what": "the database cannot be reached now; try again"}]}


def kept(house: House) -> set[str]:
    """The names of all assessments that are kept, each with its line of the audit, its record event and its inputs."""
    with house.ledger.database.snapshot() as connection:
        names = set(connection.scalars(select(ASSESSMENTS.c.id)))
        events = set(connection.scalars(text("SELECT event_id FROM assessments")))
        lines = list(connection.scalars(select(AUDIT.c.line)))
    assert names == events
    assert all(sum(f'"value":"{name}"' in line for line in lines) >= 1 for name in names)
    assert all(house.ledger.vault.content(snapshot_name(name)) is not None for name in names)
    return names


def require_whole(house: House, answered: set[str]) -> None:
    """The chain is whole, everything answered is there, and the last of it can be made again."""
    review = verify(house.settings)
    assert review.is_whole, review.sentences
    assert answered <= kept(house)


class Running:
    """A worker in a process of its own, which is killed some time after so many answers."""

    def __init__(self, release_folder: Path, folder: Path, answers: int, seconds: float) -> None:
        said = [str(one) for one in (release_folder, folder, answers, seconds)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.serving.attack.worker", *said],
            cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def answered(self) -> set[str]:
        """What it said until it died."""
        names = self.process.communicate()[0].split()
        assert self.process.returncode == -signal.SIGKILL
        return set(names)


def killed(release_folder: Path, folder: Path, rounds: int) -> None:
    release = planned(release_folder, folder / "release")
    answered: set[str] = set()
    for at in range(rounds):
        workers = [Running(release, folder / "house", 3 + one, 0.003 * at + 0.001 * one) for one in range(2)]
        answered |= set.union(*(worker.answered() for worker in workers))
    assert len(answered) >= 7 * rounds
    house = House.open(Settings.under(folder / "house", None, URL))
    try:
        require_whole(house, answered)
        assert reproduce(house.settings, max(answered), NOW, release).is_whole
        later = asker(Release.read(release), house).answer(posted())["id"]
        require_whole(house, answered | {later})
    finally:
        house.close()


def test_workers_killed_in_the_middle_of_work_lose_nothing_that_they_answered(
    release_folder: Path, tmp_path: Path
) -> None:
    killed(release_folder, tmp_path, 1)


@pytest.mark.nightly
def test_workers_killed_at_many_moments_lose_nothing_that_they_answered(release_folder: Path, tmp_path: Path) -> None:
    killed(release_folder, tmp_path, 25)


class Callers:
    """Threads that ask again and again; a connection that breaks is a request to ask anew."""

    def __init__(self, url: str, headers: dict[str, str], many: int) -> None:
        self.answered: set[str] = set()
        self.statuses: set[int] = set()
        self.broken = 0
        self._url, self._headers, self._ended = url, headers, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(many)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._ended.is_set():
            try:
                given = httpx.post(f"{self._url}/v1/assess", json=posted(), headers=self._headers, timeout=120)
            except httpx.TransportError:
                self.broken += 1
                continue
            self.statuses.add(given.status_code)
            if given.status_code == 200:
                self.answered.add(given.json()["id"])

    def end(self) -> None:
        """Tell them to stop, and wait."""
        self._ended.set()
        for thread in self._threads:
            thread.join(240)


@pytest.mark.nightly
@pytest.mark.service
def test_real_workers_killed_under_load_come_back_and_lose_nothing(
    release_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TARVE_WORKERS", "2")
    promote(tmp_path, release_folder, "1")
    with service(tmp_path) as (server, url), httpx.Client(base_url=url, timeout=120) as probe:
        until(lambda: probe.get("/readyz").status_code == 200 and len(workers(server)) == 2)
        key = demo_key(tmp_path / "var" / "keys")
        token = demo_token(key, "booking-system", url, datetime.now(UTC))
        callers = Callers(url, {"Authorization": f"Bearer {token}"}, 4)
        for _ in range(4):
            before = len(callers.answered)
            until(partial(lambda least: len(callers.answered) > least, before + 40))
            workers(server)[0].kill()
            until(lambda: len(workers(server)) == 2)
        until(partial(lambda least: len(callers.answered) > least, len(callers.answered) + 40))
        callers.end()
        assert callers.statuses == {200}
        server.send_signal(signal.SIGTERM)
        assert server.wait(240) == 0
    database, vault = f"sqlite:///{tmp_path}/var/tarve.db", f"sqlite:///{tmp_path}/var/vault.db"
    anchors = tmp_path / "var" / "audit-anchors.txt"
    settings = replace(Settings.under(tmp_path / "var", None, url), database=database, vault=vault, anchors=anchors)
    house = House.open(settings)
    try:
        require_whole(house, callers.answered)
    finally:
        house.close()


@contextmanager
def away(postgres: engine.URL, database: str) -> Iterator[None]:
    """A database that lets nobody in and has thrown out who was there."""
    with administrator(postgres) as connection:
        connection.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
        yield
        connection.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path) -> Iterator[House]:
    """A house whose database is on a server."""
    settings = replace(Settings.under(tmp_path / "house", None, URL), database=postgres_url, records=postgres_url)
    opened = House.open(settings)
    yield opened
    opened.close()


def test_a_database_that_goes_and_comes_back(
    postgres: engine.URL, on_postgres: House, asking: Release, caplog: pytest.LogCaptureFixture
) -> None:
    name = on_postgres.settings.database.rpartition("/")[2].partition("?")[0]
    api = asker(asking, on_postgres)
    question = posted()
    question["patient"]["reference"] = "zq7-4711"
    before = api.answer(question)["id"]
    decision = {"outcome": "accepted"}
    with away(postgres, name):
        given = api.ask(question)
        assert (given.status_code, given.json()) == (503, NOT_KEPT)
        read = api.get(f"/v1/assessments/{before}")
        assert (read.status_code, read.json()) == (503, UNREADABLE)
        assert api.post(f"/v1/assessments/{before}/decision", decision).status_code == 503
        answers = api.post(f"/v1/assessments/{before}/answers", {"answers": [{"question": "pain", "value": 1}]})
        assert answers.status_code == 503
        known = api.ask({"patient_id": "zq7-4711"})
        assert (known.status_code, known.json()["errors"][0]["where"]) == (503, "patient_id")
        batch = api.post("/v1/assess/batch", {"items": [question]}).json()
        assert batch["items"][0]["errors"] == [NOT_KEPT["errors"][0] | {"where": "items[0]"}]
        hook = Client(api, on_postgres).call()
        assert hook.status_code == 503
        assert "cannot be told now who calls" in hook.text
        assert api.get("/v1/model").status_code == 200
        with pytest.raises(DatabaseError, match="cannot be reached"):
            House.open(on_postgres.settings)
    after = api.answer(question)["id"]
    assert api.post(f"/v1/assessments/{before}/decision", decision).status_code == 201
    assert Client(api, on_postgres).call().status_code == 200
    require_whole(on_postgres, {before, after})
    assert len(kept(on_postgres)) == 3
    assert not MARK.search(caplog.text)
    assert "Traceback" not in caplog.text


def test_a_vault_that_goes_and_comes_back(
    postgres: engine.URL, postgres_url: str, asking: Release, tmp_path: Path
) -> None:
    house = House.open(replace(Settings.under(tmp_path / "house", None, URL), vault=postgres_url))
    api = asker(asking, house)
    before = api.answer(posted())["id"]
    told = {"answers": [{"question": "pain", "value": 1}]}
    with away(postgres, postgres_url.rpartition("/")[2].partition("?")[0]):
        given = api.ask(posted())
        assert (given.status_code, given.json()) == (503, NOT_KEPT)
        assert api.post(f"/v1/assessments/{before}/answers", told).status_code == 503
        assert api.get(f"/v1/assessments/{before}").status_code == 200
    after = api.post(f"/v1/assessments/{before}/answers", told).json()["id"]
    require_whole(house, {before, after})
    assert len(kept(house)) == 2
    house.close()


def test_a_database_that_hangs_is_waited_for_no_longer_than_a_request_may_take(
    on_postgres: House, release: Release, postgres: engine.URL
) -> None:
    app = create_app(release, on_postgres, lambda: NOW)
    before = Asker(app, authority(on_postgres)).answer(posted())["id"]
    front = Front(seconds=1.0)
    front.succession = type("One", (), {"running": type("R", (), {"app": staticmethod(app), "release": release})})()  # type: ignore[assignment]
    name = on_postgres.settings.database.rpartition("/")[2].partition("?")[0]
    with administrator(postgres) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [name]).fetchall()
    asked = Asker(front, authority(on_postgres))  # type: ignore[arg-type]
    for (pid,) in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        given = [asked.ask(posted()) for _ in range(2)]
    finally:
        for (pid,) in found:
            os.kill(pid, signal.SIGCONT)
    assert {one.status_code for one in given} == {504}
    after = Asker(app, authority(on_postgres)).answer(posted())["id"]
    require_whole(on_postgres, {before, after})


@contextmanager
def full_disk(folder: Path, more: int = 40_000) -> Iterator[None]:
    """No file of this process grows beyond the largest one in a folder and a little."""
    largest = max(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_a_refusal_and_leaves_nothing_half_written(
    own_house: House, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    api = asker(release, own_house)
    answered = {api.answer(posted())["id"] for _ in range(3)}
    with full_disk(own_house.settings.keys.parent):
        given = [api.ask(posted()) for _ in range(60)]
        refused = [one for one in given if one.status_code != 200]
        assert refused
        assert all((one.status_code, one.json()) == (503, NOT_KEPT) for one in refused)
        answered |= {one.json()["id"] for one in given if one.status_code == 200}
        some = min(answered)
        decided = api.post(f"/v1/assessments/{some}/decision", {"outcome": "accepted", "comment": "x" * 2_000})
        assert decided.status_code in {201, 503}
        assert api.get("/v1/model").status_code == 200
    assert kept(own_house) == answered
    answered |= {api.answer(posted())["id"] for _ in range(3)}
    require_whole(own_house, answered)
    assert api.post(f"/v1/assessments/{some}/decision", {"outcome": "accepted"}).is_success or decided.is_success
    assert "nothing could be kept" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_disk_too_full_for_the_anchors_does_not_keep_answers_back(
    own_house: House, release: Release, caplog: pytest.LogCaptureFixture
) -> None:
    own_house.settings.anchors.unlink(missing_ok=True)
    own_house.settings.anchors.mkdir()
    answered = {asker(release, own_house).answer(posted())["id"]}
    assert "the head of the audit cannot be copied to its anchors" in caplog.text
    own_house.settings.anchors.rmdir()
    require_whole(own_house, answered)


class Slow:
    """A server on a real socket: it accepts, and then behaves as one of the names says."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self._socket.getsockname()[1]}/r4"
        self._ended = threading.Event()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._socket.close()
        for one in self._held:
            one.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._held.append(connection)
            threading.Thread(target=self._behave, args=(connection,), daemon=True).start()

    def _behave(self, connection: socket.socket) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"
        try:
            if self._way == "garbage":
                connection.sendall(b"\x16\x03\x01\x00Zq7Sukunimi\r\n\r\n")
            elif self._way == "closes":
                connection.close()
            elif self._way == "dribbles":
                connection.sendall(head + b"Content-Length: 1000000\r\n\r\n")
                while not self._ended.wait(0.05):
                    connection.sendall(b" ")
            elif self._way == "floods":
                connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
                while not self._ended.is_set():
                    connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        except OSError:
            return


@pytest.mark.parametrize("way", ["says nothing", "dribbles", "floods", "garbage", "closes"])
def test_a_fhir_server_that_is_slow_or_broken_costs_a_call_its_time_and_no_more(
    release: Release, house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 0.6)
    server = Slow(way)
    try:
        with_server = listed(house, fhir_servers=(server.base,))
        client = Client(Asker(create_app(release, with_server, lambda: NOW)), house)
        said: dict[str, Any] = {"fhirServer": server.base, "fhirAuthorization": {"access_token": "Zq7Secret"}}
        required = client.call(prefetch=record(encounters=...), **said)
        assert required.status_code == 412
        assert required.json()["issue"][0]["expression"] == ["prefetch.encounters"]
        optional = client.call(prefetch=record(observations=...), headers={"Accept-Language": "en"}, **said)
        assert optional.status_code == 200
        assert "was not given and could not be fetched" in optional.json()["cards"][0]["detail"]
    finally:
        server.close()
    assert "a FHIR server did not give encounters" in caplog.text
    assert not MARK.search(caplog.text)
    assert "127.0.0.1" not in caplog.text


def test_others_are_answered_while_a_call_waits_for_a_slow_fhir_server(
    release: Release, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 60.0)
    server = Slow("says nothing")
    with_server = listed(house, fhir_servers=(server.base,))
    client = Client(Asker(create_app(release, with_server, lambda: NOW)), house)
    path = "/cds-services/dental-need-booking"
    body = client.body(prefetch=record(encounters=...), fhirServer=server.base)

    async def both() -> tuple[int, int, bool]:
        transport = httpx.ASGITransport(app=client.asker.app)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as asked:
            post = partial(asked.post, headers={"Authorization": f"Bearer {client.token(path)}"})
            waiting = asyncio.create_task(post(path, json=body))
            await asyncio.sleep(0.2)
            other = await asked.post("/v1/assess", json=posted(), headers=authority(house))
            still = not waiting.done()
            server.close()
            return (await waiting).status_code, other.status_code, still

    assert asyncio.run(both()) == (412, 200, True)


def test_a_record_store_that_goes_away_leaves_posted_histories(
    own_house: House, release: Release, tmp_path: Path
) -> None:
    records = Database.open(f"sqlite:///{tmp_path / 'r.db'}")
    api = asker(release, replace(own_house, known=Known(records)))
    (tmp_path / "r.db").write_bytes(b"no database at all" * 1000)
    given = api.ask({"patient_id": "zq7-4711"})
    assert given.status_code == 503
    assert "post the history instead" in given.text
    assert api.ask(posted()).status_code == 200
