"""The quality of a stored history: what is set aside, what is odd, and figures to find implausible before features.

The rules are those that every import is held to (`records.check`), applied again to what is stored, because a store can
be written by other means; beside them stands what imports have set aside (the quarantine). A report counts rows and
people and never holds a value of a row. Rows by rule are exact, as an import says them; other counts of fewer than five
are not shown, nor are shares with fewer than five above the line.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from records.check import check
from records.clock import days, microseconds
from records.codes import NEED_GROUPS
from records.history import History
from records.imports.quarantine import held
from records.schema import EVENTS, TABLES
from records.store import patient_ids, read_between

LATE = timedelta(days=7)
"""After how long an event counts as recorded late."""
FEWEST = 5
"""Counts below it are not shown."""

Rows = Counter[tuple[str, str]]
"""Rows by table and rule."""


class Report(TypedDict):
    """A report as plain data, for JSON.

    Attributes:
        rows: stored rows by table.
        broken: stored rows that break a rule of `records.check`, by table and rule.
        set_aside: rows that imports have set aside, by table and reason.
        noticed: stored rows that are used although something about them is odd, by table and what it is.
        events: stored events by table and Helsinki year; None for fewer than five.
        shares: figures that should look plausible, by name; None where fewer than five rows are meant,
            and nothing where there are no rows to take a share of.
    """

    rows: dict[str, int]
    broken: dict[str, dict[str, int]]
    set_aside: dict[str, dict[str, int]]
    noticed: dict[str, dict[str, int]]
    events: dict[str, dict[str, int | None]]
    shares: dict[str, float | None]


@dataclass
class Quality:
    """Counts of a history, block by block.

    Event ids are looked for twice among the patients of a block, as imports look for them in what they merge.
    """

    rows: Counter[str] = field(default_factory=Counter)
    broken: Rows = field(default_factory=Counter)
    set_aside: Rows = field(default_factory=Counter)
    noticed: Rows = field(default_factory=Counter)
    years: Counter[tuple[str, int]] = field(default_factory=Counter)
    some: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)

    def add(self, history: History) -> None:
        """Count a block of patients."""
        checked = check(history.tables)
        self.rows.update(history.rows())
        self.broken.update(checked.counts())
        self.noticed.update(checked.notices)
        for name in EVENTS:
            day = days(history[name]["event_time"]).astype("datetime64[D]")
            years, many = np.unique(day.astype("datetime64[Y]").astype(np.int64) + 1970, return_counts=True)
            self.years.update({(name, year): count for year, count in zip(years.tolist(), many.tolist(), strict=True)})
        for share, mask in _looks(history):
            self.some[share] += int(pc.sum(mask).as_py() or 0)
            self.all[share] += len(mask)

    def report(self) -> Report:
        """What has been counted."""
        events = {name: sorted(year for table, year in self.years if table == name) for name in EVENTS}
        return {
            "rows": {name: self.rows[name] for name in TABLES},
            "broken": _by_table(self.broken),
            "set_aside": _by_table(self.set_aside),
            "noticed": _by_table(self.noticed),
            "events": {
                name: {str(year): _shown(self.years[name, year]) for year in years}
                for name, years in events.items()
                if years
            },
            "shares": {share: _share(self.some[share], count) for share, count in self.all.items() if count},
        }


def measure(folder: Path, quarantine: Path, patients: int = 20_000) -> Quality:
    """Count a stored history and what its imports have set aside, in blocks of patients.

    Raises:
        StoreError, OrderError: the store cannot be read (`records.store`).
        QuarantineError: the quarantine cannot be read.
    """
    found = Quality()
    edges = [None, *patient_ids(folder)[patients::patients], None]
    for first, until in pairwise(edges):
        found.add(read_between(folder, first, until))
    for name in TABLES:
        counted = held(quarantine, name).column(-2).value_counts().to_pylist()  # messages have a reason of their own
        found.set_aside.update({(name, each["values"]): each["counts"] for each in counted})
    return found


def _looks(history: History) -> Iterator[tuple[str, pa.Array]]:
    """Figures and, for every row that they are a share of, whether it is meant."""
    seen = pa.concat_arrays([piece for name in EVENTS for piece in history[name]["patient_id"].chunks])
    patients, visits, procedures = history["patients"], history["visits"], history["procedures"]
    yield "patients without any event", pc.invert(_among(patients["patient_id"], seen))
    yield "patients without a date of birth", patients["birth_date"].is_null()
    yield "visits without minutes", visits["minutes"].is_null()
    yield "visits without a procedure", pc.invert(_among(visits["event_id"], procedures["visit_id"]))
    yield "procedures with an unknown code", _unknown(procedures["code"])
    yield "procedures without a tooth", procedures["tooth"].is_null()
    yield "procedures of a visit that is not stored", _lost(procedures["visit_id"], visits["event_id"])
    yield "diagnoses without a tooth", history["diagnoses"]["tooth"].is_null()
    for name in EVENTS:
        late = microseconds(history[name]["recorded_at"]) - microseconds(history[name]["event_time"])
        yield f"{name} recorded more than a week later", pa.array(late > LATE / timedelta(microseconds=1))


def _among(values: pa.ChunkedArray, known: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_in(values, known.combine_chunks() if isinstance(known, pa.ChunkedArray) else known)


def _unknown(codes: pa.ChunkedArray) -> pa.ChunkedArray:
    strange = [code for code in codes.unique().to_pylist() if not NEED_GROUPS.knows(code)]
    return pc.is_in(codes, pa.array(strange, pa.string()))


def _lost(visit_ids: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(visit_ids.is_valid(), pc.invert(_among(visit_ids, known)))


def _by_table(rows: Rows) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (table, rule), count in sorted(rows.items()):
        found.setdefault(table, {})[rule] = count
    return found


def _shown(count: int) -> int | None:
    return None if 0 < count < FEWEST else count


def _share(some: int, count: int) -> float | None:
    return None if count < FEWEST or 0 < some < FEWEST else round(some / count, 6)


def as_json(report: Report) -> str:
    """The report as JSON."""
    return json.dumps(report, indent=1) + "\n"


def as_text(report: Report) -> Iterator[str]:
    """The report, line by line, for a person."""
    yield from (f"{name:<14}{count:>14,} rows" for name, count in report["rows"].items())
    yield from _rules("stored rows that break a rule", report["broken"])
    yield from _rules("set aside by imports", report["set_aside"])
    yield from _rules("used although odd", report["noticed"])
    yield from ("", "shares")
    for name, share in report["shares"].items():
        yield f"{'below 5' if share is None else f'{share:.2%}':>10}  {name}"
    yield from ("", "events by year")
    for name, years in report["events"].items():
        yield f"  {name}: " + ", ".join(f"{year} {_count(count)}" for year, count in years.items())


def _rules(title: str, found: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    yield from ("", title + ("" if found else ": none"))
    yield from (f"{count:>10,}  {name}: {rule}" for name, rules in found.items() for rule, count in rules.items())


def _count(count: int | None) -> str:
    return "below 5" if count is None else f"{count:,}"
