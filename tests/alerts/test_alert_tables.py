from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from alerts.tables import METADATA
from alerts.versions import CHAIN, migrate
from records.database.connection import engine
from records.database.tables import METADATA as RECORDS
from records.database.versions import VERSION_TABLE, downgrade


def look(url: str, what) -> object:
    reached = engine(url)
    try:
        with reached.begin() as connection:
            return what(connection)
    finally:
        reached.dispose()


def differences(connection: Connection) -> list[object]:
    """What autogenerate sees between both rooms' tables as declared and the database."""
    options = {"version_table": VERSION_TABLE, "compare_type": True}
    found = compare_metadata(MigrationContext.configure(connection, opts=options), [RECORDS, METADATA])
    return [one for one in found if one[0] != "remove_table" or one[1].name != CHAIN.version_table]


def facets(connection: Connection) -> dict[str, object]:
    """What autogenerate does not compare: checks, collations, defaults and triggers."""
    inspector = inspect(connection)
    of_table = {
        name: (
            {(check["name"], check["sqltext"]) for check in inspector.get_check_constraints(name)},
            {(one["name"], getattr(one["type"], "collation", None)) for one in inspector.get_columns(name)},
            inspector.get_pk_constraint(name),
            {(one["name"], tuple(one["column_names"])) for one in inspector.get_unique_constraints(name)},
        )
        for name in METADATA.tables
    }
    triggers = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    }[connection.dialect.name]
    return of_table | {"triggers": {tuple(row) for row in connection.execute(text(triggers))}}


def test_one_call_makes_a_database_what_both_rooms_declare(url: str) -> None:
    migrate(url)
    assert look(url, differences) == []


def test_what_autogenerate_does_not_compare_is_the_same_too(url: str) -> None:
    migrate(url)
    migrated = look(url, facets)
    CHAIN.downgrade(url, "base")

    def as_declared(connection: Connection) -> object:
        METADATA.create_all(connection)
        return facets(connection)

    assert look(url, as_declared) == migrated
    assert len(migrated["triggers"]) > 0


def test_alerts_come_and_go_without_the_record_history(url: str) -> None:
    migrate(url)
    migrate(url)
    CHAIN.downgrade(url, "base")
    left = look(url, lambda connection: set(inspect(connection).get_table_names()))
    assert left == {*RECORDS.tables, VERSION_TABLE, CHAIN.version_table}
    downgrade(url, "base")
    migrate(url)
    assert look(url, differences) == []


@pytest.mark.parametrize("change", ["UPDATE alert_audit SET why = 'mine'", "DELETE FROM alert_audit"])
def test_the_audit_cannot_be_changed(url: str, change: str) -> None:
    migrate(url)
    moment = "0" if url.startswith("sqlite") else "'2026-01-01T00:00:00Z'"
    add = f"INSERT INTO alert_audit (at, role, action) VALUES ({moment}, 'system', 'tried')"  # noqa: S608
    look(url, lambda connection: connection.execute(text(add)))
    with pytest.raises(DBAPIError, match="append-only"):
        look(url, lambda connection: connection.execute(text(change)))
