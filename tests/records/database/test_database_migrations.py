from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect, text

from records.database import Database, DatabaseError, migrate
from records.database.__main__ import main
from records.database.connection import engine
from records.database.tables import METADATA
from records.database.versions import FOLDER, VERSION_TABLE, downgrade, newest, version


def look(url: str, what) -> object:
    reached = engine(url)
    try:
        with reached.connect() as connection:
            return what(connection)
    finally:
        reached.dispose()


def change(url: str, *statements: str) -> None:
    reached = engine(url)
    with reached.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    reached.dispose()


def differences(connection: Connection) -> list[object]:
    options = {"version_table": VERSION_TABLE, "compare_type": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def checks(connection: Connection) -> dict[str, set[tuple[str, str]]]:
    inspector = inspect(connection)
    return {
        name: {(check["name"], check["sqltext"]) for check in inspector.get_check_constraints(name)}
        for name in METADATA.tables
    }


def collations(connection: Connection) -> set[tuple[str, str, str | None]]:
    inspector = inspect(connection)
    return {
        (name, column["name"], getattr(column["type"], "collation", None))
        for name in METADATA.tables
        for column in inspector.get_columns(name)
    }


def test_a_migrated_database_is_what_the_schema_says(url: str) -> None:
    migrate(url)
    found = look(url, differences)
    assert found == [], f"records.schema has changed: write the next version in records/database/migrations: {found}"


@pytest.mark.parametrize("facet", [checks, collations])
def test_what_autogenerate_does_not_compare_is_the_same_too(url: str, facet) -> None:
    migrate(url)
    migrated = look(url, facet)
    downgrade(url, "base")

    def as_declared(connection: Connection) -> object:
        METADATA.create_all(connection)
        return facet(connection)

    assert look(url, as_declared) == migrated


def test_a_change_of_the_schema_would_be_noticed(url: str) -> None:
    migrate(url)
    change(url, "ALTER TABLE visits ADD COLUMN mood TEXT", "DROP INDEX ix_visits_patient_id_event_time_event_id")
    kinds = {difference[0] for difference in look(url, differences)}
    assert kinds == {"remove_column", "add_index"}


def test_up_and_down_and_up_again(url: str) -> None:
    migrate(url)
    assert look(url, version) == newest()
    downgrade(url, "base")
    assert look(url, tables) <= {VERSION_TABLE}
    migrate(url)
    assert look(url, tables) == {*METADATA.tables, VERSION_TABLE}


def test_migrating_twice_changes_nothing(url: str) -> None:
    def everything(connection: Connection) -> list[str]:
        found = MetaData()
        found.reflect(connection)
        return [repr(table) for table in found.sorted_tables]

    migrate(url)
    before = look(url, everything)
    migrate(url)
    assert look(url, everything) == before


def test_many_may_make_a_new_file_at_once_however_often(tmp_path: Path) -> None:
    for attempt in range(8):
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(migrate, f"sqlite:///{tmp_path}/{attempt}.db") for _ in range(8)]:
                done.result()
    assert len(list(tmp_path.glob("*.db"))) == 8


def test_many_may_open_a_new_database_at_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrate, url) for _ in range(4)]:
            done.result()
    assert look(url, version) == newest()


def test_a_database_newer_than_the_code_is_refused(url: str) -> None:
    migrate(url)
    change(url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608
    for attempt in (migrate, Database.open, lambda url: downgrade(url, "base")):
        with pytest.raises(DatabaseError, match=rf"has version 9999 .* knows versions up to {newest()}; use the newer"):
            attempt(url)


def test_a_migration_that_fails_changes_nothing(url: str) -> None:
    change(url, "CREATE TABLE findings (mine TEXT)")
    with pytest.raises(DatabaseError, match=r"cannot be migrated to version .* nothing was changed"):
        migrate(url)
    assert look(url, tables) == {"findings"}


def test_an_unknown_version_is_refused(url: str) -> None:
    migrate(url)
    with pytest.raises(DatabaseError, match="there is no version 7; there are 0001, 0002, 0003"):
        downgrade(url, "7")


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The versions as they would be had the schema gained a table and two columns since."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__")))
    (folder / "versions" / "v0003_retractions.py").unlink()
    first = folder / "versions" / "v0001_histories.py"
    text_of_it = first.read_text()
    for line in (
        '        _optional("left_at", INSTANT),\n',
        '        _optional("units", sa.Integer()),\n',
        '        *_between("charges", "units", 0, None),\n',
        '    _create_events("answers", _optional("contact_id"), _needed("question"), _needed("value", sa.Double()))\n',
    ):
        assert text_of_it.count(line) == 1
        text_of_it = text_of_it.replace(line, "")
    first.write_text(text_of_it.replace('"answers", ', ""))
    monkeypatch.setattr("records.database.versions.FOLDER", folder)
    return folder / "versions"


def test_a_draft_takes_the_newest_version_to_the_schema(url: str, earlier: Path, capsys: pytest.CaptureFixture) -> None:
    migrate(url)
    assert look(url, differences) != []
    assert main(["Add answers"]) == 0
    written = earlier / "v0003_add_answers.py"
    assert capsys.readouterr().out.startswith(f"{written}: read it")
    compile(written.read_text(), str(written), "exec")
    assert "records" not in written.read_text().replace("records.schema", "")
    migrate(url)
    assert look(url, version) == "0003"
    assert look(url, differences) == []
    downgrade(url, "0002")
    migrate(url)
    assert look(url, differences) == []
