"""The rules of alerts once more, for one voucher at a time in plain Python: slow, and easy to believe.

The benchmark runs it over ORM objects; the tests hold the rules of `alerts` against it. It shares with them the
definitions and nothing else: days are those of `zoneinfo`, instants are datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from alerts.definitions import Definition, Watch

HELSINKI = ZoneInfo("Europe/Helsinki")
ORDER = ("granted", "activated", "ended", "withdrawn")


class Change(Protocol):
    """A change of a voucher's state, a row of the table `vouchers`."""

    definition_id: str
    state: str
    event_time: datetime
    recorded_at: datetime
    valid_until: date | None
    provider_id: str | None


class Visit(Protocol):
    """A visit by voucher."""

    event_time: datetime
    recorded_at: datetime


@dataclass(frozen=True)
class Alert:
    """What is compared."""

    subject: str
    breached_on: date
    ended_at: datetime | None
    ended_why: str | None


@dataclass
class State:
    """What is known of one voucher at a moment."""

    now: datetime
    granted: datetime
    valid_until: date
    activated: datetime | None = None
    closed: tuple[datetime, str] | None = None
    visits: Sequence[datetime] = ()


@dataclass(frozen=True)
class Record:
    """What is recorded of one voucher.

    Attributes:
        changes: changes of its state.
        own_visits: visits made from feedback on it.
        patient_visits: the patient's visits by voucher of which no feedback tells.
    """

    changes: Sequence[Change]
    own_visits: Sequence[Visit] = ()
    patient_visits: Sequence[Visit] = ()


def definition_of(changes: Iterable[Change], now: datetime) -> str | None:
    """The definition that the first known change names."""
    known = in_order(changes, now)
    return known[0].definition_id if known else None


def alerts_of(record: Record, definition: Definition, now: datetime) -> set[Alert]:
    """All alerts of one voucher, open and ended."""
    state = state_at(record.changes, definition, now)
    if state is None:
        return set()
    active = [visit for visit in record.patient_visits if was_active(state, visit.event_time)]
    state.visits = sorted(visit.event_time for visit in (*record.own_visits, *active) if is_known(visit, now))
    return {alert for watch in definition.watches for alert in RULES[watch.rule](state, definition, watch)}


def in_order(changes: Iterable[Change], now: datetime) -> list[Change]:
    """Known changes, in the order in which they hold."""
    known = [change for change in changes if is_known(change, now)]
    return sorted(
        known,
        key=lambda one: (
            one.event_time,
            ORDER.index(one.state),
            one.valid_until or date.max,
            one.provider_id or "",
            one.definition_id,
        ),
    )


def is_known(event: Any, now: datetime) -> bool:
    """Whether an event happened and was recorded before a moment."""
    return bool(event.event_time < now and event.recorded_at < now)


def state_at(changes: Iterable[Change], definition: Definition, now: datetime) -> State | None:
    """What changes say of a voucher; None if none of them grants it."""
    known = in_order(changes, now)
    granted = next((change.event_time for change in known if change.state == "granted"), None)
    if granted is None:
        return None
    state = State(now, granted, after(day(granted), definition.limits.validity_days))
    for change in known:
        state.valid_until = change.valid_until or state.valid_until
        if change.state == "granted":
            state.closed = None
        elif change.state == "activated":
            state.activated, state.closed = state.activated or change.event_time, None
        elif state.closed is None:
            state.closed = (change.event_time, change.state)
    return state


def was_active(state: State, moment: datetime) -> bool:
    """Whether a voucher was active on a day."""
    begun = state.activated is not None and day(state.activated) <= day(moment)
    return begun and (state.closed is None or day(moment) <= day(state.closed[0]))


def not_activated(state: State, definition: Definition, watch: Watch) -> Iterator[Alert]:
    """Not activated in time."""
    since = after(day(state.granted), (definition.limits.activation_days or 0) + 1)
    yield from found(state, watch, since, [(state.activated, "activated"), *closings(state)])


def activated_late(state: State, definition: Definition, watch: Watch) -> Iterator[Alert]:
    """Activated too late."""
    if state.activated is not None:
        since = day(state.activated)
        if since > after(day(state.granted), definition.limits.activation_days or 0):
            first = state.visits[0] if state.visits else None
            yield from found(state, watch, since, [(first, "visited"), *closings(state)])


def visit_interval(state: State, definition: Definition, watch: Watch) -> Iterator[Alert]:
    """No visit for too long."""
    settings: Any = watch.settings
    for begun, following, is_visit in intervals(state):
        if is_visit or settings.first_visit:
            since = after(begun, (definition.limits.visit_interval_days or 0) + 1)
            yield from found(state, watch, since, [(following, "visited"), *closings(state)])


def care_ended(state: State, _definition: Definition, watch: Watch) -> Iterator[Alert]:
    """Care has ended."""
    if state.activated is None or not state.visits or state.closed is None or state.closed[1] != "ended":
        return
    settings: Any = watch.settings
    since = day(state.closed[0])
    over = midnight(after(since, settings.open_days))
    yield from found(state, watch, since, [(over, "over")], while_valid=False)


def cycle(state: State, _definition: Definition, watch: Watch) -> Iterator[Alert]:
    """A message of the definition's own."""
    settings: Any = watch.settings
    in_state = state.activated if settings.state == "activated" else state.granted
    if in_state is None:
        return
    ends = closings(state) + ([(state.activated, "activated")] if settings.state == "granted" else [])
    for event, following in events(state, settings.of):
        since = max(after(event, settings.days), day(in_state))
        yield from found(state, watch, since, [(following, "visited"), *ends])


RULES = {
    "not_activated": not_activated,
    "activated_late": activated_late,
    "visit_interval": visit_interval,
    "care_ended": care_ended,
    "cycle": cycle,
}


def events(state: State, of: str) -> Iterator[tuple[date, datetime | None]]:
    """Days of the event that a cycle counts from, and the visit with which that is over."""
    if of == "last_visit":
        yield from ((begun, following) for begun, following, is_visit in intervals(state) if is_visit)
    elif of == "valid_until":
        yield state.valid_until, None
    else:
        moment = state.granted if of == "granted" else state.activated
        if moment is not None:
            yield day(moment), None


def intervals(state: State) -> Iterator[tuple[date, datetime | None, bool]]:
    """The day on which each interval begins, the visit with which it ends, and whether it begins with a visit."""
    if state.activated is None:
        return
    points = [(state.activated, False), *((visit, True) for visit in state.visits)]
    for place, (begun, is_visit) in enumerate(points):
        following = points[place + 1][0] if place + 1 < len(points) else None
        begun_on = max(day(begun), day(state.activated))
        if following is None or day(following) > begun_on:
            yield begun_on, following, is_visit


def closings(state: State) -> list[tuple[datetime | None, str]]:
    """What ends every alert of an open voucher."""
    return [*([state.closed] if state.closed else []), (midnight(after(state.valid_until, 1)), "expired")]


def found(
    state: State, watch: Watch, since: date, endings: Sequence[tuple[datetime | None, str]], *, while_valid: bool = True
) -> Iterator[Alert]:
    """The alert, if it has come to be."""
    if since > day(state.now) or (while_valid and since > state.valid_until):
        return
    over = [(moment, why) for moment, why in endings if moment is not None and moment <= state.now]
    ended_at, why = min(over, key=lambda ending: ending[0], default=(None, None))
    if ended_at is None or day(ended_at) >= since:
        yield Alert(watch.subject, since, ended_at, why)


def day(moment: datetime) -> date:
    """The day in Helsinki."""
    return moment.astimezone(HELSINKI).date()


def midnight(of: date) -> datetime:
    """The first moment of a day in Helsinki."""
    return datetime(of.year, of.month, of.day, tzinfo=HELSINKI)


def after(of: date, days: int) -> date:
    """So many days later."""
    return of + timedelta(days=days)
