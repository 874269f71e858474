"""The simulated time: which days it covers, on which of them clinics are open, and how their hours become instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
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
_FIXED = frozenset({(1, 1), (1, 6), (5, 1), (12, 6), (12, 24), (12, 25), (12, 26)})
_AFTER_EASTER = (-2, 1, 39)  # Good Friday, Easter Monday, Ascension Day; Pentecost is a Sunday.
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
        """The same day, or the next one that is no weekend and no Finnish holiday."""
        return self.opened[self._place(days)]

    def instants(self, days: Ints, minutes: Floats) -> Ints:
        """Microseconds since 1970-01-01 UTC of Helsinki days and minutes after their midnight."""
        midnight = days * (1440 * MINUTE) - self.offset[self._place(days)]
        return midnight + (minutes * MINUTE).astype(np.int64)

    def _place(self, days: Ints) -> Ints:
        return np.clip(days - self.first, 0, len(self.opened) - 1)


def is_closed(day: date) -> bool:
    """Whether clinics are closed all day: weekends, Finnish holidays, and the eves that are free in practice."""
    fixed = day.weekday() >= 5 or (day.month, day.day) in _FIXED
    midsummer_eve = day.month == 6 and 19 <= day.day <= 25 and day.weekday() == 4
    return fixed or midsummer_eve or (day - easter(day.year)).days in _AFTER_EASTER


@cache
def easter(year: int) -> date:
    """Easter Sunday of a year of the Gregorian calendar (the anonymous algorithm printed in Nature, 20 April 1876)."""
    golden, century, rest = year % 19, year // 100, year % 100
    leap, within = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap - correction + 15) % 30
    weekday = (32 + 2 * within + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


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
        following[place] = following[place + 1] if is_closed(day) else day_number(day)
    return following


def _ahead(day: date) -> int:
    ahead = datetime.combine(day, time(12), HELSINKI).utcoffset() or timedelta()
    return ahead // timedelta(microseconds=1)
