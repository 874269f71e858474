"""The report as one HTML page: tables, a chart beside each table of months, three languages, nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from alerts.disclosure import LIMIT, Groups, Published
from alerts.facts import NONE
from alerts.report import Report, Section, share
from alerts.report_words import FAMILIES, MONTHS, OUTCOMES, PAGE
from records.clock import HELSINKI

BAD, DOUBTFUL, GOOD, OTHER = "bad", "doubtful", "good", "other"
"""How a chart draws outcomes: each in its colour and pattern, in this order."""

ORDER = ("month", "definition", "provider")
"""In which order the tables stand."""

DRAWN: dict[str, dict[str, str]] = {
    "activation": {"unactivated": BAD, "late": DOUBTFUL, "in_time": GOOD},
    "overruns": {"open": BAD, "visited": GOOD},
    "feedback": {"in_force": GOOD, "cancelled_by_provider": BAD, "cancelled_by_officer": BAD},
    "text_messages": {"sent": GOOD, "failed": DOUBTFUL, "withdrawn": OTHER, "waiting": OTHER},
    "portal_messages": {"sent": GOOD, "no_provider": BAD},
}
"""By family; what is not named is drawn as `OTHER`, of text messages as `BAD`."""

_SHARED = {"text_messages": "not_sent", "feedback": "cancelled"}
"""What `BAD` means where it stands for several outcomes."""

_MOMENT = {"fi": "{0.day}.{0.month}.{0.year} klo {0:%H.%M}", "sv": "{0.day}.{0.month}.{0.year} kl. {0:%H.%M}"}
_PLOT, _BAR, _ROW, _LABEL = 320.0, 16.0, 38.0, 14.0
"""Width of a chart, thickness of a bar, height of a row, and of the label above the bar, in units of the drawing."""


def as_html(report: Report, language: str) -> str:
    """The report as a page that needs nothing else.

    Args:
        report: the report.
        language: fi, sv or en.
    """
    words = _Words(language, report.names)
    return (
        page_templates()
        .get_template("report.html")
        .render(
            language=language,
            words=words.page,
            moment=words.moment(report.as_of),
            limit=LIMIT,
            examples=[words.definition(name) for name in report.examples],
            sections=[_section(section, words) for section in report.sections],
        )
    )


def page_templates(*more: Path) -> Environment:
    """The templates of this room, which share one style; and those of other folders, which may use it."""
    return Environment(
        loader=FileSystemLoader([Path(__file__).parent / "templates", *more]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def written_moment(moment: datetime, language: str) -> str:
    """A moment on the clock of Helsinki, as it stands on a page."""
    local = moment.astimezone(HELSINKI)
    return _MOMENT.get(language, "{0.day} {0:%B %Y}, {0:%H:%M}").format(local)


def written_number(number: int, language: str) -> str:
    """A whole number as it stands on a page."""
    separated = f"{number:,}"
    return separated if language == "en" else separated.replace(",", "\N{NO-BREAK SPACE}")


@dataclass(frozen=True)
class _Words:
    """How names and numbers are written in one language."""

    language: str
    names: Mapping[str, Mapping[str, str]]

    @property
    def page(self) -> dict[str, str]:
        return PAGE[self.language]

    def moment(self, moment: datetime) -> str:
        return written_moment(moment, self.language)

    def number(self, number: int) -> str:
        return written_number(number, self.language)

    def percent(self, part: int, whole: int) -> str:
        found = share(part, whole)
        if not found:
            return ""
        written = f"{100 * found:.1f}"
        return f"{written}%" if self.language == "en" else f"{written.replace('.', ',')}\N{NO-BREAK SPACE}%"

    def definition(self, name: str) -> str:
        return f"{self.names[name][self.language]} ({name})" if name in self.names else name

    def outcomes(self, family: str, group: tuple[str, ...]) -> str:
        """A group's name; of more than two outcomes no more is said, see `others`."""
        if len(group) > 2:
            return self.page["other"]
        return " + ".join(self._outcomes(family, group))

    def others(self, family: str, groups: Groups) -> str:
        """What stands behind the name of a group of more than two outcomes; nothing if there is no such group."""
        named = [[_lower(name) for name in self._outcomes(family, group)] for group in groups if len(group) > 2]
        return "".join(f"{self.page['other']}: {', '.join(names)}." for names in named)

    def _outcomes(self, family: str, group: tuple[str, ...]) -> list[str]:
        return [OUTCOMES[family][outcome][self.language] for outcome in group]

    def row(self, breakdown: str, group: tuple[str, ...], rows: int) -> str:
        """A row's name: one definition, provider or month, a range of months, or how many are counted together."""
        if breakdown == "month":
            ends = [self._month(name) for name in dict.fromkeys((group[0], group[-1]))]
            return "\N{EN DASH}".join(ends)
        if len(group) > 1:
            return self.page["all_together"] if rows == 1 else self.page["together"].format(many=len(group))
        if breakdown == "definition":
            return self.definition(group[0])
        return group[0] if group[0] != NONE else self.page["no_provider"]

    def _month(self, name: str) -> str:
        month = MONTHS[self.language][int(name[5:]) - 1]
        return f"{month}/{name[:4]}" if self.language == "fi" else f"{month} {name[:4]}"


def _lower(name: str) -> str:
    """A name in the midst of a sentence."""
    return name[:1].lower() + name[1:]


def _section(section: Section, words: _Words) -> dict[str, Any]:
    heading, counted = FAMILIES[section.family][words.language]
    shown: dict[str, Any] = {"id": section.family, "heading": heading, "counted": counted, "state": "shown"}
    if section.hidden:
        return shown | {"state": "hidden"}
    if not sum(map(sum, section.total.counts)):
        return shown | {"state": "none"}
    return shown | {
        "totals": _totals(section, words),
        "tables": [_table(section, name, words) for name in ORDER],
        "chart": _chart(section.family, section.by["month"], words),
        "chart_says": words.page["chart"].format(family=heading),
    }


def _totals(section: Section, words: _Words) -> list[dict[str, str]]:
    (numbers,) = section.total.counts
    whole = sum(numbers)
    took = [words.number(many) for many in section.parts.get("all") or ()]
    return [
        {
            "name": words.outcomes(section.family, group),
            "number": words.number(number),
            "share": words.percent(number, whole),
        }
        for group, number in zip(section.total.columns, numbers, strict=True)
    ] + [{"name": words.page["parts"], "number": many, "share": ""} for many in took]


def _table(section: Section, breakdown: str, words: _Words) -> dict[str, Any]:
    """A table without the columns in which nothing is counted, and without a single one, which would repeat the sum."""
    family, table, took = section.family, section.by[breakdown], section.parts.get(breakdown)
    used = [place for place in range(len(table.columns)) if any(numbers[place] for numbers in table.counts)]
    used = used if len(used) > 1 else []
    return {
        "breakdown": breakdown,
        "columns": [words.outcomes(family, table.columns[place]) for place in used],
        "has_parts": took is not None,
        "others": words.others(family, tuple(table.columns[place] for place in used)),
        "rows": [
            {
                "name": words.row(breakdown, group, len(table.rows)),
                "cells": [
                    (words.number(numbers[place]), words.percent(numbers[place], sum(numbers))) for place in used
                ],
                "sum": words.number(sum(numbers)),
                "parts": words.number(many),
            }
            for group, numbers, many in zip(table.rows, table.counts, took or [0] * len(table.rows), strict=True)
        ],
    }


def _chart(family: str, table: Published, words: _Words) -> dict[str, Any]:
    """Bars of months, one above the other; places and sizes in units of the drawing."""
    places = _places(family, table)
    scale = _PLOT / max(sum(numbers) for numbers in table.counts)
    bars = [
        {
            "name": words.row("month", group, len(table.rows)),
            "sum": words.number(sum(numbers)),
            "y": place * _ROW,
            "parts": _parts({kind: sum(numbers[one] for one in some) for kind, some in places.items()}, scale),
        }
        for place, (group, numbers) in enumerate(zip(table.rows, table.counts, strict=True))
    ]
    legend = [
        (kind, _legend(family, kind, [table.columns[one] for one in some], words)) for kind, some in places.items()
    ]
    return {"width": _PLOT, "height": len(bars) * _ROW, "bar": _BAR, "label": _LABEL, "bars": bars, "legend": legend}


def _places(family: str, table: Published) -> dict[str, list[int]]:
    """Which columns each kind of drawing stands for; columns in which nothing is counted for none."""
    found: dict[str, list[int]] = {kind: [] for kind in (BAD, DOUBTFUL, GOOD, OTHER)}
    for place, group in enumerate(table.columns):
        if any(numbers[place] for numbers in table.counts):
            found[_kind(family, group)].append(place)
    return {kind: places for kind, places in found.items() if places}


def _kind(family: str, group: tuple[str, ...]) -> str:
    """How a group of outcomes is drawn: as all of them are, else as others."""
    otherwise = BAD if family == "text_messages" else OTHER
    kinds = {DRAWN[family].get(outcome, otherwise) for outcome in group}
    return kinds.pop() if len(kinds) == 1 else OTHER


def _legend(family: str, kind: str, groups: list[tuple[str, ...]], words: _Words) -> str:
    if len(groups) == 1:
        return words.outcomes(family, groups[0])
    return words.page[_SHARED[family] if kind == BAD else "other"]


def _parts(numbers: Mapping[str, int], scale: float) -> list[dict[str, Any]]:
    """The parts of one bar, side by side."""
    starts = accumulate(numbers.values(), initial=0)
    return [
        {"kind": kind, "x": round(start * scale, 2), "width": round(number * scale, 2)}
        for (kind, number), start in zip(numbers.items(), starts, strict=False)
        if number
    ]
