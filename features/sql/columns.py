"""Derived columns in SQL: what follows from the events that a moment sees.

Each is one expression in the table of seen events: over the stored columns (`visits.minutes`), over `age` (whole days
before the moment's day, so that earlier is higher), and over the derived columns that it reads. `WINDOWS` are in
sight by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from features.families import EPISODE_GAP, RECALL_GRACE, RETREATMENT_DAYS, CatalogueError
from features.sql.words import literal, one_of
from records.codes import NEED_GROUPS, OTHER, RECALLS
from records.schema import TABLES

Wanted = Collection[str] | None
"""Values of a column that a catalogue compares it to; None where it takes every value."""

WINDOWS: Mapping[str, str] = {
    "in_order": "PARTITION BY asked.row ORDER BY {source}.event_time, {source}.event_id",
    "earlier_days": "PARTITION BY asked.row ORDER BY age DESC RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
}
"""Windows over the events of a table that a moment sees."""


@dataclass(frozen=True)
class Derived:
    """How a derived column reads in SQL.

    Attributes:
        says: the expression, given the values that the catalogue asks for.
        reads: derived columns that it is made of, with the values that it compares them to.
        nullable: whether an event can lack it.
    """

    says: Callable[[Wanted], str]
    reads: Mapping[str, Wanted] = field(default_factory=dict)
    nullable: bool = True


def derived(says: str, *reads: str, nullable: bool = True) -> Derived:
    """A derived column that reads the same whatever values are asked for."""
    return Derived(lambda _: says, dict.fromkeys(reads), nullable)


def need_group(wanted: Wanted) -> str:
    """The need group of a procedure code; a group that is not wanted may read `other`, which keeps the text short.

    The longest beginning wins, so longer ones come first.
    """
    every = wanted is None or OTHER in wanted or any(text.endswith("*") for text in wanted)
    groups = set(NEED_GROUPS.groups if wanted is None or every else wanted)
    prefixes = {prefix: group for prefix, group in NEED_GROUPS.prefixes.items() if len(prefix) > 1}
    asked = tuple(prefix for prefix, group in prefixes.items() if group in groups)
    prefixes = {prefix: group for prefix, group in prefixes.items() if prefix.startswith(asked)}
    exact = {code: group for code, group in NEED_GROUPS.exact.items() if group in groups or code.startswith(asked)}
    cases = list(_cases("procedures.code", exact))
    for length in sorted({len(prefix) for prefix in prefixes}, reverse=True):
        same = {prefix: group for prefix, group in prefixes.items() if len(prefix) == length}
        cases += _cases(f"left(procedures.code, {length})", same)
    return "\n            ".join(["CASE", *cases, f"ELSE {literal(OTHER)} END"])


def _cases(what: str, groups: Mapping[str, str]) -> Iterator[str]:
    for group in dict.fromkeys(groups.values()):
        yield f"WHEN {one_of(what, [key for key, value in groups.items() if value == group])} THEN {literal(group)}"


def _recall(_: Wanted) -> str:
    return " ".join(["CASE procedures.code", *(f"WHEN {literal(c)} THEN {days}" for c, days in RECALLS.items()), "END"])


PLACE = derived("row_number() OVER in_order", nullable=False)
"""The place of an event among those of its table that a moment sees, by time, then event id."""

DERIVED: Mapping[str, Mapping[str, Derived]] = {
    "visits": {
        "gap": derived("lag(age) OVER in_order - age"),
        "starts_episode": derived(f"CASE WHEN gap <= {EPISODE_GAP} THEN 0 ELSE 1 END", "gap", nullable=False),
    },
    "procedures": {
        "group": Derived(need_group, nullable=False),
        "surface_count": derived("nullif(length(procedures.surfaces), 0)"),
        "retreated": derived(
            f"""CASE WHEN procedures.tooth IS NOT NULL THEN (count(*) OVER (
            PARTITION BY asked.row, procedures.tooth, "group" ORDER BY age DESC
            RANGE BETWEEN {RETREATMENT_DAYS} PRECEDING AND 1 PRECEDING) > 0)::INT END""",
            "group",
        ),
        "recall": Derived(_recall),
        "examination": Derived(
            lambda _: "\"group\" = 'examination' AND recall IS NULL", {"group": ("examination",), "recall": None}
        ),
        # Ages of what came on earlier days: the latest recall, the day that it recommended, the latest examination.
        "recalled": derived("min(age) FILTER (WHERE recall IS NOT NULL) OVER earlier_days", "recall"),
        "due": derived(
            "arg_max(age - recall, (procedures.event_time, procedures.event_id)) OVER earlier_days", "recall"
        ),
        "examined": derived("min(age) FILTER (WHERE examination) OVER earlier_days", "examination"),
        "place_of_day": derived(
            """row_number() OVER (
            PARTITION BY asked.row, age, examination ORDER BY procedures.event_time, procedures.event_id)""",
            "examination",
        ),
        "recall_kept": derived(
            f"""CASE WHEN examination AND place_of_day = 1 AND recalled <= coalesce(examined, recalled)
            THEN (due - age <= {RECALL_GRACE})::INT END""",
            "examination", "place_of_day", "recalled", "examined", "due",
        ),
        "overdue": derived(
            """CASE WHEN recall IS NOT NULL
            AND coalesce(min(age) FILTER (WHERE examination) OVER (PARTITION BY asked.row) >= age, TRUE)
            THEN greatest(age - recall, 0) END""",
            "examination", "recall",
        ),
    },
}  # fmt: skip
"""By table the derived columns of `features.families.DERIVED`, and those that they are made of."""


def columns(source: str, asked: Mapping[str, Wanted]) -> dict[str, str]:
    """The columns asked for, by name: stored ones as they are, derived ones after all that they are made of.

    Raises:
        CatalogueError: a derived column has no reading in SQL.
    """
    wanted: dict[str, Wanted] = {}
    for column, values in asked.items():
        _want(wanted, source, column, values)
    return {
        column: f"{source}.{column}" if _is_stored(source, column) else find(source, column).says(values)
        for column, values in wanted.items()
    }


def _want(wanted: dict[str, Wanted], source: str, column: str, values: Wanted) -> None:
    if not _is_stored(source, column):
        for other, others in find(source, column).reads.items():
            _want(wanted, source, other, others)
    wanted[column] = both(wanted.get(column, ()), values)


def both(one: Wanted, other: Wanted) -> Wanted:
    """The values of two wishes together."""
    return None if one is None or other is None else {*one, *other}


def find(source: str, column: str) -> Derived:
    """How a derived column reads.

    Raises:
        CatalogueError: it has no reading in SQL.
    """
    found = PLACE if column == "place" else DERIVED.get(source, {}).get(column)
    if found is None:
        raise CatalogueError(f"table {source}: the derived column {column!r} has no reading in SQL")
    return found


def is_nullable(source: str, column: str) -> bool:
    """Whether an event can lack a column."""
    return TABLES[source].columns()[column].nullable if _is_stored(source, column) else find(source, column).nullable


def _is_stored(source: str, column: str) -> bool:
    return column in TABLES[source].columns()
