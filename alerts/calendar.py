"""When a message may go: weekdays, hours and holidays of Finland, on the wall clock of Helsinki."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count

import holidays

from records.clock import HELSINKI

MIDNIGHT = time(0)
CHANGE = time(1, tzinfo=UTC)
"""The clocks of the European Union change at 1.00 a.m. Greenwich Mean Time (Directive 2000/84/EC, articles 2 and 3)."""


class WindowError(ValueError):
    """A window in which no message could ever go."""


@dataclass(frozen=True)
class Window:
    """When messages may go, on the wall clock of Helsinki.

    Attributes:
        days: ISO weekdays, Monday 1 to Sunday 7.
        opens: the first minute at which a message may go.
        closes: the first minute at which none may go any more; midnight is the end of the day.
        holidays: whether messages go on holidays too. Those of the library `holidays` count for Finland; besides the
            statutory ones it knows Midsummer Eve and Christmas Eve, on which offices are closed.

    Raises:
        WindowError: no day, a day that is none, an hour with a time zone, or hours that end before they begin.
    """

    days: frozenset[int] = frozenset({1, 2, 3, 4, 5})
    opens: time = time(9)
    closes: time = time(17)
    holidays: bool = False

    def __post_init__(self) -> None:
        if not self.days or not self.days <= set(range(1, 8)):
            raise WindowError("days are ISO weekdays, 1 for Monday to 7 for Sunday, at least one of them")
        if self.opens.tzinfo or self.closes.tzinfo:
            raise WindowError("hours are read on the clock of Helsinki; give them without a time zone")
        if self.closes not in (MIDNIGHT, max(self.opens, self.closes)) or self.opens == self.closes != MIDNIGHT:
            raise WindowError(f"the hours end at {self.closes:%H:%M}, not after they begin at {self.opens:%H:%M}")


def permitted(window: Window, moment: datetime) -> bool:
    """Whether a message may go at a moment (with a time zone)."""
    local = moment.astimezone(HELSINKI)
    within = window.opens <= local.time() and (window.closes == MIDNIGHT or local.time() < window.closes)
    return within and _open(window, local.date())


def next_permitted(window: Window, moment: datetime) -> datetime:
    """The first instant from a moment on at which a message may go, in UTC; the moment itself when it may go then.

    An hour that a change of the clock repeats is open both times. A window that opens in the hour that a change leaps
    over opens at the change.

    Raises:
        ValueError: the moment has no time zone.

    Examples:
        >>> next_permitted(Window(), datetime(2026, 6, 18, 18, tzinfo=HELSINKI)).astimezone(HELSINKI).isoformat()
        '2026-06-22T09:00:00+03:00'
    """
    if moment.tzinfo is None:
        raise ValueError("the moment has no time zone")
    asked = moment.astimezone(UTC)
    return asked if permitted(window, asked) else next(found for found in _openings(window, asked) if found > asked)


def is_holiday(day: date) -> bool:
    """Whether a day is a holiday in Finland, or one of the two eves."""
    return day in _HOLIDAYS


_HOLIDAYS = holidays.country_holidays("FI")


def _open(window: Window, day: date) -> bool:
    return day.isoweekday() in window.days and (window.holidays or not is_holiday(day))


def _openings(window: Window, moment: datetime) -> Iterator[datetime]:
    """The instants at which the window opens, from the day of the moment on, in order, without end."""
    first = moment.astimezone(HELSINKI).date()
    days = (first + timedelta(days=ahead) for ahead in count())
    candidates = (sorted(_candidates(window, day)) for day in days if _open(window, day))
    return (found for some in candidates for found in some if permitted(window, found))


def _candidates(window: Window, day: date) -> Iterator[datetime]:
    """Where a window can open on one day: at its hour, at that hour once more, or at the change of the clock."""
    for fold in (0, 1):
        yield datetime.combine(day, window.opens.replace(fold=fold), HELSINKI).astimezone(UTC)
    yield datetime.combine(day, CHANGE)
