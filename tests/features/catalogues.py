"""Catalogues to hold the engines against each other: a wide one that uses everything, and drawn ones."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from itertools import product
from typing import Any, get_args

import pyarrow as pa
from hypothesis import strategies as st

from features.catalogue import Catalogue
from features.families import (
    COUNTING,
    DERIVED,
    EPISODE_GAP,
    NEEDS_NUMBER,
    NEEDS_VALUES,
    TIMELESS,
    WINDOWS,
    Aggregate,
    CatalogueError,
    Family,
    Label,
    share,
)
from records.codes import NEED_GROUPS
from records.schema import TABLES
from tests.features.histories import SOURCES, values

L = Label("x", "x", "x")
EVENTWISE: tuple[Aggregate, ...] = ("count", "any", "since", "oldest")
NUMBERS_OF: dict[str, dict[str, list[Any]]] = {
    "visits": {"gap": [0, 1, EPISODE_GAP, EPISODE_GAP + 1], "starts_episode": [0, 1]},
    "procedures": {
        "surface_count": [1, 3],
        "retreated": [0, 1],
        "recall": [365, 730],
        "recall_kept": [0, 1],
        "overdue": [0, 1],
    },
}
TEXTS_OF: dict[str, dict[str, list[Any]]] = {"procedures": {"group": list(NEED_GROUPS.groups)}}
OF_THE_PATIENT = ("age", "attribute")

assert {*EVENTWISE, *NEEDS_NUMBER, *NEEDS_VALUES, "share", *OF_THE_PATIENT} == set(get_args(Aggregate))
assert {(table, column) for derived in (NUMBERS_OF, TEXTS_OF) for table in derived for column in derived[table]} == {
    (table, column) for table, columns in DERIVED.items() for column in columns
}


def _columns(table: str) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """The number columns and the text columns of a table, with values to compare them to."""
    numbers, texts = dict(NUMBERS_OF.get(table, {})), dict(TEXTS_OF.get(table, {}))
    for name, column in TABLES[table].columns().items():
        known = [value for value in values(table, name, column) if value is not None]
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            numbers[name] = known
        elif pa.types.is_string(column.type) and name not in ("patient_id", "event_id"):
            texts[name] = known
    return numbers, texts


@st.composite
def families(draw: st.DrawFn, name: str, table: str) -> Family:
    """Any family of a table's events that means something."""
    numbers, texts = _columns(table)
    able = {**numbers, **texts}
    measures = _measures(table, tuple(sorted(able)))
    aggregate = draw(st.sampled_from(sorted(measures)))
    by = draw(st.sampled_from([None, *sorted(texts)]))
    levels = draw(_some(texts[by])) if by else []
    return Family(
        name, aggregate, table, L, "x",
        measure=draw(st.sampled_from(measures[aggregate])), where=draw(_filters(able)), by=by,
        levels=dict.fromkeys(levels, L) or None,
        windows=("ever",) if aggregate in TIMELESS else tuple(draw(_some(list(WINDOWS)))),
        never=draw(st.sampled_from(["zero", "missing"])) if aggregate in COUNTING else "zero",
    )  # fmt: skip


def _some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


@cache
def _measures(table: str, columns: tuple[str, ...]) -> dict[Aggregate, list[str | None]]:
    """The aggregates of a table's events with the columns that each can take."""
    found: dict[Aggregate, list[str | None]] = {aggregate: [None] for aggregate in EVENTWISE}
    for aggregate, column in product((*EVENTWISE, *NEEDS_NUMBER, *NEEDS_VALUES), columns):
        with suppress(CatalogueError):
            family = Family("n", aggregate, table, L, "x", measure=column)
            found.setdefault(aggregate, []).append(family.measure)
    return found


@st.composite
def _filters(draw: st.DrawFn, columns: dict[str, list[Any]]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    chosen = draw(st.lists(st.sampled_from(sorted(columns)), max_size=2, unique=True))
    return tuple((column, tuple(draw(_some(_wanted(columns[column]))))) for column in chosen)


def _wanted(known: list[Any]) -> list[Any]:
    """Values to filter by, and beginnings of them."""
    return [*known, *(f"{value[:2]}*" for value in known if isinstance(value, str))]


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """A few families of one table or two, so that they have much in common, and shares of those that can be divided."""
    tables = draw(st.lists(st.sampled_from(SOURCES), min_size=1, max_size=2))
    found = [draw(families(f"f{at}", draw(st.sampled_from(tables)))) for at in range(draw(st.integers(1, 8)))]
    whole = [family for family in found if not family.by]
    pairs = [(top, bottom) for top in whole for bottom in whole if set(top.windows) <= set(bottom.windows)]
    shares = [share(top, bottom, f"s{at}", L, "x") for at, (top, bottom) in enumerate(pairs[:4])]
    return Drawn(*found, *shares)


class Drawn(Catalogue):
    """A catalogue that a counterexample shows."""

    def __repr__(self) -> str:
        return "\n".join(
            f"{family.name}: {family.aggregate} {family.source}.{family.measure} where {family.where} by {family.by} "
            f"levels {list(family.levels or [])} windows {family.windows} never {family.never} of {family.of}"
            for family in self.families
        )
