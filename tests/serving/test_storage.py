"""What is kept: tables made by steps, a thread that writes for many, and a vault that only its key opens."""

from __future__ import annotations

import asyncio
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData, event, func, select, text

from records.clock import instant, microsecond
from records.database import Database, DatabaseError, add, rows_of
from records.database.connection import engine
from records.person import Person
from serving import keys
from serving.house import House
from serving.keys import NAMES, KeyFolderError, Secrets, demo_key
from serving.release import Release
from serving.settings import Settings
from serving.snapshots import Snapshot, opened, pack, unpack
from serving.storage.tables import AUDIT, KEPT, SEALED, SPENT
from serving.storage.vault import Vault
from serving.storage.versions import KEPT_STEPS, VAULT_STEPS, Steps, prepare
from serving.storage.writer import Turn, Write
from serving.wire import Notice
from tests.records.database.histories import histories
from tests.rows import patient
from tests.serving.asker import KNOWN, NOW, asker, posted

KEY = bytes(range(32))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path / 'x.db'}"


@pytest.mark.parametrize(("steps", "declared"), [(KEPT_STEPS, KEPT), (VAULT_STEPS, SEALED)])
def test_the_steps_make_the_tables_that_are_declared(url: str, steps: Steps, declared: MetaData) -> None:
    opened = engine(url)
    prepare(opened, steps)
    prepare(opened, steps)
    ours = {"include_object": lambda _, name, kind, *__: kind != "table" or name != steps.counter, "compare_type": True}
    with opened.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), declared) == []
    opened.dispose()


def test_many_workers_may_take_the_steps_at_once(url: str) -> None:
    opened = engine(url)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: prepare(opened, KEPT_STEPS), range(4)))
    with opened.connect() as connection:
        # Each step was taken once: one row counts them, and the head of the audit stands once.
        assert connection.execute(text("SELECT steps FROM kept_version")).all() == [(len(KEPT_STEPS.steps),)]
        assert connection.execute(text("SELECT number FROM audit_head")).all() == [(0,)]
    opened.dispose()


def test_a_database_with_more_steps_is_refused(url: str) -> None:
    opened = engine(url)
    prepare(opened, KEPT_STEPS)
    with opened.begin() as connection:
        connection.execute(text("UPDATE kept_version SET steps = 9"))
    with pytest.raises(DatabaseError, match="kept_version says 9, this code knows 2; use the newer Tarve"):
        prepare(opened, KEPT_STEPS)
    opened.dispose()


def test_a_vault_opens_only_with_its_key_and_under_the_same_name(url: str) -> None:
    vault = Vault.open(url, KEY)
    vault.add([vault.sealed("a", b"secret", NOW), vault.sealed("b", b"other", NOW)])
    assert (vault.content("a"), vault.content("nothing")) == (b"secret", None)
    other = Vault.open(url, KEY[::-1])
    with pytest.raises(DatabaseError, match="was changed, or sealed by another key"):
        other.content("a")
    other.close()
    reached = engine(url)
    with reached.begin() as connection:
        connection.execute(text("UPDATE vault SET sealed = (SELECT sealed FROM vault WHERE name = 'b')"))
    reached.dispose()
    with pytest.raises(DatabaseError, match="was changed"):
        vault.content("a")
    vault.close()


def test_a_vault_in_a_file_is_read_by_its_owner_only(tmp_path: Path) -> None:
    Vault.open(f"sqlite:///{tmp_path / 'deep' / 'vault.db'}", KEY).close()
    assert (tmp_path / "deep" / "vault.db").stat().st_mode & 0o777 == 0o600
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="cannot be created"):
        Vault.open(f"sqlite:///{tmp_path / 'file' / 'vault.db'}", KEY)


def test_a_token_is_spent_once_in_one_write_and_over_many(own_house: House) -> None:
    until = datetime(2100, 1, 1, tzinfo=UTC)
    barrier = threading.Barrier(8)

    def spend(_: int) -> bool:
        barrier.wait()
        return own_house.ledger.writer.put(Write(spends=("t", until))).result()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(spend, range(8))) == [False] * 7 + [True]


def test_tokens_that_ended_are_forgotten(own_house: House) -> None:
    writer = own_house.ledger.writer
    for hour, token in ((8, "ended"), (10, "perhaps ended"), (11, "new")):
        assert writer.put(Write(spends=(token, datetime(2026, 11, 22, hour, tzinfo=UTC)))).result()
    with own_house.ledger.database.snapshot() as connection:
        assert list(connection.scalars(select(SPENT.c.token).order_by(SPENT.c.until))) == ["perhaps ended", "new"]


def test_what_one_request_cannot_keep_does_not_cost_the_others(own_house: House) -> None:
    """The writer's thread is held up, so that all of these come together into one transaction."""
    ledger, unowned = own_house.ledger, {"patient_id": "nobody", "event_id": "1"}
    with ledger.database.transaction():
        waiting = ledger.writer.put(Write(lines=["held up"]))
        good = [ledger.writer.put(Write(lines=[str(number)])) for number in range(5)]
        bad = ledger.writer.put(Write(events={"assessments": [unowned]}, lines=["bad"]))
        gone = ledger.writer.put(Write(lines=["gone"]))
        gone.cancel()
    assert waiting.result()
    assert all(one.result() for one in good)
    with pytest.raises(DatabaseError, match="nothing was written"):
        bad.result()
    with ledger.database.snapshot() as connection:
        assert connection.scalar(select(func.count()).select_from(AUDIT)) == 6


def test_a_fault_of_ours_fails_the_request_and_not_the_thread(
    own_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DatabaseError, match="the writer failed"):
        own_house.ledger.writer.put(Write(rows={AUDIT: [object()]})).result()  # type: ignore[list-item]
    assert "nothing could be kept: " in caplog.text
    assert own_house.ledger.writer.put(Write(lines=["x"])).result()


def test_closing_keeps_what_is_waiting(records: Path, tmp_path: Path) -> None:
    house = House.open(Settings.under(tmp_path / "house", records))
    waiting = [house.ledger.writer.put(Write(lines=[str(number)])) for number in range(50)]
    house.close()
    assert all(one.result(0) for one in waiting)


def test_an_answer_that_cannot_be_kept_is_not_given(release: Release, own_house: House) -> None:
    api = asker(release, own_house)
    reached = engine(own_house.settings.database)
    with reached.begin() as connection:
        connection.execute(text("ALTER TABLE audit_head RENAME TO away"))
    refused = api.faults(posted(), 503)
    assert refused == [{"where": "", "what": "the answer cannot be kept now, so it cannot be given; try again"}]
    [item] = api.post("/v1/assess/batch", {"items": [posted()]}).json()["items"]
    assert item["errors"][0]["where"] == "items[0]"
    with reached.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO audit_head"))
    name = api.answer(posted())["id"]
    with reached.begin() as connection:
        connection.execute(text("ALTER TABLE decisions RENAME TO away"))
    assert api.post(f"/v1/assessments/{name}/decision", {"outcome": "accepted"}).status_code == 503
    assert api.get(f"/v1/assessments/{name}").status_code == 503
    reached.dispose()


def test_known_patients_may_be_in_a_database(release: Release, records: Path, tmp_path: Path) -> None:
    from records import store

    url = f"sqlite:///{tmp_path / 'records.db'}"
    with Database.open(url) as database:
        database.write(store.read(records))
    house = House.open(Settings.under(tmp_path / "house", url, "http://test"))
    api = asker(release, house)
    assert [house.known.holds(name) for name in (KNOWN, "nobody", "a\0b")] == [True, False, False]
    assert api.told({"patient_id": KNOWN}) == api.told(posted() | {"as_of": NOW.isoformat()})
    assert api.faults({"patient_id": "nobody"}, 404)
    assert api.faults({"patient_id": "a\0b"}, 404)
    house.close()


def test_the_record_database_may_be_the_service_s_own(release: Release, records: Path, tmp_path: Path) -> None:
    from records import store

    settings = Settings.under(tmp_path / "house", f"sqlite:///{tmp_path / 'house' / 'tarve.db'}", "http://test")
    with Database.open(settings.database) as database:
        database.write(store.read(records))
    house = House.open(settings)
    api = asker(release, house)
    first = api.told({"patient_id": KNOWN})
    assert api.told({"patient_id": KNOWN}) == first
    house.close()


def test_rows_are_added_within_a_transaction_of_the_caller(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as database:
        with database.transaction() as connection:
            add(connection, {"patients": [patient("b"), patient("a"), patient("a")], "decisions": []})
        with database.transaction() as connection:
            add(connection, {"patients": [patient("a", sex="male")]})
        with database.snapshot() as connection:
            assert [row["sex"] for row in rows_of(connection, "patients", "a")] == ["female"]
            assert rows_of(connection, "decisions", "a") == []


@settings(max_examples=30)
@given(histories(), st.lists(st.builds(Notice, table=st.text(), says=st.text(), rows=st.integers(0, 9))))
def test_a_snapshot_gives_the_inputs_again_to_the_last_bit_but_not_whose(history: Any, notices: list[Notice]) -> None:
    [name, *_] = [*history.patient_ids.to_pylist(), "nobody"]
    rows = {table: [row | {"patient_id": "Zq7Sentinel"} for row in some.to_pylist() if row["patient_id"] == name]
            for table, some in history.tables.items()}  # fmt: skip
    person = Person.from_rows({**rows, "patients": rows["patients"] or [patient("Zq7Sentinel")]})
    given = Snapshot(person, instant("2026-11-22T10:00:00.000001"), tuple(notices))
    content = pack(given)
    assert b"Zq7Sentinel" not in opened(content)
    # As they were kept before LZ4 was used.
    assert opened(zlib.compress(opened(content), 1)) == opened(content)
    again = unpack(content)
    assert (again.as_of, again.notices) == (given.as_of, given.notices)
    for table, found in again.given.history.tables.items():
        assert found.drop_columns("patient_id").equals(person.history[table].drop_columns("patient_id"))


def test_a_snapshot_that_was_kept_row_by_row_can_still_be_read() -> None:
    row = {"birth_date": "1971-05-17", "sex": "unknown", "special_needs": False, "non_disclosure": False}
    told = {"event_id": "1", "event_time": "2025-03-04T08:00:00+00:00", "recorded_at": "2025-03-04T08:00:00+00:00",
               "source": "api", "question": "pain", "value": "inf"}  # fmt: skip
    said = {"as_of": "2026-11-22T08:00:00+00:00", "rows": {"patients": [row], "answers": [told]}, "notices": []}
    again = unpack(zlib.compress(orjson.dumps(said)))
    assert again.given.row["birth_date"] == date(1971, 5, 17)
    assert again.given["answers"]["value"] == [float("inf")]
    assert again.given["answers"].happened.tolist() == [microsecond(instant("2025-03-04T10:00"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_keys_are_made_once_and_read_by_their_owner_only(folder: Path) -> None:
    first, second = Secrets.open(folder), Secrets.open(folder)
    assert first == second
    assert len({first.audit, first.patients, first.vault}) == 3
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert demo_key(folder).as_dict(private=True) == demo_key(folder).as_dict(private=True)
    assert sorted(file.name for file in folder.parent.iterdir()) == ["keys"]


def test_workers_that_start_together_use_the_same_keys(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: (Secrets.open(folder), demo_key(folder).kid), range(8)))
    assert len(set(found)) == 1


def test_a_lost_or_broken_key_is_said_and_not_replaced(folder: Path) -> None:
    Secrets.open(folder)
    (folder / f"{NAMES[0]}.key").unlink()
    with pytest.raises(KeyFolderError, match=r"patients.key is missing; put it back"):
        Secrets.open(folder)
    for content in ("zz", "00"):
        (folder / f"{NAMES[0]}.key").write_text(content)
        with pytest.raises(KeyFolderError, match="does not hold 32 bytes"):
            Secrets.open(folder)


def test_a_broken_key_of_the_demo_is_said(folder: Path) -> None:
    demo_key(folder)
    (folder / keys.DEMO).write_text("{")
    with pytest.raises(KeyFolderError, match="holds no key of an issuer"):
        demo_key(folder)
    (folder / keys.DEMO).unlink()
    (folder / keys.DEMO).mkdir()
    with pytest.raises(KeyFolderError, match="cannot be read"):
        demo_key(folder)


def test_a_folder_that_cannot_be_made_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "file").touch()
    with pytest.raises(KeyFolderError, match="cannot be made"):
        Secrets.open(folder.parent / "file" / "keys")

    def refused(*_: object) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(KeyFolderError, match="cannot be made: not permitted"):
        Secrets.open(folder)
    assert [file.name for file in folder.parent.iterdir()] == ["file"]


def test_of_two_makers_the_first_stays(folder: Path) -> None:
    first = Secrets.open(folder)
    keys._make(folder)
    assert Secrets.open(folder) == first
    keys._write_once(folder / "audit.key", b"00" * 32)
    assert Secrets.open(folder) == first


def test_reviews_make_no_keys(folder: Path) -> None:
    with pytest.raises(KeyFolderError, match=r"patients.key is missing"):
        Secrets.read(folder)
    (folder.parent / "patients.key").mkdir()
    with pytest.raises(KeyFolderError, match="cannot be read"):
        Secrets.read(folder.parent)


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    named = {"TARVE_PUBLIC_URL": "https://tarve.example.fi/", "TARVE_RECORDS": "postgresql://x/y",
             "TARVE_DATABASE": "sqlite:///a.db", "TARVE_ACCESS": "access.toml"}  # fmt: skip
    found = Settings.read(named)
    assert (found.public_url, found.records, found.access) == (
        "https://tarve.example.fi", "postgresql://x/y", Path("access.toml"),
    )  # fmt: skip
    assert Settings.read({"TARVE_RECORDS": str(tmp_path)}).records == tmp_path
    absent = Settings.read({"TARVE_RECORDS": str(tmp_path / "none"), "TARVE_ACCESS": ""})
    assert (absent.records, absent.access, absent.database) == (None, None, "sqlite:///var/tarve.db")


def test_an_access_file_takes_the_place_of_the_demo(tmp_path: Path) -> None:
    from serving.tenants import AccessError

    with pytest.raises(AccessError, match="cannot be read"):
        House.open(replace(Settings.under(tmp_path), access=tmp_path / "access.toml"))
    assert not (tmp_path / "keys" / keys.DEMO).exists()


def test_under_load_one_commit_serves_several_and_a_lone_write_does_not_wait(
    own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, batches = own_house.ledger.writer, []
    monkeypatch.setattr("serving.storage.writer.BETWEEN_COMMITS", 1.0)
    write = writer._write

    def counted(writes: list[Write]) -> list[bool]:
        batches.append(len(writes))
        return write(writes)

    monkeypatch.setattr(writer, "_write", counted)
    assert writer.put(Write(lines=["alone"])).result(timeout=60)
    waiting = [writer.put(Write(lines=[str(number)])) for number in range(20)]
    assert all(one.result(timeout=60) for one in waiting)
    assert batches == [1, 20]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_rows_go_in_while_nobody_answers_and_commits_wait_for_nobody(
    kind: str, request: pytest.FixtureRequest, records: Path, tmp_path: Path
) -> None:
    """A statement of SQLite waits for nobody and takes the turn; PostgreSQL may keep one waiting, and takes none."""
    own = Settings.under(tmp_path / "house", records)
    if kind == "postgres":
        url = request.getfixturevalue("postgres_url")
        own = replace(own, database=url, vault=url)
    house = House.open(own)
    ledger, done, said = house.ledger, set(), set()
    lock = ledger.writer.turn._lock
    for used in (ledger.database._engine, ledger.vault._engine):
        event.listen(used, "before_cursor_execute", lambda *given: done.add((given[2].split()[0], lock.locked())))
        event.listen(used, "before_cursor_execute", lambda *given: said.add(given[2]))
        event.listen(used, "commit", lambda _: done.add(("COMMIT", lock.locked())))
    sealed = ledger.vault.sealed("x", b"x", NOW)
    assert ledger.writer.put(Write(events={"patients": [patient("p")]}, sealed=[sealed], lines=["x"])).result()
    house.close()
    assert ("COMMIT", False) in done
    assert ("COMMIT", True) not in done
    assert ("INSERT", kind == "sqlite") in done
    assert ("INSERT", kind != "sqlite") not in done
    # Whoever begins to write when a row comes would wait for other workers in its turn.
    assert {begin for begin in said if begin.startswith("BEGIN")} == (
        {"BEGIN IMMEDIATE"} if kind == "sqlite" else set()
    )


def test_a_turn_is_waited_for_but_not_for_ever(own_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    turn, order = Turn(), []

    def work() -> None:
        with turn.taken():
            order.append("other")

    monkeypatch.setattr("serving.storage.writer.MOST_POLITE", 60.0)
    with ThreadPoolExecutor(1) as pool:
        with turn.taken():
            waiting = pool.submit(work)
            time.sleep(0.02)
            order.append("one")
        waiting.result()
    assert order == ["one", "other"]
    monkeypatch.setattr("serving.storage.writer.MOST_POLITE", 0.01)
    writer = own_house.ledger.writer
    with writer.turn.taken():
        assert writer.put(Write(lines=["x"])).result()
        assert writer.turn._lock.locked()
    assert not writer.turn._lock.locked()


def test_one_call_wakes_an_event_loop_for_all_that_was_written_together(own_house: House) -> None:
    writer = own_house.ledger.writer

    async def many() -> tuple[list[bool], int]:
        loop, calls = asyncio.get_running_loop(), []
        wake = loop.call_soon_threadsafe
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(loop, "call_soon_threadsafe", lambda *said: (calls.append(said), wake(*said)))
            with own_house.ledger.database.transaction():
                held_up = asyncio.create_task(writer.write(Write(lines=["held up"])))
                await asyncio.sleep(0.1)
                waiting = [asyncio.create_task(writer.write(Write(lines=[str(number)]))) for number in range(20)]
                await asyncio.sleep(0)
            return await asyncio.gather(held_up, *waiting), len(calls)

    assert asyncio.run(many()) == ([True] * 21, 2)


def test_a_write_that_is_given_up_before_it_begins_is_not_kept(own_house: House) -> None:
    """And one given up while it is written is, though nobody hears of it."""
    ledger = own_house.ledger

    async def given_up() -> bool:
        with ledger.database.transaction():
            begun = asyncio.create_task(ledger.writer.write(Write(lines=["begun"])))
            await asyncio.sleep(0.1)
            waiting = asyncio.create_task(ledger.writer.write(Write(lines=["waiting"])))
            await asyncio.sleep(0)
            begun.cancel()
            waiting.cancel()
            await asyncio.sleep(0)
        return await ledger.writer.write(Write(lines=["last"]))

    assert asyncio.run(given_up())
    with ledger.database.snapshot() as connection:
        assert list(connection.scalars(select(AUDIT.c.line).order_by(AUDIT.c.number))) == ["begun", "last"]


def test_an_event_loop_that_ended_meanwhile_does_not_stop_the_writer(own_house: House) -> None:
    ledger, loop = own_house.ledger, asyncio.new_event_loop()
    with ledger.database.transaction():
        waiting = loop.create_task(ledger.writer.write(Write(lines=["nobody hears"])))
        loop.run_until_complete(asyncio.sleep(0.1))
        waiting.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    assert ledger.writer.put(Write(lines=["heard"])).result(timeout=5)
    with ledger.database.snapshot() as connection:
        assert connection.scalar(select(func.count()).select_from(AUDIT)) == 2


def test_a_row_that_cannot_be_kept_fails_its_own_request_on_an_event_loop_too(own_house: House) -> None:
    ledger = own_house.ledger
    nobody = {"patient_id": "nobody", "event_id": "1"}
    writes = [Write(lines=["a"]), Write(events={"assessments": [nobody]}, lines=["bad"]), Write(lines=["b"])]

    async def together() -> list[Any]:
        with ledger.database.transaction():
            held_up = asyncio.create_task(ledger.writer.write(Write(lines=["held up"])))
            await asyncio.sleep(0.1)
            tasks = [asyncio.create_task(ledger.writer.write(one)) for one in writes]
            await asyncio.sleep(0)
        return await asyncio.gather(held_up, *tasks, return_exceptions=True)

    held_up, first, bad, last = asyncio.run(together())
    assert (held_up, first, last) == (True, True, True)
    assert isinstance(bad, DatabaseError)
    assert "nothing was written" in str(bad)
    with ledger.database.snapshot() as connection:
        assert sorted(connection.scalars(select(AUDIT.c.line))) == ["a", "b", "held up"]
