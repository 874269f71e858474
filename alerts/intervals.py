"""The intervals of vouchers: from each visit, and from the activation, until the next visit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alerts.times import NEVER, Flags, Ints, day_of
from alerts.vouchers import Vouchers


@dataclass(frozen=True)
class Intervals:
    """Intervals of activated vouchers, by voucher and time; arrays of one length. Visits of one day are one visit.

    Attributes:
        voucher: place of the voucher.
        begun: day of the visit, or of the activation, with which it begins; none is before the activation.
        next_visit: instant of the visit with which it ends, `NEVER` while it lasts.
        after_visit: whether it begins with a visit.
    """

    voucher: Ints
    begun: Ints
    next_visit: Ints
    after_visit: Flags


def intervals(vouchers: Vouchers) -> Intervals:
    """All intervals, the one that begins with the activation first."""
    activation = vouchers.first_visit[:-1] + np.arange(len(vouchers))
    visit = vouchers.visit_owner
    voucher = np.insert(visit, vouchers.first_visit[:-1], np.arange(len(vouchers)))
    begun = np.insert(vouchers.visits, vouchers.first_visit[:-1], vouchers.activated)
    last = np.append(np.diff(voucher) > 0, True)[: len(voucher)]
    next_visit = np.where(last, NEVER, np.append(begun[1:], NEVER)[: len(begun)])
    after_visit = np.ones(len(voucher), bool)
    after_visit[activation] = False
    day = np.maximum(day_of(begun), day_of(vouchers.activated)[voucher])
    some = (day < NEVER) & (day < day_of(next_visit))
    return Intervals(voucher[some], day[some], next_visit[some], after_visit[some])
