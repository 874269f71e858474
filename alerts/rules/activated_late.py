"""A voucher that was activated after the limit: found until its first visit, or until it is closed or expired."""

from __future__ import annotations

import numpy as np

from alerts.rule import Breaches, Limits, Rule, Settings, closing, earliest, plus
from alerts.times import NEVER, Ints, day_of
from alerts.vouchers import Vouchers


def find(vouchers: Vouchers, limits: Limits, _settings: Settings) -> Breaches:
    """From the day of the activation, if that is later than the last one in time."""
    limit = limits.activation_days or 0
    granted, activated = day_of(vouchers.granted), day_of(vouchers.activated)
    place = np.flatnonzero((activated < NEVER) & (activated > plus(granted, limit)))
    ended, why = earliest(visited=_first_visits(vouchers)[place], **closing(vouchers, place))
    return Breaches(
        voucher=place,
        since=activated[place],
        ended=ended,
        why=why,
        variables={
            "granted_on": granted[place],
            "activated_on": activated[place],
            "limit_days": np.full(len(place), limit),
            "late_days": (activated - granted - limit)[place],
            "valid_until": vouchers.valid_until[place],
        },
    ).known(vouchers)


def _first_visits(vouchers: Vouchers) -> Ints:
    visited = np.diff(vouchers.first_visit) > 0
    return np.where(visited, np.append(vouchers.visits, NEVER)[vouchers.first_visit[:-1]], NEVER)


RULE = Rule(
    version=1,
    find=find,
    why={
        "fi": "Palveluseteli myönnettiin {granted_on} ja aktivoitiin {activated_on}; aikaa oli {limit_days} päivää.",
        "sv": "Servicesedeln beviljades {granted_on} och aktiverades {activated_on}; tiden var {limit_days} dagar.",
        "en": "The voucher was granted on {granted_on} and activated on {activated_on}; limit: {limit_days} days.",
    },
    variables=lambda _: ("granted_on", "activated_on", "limit_days", "late_days", "valid_until"),
    limits=("activation_days",),
)
