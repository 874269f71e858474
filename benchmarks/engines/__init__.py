"""The engines that the features benchmark compares: every module computes what it can of a catalogue its own way.

Each has a function `run(catalogue, folder, moments, out)`: read the stored history in `folder`, answer the moments of
the Parquet file `moments` (columns `row`, `patient_id`, `as_of`) and write one row a moment, in order of `row`, with
one column a feature, to the Parquet file `out`. What an engine leaves out, `expressed` leaves out.
"""

from __future__ import annotations

from features.catalogue import Catalogue
from features.families import DERIVED, Family

LOOKING_BACK = ("retreated", "recall_kept", "overdue")
"""Derived columns that only the evaluator and the SQL of `features.sql` express; `gap` and `starts_episode` all do."""


def expressed(catalogue: Catalogue) -> list[Family]:
    """The families that Polars, Ibis and pandas are asked for: those that need no search among other events."""
    left_out: set[str] = set()
    for family in catalogue.families:
        named = {family.measure, *(column for column, _ in family.where)}
        derived = set(LOOKING_BACK) & set(DERIVED.get(family.source, ()))
        if named & derived or set(family.of or ()) & left_out:
            left_out.add(family.name)
    return [family for family in catalogue.families if family.name not in left_out]


def columns(family: Family) -> list[tuple[str | None, int | None, str]]:
    """Level, length of the window, and name of every column of a family."""
    return [(feature.level, feature.days, feature.name) for feature in family.features()]


def parts(catalogue: Catalogue, family: Family) -> list[tuple[str, str, str]]:
    """For every column of a share: its name and those of the two columns that are divided."""
    named = {(each.family.name, each.window): each.name for each in catalogue}
    top, bottom = family.of or ("", "")
    return [(each.name, named[top, each.window], named[bottom, each.window]) for each in family.features()]


WAYS = {
    "person": "compiled, from plain columns",
    "arrays": "evaluator, from ready arrays",
    "tables": "evaluator, from tables",
}
"""Ways to answer for one patient, and how the report calls them."""
