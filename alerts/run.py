"""One run of the rules: finds all alerts anew, writes the difference, and queues and withdraws messages.

A run holds nobody up while it reads and computes: it does so in a snapshot, and writes at the end in one short
transaction. What happened in between is seen there: if another run was faster, this one begins again; a voucher whose
feedback was sent or cancelled meanwhile is left to the next run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Engine, update

from alerts import outbox, tables
from alerts.bulk import upsert
from alerts.defined import stored_definitions
from alerts.definitions import Definition
from alerts.evaluate import evaluate, unwatched
from alerts.plan import CHANGING, Plan, due_messages, plan
from alerts.reading import LastRun, audited_vouchers, last_audit, last_run, read_vouchers, stored_alerts
from alerts.transactions import snapshot, writing

ATTEMPTS = 5
"""How often a run begins again because another one was faster."""


class ClockError(ValueError):
    """A run was asked for a moment before that of the last run: it does nothing."""


class BusyError(RuntimeError):
    """Other runs kept being faster; nothing was written."""


class Progress(Protocol):
    """Shows how far a run is."""

    def __call__(self, step: str) -> AbstractContextManager[Callable[[int], object]]:
        """Begin a step; what it gives is told of how many more rows are done."""


@contextmanager
def quietly(step: str) -> Iterator[Callable[[int], object]]:  # noqa: ARG001 - as `Progress`
    """Show nothing."""
    yield lambda _rows: None


@dataclass(frozen=True)
class Counts:
    """How many alerts and messages, by definition and subject.

    Attributes:
        opened, withdrawn: alerts.
        closed: alerts, also by why.
        past: alerts that were over when they were first found.
        messages: messages asked for, also by recipient.
    """

    opened: Counter[tuple[str, ...]]
    closed: Counter[tuple[str, ...]]
    withdrawn: Counter[tuple[str, ...]]
    past: Counter[tuple[str, ...]]
    messages: Counter[tuple[str, ...]]


@dataclass(frozen=True)
class Outcome:
    """What a run did, or would do.

    Attributes:
        vouchers: how many it looked at.
        unwatched: how many of them name a definition that is not there, by that name.
        examples: definitions among those used that are marked as examples.
        counts: what changed.
        queued: how many messages had not been queued before.
        unsent: how many messages were withdrawn before they were sent.
    """

    vouchers: int
    unwatched: dict[str, int]
    examples: list[str]
    counts: Counts
    queued: int = 0
    unsent: int = 0


def run(engine: Engine, now: datetime, *, dry: bool = False, progress: Progress = quietly) -> Outcome:
    """Run all rules as of a moment. To run twice is to run once.

    Args:
        engine: the database, at the newest version of its schema.
        now: the moment, with a time zone; events after it are not known yet.
        dry: change nothing, and tell what would be changed.
        progress: shows how far it is.

    Raises:
        ClockError: the moment is before that of the last run.
        DefinitionError: a definition in the database cannot be read.
        BusyError: other runs kept being faster.
        DatabaseError: the database fails. Nothing was written.
    """
    for _ in range(ATTEMPTS):
        found = _find(engine, now, progress)
        if dry:
            return found.outcome
        written = _write(engine, found, now, progress)
        if written is not None:
            return written
    raise BusyError("other runs kept being faster; nothing was written, try again")


@dataclass(frozen=True)
class _Found:
    """What a run is about to write, and what it was computed from."""

    plan: Plan
    due: pa.Table
    definitions: dict[str, Definition]
    last: LastRun
    audit: int
    outcome: Outcome


def _find(engine: Engine, now: datetime, progress: Progress) -> _Found:
    with snapshot(engine) as connection:
        last, audit = last_run(connection), last_audit(connection)
        if last.now is not None and now < last.now:
            raise ClockError(
                f"the last run was as of {last.now.isoformat()}, this one is as of {now.isoformat()}: nothing is done"
            )
        definitions = stored_definitions(connection)
        with progress("read events") as done:
            vouchers = read_vouchers(connection, now, done=done)
        with progress("read alerts") as done:
            stored = stored_alerts(connection, done=done)
    # What reading took is given back before the rules take more: else both count for the memory of a large run.
    pa.default_memory_pool().release_unused()
    count, used = len(vouchers), sorted({name for name, _ in vouchers.by_definition()})
    left_alone = unwatched(vouchers, definitions)
    with progress("apply rules") as done:
        breaches = evaluate(vouchers, definitions, now, done)
        del vouchers  # the most of what is held, and not needed any more
        changes = plan(stored, breaches)
        due = due_messages(changes, definitions, now, last.now)
    outcome = Outcome(
        vouchers=count,
        unwatched=left_alone,
        examples=[name for name in used if name in definitions and definitions[name].example],
        counts=_counts(changes, due),
    )
    return _Found(changes, due, definitions, last, audit, outcome)


def _write(engine: Engine, found: _Found, now: datetime, progress: Progress) -> Outcome | None:
    """Write all of it, or nothing and None when another run was faster."""
    with writing(engine) as connection:
        if last_run(connection) != found.last:
            return None
        touched = audited_vouchers(connection, found.audit)
        changes, due = found.plan.without(touched), _without(found.due, touched)
        with progress("write alerts") as done:
            unsent = write_changes(connection, changes, now, done)
        with progress("queue messages") as done:
            queued = outbox.queue(connection, due, found.definitions, now).queued
            done(due.num_rows)
        outcome = replace(found.outcome, counts=_counts(changes, due), queued=queued, unsent=unsent)
        connection.execute(tables.alert_runs.insert(), _row(outcome, now))
        return outcome


def write_changes(
    connection: Connection, changes: Plan, now: datetime, done: Callable[[int], object] = lambda _: None
) -> int:
    """Write what changed of alerts, and withdraw the unsent messages of those that are no longer open.

    Returns:
        How many messages were withdrawn.
    """
    upsert(connection, tables.alerts, changes.written, CHANGING, done)
    gone = changes.withdrawn["alert_id"].to_pylist()
    for some in _chunks(gone):
        statement = update(tables.alerts).where(tables.alerts.c.alert_id.in_(some))
        connection.execute(statement.values(state="withdrawn", ended_at=now, ended_why="corrected"))
    unsent = 0
    for why, some in _by_why(changes):
        unsent += outbox.withdraw(connection, some, why, now)
    return unsent


def _by_why(changes: Plan) -> Iterator[tuple[str, list[str]]]:
    """Alerts that are no longer open, by the reason."""
    closed = changes.closed
    for why in pc.unique(closed["ended_why"]).to_pylist():
        yield why, closed.filter(pc.equal(closed["ended_why"], why))["alert_id"].to_pylist()
    withdrawn = changes.withdrawn
    yield "corrected", withdrawn.filter(pc.equal(withdrawn["state"], "open"))["alert_id"].to_pylist()


def _counts(changes: Plan, due: pa.Table) -> Counts:
    whose = ["definition_id", "subject"]
    return Counts(
        opened=_count(changes.opened, whose),
        closed=_count(changes.closed, [*whose, "ended_why"]),
        withdrawn=_count(changes.withdrawn, whose),
        past=_count(changes.past, whose),
        messages=_count(due, [*whose, "recipient"]),
    )


def _count(rows: pa.Table, by: list[str]) -> Counter[tuple[str, ...]]:
    counted = rows.group_by(by).aggregate([([], "count_all")])
    return Counter({tuple(row[name] for name in by): row["count_all"] for row in counted.to_pylist()})


def _row(outcome: Outcome, now: datetime) -> dict[str, object]:
    return {
        "now": now,
        "vouchers": outcome.vouchers,
        "opened": outcome.counts.opened.total(),
        "ended": outcome.counts.closed.total(),
        "withdrawn": outcome.counts.withdrawn.total(),
        "queued": outcome.queued,
    }


def _without(due: pa.Table, vouchers: set[str]) -> pa.Table:
    return due.filter(pc.invert(pc.is_in(due["voucher_id"], pa.array(sorted(vouchers), pa.string()))))


def _chunks(ids: list[str], size: int = 2_000) -> Iterator[list[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
