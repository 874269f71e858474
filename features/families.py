"""How a feature is declared: families, each a source x filter x by x windows x aggregate.

A family is data. It expands to one named column for each of its levels and windows; `features.evaluate` computes
the columns, `features.catalogue` collects and checks them. Every family carries what a clinician reads: a label in
Finnish, Swedish and English, a unit, the reason group it belongs to, and whether a person can change it.

What a column holds when the patient has nothing to compute it from:

- `count`, `total`, `distinct`: 0 (nothing recorded is nothing counted);
- `since`, `oldest`, `last`, `highest`, `slope`, `mean`, `share`: missing (NaN).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict, Unpack

from records.codes import NEED_GROUPS
from records.schema import TABLES

Language = Literal["fi", "sv", "en"]
LANGUAGES: tuple[Language, ...] = ("fi", "sv", "en")
Aggregate = Literal[
    "count", "total", "distinct", "since", "oldest", "last", "highest", "slope", "mean", "share", "age", "attribute"
]
WINDOWS: Mapping[str, int | None] = {"m6": 183, "m12": 365, "m24": 730, "m36": 1095, "m60": 1826, "ever": None}
"""Window names and their length in days; a window of n days holds events at most n days before the moment's day."""

DERIVED: Mapping[str, tuple[str, ...]] = {
    "procedures": ("group",),
    "visits": ("gap", "starts_episode"),
}
"""Columns that the evaluator adds to a source: need group of a code; whole days since the patient's previous known
visit; 1 where that gap is missing or above `EPISODE_GAP` days."""

EPISODE_GAP = 180
"""Days without a visit after which the next visit starts an episode; the project's own convention, not published."""


class CatalogueError(ValueError):
    """A family cannot mean anything: an unknown column, an empty window, a missing label."""


@dataclass(frozen=True)
class Label:
    """One text in the three languages of the service."""

    fi: str
    sv: str
    en: str

    def __getitem__(self, language: Language) -> str:
        return {"fi": self.fi, "sv": self.sv, "en": self.en}[language]


@dataclass(frozen=True)
class Family:
    """One declared family of features.

    Attributes:
        name: base of the column names.
        aggregate: how events become one value.
        source: the table of the record history.
        label: what a clinician reads; `{level}` stands for the label of the level.
        about: the reason group, or a reason group for each level.
        unit: what the value counts (`d` days, `min`, `1/y` change a year, empty for a plain number).
        measure: the column that `total`, `last`, `highest`, `slope`, `mean`, `distinct` and `attribute` read.
        where: only events whose column has one of the values.
        by: column whose levels become columns of their own.
        levels: the levels of `by`, with their labels.
        windows: names of `WINDOWS`.
        of: for `share`, the names of the numerator's and the denominator's family.
        modifiable: whether the patient or the clinic can change what it measures.
    """

    name: str
    aggregate: Aggregate
    source: str
    label: Label
    about: str | Mapping[str, str]
    unit: str = ""
    measure: str | None = None
    where: tuple[tuple[str, tuple[str | int, ...]], ...] = ()
    by: str | None = None
    levels: Mapping[str, Label] | None = None
    windows: tuple[str, ...] = ("ever",)
    of: tuple[str, str] | None = None
    modifiable: bool = False

    def __post_init__(self) -> None:
        """Refuse a family that cannot mean anything."""
        for problem in _problems(self):
            raise CatalogueError(f"family {self.name!r}: {problem}")

    def features(self) -> list[Feature]:
        """The columns, levels before windows; the only window `ever` is left out of a name."""
        suffixed = self.windows != ("ever",)
        return [
            Feature(
                "_".join(part for part in (self.name, level, window if suffixed else None) if part), self, level, window
            )
            for level in (self.levels or (None,))
            for window in self.windows
        ]


@dataclass(frozen=True)
class Feature:
    """One column: a family at one level and window."""

    name: str
    family: Family
    level: str | None
    window: str

    @property
    def about(self) -> str:
        """The reason group."""
        about = self.family.about
        return about if isinstance(about, str) else about[self.level or ""]

    @property
    def days(self) -> int | None:
        """Length of the window in days; None without a limit."""
        return WINDOWS[self.window]

    def label(self, language: Language) -> str:
        """What a clinician reads, without the window."""
        text = self.family.label[language]
        if self.family.levels and self.level:
            return text.replace("{level}", self.family.levels[self.level][language])
        return text


def _columns(source: str) -> set[str]:
    return set(TABLES[source].columns()) | set(DERIVED.get(source, ()))


def _problems(family: Family) -> list[str]:  # noqa: C901 - a flat list of independent checks
    if family.source not in TABLES:
        return [f"there is no table {family.source!r}"]
    found = []
    needs_measure = {"total", "last", "highest", "slope", "mean", "distinct", "attribute"}
    if family.aggregate in needs_measure and family.measure is None:
        found.append(f"{family.aggregate} needs a column to measure")
    if family.source == "patients" and family.aggregate not in ("age", "attribute"):
        found.append(f"patients are no events to {family.aggregate}")
    named = [family.measure, family.by, *(column for column, _ in family.where)]
    unknown = [column for column in named if column is not None and column not in _columns(family.source)]
    if unknown:
        found.append(f"table {family.source} has no column {unknown[0]!r}")
    if not family.windows or any(window not in WINDOWS for window in family.windows):
        found.append(f"windows must be named from {', '.join(WINDOWS)}")
    if family.aggregate in ("since", "oldest", "age", "attribute") and family.windows != ("ever",):
        found.append(f"{family.aggregate} has no windows")
    if (family.by is None) != (not family.levels):
        found.append("`by` and `levels` go together")
    if any(not family.label[language].strip() for language in LANGUAGES):
        found.append("a label is missing")
    if not isinstance(family.about, str) and set(family.levels or ()) - set(family.about):
        found.append("a level has no reason group")
    if (family.aggregate == "share") != (family.of is not None):
        found.append("a share, and only a share, is of two families")
    return found


class Options(TypedDict, total=False):
    """What every declaring function takes besides source, name, label and reason group."""

    unit: str
    where: Mapping[str, str | int | tuple[str | int, ...]]
    by: str
    levels: Mapping[str, Label]
    windows: str
    modifiable: bool


About = str | Mapping[str, str]


def count(source: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Number of events."""
    return _family("count", source, name, label, about, options)


def total(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Sum of a whole-number column, written `table.column`; missing values count as nothing."""
    return _family("total", column, name, label, about, options)


def distinct(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Number of different values of a text column, written `table.column`."""
    return _family("distinct", column, name, label, about, options)


def since(source: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Whole days since the latest event."""
    return _family("since", source, name, label, about, {"unit": "d", **options})


def oldest(source: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Whole days since the first event."""
    return _family("oldest", source, name, label, about, {"unit": "d", **options})


def last(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """The latest value; ties are broken by time, then event id."""
    return _family("last", column, name, label, about, options)


def highest(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """The highest value."""
    return _family("highest", column, name, label, about, options)


def mean(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """The mean of a whole-number column: one division of its sum by the number of its values."""
    return _family("mean", column, name, label, about, options)


def slope(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Least-squares change a year (365 days) of a whole-number column; missing with fewer than two days."""
    return _family("slope", column, name, label, about, {"unit": "1/y", **options})


def share(numerator: Family, denominator: Family, name: str, label: Label, about: str) -> Family:
    """The numerator's value divided by the denominator's in each window of the numerator; missing when that is 0."""
    return Family(
        name,
        "share",
        numerator.source,
        label,
        about,
        unit="%",
        windows=numerator.windows,
        of=(numerator.name, denominator.name),
    )


def age(name: str, label: Label, about: str) -> Family:
    """Whole years of age on the moment's day."""
    return _family("age", "patients", name, label, about, {"unit": "y"})


def attribute(column: str, name: str, label: Label, about: str) -> Family:
    """A yes-or-no column of the patient, as 1 or 0."""
    return _family("attribute", column, name, label, about, {})


class Split(TypedDict):
    """The options that split events by the levels of a column."""

    by: str
    levels: Mapping[str, Label]


def by_groups(labels: Mapping[str, Label]) -> Split:
    """The options that split procedures by need group.

    Raises:
        CatalogueError: a group is not in the table of need groups.
    """
    unknown = sorted(set(labels) - set(NEED_GROUPS.groups))
    if unknown:
        raise CatalogueError(f"there is no need group {unknown[0]!r}")
    return {"by": "group", "levels": labels}


def _family(  # noqa: PLR0917 - the private end of nine short functions
    aggregate: Aggregate, column: str, name: str, label: Label, about: About, options: Options
) -> Family:
    source, _, measure = column.partition(".")
    where = {key: value if isinstance(value, tuple) else (value,) for key, value in options.get("where", {}).items()}
    return Family(
        name=name, aggregate=aggregate, source=source, label=label, about=about,
        unit=options.get("unit", ""), measure=measure or None, where=tuple(where.items()),
        by=options.get("by"), levels=options.get("levels"),
        windows=tuple(options.get("windows", "ever").split()), modifiable=options.get("modifiable", False),
    )  # fmt: skip
