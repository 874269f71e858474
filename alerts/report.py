"""What an officer monitors: vouchers, visit intervals, feedback and messages, counted so that nobody can be found.

By definition, provider and month. Which numbers are shown, and which are counted together, `alerts.disclosure` decides.
There is no way to ask for some months or providers only: two reports of different parts could be subtracted.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import Connection

from alerts.definitions import Definition
from alerts.disclosure import LIMIT, Published, publish
from alerts.facts import BREAKDOWNS, FAMILIES, counts
from records.clock import HELSINKI


@dataclass(frozen=True)
class Section:
    """The numbers of one family of facts.

    Attributes:
        family: its name.
        total: all facts together, one row.
        by: tables by definition, provider and month.
    """

    family: str
    total: Published
    by: Mapping[str, Published]

    @property
    def hidden(self) -> bool:
        """Whether there are facts, and all of them together concern too few people."""
        return not self.total.rows


@dataclass(frozen=True)
class Report:
    """The report as of a moment.

    Attributes:
        as_of: the moment.
        names: what the vouchers of each definition are called, by its id and language.
        examples: definitions in it whose limits and texts are made up.
        sections: one for each family of facts.
    """

    as_of: datetime
    names: Mapping[str, Mapping[str, str]]
    examples: tuple[str, ...]
    sections: tuple[Section, ...]


def make_report(connection: Connection, definitions: Mapping[str, Definition], now: datetime) -> Report:
    """The report of everything that is known at a moment.

    Args:
        connection: a connection in a transaction.
        definitions: voucher definitions by their id, old versions too.
        now: the moment.
    """
    sections, used = [], set()
    for family in FAMILIES:
        facts = family.read(connection, definitions, now)
        used |= set(pc.unique(facts["definition"]).to_pylist()) & set(definitions)
        tables = {name: publish(counts(family, facts, name)) for name in BREAKDOWNS}
        sections.append(Section(family.name, publish(counts(family, facts, None)), tables))
    names = {name: dict(definitions[name].name.items()) for name in sorted(used)}
    return Report(now, names, tuple(name for name in names if definitions[name].example), tuple(sections))


def as_json(report: Report) -> str:
    """The report as JSON.

    For each family: `outcomes`, groups of outcomes that are counted together; `rows`, each with the names that it
    counts together, its counts in the order of the outcomes, their shares of the row, and the row's `sum`. `hidden`
    where all together concern too few people.
    """
    content = {
        "as_of": report.as_of.astimezone(HELSINKI).isoformat(),
        "fewest_people": LIMIT,
        "definitions": report.names,
        "examples": report.examples,
        "families": {section.family: _plain_section(section) for section in report.sections},
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def as_csv(report: Report) -> str:
    """The report as CSV: one number a line, names that are counted together joined by ` + `."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("family", "by", "row", "outcome", "count", "share"))
    for section in report.sections:
        for breakdown, table in _tables(section):
            for row, numbers in zip(table.rows, table.counts, strict=True):
                for column, number in zip(table.columns, numbers, strict=True):
                    names = section.family, breakdown, " + ".join(row), " + ".join(column)
                    writer.writerow((*names, number, share(number, sum(numbers))))
    return out.getvalue()


def _plain_section(section: Section) -> dict[str, Any]:
    if section.hidden:
        return {"hidden": True}
    return {"hidden": False} | {name: _plain_table(table) for name, table in _tables(section)}


def _tables(section: Section) -> Iterator[tuple[str, Published]]:
    yield "all", section.total
    yield from section.by.items()


def _plain_table(table: Published) -> dict[str, Any]:
    rows = zip(table.rows, table.counts, strict=True)
    return {
        "outcomes": table.columns,
        "rows": [
            {"names": names, "counts": some, "shares": [share(one, sum(some)) for one in some], "sum": sum(some)}
            for names, some in rows
        ],
    }


def share(part: int, whole: int) -> float | None:
    """A part of a whole, to a tenth of a per cent; None of nothing."""
    return round(part / whole, 3) if whole else None
