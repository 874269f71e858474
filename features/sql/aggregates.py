"""Aggregates in SQL: how events become one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from features.families import CatalogueError, Family


@dataclass(frozen=True)
class Recipe:
    """How an aggregate of events reads in SQL.

    Attributes:
        parts: calls over the kept events `e`; `{x}` is the measured column, or the age of an event where nothing is
            measured. A call over no events must be 0 or NULL.
        value: what the parts make; each stands there by its name in braces. With one part it is that part.
        reads: what the calls read beside the measured column and `age`.
    """

    parts: Mapping[str, str]
    value: str = "{value}"
    reads: tuple[str, ...] = ()


RECIPES: Mapping[str, Recipe] = {
    "count": Recipe({"value": "count({x})"}),
    "any": Recipe({"n": "count({x})"}, "({n} > 0)::INT"),
    "total": Recipe({"sum": "sum({x})"}, "coalesce({sum}, 0)"),
    "distinct": Recipe({"value": "count(DISTINCT {x})"}),
    "repeated": Recipe(
        {"days": "list(DISTINCT {{'value': {x}, 'age': e.age}})"},
        """coalesce(len(list_filter(
        map_values(list_histogram(list_transform({days}, lambda day: day.value))), lambda n: n > 1)), 0)""",
    ),
    "usual": Recipe(
        {"each": "histogram({x})", "n": "count({x})"}, "list_max(map_values({each}))::DOUBLE / nullif({n}, 0)"
    ),
    "since": Recipe({"value": "min(e.age)"}),
    "oldest": Recipe({"value": "max(e.age)"}),
    "last": Recipe({"value": "arg_max({x}, e.place)"}, reads=("place",)),
    "highest": Recipe({"value": "max({x})"}),
    "lowest": Recipe({"value": "min({x})"}),
    "mean": Recipe({"sum": "sum({x})", "n": "count({x})"}, "{sum}::DOUBLE / nullif({n}, 0)"),
    "slope": Recipe(
        {
            "n": "count({x})",
            "x": "sum(e.age)",
            "y": "sum({x})",
            "xy": "sum(e.age * {x})",
            "xx": "sum(e.age * e.age)",
        },
        """(365 * ({x} * {y} - {n} * {xy}))::DOUBLE
        / nullif({n} * {xx} - {x} * {x}, 0)""",
    ),
}
"""Aggregates of events."""

PERSONAL: Mapping[str, str] = {
    "age": """year(asked.today) - year(patients.birth_date)
            - (strftime(asked.today, '%m%d') < strftime(patients.birth_date, '%m%d'))::INT""",
    "attribute": "coalesce({x}::INT, 0)",
}
"""Aggregates of the patient; `{x}` is the measured column."""

COMBINED: Mapping[str, str] = {"share": "{top}::DOUBLE / nullif({bottom}, 0)"}
"""Aggregates of two other columns."""


def recipe_of(family: Family) -> Recipe:
    """How a family of events is aggregated.

    Raises:
        CatalogueError: its aggregate has no reading in SQL.
    """
    if family.aggregate not in RECIPES:
        raise CatalogueError(f"family {family.name!r}: the aggregate {family.aggregate!r} has no reading in SQL")
    return RECIPES[family.aggregate]
