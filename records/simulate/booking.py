"""Simulated appointments: booked at the contact or at the visit before, then kept, cancelled or missed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.random import Generator

from records.schema import APPOINTMENT_STATES, INSTANT, PROFESSIONS
from records.simulate.care import MINUTES, SPRING_2020, Course
from records.simulate.disease import EMERGENCY, PERIODONTAL, PREVENTION
from records.simulate.people import People
from records.simulate.rows import Columns, event, event_ids, words
from records.simulate.window import MINUTE, OPENS, YEAR, Floats, Ints, Window

_DAY = 1440 * MINUTE
_BOOKED, _CANCELLED, _LATE, _MISSED, _KEPT = (
    APPOINTMENT_STATES.index(name) for name in ("booked", "cancelled", "late_cancelled", "no_show", "fulfilled")
)
_UNKNOWN = -1

# Children of 0-9 missed 5.2 % of appointments, those of 10-17 8.6 %, falling from 9.9 % in 2006 to 5.8 % in 2020
# (Helsinki, doi 10.1186/s12903-025-07045-4). Rates of adults and of cancellations are not published: 5-10 % is usual.
_MISSING_BY_AGE = ([0.0, 9.0, 10.5, 17.0, 19.0, 60.0], [0.036, 0.036, 0.085, 0.085, 0.08, 0.05])
_FALL_A_YEAR, _LEVEL_YEAR, _LEAST = 0.04, 2013, 0.65
_CANCELS, _CANCELS_LATE = 0.07, 0.03


@dataclass(frozen=True)
class Kept:
    """Visits on record, in order of person and time: one entry a visit in every array.

    Attributes:
        person, raw: whose, and which of the course's visits. `time`, `recorded`: microseconds UTC.
        minutes: chair time as recorded, `_UNKNOWN` below zero. `profession`: position in the schema's list.
    """

    person: Ints
    raw: Ints
    time: Ints
    recorded: Ints
    minutes: Ints
    profession: Ints


@dataclass(frozen=True)
class _Appointments:
    """Appointments, one entry each: when made, when it starts, how and when it came out, booked and real minutes."""

    person: Ints
    made: Ints
    starts: Ints
    state: Ints
    changed: Ints
    recorded: Ints
    booked: Ints
    minutes: Ints
    profession: Ints


def rows(rng: Generator, course: Course, starts: Ints, kept: Kept, window: Window) -> Columns:
    """Changes of appointments' states; `starts` is when every episode's contact was, microseconds UTC."""
    people = course.people
    made = _made(course, starts, kept)
    failed, made = _failed(rng, course, kept, made, window)
    lost = _lost(rng, course, starts, kept, window)
    all_of = _joined(_fulfilled(course, kept, made), failed, lost)
    n = len(all_of.person)
    appointment = np.tile(np.arange(n), 2)
    state = np.concatenate([np.full(n, _BOOKED), all_of.state])
    time, recorded = np.concatenate([all_of.made, all_of.changed]), np.concatenate([all_of.made, all_of.recorded])
    minutes = np.concatenate([all_of.booked, all_of.minutes])
    seen = np.flatnonzero((recorded <= window.end) & (time // _DAY < people.leave[all_of.person[appointment]]))
    seen = seen[np.lexsort((state[seen], time[seen], all_of.person[appointment[seen]]))]
    appointment, length = appointment[seen], minutes[seen]
    person = all_of.person[appointment]
    return event(people, person, event_ids("b", people, person), time[seen], recorded[seen]) | {
        "appointment_id": event_ids("a", people, all_of.person).take(pa.array(appointment)),
        "state": words(state[seen], APPOINTMENT_STATES),
        "starts_at": pa.array(all_of.starts[appointment]).cast(INSTANT),
        "minutes": pa.array(length.astype(np.int32), mask=length < 0),
        "profession": words(all_of.profession[appointment], PROFESSIONS),
    }


def _joined(*parts: _Appointments) -> _Appointments:
    """All appointments by person and the time they were made."""
    names = tuple(_Appointments.__dataclass_fields__)
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = np.lexsort((whole["made"], whole["person"]))
    return _Appointments(**{name: values[order] for name, values in whole.items()})


def _made(course: Course, starts: Ints, kept: Kept) -> Ints:
    """When every visit was booked: at the contact, or at the end of the visit before it."""
    episode = course.visits.episode
    place = np.full(len(episode) + 1, -1)
    place[kept.raw] = np.arange(len(kept.raw))
    before = np.where(kept.raw > 0, place[kept.raw - 1], -1)
    follows = (before >= 0) & (episode[kept.raw] == episode[kept.raw - 1])
    at_visit = kept.time[before] + 20 * MINUTE
    return np.where(follows, at_visit, starts[episode[kept.raw]])


def _fulfilled(course: Course, kept: Kept, made: Ints) -> _Appointments:
    booked = MINUTES[course.visits.kind[kept.raw]]
    state = np.full(len(kept.raw), _KEPT)
    return _Appointments(kept.person, made, kept.time, state, kept.time, kept.recorded, booked, kept.minutes,
                         kept.profession)  # fmt: skip


def _failed(rng: Generator, course: Course, kept: Kept, made: Ints, window: Window) -> tuple[_Appointments, Ints]:
    """Appointments missed or cancelled before the one that was kept, and when the kept one was made instead."""
    n, kind = len(kept.raw), course.visits.kind[kept.raw]
    missing = _missing(course.people, kept.person, kept.time)
    draw = rng.random(n)
    state = np.where(draw < missing, _MISSED, np.where(draw < missing + _CANCELS_LATE, _LATE, _CANCELLED))
    fails = (draw < missing + _CANCELS_LATE + _CANCELS) & (kind != EMERGENCY) & (kept.time - made > 6 * _DAY)
    day = (made + ((kept.time - made) * rng.uniform(0.35, 0.7, n)).astype(np.int64)) // _DAY
    starts = window.instants(window.open_day(day), _times_of_day(rng, n))
    changed = _changed(rng, state, made, starts)
    fails &= (starts > made + 2 * _DAY) & (starts < kept.time - _DAY)
    f = np.flatnonzero(fails)
    booked = MINUTES[kind[f]]
    appointments = _Appointments(
        kept.person[f], made[f], starts[f], state[f], changed[f], changed[f], booked, booked, kept.profession[f]
    )
    return appointments, np.where(fails, changed + 10 * MINUTE, made)


def _times_of_day(rng: Generator, n: int) -> Floats:
    """Starts of appointments, minutes after midnight, by the quarter of an hour."""
    return (OPENS + 15.0 * rng.integers(0, 30, n)).astype(np.float64)


def _missing(people: People, person: Ints, time: Ints) -> Floats:
    """Chance that an appointment at a time is missed."""
    age = people.age(person, time // _DAY)
    year = 1970 + time / (_DAY * YEAR)
    fall = np.maximum(1.0 - _FALL_A_YEAR * (year - _LEVEL_YEAR), _LEAST)
    strain = np.exp(1.2 * (people.life[person] - 0.25) + 0.8 * (people.fear[person] - 0.2))
    return np.clip(np.interp(age, *_MISSING_BY_AGE) * fall * strain, 0.0, 0.5)


def _changed(rng: Generator, state: Ints, made: Ints, starts: Ints) -> Ints:
    """When it is known: a quarter past the start, within the day before it, or earlier."""
    n = len(state)
    early = made + ((starts - _DAY - made) * rng.uniform(0.05, 1.0, n)).astype(np.int64)
    late = starts - (rng.uniform(1.0, 23.0, n) * 60 * MINUTE).astype(np.int64)
    missed = starts + 15 * MINUTE
    return np.maximum(np.where(state == _MISSED, missed, np.where(state == _LATE, late, early)), made + MINUTE)


def _lost(rng: Generator, course: Course, starts: Ints, kept: Kept, window: Window) -> _Appointments:
    """Appointments of visits that never took place: given up by the person, or closed in the spring of 2020."""
    lost = course.lost
    n, person = len(lost.day), course.episodes.person[lost.episode]
    begins = window.instants(lost.day, _times_of_day(rng, n))
    made = _last_before(course, starts, kept, lost.episode, begins)
    begins = np.maximum(begins, made + 30 * MINUTE)
    closed = (lost.day >= SPRING_2020[0]) & (lost.day <= SPRING_2020[1]) & (lost.kind != EMERGENCY)
    far = begins - made > 3 * _DAY
    state = rng.choice([_MISSED, _LATE, _CANCELLED], n, p=(0.5, 0.15, 0.35))
    state = np.where(closed & far, _CANCELLED, np.where(far, state, _MISSED))
    changed = _changed(rng, state, made, begins)
    hygiene = np.isin(lost.kind, (PERIODONTAL, PREVENTION))
    profession = np.where(hygiene, PROFESSIONS.index("hygienist"), PROFESSIONS.index("dentist"))
    booked = MINUTES[lost.kind]
    return _Appointments(person, made, begins, state, changed, changed, booked, booked, profession)


def _last_before(course: Course, starts: Ints, kept: Kept, episode: Ints, moment: Ints) -> Ints:
    """When something was booked: after the last visit of its episode before a moment, or at the contact."""
    # Episode and minute in one key: there are far fewer than 2^35 minutes until the year 2100.
    width = 2**35
    order = np.lexsort((kept.time, course.visits.episode[kept.raw]))
    key = course.visits.episode[kept.raw][order] * width + kept.time[order] // MINUTE
    place = np.searchsorted(key, episode * width + moment // MINUTE) - 1
    if not len(key):  # pragma: no cover - a population without any visit is too rare to draw on purpose
        return starts[episode]
    found = (place >= 0) & (key[np.maximum(place, 0)] // width == episode)
    return np.where(found, kept.time[order][np.maximum(place, 0)] + 20 * MINUTE, starts[episode])
