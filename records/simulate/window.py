"""The simulated time: which days it covers, on which of them clinics are open, and how their hours become instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from records.clock import HELSINKI, end_of_day

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

YEAR = 365.25
"""Days in a year."""
MINUTE = 60_000_000
"""Microseconds in a minute."""
OPENS = 8 * 60
"""When clinics and phones open, minutes after midnight; office hours are 8-16 on weekdays (HE 74/2022)."""

_EPOCH = date(1970, 1, 1)
_CLOSED = frozenset({(1, 1), (1, 6), (5, 1), (12, 6), (12, 24), (12, 25), (12, 26)})
_MARGIN = 400  # Days drawn past the end are cut later; they only need some place in the tables below.


def day_number(day: date) -> int:
    """Whole days since 1970-01-01."""
    return (day - _EPOCH).days


@dataclass(frozen=True)
class Window:
    """Days from `first` to `last`, both included, as whole Helsinki days since 1970-01-01.

    Attributes:
        opened: for every day from `first`, the same or the next day on which clinics are open.
        offset: for every day from `first`, what Helsinki is ahead of UTC at noon, microseconds.
    """

    first: int
    last: int
    opened: Ints
    offset: Ints

    @classmethod
    def ending(cls, until: date, years: int) -> Window:
        """The `years` years that end with the day `until`."""
        first = _years_before(until, years) + timedelta(days=1)
        length = (until - first).days + 1 + _MARGIN
        days = [first + timedelta(days=n) for n in range(length)]
        return cls(day_number(first), day_number(until), _opened(days), np.array([_ahead(day) for day in days]))

    @property
    def end(self) -> int:
        """The last microsecond of the window, microseconds since 1970-01-01 UTC."""
        moment = end_of_day(_EPOCH + timedelta(days=self.last))
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    def open_day(self, days: Ints) -> Ints:
        """The same day, or the next one that is no weekend and no fixed holiday."""
        return self.opened[self._place(days)]

    def instants(self, days: Ints, minutes: Floats) -> Ints:
        """Microseconds since 1970-01-01 UTC of Helsinki days and minutes after their midnight."""
        midnight = days * (1440 * MINUTE) - self.offset[self._place(days)]
        return midnight + (minutes * MINUTE).astype(np.int64)

    def _place(self, days: Ints) -> Ints:
        return np.clip(days - self.first, 0, len(self.opened) - 1)


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February of a year that has none
        return day.replace(year=day.year - years, day=28)


def _opened(days: list[date]) -> Ints:
    following = np.empty(len(days), np.int64)
    following[-1] = day_number(days[-1])
    for place in range(len(days) - 2, -1, -1):
        day = days[place]
        closed = day.weekday() >= 5 or (day.month, day.day) in _CLOSED
        following[place] = following[place + 1] if closed else day_number(day)
    return following


def _ahead(day: date) -> int:
    ahead = datetime.combine(day, time(12), HELSINKI).utcoffset() or timedelta()
    return ahead // timedelta(microseconds=1)
