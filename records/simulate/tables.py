"""The simulated life as tables of the schema: times of day, delays of recording, ids and Arrow columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

from records.history import History
from records.schema import CHANNELS, INSTANT, MODES, PRODUCERS, PROFESSIONS, SERVICES, URGENCIES
from records.simulate import coding
from records.simulate.care import CAUSES, MINUTES, Course
from records.simulate.disease import (
    EMERGENCY,
    ENDODONTIC,
    EXAMINATION,
    EXTRACTION,
    ORTHODONTIC,
    PAIN,
    PERIODONTAL,
    PREVENTION,
    PROSTHETIC,
    REMOTE,
)
from records.simulate.people import DISTRICTS, LANGUAGES, NEVER, SEXES, People
from records.simulate.truth import TRUTH
from records.simulate.window import MINUTE, OPENS, YEAR, Flags, Floats, Ints, Window

SOURCE = "simulator"
MUNICIPALITY = "091"
"""Helsinki."""

_Columns: TypeAlias = dict[str, pa.Array]

_UNITS = (
    *(f"Clinic {district}" for district in DISTRICTS),
    "Emergency clinic",
    *(f"Voucher clinic {n}" for n in range(1, 8)),
    "Purchased clinic",
)
_EMERGENCY_UNIT, _VOUCHER_UNIT, _PURCHASED_UNIT = len(DISTRICTS), len(DISTRICTS) + 1, len(_UNITS) - 1


def _shares(**by_name: float) -> Floats:
    return np.cumsum([by_name.get(name, 0.0) for name in PROFESSIONS])


# FinnGen AvoHilmo 2018-2023, office visits: dentist 75.7 %, hygienist 16.4 %, assistant 3.2 %, other 4.8 %.
_PROFESSION_SHARES = np.tile(_shares(dentist=0.975, specialist=0.015, hygienist=0.01), (len(MINUTES), 1))
_PROFESSION_SHARES[PERIODONTAL] = _shares(dentist=0.29, specialist=0.04, hygienist=0.67)
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
    """

    person: Ints
    time: Ints
    recorded: Ints
    service: Ints
    urgency: Ints
    channel: Ints
    episode: Ints


@dataclass(frozen=True)
class Seen:
    """Visits in final order, one entry a visit in every array: whose, which of the raw ones, and when (UTC)."""

    person: Ints
    raw: Ints
    time: Ints
    recorded: Ints


def tables(rng: Generator, course: Course, window: Window) -> tuple[History, pa.Table]:
    """The history of the people, and the truth behind it."""
    people = course.people
    contacts = _contacts(rng, course, window)
    seen = _seen(rng, course, window)
    seats = _seats(rng, course, seen)
    visit_ids = _ids("v", people, seen.person)
    contact_ids = _ids("c", people, contacts.person)
    rows = {
        "patients": _patients(people, window),
        "contacts": _contact_rows(people, contacts, contact_ids),
        "visits": _visit_rows(rng, course, seen, seats, visit_ids),
        "procedures": _note_rows("t", people, seen, visit_ids, coding.procedures(rng, seats)),
        "diagnoses": _note_rows("d", people, seen, visit_ids, coding.diagnoses(rng, seats)),
        "findings": _finding_rows(rng, course, seen, visit_ids),
    }
    came = np.bincount(course.visits.episode[seen.raw], minlength=len(course.episodes.day)) > 0
    history = History.of({name: pa.table(columns) for name, columns in rows.items()})
    return history, _truth(course, contacts, contact_ids, came)


def _contacts(rng: Generator, course: Course, window: Window) -> Contacts:
    """Contacts that start an episode, that ask for advice, and that book within a course of care."""
    episodes, visits = course.episodes, course.visits
    person, day = _advice(rng, course.people, window)
    within = (visits.order == 1) & (rng.random(len(visits.day)) < 0.12)
    asked = window.open_day(visits.day[within] - rng.integers(4, 7, within.sum()))
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


def _seen(rng: Generator, course: Course, window: Window) -> Seen:
    episodes, visits = course.episodes, course.visits
    person = episodes.person[visits.episode]
    same_day = visits.day == episodes.day[visits.episode]
    quarters = np.where(same_day, rng.integers(14, 30, len(person)), rng.integers(0, 30, len(person)))
    time = window.instants(visits.day, OPENS + quarters * 15.0)
    recorded = time + 10 * MINUTE + _delay(rng, len(person))
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
        profession=_professions(rng, kind, age),
        year=years,
        age=age,
        perio=course.episodes.perio[episode],
        special=people.special_needs[seen.person],
        last=visits.last[seen.raw],
        teeth=coding.teeth(rng, age),
    )


def _professions(rng: Generator, kind: Ints, age: Floats) -> Ints:
    shares = _PROFESSION_SHARES[kind]
    shares[(kind == EXAMINATION) & (age < 18)] = _CHILD_EXAMINATION
    passed: Ints = (rng.random(len(kind))[:, None] > shares).sum(axis=1)
    return np.minimum(passed, len(PROFESSIONS) - 1)


def _patients(people: People, window: Window) -> _Columns:
    noon = window.instants(np.minimum(people.leave, window.last), np.full(len(people.number), 720.0))
    return {
        "patient_id": _patient_ids(people),
        "birth_date": pa.array(people.birth.astype(np.int32)).cast(pa.date32()),
        "sex": _words(people.sex, SEXES),
        "language": _words(people.language, LANGUAGES),
        "municipality": pa.repeat(MUNICIPALITY, len(people.number)),
        "district": _words(people.district, DISTRICTS),
        "special_needs": pa.array(people.special_needs),
        "sms_consent": pa.array(people.sms == 1, mask=people.sms < 0),
        "non_disclosure": pa.array(people.non_disclosure),
        "left_at": pa.array(noon, mask=people.leave == NEVER).cast(INSTANT),
    }


def _contact_rows(people: People, contacts: Contacts, ids: pa.Array) -> _Columns:
    return _event(people, contacts.person, ids, contacts.time, contacts.recorded) | {
        "channel": _words(contacts.channel, CHANNELS),
        "urgency": _words(contacts.urgency, URGENCIES),
        "service": _words(contacts.service, SERVICES),
    }


def _visit_rows(rng: Generator, course: Course, seen: Seen, seats: coding.Seats, ids: pa.Array) -> _Columns:
    n, people = len(seen.raw), course.people
    producer = _producers(rng, course)[course.visits.episode[seen.raw]]
    producer = np.where((seats.kind == EMERGENCY) | seats.special, PRODUCERS.index("own"), producer)
    minutes = np.maximum(np.rint(MINUTES[seats.kind] * rng.gamma(12.0, 1.0 / 12.0, n) / 5.0) * 5.0, 5.0)
    at_home = (seats.age > 85) & (rng.random(n) < 0.1)
    remote = (seats.kind == REMOTE) | ((seats.kind == PREVENTION) & (rng.random(n) < 0.15))
    return _event(people, seen.person, ids, seen.time, seen.recorded) | {
        "minutes": pa.array(minutes.astype(np.int32), mask=rng.random(n) < 0.02),
        "profession": _words(seats.profession, PROFESSIONS),
        "urgency": _words(_visit_urgencies(rng, seats.kind), URGENCIES),
        "mode": _words(np.where(remote, 1, np.where(at_home, 2, 0)), MODES),
        "unit": _words(_units(rng, people.district[seen.person], seats.kind, producer), _UNITS),
        "producer": _words(producer, PRODUCERS),
    }


def _producers(rng: Generator, course: Course) -> Ints:
    """Who produces an episode; 29 % of Helsinki's adult dental visits were voucher visits (Yle 74-20010761, 2023)."""
    episodes = course.episodes
    n = len(episodes.day)
    adult = (episodes.age >= 18) & ~course.people.special_needs[episodes.person]
    voucher = adult & (rng.random(n) < np.where(episodes.cause == PAIN, 0.15, 0.3))
    purchased = adult & (rng.random(n) < 0.04)
    return np.where(voucher, 1, np.where(purchased, 2, 0))


def _visit_urgencies(rng: Generator, kind: Ints) -> Ints:
    draw = rng.random(len(kind))
    acute = np.where(draw < 0.65, URGENCIES.index("emergency"), URGENCIES.index("urgent"))
    usual = np.where(draw < 0.03, URGENCIES.index("urgent"), URGENCIES.index("routine"))
    return np.where(kind == EMERGENCY, acute, usual)


def _units(rng: Generator, district: Ints, kind: Ints, producer: Ints) -> Ints:
    n = len(district)
    own = np.where(rng.random(n) < 0.85, district, rng.integers(0, len(DISTRICTS), n))
    own = np.where((kind == EMERGENCY) & (rng.random(n) < 0.5), _EMERGENCY_UNIT, own)
    voucher = _VOUCHER_UNIT + rng.integers(0, _PURCHASED_UNIT - _VOUCHER_UNIT, n)
    return np.where(producer == 1, voucher, np.where(producer == 2, _PURCHASED_UNIT, own))


def _note_rows(letter: str, people: People, seen: Seen, visit_ids: pa.Array, notes: coding.Notes) -> _Columns:
    """Procedures or diagnoses; they share the visit's times. A column that a table lacks is left out by the cast."""
    person = seen.person[notes.visit]
    system = np.isin(notes.vocabulary, list(coding.LOCAL_CODES))[notes.code].astype(np.int64)
    times = seen.time[notes.visit], seen.recorded[notes.visit]
    return _event(people, person, _ids(letter, people, person), *times) | {
        "visit_id": visit_ids.take(pa.array(notes.visit)),
        "code": _words(notes.code, notes.vocabulary),
        "code_system": _words(system, ("thl", "local")),
        "tooth": pa.array(notes.tooth.astype(np.int16), mask=notes.tooth == coding.NO_TOOTH),
        "surfaces": pc.replace_with_mask(
            _words(notes.surfaces, coding.SURFACES), pa.array(notes.surfaces == 0), pa.scalar(None, pa.string())
        ),
    }


def _finding_rows(rng: Generator, course: Course, seen: Seen, visit_ids: pa.Array) -> _Columns:
    people = course.people
    examined = np.flatnonzero(course.visits.kind[seen.raw] == EXAMINATION)
    read = coding.findings(rng, course.episodes, course.visits.episode[seen.raw[examined]])
    written = np.stack([flags for flags, _ in read.values()], axis=1)
    values = np.stack([values for _, values in read.values()], axis=1)
    row, kind = np.nonzero(written)
    visit = examined[row]
    person = seen.person[visit]
    return _event(people, person, _ids("f", people, person), seen.time[visit], seen.recorded[visit]) | {
        "visit_id": visit_ids.take(pa.array(visit)),
        "kind": _words(kind, tuple(read)),
        "value": pa.array(values[row, kind].astype(np.int32)),
    }


def _truth(course: Course, contacts: Contacts, ids: pa.Array, came: Flags) -> pa.Table:
    episodes = course.episodes
    begins = np.flatnonzero(contacts.episode >= 0)
    e = contacts.episode[begins]
    columns = {
        "patient_id": _patient_ids(course.people).take(pa.array(contacts.person[begins])),
        "contact_id": ids.take(pa.array(begins)),
        "event_time": pa.array(contacts.time[begins]).cast(INSTANT),
        "need_visits": pa.array(episodes.need_visits[e].astype(np.int32)),
        "need_minutes": pa.array(episodes.need_minutes[e].astype(np.int32)),
        "caries": pa.array(episodes.decayed[e].astype(np.float64)),
        "perio": pa.array(episodes.perio[e]),
        "came": pa.array(came[e]),
    }
    return pa.table(columns, schema=TRUTH)


def _event(people: People, person: Ints, ids: pa.Array, time: Ints, recorded: Ints) -> _Columns:
    return {
        "patient_id": _patient_ids(people).take(pa.array(person)),
        "event_id": ids,
        "event_time": pa.array(time).cast(INSTANT),
        "recorded_at": pa.array(recorded).cast(INSTANT),
        "source": pa.repeat(SOURCE, len(person)),
    }


def _patient_ids(people: People) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar("p"), _padded(people.number, 7), pa.scalar(""))


def _ids(letter: str, people: People, person: Ints) -> pa.Array:
    """Event ids of rows sorted by person: the patient's number and a running number from 1."""
    starts = np.searchsorted(person, np.arange(len(people.number)))
    running = np.arange(len(person)) - starts[person] + 1
    owner = _padded(people.number, 7).take(pa.array(person))
    most = int(running.max(initial=0)) + 1
    number = _padded(np.arange(most), 3).take(pa.array(running))
    stem = pc.binary_join_element_wise(pa.scalar(letter), owner, pa.scalar(""))
    return pc.binary_join_element_wise(stem, number, pa.scalar("-"))


def _padded(numbers: Ints, width: int) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def _words(places: Ints, words: tuple[str, ...]) -> pa.Array:
    return pa.array(words).take(pa.array(places))
