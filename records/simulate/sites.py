"""The simulated clinics: who produces a visit, where, and the habits by which clinics record differently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from records.schema import PRODUCERS
from records.simulate.care import Course
from records.simulate.disease import EMERGENCY, PAIN
from records.simulate.people import DISTRICTS
from records.simulate.window import Flags, Floats, Ints

VOUCHER_CLINICS = 7
UNITS = (*(f"Clinic {district}" for district in DISTRICTS), "Emergency clinic",
         *(f"Voucher clinic {n}" for n in range(1, VOUCHER_CLINICS + 1)), "Purchased clinic")  # fmt: skip
OWN, VOUCHER, PURCHASED = (PRODUCERS.index(name) for name in ("own", "voucher", "purchased"))

HOUSE_CODES = {"SAA01": "TARK", "WX110": "PUUD", "WX290": "PUUD", "EB1AA": "KUVA"}
"""What one clinic wrote in its old system in place of these codes of the classification. Invented."""


@dataclass(frozen=True)
class Habit:
    """How a clinic records: invented habits of kinds that real registers show.

    Attributes:
        procedures, diagnoses: share of the codes that it writes down, 0-1.
        house_until: last year in which it writes its `HOUSE_CODES`; 0 for never.
        late: share of visits that it records only weeks later, 0-1.
    """

    procedures: float = 1.0
    diagnoses: float = 1.0
    house_until: int = 0
    late: float = 0.0


HABITS = {
    "Clinic Pohjoinen": Habit(house_until=2021),
    "Voucher clinic 3": Habit(diagnoses=0.0),
    "Voucher clinic 5": Habit(late=0.6),
    "Purchased clinic": Habit(procedures=0.6, diagnoses=0.3),
}
"""The clinics that record in a way of their own."""


@dataclass(frozen=True)
class Places:
    """Where visits are; one entry a visit in every array, positions in `PRODUCERS` and `UNITS`."""

    producer: Ints
    unit: Ints


def places(rng: Generator, course: Course) -> Places:
    """Producer and unit of every visit of a course."""
    people, visits = course.people, course.visits
    person = course.episodes.person[visits.episode]
    own = (visits.kind == EMERGENCY) | people.special_needs[person]
    producer = np.where(own, OWN, _producers(rng, course)[visits.episode])
    return Places(producer, _units(rng, course, people.district[person], producer))


def share(of: str, unit: Ints) -> Floats:
    """One number of every unit's habit."""
    return np.array([getattr(HABITS.get(name, Habit()), of) for name in UNITS], np.float64)[unit]


def recorded_late(rng: Generator, unit: Ints) -> Ints:
    """Days by which the habit of their clinic delays the recording of visits."""
    late: Flags = rng.random(len(unit)) < share("late", unit)
    return np.where(late, rng.integers(5, 40, len(unit)), 0)


def _producers(rng: Generator, course: Course) -> Ints:
    """Who produces an episode; 29 % of Helsinki's adult dental visits were voucher visits (Yle 74-20010761, 2023)."""
    episodes = course.episodes
    n = len(episodes.day)
    adult = (episodes.age >= 18) & ~course.people.special_needs[episodes.person]
    voucher = adult & (rng.random(n) < np.where(episodes.cause == PAIN, 0.2, 0.35))
    purchased = adult & (rng.random(n) < 0.04)
    return np.where(voucher, VOUCHER, np.where(purchased, PURCHASED, OWN))


def _units(rng: Generator, course: Course, district: Ints, producer: Ints) -> Ints:
    n = len(district)
    own = np.where(rng.random(n) < 0.85, district, rng.integers(0, len(DISTRICTS), n))
    emergency = (course.visits.kind == EMERGENCY) & (rng.random(n) < 0.5)
    own = np.where(emergency, UNITS.index("Emergency clinic"), own)
    # One voucher is used at one provider.
    chosen = rng.integers(0, VOUCHER_CLINICS, len(course.episodes.day))[course.visits.episode]
    voucher = UNITS.index("Voucher clinic 1") + chosen
    return np.where(producer == VOUCHER, voucher, np.where(producer == PURCHASED, UNITS.index("Purchased clinic"), own))
