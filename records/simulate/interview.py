"""What people answer when they call to book: noisy readings of the truth, and often nothing at all.

What is missing is not missing at random: nobody interviews at length somebody in strong pain, smokers and the fearful
would rather not say, and people under strain break off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.random import Generator

from records.schema import CHANNELS
from records.simulate.care import Course
from records.simulate.disease import HABIT, NOTICED, PAIN
from records.simulate.people import People
from records.simulate.rows import Columns, event, event_ids, words
from records.simulate.window import Flags, Floats, Ints

_FIRST = (
    "pain",  # 0 none, 1 some, 2 strong
    "bleeding",  # gums bleed: 0 no, 1 sometimes, 2 often
    "self_rated",  # oral health: 1 very poor to 5 very good
    "years_since_visit",  # years since the last dental visit, halves
    "smoking",  # daily: 0 no, 1 yes
    "diabetes",  # 0 no, 1 yes
    "fear",  # of dental care: 0 none to 4 extreme
    "brushing",  # times a day, 0-3
    "missing_teeth_self",  # permanent teeth missing, as counted by the person
)
_LATER = (
    "broken",  # a broken tooth or a lost filling: 0 no, 1 yes
    "swelling",  # in the mouth or the face: 0 no, 1 yes
    "loose",  # a tooth feels loose: 0 no, 1 yes
    "sugar",  # sugary snacks and drinks, times a day, 0-5
    "dry_mouth",  # 0 no, 1 sometimes, 2 often
    "medicines",  # in regular use, 0-15
)
QUESTIONS = (*_FIRST, *_LATER)
"""What is asked, and the numbers an answer may be. The project's own questions."""

# How often an interview is written down, by the channel of contact; the project's own assumption.
_ASKED = {"phone": 0.85, "callback": 0.85, "web": 0.65, "walk_in": 0.4, "professional": 0.15, "other": 0.3}
_ADULTS = ("smoking", "diabetes", "missing_teeth_self", "loose", "dry_mouth", "medicines")
_URGENT = ("pain", "swelling", "broken")
"""What even a short interview asks."""


@dataclass(frozen=True)
class Interviews:
    """Contacts that start an episode, in order; one entry a contact in every array.

    Attributes:
        person, episode: whose contact it is and what it starts. `row`: its place among all contacts.
        time: microseconds UTC. `channel`: position in the schema's list.
    """

    person: Ints
    episode: Ints
    row: Ints
    time: Ints
    channel: Ints


def rows(rng: Generator, course: Course, contacts: Interviews, ids: pa.Array) -> Columns:
    """Answers given at the contacts that start an episode, one row an answer, known at the contact's own time."""
    people, state = course.people, _State(course, contacts)
    # A stream of their own for what was added later, so that all that is drawn after an interview stays what it was.
    own = rng.spawn(1)[0]
    values = np.hstack([_answers(rng, state), _later_answers(own, people, contacts, state)])
    held = _held(rng, contacts)
    reached = np.hstack([rng.random((len(held), len(_FIRST))), own.random((len(held), len(_LATER)))]) < 0.86
    asked = held[:, None] & reached & ~(np.isin(QUESTIONS, _ADULTS) & (state.age < 15)[:, None])
    asked &= ~_withheld(own, state, values)
    place, question = np.nonzero(asked)
    person, time = contacts.person[place], contacts.time[place]
    return event(people, person, event_ids("q", people, person), time, time) | {
        "contact_id": ids.take(pa.array(contacts.row[place])),
        "question": words(question, QUESTIONS),
        "value": pa.array(values[place, question] + 0.0),  # rounding leaves some zeros negative
    }


class _State:
    """The truth that the answers are readings of, one entry an interview."""

    def __init__(self, course: Course, contacts: Interviews) -> None:
        people, episodes, e = course.people, course.episodes, contacts.episode
        self.age, self.cause = episodes.age[e], episodes.cause[e]
        self.decayed, self.missing, self.perio = episodes.decayed[e], episodes.missing[e], episodes.perio[e]
        self.deep, self.broken, self.rate = episodes.deep[e], episodes.broken[e], episodes.rate[e]
        self.smokes, self.diabetic = people.smokes[contacts.person], people.diabetic[contacts.person]
        self.fear, self.brushing = people.fear[contacts.person], people.brushing[contacts.person]
        self.life = people.life[contacts.person]
        self.years = _years_since(people, course, contacts)


def _years_since(people: People, course: Course, contacts: Interviews) -> Floats:
    """Years since the last visit, as it was; of people new to the record, since some visit elsewhere."""
    visits, episodes = course.visits, course.episodes
    # Person and day in one key; the days of a chunk's people stay far below a million.
    key = np.sort(episodes.person[visits.episode] * 1_000_000 + visits.day)
    day = episodes.day[contacts.episode]
    before = np.searchsorted(key, contacts.person * 1_000_000 + day) - 1
    last = key[np.maximum(before, 0)]
    seen = (before >= 0) & (last // 1_000_000 == contacts.person)
    unknown = np.clip(2.5 - people.access[contacts.person], 0.5, 8.0) + (day - people.arrive[contacts.person]) / 365.25
    return np.where(seen, (day - last % 1_000_000) / 365.25, unknown)


def _answers(rng: Generator, state: _State) -> Floats:
    """Answers to the first questions, shape (interviews, questions), before it is known which were given."""
    n = len(state.age)
    draw, noise = rng.random((n, 4)), rng.standard_normal((n, 5))
    pain = np.where(state.cause == PAIN, np.where(draw[:, 0] < 0.75, 2, 1), 0)
    pain = np.where((state.cause == NOTICED) & (draw[:, 0] < 0.35), 1, pain)
    pain = np.where((state.cause == HABIT) & (draw[:, 0] < 0.06), 1, pain)
    health = 4.7 - 0.3 * np.minimum(state.decayed, 5) - 0.35 * state.perio - 0.04 * state.missing - 0.3 * pain
    brushing = np.clip(state.brushing + (draw[:, 1] < 0.15) - (draw[:, 1] > 0.95), 0, 3)
    return np.column_stack([
        pain,
        np.searchsorted([1.0, 2.2], state.perio + 0.6 * noise[:, 0]),
        np.clip(np.rint(health + 0.7 * noise[:, 1]), 1, 5),
        np.rint(2.0 * state.years * np.exp(0.3 * noise[:, 2])) / 2.0,
        state.smokes & (draw[:, 2] < 0.92),
        state.diabetic & (draw[:, 3] < 0.88),
        np.clip(np.rint(5.0 * state.fear + 0.5 * noise[:, 3]), 0, 4),
        brushing,
        np.clip(np.rint(state.missing + 0.8 * noise[:, 4]), 0, 32),
    ]).astype(np.float64)  # fmt: skip


def _later_answers(rng: Generator, people: People, contacts: Interviews, state: _State) -> Floats:
    """Answers to the later questions. Medicines, a dry mouth and a sweet tooth are a person's own and stay."""
    n = len(state.age)
    draw, noise = rng.random((n, 3)), rng.standard_normal((n, 3))
    own = rng.standard_normal((len(people.number), 3))[contacts.person]
    broken = np.where(state.broken > 0, 0.8, np.where(state.cause == PAIN, 0.12, 0.05))
    swollen = np.where(state.cause == PAIN, np.where(state.deep > 0, 0.35, 0.08), 0.01)
    loose = 1.0 / (1.0 + np.exp(2.5 * (3.3 - state.perio - 0.4 * noise[:, 0])))
    # More medicines with age; the project's own assumption.
    usual = np.interp(state.age, [15, 45, 65, 85], [0.2, 0.8, 2.4, 4.5]) * np.exp(0.7 * own[:, 0] - 0.25)
    medicines = np.clip(np.rint(usual + 1.2 * state.diabetic), 0, 15)
    dryness = 0.4 * np.log1p(medicines) + 0.5 * own[:, 1] + 0.4 * np.log1p(state.rate) + 0.3 * noise[:, 1]
    sweet = 0.6 + 1.6 * np.log1p(state.rate) + 0.6 * own[:, 2] + 0.5 * noise[:, 2]
    return np.column_stack([
        draw[:, 0] < broken,
        draw[:, 1] < swollen,
        draw[:, 2] < loose,
        np.clip(np.rint(sweet), 0, 5),
        np.searchsorted([1.0, 1.6], dryness),
        medicines,
    ]).astype(np.float64)  # fmt: skip


def _held(rng: Generator, contacts: Interviews) -> Flags:
    """At which contacts an interview was held and written down."""
    often = np.array([_ASKED[name] for name in CHANNELS])[contacts.channel]
    return np.asarray(rng.random(len(often)) < often, np.bool_)


def _withheld(rng: Generator, state: _State, values: Floats) -> Flags:
    """Which answers are not given, or not asked for, because of what they would be; the project's own assumption."""
    at = {name: QUESTIONS.index(name) for name in QUESTIONS}
    silent = np.repeat(0.15 * state.life[:, None], len(QUESTIONS), axis=1)
    hurting = values[:, at["pain"]] == 2
    silent[hurting] += 0.35
    silent[:, [at[name] for name in _URGENT]] = 0.0
    silent[:, at["smoking"]] += 0.15 * values[:, at["smoking"]]
    silent[:, at["fear"]] += 0.06 * values[:, at["fear"]]
    silent[:, at["brushing"]] += 0.12 * (values[:, at["brushing"]] < 2)
    silent[:, at["self_rated"]] += 0.08 * (values[:, at["self_rated"]] < 3)
    return np.asarray(rng.random(silent.shape) < silent, np.bool_)
