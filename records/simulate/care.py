"""The simulated course of care: when people make contact, which visits follow, and where they stop coming."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from records.simulate.disease import (
    EMERGENCY,
    ENDODONTIC,
    KINDS,
    NOTICED,
    PAIN,
    PROSTHETIC,
    REMOTE,
    Mouths,
    Need,
    permanent_teeth,
)
from records.simulate.people import People
from records.simulate.window import YEAR, Flags, Floats, Ints, Window

CAUSES = ("examination", "emergency", "treatment")
"""The service asked for, by cause: habit or recall, pain, noticed need."""

MINUTES = np.array([30, 30, 40, 50, 45, 45, 25, 45, 30, 10])
"""Typical chair time of each kind of visit; lengths are not published, slots are 20-60 minutes."""

SPRING_2020 = (18_337, 18_420)  # 16 March to 7 June 2020: only urgent care was given.
_GUIDANCE = 19_783  # 1 March 2024: care intervals of 24-48 months for healthy adults (Hammaslääkärilehti 3/2024).
_QUEUE_YEARS = (18_993, 19_723)  # 2022-2023: Helsinki queues of 5-9 months (Yle 74-20010761).


@dataclass(frozen=True)
class Episodes:
    """Episodes of care; one entry an episode in every array, in no order.

    Attributes:
        person: position in the people. `day`: of the booking contact. `cause`: position in `CAUSES`.
        age, decayed, filled, missing, teeth, perio, rate: the person at the contact.
        deep, broken: teeth decayed to the pulp, and fillings or teeth that have broken, at the contact.
        need_visits, need_minutes: what was truly needed.
    """

    person: Ints
    day: Ints
    cause: Ints
    age: Floats
    decayed: Ints
    filled: Ints
    missing: Ints
    teeth: Ints
    perio: Floats
    rate: Floats
    deep: Ints
    broken: Ints
    need_visits: Ints
    need_minutes: Ints


@dataclass(frozen=True)
class Visits:
    """Visits that took place; one entry a visit, by episode and order.

    Attributes:
        episode: position in the episodes. `order`: 0 for the first of the episode.
        kind: position in `KINDS`. `day`: days since 1970-01-01.
        last: whether it is the last one planned.
    """

    episode: Ints
    order: Ints
    kind: Ints
    day: Ints
    last: Flags


@dataclass(frozen=True)
class Course:
    """The people, their episodes and visits, and what did not come to be.

    Attributes:
        lost: appointments of visits that never took place, because the person gave up or the clinic was closed.
        mouths: everyone's mouth on their last day in the window, whether they ever came or not.
    """

    people: People
    episodes: Episodes
    visits: Visits
    lost: Visits
    mouths: Mouths


@dataclass(frozen=True)
class Will:
    """What decides whether people come to what was booked: `access`, `fear` and `life` of `People`, one entry each."""

    access: Floats
    fear: Floats
    life: Floats


@dataclass(frozen=True)
class _Calls:
    """Contacts that start an episode: who makes them, on which day, why (position in `CAUSES`) and at what age."""

    who: Ints
    day: Ints
    cause: Ints
    age: Floats


_Part = TypeVar("_Part", Episodes, Visits)


def history(rng: Generator, people: People, window: Window) -> Course:
    """Live through the window, episode by episode, everyone at the same time."""
    mouths = Mouths.drawn(rng, people)
    end = _last_days(people, window)
    free = people.arrive.copy()  # The day on which everyone's last care ended.
    who = np.flatnonzero(free < end)
    episodes: list[Episodes] = []
    visits: list[Visits] = []
    lost: list[Visits] = []
    count = 0
    while len(who):
        wait, cause = _next_contact(rng, people, mouths, who, free[who])
        calls = _calls(people, who, _postponed(rng, free[who] + wait, cause), cause, window)
        who = calls.who
        mouths.pass_time(rng, people, who, (calls.day - free[who]) / YEAR, calls.age)
        mouths.ache(rng, who, calls.cause, calls.age)
        need = mouths.need(rng, people.life[who], who, calls.cause, calls.age)
        some, failed = _visits(rng, people, calls, need, window)
        episodes.append(_episodes(people, mouths, calls, need))
        visits.append(_moved(some, count))
        lost.append(_moved(failed, count))
        count += len(who)
        given = np.zeros((len(who), len(KINDS)), np.int64)
        np.add.at(given, (some.episode, some.kind), 1)
        mouths.treat(who, need, given, calls.age)
        ended = calls.day + np.where(calls.cause == PAIN, 3, 20)
        np.maximum.at(ended, some.episode, some.day)
        free[who] = ended
        who = who[ended < end[who]]
    everyone = np.arange(len(people.number))
    mouths.pass_time(
        rng, people, everyone, np.maximum(end - free, 0) / YEAR, np.maximum(people.age(everyone, end), 0.0)
    )
    return Course(people, _joined(episodes, Episodes), _joined(visits, Visits), _joined(lost, Visits), mouths)


def redrawn(rng: Generator, mouths: Mouths, will: Will, cause: Ints, age: Floats) -> Ints:
    """Visits that an episode would take if it were lived once more from the same moment, one entry a mouth.

    Drawn as in `history`; calls in place of visits do not count, and neither do later episodes.
    """
    everyone = np.arange(len(cause))
    need = mouths.need(rng, will.life, everyone, cause, age)
    planned = need.visits + _unplanned(rng, need, cause)
    planned[:, REMOTE] = 0
    attended, _ = _attended(rng, will, cause == PAIN, planned.sum(axis=1))
    return attended


def _last_days(people: People, window: Window) -> Ints:
    """The last day on which something can happen to everyone."""
    return np.minimum(people.leave - 1, window.last)


def _calls(people: People, who: Ints, day: Ints, cause: Ints, window: Window) -> _Calls:
    """Contacts on these days, of those who are still there."""
    day = window.open_day(day)
    here = day <= _last_days(people, window)[who]
    who, day, cause = who[here], day[here], cause[here]
    return _Calls(who, day, cause, people.age(who, day))


def _next_contact(rng: Generator, people: People, mouths: Mouths, who: Ints, free: Ints) -> tuple[Ints, Ints]:
    """Days until the next contact and its cause: whichever of recall, pain and noticed need comes first."""
    recall = _recall(rng, people, mouths, who, free)
    decayed, perio, rate = mouths.decayed[who], mouths.perio[who], people.caries[who]
    hurting = 0.02 + 0.05 * decayed + 0.08 * rate + 0.07 * people.life[who] + 0.05 * people.fear[who]
    hurting = np.where(people.age(who, free) < 6, 0.4 * hurting, hurting)
    noticing = 0.05 + 0.05 * np.minimum(decayed, 6) + 0.06 * rate + 0.03 * perio
    noticing = noticing * np.exp(0.5 * people.access[who])
    chance = rng.exponential(1.0, (2, len(who)))
    times = np.stack([recall, chance[0] / hurting, chance[1] / noticing])
    cause = times.argmin(axis=0)
    soonest = np.where(cause == PAIN, 4, 45)
    return np.maximum((times.min(axis=0) * YEAR).astype(np.int64), soonest), cause


def _recall(rng: Generator, people: People, mouths: Mouths, who: Ints, free: Ints) -> Floats:
    """Years until people come to an examination of their own accord."""
    n = len(who)
    # Between the guidance, 24-48 months for healthy adults (Hammaslääkärilehti 3/2024), and the practice, where
    # half of working age and two thirds of the young and old came again within a year (PMC5706397).
    typical = np.where(people.age(who, free) < 18, 0.95, 1.4)
    risk = 0.25 * np.minimum(people.caries[who], 1.5) + 0.12 * np.maximum(mouths.perio[who] - 1.0, 0.0)
    # The guidance of 2024 has begun to lengthen the interval of adults with little disease.
    typical = np.where((free >= _GUIDANCE) & (typical > 1.0) & (risk < 0.2), 1.25 * typical, typical)
    recall = typical * np.exp(0.3 * rng.standard_normal(n) - risk)
    # Those who were in care before the window began are somewhere within their interval.
    recall = np.where(free == people.arrive[who], recall * rng.random(n), recall)
    return np.where(people.habit[who], recall, recall + rng.exponential(5.0, n))


def _postponed(rng: Generator, day: Ints, cause: Ints) -> Ints:
    """Move a part of the contacts of spring 2020 that were not urgent into the months after it."""
    put_off = _within(day, SPRING_2020) & (cause != PAIN) & (rng.random(len(day)) < 0.8)
    return np.where(put_off, day + rng.integers(90, 330, len(day)), day)


def _episodes(people: People, mouths: Mouths, calls: _Calls, need: Need) -> Episodes:
    who = calls.who
    return Episodes(
        person=who,
        day=calls.day,
        cause=calls.cause,
        age=calls.age,
        decayed=mouths.decayed[who],
        filled=mouths.filled[who],
        missing=mouths.missing[who],
        teeth=permanent_teeth(calls.age) - mouths.missing[who],
        perio=mouths.perio[who],
        rate=mouths.rate(people, who),
        deep=need.deep,
        broken=need.broken,
        need_visits=need.visits.sum(axis=1),
        need_minutes=need.visits @ MINUTES,
    )


def _visits(rng: Generator, people: People, calls: _Calls, need: Need, window: Window) -> tuple[Visits, Visits]:
    """The visits that follow on contacts: what is needed, bent by chance, access and dropping out; and those lost."""
    planned = need.visits + _unplanned(rng, need, calls.cause)
    total = planned.sum(axis=1)
    who = calls.who
    will = Will(people.access[who], people.fear[who], people.life[who])
    attended, gives_up = _attended(rng, will, calls.cause == PAIN, total)
    episode = np.repeat(np.arange(len(total)), total)
    kind = _kinds(rng, planned, episode)
    order = _order(total)
    last = order == total[episode] - 1
    booked = order < (attended + gives_up)[episode]
    episode, kind, order, last = episode[booked], kind[booked], order[booked], last[booked]
    day = window.open_day(_days(rng, calls, episode, order, kind))
    end = _last_days(people, window)[calls.who]
    here = day <= end[episode]
    came = (order < attended[episode]) & ~_cancelled(rng, day, kind)

    def only(rows: Flags) -> Visits:
        return Visits(episode[rows], order[rows], kind[rows], day[rows], last[rows])

    return only(here & came), only(here & ~came)


def _unplanned(rng: Generator, need: Need, cause: Ints) -> Ints:
    """Visits beyond the need: pain between visits, a filling redone, a call in place of a visit."""
    extra = np.zeros_like(need.visits)
    # Of Espoo's heavy users 74.8 % had emergency visits, of the low users 21.6 % (BMC Oral Health 2013;13:18).
    long = np.maximum(need.visits.sum(axis=1) - 2, 0)
    extra[:, EMERGENCY] = rng.random(len(cause)) < np.minimum(0.02 + 0.15 * long, 0.75)
    extra[:, REMOTE] = rng.random(len(cause)) < 0.07
    redone = rng.random(need.visits.shape) < 0.03
    redone[:, EMERGENCY] = redone[:, PROSTHETIC] = False
    return extra + (redone & (need.visits > 0))


def _attended(rng: Generator, will: Will, pain: Flags, total: Ints) -> tuple[Ints, Flags]:
    """How many of the planned visits a person comes to, and whether they stay away from one that was booked."""
    # Adult no-show rates are not published; children missed 5.8-9.9 % of appointments (Helsinki 2006-2020).
    away = np.clip(0.02 + 0.12 * will.life + 0.1 * will.fear - 0.02 * will.access, 0.01, 0.5)
    stays = rng.geometric(away * 0.45)
    relieved = pain & (rng.random(len(pain)) < 1.0 / (1.0 + np.exp(-0.3 + 2.0 * will.access)))
    never = rng.random(len(pain)) < np.where(pain, 0.25, 1.1) * away
    came = np.where(never, 0, np.where(relieved, 1, np.minimum(stays, total)))
    return came, never | (~relieved & (came < total))


def _kinds(rng: Generator, planned: Ints, episode: Ints) -> Ints:
    """The kind of every planned visit: examination or relief first, the rest in a loose order."""
    kinds = np.repeat(np.tile(np.arange(len(KINDS)), len(planned)), planned.ravel())
    loose = kinds + np.where(kinds > 1, rng.random(len(kinds)) * 4.0, 0.0)
    return kinds[np.lexsort((loose, episode))]


def _order(total: Ints) -> Ints:
    starts = np.cumsum(total) - total
    return np.arange(total.sum()) - np.repeat(starts, total)


def _days(rng: Generator, calls: _Calls, episode: Ints, order: Ints, kind: Ints) -> Ints:
    """Days of the visits: the wait for the first one, then gaps of one to five weeks."""
    wait = _first_wait(rng, calls.day, calls.cause)
    gap = rng.integers(7, 36, len(episode))
    gap = np.where(kind == ENDODONTIC, np.minimum(gap, 21), gap)
    # What follows on relief is booked from the routine queue.
    queued = (order == 1) & (calls.cause[episode] == PAIN)
    gap = np.where(order == 0, wait[episode], gap + queued * rng.integers(0, 70, len(episode)))
    elapsed = np.cumsum(gap)
    starts = np.flatnonzero(order == 0)
    before = np.repeat(elapsed[starts] - gap[starts], np.diff(np.append(starts, len(order))))
    return calls.day[episode] + elapsed - before


def _first_wait(rng: Generator, day: Ints, cause: Ints) -> Ints:
    weeks = np.clip(rng.gamma(2.6, 2.6, len(day)), 3.0, 20.0)
    weeks = np.where(cause == NOTICED, np.maximum(weeks * 0.6, 1.0), weeks)
    weeks = np.where(_within(day, _QUEUE_YEARS), weeks * 1.3, weeks)
    routine = (weeks * 7).astype(np.int64)
    closed = _within(day + routine, SPRING_2020) & (rng.random(len(day)) < 0.7)
    routine = np.where(closed, routine + rng.integers(60, 200, len(day)), routine)
    return np.where(cause == PAIN, np.minimum(rng.geometric(0.55, len(day)) - 1, 3), routine)


def _cancelled(rng: Generator, day: Ints, kind: Ints) -> Flags:
    stopped: Flags = _within(day, SPRING_2020) & (kind != EMERGENCY) & (rng.random(len(day)) < 0.65)
    return stopped


def _within(day: Ints, span: tuple[int, int]) -> Flags:
    return np.asarray((day >= span[0]) & (day <= span[1]), np.bool_)


def _moved(visits: Visits, by: int) -> Visits:
    return Visits(visits.episode + by, visits.order, visits.kind, visits.day, visits.last)


def _joined(parts: list[_Part], kind: Callable[..., _Part]) -> _Part:
    names = [field.name for field in fields(parts[0])]
    return kind(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
