"""The simulated life as tables of the schema: times of day, delays of recording, ids and Arrow columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

from records.schema import (
    CHANNELS,
    INSTANT,
    MODES,
    PRODUCERS,
    PROFESSIONS,
    SERVICES,
    TABLES,
    URGENCIES,
)
from records.simulate import booking, coding, interview, sites, teeth, vouchers
from records.simulate.care import CAUSES, MINUTES, Course
from records.simulate.disease import (
    EMERGENCY,
    ENDODONTIC,
    EXAMINATION,
    EXTRACTION,
    ORTHODONTIC,
    PERIODONTAL,
    PREVENTION,
    PROSTHETIC,
    REMOTE,
)
from records.simulate.people import DISTRICTS, LANGUAGES, NEVER, SEXES, People
from records.simulate.rows import Columns, event, event_ids, patient_ids, words
from records.simulate.truth import SURVEY, TRAITS, TRUTH
from records.simulate.window import MINUTE, OPENS, YEAR, Flags, Floats, Ints, Window

MUNICIPALITY = "091"
"""Helsinki."""


def _shares(**by_name: float) -> Floats:
    return np.cumsum([by_name.get(name, 0.0) for name in PROFESSIONS])


# FinnGen AvoHilmo 2018-2023, office visits: dentist 75.7 %, hygienist 16.4 %, assistant 3.2 %, other 4.8 %.
_USUAL = _shares(dentist=0.93, specialist=0.015, hygienist=0.01, assistant=0.025, other=0.02)
_PROFESSION_SHARES = np.tile(_USUAL, (len(MINUTES), 1))
_PROFESSION_SHARES[PERIODONTAL] = _shares(dentist=0.36, specialist=0.04, hygienist=0.6)
_PERIODONTAL_LATER = _shares(dentist=0.25, specialist=0.04, hygienist=0.71)
_PROFESSION_SHARES[PREVENTION] = _shares(dentist=0.15, hygienist=0.45, assistant=0.3, other=0.1)
_PROFESSION_SHARES[PROSTHETIC] = _shares(dentist=0.7, specialist=0.25, other=0.05)
_PROFESSION_SHARES[ORTHODONTIC] = _shares(dentist=0.3, specialist=0.5, hygienist=0.05, assistant=0.15)
_PROFESSION_SHARES[ENDODONTIC] = _shares(dentist=0.9, specialist=0.1)
_PROFESSION_SHARES[EXTRACTION] = _shares(dentist=0.88, specialist=0.12)
_PROFESSION_SHARES[REMOTE] = _shares(dentist=0.5, hygienist=0.05, assistant=0.25, other=0.2)
_CHILD_EXAMINATION = _shares(dentist=0.7, hygienist=0.25, assistant=0.05)


@dataclass(frozen=True)
class Contacts:
    """Contacts, one entry a contact in every array; `episode` is -1 where none begins.

    `service`, `urgency`, `channel` are positions in the schema's lists; `time` and `recorded` are microseconds UTC.
    `starts` is when every episode's contact was, on record or not, one entry an episode.
    """

    person: Ints
    time: Ints
    recorded: Ints
    service: Ints
    urgency: Ints
    channel: Ints
    episode: Ints
    starts: Ints


@dataclass(frozen=True)
class Seen:
    """Visits in final order, one entry a visit in every array: whose, which of the raw ones, and when (UTC)."""

    person: Ints
    raw: Ints
    time: Ints
    recorded: Ints


def tables(rng: Generator, course: Course, window: Window) -> tuple[dict[str, pa.Table], pa.Table, pa.Table]:
    """Tables of the schema by name, the truth at the contacts, and the truth about the people."""
    people = course.people
    contacts = _contacts(rng, course, window)
    where = sites.places(rng, course)
    seen = _seen(rng, course, where, window)
    seats = _seats(rng, course, seen)
    minutes = _minutes(rng, seats.kind)
    kept = booking.Kept(seen.person, seen.raw, seen.time, seen.recorded, minutes, seats.profession)
    visit_ids = event_ids("v", people, seen.person)
    contact_ids = event_ids("c", people, contacts.person)
    done, found = _habitual(rng, seats, where.unit[seen.raw])
    rows = {
        "patients": _patients(people, window),
        "contacts": _contact_rows(people, contacts, contact_ids),
        "appointments": booking.rows(rng, course, contacts.starts, kept, window),
        "visits": _visit_rows(rng, people, seen, seats, where, minutes=minutes, ids=visit_ids),
        "procedures": _note_rows("t", people, seen, visit_ids, done),
        "diagnoses": _note_rows("d", people, seen, visit_ids, found),
        "findings": _finding_rows(rng, course, seen, visit_ids),
        "answers": interview.rows(rng, course, _interviews(contacts), contact_ids),
        "vouchers": vouchers.rows(rng, course, contacts.starts, where, window),
    }
    came = np.bincount(course.visits.episode[seen.raw], minlength=len(course.episodes.day)) > 0
    made = {name: conform(name, pa.table(columns)) for name, columns in rows.items()}
    return made, _truth(course, contacts, contact_ids, came), _survey(course, window)


def conform(name: str, rows: pa.Table) -> pa.Table:
    """A table of the schema with its columns, cast to their types; rows are in order already."""
    schema = TABLES[name].arrow()
    return rows.select(schema.names).cast(schema)


def _interviews(contacts: Contacts) -> interview.Interviews:
    row = np.flatnonzero(contacts.episode >= 0)
    return interview.Interviews(
        contacts.person[row], contacts.episode[row], row, contacts.time[row], contacts.channel[row]
    )


def _habitual(rng: Generator, seats: coding.Seats, unit: Ints) -> tuple[coding.Notes, coding.Notes]:
    """Procedures and diagnoses as the habits of the clinics leave them."""
    house = seats.year <= sites.share("house_until", unit)
    done = coding.as_habit(rng, coding.procedures(rng, seats), sites.share("procedures", unit), house)
    never = np.zeros(len(unit), np.bool_)
    return done, coding.as_habit(rng, coding.diagnoses(rng, seats), sites.share("diagnoses", unit), never)


def _minutes(rng: Generator, kind: Ints) -> Ints:
    """Chair time as recorded, minutes; below zero where it is not."""
    minutes = np.maximum(np.rint(MINUTES[kind] * rng.gamma(12.0, 1.0 / 12.0, len(kind)) / 5.0) * 5.0, 5.0)
    return np.where(rng.random(len(kind)) < 0.02, -1, minutes).astype(np.int64)


def _contacts(rng: Generator, course: Course, window: Window) -> Contacts:
    """Contacts that start an episode, that ask for advice, and that book within a course of care."""
    episodes, visits = course.episodes, course.visits
    person, day = _advice(rng, course.people, window)
    within = (visits.order == 1) & (rng.random(len(visits.day)) < 0.12)
    asked = window.open_day(visits.day[within] - rng.integers(5, 8, within.sum()))
    persons = np.concatenate([episodes.person, person, episodes.person[visits.episode[within]]])
    days = np.concatenate([episodes.day, day, asked])
    begins = np.arange(len(days)) < len(episodes.day)
    service = np.concatenate(
        [
            np.array([SERVICES.index(name) for name in CAUSES])[episodes.cause],
            np.full(len(day), SERVICES.index("advice")),
            rng.choice([SERVICES.index("treatment"), SERVICES.index("other")], len(asked)),
        ]
    )
    pain = service == SERVICES.index("emergency")
    # Pain calls in the morning, so that relief on the same day comes after it.
    minutes = OPENS + rng.random(len(days)) * np.where(pain, 180.0, 475.0)
    time = window.instants(days, minutes)
    recorded = time + _delay(rng, len(days))
    kept = np.flatnonzero(recorded <= window.end)
    kept = kept[np.lexsort((time[kept], persons[kept]))]
    return Contacts(
        person=persons[kept],
        time=time[kept],
        recorded=recorded[kept],
        service=service[kept],
        urgency=_urgencies(rng, service)[kept],
        channel=_channels(rng, pain)[kept],
        episode=np.where(begins, np.arange(len(days)), -1)[kept],
        starts=time[begins],
    )


def _advice(rng: Generator, people: People, window: Window) -> tuple[Ints, Ints]:
    """Who asks for advice, and on which day."""
    end = np.minimum(people.leave - 1, window.last)
    present = np.maximum(end - people.arrive, 0)
    calls = rng.poisson(0.08 * present / YEAR * (1.0 + people.life))
    person = np.repeat(np.arange(len(calls)), calls)
    day = window.open_day(people.arrive[person] + (rng.random(len(person)) * present[person]).astype(np.int64))
    seen = day <= end[person]
    return person[seen], day[seen]


def _urgencies(rng: Generator, service: Ints) -> Ints:
    n = len(service)
    emergency, urgent, routine = (URGENCIES.index(name) for name in ("emergency", "urgent", "routine"))
    acute = np.where(rng.random(n) < 0.6, emergency, urgent)
    other = np.where((rng.random(n) < 0.15) & (service == SERVICES.index("treatment")), urgent, routine)
    return np.where(service == SERVICES.index("emergency"), acute, other)


def _channels(rng: Generator, pain: Flags) -> Ints:
    usual = rng.choice(len(CHANNELS), len(pain), p=(0.34, 0.33, 0.21, 0.04, 0.06, 0.02))
    hurting = rng.choice(len(CHANNELS), len(pain), p=(0.52, 0.27, 0.05, 0.13, 0.02, 0.01))
    return np.where(pain, hurting, usual)


def _delay(rng: Generator, n: int) -> Ints:
    """Microseconds from the event to its recording: minutes, or within a day; two in a hundred up to 60 days."""
    how = rng.random(n)
    minutes = np.where(how < 0.75, rng.exponential(12.0, n), rng.uniform(0.0, 1440.0, n))
    late = rng.uniform(1.0, 60.0, n) * 1440.0
    return (np.where(how > 0.98, late, minutes) * MINUTE).astype(np.int64)


def _seen(rng: Generator, course: Course, where: sites.Places, window: Window) -> Seen:
    episodes, visits = course.episodes, course.visits
    person = episodes.person[visits.episode]
    same_day = visits.day == episodes.day[visits.episode]
    quarters = np.where(same_day, rng.integers(14, 30, len(person)), rng.integers(0, 30, len(person)))
    time = window.instants(visits.day, OPENS + quarters * 15.0)
    late = sites.recorded_late(rng, where.unit) * 1440 * MINUTE
    recorded = time + 10 * MINUTE + np.maximum(_delay(rng, len(person)), late)
    raw = np.flatnonzero(recorded <= window.end)
    raw = raw[np.lexsort((time[raw], person[raw]))]
    return Seen(person[raw], raw, time[raw], recorded[raw])


def _seats(rng: Generator, course: Course, seen: Seen) -> coding.Seats:
    people, visits = course.people, course.visits
    episode, kind = visits.episode[seen.raw], visits.kind[seen.raw]
    years = seen.time.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    age = people.age(seen.person, visits.day[seen.raw])
    return coding.Seats(
        kind=kind,
        profession=_professions(rng, kind, age, years),
        year=years,
        age=age,
        perio=course.episodes.perio[episode],
        special=people.special_needs[seen.person],
        last=visits.last[seen.raw],
        teeth=teeth.walk(rng, _first_mouths(course), seen.person, kind, age),
    )


def _first_mouths(course: Course) -> teeth.Patients:
    """Everyone's mouth at their first contact; of those who made none it does not matter."""
    episodes, n = course.episodes, len(course.people.number)
    state = teeth.Patients(np.zeros(n, np.int64), np.zeros(n, np.int64))
    latest_first = np.argsort(-episodes.day, kind="stable")
    person = episodes.person[latest_first]
    state.missing[person] = episodes.missing[latest_first]
    state.filled[person] = episodes.filled[latest_first]
    return state


def _professions(rng: Generator, kind: Ints, age: Floats, year: Ints) -> Ints:
    shares = _PROFESSION_SHARES[kind]
    shares[(kind == EXAMINATION) & (age < 18)] = _CHILD_EXAMINATION
    # Hygienists take over from dentists as the years go.
    shares[(kind == PERIODONTAL) & (year >= 2020)] = _PERIODONTAL_LATER
    passed: Ints = (rng.random(len(kind))[:, None] > shares).sum(axis=1)
    return np.minimum(passed, len(PROFESSIONS) - 1)


def _patients(people: People, window: Window) -> Columns:
    noon = window.instants(np.minimum(people.leave, window.last), np.full(len(people.number), 720.0))
    return {
        "patient_id": patient_ids(people),
        "birth_date": pa.array(people.birth.astype(np.int32)).cast(pa.date32()),
        "sex": words(people.sex, SEXES),
        "language": words(people.language, LANGUAGES),
        "municipality": pa.repeat(MUNICIPALITY, len(people.number)),
        "district": words(people.district, DISTRICTS),
        "special_needs": pa.array(people.special_needs),
        "sms_consent": pa.array(people.sms == 1, mask=people.sms < 0),
        "non_disclosure": pa.array(people.non_disclosure),
        "left_at": pa.array(noon, mask=people.leave == NEVER).cast(INSTANT),
    }


def _contact_rows(people: People, contacts: Contacts, ids: pa.Array) -> Columns:
    return event(people, contacts.person, ids, contacts.time, contacts.recorded) | {
        "channel": words(contacts.channel, CHANNELS),
        "urgency": words(contacts.urgency, URGENCIES),
        "service": words(contacts.service, SERVICES),
    }


def _visit_rows(
    rng: Generator,
    people: People,
    seen: Seen,
    seats: coding.Seats,
    where: sites.Places,
    *,
    minutes: Ints,
    ids: pa.Array,
) -> Columns:
    n = len(seen.raw)
    at_home = (seats.age > 85) & (rng.random(n) < 0.1)
    remote = (seats.kind == REMOTE) | ((seats.kind == PREVENTION) & (rng.random(n) < 0.15))
    return event(people, seen.person, ids, seen.time, seen.recorded) | {
        "minutes": pa.array(minutes.astype(np.int32), mask=minutes < 0),
        "profession": words(seats.profession, PROFESSIONS),
        "urgency": words(_visit_urgencies(rng, seats.kind), URGENCIES),
        "mode": words(np.where(remote, 1, np.where(at_home, 2, 0)), MODES),
        "unit": words(where.unit[seen.raw], sites.UNITS),
        "producer": words(where.producer[seen.raw], PRODUCERS),
    }


def _visit_urgencies(rng: Generator, kind: Ints) -> Ints:
    draw = rng.random(len(kind))
    acute = np.where(draw < 0.65, URGENCIES.index("emergency"), URGENCIES.index("urgent"))
    usual = np.where(draw < 0.01, URGENCIES.index("urgent"), URGENCIES.index("routine"))
    return np.where(kind == EMERGENCY, acute, usual)


def _note_rows(letter: str, people: People, seen: Seen, visit_ids: pa.Array, notes: coding.Notes) -> Columns:
    """Procedures or diagnoses; they share the visit's times. A column that a table lacks is left out by the cast."""
    person = seen.person[notes.visit]
    system = np.isin(notes.vocabulary, list(coding.LOCAL_CODES))[notes.code].astype(np.int64)
    times = seen.time[notes.visit], seen.recorded[notes.visit]
    return event(people, person, event_ids(letter, people, person), *times) | {
        "visit_id": visit_ids.take(pa.array(notes.visit)),
        "code": words(notes.code, notes.vocabulary),
        "code_system": words(system, ("thl", "local")),
        "tooth": pa.array(notes.tooth.astype(np.int16), mask=notes.tooth == teeth.NO_TOOTH),
        "surfaces": pc.replace_with_mask(
            words(notes.surfaces, coding.SURFACES), pa.array(notes.surfaces == 0), pa.scalar(None, pa.string())
        ),
    }


def _finding_rows(rng: Generator, course: Course, seen: Seen, visit_ids: pa.Array) -> Columns:
    people = course.people
    examined = np.flatnonzero(course.visits.kind[seen.raw] == EXAMINATION)
    read = coding.findings(rng, course.episodes, course.visits.episode[seen.raw[examined]])
    written = np.stack([flags for flags, _ in read.values()], axis=1)
    values = np.stack([values for _, values in read.values()], axis=1)
    row, kind = np.nonzero(written)
    visit = examined[row]
    person = seen.person[visit]
    return event(people, person, event_ids("f", people, person), seen.time[visit], seen.recorded[visit]) | {
        "visit_id": visit_ids.take(pa.array(visit)),
        "kind": words(kind, tuple(read)),
        "value": pa.array(values[row, kind].astype(np.int32)),
    }


def _truth(course: Course, contacts: Contacts, ids: pa.Array, came: Flags) -> pa.Table:
    people, episodes = course.people, course.episodes
    begins = np.flatnonzero(contacts.episode >= 0)
    person, e = contacts.person[begins], contacts.episode[begins]
    columns = {
        "patient_id": patient_ids(people).take(pa.array(person)),
        "contact_id": ids.take(pa.array(begins)),
        "event_time": pa.array(contacts.time[begins]).cast(INSTANT),
        "need_visits": pa.array(episodes.need_visits[e].astype(np.int32)),
        "need_minutes": pa.array(episodes.need_minutes[e].astype(np.int32)),
        "came": pa.array(came[e]),
        "cause": words(episodes.cause[e], CAUSES),
        "age": pa.array(episodes.age[e]),
        "caries": pa.array(episodes.decayed[e].astype(np.float64)),
        "filled": pa.array(episodes.filled[e].astype(np.int32)),
        "missing": pa.array(episodes.missing[e].astype(np.int32)),
        "perio": pa.array(episodes.perio[e]),
        "caries_rate": pa.array(episodes.rate[e]),
    }
    return pa.table(columns | _traits(people, person), schema=TRUTH)


def _survey(course: Course, window: Window) -> pa.Table:
    people, mouths = course.people, course.mouths
    everyone = np.arange(len(people.number))
    visited = np.bincount(course.episodes.person[course.visits.episode], minlength=len(everyone)) > 0
    day = np.maximum(np.minimum(people.leave - 1, window.last), people.arrive)
    columns = {
        "patient_id": patient_ids(people),
        "age": pa.array(people.age(everyone, day)),
        "caries": pa.array(mouths.decayed.astype(np.float64)),
        "filled": pa.array(mouths.filled.astype(np.int32)),
        "missing": pa.array(mouths.missing.astype(np.int32)),
        "perio": pa.array(mouths.perio),
        "caries_rate": pa.array(mouths.rate(people, everyone)),
        "came": pa.array(visited),
        "smokes": pa.array(people.smokes),
        "diabetic": pa.array(people.diabetic),
    }
    return pa.table(columns | _traits(people, everyone), schema=SURVEY)


def _traits(people: People, person: Ints) -> Columns:
    return {name: pa.array(getattr(people, name)[person]) for name in TRAITS}
