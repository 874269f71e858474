"""What to do with an estimate, by dated tables: pathway, ways of production, follow-ups, examination interval.

Nothing here is learnt. Each table says where it comes from and from which day on it holds (`serving/tables`); the
versions of all of them together are one short hash that stands in every answer.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from features.families import Label

FOLDER = Path(__file__).parent / "tables"
Dated = TypeVar("Dated", bound="Table")


class AdviceError(ValueError):
    """A table of advice cannot mean anything."""


@dataclass(frozen=True)
class Table:
    """What all dated tables have: the first day on which they hold."""

    valid_from: date


@dataclass(frozen=True)
class HistoryTable(Table):
    """From how much history a need is estimated at all.

    Attributes:
        least_visits: visits that must be on record.
        oldest_days: the latest event may lie at most so many days back.
        enough_answers: so many answers to questions are as good as a history.
    """

    source: str
    least_visits: int
    oldest_days: int
    enough_answers: int

    def is_enough(self, visits: int, age_days: int) -> bool:
        """Whether so many visits, and a latest event so many days ago, are enough."""
        return visits >= self.least_visits and age_days <= self.oldest_days

    def is_enough_told(self, answers: int) -> bool:
        """Whether so many answers are enough in the place of a history."""
        return answers >= self.enough_answers


@dataclass(frozen=True)
class Patient:
    """What the tables ask about a patient.

    Attributes:
        age: whole years at the moment; None when the birth date is not known.
        special_needs: whether care needs special arrangements, on record.
        findings: the latest value of each kind of finding, with its age in days.
    """

    age: int | None
    special_needs: bool
    findings: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Interval:
    """Months between examinations, from and to, for whom, and where that comes from."""

    months: tuple[int, int]
    source: str
    label: Label


@dataclass(frozen=True)
class Recall:
    """One row of the table of intervals: an interval and the conditions that it has; an empty one is none."""

    interval: Interval
    segments: tuple[str, ...]
    from_age: int
    special_needs: bool
    findings_at_most: Mapping[str, int]

    def fits(self, segment: str, patient: Patient, findings_days: int) -> bool:
        """Whether all conditions hold."""
        return (
            (not self.segments or segment in self.segments)
            and _is_aged(patient.age, self.from_age)
            and (patient.special_needs or not self.special_needs)
            and all(_is_at_most(patient, kind, most, findings_days) for kind, most in self.findings_at_most.items())
        )


@dataclass(frozen=True)
class RecallTable(Table):
    """Intervals between examinations.

    Attributes:
        findings_days: a finding older than so many days says nothing about today.
        rows: the first that fits holds.
    """

    findings_days: int
    rows: tuple[Recall, ...]

    def interval(self, segment: str, patient: Patient) -> Interval | None:
        """The interval to recommend; None when no row is for such a patient."""
        fitting = (row.interval for row in self.rows if row.fits(segment, patient, self.findings_days))
        return next(fitting, None)


@dataclass(frozen=True)
class Way:
    """One way to produce care, and for whom it is."""

    name: str
    label: Label
    from_age: int
    special_needs: bool

    def is_for(self, patient: Patient) -> bool:
        """Whether it is for such a patient."""
        return _is_aged(patient.age, self.from_age) and (self.special_needs or not patient.special_needs)


@dataclass(frozen=True)
class Pathway:
    """Where a segment leads; without a segment, where a patient without an estimate is led."""

    name: str
    segment: str | None
    label: Label
    ways: tuple[Way, ...]

    def open_to(self, patient: Patient) -> list[Way]:
        """The ways that are for such a patient, best first."""
        return [way for way in self.ways if way.is_for(patient)]


@dataclass(frozen=True)
class FollowUp:
    """Appointments to reserve after the first one: how many, with whom, of which length.

    Attributes:
        visits: the expected number that `count` was rounded from.
    """

    profession: str
    count: int
    minutes: int
    visits: float


@dataclass(frozen=True)
class PathwayTable(Table):
    """Pathways of segments, and the lengths of appointments.

    Attributes:
        slots: lengths in minutes, rising.
        pathways: one a segment and one without.
    """

    source: str
    slots: tuple[int, ...]
    pathways: tuple[Pathway, ...]

    def pathway(self, segment: str | None) -> Pathway:
        """The pathway of a segment; of one that the table does not know, that without an estimate."""
        return self._by_segment.get(segment, self._by_segment[None])

    @cached_property
    def _by_segment(self) -> Mapping[str | None, Pathway]:
        return {pathway.segment: pathway for pathway in self.pathways}

    def follow_ups(self, visits: Mapping[str, float], minutes: Mapping[str, float], first: str) -> list[FollowUp]:
        """What to reserve of an expected need, beyond the first appointment.

        Args:
            visits: expected visits by profession.
            minutes: expected chair minutes by profession.
            first: the profession of the first appointment, which takes one of its visits.
        """
        found = []
        for profession, expected in visits.items():
            left = max(expected - (profession == first), 0.0)
            count = int(left + 0.5)
            if count:
                found.append(FollowUp(profession, count, self._slot(minutes[profession] / expected), left))
        return found

    def _slot(self, minutes: float) -> int:
        return next((slot for slot in self.slots if slot >= round(minutes)), self.slots[-1])


@dataclass(frozen=True)
class Advice:
    """The tables that hold on one day, and their version together."""

    history: HistoryTable
    recall: RecallTable
    pathways: PathwayTable
    version: str


@dataclass(frozen=True)
class OverrideReason:
    """Why a person decides otherwise, as a code with its text."""

    code: str
    label: Label


@lru_cache(maxsize=64)
def advice_on(day: date, segments_from: date) -> Advice:
    """The tables that hold on a day.

    Args:
        day: the day of the moment.
        segments_from: first day of the table of segments; it is part of the version.

    Raises:
        AdviceError: no table holds that early.
    """
    history = _holding(_history_tables(), day)
    recall = _holding(_recall_tables(), day)
    pathways = _holding(_pathway_tables(), day)
    return Advice(history, recall, pathways, _version(segments_from, history, recall, pathways))


def _version(*tables: object) -> str:
    return hashlib.sha256(repr(tables).encode()).hexdigest()[:12]


@cache
def override_reasons() -> Mapping[str, OverrideReason]:
    """The reasons to override, by code."""
    rows = read("override_reasons", "reason", lambda row: OverrideReason(row["code"], Label(**row["label"])))
    return {row.code: row for row in rows}


def _holding(tables: Sequence[Dated], day: date) -> Dated:
    holding = [table for table in tables if table.valid_from <= day]
    if not holding:
        raise AdviceError(f"no table of advice holds on {day.isoformat()}")
    return max(holding, key=lambda table: table.valid_from)


Made = TypeVar("Made")


def read(name: str, member: str, make: Callable[[Any], Made], folder: Path = FOLDER) -> list[Made]:
    """Read one file of tables.

    Raises:
        AdviceError: the file is no TOML, or a member is missing or of another type.
    """
    try:
        parsed = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
        return [make(entry) for entry in parsed[member]]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise AdviceError(f"{name}.toml: {error}") from error


@cache
def _history_tables() -> list[HistoryTable]:
    return read(
        "history",
        "table",
        lambda entry: HistoryTable(
            entry["from"],
            entry["source"],
            entry["least_visits"],
            entry["oldest_days"],
            entry["enough_answers"],
        ),
    )


@cache
def _recall_tables() -> list[RecallTable]:
    return read("recall", "table", _recall_table)


def _recall_table(entry: Any) -> RecallTable:
    return RecallTable(entry["from"], entry["findings_days"], tuple(_recall(row) for row in entry["row"]))


def _recall(row: Any) -> Recall:
    least, most = row["months"]
    return Recall(
        Interval((least, most), row["source"], Label(**row["label"])),
        tuple(row.get("segments", ())),
        row.get("from_age", 0),
        row.get("special_needs", False),
        row.get("findings_at_most", {}),
    )


@cache
def _pathway_tables() -> list[PathwayTable]:
    return read("pathways", "table", _pathway_table)


def _pathway_table(entry: Any) -> PathwayTable:
    ways = {
        one["name"]: Way(one["name"], Label(**one["label"]), one.get("from_age", 0), one.get("special_needs", True))
        for one in entry["way"]
    }
    pathways = [
        Pathway(one["name"], one.get("segment"), Label(**one["label"]), tuple(ways[name] for name in one["ways"]))
        for one in entry["pathway"]
    ]
    if all(pathway.segment is not None for pathway in pathways):
        raise ValueError("one pathway must be without a segment")
    return PathwayTable(entry["from"], entry["source"], tuple(sorted(entry["slots"])), tuple(pathways))


def _is_aged(age: int | None, least: int) -> bool:
    """Whether an age is at least so many years; an unknown one is so only where any age is."""
    return not least if age is None else age >= least


def _is_at_most(patient: Patient, kind: str, most: int, findings_days: int) -> bool:
    value, age_days = patient.findings.get(kind, (most + 1, 0))
    return value <= most and age_days <= findings_days
