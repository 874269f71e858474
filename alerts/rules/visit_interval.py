"""A visit interval that grew too long: found until the next visit, or until the voucher is closed or expired."""

from __future__ import annotations

import numpy as np

from alerts.intervals import intervals
from alerts.rule import Breaches, Limits, Rule, Settings, closing, earliest
from alerts.vouchers import Vouchers


class IntervalSettings(Settings):
    """Settings of the rule.

    Attributes:
        first_visit: whether the first visit, too, is awaited within the interval, counted from the activation.
    """

    first_visit: bool = True


def find(vouchers: Vouchers, limits: Limits, settings: IntervalSettings) -> Breaches:
    """From the day after the last one on which the next visit was in time; each interval is a breach of its own."""
    limit = limits.visit_interval_days or 0
    all_of_them = intervals(vouchers)
    some = np.flatnonzero(all_of_them.after_visit | settings.first_visit)
    voucher, begun = all_of_them.voucher[some], all_of_them.begun[some]
    ended, why = earliest(visited=all_of_them.next_visit[some], **closing(vouchers, voucher))
    return Breaches(
        voucher=voucher,
        since=begun + limit + 1,
        ended=ended,
        why=why,
        variables={
            "counted_from": begun,
            "limit_days": np.full(len(voucher), limit),
            "valid_until": vouchers.valid_until[voucher],
        },
    ).known(vouchers)


RULE = Rule(
    version=1,
    find=find,
    why={
        "fi": "Edellisestä käynnistä tai aktivoinnista ({counted_from}) on kulunut yli {limit_days} päivää.",
        "sv": "Det har gått över {limit_days} dagar sedan det senaste besöket eller aktiveringen ({counted_from}).",
        "en": "More than {limit_days} days have passed since the last visit or the activation ({counted_from}).",
    },
    variables=lambda _: ("counted_from", "limit_days", "valid_until"),
    limits=("visit_interval_days",),
    overdue=True,
    settings=IntervalSettings,
)
