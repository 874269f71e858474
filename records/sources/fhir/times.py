"""FHIR dates and times as instants and days; what cannot be read is None.

A FHIR dateTime may be a year, a month, a day or a moment. What is known only to a period counts as known when the
period is over, as `records.clock` says of days.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime
from functools import lru_cache

from records.clock import HELSINKI, end_of_day

_PERIOD = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", re.ASCII)
_SHORT = len("2026-11-22")


def instant_of(text: str | None) -> datetime | None:
    """The UTC moment of a dateTime or instant; a year, month or day is stamped with its last microsecond."""
    if text is None:
        return None
    if len(text) <= _SHORT:
        return _end_of_period(text)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=HELSINKI)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=4096)
def _end_of_period(text: str) -> datetime | None:
    found = _PERIOD.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        return end_of_day(_last_day(year or 0, month, day))
    except (ValueError, OverflowError):
        return None


def _last_day(year: int, month: int | None, day: int | None) -> date:
    if month is None:
        return date(year, 12, 31)
    if day is not None:
        return date(year, month, day)
    return date(year, month, calendar.monthrange(year, month)[1])


def birth_day(text: str | None) -> date | None:
    """A date of birth; of a year or a month the first day, because nothing happens before a person is born."""
    found = _PERIOD.fullmatch(text) if text else None
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return None


def minutes_between(start: datetime | None, end: datetime | None) -> int | None:
    """Whole minutes from start to end, None when either is missing."""
    return None if start is None or end is None else round((end - start).total_seconds() / 60)
