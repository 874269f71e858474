"""What a run changes: the difference between the alerts found so far and those that the rules find now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alerts.definitions import Definition, Message
from alerts.schema import DUE
from records.clock import day

CHANGING = ("patient_id", "provider_id", "definition_id", "variables", "state", "ended_at", "ended_why")
"""What may change of an alert that was found before."""
WHOSE = ["voucher_id", "definition_id", "subject"]


@dataclass(frozen=True)
class Plan:
    """Changes to the alerts, as Arrow tables.

    Attributes:
        written: alerts that are new, or differ in `CHANGING` from what is there, as `ALERTS`.
        opened: of those, the ones that are open and were not.
        closed: of those, the ones that were open and are over.
        past: whose the ones are that are new and over (`WHOSE`).
        withdrawn: alerts that were found, and according to what is known now never were, as they are stored.
        staying: alerts that were open and still are.
    """

    written: pa.Table
    opened: pa.Table
    closed: pa.Table
    past: pa.Table
    withdrawn: pa.Table
    staying: pa.Table

    def without(self, vouchers: set[str]) -> Plan:
        """The same, but nothing about some vouchers."""
        some = pa.array(sorted(vouchers), pa.string())
        return replace(
            self,
            **{name: rows.filter(pc.invert(pc.is_in(rows["voucher_id"], some))) for name, rows in vars(self).items()},
        )

    def only_closing(self) -> Plan:
        """Only what ends alerts or withdraws them; what opens is left to the next run."""
        nothing = self.opened.slice(0, 0)
        return replace(self, written=self.closed, opened=nothing, past=nothing.select(WHOSE), staying=nothing)


def plan(stored: pa.Table, found: pa.Table) -> Plan:
    """Compare alerts.

    Args:
        stored: those found so far, as `alerts.reading.STORED`.
        found: those that the rules find now, as `ALERTS`.
    """
    place = pc.index_in(found["alert_id"], stored["alert_id"])
    is_new = pc.is_null(place)
    known = found.filter(pc.invert(is_new))
    before = stored.take(place.drop_null())
    was_open, is_open = pc.equal(before["state"], "open"), pc.equal(known["state"], "open")
    new = found.filter(is_new) if known.num_rows else found  # the first run ever finds many, and need not copy them
    reopened = known.filter(pc.and_not(is_open, was_open))
    gone = pc.and_(
        pc.is_null(pc.index_in(stored["alert_id"], found["alert_id"])), pc.not_equal(stored["state"], "withdrawn")
    )
    return Plan(
        written=pa.concat_tables([new, known.filter(_differ(known, before))]),
        opened=pa.concat_tables([new.filter(pc.equal(new["state"], "open")), reopened]),
        closed=known.filter(pc.and_not(was_open, is_open)),
        past=new.select(WHOSE).filter(pc.not_equal(new["state"], "open")),
        withdrawn=stored.filter(gone),
        staying=known.filter(pc.and_(was_open, is_open)),
    )


def due_messages(some: Plan, definitions: Mapping[str, Definition], now: datetime, last: datetime | None) -> pa.Table:
    """The messages that open alerts ask for now and did not ask for at the last run, as `DUE`.

    Args:
        some: the plan of the run.
        definitions: by their id.
        now: the moment of the run.
        last: the moment of the last run; None for the first.
    """
    today = day(now)
    before = today if last is None else day(last)
    found = [DUE.empty_table()]
    for definition in definitions.values():
        for watch in definition.watches:
            for message in watch.messages:
                opened = _of(some.opened, definition, watch.subject, message)
                staying = _of(some.staying, definition, watch.subject, message)
                again = _occurrences(staying, message, today) > _occurrences(staying, message, before)
                found += [_due(opened, message, today), _due(staying.filter(pa.array(again)), message, today)]
    return pa.concat_tables(found)


def _of(alerts: pa.Table, definition: Definition, subject: str, message: Message) -> pa.Table:
    """Alerts of one watch that one message can be about: to a provider only where there is one."""
    same = pc.and_(pc.equal(alerts["definition_id"], definition.definition_id), pc.equal(alerts["subject"], subject))
    return alerts.filter(pc.and_(same, pc.is_valid(alerts["provider_id"])) if message.to == "provider" else same)


def _due(alerts: pa.Table, message: Message, today: int) -> pa.Table:
    columns = {name: alerts[name] for name in DUE.names if name in alerts.column_names}
    columns["recipient"] = pa.repeat(pa.scalar(message.to), alerts.num_rows)
    columns["occurrence"] = pa.array(_occurrences(alerts, message, today), pa.int32())
    return pa.Table.from_pydict(columns, schema=DUE)


def _occurrences(alerts: pa.Table, message: Message, today: int) -> np.ndarray:
    """Which message of its cycle is the latest on a day, for each alert."""
    breached = alerts["breached_on"].cast(pa.int32()).to_numpy()
    if message.repeat is None:
        return np.zeros(len(breached), np.int32)
    return np.asarray(np.clip((today - breached) // message.repeat.every_days, 0, message.repeat.at_most))


def _differ(found: pa.Table, stored: pa.Table) -> pa.ChunkedArray:
    """Rows that differ in what may change; two nulls do not."""
    differs = pa.chunked_array([np.zeros(found.num_rows, bool)])
    for name in CHANGING:
        one, other = found[name], stored[name]
        unlike = pc.coalesce(pc.not_equal(one, other), pc.xor(pc.is_null(one), pc.is_null(other)))
        differs = pc.or_(differs, unlike)
    return differs
