"""The timeline of a history: what was recorded when, as marks of a drawing and as the rows of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import sqrt

from records.clock import HELSINKI
from records.history import History

LANES = ("urgent", "visits", "procedures", "diagnoses", "findings", "missed")
"""From top to bottom; `urgent` and `visits` are visits, `missed` are appointments that nobody came to."""
YEARS = 10
"""Drawn at the most; what is older is only counted."""
MOST_LABELS = 4
LEAST_RADIUS, MOST_RADIUS = 3.5, 8.0
"""Of a mark, in pixels."""


@dataclass(frozen=True)
class Mark:
    """What was recorded in one month: where it is drawn, in percent of the width, and how large."""

    x: float
    radius: float
    count: int


@dataclass(frozen=True)
class Timeline:
    """The history as it is drawn.

    Attributes:
        first: first day drawn.
        last: last day drawn, that of the moment.
        marks: by lane; lanes in which nothing was recorded are left out.
        years: labels of the axis with their places in percent.
        table: counts by year and lane, latest year first.
        count: records drawn.
        older: records too old to be drawn.
    """

    first: date
    last: date
    marks: Mapping[str, tuple[Mark, ...]]
    years: tuple[tuple[int, float], ...]
    table: Sequence[tuple[int, Mapping[str, int]]]
    count: int
    older: int


def timeline(history: History, as_of: datetime) -> Timeline | None:
    """Draw the events of one patient that were known at a moment; None where there are none.

    Args:
        history: of one patient.
        as_of: the moment, aware.
    """
    days = [(lane, day) for lane, day in _days(history, as_of)]
    last = as_of.astimezone(HELSINKI).date()
    drawn = [(lane, day) for lane, day in days if day.year > last.year - YEARS]
    if not drawn:
        return None
    first = date(min(day for _, day in drawn).year, 1, 1)
    span = max((last - first).days, 1)
    lanes = [lane for lane in LANES if any(lane == found for found, _ in drawn)]
    return Timeline(
        first=first,
        last=last,
        marks={lane: tuple(_marks([day for found, day in drawn if found == lane], first, span)) for lane in lanes},
        years=tuple(_labels(first, last, span)),
        table=_table(drawn, lanes),
        count=len(drawn),
        older=len(days) - len(drawn),
    )


def _days(history: History, as_of: datetime) -> Iterator[tuple[str, date]]:
    """Every event that is drawn, with its lane and its day."""
    for table in ("visits", "procedures", "diagnoses", "findings", "appointments"):
        for row in history[table].to_pylist():
            lane = _lane(table, row)
            if lane is not None and row["event_time"] < as_of and row["recorded_at"] < as_of:
                yield lane, row["event_time"].astimezone(HELSINKI).date()


def _lane(table: str, row: Mapping[str, object]) -> str | None:
    if table == "appointments":
        return "missed" if row["state"] == "no_show" else None
    if table == "visits":
        return "visits" if row["urgency"] == "routine" else "urgent"
    return table


def _marks(days: Sequence[date], first: date, span: int) -> Iterator[Mark]:
    """One mark a month: its area grows with what was recorded."""
    for month, count in sorted(Counter(day.replace(day=15) for day in days).items()):
        place = min(max(100 * (month - first).days / span, 0.0), 100.0)
        yield Mark(round(place, 2), round(min(LEAST_RADIUS * sqrt(count), MOST_RADIUS), 2), count)


def _labels(first: date, last: date, span: int) -> Iterator[tuple[int, float]]:
    """Years along the axis, few enough to be read on a narrow screen."""
    step = -(-(last.year - first.year + 1) // MOST_LABELS)
    for year in range(first.year, last.year + 1, step):
        yield year, round(100 * (date(year, 1, 1) - first).days / span, 2)


def _table(drawn: Sequence[tuple[str, date]], lanes: Sequence[str]) -> list[tuple[int, dict[str, int]]]:
    counts = Counter((day.year, lane) for lane, day in drawn)
    years = sorted({day.year for _, day in drawn}, reverse=True)
    return [(year, {lane: counts[year, lane] for lane in lanes}) for year in years]
