from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import delete, func, select, text

from records.database import Database, DatabaseError
from records.database.connection import engine, masked
from records.database.tables import DATABASE_TABLES, RETRACTIONS, InstantError
from records.history import History
from tests.records.database.histories import histories
from tests.rows import event, history, patient

on_each_database = settings(max_examples=25, suppress_health_check=[*HealthCheck])


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with Database.open(url) as opened:
        yield opened


def emptied(database: Database) -> Database:
    with database._engine.begin() as connection:
        for table in reversed(DATABASE_TABLES.values()):
            connection.execute(delete(table))
    return database


def held(database: Database) -> dict[str, int]:
    with database._engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) for name, table in DATABASE_TABLES.items()
        }


def everything(database: Database) -> dict[str, pa.Table]:
    parts = [database.read_patient(patient) for patient in database.patients()]
    return {name: pa.concat_tables([part[name] for part in parts]).combine_chunks() for name in DATABASE_TABLES}


def same(one: History | dict[str, pa.Table], other: History | dict[str, pa.Table]) -> bool:
    return all(one[name].equals(other[name]) for name in DATABASE_TABLES)


@on_each_database
@given(written=histories())
def test_what_is_written_is_read_again(database: Database, written: History) -> None:
    emptied(database).write(written)
    assert database.patients() == written.patient_ids.to_pylist()
    assert same(everything(database), written)


@on_each_database
@given(written=histories())
def test_writing_twice_is_writing_once(database: Database, written: History) -> None:
    first = emptied(database).write(written)
    again = database.write(written)
    rows = {name: count for name, count in written.rows().items() if count}
    assert (first.new, first.unchanged, first.replaced) == (rows, {}, {})
    assert (again.new, again.unchanged, again.replaced) == ({}, rows, {})
    assert same(everything(database), written)


@on_each_database
@given(written=histories())
def test_a_write_that_fails_leaves_nothing(database: Database, written: History) -> None:
    charge = event("charges", "2020-01-01", patient=written.patient_ids[0].as_py(), category="gold", event_id="new one")
    bad = History.from_rows({"charges": [charge]})
    with pytest.raises(DatabaseError, match="table charges: category is not an allowed value; nothing was written"):
        emptied(database).write(History({**written.tables, "charges": bad["charges"]}))
    assert not any(held(database).values())


def test_only_one_patient_is_read(database: Database) -> None:
    database.write(history(*map(patient, "abc"), visits=[event("visits", "2020-01-01", patient=who) for who in "abc"]))
    one = database.read_patient("b")
    assert one is not None
    assert one.rows()["patients"] == one.rows()["visits"] == 1
    assert one["visits"]["patient_id"].to_pylist() == ["b"]
    assert database.read_patient("nobody") is None


def test_a_new_event_is_added_to_those_there(database: Database) -> None:
    early, late = event("visits", "2020-01-01T10:00"), event("visits", "2021-01-01T10:00")
    database.write(history(visits=[late]))
    assert database.write(history(visits=[early, late])).new == {"visits": 1}
    assert database.write(History.from_rows({"visits": [event("visits", "2022-01-01")]})).new == {"visits": 1}
    assert database.read_patient("a")["visits"]["event_time"].to_pylist()[:2] == [
        datetime(2020, 1, 1, 8, tzinfo=UTC),
        datetime(2021, 1, 1, 8, tzinfo=UTC),
    ]


@pytest.mark.parametrize("other", [{"minutes": 31}, {"unit": "north"}, {"minutes": None}, {"patient": "b"}])
def test_another_content_under_an_event_id_is_refused(database: Database, other: dict) -> None:
    people = [patient("a"), patient("b")]
    database.write(history(*people, visits=[event("visits", "2020-01-01", event_id="1")]))
    before = everything(database)
    changed = event("visits", "2020-01-01", event_id="1", **other)
    with pytest.raises(DatabaseError, match="table visits: 1 event ids or more are there with other content; nothing"):
        database.write(history(*people, visits=[event("visits", "2021-01-01", event_id="2"), changed]))
    assert same(everything(database), before)


def test_a_patient_may_change(database: Database) -> None:
    database.write(history(patient("a"), patient("b")))
    written = database.write(
        history(patient("a", language="sv", left_at=datetime(2025, 1, 1, tzinfo=UTC)), patient("b"))
    )
    assert (written.replaced, written.unchanged) == ({"patients": 1}, {"patients": 1})
    assert database.read_patient("a")["patients"]["language"].to_pylist() == ["sv"]


REFUSED = [
    ("an event belongs to a patient", {"visits": [event("visits", "2020-01-01", patient="stranger")]}),
    ("visits: minutes is above 1440", {"visits": [event("visits", "2020-01-01", minutes=1441)]}),
    ("findings: value is below 0", {"findings": [event("findings", "2020-01-01", value=-1)]}),
    ("answers: value is not a number", {"answers": [event("answers", "2020-01-01", value=float("nan"))]}),
    ("visits: an id stands twice", {"visits": [event("visits", f"202{n}-01-01", event_id="1") for n in (0, 1)]}),
]


@pytest.mark.parametrize(("why", "tables"), REFUSED, ids=[why for why, _ in REFUSED])
def test_what_the_schema_does_not_allow_is_refused_without_quoting_it(database: Database, why: str, tables) -> None:
    with pytest.raises(DatabaseError, match=why) as raised:
        database.write(history(**tables))
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert not any(secret in str(raised.value) for secret in ("stranger", "1441", "2020"))
    assert not any(held(database).values())


def test_a_time_that_no_calendar_has_is_refused(database: Database) -> None:
    visits = history(visits=[event("visits", "2020-01-01")])["visits"]
    far = pa.array([2**62], pa.timestamp("us", tz="UTC"))
    tables = history().tables | {"visits": visits.set_column(2, visits.schema.field(2), far)}
    with pytest.raises(DatabaseError, match="table visits: a time is outside the years 1 to 9999"):
        database.write(History(tables))


def test_a_text_that_postgresql_cannot_hold_is_refused(postgres_url: str) -> None:
    with Database.open(postgres_url) as database, pytest.raises(DatabaseError, match="cannot hold one of the values"):
        database.write(history(patient("a", district="a\0b")))


def test_a_database_changed_behind_our_back_is_an_error(database: Database) -> None:
    with database._engine.begin() as connection:
        connection.execute(text("DROP TABLE charges"))
    with pytest.raises(DatabaseError, match="is not as this code left it"):
        database.write(history(charges=[event("charges", "2020-01-01")]))
    with pytest.raises(DatabaseError, match="is not as this code left it"):
        database.read_patient("a")
    assert database.patients() == []


def test_a_rule_of_somebody_else_is_told_as_a_refusal(database: Database) -> None:
    with database._engine.begin() as connection:
        connection.execute(text("CREATE UNIQUE INDEX theirs ON patients (district)"))
    with pytest.raises(DatabaseError, match="the database refuses the rows; nothing was written"):
        database.write(history(patient("a", district="north"), patient("b", district="north")))


def test_a_writer_waits_for_another_one_and_then_says_so(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("records.database.connection.BUSY_MILLISECONDS", 20)
    with Database.open(sqlite_url) as database, Database.open(sqlite_url) as other, other._engine.begin() as holding:
        holding.execute(delete(DATABASE_TABLES["visits"]))
        with pytest.raises(DatabaseError, match="another writer holds the database; nothing was written, try again"):
            database.write(history())


def test_a_time_without_a_zone_never_reaches_the_database(database: Database) -> None:
    visits = DATABASE_TABLES["visits"]
    naive = datetime(2025, 10, 26, 3, 30)  # noqa: DTZ001
    with (
        database._engine.connect() as connection,
        pytest.raises(Exception, match="an instant has no time zone") as raised,
    ):
        connection.execute(select(visits).where(visits.c.event_time < naive))
    assert isinstance(getattr(raised.value, "orig", raised.value), InstantError)


def test_writers_of_different_patients_both_land(database: Database) -> None:
    writers, start = 4, Barrier(4)

    def write(number: int) -> None:
        start.wait()
        for part in range(5):
            who = f"{number}-{part}"
            database.write(history(patient(who), visits=[event("visits", "2020-01-01", patient=who)]))

    with ThreadPoolExecutor(writers) as pool:
        for done in [pool.submit(write, number) for number in range(writers)]:
            done.result()
    assert held(database)["patients"] == held(database)["visits"] == writers * 5


def test_of_two_writers_of_one_event_one_finds_it_written(database: Database) -> None:
    start = Barrier(2)
    same_history = history(visits=[event("visits", f"2020-01-{day:02}") for day in range(1, 29)])

    def write(_: int) -> int:
        start.wait()
        return database.write(same_history).new["visits"]

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, range(2))) == [0, 28]


def test_a_write_in_many_parts_is_still_one_transaction(database: Database) -> None:
    visits = [event("visits", "2020-01-01", event_id=str(number)) for number in range(4_500)]
    with pytest.raises(DatabaseError, match="minutes is above"):
        database.write(history(visits=[*visits, event("visits", "2021-01-01", minutes=9_999)]))
    assert not any(held(database).values())
    assert database.write(history(visits=visits)).new == {"patients": 1, "visits": 4_500}
    assert database.write(history(visits=visits)).unchanged == {"patients": 1, "visits": 4_500}


def test_the_folder_of_a_file_is_made(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/var/deep/tarve.db") as database:
        assert database.patients() == []
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="file cannot be created"):
        Database.open(f"sqlite:///{tmp_path}/file/tarve.db")


def test_sqlite_is_set_for_readers_beside_a_writer(sqlite_url: str) -> None:
    with Database.open(sqlite_url) as database, database._engine.connect() as connection:
        pragmas = {name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "foreign_keys")}
        assert pragmas == {"journal_mode": "wal", "foreign_keys": 1}
        assert connection.scalar(text("PRAGMA busy_timeout")) == 10_000


def test_a_postgresql_session_is_in_utc(postgres_url: str) -> None:
    with Database.open(postgres_url) as database, database._engine.connect() as connection:
        assert connection.scalar(text("SHOW TIME ZONE")) == "UTC"


def test_a_wrong_password_is_not_told(postgres_url: str) -> None:
    wrong = masked(postgres_url).replace("***", "opensesame")
    with pytest.raises(DatabaseError, match=r"cannot be reached.*password authentication failed") as raised:
        Database.open(wrong)
    assert "opensesame" not in str(raised.value)
    assert raised.value.__suppress_context__


UNREACHABLE = ["postgresql://me:opensesame@127.0.0.1:1/none", "postgresql://me@127.0.0.1:1/none?password=opensesame"]


@pytest.mark.parametrize("url", UNREACHABLE)
def test_a_server_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:1/none.* cannot be reached") as raised:
        Database.open(url)
    assert "opensesame" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["", "var/tarve.db", "postgresql://me:opensesame@host:port/x", "mysql://me:opensesame@h/x"]
)
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(DatabaseError, match=r"URL cannot be read|is not a kind of database") as raised:
        Database.open(url)
    assert "opensesame" not in str(raised.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(DatabaseError, match="a SQLite database is a file; give sqlite:///PATH"):
        Database.open(url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear reader, " * 100)
    with pytest.raises(DatabaseError, match="letter cannot be reached: file is not a database"):
        Database.open(f"sqlite:///{tmp_path}/letter")


def test_statements_in_errors_show_no_parameters(url: str) -> None:
    opened = engine(url)
    with opened.connect() as connection, pytest.raises(Exception, match="hidden") as raised:
        connection.execute(text("SELECT * FROM nothing WHERE patient_id = :who"), {"who": "stranger"})
    opened.dispose()
    assert "stranger" not in str(raised.value)


def test_an_event_that_was_taken_back_is_part_of_no_history(database: Database) -> None:
    kept, taken = event("visits", "2024-01-01T10:00"), event("visits", "2024-02-01T10:00")
    database.write(history(visits=[kept, taken]))
    retract(database, "visits", taken["event_id"])
    found = database.read_patient("a")
    assert found is not None
    assert found["visits"]["event_id"].to_pylist() == [kept["event_id"]]
    assert held(database)["visits"] == 2, "the row itself is kept"


def test_an_event_that_was_taken_back_stays_so_when_it_is_written_again(database: Database) -> None:
    taken = event("visits", "2024-01-01T10:00")
    database.write(history(visits=[taken]))
    retract(database, "visits", taken["event_id"])
    assert database.write(history(visits=[taken])).unchanged["visits"] == 1
    assert database.read_patient("a")["visits"].num_rows == 0


def test_one_is_taken_back_and_not_its_namesake_in_another_table(database: Database) -> None:
    database.write(
        history(
            visits=[event("visits", "2024-01-01T10:00", event_id="1")],
            findings=[event("findings", "2024-01-01T10:00", event_id="1")],
        )
    )
    retract(database, "visits", "1")
    found = database.read_patient("a")
    assert (found["visits"].num_rows, found["findings"].num_rows) == (0, 1)


def retract(database: Database, table: str, event_id: str) -> None:
    row = {"table_name": table, "event_id": event_id, "retracted_at": datetime(2024, 3, 1, tzinfo=UTC)}
    with database._engine.begin() as connection:
        connection.execute(RETRACTIONS.insert(), row)
