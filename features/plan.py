"""The plan of a catalogue: what its families read, which words they tell apart, and where each answer goes.

A plan is made of the catalogue alone, once, so that answering a question about one patient repeats none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.families import DERIVED, WINDOWS, Aggregate, Family
from records.schema import TABLES

Ints = NDArray[np.int64]
Pattern = tuple[str, bool]
"""A text, and whether it is only the beginning of the texts that are meant."""
Condition = tuple[str, tuple[str | int, ...]]

READ_FROM: Mapping[str, tuple[str, ...]] = {
    "group": ("code",),
    "surface_count": ("surfaces",),
    "recall": ("code",),
}
"""Stored columns that are read for derived ones which follow from one event alone."""
LOOKED_BACK: Mapping[str, tuple[str, ...]] = {
    "retreated": ("group", "tooth"),
    "recall_kept": ("group", "recall"),
    "overdue": ("group", "recall"),
    "gap": (),
    "starts_episode": (),
}
"""Columns of single events that those derived columns are made of which depend on what else the moment sees."""

MERGING: tuple[Aggregate, ...] = ("count", "any", "total", "mean", "slope", "since", "oldest", "highest", "lowest")
"""Aggregates of two classes of events that follow from those of each: sums, least and largest values."""
WITHOUT_WINDOWS: tuple[Aggregate, ...] = ("since", "oldest", "last")
"""Aggregates that `features.pairs` computes over all events."""
OF_EVENTS: tuple[Aggregate, ...] = (*MERGING, "last", "distinct", "repeated", "usual")


class Vocabulary:
    """Which values of a text column a catalogue tells apart: values that pass the same conditions are one class.

    Class 0 are the values that pass none, missing ones among them.
    """

    def __init__(self, conditions: Iterable[frozenset[Pattern]]) -> None:
        wanted = list(dict.fromkeys(conditions))
        passes = {
            pattern: tuple(condition for condition in wanted if any(_covers(other, pattern) for other in condition))
            for pattern in dict.fromkeys(pattern for condition in wanted for pattern in sorted(condition))
        }
        classes = {passed: at + 1 for at, passed in enumerate(dict.fromkeys(passes.values()))}
        self.size = 1 + len(classes)
        self._longest = max((len(text) for text, _ in passes), default=0)
        self._class = {pattern: classes[passed] for pattern, passed in passes.items()}
        self._passing = {
            condition: tuple(number for passed, number in classes.items() if condition in passed)
            for condition in wanted
        }

    def number(self, value: str | None) -> int:
        """The class of a value. The longest pattern that it matches tells which others it matches too."""
        if value is None:
            return 0
        found = self._class.get((value, False))
        longest = min(len(value), self._longest)
        starts = (self._class.get((value[:length], True)) for length in range(longest, -1, -1))
        return found or next((number for number in starts if number), 0)

    def passing(self, condition: frozenset[Pattern]) -> tuple[int, ...]:
        """The classes of the values that pass one of the conditions that the vocabulary was made of."""
        return self._passing[condition]


def _covers(one: Pattern, other: Pattern) -> bool:
    """Whether what matches `other`, and no longer pattern, matches `one`."""
    return one == other or (one[1] and other[0].startswith(one[0]))


def condition_of(values: Iterable[str | int]) -> frozenset[Pattern]:
    """The patterns of the wanted values of a text column."""
    return frozenset((str(value).removesuffix("*"), str(value).endswith("*")) for value in values)


def is_text(source: str, column: str) -> bool:
    """Whether a column, stored or derived, holds texts."""
    if _is_derived(source, column):
        return column == "group"
    return bool(pa.types.is_string(TABLES[source].columns()[column].type))


@dataclass(frozen=True)
class Wanted:
    """A condition: the events that have one of a few numbers in a column, or one of a few classes of its texts."""

    column: str
    classes: bool
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Selection:
    """Events of one source that families look at: those that pass the conditions and have a value to measure."""

    source: str
    where: tuple[Wanted, ...]
    measure: str | None


@dataclass(frozen=True)
class Ask:
    """One family, as the evaluator answers it.

    Attributes:
        family: the family.
        place: its columns in the matrix.
        selection: number of the selection it looks at, among those of the plan.
        split: the text column whose classes are aggregated apart, if any.
        planes: positions of its columns among those that `features.pairs` makes, shape (classes that are merged to one,
            columns).
        days: by column, the length of its window; infinite for "ever".
        top, bottom: for a share, the columns in the matrix that are divided.
    """

    family: Family
    place: slice
    selection: int
    split: str | None
    planes: Ints
    days: NDArray[np.float64]
    top: Ints
    bottom: Ints


@dataclass(frozen=True)
class Plan:
    """How a catalogue is answered.

    Attributes:
        asks: the families, in order.
        selections: the events that they look at.
        columns: by table, the stored columns to read: `patients` first, with `birth_date`; of events, `event_time`,
            `recorded_at`, then the others.
        numbers: by table, the columns of single events that are measured, or compared as numbers.
        vocabularies: by table and text column, the words that are told apart.
        windows: by table, the lengths in days of the windows that end, rising.
        ladders: by table, the shortest window that holds an event of an age, by days of age; the last entry holds for
            all greater ages. Windows are numbered by length; the last is "ever".
    """

    asks: tuple[Ask, ...]
    selections: tuple[Selection, ...]
    columns: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, tuple[str, ...]]
    vocabularies: Mapping[str, Mapping[str, Vocabulary]]
    windows: Mapping[str, tuple[int, ...]]
    ladders: Mapping[str, Ints]


@lru_cache(maxsize=32)
def plan_of(catalogue: Catalogue) -> Plan:
    """The plan of a catalogue."""
    vocabularies = {source: _vocabularies(source, catalogue.families) for source in catalogue.sources}
    windows = {source: _windows(source, catalogue.families) for source in catalogue.sources}
    names = {name: at for at, name in enumerate(catalogue.names)}
    selections: dict[Selection, int] = {}
    asks, first = [], 0
    for family in catalogue.families:
        split, levels, where = _split(family, vocabularies[family.source])
        conditions = tuple(_wanted(condition, vocabularies[family.source]) for condition in where)
        selection = Selection(family.source, conditions, family.measure)
        last = first + len(family.features())
        top, bottom = (_columns_of(name, family, names) for name in family.of or ("", ""))
        asks.append(
            Ask(
                family=family,
                place=slice(first, last),
                selection=selections.setdefault(selection, len(selections)) if family.aggregate in OF_EVENTS else -1,
                split=split,
                planes=_planes(family, levels, windows[family.source]),
                days=np.tile([WINDOWS[window] or np.inf for window in family.windows], len(levels)),
                top=top,
                bottom=bottom,
            )
        )
        first = last
    ladders = {source: _ladder(limits) for source, limits in windows.items()}
    numbers = {source: _numbers(source, catalogue.families) for source in catalogue.sources}
    columns = _columns(catalogue, numbers)
    return Plan(tuple(asks), tuple(selections), columns, numbers, vocabularies, windows, ladders)


def _wanted(condition: Condition, words: Mapping[str, Vocabulary]) -> Wanted:
    column, values = condition
    if column in words:
        return Wanted(column, classes=True, numbers=words[column].passing(condition_of(values)))
    return Wanted(column, classes=False, numbers=tuple(float(value) for value in values))


def _columns_of(name: str, share: Family, names: Mapping[str, int]) -> Ints:
    """The columns of another family in a share's windows."""
    suffixes = [f"_{window}" for window in share.windows]
    return np.array([names.get(name + suffix, names.get(name, -1)) for suffix in suffixes])


def _vocabularies(source: str, families: Iterable[Family]) -> dict[str, Vocabulary]:
    conditions: dict[str, list[frozenset[Pattern]]] = {}
    for family in families:
        if family.source != source:
            continue
        for column, values in family.where:
            if is_text(source, column):
                conditions.setdefault(column, []).append(condition_of(values))
        for level in family.levels or ():
            conditions.setdefault(family.by or "", []).append(frozenset({(level, False)}))
    return {column: Vocabulary(wanted) for column, wanted in conditions.items()}


def _windows(source: str, families: Iterable[Family]) -> tuple[int, ...]:
    asked = {WINDOWS[window] for family in families if family.source == source for window in family.windows}
    return tuple(sorted(days for days in asked if days is not None))


def _split(
    family: Family, words: Mapping[str, Vocabulary]
) -> tuple[str | None, tuple[tuple[int, ...], ...], tuple[Condition, ...]]:
    """The column to split events by, the classes of every level, and the conditions left to be passed before.

    A condition on a text column needs no selection of its own, when the aggregate of several classes follows from
    theirs: it is then one level of a split by that column, which other families split by too.
    """
    if family.by is not None:
        levels = tuple(words[family.by].passing(frozenset({(level, False)})) for level in family.levels or ())
        return family.by, levels, family.where
    texts = [(column, wanted) for column, wanted in family.where if column in words]
    if family.aggregate not in MERGING or not texts:
        return None, ((0,),), family.where
    column, wanted = texts[0]
    rest = tuple(condition for condition in family.where if condition != texts[0])
    return column, (words[column].passing(condition_of(wanted)),), rest


def _planes(family: Family, levels: tuple[tuple[int, ...], ...], windows: tuple[int, ...]) -> Ints:
    if family.aggregate in WITHOUT_WINDOWS:
        at, width = [0] * len(family.windows), 1
    else:
        ladder = [*windows, None]
        at, width = [ladder.index(WINDOWS[window]) for window in family.windows], len(ladder)
    merged = zip(*levels, strict=True)
    return np.array([[number * width + window for number in classes for window in at] for classes in merged])


def _ladder(windows: tuple[int, ...]) -> Ints:
    return np.searchsorted(windows, np.arange((windows or (-1,))[-1] + 2))


def _columns(catalogue: Catalogue, numbers: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    found = {"patients": dict.fromkeys(("birth_date", *numbers.get("patients", ())))}
    for source in catalogue.sources:
        if source != "patients":
            found[source] = dict.fromkeys(("event_time", "recorded_at"))
            texts = _vocabularies(source, catalogue.families)
            for column in (*texts, *numbers[source]):
                found[source] |= dict.fromkeys(
                    READ_FROM.get(column, (column,)) if _is_derived(source, column) else (column,)
                )
    return {source: tuple(columns) for source, columns in found.items()}


def _numbers(source: str, families: Iterable[Family]) -> tuple[str, ...]:
    asked = [
        column
        for family in families
        if family.source == source
        for column in (family.measure, *(column for column, _ in family.where if not is_text(source, column)))
        if column is not None
    ]
    return tuple(
        dict.fromkeys(
            made
            for column in asked
            for made in (LOOKED_BACK[column] if column in LOOKED_BACK and _is_derived(source, column) else (column,))
        )
    )


def _is_derived(source: str, column: str) -> bool:
    return column in DERIVED.get(source, ())
