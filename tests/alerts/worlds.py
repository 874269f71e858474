"""Small worlds of vouchers: by hand, and at random around midnights and both changes of the clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, select

from alerts import tables
from alerts.defined import store_definitions
from alerts.definitions import Definition, parse_definition
from alerts.known import EVENTS, VISITS
from alerts.schema import ALERTS
from benchmarks.row_by_row import Alert
from records.clock import HELSINKI, instant
from records.database.tables import DATABASE_TABLES, METADATA
from records.history import History
from records.schema import VOUCHER_STATES
from tests.rows import patient

TEXTS = {"fi": "fi {voucher} {breached_on}", "sv": "sv {voucher}", "en": "en {voucher}"}
CLIENT = {"to": "client", "texts": TEXTS}
PROVIDER = {"to": "provider", "texts": TEXTS, "repeat": {"every_days": 2, "at_most": 2}}
TINY: dict[str, Any] = {
    "kind": "tiny",
    "version": "1",
    "name": {"fi": "seteli", "sv": "sedel", "en": "voucher"},
    "contact": {"fi": "setelitiimi", "sv": "sedelteamet", "en": "the voucher team"},
    "limits": {"activation_days": 2, "validity_days": 12, "visit_interval_days": 3},
    "survey_url": "https://example.org",
    "sending": {"days": ["monday", "sunday"], "opens": "09:00", "closes": "17:00"},
    "watches": [
        {"rule": "not_activated", "messages": [CLIENT]},
        {"rule": "activated_late", "messages": [PROVIDER]},
        {"rule": "visit_interval", "messages": [CLIENT, PROVIDER]},
        {"rule": "care_ended", "settings": {"open_days": 3}, "messages": [CLIENT]},
    ],
}
CYCLES: list[dict[str, Any]] = [
    {"days": -3, "of": "valid_until", "state": "activated"},
    {"days": 1, "of": "granted", "state": "granted"},
    {"days": 2, "of": "activated", "state": "open"},
    {"days": 1, "of": "last_visit", "state": "activated"},
    {"days": 0, "of": "last_visit"},
]


def tiny(**changed: Any) -> Definition:
    """A definition with limits of a few days."""
    return parse_definition({**TINY, **changed}, "tiny")


def with_cycles() -> Definition:
    """The same in a second version, which also has messages of its own and does not await the first visit."""
    watches = [dict(watch) for watch in TINY["watches"]]
    watches[2]["settings"] = {"first_visit": False}
    own = [{"rule": "cycle", "name": f"own_{n}", "settings": one, "messages": [CLIENT]} for n, one in enumerate(CYCLES)]
    return tiny(version="2", watches=watches + own)


DEFINITIONS = {one.definition_id: one for one in (tiny(), with_cycles())}


def change(state: str, when: str, voucher: str = "k", known: str | None = None, **more: Any) -> dict[str, Any]:
    """A change of a voucher's state; `when` and `known` are ISO texts, Helsinki time without an offset."""
    return {
        "patient_id": "a",
        "event_id": f"{voucher}-{state}-{when}-{known}",
        "event_time": instant(when),
        "recorded_at": instant(known or when),
        "source": "test",
        "voucher_id": voucher,
        "definition_id": "tiny-1",
        "state": state,
        "provider_id": None if state == "granted" else "p",
        **more,
    }


def visit(when: str | datetime, known: str | datetime | None = None, patient: str = "a") -> dict[str, Any]:
    """A visit by voucher."""
    return {
        "patient_id": patient,
        "event_id": f"{patient}-{when}-{known}",
        "event_time": instant(when),
        "recorded_at": instant(known or when),
        "source": "test",
        "profession": "dentist",
        "urgency": "routine",
        "mode": "office",
        "producer": "voucher",
    }


def world(vouchers: list[dict[str, Any]], visits: list[dict[str, Any]] | None = None) -> History:
    """A history of whoever the events are about."""
    events = [*vouchers, *(visits or [])]
    people = sorted({"a", *(event["patient_id"] for event in events)})
    return History.from_rows(
        {"patients": [patient(one) for one in people], "vouchers": vouchers, "visits": visits or []}
    )


def told(alerts: pa.Table) -> dict[str, set[Alert]]:
    """Alerts by voucher, as the rules of `benchmarks.row_by_row` give them."""
    found: dict[str, set[Alert]] = {}
    for row in alerts.to_pylist():
        alert = Alert(row["subject"], row["breached_on"], row["ended_at"], row["ended_why"])
        found.setdefault(row["voucher_id"], set()).add(alert)
    assert sum(map(len, found.values())) == alerts.num_rows == len(set(alerts["alert_id"].to_pylist()))
    return found


def stored(engine: Engine, *, withdrawn: bool = False) -> pa.Table:
    """All alerts in a database, in order; not those that were withdrawn."""
    states = ("open", "ended", "withdrawn") if withdrawn else ("open", "ended")
    query = select(*(tables.alerts.c[name] for name in ALERTS.names)).where(tables.alerts.c.state.in_(states))
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return pa.Table.from_pylist(rows, ALERTS).sort_by("alert_id")


def comparable(alerts: pa.Table) -> pa.Table:
    """Alerts without the moment at which a run found them."""
    return alerts.drop_columns(["found_at"]).sort_by("alert_id").combine_chunks()


def keep(engine: Engine, history: History, definitions: dict[str, Definition] = DEFINITIONS) -> None:
    """Put a history into a database that holds nothing else."""
    with engine.begin() as connection:
        allow_deletion(connection)
        for table in (*reversed(tables.METADATA.sorted_tables), *reversed(METADATA.sorted_tables)):
            connection.execute(delete(table))
        refuse_deletion(connection)
        store_definitions(connection, definitions, instant("2020-01-01"))
        add(connection, history)


def allow_deletion(connection: Connection) -> None:
    """Let rows of the audit be deleted: tests share a database."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role TO replica")
    else:
        for change in ("update", "delete"):
            connection.exec_driver_sql(f"DROP TRIGGER alert_audit_no_{change}")


def refuse_deletion(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role TO DEFAULT")
    else:
        for statement in tables.APPEND_ONLY["sqlite"]:
            connection.exec_driver_sql(statement)


def add(connection: Connection, history: History) -> None:
    for name, table in DATABASE_TABLES.items():
        if history[name].num_rows:
            connection.execute(table.insert(), history[name].to_pylist())


STARTS = (date(2026, 3, 25), date(2026, 10, 21), date(2026, 6, 1))
"""Each world lasts about three weeks from one of these: the clock changes on 29 March and 25 October."""
SPAN = 20


@st.composite
def moments(draw: st.DrawFn, start: date, days: int = SPAN) -> datetime:
    """A moment on one of some days: often the first or the last of its day, or at a change of the clock."""
    day = start + timedelta(days=draw(st.integers(0, days)))
    midnight = datetime(day.year, day.month, day.day, tzinfo=HELSINKI)
    late = st.sampled_from([0, -1, 1, 3 * 3_600_000_000, 43_200_000_000]) | st.integers(0, 86_399_999_999)
    return instant(midnight) + timedelta(microseconds=draw(late))


@st.composite
def histories(draw: st.DrawFn, start: date) -> History:
    """Up to four vouchers of up to two people, in any order of events, some recorded late."""
    changes, visits = [], []
    for number in range(draw(st.integers(1, 4))):
        person, definition = draw(st.sampled_from("ab")), draw(st.sampled_from(sorted(DEFINITIONS)))
        states = ["granted", *draw(st.lists(st.sampled_from(VOUCHER_STATES), max_size=4))]
        for place, state in enumerate(states):
            one = change(state, "2026-01-01", voucher=f"k{number}", patient_id=person, definition_id=definition)
            one |= {"event_id": f"k{number}-{place}", "provider_id": draw(st.sampled_from([None, "p", "q"]))}
            one |= {"valid_until": draw(st.none() | st.dates(start, start + timedelta(days=SPAN)))}
            changes.append(one | draw(times(start, days=6 if place == 0 else SPAN)))
    for number in range(draw(st.integers(0, 6))):
        one = visit("2026-01-01", patient=draw(st.sampled_from("ab")))
        visits.append(one | {"event_id": f"v{number}"} | draw(times(start)))
    return world(changes, visits)


@st.composite
def times(draw: st.DrawFn, start: date, days: int = SPAN) -> dict[str, datetime]:
    """When something happened and when it was recorded: mostly at once."""
    happened = draw(moments(start, days))
    late = draw(st.sampled_from([0, 0, 0, 1, 3, 9]))
    return {"event_time": happened, "recorded_at": happened + timedelta(days=late)}


def events_of(history: History) -> tuple[pa.Table, pa.Table]:
    """What `alerts.known.as_of` takes, all of it known."""
    visits = history["visits"].append_column("voucher_id", pa.nulls(history["visits"].num_rows, pa.string()))
    return history["vouchers"].select(EVENTS.names), visits.select(VISITS.names)
