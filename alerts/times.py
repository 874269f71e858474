"""Instants and days as arrays of whole numbers, as in `records.clock`, in which some are not known.

Instants are microseconds since 1970 in UTC, days are Helsinki days since 1970.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from records.clock import days, utc
from records.schema import INSTANT

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEVER = 2**60
"""Stands for an instant or a day that is not known: later than all, whichever of the two it is compared with."""

_DAY = 86_400_000_000


def day_of(instants: Ints) -> Ints:
    """Helsinki days of instants; `NEVER` stays."""
    known = instants < NEVER
    found = np.full(len(instants), NEVER)
    found[known] = days(as_instants(instants[known]))
    return found


def start_of(some: Ints) -> Ints:
    """First instants of Helsinki days; `NEVER` for what is later than all days."""
    known = some < NEVER
    found = np.full(len(some), NEVER)
    found[known] = utc(some[known] * _DAY)
    return found


def as_instants(some: Ints) -> pa.Array:
    """Instants as Arrow has them; `NEVER` is null."""
    return pa.array(some, mask=some >= NEVER).view(INSTANT)


def as_days(some: Ints) -> pa.Array:
    """Days as Arrow has them; `NEVER` is null."""
    known = some < NEVER
    return pa.array(np.where(known, some, 0).astype(np.int32), mask=~known).view(pa.date32())
