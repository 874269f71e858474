"""The service's own tables, made and changed step by step; each step is what some databases in use were made by.

A step states its tables itself instead of asking `serving.storage.tables`, as the migrations of the record schema do
and for the same reason. A test draws the difference between the steps' outcome and the tables, and finds none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, Engine

from records.database.connection import writing
from records.database.errors import DatabaseError

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LOCK = 0x7A53E
"""Names the advisory lock that keeps two processes from changing one PostgreSQL database at once."""

Step = Callable[[Operations], None]


@dataclass(frozen=True)
class Steps:
    """The steps of one set of tables, and the table that counts those taken."""

    counter: str
    steps: tuple[Step, ...]


def prepare(opened: Engine, wanted: Steps) -> None:
    """Take the steps that a database has not taken yet, all in one transaction; only one process does so at a time.

    Raises:
        DatabaseError: the database has taken more steps than this code knows.
    """
    with opened.connect() as connection:
        if _taken(connection, wanted) == len(wanted.steps):
            return
    with writing(opened, _LOCK) as connection:
        taken = _taken(connection, wanted)
        if taken > len(wanted.steps):
            raise DatabaseError(
                f"{wanted.counter} says {taken}, this code knows {len(wanted.steps)}; use the newer Tarve that made it"
            )
        operations = Operations(MigrationContext.configure(connection))
        for step in wanted.steps[taken:]:
            step(operations)
        _count(connection, wanted)


def _taken(connection: Connection, wanted: Steps) -> int:
    if not sa.inspect(connection).has_table(wanted.counter):
        return 0
    return int(connection.scalar(sa.select(_counter(wanted).c.steps)) or 0)


def _count(connection: Connection, wanted: Steps) -> None:
    counter = _counter(wanted)
    counter.create(connection, checkfirst=True)
    connection.execute(counter.delete())
    connection.execute(counter.insert(), {"steps": len(wanted.steps)})


def _counter(wanted: Steps) -> sa.Table:
    return sa.Table(wanted.counter, sa.MetaData(), sa.Column("steps", sa.Integer, nullable=False))


def _needed(name: str, kind: sa.types.TypeEngine[Any] = TEXT) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _key(name: str, kind: sa.types.TypeEngine[Any] = TEXT) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _keep(op: Operations) -> None:
    op.create_table(
        "kept_assessments",
        _key("id"),
        _needed("tenant"),
        _needed("patient_id"),
        _needed("made_at", INSTANT),
        _needed("as_of", INSTANT),
        sa.Column("suggested", TEXT),
        _needed("model"),
        _needed("answer"),
    )
    op.create_table(
        "kept_decision_keys", _key("assessment_id"), _key("key"), _needed("fingerprint"), _needed("decision_id")
    )
    _keep_cards(op)
    op.create_table("kept_spent_tokens", _key("token"), _needed("until", INSTANT))
    op.create_index("ix_kept_spent_tokens_until", "kept_spent_tokens", ["until"])
    op.create_table("audit_lines", _key("number", sa.BigInteger()), _needed("line"), _needed("hash"))
    op.create_table("audit_head", _key("only", sa.Integer()), _needed("number", sa.BigInteger()), _needed("hash"))
    op.execute("INSERT INTO audit_head VALUES (1, 0, '')")
    _only_added(op, "audit_lines", "kept_feedback")


def _keep_sessions(op: Operations) -> None:
    op.create_table("kept_sessions", _key("name"), _needed("sealed", sa.LargeBinary()), _needed("until", INSTANT))
    op.create_index("ix_kept_sessions_until", "kept_sessions", ["until"])


def _keep_cards(op: Operations) -> None:
    op.create_table(
        "kept_cards",
        _key("id"),
        _needed("tenant"),
        _needed("service"),
        _needed("assessment_id"),
        _needed("issued_at", INSTANT),
        _needed("suggestions"),
        _needed("kind"),
        _needed("profession"),
        _needed("minutes", sa.Integer()),
    )
    op.create_table(
        "kept_feedback",
        sa.Column("number", COUNTED, primary_key=True, autoincrement=True),
        sa.Column("id", TEXT, nullable=False, unique=True),
        _needed("tenant"),
        _needed("card_id"),
        _needed("received_at", INSTANT),
        _needed("outcome"),
        sa.Column("outcome_at", INSTANT),
        _needed("suggestions"),
        sa.Column("reason_code", TEXT),
    )
    op.create_index("ix_kept_feedback_card_id", "kept_feedback", ["card_id"])


def _only_added(op: Operations, *tables: str) -> None:
    """Let the database itself refuse to change or remove rows."""
    says = "rows of this table are only added"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION tarve_only_added() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{says}'; END $$"
        )
    for table in tables:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER {table}_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION tarve_only_added()"
            )
            continue
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
            )


def _seal(op: Operations) -> None:
    op.create_table("vault", _key("name"), _needed("sealed", sa.LargeBinary()), _needed("kept_at", INSTANT))


KEPT_STEPS = Steps("kept_version", (_keep, _keep_sessions))
VAULT_STEPS = Steps("vault_version", (_seal,))
