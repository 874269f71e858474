"""How a feature is declared: families, each a source x filter x by x windows x aggregate.

A family is data. It expands to one named column for each of its levels and windows; `features.evaluate` computes
the columns, `features.catalogue` collects and checks them. Every family carries what a clinician reads: a label in
Finnish, Swedish and English, a unit, the reason group it belongs to, and whether a person can change it.

Three different things look alike in a record, and a column keeps them apart:

- *zero*: there are events to look at, and the number is 0 (a DMFT of 0 was measured);
- *none*: no event passes the filter in the window. `COUNTING` aggregates say 0 (nothing counted), all others are
  missing (NaN): there is no latest value of nothing;
- *never*: the moment sees no event at all in the family's table. A family declares what its counts are then: 0 by
  default (who never came had no visits), or missing with `never="missing"` (whose gums were never measured is not
  known to have had no deep pockets).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict, Unpack

import pyarrow as pa

from records.codes import NEED_GROUPS
from records.schema import TABLES, Column

Language = Literal["fi", "sv", "en"]
LANGUAGES: tuple[Language, ...] = ("fi", "sv", "en")
Aggregate = Literal[
    "count", "any", "total", "distinct", "repeated",
    "since", "oldest", "last", "highest", "lowest", "slope", "mean", "usual",
    "share", "age", "attribute",
]  # fmt: skip
COUNTING: tuple[Aggregate, ...] = ("count", "any", "total", "distinct", "repeated")
"""Aggregates that count: 0 where nothing passes the filter."""
Never = Literal["zero", "missing"]
WINDOWS: Mapping[str, int | None] = {"m6": 183, "m12": 365, "m24": 730, "m36": 1095, "m60": 1826, "ever": None}
"""Window names and their length in days; a window of n days holds events at most n days before the moment's day."""

DERIVED: Mapping[str, tuple[str, ...]] = {
    "procedures": ("group", "surface_count", "retreated", "recall", "recall_kept", "overdue"),
    "visits": ("gap", "starts_episode"),
}
"""Columns that the evaluator adds to a source. "Seen" is by the moment at hand; days are Helsinki days.

- `visits.gap`: whole days since the previous seen visit, in the order of time, then event id; missing for the first.
- `visits.starts_episode`: 1 where that gap is missing or above `EPISODE_GAP`, else 0.
- `procedures.group`: need group of the code.
- `procedures.surface_count`: number of surfaces; missing where none are recorded.
- `procedures.retreated`: 1 where the same tooth had a seen procedure of the same need group on an earlier day, the
  latest such day at most `RETREATMENT_DAYS` before; else 0; missing without a tooth.
- `procedures.recall`: days until the examination that the code recommends (`records/tables/recall_codes.csv`);
  missing for other codes.
- `procedures.recall_kept`: on the first seen procedure (by time, then event id) of each day with procedures of the
  group `examination` (a code that is a recall is no examination): 1 where it came at most `RECALL_GRACE` days after
  the day recommended by the latest seen recall of an earlier day, 0 where it came later; missing where there is no
  such recall, or where an examination on a day after the recall's came before. Of several recalls of that latest
  day the last by time, then event id, holds. Missing on all other procedures.
- `procedures.overdue`: on a recall with no seen examination on a later day: days since the recommended day, 0 when it
  has not passed; missing on all other procedures.
"""
NUMBERED = ("surface_count", "retreated", "recall", "recall_kept", "overdue", "gap", "starts_episode")

EPISODE_GAP = 180
"""Days without a visit after which the next visit starts an episode; the project's own convention, not published."""
RETREATMENT_DAYS = 730
"""Days within which care of the same kind on the same tooth counts as done again: 24 months, a usual limit for early
failure; the project's own convention."""
RECALL_GRACE = 183
"""Days after the recommended day within which an examination still counts as kept; the project's own convention."""


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
        measure: the column that the aggregate reads; `count` with a measure counts the events that have a value.
        where: only events whose column has one of the values; a text that ends with `*` is the beginning of one.
        by: column whose levels become columns of their own.
        levels: the levels of `by`, with their labels.
        windows: names of `WINDOWS`.
        of: for `share`, the names of the numerator's and the denominator's family.
        never: what a `COUNTING` family says when the moment sees no event at all in its table.
        modifiable: whether the patient or the clinic can change what it measures, or the levels of which that holds.
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
    never: Never = "zero"
    modifiable: bool | tuple[str, ...] = False

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
    def modifiable(self) -> bool:
        """Whether the patient or the clinic can change what it measures."""
        which = self.family.modifiable
        return which if isinstance(which, bool) else self.level in which

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


NEEDS_NUMBER = ("total", "last", "highest", "lowest", "slope", "mean")
NEEDS_WHOLE = ("total", "slope", "mean")
NEEDS_VALUES = ("distinct", "repeated", "usual")
TIMELESS = ("since", "oldest", "age", "attribute")


def _problems(family: Family) -> Iterator[str]:
    if family.source not in TABLES:
        yield f"there is no table {family.source!r}"
        return
    if family.source == "patients" and family.aggregate not in ("age", "attribute"):
        yield f"patients are no events to {family.aggregate}"
    yield from _personal_problems(family)
    yield from _column_problems(family)
    if not family.windows or any(window not in WINDOWS for window in family.windows):
        yield f"windows must be named from {', '.join(WINDOWS)}"
    if family.aggregate in TIMELESS and family.windows != ("ever",):
        yield f"{family.aggregate} has no windows"
    if family.never == "missing" and family.aggregate not in COUNTING:
        yield f"{family.aggregate} is missing anyway when nothing was ever seen"
    if (family.aggregate == "share") != (family.of is not None):
        yield "a share, and only a share, is of two families"
    yield from _label_problems(family)


def _personal_problems(family: Family) -> Iterator[str]:
    if family.aggregate in ("age", "attribute"):
        if family.source != "patients":
            yield f"{family.aggregate} is of patients, and {family.source} are events"
        if family.where or family.by:
            yield f"{family.aggregate} is of one person, and has no conditions and no levels"
        column = _column("patients", family.measure or "")
        if family.aggregate == "attribute" and column is not None and not pa.types.is_boolean(column.type):
            yield f"attribute needs a yes or a no, and patients.{family.measure} is neither"


def _column_problems(family: Family) -> Iterator[str]:
    named = [family.measure, family.by, *(column for column, _ in family.where)]
    unknown = [column for column in named if column is not None and not _exists(family.source, column)]
    if unknown:
        yield f"table {family.source} has no column {unknown[0]!r}"
        return
    if family.source != "patients":
        yield from (
            f"{family.source}.{column} is neither a number nor a text"
            for column in named
            if column is not None and not (_is_number(family.source, column) or _is_text(family.source, column))
        )
    if family.aggregate in (*NEEDS_NUMBER, *NEEDS_VALUES, "attribute") and family.measure is None:
        yield f"{family.aggregate} needs a column to measure"
    elif family.aggregate in NEEDS_NUMBER and not _is_number(family.source, family.measure or ""):
        yield f"{family.aggregate} needs a number, and {family.source}.{family.measure} is none"
    elif family.aggregate in NEEDS_WHOLE and not _is_whole(family.source, family.measure or ""):
        yield f"{family.aggregate} needs whole numbers, for its sums to be exact"
    elif family.aggregate in NEEDS_VALUES and not _is_listable(family.source, family.measure or ""):
        yield f"{family.aggregate} needs a text or a limited whole number; {family.source}.{family.measure} is neither"
    for column, values in family.where:
        if not values:
            yield f"no value of {family.source}.{column} is wanted"
        number = _is_number(family.source, column)
        if any(isinstance(value, str) == number for value in values):
            yield f"{family.source}.{column} is {'a number' if number else 'a text'}, and a wanted value is not"


def _label_problems(family: Family) -> Iterator[str]:
    if (family.by is None) != (not family.levels):
        yield "`by` and `levels` go together"
    labels = [family.label, *(family.levels or {}).values()]
    if any(not label[language].strip() for label in labels for language in LANGUAGES):
        yield "a label is missing"
    if not isinstance(family.about, str) and set(family.levels or ()) - set(family.about):
        yield "a level has no reason group"
    if not isinstance(family.modifiable, bool) and set(family.modifiable) - set(family.levels or ()):
        yield "a level that can be changed is no level"


def _column(source: str, name: str) -> Column | None:
    return TABLES[source].columns().get(name)


def _exists(source: str, name: str) -> bool:
    return _column(source, name) is not None or name in DERIVED.get(source, ())


def _is_number(source: str, name: str) -> bool:
    column = _column(source, name)
    if column is None:
        return name in NUMBERED
    return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))


def _is_text(source: str, name: str) -> bool:
    column = _column(source, name)
    return column is None or bool(pa.types.is_string(column.type))


def _is_whole(source: str, name: str) -> bool:
    column = _column(source, name)
    return column is None or bool(pa.types.is_integer(column.type))


def _is_listable(source: str, name: str) -> bool:
    """Whether a column's values can be told apart by a small whole number."""
    column = _column(source, name)
    if column is None:
        return name == "group"
    limited = column.at_least is not None and column.at_least >= 0 and column.at_most is not None
    return bool(pa.types.is_string(column.type) or (pa.types.is_integer(column.type) and limited))


class Options(TypedDict, total=False):
    """What every declaring function takes besides source, name, label and reason group."""

    unit: str
    where: Mapping[str, str | int | tuple[str | int, ...]]
    by: str
    levels: Mapping[str, Label]
    windows: str
    never: Never
    modifiable: bool | tuple[str, ...]


About = str | Mapping[str, str]


def count(source: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Number of events; of a column, written `table.column`, of events that have a value."""
    return _family("count", source, name, label, about, options)


def whether(source: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """1 where there is an event, else 0."""
    return _family("any", source, name, label, about, options)


def total(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Sum of a whole-number column, written `table.column`; missing values count as nothing."""
    return _family("total", column, name, label, about, options)


def distinct(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Number of different values of a column (a text, or a whole number with limits), written `table.column`."""
    return _family("distinct", column, name, label, about, options)


def repeated(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Number of different values that a column has on at least two days."""
    return _family("repeated", column, name, label, about, options)


def usual(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Share of the most common value among the events that have a value: the usual-provider index of continuity."""
    return _family("usual", column, name, label, about, {"unit": "%", **options})


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


def lowest(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """The lowest value."""
    return _family("lowest", column, name, label, about, options)


def mean(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """The mean of a whole-number column: one division of its sum by the number of its values."""
    return _family("mean", column, name, label, about, options)


def slope(column: str, name: str, label: Label, about: About, **options: Unpack[Options]) -> Family:
    """Least-squares change a year (365 days) of a whole-number column; missing with fewer than two days."""
    return _family("slope", column, name, label, about, {"unit": "1/y", **options})


def share(
    numerator: Family, denominator: Family, name: str, label: Label, about: str, *, windows: str = "", unit: str = "%"
) -> Family:
    """The numerator's value divided by the denominator's, in each window; missing when that is 0 or missing.

    Both are families without levels. Windows are the numerator's where none are named; the denominator has them too.
    """
    return Family(
        name, "share", numerator.source, label, about, unit=unit, of=(numerator.name, denominator.name),
        windows=tuple(windows.split()) or numerator.windows,
    )  # fmt: skip


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
        windows=tuple(options.get("windows", "ever").split()), never=options.get("never", "zero"),
        modifiable=options.get("modifiable", False),
    )  # fmt: skip
