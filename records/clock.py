"""Instants and days: the one place where time zones are handled.

Instants are UTC; a day is a calendar day in Europe/Helsinki, counted in whole days since 1970-01-01.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

HELSINKI = ZoneInfo("Europe/Helsinki")
_EXTENDED = re.compile(r"\d{4}-\d\d-\d\d([T ].+)?")
# Other forms are refused: Python reads the compact 20261122 as a midnight, which would be known a day too early.
EPOCH_DAY = date(1970, 1, 1).toordinal()
"""Python's number of the day that is counted as 0 here."""
_DAY = 86_400_000_000
_HOUR = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_MICROSECOND = time(23, 59, 59, 999_999)


def instant(value: str | date | datetime) -> datetime:
    """Read one moment as an aware UTC datetime.

    A time without an offset is read as Europe/Helsinki time. A bare date becomes the end of that day, because what
    is known only to the day counts as known when the day is over.

    Raises:
        ValueError: the text is no ISO 8601 date or date-time in the extended form, with hyphens.

    Examples:
        >>> instant("2026-11-22T10:00:00+02:00").isoformat()
        '2026-11-22T08:00:00+00:00'
        >>> instant("2026-11-22").isoformat()
        '2026-11-22T21:59:59.999999+00:00'
    """
    if isinstance(value, str):
        if not _EXTENDED.fullmatch(value):
            raise ValueError("no ISO 8601 date or time in the extended form, as 2026-11-22T10:00")
        value = date.fromisoformat(value) if len(value) == len("2026-11-22") else datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return end_of_day(value)
    if value.tzinfo is None:
        value = value.replace(tzinfo=HELSINKI)
    return value.astimezone(UTC)


def end_of_day(day: date) -> datetime:
    """The last microsecond of a Helsinki day, in UTC."""
    return datetime.combine(day, _LAST_MICROSECOND, HELSINKI).astimezone(UTC)


def start_of_day(day: date) -> datetime:
    """The first microsecond of a Helsinki day, in UTC."""
    return end_of_day(day - timedelta(days=1)) + timedelta(microseconds=1)


def microsecond(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of one aware moment."""
    return (moment - _EPOCH) // _MICROSECOND


def microseconds(instants: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """Microseconds since 1970-01-01 UTC of an Arrow array of instants without nulls."""
    if isinstance(instants, pa.ChunkedArray) and instants.num_chunks == 1:
        instants = instants.chunk(0)
    if isinstance(instants, pa.Array):
        return np.asarray(instants.view(pa.int64()).to_numpy())
    return np.asarray(instants.cast(pa.int64()).to_numpy())


def days(instants: pa.Array | pa.ChunkedArray) -> NDArray[np.int32]:
    """Helsinki days since 1970-01-01 of an Arrow array of instants without nulls, exact from 1900 to 2100."""
    return days_of(microseconds(instants))


def days_of(utc: NDArray[np.int64]) -> NDArray[np.int32]:
    """The same of instants that are given as microseconds since 1970 in UTC."""
    first, day = _days_by_hour()
    hour = utc // _HOUR - first
    if len(hour) and hour.view(np.uint64).max() < len(day):  # as unsigned, those before the first are the greatest
        return np.asarray(day[hour])
    return _days(utc)


def _days(utc: NDArray[np.int64]) -> NDArray[np.int32]:
    since, offset = offsets()
    local = utc + offset[np.searchsorted(since, utc, side="right") - 1]
    return (local // _DAY).astype(np.int32)


@cache
def _days_by_hour() -> tuple[int, NDArray[np.int32]]:
    """The day of every hour from 1922 to 2100, and the first hour; looking up is a fifth of the work of searching.

    Since the local time of Helsinki was given up in 1921, days begin and clocks change on whole hours of UTC.
    """
    hours = np.arange(
        microsecond(datetime(1922, 1, 1, tzinfo=UTC)), microsecond(datetime(2100, 1, 1, tzinfo=UTC)), _HOUR
    )
    return int(hours[0]) // _HOUR, _days(hours)


def date_of(day: int) -> date:
    """The date of a day since 1970; where Python's calendar ends a day earlier than in Helsinki, its last."""
    return date.fromordinal(min(max(EPOCH_DAY + day, date.min.toordinal()), date.max.toordinal()))


def day(moment: datetime) -> int:
    """The Helsinki day since 1970-01-01 of one aware moment, as `days` counts it."""
    return day_at(microsecond(moment))


def day_at(utc: int) -> int:
    """The same of an instant that is given as microseconds since 1970 in UTC."""
    since, offset = _listed_offsets()
    return (utc + offset[bisect_right(since, utc) - 1]) // _DAY


def utc(local: NDArray[np.int64]) -> NDArray[np.int64]:
    """UTC microseconds since 1970 of Helsinki wall-clock microseconds, exact from 1900 to 2100.

    Of the hour that a clock change repeats, the first is meant; a time that a change leaps over is read an hour later
    (03:30 as 04:30). `instant` reads a time without an offset in the same way.
    """
    since, offset = offsets()
    change = since[1:] + np.maximum(offset[:-1], offset[1:])
    return np.asarray(local - offset[np.searchsorted(change, local, side="right")])


@cache
def offsets() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From which microsecond on which offset of Helsinki holds, in microseconds east of UTC.

    Read off the time zone database month by month, because Arrow's own conversion knows no summer time after 2037.
    """
    months = [datetime(year, month, 1, tzinfo=UTC) for year in range(1900, 2101) for month in range(1, 13)]
    found = [(np.iinfo(np.int64).min, _offset(months[0]))]
    for start, end in pairwise(months):
        if _offset(start) != _offset(end):
            found.append((microsecond(_change(start, end)), _offset(end)))
    since, offset = zip(*found, strict=True)
    return np.array(since, np.int64), np.array(offset, np.int64)


@cache
def _listed_offsets() -> tuple[list[int], list[int]]:
    since, offset = offsets()
    return since.tolist(), offset.tolist()


def _change(start: datetime, end: datetime) -> datetime:
    """The first second between two moments at which the offset is that of the end."""
    while end - start > timedelta(seconds=1):
        middle = start + timedelta(seconds=(end - start) // timedelta(seconds=2))
        start, end = (middle, end) if _offset(middle) == _offset(start) else (start, middle)
    return end


def _offset(moment: datetime) -> int:
    east = moment.astimezone(HELSINKI).utcoffset() or timedelta(0)
    return east // timedelta(microseconds=1)
