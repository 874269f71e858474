"""Segments of need and the first appointment that each calls for, as dated tables and never as code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.families import Label

DEFAULT = Path(__file__).parent / "tables" / "segments.toml"


class SegmentTableError(ValueError):
    """A table of segments cannot mean anything."""


@dataclass(frozen=True)
class FirstAppointment:
    """What to book first: its kind, who gives it, its length in minutes, and its name."""

    kind: str
    profession: str
    minutes: int
    label: Label


@dataclass(frozen=True)
class Segment:
    """A band of need: at least this many visits, and at most fewer than the next band's."""

    name: str
    visits_at_least: int
    suggest_above: float
    label: Label
    first: FirstAppointment


@dataclass(frozen=True)
class SegmentTable:
    """The segments that hold from a day on, in rising order of need.

    Attributes:
        valid_from: first day of the table.
        source: where the cut-offs come from.
        horizon_days: days after the booking contact whose visits are counted.
        segments: in rising order; the first starts at 0 visits.
        without_history: the first appointment of a patient about whom nothing is recorded.
    """

    valid_from: date
    source: str
    horizon_days: int
    segments: tuple[Segment, ...]
    without_history: FirstAppointment

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the segments."""
        return tuple(segment.name for segment in self.segments)

    def of_visits(self, visits: ArrayLike) -> NDArray[np.int64]:
        """Position of the segment of each number of visits."""
        cuts = [segment.visits_at_least for segment in self.segments[1:]]
        return np.searchsorted(cuts, np.asarray(visits), side="right").astype(np.int64)

    def suggest(self, at_least: ArrayLike) -> NDArray[np.int64]:
        """Position of the segment to suggest.

        Args:
            at_least: probability of needing at least each segment but the first, shape (n, segments - 1), not rising.

        Returns:
            The highest segment whose probability exceeds its `suggest_above`, shape (n,).
        """
        above = np.asarray(at_least) > self._limits
        return np.asarray((above * self._ranks).max(1), np.int64)

    @cached_property
    def _limits(self) -> NDArray[np.float64]:
        return np.array([segment.suggest_above for segment in self.segments[1:]])

    @cached_property
    def _ranks(self) -> NDArray[np.int64]:
        return np.arange(1, len(self.segments))


def read_tables(path: Path = DEFAULT) -> list[SegmentTable]:
    """Read and check all dated tables of a file, oldest first.

    Raises:
        SegmentTableError: the file is no TOML, a field is missing, or the cut-offs do not rise from 0.
    """
    try:
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = [_table(entry) for entry in parsed["table"]]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise SegmentTableError(f"{path.name}: {error}") from error
    for table in tables:
        cuts = [segment.visits_at_least for segment in table.segments]
        if len(cuts) < 2 or cuts[0] != 0 or cuts != sorted(set(cuts)):
            raise SegmentTableError(
                f"{path.name}: visits_at_least must rise from 0 over two segments or more, not {cuts}"
            )
    return sorted(tables, key=lambda table: table.valid_from)


def table_on(tables: list[SegmentTable], day: date) -> SegmentTable:
    """The table that holds on a day.

    Raises:
        SegmentTableError: no table holds that early.
    """
    holding = [table for table in tables if table.valid_from <= day]
    if not holding:
        raise SegmentTableError(f"no table of segments holds on {day.isoformat()}")
    return holding[-1]


def _table(entry: Mapping[str, Any]) -> SegmentTable:
    segments = tuple(
        Segment(one["name"], one["visits_at_least"], one["suggest_above"], Label(**one["label"]), _first(one["first"]))
        for one in entry["segment"]
    )
    return SegmentTable(
        entry["from"], entry["source"], entry["horizon_days"], segments, _first(entry["without_history"])
    )


def _first(entry: Mapping[str, Any]) -> FirstAppointment:
    return FirstAppointment(entry["kind"], entry["profession"], entry["minutes"], Label(**entry["label"]))
