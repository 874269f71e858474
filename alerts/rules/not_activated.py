"""A voucher that was not activated within the limit: found until it is activated, closed or expired."""

from __future__ import annotations

import numpy as np

from alerts.rule import Breaches, Limits, Rule, Settings, closing, earliest, plus
from alerts.times import day_of
from alerts.vouchers import Vouchers


def find(vouchers: Vouchers, limits: Limits, _settings: Settings) -> Breaches:
    """From the day after the last one on which activation was in time."""
    limit = limits.activation_days or 0
    granted = day_of(vouchers.granted)
    everyone = np.arange(len(vouchers))
    ended, why = earliest(activated=vouchers.activated, **closing(vouchers, everyone))
    return Breaches(
        voucher=everyone,
        since=plus(granted, limit + 1),
        ended=ended,
        why=why,
        variables={
            "granted_on": granted,
            "limit_days": np.full(len(vouchers), limit),
            "valid_until": vouchers.valid_until,
        },
    ).known(vouchers)


RULE = Rule(
    version=1,
    find=find,
    why={
        "fi": "Palveluseteli myönnettiin {granted_on}, eikä sitä aktivoitu {limit_days} päivän kuluessa.",
        "sv": "Servicesedeln beviljades {granted_on} och aktiverades inte inom {limit_days} dagar.",
        "en": "The voucher was granted on {granted_on} and was not activated within {limit_days} days.",
    },
    variables=lambda _: ("granted_on", "limit_days", "valid_until"),
    limits=("activation_days",),
    overdue=True,
)
