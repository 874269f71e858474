"""The page that documents a catalogue: every family with its meaning, in Markdown, made from the catalogue alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from features.catalogue import Catalogue
from features.families import COUNTING, EPISODE_GAP, LANGUAGES, RECALL_GRACE, RETREATMENT_DAYS, WINDOWS, Family, Label

AGGREGATES: Mapping[str, str] = {
    "count": "number of",
    "any": "whether there is any of",
    "total": "sum of",
    "distinct": "number of different",
    "repeated": "number of values on two days or more of",
    "since": "days since the latest of",
    "oldest": "days since the first of",
    "last": "latest",
    "highest": "highest",
    "lowest": "lowest",
    "slope": "least-squares change a year of",
    "mean": "mean of",
    "usual": "share of the most common",
    "share": "ratio of",
    "age": "whole years since birth of",
    "attribute": "as recorded of",
}


def page(catalogue: Catalogue, about: Mapping[str, Label]) -> str:
    """The whole page.

    Args:
        catalogue: what to document.
        about: names of the reason groups, in the order of the page.
    """
    return "\n".join(_lines(catalogue, about)) + "\n"


def _lines(catalogue: Catalogue, about: Mapping[str, Label]) -> Iterator[str]:
    yield "# Features"
    yield ""
    yield "<!-- Made by `python -m features page`; a test holds it to the catalogue. -->"
    yield ""
    yield (
        f"{len(catalogue)} features of {len(catalogue.families)} families, version `{catalogue.version}`. Each is "
        "computed as of a moment: it sees the events that happened and were recorded before that moment, and no other."
    )
    yield ""
    yield from _conventions()
    for group, label in about.items():
        families = [family for family in catalogue.families if group in _groups(family)]
        yield from (f"## {label.en}", "", f"*{label.fi} · {label.sv}* (`{group}`)", "")
        yield "| columns | what a clinician reads | computed as | nothing in the window | never seen | can be changed |"
        yield "|---|---|---|---|---|---|"
        for family in families:
            yield _row(family, group)
        yield ""


def _conventions() -> Iterator[str]:
    windows = ", ".join(f"`{name}` {days} days" for name, days in WINDOWS.items() if days)
    yield f"- Windows: {windows}; `ever` without a limit. They count whole Helsinki days back from the moment's day."
    yield f"- A visit more than {EPISODE_GAP} days after the one before starts a course of care."
    yield f"- Care of the same kind on the same tooth within {RETREATMENT_DAYS} days counts as done again."
    yield f"- A recommended examination is kept when it comes at most {RECALL_GRACE} days late."
    yield "- A share, mean or change is one division of whole numbers, so that every engine gives the same bits."
    yield ""


def _groups(family: Family) -> set[str]:
    return {family.about} if isinstance(family.about, str) else {family.about[level] for level in family.levels or ()}


def _row(family: Family, group: str) -> str:
    features = [feature for feature in family.features() if feature.about == group]
    labels = dict.fromkeys(" · ".join(feature.label(language) for language in LANGUAGES) for feature in features)
    names = ", ".join(f"`{feature.name}`" for feature in features)
    none, never = _empty(family)
    changed = {feature.modifiable for feature in features}
    cells = (
        names, "<br>".join(labels), meaning(family), none, never,
        "in part" if len(changed) > 1 else "yes" if changed == {True} else "no",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _empty(family: Family) -> tuple[str, str]:
    """What the columns hold when nothing is in the window, and when nothing was ever seen."""
    if family.aggregate in {"age", "attribute"}:
        return "–", "–"  # noqa: RUF001 - the dash is typography
    if family.aggregate not in COUNTING:
        return "missing", "missing"
    return "0", "missing" if family.never == "missing" else "0"


def meaning(family: Family) -> str:
    """How a family is computed, as one phrase."""
    if family.of:
        return f"ratio of `{family.of[0]}` to `{family.of[1]}`"
    read = f"{family.source}.{family.measure}" if family.measure else family.source
    where = [f"{column} is {' or '.join(map(str, values))}" for column, values in family.where]
    by = [f"each {family.by}"] if family.by else []
    unit = f", in {family.unit}" if family.unit and family.aggregate not in {"since", "oldest", "age"} else ""
    conditions = f" where {' and '.join(where)}" if where else ""
    return f"{AGGREGATES[family.aggregate]} {read}{conditions}{''.join(f', by {each}' for each in by)}{unit}"
