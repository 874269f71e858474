"""The monitor itself: a stretch of service, month by month, measured and judged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from records.clock import HELSINKI, microsecond
from training.monitor.figures import Month, Standard, measure
from training.monitor.judge import judge
from training.monitor.report import Judged
from training.monitor.served import DAY, EARLY_DAYS, Served


def months(first: datetime, until: datetime) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of every whole Helsinki month from `first` to `until`, microseconds since 1970 in UTC."""
    local = first.astimezone(HELSINKI)
    year, month = local.year, local.month
    while True:
        start = datetime(year, month, 1, tzinfo=HELSINKI)
        following = (year, month + 1) if month < 12 else (year + 1, 1)
        end = datetime(*following, 1, tzinfo=HELSINKI)
        if end > until:
            return
        yield f"{year}-{month:02}", microsecond(start), microsecond(end)
        year, month = following


def watch(served: Served, standard: Standard, first: datetime, until: datetime) -> list[Judged]:
    """Judge every whole month of a stretch of service.

    Args:
        served: assessments, those before `first` included, whose needs mature within the stretch.
        standard: what it is held against.
        first: in the first month to judge, aware.
        until: end of the data, aware.
    """
    horizon = standard.segments.horizon_days * DAY
    found = []
    for name, start, end in months(first, until):
        month = Month(
            name,
            served=served.between(start, end),
            early=served.between(start - EARLY_DAYS * DAY, end - EARLY_DAYS * DAY),
            matured=served.between(start - horizon, end - horizon),
        )
        figures = measure(month, standard)
        found.append(Judged(name, figures, judge(figures, standard.limits, _days_since_change(served, end))))
    return found


def _days_since_change(served: Served, end: int) -> int | None:
    """Days from the first assessment of the model that served last to `end`; None when it was the only one."""
    before = served.when < end
    versions, when = served.groups["model_version"][before], served.when[before]
    if len(np.unique(versions)) < 2:
        return None
    latest = versions[np.argmax(when)]
    return int(end - when[versions == latest].min()) // DAY
