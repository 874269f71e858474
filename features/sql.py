"""The catalogue as SQL: what every feature means, once more, for DuckDB.

The text is compiled from the declared families alone; nothing of the evaluator is used, so that the two can referee
each other. It reads the tables of the record schema under their own names (`patients`, `visits`, ...), with instants
as TIMESTAMP WITH TIME ZONE, and a table `moments(row, patient_id, as_of)`, whose `row` names a moment once. It
returns one row a moment, in order of `row`; missing is NULL. Counts and sums come as whole numbers and are exact;
cast to DOUBLE they have the evaluator's bits, as quotients have without a cast.

An aggregate reads as a `Recipe`, a derived column as a `Derived`; a new one needs one more entry in `RECIPES` or
`DERIVED_SQL` and nothing else. Helsinki days are taken by DuckDB's time zone extension, which its packages contain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from features.catalogue import Catalogue
from features.families import EPISODE_GAP, CatalogueError, Family, Feature
from records.codes import NEED_GROUPS, OTHER
from records.schema import TABLES

Wanted = Collection[str] | None
"""Values of a column that a catalogue compares it to; None where it takes every value."""


@dataclass(frozen=True)
class Recipe:
    """How an aggregate reads in SQL.

    Attributes:
        parts: calls over the kept events; `{x}` is the measured column, or the age of an event that measures nothing.
        value: what the parts make; each stands there by its name in braces. With one part it is that part.
        reads: what the calls read beside the measured column and `age`.
    """

    parts: Mapping[str, str]
    value: str = "{value}"
    reads: tuple[str, ...] = ()


RECIPES: Mapping[str, Recipe] = {
    "count": Recipe({"value": "count({x})"}),
    "total": Recipe({"sum": "sum({x})"}, "coalesce({sum}, 0)"),
    "distinct": Recipe({"value": "count(DISTINCT {x})"}),
    "since": Recipe({"value": "min(e.age)"}),
    "oldest": Recipe({"value": "max(e.age)"}),
    "last": Recipe({"value": "arg_max({x}, e.place)"}, reads=("place",)),
    "highest": Recipe({"value": "max({x})"}),
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
"""Aggregates of events; `PERSONAL` and `COMBINED` hold the others."""

PERSONAL: Mapping[str, str] = {
    "age": """year(asked.today) - year(patients.birth_date)
            - (strftime(asked.today, '%m%d') < strftime(patients.birth_date, '%m%d'))::INT""",
    "attribute": "coalesce({x}::INT, 0)",
}
"""Aggregates of the patient."""

COMBINED: Mapping[str, str] = {"share": "{top}::DOUBLE / nullif({bottom}, 0)"}
"""Aggregates of two other columns."""


@dataclass(frozen=True)
class Derived:
    """How a derived column reads in SQL.

    Attributes:
        says: an expression over the stored columns and the derived ones it reads, among the events that a moment
            sees, which the window `in_order` puts in order; given the values that the catalogue asks for.
        reads: derived columns that it is made of.
        nullable: whether an event can lack it.
    """

    says: Callable[[Wanted], str]
    reads: tuple[str, ...] = ()
    nullable: bool = False


def need_group(wanted: Wanted) -> str:
    """The need group of a procedure code; a group that is not wanted may read `other`, which keeps the text short.

    The longest beginning wins, so longer ones come first.
    """
    groups = set(NEED_GROUPS.groups if wanted is None or OTHER in wanted else wanted)
    prefixes = {prefix: group for prefix, group in NEED_GROUPS.prefixes.items() if len(prefix) > 1}
    asked = tuple(prefix for prefix, group in prefixes.items() if group in groups)
    prefixes = {prefix: group for prefix, group in prefixes.items() if prefix.startswith(asked)}
    exact = {code: group for code, group in NEED_GROUPS.exact.items() if group in groups or code.startswith(asked)}
    cases = list(_cases("procedures.code", exact))
    for length in sorted({len(prefix) for prefix in prefixes}, reverse=True):
        same = {prefix: group for prefix, group in prefixes.items() if len(prefix) == length}
        cases += _cases(f"left(procedures.code, {length})", same)
    return "\n            ".join(["CASE", *cases, f"ELSE {literal(OTHER)} END"])


def _cases(what: str, table: Mapping[str, str]) -> Iterator[str]:
    for group in dict.fromkeys(table.values()):
        yield f"WHEN {_one_of(what, [key for key, value in table.items() if value == group])} THEN {literal(group)}"


DERIVED_SQL: Mapping[str, Mapping[str, Derived]] = {
    "procedures": {"group": Derived(need_group)},
    "visits": {
        "gap": Derived(lambda _: "lag(age) OVER in_order - age", nullable=True),
        "starts_episode": Derived(lambda _: f"CASE WHEN gap <= {EPISODE_GAP} THEN 0 ELSE 1 END", reads=("gap",)),
    },
}
"""Derived columns by table; a moment's gaps are between the visits that it sees."""

PLACE = Derived(lambda _: "row_number() OVER in_order")
"""The place of an event among those of its table that a moment sees, by time, then event id."""


def literal(value: str | float) -> str:
    """A value as SQL writes it."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def quoted(name: str) -> str:
    """A column name as SQL writes it, whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def statement(catalogue: Catalogue, *names: str) -> str:
    """One SELECT with the named columns of a catalogue, or with all of them.

    Raises:
        KeyError: the catalogue has no column of that name.
        CatalogueError: an aggregate or a derived column has no reading in SQL.
    """
    features = [catalogue[name] for name in names] or list(catalogue)
    return Compiler(catalogue, features).statement()


def card(catalogue: Catalogue, name: str) -> str:
    """One column's SELECT under a line that says what it is.

    Raises:
        KeyError, CatalogueError: as `statement`.
    """
    feature = catalogue[name]
    window = f", {feature.days} days" if feature.days else ""
    unit = f" ({feature.family.unit})" if feature.family.unit else ""
    return f"-- {name}: {feature.label('en')}{window}{unit}\n{statement(catalogue, name)}"


@dataclass(frozen=True)
class Compiler:
    """One statement in the making: `features` are its columns, in order."""

    catalogue: Catalogue
    features: list[Feature]

    def statement(self) -> str:
        """The whole text."""
        columns = [_named(self.value(feature), feature.name) for feature in self.features]
        made_of = [f"of_{source}" for source in self.needed]
        joined = "".join(f"\nJOIN {name} USING (row)" for name in made_of[1:])
        select = f"SELECT row,\n    {_lines(columns, 1)}\nFROM {made_of[0]}{joined}\nORDER BY row"
        return "WITH\n" + ",\n".join(self._tables()) + "\n" + select

    @cached_property
    def needed(self) -> dict[str, dict[str, Feature]]:
        """By source, the columns that are taken from it: those asked for and those that shares are made of."""
        found: dict[str, dict[str, Feature]] = {}
        for feature in self.features:
            for part in self._parts(feature):
                found.setdefault(part.family.source, {})[part.name] = part
        return found

    def value(self, feature: Feature) -> str:
        """A column as an expression over the columns of the `of_` tables."""
        aggregate = feature.family.aggregate
        if aggregate in COMBINED:
            top, bottom = (self.value(part) for part in self._pair(feature))
            return COMBINED[aggregate].format(top=_grouped(top), bottom=bottom)
        if aggregate in PERSONAL:
            return quoted(feature.name)
        recipe = recipe_of(feature.family)
        return recipe.value.format_map({name: quoted(_part(feature, name)) for name in recipe.parts})

    def _parts(self, feature: Feature) -> Iterator[Feature]:
        if feature.family.of is None:
            yield feature
            return
        for part in self._pair(feature):
            yield from self._parts(part)

    def _pair(self, feature: Feature) -> list[Feature]:
        """The columns that a share is made of: the same level and window of its two families."""
        columns = {(each.family.name, each.level, each.window): each for each in self.catalogue}
        return [columns[name, feature.level, feature.window] for name in feature.family.of or ()]

    def _tables(self) -> Iterator[str]:
        yield _table("asked", [ASKED])
        for source, features in self.needed.items():
            if source == "patients":
                yield _table("of_patients", _personal(features.values()))
                continue
            yield _table(f"seen_{source}", _seen(source, list(features.values())))
            yield _table(f"of_{source}", _counted(source, features.values()))


ASKED = """SELECT row, patient_id, as_of, (as_of AT TIME ZONE 'Europe/Helsinki')::DATE AS today
    FROM moments"""


def recipe_of(family: Family) -> Recipe:
    """How a family of events is aggregated.

    Raises:
        CatalogueError: its aggregate has no reading in SQL.
    """
    if family.aggregate not in RECIPES:
        raise CatalogueError(f"family {family.name!r}: the aggregate {family.aggregate!r} has no reading in SQL")
    return RECIPES[family.aggregate]


def _named(expression: str, name: str) -> str:
    return expression if expression == quoted(name) else f"{expression} AS {quoted(name)}"


def _grouped(expression: str) -> str:
    return expression if re.fullmatch(r'"[^"]*"', expression) else f"({expression})"


def _table(name: str, lines: Iterable[str]) -> str:
    return f"{name} AS (\n    " + "\n    ".join(lines) + "\n)"


def _lines(columns: Iterable[str], depth: int) -> str:
    return (",\n" + "    " * depth).join(columns)


def _personal(features: Iterable[Feature]) -> Iterator[str]:
    columns = [
        f"{PERSONAL[feature.family.aggregate].format(x=f'patients.{feature.family.measure}')} AS {quoted(feature.name)}"
        for feature in features
    ]
    yield f"SELECT asked.row,\n        {_lines(columns, 2)}"
    yield "FROM asked"
    yield "JOIN patients USING (patient_id)"


def _seen(source: str, features: list[Feature]) -> Iterator[str]:
    """The events of a table that a moment sees, with what the features read of them."""
    days = f"asked.today - ({source}.event_time AT TIME ZONE 'Europe/Helsinki')::DATE AS age"
    columns = ["asked.row", days, *_read(source, features)]
    yield f"SELECT {_lines(columns, 2)}"
    yield "FROM asked"
    yield f"JOIN {source} USING (patient_id)"
    yield f"WHERE {source}.event_time < asked.as_of AND {source}.recorded_at < asked.as_of"
    if any("in_order" in column for column in columns):
        yield f"WINDOW in_order AS (PARTITION BY asked.row ORDER BY {source}.event_time, {source}.event_id)"


def _read(source: str, features: list[Feature]) -> list[str]:
    """The columns that features read of their source, derived ones after those that they are made of."""
    asked: dict[str, Wanted] = {}
    for feature in features:
        for column, values in _reads(feature):
            before = asked.get(column, ())
            asked[column] = None if before is None or values is None else {*before, *values}
    columns: dict[str, str] = {}
    for column, values in asked.items():
        _add(columns, source, column, values)
    return list(columns.values())


def _add(columns: dict[str, str], source: str, column: str, values: Wanted) -> None:
    if column in TABLES[source].columns():
        columns[column] = f"{source}.{column}"
        return
    derived = _derived(source, column)
    for other in derived.reads:
        _add(columns, source, other, None)
    columns[column] = f"{derived.says(values)} AS {quoted(column)}"


def _derived(source: str, column: str) -> Derived:
    if column == "place":
        return PLACE
    found = DERIVED_SQL.get(source, {}).get(column)
    if found is None:
        raise CatalogueError(f"table {source}: the derived column {column!r} has no reading in SQL")
    return found


def _reads(feature: Feature) -> Iterator[tuple[str, Wanted]]:
    """The columns that a feature reads, with the values that it compares them to."""
    family = feature.family
    yield from ((column, [str(value) for value in values]) for column, values in family.where)
    if family.by:
        yield family.by, [feature.level or ""]
    yield from ((column, None) for column in (family.measure, *recipe_of(family).reads) if column)


def _counted(source: str, features: Iterable[Feature]) -> Iterator[str]:
    """One row a moment with the parts of every feature of a source; a moment that sees nothing has a row too."""
    columns = [
        f"{call.format(x=_measured(feature))}{_filter(source, feature)} AS {quoted(_part(feature, name))}"
        for feature in features
        for name, call in recipe_of(feature.family).parts.items()
    ]
    yield f"SELECT asked.row,\n        {_lines(columns, 2)}"
    yield "FROM asked"
    yield f"LEFT JOIN seen_{source} AS e USING (row)"
    yield "GROUP BY asked.row"


def _part(feature: Feature, name: str) -> str:
    return feature.name if name == "value" else f"{feature.name}.{name}"


def _measured(feature: Feature) -> str:
    return f"e.{_bare(feature.family.measure or 'age')}"


def _bare(column: str) -> str:
    """A column of the schema; only `group` is a word of SQL."""
    return column if re.fullmatch(r"[a-z_]+", column) and column != "group" else quoted(column)


def _filter(source: str, feature: Feature) -> str:
    conditions = " AND ".join(_conditions(source, feature))
    return f" FILTER (WHERE {conditions})" if conditions else ""


def _conditions(source: str, feature: Feature) -> Iterator[str]:
    """What an event must meet to count."""
    family = feature.family
    for column, values in family.where:
        yield _one_of(f"e.{_bare(column)}", [_typed(family, column, value) for value in values])
    if family.by:
        yield _one_of(f"e.{_bare(family.by)}", [_typed(family, family.by, feature.level or "")])
    if family.measure and _nullable(source, family.measure):
        yield f"{_measured(feature)} IS NOT NULL"
    if feature.days is not None:
        yield f"e.age <= {feature.days}"


def _one_of(what: str, values: Iterable[str | float]) -> str:
    written = [literal(value) for value in values]
    return f"{what} = {written[0]}" if len(written) == 1 else f"{what} IN ({', '.join(written)})"


def _typed(family: Family, column: str, value: str | float) -> str | float:
    """A declared value as one that the column can have.

    Raises:
        CatalogueError: a number is compared to a text that is none.
    """
    stored = TABLES[family.source].columns().get(column)
    if stored is not None and pa.types.is_string(stored.type):
        return str(value)
    if stored is not None and isinstance(value, str):
        raise CatalogueError(f"family {family.name!r}: column {column!r} holds numbers, not {value!r}")
    return value


def _nullable(source: str, column: str) -> bool:
    stored = TABLES[source].columns().get(column)
    return _derived(source, column).nullable if stored is None else stored.nullable
