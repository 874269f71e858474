"""What is written down at the simulated visits: procedures, diagnoses and findings, as codes and numbers.

The codes and their shares follow the counts of FinnGen AvoHilmo 2010-2023 (FINNGEN/LongitudinalDummyDataGenerator);
names and validity are those of the THL oral health procedure classification (OID 1.2.246.537.6.33).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from records.schema import FINDINGS
from records.simulate.care import Episodes
from records.simulate.disease import (
    EMERGENCY,
    ENDODONTIC,
    EXAMINATION,
    EXTRACTION,
    KINDS,
    ORTHODONTIC,
    PERIODONTAL,
    PREVENTION,
    PROSTHETIC,
    REMOTE,
    RESTORATIVE,
)
from records.simulate.sites import HOUSE_CODES
from records.simulate.teeth import NO_TOOTH, Teeth
from records.simulate.window import Flags, Floats, Ints

SURFACES = ("", "O", "M", "D", "B", "L", "MO", "DO", "OB", "OL", "MOD", "MOB", "DOL", "MODB", "MODBL", "I", "MI", "DI")

_ONE, _TWO, _THREE, _CROWN, _FRONT = (1, 2, 3, 4, 5), (6, 7, 8, 9), (10, 11, 12), (13, 14), (2, 3, 4, 16, 17)
_SURFACES_OF = {"SFA00": _ONE, "SFA10": _ONE, "SFA20": _TWO, "SFA30": _THREE, "SFA40": _CROWN}

LOCAL_CODES = frozenset({"VALMI", "JONO", "HMAK", *HOUSE_CODES.values()})
"""Codes that stand in the records beside the classification: VALMI, JONO and HMAK as in real data (VALMI: 20,216
events in FinnGen), and those that one clinic wrote in its old system."""

ENDED = {"WYA05": 2016, "SDE02": 2016, "SDE03": 2016}
"""Last year in which a retired code is used."""


@dataclass(frozen=True)
class Slot:
    """One thing that may be written at a visit.

    Attributes:
        kinds: kinds of visit at which it may be.
        chance: how often it is, 0-1.
        codes: what it may be, with weights.
        tooth: whether a tooth belongs to it: 0 none, 1 the visit's first tooth, 2 its second.
        years: first and last year of its use.
        age: lowest and highest age, years.
        special: only for people with special needs.
        closing: only at the last visit planned.
        removed: whether its tooth must be one that is removed at the visit, or one that stays; None for either.
    """

    kinds: tuple[int, ...]
    chance: float
    codes: tuple[tuple[str, float], ...]
    tooth: int = 0
    years: tuple[int, int] = (0, 9999)
    age: tuple[float, float] = (0.0, 200.0)
    special: bool = False
    closing: bool = False
    removed: bool | None = None


@dataclass(frozen=True)
class Seats:
    """What the coding must know of the visits; one entry a visit in every array, in final order.

    Attributes:
        kind: position in `KINDS`. `profession`: position in `records.schema.PROFESSIONS`.
        year: calendar year. `age`: years. `perio`: periodontal state 0-4.
        special: special needs. `last`: the last visit planned.
        teeth: the two teeth that the visit is about.
    """

    kind: Ints
    profession: Ints
    year: Ints
    age: Floats
    perio: Floats
    special: Flags
    last: Flags
    teeth: Teeth


@dataclass(frozen=True)
class Notes:
    """Codes written at visits; one entry a code in every array.

    Attributes:
        visit: position in the visits. `code`: position in `vocabulary`. `tooth`: FDI, `NO_TOOTH` for none.
        surfaces: position in `SURFACES`, 0 for none.
    """

    visit: Ints
    code: Ints
    tooth: Ints
    surfaces: Ints
    vocabulary: tuple[str, ...]


_FILLING = (("SFA00", 0.03), ("SFA10", 0.33), ("SFA20", 0.42), ("SFA30", 0.17), ("SFA40", 0.05))
_REMOVAL = (("EBA00", 0.63), ("EBA05", 0.24), ("EBA10", 0.13))
_OPENING = (("SGA02", 0.35), ("SGA03", 0.24), ("SGA04", 0.28), ("SGA05", 0.13))
_NUMBING = (("WX110", 0.69), ("WX290", 0.31))
_DENTIST = (EXAMINATION, EXTRACTION, ENDODONTIC, RESTORATIVE)
_OFFICE = tuple(kind for kind in range(len(KINDS)) if kind != REMOTE)

PROCEDURES = (
    # Practice shifts: fewer full examinations and more assessments of need, image by image instead of by routine.
    Slot((EXAMINATION,), 1.0, (("SAA01", 0.53), ("SAA02", 0.39), ("SAA03", 0.08)), years=(0, 2020)),
    Slot((EXAMINATION,), 1.0, (("SAA01", 0.62), ("SAA02", 0.3), ("SAA03", 0.08)), years=(2021, 9999)),
    Slot((EXAMINATION,), 0.34, (("EB1SA", 1.0),), age=(10, 200), years=(0, 2020)),
    Slot((EXAMINATION,), 0.24, (("EB1SA", 1.0),), age=(10, 200), years=(2021, 9999)),
    Slot((EXAMINATION,), 0.18, (("EB1AA", 1.0),), tooth=1),
    Slot((EXAMINATION,), 0.12, (("EB1HA", 1.0),), age=(7, 200)),
    Slot((EXAMINATION,), 0.2, (("SDA01", 0.5), ("SDA02", 0.5)), age=(14, 200)),
    Slot((EXAMINATION,), 0.05, (("SCA01", 0.75), ("SCA02", 0.25))),
    Slot((EXAMINATION,), 0.14, _FILLING, tooth=1, age=(5, 200)),
    Slot((EXAMINATION, PROSTHETIC), 0.16, (("WZC00", 1.0),)),
    Slot((EXAMINATION,), 0.03, (("SAD01", 1.0),), years=(2013, 2022)),
    Slot((EXAMINATION,), 0.12, (("SAD01", 1.0),), years=(2023, 9999)),
    Slot((EXAMINATION,), 0.03, (("SHA01", 0.6), ("SHB00", 0.4)), age=(16, 200)),
    Slot((EMERGENCY,), 0.9, (("SAA01", 1.0),)),
    Slot((EMERGENCY,), 0.62, (("EB1AA", 1.0),), tooth=1),
    Slot((EMERGENCY,), 0.9, (("WYA05", 1.0),), years=(0, ENDED["WYA05"])),
    Slot((EMERGENCY,), 0.5, _NUMBING),
    Slot((EMERGENCY,), 0.3, (("SGA01", 1.0),), tooth=1, age=(7, 200), removed=False),
    Slot((EMERGENCY, EXTRACTION), 1.0, _REMOVAL, tooth=1, removed=True),
    Slot((EMERGENCY,), 0.3, _FILLING, tooth=1, age=(5, 200), removed=False),
    Slot((EMERGENCY,), 0.12, (("SXA20", 0.5), ("SXC05", 0.5)), years=(2017, 9999)),
    Slot((EMERGENCY, EXTRACTION), 0.07, (("WZA90", 1.0),), age=(16, 200)),
    Slot((RESTORATIVE,), 1.0, _FILLING, tooth=1),
    Slot((RESTORATIVE,), 0.78, _FILLING, tooth=2),
    Slot((RESTORATIVE,), 0.85, _NUMBING),
    Slot((RESTORATIVE,), 0.16, (("SAA01", 1.0),)),
    Slot((RESTORATIVE,), 0.36, (("SFC01", 0.97), ("SFC00", 0.03))),
    Slot((RESTORATIVE,), 0.16, (("EB1AA", 1.0),), tooth=1),
    Slot((RESTORATIVE,), 0.06, (("SGC10", 1.0),), tooth=1),
    Slot((ENDODONTIC,), 0.55, _OPENING, tooth=1),
    Slot((ENDODONTIC,), 0.45, (("SGB10", 0.42), ("SGB20", 0.18), ("SGB30", 0.4)), tooth=1),
    Slot((ENDODONTIC,), 0.4, (("SGC00", 1.0),), tooth=1),
    Slot((ENDODONTIC,), 0.8, _NUMBING),
    Slot((ENDODONTIC,), 0.75, (("EB1AA", 0.95), ("EB1CA", 0.05)), tooth=1),
    Slot((ENDODONTIC,), 0.3, _FILLING, tooth=1),
    Slot((EXTRACTION,), 1.0, _REMOVAL, tooth=2, removed=True),
    Slot((EXTRACTION,), 0.9, (("WX110", 0.45), ("WX290", 0.55))),
    Slot((EXTRACTION,), 0.35, (("EB1AA", 0.8), ("EB1HA", 0.2)), tooth=1),
    Slot((EXTRACTION,), 0.06, (("ECB00", 1.0),), tooth=1),
    Slot((PERIODONTAL,), 0.12, (("SCA01", 0.6), ("SCA02", 0.25), ("SCA03", 0.15)), years=(2013, 9999)),
    Slot((PERIODONTAL,), 0.5, (("SAA01", 1.0),)),
    Slot((PERIODONTAL,), 0.3, (("WX110", 0.6), ("WX105", 0.4))),
    Slot((PREVENTION,), 0.9, (("SCA01", 0.6), ("SCA02", 0.3), ("SCA03", 0.1)), years=(2013, 9999)),
    Slot((PREVENTION,), 0.3, (("SAB03", 1.0),), age=(0, 18), years=(2017, 9999)),
    Slot((PREVENTION,), 0.25, (("SCE00", 1.0),), tooth=1, age=(6, 18)),
    Slot((PREVENTION,), 0.3, (("SDA01", 1.0),), age=(14, 200)),
    Slot((PROSTHETIC,), 0.5, (("SPA02", 1.0),), years=(2019, 9999)),
    Slot((PROSTHETIC,), 0.45, (("SPF00", 0.8), ("SPF20", 0.2))),
    Slot((PROSTHETIC,), 0.5, (("SBB10", 1.0),)),
    Slot((ORTHODONTIC,), 0.95, (("SJD00", 0.85), ("SJF01", 0.15))),
    Slot((ORTHODONTIC,), 0.1, (("EB1HA", 1.0),)),
    Slot((REMOTE,), 1.0, (("WZB00", 1.0),)),
    Slot(_OFFICE, 0.6, (("WYA30", 1.0),), special=True),
    Slot(_DENTIST, 0.25, (("VALMI", 1.0),), closing=True),
    Slot(_OFFICE, 0.015, (("JONO", 0.5), ("HMAK", 0.5))),
)
"""What may be done at a visit, beside the periodontal care of `_periodontal` (one SDA01-05 code a visit at most)."""

DIAGNOSES = (
    Slot((EXAMINATION,), 0.5, (("Z012", 1.0),)),
    Slot((EXAMINATION,), 0.4, (("K021", 0.9), ("K020", 0.1)), tooth=1),
    Slot((EXAMINATION,), 0.3, (("K0364", 0.7), ("K0510", 0.3)), age=(12, 200)),
    Slot((RESTORATIVE,), 0.85, (("K021", 0.9), ("S0251", 0.1)), tooth=1),
    Slot((ENDODONTIC,), 0.85, (("K045", 0.55), ("K041", 0.22), ("K040", 0.23)), tooth=1),
    Slot((EXTRACTION,), 0.8, (("K045", 0.4), ("K021", 0.25), ("K083", 0.2), ("K0532", 0.15)), tooth=1),
    Slot((EMERGENCY,), 0.8, (("K040", 0.22), ("K044", 0.24), ("K0880", 0.2), ("S0251", 0.2), ("K0532", 0.14)), tooth=1),
    Slot((PREVENTION,), 0.4, (("Z012", 0.6), ("K020", 0.4))),
    Slot((PROSTHETIC,), 0.7, (("K081", 1.0),)),
    Slot((ORTHODONTIC,), 0.4, (("K0760", 0.15), ("K0723", 0.85))),
    Slot((REMOTE,), 0.3, (("K0880", 1.0),)),
)
"""What may be diagnosed at a visit, beside the gums (`_gums`)."""

_HYGIENE = ("SDA01", "SDA02", "SDA03", "SDA04", "SDA05")
_HYGIENE_UNTIL_2016 = ("SDE02", "SDE02", "SDE02", "SDE03", "SDE03")
_GUMS = ("K0510", "K0364", "K0365", "K0530", "K0531")
_HYGIENIST = 2


def procedures(rng: Generator, seats: Seats) -> Notes:
    """The procedures done at the visits."""
    vocabulary = _vocabulary(PROCEDURES, _HYGIENE + _HYGIENE_UNTIL_2016)
    parts = [_written(rng, slot, seats, vocabulary) for slot in PROCEDURES]
    return _notes([*parts, _periodontal(rng, seats, vocabulary)], vocabulary)


def diagnoses(rng: Generator, seats: Seats) -> Notes:
    """The diagnoses made at the visits."""
    vocabulary = _vocabulary(DIAGNOSES, _GUMS)
    parts = [_written(rng, slot, seats, vocabulary) for slot in DIAGNOSES]
    return _notes([*parts, _gums(rng, seats, vocabulary)], vocabulary)


def as_habit(rng: Generator, notes: Notes, kept: Floats, house: Flags) -> Notes:
    """What a clinic's habit leaves of the notes.

    Args:
        rng: where the chance comes from.
        notes: everything that was done or found.
        kept: for every visit, the share of the codes that its clinic writes down, 0-1.
        house: for every visit, whether its clinic writes the codes of its old system.
    """
    vocabulary = (*notes.vocabulary, *dict.fromkeys(HOUSE_CODES.values()))
    own = np.array([vocabulary.index(HOUSE_CODES.get(code, code)) for code in notes.vocabulary])
    code = np.where(house[notes.visit], own[notes.code], notes.code)
    n = rng.random(len(code)) < kept[notes.visit]
    return Notes(notes.visit[n], code[n], notes.tooth[n], notes.surfaces[n], vocabulary)


def findings(rng: Generator, episodes: Episodes, examined: Ints) -> dict[str, tuple[Flags, Ints]]:
    """Readings of examinations, noisy: by kind of finding, at which examinations it was written and its value.

    `examined` are the positions, in the episodes, of those that the examinations belong to.
    """
    n = len(examined)
    age, decayed = episodes.age[examined], episodes.decayed[examined]
    d, m, f, present = _tooth_counts(rng, episodes, examined)
    charted = (rng.random(n) < 0.9) & (age >= 6)
    probed = (rng.random(n) < 0.75) & (age >= 15) & (present > 0)
    measured = probed & (rng.random(n) < 0.6)
    state = episodes.perio[examined] + 0.2 * rng.standard_normal(n)
    bleeding = np.clip(12.0 + 16.0 * state + 8.0 * rng.standard_normal(n), 0, 100)
    plaque = np.clip(18.0 + 11.0 * state + 4.0 * np.minimum(decayed, 5) + 10.0 * rng.standard_normal(n), 0, 100)
    pocket = pockets(rng, state)
    read = {
        "decayed": (charted, d),
        "missing": (charted, m),
        "filled": (charted, f),
        "dmft": (charted, d + m + f),
        "cpi": (probed, _whole(np.clip(state + 1.25, 0, 4))),
        "bop": (measured, _whole(bleeding)),
        "ppd": (probed & (rng.random(n) < 0.5), _whole(pocket)),
        "plaque": (measured & (rng.random(n) < 0.6), _whole(plaque)),
        "teeth": (charted, present),
    }
    return {kind: read[kind] for kind in FINDINGS}


def pockets(rng: Generator, perio: Floats) -> Floats:
    """Deepest pocket as probed, mm, by periodontal state."""
    return np.clip(2.5 + 1.15 * perio + 0.6 * rng.standard_normal(len(perio)), 1, 12)


def _tooth_counts(rng: Generator, episodes: Episodes, examined: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Permanent teeth as read: decayed, missing, filled, present."""
    n = len(examined)
    present, decayed = episodes.teeth[examined], episodes.decayed[examined]
    d = np.minimum(rng.binomial(decayed, 0.88) + (rng.random(n) < 0.14), present)
    f = np.clip(episodes.filled[examined] + rng.integers(-1, 2, n), 0, present - d)
    return d, episodes.missing[examined], f, present


def _whole(values: Floats) -> Ints:
    return np.rint(values).astype(np.int64)


def _vocabulary(slots: Iterable[Slot], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([code for slot in slots for code, _ in slot.codes] + list(more)))


def _written(rng: Generator, slot: Slot, seats: Seats, vocabulary: tuple[str, ...]) -> tuple[Ints, ...]:
    """Visit, code, tooth and surfaces of one slot."""
    may = np.isin(seats.kind, slot.kinds)
    may &= (seats.year >= slot.years[0]) & (seats.year <= slot.years[1])
    may &= (seats.age >= slot.age[0]) & (seats.age < slot.age[1])
    if slot.special:
        may &= seats.special
    if slot.closing:
        may &= seats.last
    if slot.removed is not None:
        may &= seats.teeth.removed[:, slot.tooth - 1] == slot.removed
    visit = np.flatnonzero(may & (rng.random(len(may)) < slot.chance))
    weights = np.cumsum([weight for _, weight in slot.codes])
    picked = np.searchsorted(weights / weights[-1], rng.random(len(visit)), side="right")
    code = np.array([vocabulary.index(code) for code, _ in slot.codes])[picked]
    tooth = seats.teeth.fdi[visit, slot.tooth - 1] if slot.tooth else np.full(len(visit), NO_TOOTH)
    return visit, code, tooth, _surfaces(rng, slot, picked, tooth)


def _surfaces(rng: Generator, slot: Slot, picked: Ints, tooth: Ints) -> Ints:
    surfaces = np.zeros(len(picked), np.int64)
    for place, (code, _) in enumerate(slot.codes):
        if code in _SURFACES_OF:
            these = picked == place
            surfaces[these] = rng.choice(_SURFACES_OF[code], these.sum())
    surfaces[tooth == NO_TOOTH] = 0
    front = (tooth % 10 <= 3) & (surfaces > 0) & (surfaces < _CROWN[0])
    surfaces[front] = rng.choice(_FRONT, front.sum())
    return surfaces


def _periodontal(rng: Generator, seats: Seats, vocabulary: tuple[str, ...]) -> tuple[Ints, ...]:
    visit = np.flatnonzero((seats.kind == PERIODONTAL) & (rng.random(len(seats.kind)) < 0.95))
    level = np.clip(_whole(0.6 + 0.75 * seats.perio[visit] + 0.6 * rng.standard_normal(len(visit))), 0, 4)
    old = (seats.year[visit] <= ENDED["SDE02"]) & (seats.profession[visit] == _HYGIENIST)
    code = np.where(old, _codes(_HYGIENE_UNTIL_2016, vocabulary)[level], _codes(_HYGIENE, vocabulary)[level])
    return visit, code, np.full(len(visit), NO_TOOTH), np.zeros(len(visit), np.int64)


def _gums(rng: Generator, seats: Seats, vocabulary: tuple[str, ...]) -> tuple[Ints, ...]:
    visit = np.flatnonzero((seats.kind == PERIODONTAL) & (rng.random(len(seats.kind)) < 0.8))
    level = np.clip(_whole(0.4 + seats.perio[visit] + 0.8 * rng.standard_normal(len(visit))), 0, 4)
    return visit, _codes(_GUMS, vocabulary)[level], np.full(len(visit), NO_TOOTH), np.zeros(len(visit), np.int64)


def _codes(codes: tuple[str, ...], vocabulary: tuple[str, ...]) -> Ints:
    return np.array([vocabulary.index(code) for code in codes])


def _notes(parts: list[tuple[Ints, ...]], vocabulary: tuple[str, ...]) -> Notes:
    visit, code, tooth, surfaces = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(visit, kind="stable")
    return Notes(visit[order], code[order], tooth[order], surfaces[order], vocabulary)
