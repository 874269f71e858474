"""What the report counts, one row each: vouchers, breaches of the visit interval, feedback, and messages.

Every fact has a voucher definition, a provider, a month (Europe/Helsinki) and an outcome, and concerns one client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, select

from alerts import tables
from alerts.bulk import fetch
from alerts.consent import OBSTACLES
from alerts.definitions import Definition
from alerts.disclosure import LIMIT, Cell, Counts
from alerts.reading import read_vouchers
from alerts.times import NEVER, Flags, Ints, day_of
from alerts.verdict import NO_PROVIDER
from alerts.vouchers import Vouchers
from records.clock import days
from records.database.tables import DATABASE_TABLES
from records.schema import INSTANT

BREAKDOWNS = ("definition", "provider", "month")

NONE = ""
"""Stands for no provider."""

STANDING = {
    "queued": "waiting",
    "sending": "waiting",
    "sent": "sent",
    "delivered": "sent",
    "failed": "failed",
    "dead": "failed",
    "withdrawn": "withdrawn",
}
"""How a message stands, by its state; one that was not sent, by the reason."""

NO_PARTS: ColumnElement[int] = literal(0)

FACTS = pa.schema([*((name, pa.string()) for name in (*BREAKDOWNS, "outcome", "patient_id")), ("parts", pa.int32())])
"""One row is one fact; `month` is like 2026-03, `provider` may be `NONE`. A text message that was sent took so many
parts, each of which is paid for; all other facts took none."""


@dataclass(frozen=True)
class Family:
    """Facts of one kind.

    Attributes:
        name: what they are about.
        outcomes: all that can become of one, in the order in which they are shown; each fact has one.
        kept: outcomes that are counted together with others last of all.
        read: the facts, as known at a moment.
        paid: the outcome whose facts took parts that are paid for; None when none does.
    """

    name: str
    outcomes: tuple[str, ...]
    kept: frozenset[str]
    read: Callable[[Connection, Mapping[str, Definition], datetime], pa.Table]
    paid: str | None = None


def parts(facts: pa.Table, breakdown: str | None) -> dict[str, int]:
    """How many parts of text messages each row of a breakdown took, or all together."""
    rows, place = _rows(facts, breakdown)
    summed = np.bincount(place, weights=facts["parts"].to_numpy(), minlength=len(rows))
    return {row: int(many) for row, many in zip(rows, summed.tolist(), strict=True)}


def counts(family: Family, facts: pa.Table, breakdown: str | None) -> Counts:
    """Facts counted by outcome and one breakdown, or all together; of the people no more than matter are kept."""
    rows, place = _rows(facts, breakdown)
    width = len(family.outcomes)
    column = pc.index_in(facts["outcome"], pa.array(family.outcomes)).to_numpy()
    cell = place * width + column
    many = np.bincount(cell, minlength=len(rows) * width)
    people = _some_people(cell, facts["patient_id"])
    return Counts(
        rows=rows,
        columns=family.outcomes,
        cells={
            (rows[one // width], family.outcomes[one % width]): Cell.of(int(many[one]), people[one])
            for one in np.flatnonzero(many).tolist()
        },
        ordered=breakdown == "month",
        kept=family.kept,
    )


def _rows(facts: pa.Table, breakdown: str | None) -> tuple[list[str], Ints]:
    """The rows of a breakdown, and which of them each fact belongs to; months without facts are rows too."""
    if breakdown is None:
        return ["all"], np.zeros(facts.num_rows, np.int64)
    found = sorted(pc.unique(facts[breakdown]).to_pylist())
    rows = _months(found) if breakdown == "month" else found
    return rows, pc.index_in(facts[breakdown], pa.array(rows, pa.string())).to_numpy().astype(np.int64)


def _months(found: list[str]) -> list[str]:
    """All months from the first to the last one."""
    if not found:
        return []
    first, last = (int(name[:4]) * 12 + int(name[5:]) - 1 for name in (found[0], found[-1]))
    return [_month(number) for number in range(first, last + 1)]


def _month(number: int) -> str:
    return f"{number // 12:04}-{number % 12 + 1:02}"


def _some_people(cell: Ints, patient_id: pa.ChunkedArray) -> dict[int, list[int]]:
    """Up to `LIMIT` different people of each cell, as numbers."""
    person = pc.dictionary_encode(patient_id).combine_chunks().indices.to_numpy()
    pairs = np.unique(np.stack([cell, person.astype(np.int64)]), axis=1)
    start = np.searchsorted(pairs[0], pairs[0])
    few = pairs[:, np.arange(pairs.shape[1]) - start < LIMIT]
    found: dict[int, list[int]] = {}
    for one, who in few.T.tolist():
        found.setdefault(one, []).append(who)
    return found


def _activations(connection: Connection, definitions: Mapping[str, Definition], now: datetime) -> pa.Table:
    """Vouchers of known definitions, of whose grant something is known, by its month."""
    vouchers = read_vouchers(connection, now)
    found = [FACTS.empty_table()]
    for definition_id, some in vouchers.by_definition():
        if definition_id in definitions:
            outcome = _activation(some, definitions[definition_id].limits.activation_days)
            granted = np.flatnonzero(some.granted < NEVER)
            columns = {
                "definition": some.definition_id,
                "provider": some.provider_id.fill_null(NONE),
                "month": _month_names(day_of(some.granted)),
                "outcome": pa.array(ACTIVATION.outcomes).take(pa.array(outcome)),
                "patient_id": some.patient_id,
                "parts": pa.array(np.zeros(len(some), np.int32)),
            }
            found.append(pa.Table.from_pydict(columns, schema=FACTS).take(pa.array(granted)))
    return pa.concat_tables(found)


def _activation(vouchers: Vouchers, limit: int | None) -> Ints:
    """What became of each voucher, as a place in the outcomes of `ACTIVATION`."""
    names = ACTIVATION.outcomes
    granted, activated, closed = (day_of(some) for some in (vouchers.granted, vouchers.activated, vouchers.closed))
    last_day = NEVER if limit is None else np.where(granted < NEVER, granted + limit, NEVER)
    used: Flags = activated < NEVER
    over: Flags = last_day < np.minimum(vouchers.today, closed)
    return np.select(
        [used & (activated > last_day), used, over, closed < NEVER],
        [names.index("late"), names.index("in_time"), names.index("unactivated"), names.index("closed")],
        names.index("waiting"),
    )


def _month_names(some: Ints) -> pa.Array:
    """Months of days since 1970; of those that are not known, any."""
    months = np.where(some < NEVER, some, 0).astype("datetime64[D]").astype("datetime64[M]")
    return pa.array(months.astype(str))


def _overruns(connection: Connection, _definitions: Mapping[str, Definition], now: datetime) -> pa.Table:
    """Breaches of the visit interval that the runs have found, by the month in which they began."""
    alerts = tables.alerts
    outcome = case((alerts.c.state == "open", "open"), (alerts.c.ended_why == "visited", "visited"), else_="closed")
    query = select(
        *(alerts.c.definition_id, alerts.c.provider_id, alerts.c.breached_on, outcome, alerts.c.patient_id, NO_PARTS)
    ).where(alerts.c.rule == "visit_interval", alerts.c.state != "withdrawn", alerts.c.found_at <= now)
    return _of_days(connection, query)


def _feedbacks(connection: Connection, _definitions: Mapping[str, Definition], now: datetime) -> pa.Table:
    """Treatment feedback, by the month in which it was sent."""
    feedbacks, vouchers = tables.feedbacks, DATABASE_TABLES["vouchers"]
    definition = (
        select(func.min(vouchers.c.definition_id))
        .where(vouchers.c.voucher_id == feedbacks.c.voucher_id)
        .scalar_subquery()
    )
    outcome = case(
        (feedbacks.c.state == "active", "in_force"),
        (feedbacks.c.cancelled_by == "provider", "cancelled_by_provider"),
        else_="cancelled_by_officer",
    )
    query = select(definition, feedbacks.c.provider_id, feedbacks.c.sent_at, outcome, feedbacks.c.patient_id, NO_PARTS)
    return _of_instants(connection, query.where(feedbacks.c.sent_at <= now))


def _messages(channel: str) -> Callable[[Connection, Mapping[str, Definition], datetime], pa.Table]:
    def read(connection: Connection, _definitions: Mapping[str, Definition], now: datetime) -> pa.Table:
        """Messages of one channel, by the month in which they were asked for."""
        outbox, alerts = tables.messages_outbox, tables.alerts
        outcome = case(STANDING, value=outbox.c.state, else_=outbox.c.reason)
        took = case((outcome == "sent", func.coalesce(outbox.c.parts, 0)), else_=0)
        query = (
            select(
                alerts.c.definition_id, alerts.c.provider_id, outbox.c.created_at, outcome, alerts.c.patient_id, took
            )
            .join_from(outbox, alerts, outbox.c.alert_id == alerts.c.alert_id)
            .where(outbox.c.channel == channel, outbox.c.created_at <= now)
        )
        return _of_instants(connection, query)

    return read


def _of_days(connection: Connection, query: Select[tuple[object, ...]]) -> pa.Table:
    rows = fetch(connection, query, _read_schema(pa.date32()))
    return _facts(rows, rows["when"].cast(pa.int32()).to_numpy().astype(np.int64))


def _of_instants(connection: Connection, query: Select[tuple[object, ...]]) -> pa.Table:
    rows = fetch(connection, query, _read_schema(INSTANT))
    return _facts(rows, days(rows["when"]).astype(np.int64))


def _read_schema(when: pa.DataType) -> pa.Schema:
    text = pa.string()
    named = [("definition", text), ("provider", text), ("when", when), ("outcome", text), ("patient_id", text)]
    return pa.schema([*named, ("parts", pa.int32())])


def _facts(rows: pa.Table, day: Ints) -> pa.Table:
    columns = {name: rows[name] for name in ("definition", "provider", "outcome", "patient_id", "parts")}
    columns |= {"provider": pc.fill_null(rows["provider"], NONE), "month": _month_names(day)}
    return pa.Table.from_pydict(columns, schema=FACTS)


ACTIVATION = Family(
    "activation",
    ("unactivated", "late", "in_time", "waiting", "closed"),
    frozenset({"unactivated", "late"}),
    _activations,
)
OVERRUNS = Family("overruns", ("open", "visited", "closed"), frozenset({"open"}), _overruns)
FEEDBACK = Family(
    "feedback", ("in_force", "cancelled_by_provider", "cancelled_by_officer"), frozenset({"in_force"}), _feedbacks
)
TEXT_MESSAGES = Family(
    "text_messages",
    ("sent", *OBSTACLES, "failed", "withdrawn", "waiting"),
    frozenset({"sent"}),
    _messages("sms"),
    paid="sent",
)
PORTAL_MESSAGES = Family(
    "portal_messages", ("sent", NO_PROVIDER, "withdrawn", "waiting"), frozenset({"sent"}), _messages("portal")
)
FAMILIES = (ACTIVATION, OVERRUNS, FEEDBACK, TEXT_MESSAGES, PORTAL_MESSAGES)
"""All that the report counts. A fact belongs to one family only, and families count different things."""
