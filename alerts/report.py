"""What an officer monitors: vouchers, visit intervals, feedback and messages, counted so that nobody can be found.

By definition, provider and month. Which numbers are shown, and which are counted together, `alerts.disclosure` decides.
There is no way to ask for some months or providers only: two reports of different parts could be subtracted.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from alerts.definitions import Definition
from alerts.disclosure import LIMIT, Published, publish
from alerts.facts import BREAKDOWNS, FAMILIES, Family, counts, parts
from records.clock import HELSINKI


@dataclass(frozen=True)
class Section:
    """The numbers of one family of facts.

    Attributes:
        family: its name.
        total: all facts together, one row.
        by: tables by definition, provider and month.
        parts: of text messages, by table: how many parts those of each row that were sent took, which is what is paid
            for. None for a table in which those sent are counted together with others.
    """

    family: str
    total: Published
    by: Mapping[str, Published]
    parts: Mapping[str, tuple[int, ...] | None] = field(default_factory=dict)

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
        sections.append(section_of(family, facts))
    names = {name: dict(definitions[name].name.items()) for name in sorted(used)}
    return Report(now, names, tuple(name for name in names if definitions[name].example), tuple(sections))


def section_of(family: Family, facts: pa.Table) -> Section:
    """The numbers of one family of facts."""
    total, *tables = (publish(counts(family, facts, name)) for name in (None, *BREAKDOWNS))
    by = dict(zip(BREAKDOWNS, tables, strict=True))
    return Section(family.name, total, by, _parts(family, facts, {"all": total, **by}))


def _parts(family: Family, facts: pa.Table, tables: Mapping[str, Published]) -> dict[str, tuple[int, ...] | None]:
    """Parts of each row of each table; they concern those whom the count of the messages sent concerns."""
    if family.paid is None:
        return {}
    found: dict[str, tuple[int, ...] | None] = {}
    for name, table in tables.items():
        took = parts(facts, None if name == "all" else name)
        alone = (family.paid,) in table.columns
        found[name] = tuple(sum(took[row] for row in group) for group in table.rows) if alone else None
    return found


def as_json(report: Report) -> str:
    """The report as JSON.

    For each family: `outcomes`, groups of outcomes that are counted together; `rows`, each with the names that it
    counts together, its counts in the order of the outcomes, their shares of the row, and the row's `sum`. `hidden`
    where all together concern too few people. A row of text messages also has the `parts` that those sent took; null
    where they are counted together with others.
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
    """The report as CSV: one number a line, names that are counted together joined by ` + `.

    The parts that text messages took are a family of their own, `text_message_parts`.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("family", "by", "row", "outcome", "count", "share"))
    for section in report.sections:
        for breakdown, table in _tables(section):
            for row, numbers in zip(table.rows, table.counts, strict=True):
                for column, number in zip(table.columns, numbers, strict=True):
                    names = section.family, breakdown, " + ".join(row), " + ".join(column)
                    writer.writerow((*names, number, share(number, sum(numbers))))
        for breakdown, table in _tables(section):
            for row, many in zip(table.rows, section.parts.get(breakdown) or (), strict=False):
                writer.writerow(("text_message_parts", breakdown, " + ".join(row), "sent", many, ""))
    return out.getvalue()


def _plain_section(section: Section) -> dict[str, Any]:
    if section.hidden:
        return {"hidden": True}
    return {"hidden": False} | {name: _plain_table(section, name, table) for name, table in _tables(section)}


def _tables(section: Section) -> Iterator[tuple[str, Published]]:
    yield "all", section.total
    yield from section.by.items()


def _plain_table(section: Section, name: str, table: Published) -> dict[str, Any]:
    rows = [
        {"names": names, "counts": some, "shares": [share(one, sum(some)) for one in some], "sum": sum(some)}
        for names, some in zip(table.rows, table.counts, strict=True)
    ]
    if name in section.parts:
        took = section.parts[name] or [None] * len(rows)
        rows = [row | {"parts": many} for row, many in zip(rows, took, strict=True)]
    return {"outcomes": table.columns, "rows": rows}


def share(part: int, whole: int) -> float | None:
    """A part of a whole, to a tenth of a per cent; None of nothing."""
    return round(part / whole, 3) if whole else None
