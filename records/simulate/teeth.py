"""Which tooth a simulated visit is about: teeth have a memory, so an extracted one is gone and a filled one returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from records.simulate.disease import EMERGENCY, ENDODONTIC, EXTRACTION, RESTORATIVE
from records.simulate.window import Flags, Floats, Ints

NO_TOOTH = 0

_PERMANENT = np.array([quarter * 10 + place for quarter in range(1, 5) for place in range(1, 9)])
_MILK = np.array([quarter * 10 + place for quarter in range(5, 9) for place in range(1, 6)])
FDI = np.concatenate([_PERMANENT, _MILK])
"""Every tooth there is, FDI."""

# How often care is about the first to the eighth tooth of a quarter: molars and premolars lead.
_ADULT = np.tile([0.06, 0.05, 0.05, 0.1, 0.13, 0.3, 0.25, 0.06], 4)
_CHILD = np.tile([0.08, 0.08, 0.14, 0.35, 0.35], 4)
_BASE = np.concatenate([_ADULT, _CHILD])
_FILLED_AGAIN = 5.0
"""How much likelier a filled tooth is to need care than a sound one: most fillings of adults replace older ones."""


@dataclass(frozen=True)
class Teeth:
    """Teeth of the visits, one entry a visit in every array.

    Attributes:
        fdi: two different teeth that the visit is about, shape (visits, 2); `NO_TOOTH` where none is left.
        removed: whether each of them is removed at the visit, the same shape.
    """

    fdi: Ints
    removed: Flags


@dataclass(frozen=True)
class Patients:
    """What mouths were like when their record begins; one entry a person: teeth missing and filled, counts."""

    missing: Ints
    filled: Ints


def walk(rng: Generator, patients: Patients, person: Ints, kind: Ints, age: Floats) -> Teeth:
    """Choose the teeth of visits that are sorted by person and time, remembering what was done to them before."""
    gone, weight = _at_first(rng, patients)
    n = len(person)
    fdi = np.full((n, 2), NO_TOOTH)
    removes = _removes(rng, kind)
    fills = np.isin(kind, (RESTORATIVE, ENDODONTIC))
    chance = rng.gumbel(size=(n, len(FDI)))
    for rows in _rounds(person):
        who = person[rows]
        score = np.where(gone[who] | _absent(age[rows]), -np.inf, np.log(weight[who]) + chance[rows])
        two = np.argpartition(-score, 1, axis=1)[:, :2]
        two = np.where((np.take_along_axis(score, two, 1).argmax(axis=1) == 0)[:, None], two, two[:, ::-1])
        there = np.isfinite(np.take_along_axis(score, two, 1))
        fdi[rows] = np.where(there, FDI[two], NO_TOOTH)
        removes[rows] &= there
        gone[who[:, None], two] |= removes[rows]
        restored = two[fills[rows], 0]
        weight[who[fills[rows]], restored] = _BASE[restored] * _FILLED_AGAIN
    return Teeth(fdi, removes)


def _at_first(rng: Generator, patients: Patients) -> tuple[Flags, Floats]:
    """Which teeth are gone, and how likely care is about each, when the record begins."""
    n = len(patients.missing)
    rank = np.argsort(np.argsort(-(np.log(_ADULT) + rng.gumbel(size=(n, len(_ADULT)))), axis=1), axis=1)
    gone = np.zeros((n, len(FDI)), np.bool_)
    gone[:, : len(_ADULT)] = rank < patients.missing[:, None]
    filled = ~gone[:, : len(_ADULT)] & (rank < (patients.missing + patients.filled)[:, None])
    weight = np.tile(_BASE, (n, 1))
    weight[:, : len(_ADULT)] *= np.where(filled, _FILLED_AGAIN, 1.0)
    return gone, weight


def _removes(rng: Generator, kind: Ints) -> Flags:
    draw = rng.random((len(kind), 2))
    first = (kind == EXTRACTION) | ((kind == EMERGENCY) & (draw[:, 0] < 0.38))
    return np.stack([first, (kind == EXTRACTION) & (draw[:, 1] < 0.4)], axis=1)


def _absent(age: Floats) -> Flags:
    """Teeth that nobody of an age has: milk teeth from seven on, permanent ones before, wisdom teeth before 18."""
    permanent, wisdom = FDI < 50, (FDI < 50) & (FDI % 10 == 8)
    child, minor = (age < 7)[:, None], (age < 18)[:, None]
    return np.asarray(np.where(child, permanent, ~permanent) | (minor & wisdom), np.bool_)


def _rounds(person: Ints) -> list[Ints]:
    """Positions of everyone's first visit, second visit and so on."""
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    number = np.arange(len(person)) - np.repeat(starts, np.diff(np.append(starts, len(person))))
    order = np.argsort(number, kind="stable")
    return np.split(order, np.cumsum(np.bincount(number))[:-1]) if len(person) else []
