"""The simulated mouths: how disease accumulates between episodes, and what care it needs at a moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from records.simulate.people import People
from records.simulate.window import Flags, Floats, Ints

# Kinds of visit, in the order in which an episode tends to take them.
KINDS = (
    "emergency",
    "examination",
    "extraction",
    "endodontic",
    "restorative",
    "periodontal",
    "prevention",
    "prosthetic",
    "orthodontic",
    "remote",
)
EMERGENCY, EXAMINATION, EXTRACTION, ENDODONTIC, RESTORATIVE = range(5)
PERIODONTAL, PREVENTION, PROSTHETIC, ORTHODONTIC, REMOTE = range(5, len(KINDS))

# Why an episode begins; positions in `records.simulate.care.CAUSES`.
HABIT, PAIN, NOTICED = range(3)

_TEETH = 28  # Without wisdom teeth.
_REBUILDING = 2.2  # Further visits of a mouth that needs rebuilding.
_RETURN = 0.03  # Filled teeth that decay anew, a year: the spiral of repeated restorations.
_SUSCEPTIBLE, _DRIFT = 0.9, 0.2  # Spread of the periodontal state between people, and within one over time.
_TROUBLE, _TROUBLE_YEARS = 0.7, 8.0  # Spread of the log rate of decay, and how long a time of trouble lasts.


@dataclass(frozen=True)
class Need:
    """What care some people truly need at a moment; one entry a person in every array.

    Attributes:
        fillings, roots, removals: teeth to fill, to root fill, to remove.
        deep, broken: of these, teeth decayed to the pulp, and fillings or teeth that have broken.
        visits: visits by kind, shape (people, kinds).
    """

    fillings: Ints
    roots: Ints
    removals: Ints
    deep: Ints
    broken: Ints
    visits: Ints


@dataclass
class Mouths:
    """The state of every person's mouth; changes in place as time passes and care is given.

    Attributes:
        decayed, filled, missing: teeth, counts.
        perio: periodontal state, 0 healthy to 4 severe.
        trouble: how far the time a person lives in raises or lowers their decay, standard normal; it comes and goes.
    """

    decayed: Ints
    filled: Ints
    missing: Ints
    perio: Floats
    trouble: Floats

    @classmethod
    def drawn(cls, rng: Generator, people: People) -> Mouths:
        """Mouths as they are when people arrive, after a life with some care."""
        who = np.arange(len(people.number))
        age = people.age(who, people.arrive)
        exposed = np.clip(age - 6.0, 0.0, 60.0)
        trouble = rng.standard_normal(len(who))
        rate = people.caries * np.interp(age, [10, 40, 80], [0.8, 0.5, 0.4])
        had = rng.poisson(rate * np.exp(0.4 * trouble) * exposed)
        missing = rng.binomial(np.minimum(had, _TEETH), np.interp(age, [20, 50, 80], [0.01, 0.1, 0.35]))
        filled = np.minimum(had, _TEETH) - missing
        decayed = rng.poisson(people.caries * np.exp(_TROUBLE * trouble) * np.interp(age, [1, 6, 18], [0.3, 0.8, 1.2]))
        perio = np.clip(_target(people, who, age) + 0.4 * rng.standard_normal(len(who)), 0.0, 4.0)
        mouths = cls(decayed, filled, missing, perio, trouble)
        mouths.fit(who, age)
        return mouths

    def fit(self, who: Ints, age: Floats) -> None:
        """Keep the counts of teeth within the teeth that a person has."""
        erupted = permanent_teeth(age)
        self.missing[who] = np.minimum(self.missing[who], erupted)
        self.filled[who] = np.minimum(self.filled[who], erupted - self.missing[who])
        room = np.where(age < 7, 6, erupted - self.missing[who])
        self.decayed[who] = np.minimum(self.decayed[who], room)

    def pass_time(self, rng: Generator, people: People, who: Ints, years: Floats, age: Floats) -> None:
        """Let disease accumulate in some people over years without care.

        Args:
            rng: where the chance comes from.
            people: everyone.
            who: positions of the people concerned.
            years: how long, one entry for each of `who`.
            age: age at the end, years.
        """
        by_age = np.interp(age, [1, 4, 8, 16, 28, 45, 65, 80], [0.3, 0.75, 0.65, 1.0, 0.95, 0.8, 0.7, 0.7])
        # Decay comes in bouts (a medicine, a crisis, a change of diet): that is what makes heavy use pass. What was
        # paid for care in ten years says little about the next five (UK, 455,844 adults: correlation 0.42).
        kept = np.exp(-years / _TROUBLE_YEARS)
        self.trouble[who] = kept * self.trouble[who] + np.sqrt(1.0 - kept**2) * rng.standard_normal(len(who))
        bout = rng.gamma(0.8, 1.25, len(who))
        fresh = self.rate(people, who) * by_age * bout + _RETURN * self.filled[who]
        self.decayed[who] += rng.poisson(fresh * years)
        pull = (_target(people, who, age) - self.perio[who]) * (1.0 - np.exp(-0.5 * years))
        drift = _DRIFT * np.sqrt(-np.expm1(-years)) * rng.standard_normal(len(who))
        self.perio[who] = np.clip(self.perio[who] + pull + drift, 0.0, 4.0)
        self.fit(who, age)

    def rate(self, people: People, who: Ints) -> Floats:
        """New lesions a year of some people in the time they live in, at the age of most decay."""
        return np.asarray(people.caries[who] * np.exp(_TROUBLE * self.trouble[who]), np.float64)

    def ache(self, rng: Generator, who: Ints, cause: Ints, age: Floats) -> None:
        """Add the aching tooth of those who call in pain to their decayed ones."""
        self.decayed[who] += (cause == PAIN) & (rng.random(len(who)) < 0.35) & (age > 4)

    def need(self, rng: Generator, life: Floats, who: Ints, cause: Ints, age: Floats) -> Need:
        """What some people need at a moment; `life` is the strain of their life situation, 0-1. Changes nothing."""
        pain = cause == PAIN
        decayed = self.decayed[who]
        deep = rng.binomial(decayed, np.where(pain, 0.25, 0.06) + 0.1 * life)
        removals = rng.binomial(deep, np.clip(0.42 + 0.3 * life + 0.2 * (age < 10), 0.0, 0.9))
        removals += pain & (age > 18) & (rng.random(len(who)) < 0.1)  # Wisdom teeth and split roots.
        broken = rng.poisson(0.012 * self.filled[who] + 0.3 * (cause == NOTICED))
        fillings = decayed - deep + broken
        roots = np.maximum(deep - removals, 0)
        visits = np.zeros((len(who), len(KINDS)), np.int64)
        visits[:, EMERGENCY] = pain
        visits[:, EXAMINATION] = ~pain & ((cause == HABIT) | (rng.random(len(who)) < 0.6))
        visits[:, EXTRACTION] = (removals + 1) // 2
        visits[:, ENDODONTIC] = 2 * roots + rng.binomial(roots, 0.35)
        visits[:, RESTORATIVE] = (fillings + rng.integers(0, 2, len(who))) // 2
        visits[:, PERIODONTAL] = _periodontal_visits(rng, self.perio[who], age)
        visits[:, PREVENTION] = rng.random(len(who)) < np.where(age < 18, 0.4, 0.1)
        visits[:, PROSTHETIC] = _prosthetic_visits(rng, self.missing[who], age, pain)
        visits[:, ORTHODONTIC] = _orthodontic_visits(rng, age, pain)
        visits[:, RESTORATIVE] += _rehabilitation(rng, visits)
        return Need(fillings, roots, removals, deep, broken, _at_least_one(visits))

    def treat(self, who: Ints, need: Need, given: Ints, age: Floats) -> None:
        """Record in the mouths what the visits given (people, kinds) did to them."""
        filled = _done(need.fillings, given[:, RESTORATIVE], need.visits[:, RESTORATIVE])
        rooted = _done(need.roots, given[:, ENDODONTIC], need.visits[:, ENDODONTIC])
        removed = _done(need.removals, given[:, EXTRACTION], need.visits[:, EXTRACTION])
        self.decayed[who] = np.maximum(self.decayed[who] - filled - rooted - removed, 0)
        self.filled[who] += filled + rooted
        self.missing[who] += removed
        self.perio[who] = np.maximum(self.perio[who] - 0.15 * given[:, PERIODONTAL], 0.0)
        self.fit(who, age)


def permanent_teeth(age: Floats) -> Ints:
    """Permanent teeth that have erupted by an age, without wisdom teeth."""
    return np.rint(np.clip((age - 6.0) / 6.5, 0.0, 1.0) * _TEETH).astype(np.int64)


def _target(people: People, who: Ints, age: Floats) -> Floats:
    # Set so that about 27 % of adults are at 2 or above: periodontitis in Healthy Finland 2023.
    level = np.interp(age, [12, 20, 40, 65, 85], [0.1, 1.0, 1.65, 1.35, 0.9])
    own = _SUSCEPTIBLE * people.perio[who] * np.interp(age, [12, 35], [0.3, 1.0])
    state = level + own + 0.6 * people.smokes[who] + 0.3 * people.diabetic[who]
    return np.asarray(np.clip(state, 0.0, 4.0), np.float64)


def _periodontal_visits(rng: Generator, perio: Floats, age: Floats) -> Ints:
    judged = perio + 0.4 * rng.standard_normal(len(perio))
    visits = np.searchsorted(np.array([1.85, 2.35, 2.55, 2.8, 3.05]), judged)
    return np.where(age < 14, 0, visits).astype(np.int64)


def _prosthetic_visits(rng: Generator, missing: Ints, age: Floats, pain: Flags) -> Ints:
    chance = np.where((age > 30) & ~pain, 0.006 + 0.004 * np.minimum(missing, 10), 0.0)
    return np.where(rng.random(len(age)) < chance, rng.integers(2, 6, len(age)), 0)


def _orthodontic_visits(rng: Generator, age: Floats, pain: Flags) -> Ints:
    chance = np.where((age > 7) & (age < 16) & ~pain, 0.08, 0.0)
    return np.where(rng.random(len(age)) < chance, rng.integers(2, 8, len(age)), 0)


def _at_least_one(visits: Ints) -> Ints:
    visits[:, EXAMINATION] += visits.sum(axis=1) == 0
    return visits


def _done(teeth: Ints, given: Ints, planned: Ints) -> Ints:
    return np.where(given >= planned, teeth, teeth * given // np.maximum(planned, 1)) * (given > 0)


def _rehabilitation(rng: Generator, visits: Ints) -> Ints:
    """Further visits of a mouth that needs rebuilding: what is large takes more than the sum of its teeth."""
    large = visits.sum(axis=1) > 4
    return np.where(large, rng.poisson(_REBUILDING, len(visits)), 0)
