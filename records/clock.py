"""Instants and days: the one place where time zones are handled.

Instants are UTC; a day is a calendar day in Europe/Helsinki, counted in whole days since 1970-01-01.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

HELSINKI = ZoneInfo("Europe/Helsinki")
_LAST_MICROSECOND = time(23, 59, 59, 999_999)


def instant(value: str | date | datetime) -> datetime:
    """Read one moment as an aware UTC datetime.

    A time without an offset is read as Europe/Helsinki time. A bare date becomes the end of that day, because what
    is known only to the day counts as known when the day is over.

    Raises:
        ValueError: the text is no ISO 8601 date or date-time.

    Examples:
        >>> instant("2026-11-22T10:00:00+02:00").isoformat()
        '2026-11-22T08:00:00+00:00'
        >>> instant("2026-11-22").isoformat()
        '2026-11-22T21:59:59.999999+00:00'
    """
    if isinstance(value, str):
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


def microseconds(instants: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """Microseconds since 1970-01-01 UTC of an Arrow array of instants without nulls."""
    return np.asarray(instants.cast(pa.int64()).to_numpy())


def days(instants: pa.Array | pa.ChunkedArray) -> NDArray[np.int32]:
    """Helsinki days since 1970-01-01 of an Arrow array of UTC instants without nulls."""
    local = pc.local_timestamp(instants.cast(pa.timestamp("us", tz="Europe/Helsinki")))
    return np.asarray(local.cast(pa.date32(), safe=False).cast(pa.int32()).to_numpy())
