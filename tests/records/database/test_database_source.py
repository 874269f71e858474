from __future__ import annotations

from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text

from records.check import check
from records.database import Database, DatabaseError, migrate
from records.database.connection import engine, masked
from records.database.tables import DATABASE_TABLES
from records.history import History, is_sorted
from records.sources.batch import Batch, SourceError
from records.sources.database import read_database
from tests.records.database.histories import histories
from tests.rows import event, history, patient


def change(url: str, *statements: str) -> None:
    reached = engine(url, foreign_keys=False)
    with reached.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    reached.dispose()


def refill(url: str, written: History) -> None:
    with Database.open(url) as database:
        with database._engine.begin() as connection:
            for table in reversed(DATABASE_TABLES.values()):
                connection.execute(delete(table))
        database.write(written)


def joined(batches: list[Batch]) -> dict[str, pa.Table]:
    return {name: pa.concat_tables([batch.tables[name] for batch in batches]) for name in DATABASE_TABLES}


@settings(max_examples=25, suppress_health_check=[*HealthCheck])
@given(written=histories(), batch_patients=st.integers(1, 4))
def test_what_is_read_is_the_history_in_order(url: str, written: History, batch_patients: int) -> None:
    refill(url, written)
    batches = list(read_database(url, batch_patients))
    tables = joined(batches)
    assert all(is_sorted(table) for table in tables.values())
    again = History.of(tables)
    assert all(again[name].equals(written[name]) for name in written)
    assert sum(batch.rows_read for batch in batches) == sum(written.rows().values())


def test_a_batch_holds_whole_patients_and_no_more_than_asked(url: str) -> None:
    visits = [event("visits", f"2020-01-0{day}", patient=who) for who in "abcde" for day in (1, 2, 3)]
    refill(url, history(*map(patient, "abcde"), visits=visits))
    batches = list(read_database(url, 2))
    assert [batch.tables["patients"]["patient_id"].to_pylist() for batch in batches] == [["a", "b"], ["c", "d"], ["e"]]
    assert [batch.rows_read for batch in batches] == [8, 8, 4]
    assert all(set(batch.tables) == set(DATABASE_TABLES) and not batch.left_out for batch in batches)
    assert check(batches[0].tables).counts() == {}


def test_tables_longer_than_a_part_are_read_to_the_end(url: str) -> None:
    visits = [event("visits", "2020-01-01", patient=who, event_id=f"{who}{n}") for who in "ab" for n in range(5_001)]
    refill(url, history(patient("a"), patient("b"), visits=visits))
    assert [batch.tables["visits"].num_rows for batch in read_database(url, 1)] == [5_001, 5_001]


def test_an_empty_database_has_no_batch(url: str) -> None:
    migrate(url)
    assert list(read_database(url)) == []


def test_reading_changes_nothing_and_may_stop_early(url: str) -> None:
    refill(url, history(*map(patient, "abc")))
    batches = read_database(url, 1)
    assert next(batches).rows_read == 1
    batches.close()
    assert [batch.rows_read for batch in read_database(url, 3)] == [3]


def test_what_is_written_meanwhile_is_not_read(url: str) -> None:
    refill(url, history(*map(patient, "abc")))
    batches = read_database(url, 1)
    next(batches)
    with Database.open(url) as database:
        database.write(history(patient("d"), visits=[event("visits", "2020-01-01", patient="d")]))
    rest = joined(list(batches))
    assert (rest["patients"]["patient_id"].to_pylist(), rest["visits"].num_rows) == (["b", "c"], 0)


FOREIGN = [
    "ALTER TABLE visits DROP CONSTRAINT fk_visits_patient_id",
    "ALTER TABLE visits DROP CONSTRAINT pk_visits",
    "ALTER TABLE visits ALTER COLUMN patient_id DROP NOT NULL",
    'ALTER TABLE visits ALTER COLUMN patient_id TYPE varchar(20) COLLATE "default"',
]
ORPHAN = (
    "INSERT INTO visits VALUES ({who}, '{id}', '2020-01-01T00:00Z', '2020-01-01T00:00Z', 'x', 1, 'dentist', 'routine',"
    " 'office', NULL, 'own')"
)


def test_events_without_a_patient_are_not_lost(postgres_url: str) -> None:
    refill(postgres_url, history(patient("b"), patient("d")))
    owners = ["'a'", "'c'", "'e'", "NULL"]
    change(postgres_url, *FOREIGN, *(ORPHAN.format(who=who, id=n) for n, who in enumerate(owners)))
    batches = list(read_database(postgres_url, 1))
    assert [batch.tables["visits"]["patient_id"].to_pylist() for batch in batches] == [["a"], ["c"], ["e", None]]
    assert sum(sum(check(batch.tables).counts().values()) for batch in batches) == 4


MANY = [
    """INSERT INTO patients SELECT 'p' || n, NULL, 'other', NULL, NULL, NULL, false, NULL, false, NULL
    FROM generate_series(1, 1000) n""",
    """INSERT INTO visits SELECT 'p' || (n % 1000 + 1), n::text, now(), now(), repeat('x', 5000), NULL, 'dentist',
    'routine', 'office', NULL, 'own' FROM generate_series(1, 60000) n""",
]


def test_memory_holds_a_batch_and_not_the_database(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("records.sources.database.ROWS_AT_ONCE", 500)
    migrate(postgres_url)
    change(postgres_url, *MANY)
    process = psutil.Process()
    before = process.memory_info().rss
    held = [(process.memory_info().rss - before, batch.rows_read) for batch in read_database(postgres_url, 20)]
    assert sum(rows for _, rows in held) == 61_000
    assert max(memory for memory, _ in held) < 150_000_000 < 60_000 * 5_000  # bytes, of one column alone


@pytest.mark.parametrize("url", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DROP TABLE charges", "has no table charges"),
        ("ALTER TABLE charges DROP COLUMN source", "table charges has no column source"),
    ],
)
def test_a_missing_table_or_column_is_named(url: str, statement: str, says: str) -> None:
    migrate(url)
    change(url, statement)
    with pytest.raises(SourceError, match=says) as raised:
        list(read_database(url))
    assert str(raised.value).startswith(masked(url))


WRONG = [
    ("UPDATE visits SET event_time = 'infinity'", "the database holds a date or a time outside the years 1 to 9999"),
    ("ALTER TABLE visits ALTER COLUMN recorded_at TYPE date", "table visits: an instant is not a date with a time"),
    ("ALTER TABLE visits ALTER COLUMN recorded_at TYPE timestamp", "table visits: an instant has no time zone"),
    ("ALTER TABLE visits ALTER COLUMN source TYPE integer USING 7", "table visits: column source holds .* no string"),
    ("ALTER TABLE visits ALTER COLUMN minutes TYPE bigint USING 9999999999", "column minutes holds .* no int32"),
]


@pytest.mark.parametrize(("statement", "says"), WRONG)
def test_values_of_another_type_are_named_by_their_column(postgres_url: str, statement: str, says: str) -> None:
    refill(postgres_url, history(visits=[event("visits", "2020-01-01")]))
    change(postgres_url, "ALTER TABLE visits DROP CONSTRAINT ck_visits_minutes_at_most", statement)
    with pytest.raises(SourceError, match=says):
        list(read_database(postgres_url))


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE patients SET left_at = 4611686018427387904", "table patients: a date or a time cannot be read"),
        ("UPDATE patients SET birth_date = 'last spring'", "table patients: a date or a time cannot be read"),
        ("UPDATE patients SET left_at = '2020-01-01'", "table patients: an instant is not a whole number of micro"),
    ],
)
def test_sqlite_values_of_another_type_are_not_quoted(sqlite_url: str, statement: str, says: str) -> None:
    refill(sqlite_url, history())
    change(sqlite_url, statement)
    with pytest.raises(SourceError, match=says) as raised:
        list(read_database(sqlite_url))
    assert "last spring" not in str(raised.value)
    with Database.open(sqlite_url) as database, pytest.raises(DatabaseError, match=says):
        database.read_patient("a")


def test_a_source_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be reached") as raised:
        next(read_database("postgresql://me:opensesame@127.0.0.1:1/none"))
    assert "opensesame" not in str(raised.value)
    with pytest.raises(SourceError, match="there is no such file"):
        next(read_database(f"sqlite:///{tmp_path}/none.db"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SourceError, match="URL cannot be read"):
        next(read_database("none.db"))


def test_a_user_who_may_not_read_is_told_so(postgres_url: str) -> None:
    refill(postgres_url, history())
    role = "reader_of_nothing"
    change(postgres_url, f"CREATE ROLE {role} LOGIN PASSWORD 'opensesame'")
    try:
        theirs = masked(postgres_url).replace("tarve:***", f"{role}:opensesame")
        with pytest.raises(SourceError, match="this user may not read all of the tables"):
            next(read_database(theirs))
    finally:
        change(postgres_url, f"DROP ROLE {role}")


def test_a_batch_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one patient"):
        next(read_database("sqlite://", 0))


@pytest.mark.parametrize("keeps_retractions", [True, False])
def test_an_event_that_was_taken_back_is_not_imported(url: str, keeps_retractions: bool) -> None:
    """Another program's database has no such table: there nothing is taken back."""
    refill(
        url, history(visits=[event("visits", "2020-01-01", event_id="1"), event("visits", "2020-01-02", event_id="2")])
    )
    moment = "0" if url.startswith("sqlite") else "'2026-01-01T00:00:00Z'"
    change(url, f"INSERT INTO retractions (table_name, event_id, retracted_at) VALUES ('visits', '1', {moment})")  # noqa: S608
    if not keeps_retractions:
        change(url, "DROP TABLE retractions")
    ids = joined(list(read_database(url)))["visits"]["event_id"].to_pylist()
    assert ids == (["2"] if keeps_retractions else ["1", "2"])
