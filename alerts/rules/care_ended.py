"""Care that was given and has ended: the client may be asked for feedback on it, for some days."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from alerts.rule import Breaches, Limits, Rule, Settings
from alerts.schema import ENDINGS
from alerts.times import NEVER, day_of, start_of
from alerts.vouchers import Vouchers


class CareEndedSettings(Settings):
    """Settings of the rule.

    Attributes:
        open_days: on how many days, that of the end included, the client may still be asked.
    """

    open_days: int = Field(default=14, ge=1)


def find(vouchers: Vouchers, _limits: Limits, settings: CareEndedSettings) -> Breaches:
    """From the day on which the voucher ended, if it was activated and there was a visit."""
    given = (vouchers.activated < NEVER) & (np.diff(vouchers.first_visit) > 0)
    place = np.flatnonzero((vouchers.closed < NEVER) & ~vouchers.withdrawn & given)
    ended_on = day_of(vouchers.closed[place])
    return Breaches(
        voucher=place,
        since=ended_on,
        ended=start_of(ended_on + settings.open_days),
        why=np.full(len(place), ENDINGS.index("over")),
        variables={"ended_on": ended_on},
    ).known(vouchers, while_valid=False)


RULE = Rule(
    version=1,
    find=find,
    why={
        "fi": "Palvelusetelillä annettu hoito päättyi {ended_on}.",
        "sv": "Vården med servicesedeln avslutades {ended_on}.",
        "en": "The care given with the voucher ended on {ended_on}.",
    },
    variables=lambda _: ("ended_on",),
    settings=CareEndedSettings,
    after_end=True,
)
