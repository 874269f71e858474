"""The program of a catalogue: its plan as rows of whole numbers, which the kernel reads, and what to read of a person.

Like a plan, a program is made of the catalogue alone, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features import kernel
from features.catalogue import Catalogue
from features.events import FROM_TEXT, class_from_text
from features.families import EPISODE_GAP, RECALL_GRACE, RETREATMENT_DAYS, WINDOWS, Aggregate
from features.kernel import Condition, Derived, Rules, Share, Source
from features.plan import LOOKED_BACK, Ask, Plan, Selection, is_text, plan_of
from records.codes import NEED_GROUPS

KINDS: Mapping[Aggregate, int] = {
    "count": kernel.COUNT,
    "any": kernel.ANY,
    "total": kernel.TOTAL,
    "mean": kernel.MEAN,
    "slope": kernel.SLOPE,
    "since": kernel.SINCE,
    "oldest": kernel.OLDEST,
    "last": kernel.LAST,
    "highest": kernel.HIGHEST,
    "lowest": kernel.LOWEST,
    "distinct": kernel.DISTINCT,
    "repeated": kernel.REPEATED,
    "usual": kernel.USUAL,
}
"""The numbers of the aggregates of events."""
LOOKING_BACK: Mapping[str, int] = {
    "gap": kernel.GAP,
    "starts_episode": kernel.STARTS_EPISODE,
    "retreated": kernel.RETREATED,
    "recall_kept": kernel.RECALL_KEPT,
    "overdue": kernel.OVERDUE,
}
"""The numbers of the columns that depend on what else the moment sees."""
REMEMBERED = 4_096
"""Texts of one column that are remembered, more than a code system of one country uses in dental care."""


class Texts(dict[str | None, float]):
    """The numbers of texts, each made when it is first met; NaN, or class 0, for a missing one."""

    def __init__(self, number: Callable[[str], float | None], missing: float) -> None:
        super().__init__({None: missing})
        self._number, self._missing = number, missing

    def __missing__(self, text: str) -> float:
        found = self._number(text)
        if len(self) > REMEMBERED:  # whoever sends texts that nobody uses may not fill the memory
            self.clear()
            self[None] = self._missing
        self[text] = number = self._missing if found is None else found
        return number


class Numbering(dict[str | None, float]):
    """Different numbers for different texts, in the order in which they are met; NaN for a missing one."""

    def __init__(self) -> None:
        super().__init__({None: np.nan})

    def __missing__(self, text: str) -> float:
        self[text] = number = len(self)
        return number


@dataclass(frozen=True)
class Read:
    """A stored column, and how its values become numbers: they are, or a mapping has one for each text."""

    column: str
    numbers: Callable[[], Mapping[Any, float]] | None = None


@dataclass(frozen=True)
class Program:
    """What is read of a person, and how the kernel answers.

    Attributes:
        ages: columns of the matrix that are the age.
        attributes: columns of the matrix that are a column of the patient.
        reads: by table, the columns, in the order in which the kernel takes them.
        tables: what the kernel reads, in the order of its arguments.
    """

    ages: tuple[int, ...]
    attributes: tuple[tuple[int, str], ...]
    reads: tuple[tuple[str, tuple[Read, ...]], ...]
    tables: tuple[NDArray[Any], ...] = field(repr=False)


@lru_cache(maxsize=32)
def program_of(catalogue: Catalogue) -> Program:
    """The program of a catalogue."""
    plan = plan_of(catalogue)
    rows = _Rows(len(catalogue))
    reads = tuple((name, _reads(plan, name)) for name in plan.columns if name != "patients")
    for name, columns in reads:
        rows.add_source(plan, name, len(columns))
    for ask in plan.asks:
        if ask.family.of:
            rows.add_shares(ask)
    ages = (ask.place.start for ask in plan.asks if ask.family.aggregate == "age")
    personal = (ask for ask in plan.asks if ask.family.aggregate == "attribute")
    attributes = tuple((ask.place.start, ask.family.measure or "") for ask in personal)
    return Program(tuple(ages), attributes, reads, rows.arrays())


def _reads(plan: Plan, source: str) -> tuple[Read, ...]:
    """Columns of classes, then columns of numbers, as `_places` counts them."""
    words = [class_from_text(column, vocabulary) for column, vocabulary in plan.vocabularies[source].items()]
    classes = [Read(column, _kept(Texts(number, 0.0))) for column, number in words]
    return (*classes, *(_read_number(source, column) for column in plan.numbers[source]))


def _read_number(source: str, column: str) -> Read:
    if column in FROM_TEXT:
        text, number = FROM_TEXT[column]
        return Read(text, _kept(Texts(number, np.nan)))
    return Read(column, Numbering if is_text(source, column) else None)


def _kept(texts: Texts) -> Callable[[], Texts]:
    return lambda: texts


def _places(plan: Plan, source: str) -> dict[tuple[bool, str], int]:
    """The place of every column that the kernel has of a source, by whether it holds classes, and name."""
    looking = [
        column
        for selection in plan.selections
        if selection.source == source
        for column in (selection.measure, *(wanted.column for wanted in selection.where if not wanted.classes))
        if column is not None and column not in plan.numbers[source]
    ]
    classes = [(True, column) for column in plan.vocabularies[source]]
    numbers = [(False, column) for column in dict.fromkeys((*plan.numbers[source], *looking))]
    return {column: at for at, column in enumerate((*classes, *numbers), kernel.STORED)}


class _Rows:
    """The rows of the kernel's tables, as they are collected."""

    def __init__(self, features: int) -> None:
        self.sources: list[Source] = []
        self.derived: list[Derived] = []
        self.selections: list[kernel.Selection] = []
        self.conditions: list[Condition] = []
        self.asks: list[kernel.Ask] = []
        self.shares: list[Share] = []
        self.planes: list[int] = []
        self.limits: list[int] = []
        self.numbers: list[float] = []
        self.days = np.full(features, np.inf)

    def add_source(self, plan: Plan, name: str, stored: int) -> None:
        """Add a table with all that is asked of it."""
        first = len(self.limits), len(self.derived), len(self.selections)
        places = _places(plan, name)
        self.limits += plan.windows[name]
        for (_, column), at in list(places.items())[stored:]:
            made_of = [places[False, each] for each in LOOKED_BACK[column]] or [0, 0]
            self.derived.append(Derived(LOOKING_BACK[column], at, *made_of))
        for number, selection in enumerate(plan.selections):
            if selection.source == name:
                asks = [ask for ask in plan.asks if ask.selection == number]
                self._add_selection(selection, asks, places, plan)
        end = len(self.limits), len(self.derived), len(self.selections)
        edges = [edge for both in zip(first, end, strict=True) for edge in both]
        self.sources.append(Source(stored, kernel.STORED + len(places), *edges))

    def _add_selection(
        self, selection: Selection, asks: list[Ask], places: Mapping[tuple[bool, str], int], plan: Plan
    ) -> None:
        first = len(self.conditions), len(self.asks)
        for wanted in selection.where:
            place, start = places[wanted.classes, wanted.column], len(self.numbers)
            self.numbers += wanted.numbers
            self.conditions.append(Condition(place, start, len(self.numbers)))
        for ask in asks:
            self._add_ask(ask, places, plan)
        measure = -1 if selection.measure is None else places[False, selection.measure]
        self.selections.append(kernel.Selection(measure, first[0], len(self.conditions), first[1], len(self.asks)))

    def _add_ask(self, ask: Ask, places: Mapping[tuple[bool, str], int], plan: Plan) -> None:
        source = ask.family.source
        self.asks.append(
            kernel.Ask(
                kind=KINDS[ask.family.aggregate],
                split=-1 if ask.split is None else places[True, ask.split],
                classes=1 if ask.split is None else plan.vocabularies[source][ask.split].size,
                place=ask.place.start,
                width=ask.place.stop - ask.place.start,
                first_plane=len(self.planes),
                merged=len(ask.planes),
                never=ask.family.never == "missing",
            )
        )
        self.planes += ask.planes.ravel().tolist()
        self.days[ask.place] = ask.days

    def add_shares(self, ask: Ask) -> None:
        """Add the columns of a share."""
        places = range(ask.place.start, ask.place.stop)
        self.shares += map(Share, places, ask.top.tolist(), ask.bottom.tolist())

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """What the kernel reads."""
        tables = (
            (Source, self.sources), (Derived, self.derived), (kernel.Selection, self.selections),
            (Condition, self.conditions), (kernel.Ask, self.asks), (Share, self.shares),
        )  # fmt: skip
        rules = Rules(
            episode_gap=EPISODE_GAP,
            retreatment_days=RETREATMENT_DAYS,
            recall_grace=RECALL_GRACE,
            examination=NEED_GROUPS.groups.index("examination"),
            columns=max((source.columns for source in self.sources), default=0),
            planes=max((ask.classes for ask in self.asks), default=0) * (1 + len(WINDOWS)),
        )
        return (
            *(np.array(rows, np.int64).reshape(-1, len(kind._fields)) for kind, rows in tables),
            np.array(self.planes, np.int64), np.array(self.limits, np.int64),
            np.array(self.numbers, np.float64), self.days, np.array(rules, np.int64),
        )  # fmt: skip
