"""Catalogues to hold the engines against each other: a wide one that uses everything, and drawn ones."""

from __future__ import annotations

from typing import Any, get_args

import pyarrow as pa
from hypothesis import strategies as st

from features.catalogue import Catalogue
from features.families import DERIVED, WINDOWS, Aggregate, Family, Label, share
from records.codes import NEED_GROUPS
from records.schema import TABLES
from tests.features.histories import SOURCES, values

L = Label("x", "x", "x")
OF_TEXT = ("distinct",)
OF_NUMBERS = ("total", "last", "highest", "mean", "slope")
OF_EVENTS = ("count", "since", "oldest")
WITHOUT_WINDOWS = ("since", "oldest")
SOMEWHERE_ELSE = ("share", "age", "attribute")
NUMBERS_OF: dict[str, dict[str, list[Any]]] = {"visits": {"gap": [], "starts_episode": [0, 1]}}
TEXTS_OF = {"procedures": {"group": list(NEED_GROUPS.groups)}}

assert {*OF_TEXT, *OF_NUMBERS, *OF_EVENTS, *SOMEWHERE_ELSE} == set(get_args(Aggregate))
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
def families(draw: st.DrawFn, name: str) -> Family:
    """Any family of events that means something."""
    table = draw(st.sampled_from(SOURCES))
    numbers, texts = _columns(table)
    aggregate: Aggregate = draw(st.sampled_from([*OF_EVENTS, *OF_TEXT, *(OF_NUMBERS if numbers else ())]))
    measure = None
    if aggregate in OF_TEXT:
        measure = draw(st.sampled_from(sorted(texts)))
    elif aggregate in OF_NUMBERS:
        measure = draw(st.sampled_from(sorted(set(numbers) - {"starts_episode"})))
    by = draw(st.sampled_from([None, *sorted(texts)]))
    levels = draw(st.lists(st.sampled_from(texts[by]), min_size=1, max_size=3, unique=True)) if by else []
    windows = (
        ["ever"]
        if aggregate in WITHOUT_WINDOWS
        else draw(st.lists(st.sampled_from(list(WINDOWS)), min_size=1, max_size=2, unique=True))
    )
    return Family(
        name, aggregate, table, L, "x", measure=measure, where=draw(_filters({**numbers, **texts})),
        by=by, levels=dict.fromkeys(levels, L) or None, windows=tuple(windows),
    )  # fmt: skip


@st.composite
def _filters(draw: st.DrawFn, columns: dict[str, list[Any]]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    able = sorted(name for name, known in columns.items() if known)
    chosen = draw(st.lists(st.sampled_from(able), max_size=2, unique=True))
    return tuple(
        (column, tuple(draw(st.lists(st.sampled_from(columns[column]), min_size=1, max_size=3, unique=True))))
        for column in chosen
    )


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """A few families of events, and shares of those that can be divided."""
    found = [draw(families(f"f{at}")) for at in range(draw(st.integers(1, 6)))]
    countable = [family for family in found if family.aggregate in ("count", "total", "distinct") and not family.by]
    pairs = [(top, bottom) for top in countable for bottom in countable if top.windows == bottom.windows]
    shares = [share(top, bottom, f"s{at}", L, "x") for at, (top, bottom) in enumerate(pairs)]
    return Catalogue(*found, *shares)
