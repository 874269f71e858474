"""One voucher's care at a moment: what may be reported on it, and what a report at once ends of its alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow.compute as pc
from sqlalchemy import Connection, select

from alerts.audit import SYSTEM, Deed, audit
from alerts.defined import stored_definitions
from alerts.evaluate import evaluate
from alerts.plan import Plan, plan
from alerts.reading import last_run, read_vouchers, stored_alerts
from alerts.run import write_changes
from alerts.times import NEVER, day_of
from records.database.tables import DATABASE_TABLES


@dataclass(frozen=True)
class Care:
    """A voucher that was activated, and what is known of it.

    Attributes:
        definition_id, provider_id: as its events say.
        activated_on: Helsinki day since 1970.
        last_day: the last day on which care may have been given.
        ended, withdrawn: whether it is closed, and how.
        visits: instants of its visits, microseconds UTC.
    """

    voucher_id: str
    patient_id: str
    definition_id: str
    provider_id: str | None
    activated_on: int
    last_day: int
    ended: bool
    withdrawn: bool
    visits: frozenset[int]


def care_on(connection: Connection, voucher_id: str, now: datetime) -> Care | None:
    """What is known of a voucher; None when it is not there or was never activated."""
    vouchers = DATABASE_TABLES["vouchers"]
    patient_id = connection.scalar(select(vouchers.c.patient_id).where(vouchers.c.voucher_id == voucher_id).limit(1))
    if patient_id is None:
        return None
    known = read_vouchers(connection, _just_after(connection, now), patient_id)
    place = pc.index(known.voucher_id, voucher_id).as_py()
    if place < 0 or known.activated[place] >= NEVER:
        return None
    definition_id = known.definition_id[place].as_py()
    definition = stored_definitions(connection).get(definition_id)
    valid = known.valid_for(definition.limits.validity_days if definition else None)
    closed = known.closed[place] < NEVER
    visits = known.visits[known.first_visit[place] : known.first_visit[place + 1]]
    return Care(
        voucher_id=voucher_id,
        patient_id=patient_id,
        definition_id=definition_id,
        provider_id=known.provider_id[place].as_py(),
        activated_on=int(day_of(known.activated)[place]),
        last_day=int(min(valid.valid_until[place], day_of(known.closed)[place])),
        ended=bool(closed and not known.withdrawn[place]),
        withdrawn=bool(closed and known.withdrawn[place]),
        visits=frozenset(visits.tolist()),
    )


def settle(connection: Connection, voucher_id: str, patient_id: str, now: datetime) -> Plan:
    """End or withdraw those of a voucher's alerts that what is known just after a moment no longer bears out.

    Their unsent messages are withdrawn. Nothing is opened: that is the next run's, by when a mistake may be corrected.

    Returns:
        What was changed.
    """
    moment = _just_after(connection, now)
    vouchers = read_vouchers(connection, moment, patient_id)
    found = evaluate(vouchers, stored_definitions(connection), moment)
    of_voucher = found.filter(pc.equal(found["voucher_id"], voucher_id))
    changes = plan(stored_alerts(connection, voucher_id), of_voucher).only_closing()
    write_changes(connection, changes, now)
    audit(connection, _deeds(changes), SYSTEM, now)
    return changes


def _deeds(changes: Plan) -> list[Deed]:
    rows = [("alert_ended", row, row["ended_why"]) for row in changes.closed.to_pylist()]
    rows += [("alert_withdrawn", row, "corrected") for row in changes.withdrawn.to_pylist()]
    return [Deed(action, voucher_id=row["voucher_id"], alert_id=row["alert_id"], why=why) for action, row, why in rows]


def _just_after(connection: Connection, now: datetime) -> datetime:
    """The first moment that knows what is recorded now, and not before the last run: its clock may be ahead."""
    last = last_run(connection).now
    return (now if last is None else max(now, last)) + timedelta(microseconds=1)
