"""A city of vouchers that does not exist: grants, activations, visits and ends, made from a seed at any size.

It is for demonstrations, tests of scale and benchmarks. Helsinki's own figures are not published but for one: it
estimated that well over half of its oral vouchers were not used (2019, yle 3-10634473).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import PCG64, Generator

from alerts.times import Flags, Ints, as_days, as_instants
from records.clock import utc
from records.schema import TABLES, VOUCHER_STATES

UNACTIVATED = 0.42
"""Share of vouchers that are never activated; between 30 and 55 %, see above."""
KINDS = ("ordinary-2020", "whole-2021", "chip-2020")
SHARES = (0.65, 0.2, 0.15)
VALID_DAYS = np.array([270, 365, 90])
"""By kind, as in `alerts/examples`."""
MORE_VISITS = np.array([7.3, 9.5, 1.8])
"""Mean visits of a used voucher after the first one, by kind."""
PROVIDERS = 120

_MINUTE = 60_000_000
_DAY = 1440 * _MINUTE
_GRANTED, _ACTIVATED, _ENDED, _WITHDRAWN = range(4)


@dataclass(frozen=True)
class _Granted:
    """Vouchers: whose each is, its place in `KINDS`, the day of the grant, the provider that will be chosen."""

    person: Ints
    kind: Ints
    day: Ints
    provider: Ints

    @property
    def valid_until(self) -> Ints:
        return np.asarray(self.day + VALID_DAYS[self.kind])


def simulate_city(
    vouchers: int, until: date, *, seed: int = 1, unactivated: float = UNACTIVATED, days: int = 540
) -> dict[str, pa.Table]:
    """Tables `patients`, `vouchers` and `visits` of the record schema, unsorted; the same seed gives the same rows.

    Args:
        vouchers: how many are granted; about every sixth client has two.
        until: the last day on which anything happens or is recorded.
        seed: any whole number.
        unactivated: share of vouchers that are never activated; others are not activated yet.
        days: over how many days, up to the last one, vouchers are granted.

    Raises:
        ValueError: the share is not between 0 and 1, or a count is not positive.
    """
    if not 0 <= unactivated <= 1 or vouchers < 1 or days < 1:
        raise ValueError("a city has at least one voucher and one day, and a share is between 0 and 1")
    rng = Generator(PCG64(seed))
    last = (until - date(1970, 1, 1)).days
    people = max(1, vouchers * 6 // 7)
    person = np.append(rng.permutation(people), rng.integers(0, people, vouchers - people))
    granted = _Granted(
        person=person,
        kind=rng.choice(len(KINDS), vouchers, p=SHARES),
        day=last - np.sort(rng.integers(0, days, vouchers))[::-1],
        provider=rng.integers(0, PROVIDERS, vouchers),
    )
    activated = granted.day + _delay(rng, vouchers)
    used = (rng.random(vouchers) >= unactivated) & (activated <= granted.valid_until)
    owner, day = _visit_days(rng, granted, activated, used)
    ended = _ends(rng, granted, used, owner, day)
    changes = [
        (np.arange(vouchers), np.full(vouchers, _GRANTED), granted.day),
        (np.flatnonzero(used), np.full(used.sum(), _ACTIVATED), activated[used]),
        (np.flatnonzero(ended < 2**31), np.where(used, _ENDED, _WITHDRAWN)[ended < 2**31], ended[ended < 2**31]),
    ]
    voucher, state, when = (np.concatenate(part) for part in zip(*changes, strict=True))
    return {
        "patients": _patients(rng, people, last),
        "vouchers": _until(_changes(rng, granted, voucher, state, when), last),
        "visits": _until(_visits(rng, granted, owner, day), last),
    }


def _delay(rng: Generator, many: int) -> Ints:
    """Days from grant to activation: most soon, some very late."""
    soon = rng.exponential(14, many)
    late = rng.uniform(30, 150, many)
    return 1 + np.where(rng.random(many) < 0.85, soon, late).astype(np.int64)


def _visit_days(rng: Generator, granted: _Granted, activated: Ints, used: Flags) -> tuple[Ints, Ints]:
    """Which voucher each visit belongs to, and its day."""
    many = np.where(used, 1 + rng.poisson(MORE_VISITS[granted.kind]), 0)
    owner = np.repeat(np.arange(len(many)), many)
    gap = np.where(rng.random(len(owner)) < 0.07, rng.uniform(60, 160, len(owner)), rng.gamma(2, 9, len(owner)))
    gone = np.cumsum(gap.astype(np.int64) + 1)
    before = np.append(0, gone)[np.cumsum(many) - many][owner]
    day = activated[owner] + gone - before
    in_time = day <= granted.valid_until[owner]
    return owner[in_time], day[in_time]


def _ends(rng: Generator, granted: _Granted, used: Flags, owner: Ints, day: Ints) -> Ints:
    """The day on which each voucher is ended or withdrawn; a very late one if it never is."""
    many = len(used)
    last_visit = np.zeros(many, np.int64)
    np.maximum.at(last_visit, owner, day)
    after_care = np.where((last_visit > 0) & (rng.random(many) < 0.85), last_visit + 3, 2**31)
    given_back = np.where(rng.random(many) < 0.12, granted.day + rng.integers(5, 80, many), 2**31)
    return np.where(used, after_care, given_back)


def _changes(rng: Generator, granted: _Granted, voucher: Ints, state: Ints, when: Ints) -> pa.Table:
    time, recorded = _times(rng, when)
    name = pc.binary_join_element_wise("k", _padded(voucher), "")
    columns = {
        "patient_id": _person_ids(granted.person[voucher]),
        "event_id": pc.binary_join_element_wise(name, pa.array(VOUCHER_STATES).take(pa.array(state)), "-"),
        "event_time": time,
        "recorded_at": recorded,
        "source": _all("city", len(voucher)),
        "voucher_id": name,
        "definition_id": pa.array(KINDS).take(pa.array(granted.kind[voucher])),
        "state": pa.array(VOUCHER_STATES).take(pa.array(state)),
        "valid_until": as_days(granted.valid_until[voucher]),
        "provider_id": _provider_ids(granted.provider[voucher], missing=(state == _GRANTED) | (state == _WITHDRAWN)),
    }
    return pa.Table.from_pydict(columns, schema=TABLES["vouchers"].arrow())


def _visits(rng: Generator, granted: _Granted, owner: Ints, day: Ints) -> pa.Table:
    time, recorded = _times(rng, day)
    many = len(owner)
    professions = pa.array(["dentist", "hygienist"]).take(pa.array((rng.random(many) < 0.2).astype(int)))
    columns = {
        "patient_id": _person_ids(granted.person[owner]),
        "event_id": pc.binary_join_element_wise("w", _padded(np.arange(many)), ""),
        "event_time": time,
        "recorded_at": recorded,
        "source": _all("city", many),
        "minutes": pa.array(rng.integers(2, 9, many) * 10, pa.int32()),
        "profession": professions,
        "urgency": _all("routine", many),
        "mode": _all("office", many),
        "unit": _provider_ids(granted.provider[owner], missing=np.zeros(many, bool)),
        "producer": _all("voucher", many),
    }
    return pa.Table.from_pydict(columns, schema=TABLES["visits"].arrow())


def _patients(rng: Generator, many: int, last: int) -> pa.Table:
    consent = rng.choice(3, many, p=(0.6, 0.25, 0.15))
    columns = {
        "patient_id": _person_ids(np.arange(many)),
        "birth_date": as_days(last - rng.integers(17 * 365, 90 * 365, many)),
        "sex": pa.array(["female", "male"]).take(pa.array(rng.integers(0, 2, many))),
        "language": pa.array(["fi", "sv", "ru", "so"]).take(pa.array(rng.choice(4, many, p=(0.78, 0.06, 0.1, 0.06)))),
        "municipality": _all("091", many),
        "district": pa.nulls(many, pa.string()),
        "special_needs": pa.array(rng.random(many) < 0.03),
        "sms_consent": pa.array(consent == 0, mask=consent == 2),
        "non_disclosure": pa.array(rng.random(many) < 0.005),
        "left_at": as_instants(np.full(many, 2**60)),
    }
    return pa.Table.from_pydict(columns, schema=TABLES["patients"].arrow())


def _times(rng: Generator, day: Ints) -> tuple[pa.Array, pa.Array]:
    """When events of some days happened, in office hours, and when they were recorded: one in twenty days later."""
    time = utc(day * _DAY + rng.integers(8 * 60, 17 * 60, len(day)) * _MINUTE)
    late = np.where(rng.random(len(day)) < 0.05, rng.integers(1, 10, len(day)) * _DAY, 0)
    return as_instants(time), as_instants(time + 5 * _MINUTE + late)


def _until(rows: pa.Table, last: int) -> pa.Table:
    """What was recorded by the end of the last day."""
    end = as_instants(utc(np.array([(last + 1) * _DAY])))[0]
    return rows.filter(pc.less(rows["recorded_at"], end))


def _person_ids(person: Ints) -> pa.Array:
    return pc.binary_join_element_wise("c", _padded(person), "")


def _provider_ids(provider: Ints, missing: Flags) -> pa.Array:
    names = pa.array([f"provider-{number:03}" for number in range(PROVIDERS)])
    return names.take(pa.array(provider, mask=missing))


def _padded(numbers: Ints) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 8, "0")


def _all(text: str, many: int) -> pa.Array:
    return pa.repeat(pa.scalar(text), many)
