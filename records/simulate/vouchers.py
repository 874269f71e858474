"""Simulated vouchers: granted at the contact, activated at a provider or never, and ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

from records.schema import VOUCHER_STATES
from records.simulate.care import Course
from records.simulate.disease import PAIN
from records.simulate.rows import Columns, event, event_ids, words
from records.simulate.sites import OWN, UNITS, VOUCHER, Places
from records.simulate.window import MINUTE, Flags, Ints, Window

DEFINITIONS = ("ordinary-2010", "ordinary-2020", "whole-2021", "chip-2020")
"""Definitions of vouchers: by procedure, in two versions, whole care (from February 2021), a chipped tooth (LOHK).
The first version is invented: what held before 2020 is not published."""

_DAY = 1440 * MINUTE
_NEW_RULES, _WHOLE_CARE = 18_262, 18_659  # 1 January 2020, 1 February 2021
_VALID_DAYS = 270  # Helsinki's is not published; 6-12 months is usual.
_UNUSED_OF_OWN = 0.31
"""Share of the adults' other episodes with a voucher that was never activated: then 30-55 % of all vouchers are
(Helsinki estimated well over 50 % in 2019, yle 3-10634473)."""
_GRANTED, _ACTIVATED, _ENDED, _WITHDRAWN = range(4)


@dataclass(frozen=True)
class _Granted:
    """Vouchers, one entry each: episode, whether used, times (microseconds UTC), unit of the provider."""

    episode: Ints
    used: Flags
    granted: Ints
    activated: Ints
    over: Ints
    unit: Ints


def rows(rng: Generator, course: Course, starts: Ints, places: Places, window: Window) -> Columns:
    """Changes of vouchers' states, one row each; `starts` is when every episode's contact was, microseconds UTC."""
    people, episodes = course.people, course.episodes
    some = _granted(rng, course, starts, places, window)
    n = len(some.episode)
    withdrawn = ~some.used & (some.over < some.granted + _VALID_DAYS * _DAY)
    last = np.where(withdrawn, _WITHDRAWN, _ENDED)
    state = np.concatenate([np.full(n, _GRANTED), np.full(n, _ACTIVATED), last])
    time = np.concatenate([some.granted, some.activated, some.over])
    voucher = np.tile(np.arange(n), 3)
    person = episodes.person[some.episode]
    here = (time <= window.end) & (time // _DAY < people.leave[person[voucher]])
    happened = here & ((state != _ACTIVATED) | some.used[voucher])
    voucher, state, time = voucher[happened], state[happened], time[happened]
    order = np.lexsort((state, time, person[voucher]))
    voucher, state, time = voucher[order], state[order], time[order]
    until = (some.granted // _DAY + _VALID_DAYS).astype(np.int32)
    day = episodes.day[some.episode]
    kind = np.searchsorted([_NEW_RULES, _WHOLE_CARE], day, side="right")
    kind = np.where((episodes.cause[some.episode] == PAIN) & (day >= _NEW_RULES), 3, kind)
    chosen = pa.array((state != _GRANTED) & some.used[voucher])
    provider = words(some.unit[voucher], [name.lower().replace(" ", "-") for name in UNITS])
    return event(people, person[voucher], event_ids("s", people, person[voucher]), time, time) | {
        "voucher_id": _voucher_ids(course, person).take(pa.array(voucher)),
        "definition_id": words(kind[voucher].astype(np.int64), DEFINITIONS),
        "state": words(state, VOUCHER_STATES),
        "valid_until": pa.array(until[voucher]).cast(pa.date32()),
        "provider_id": pc.if_else(chosen, provider, pa.scalar(None, pa.string())),
    }


def _voucher_ids(course: Course, person: Ints) -> pa.Array:
    return event_ids("k", course.people, person)


def _granted(rng: Generator, course: Course, starts: Ints, places: Places, window: Window) -> _Granted:
    """All vouchers granted, sorted by person and time."""
    visits, episodes = course.visits, course.episodes
    n = len(episodes.day)
    by_voucher = places.producer == VOUCHER
    first, last, unit = _spans(visits.episode[by_voucher], visits.day[by_voucher], places.unit[by_voucher], n)
    used = first >= 0
    adult = (episodes.age >= 18) & ~course.people.special_needs[episodes.person]
    other = np.bincount(visits.episode[places.producer == OWN], minlength=n) > 0
    # Who was granted one and never came at all is the likelier to have left it unused.
    unused = adult & ~used & (rng.random(n) < np.where(other, _UNUSED_OF_OWN, 0.5))
    granted = starts + rng.integers(5, 60, n) * MINUTE
    own_first, _, _ = _spans(visits.episode, visits.day, visits.day, n)
    day = episodes.day
    activated = granted + ((first - day) * _DAY * rng.uniform(0.1, 0.8, n)).astype(np.int64)
    expiry = granted + _VALID_DAYS * _DAY
    ended = np.where(
        used, window.instants(np.maximum(last, 0), np.full(n, 990.0)) + rng.integers(1, 20, n) * _DAY, expiry
    )
    # A voucher that is not wanted is given back when care is booked at the city's own clinic.
    back = ~used & (own_first > day) & (rng.random(n) < 0.7)
    ended = np.where(back, np.minimum(granted + (own_first - day) * _DAY // 3, expiry), ended)
    e = np.flatnonzero((used | unused) & (granted <= window.end))
    e = e[np.lexsort((granted[e], episodes.person[e]))]
    activated = np.where(used, np.maximum(activated, granted + MINUTE), granted)
    return _Granted(e, used[e], granted[e], activated[e], np.maximum(ended, activated + MINUTE)[e], unit[e])


def _spans(episode: Ints, day: Ints, unit: Ints, n: int) -> tuple[Ints, Ints, Ints]:
    """First and last day of some visits by episode, and a unit; -1 where an episode has none of them."""
    first, last, where = np.full(n, 2**31), np.full(n, -1), np.zeros(n, np.int64)
    np.minimum.at(first, episode, day)
    np.maximum.at(last, episode, day)
    where[episode] = unit
    return np.where(last < 0, -1, first), last, where
