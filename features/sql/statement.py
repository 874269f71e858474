"""Statements: a catalogue, or some of its columns, as one SELECT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from features.catalogue import Catalogue
from features.families import Family, Feature
from features.sql.aggregates import COMBINED, PERSONAL, recipe_of
from features.sql.columns import WINDOWS, Wanted, both, columns, is_nullable
from features.sql.words import bare, grouped, lines, literal, named, one_of, quoted, table


def statement(catalogue: Catalogue, *names: str) -> str:
    """One SELECT with the named columns of a catalogue, or with all of them.

    Raises:
        KeyError: the catalogue has no column of that name.
        CatalogueError: an aggregate or a derived column has no reading in SQL.
    """
    return Compiler(catalogue, [catalogue[name] for name in names] or list(catalogue)).statement()


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
    """One statement in the making: `features` are its columns, in order.

    Its tables: `asked` holds the moments with their Helsinki day; `seen_visits` and the like hold what a moment sees
    of a table, `of_visits` one row a moment with what its columns are made of.
    """

    catalogue: Catalogue
    features: list[Feature]

    def statement(self) -> str:
        """The whole text."""
        made_of = [f"of_{source}" for source in self.needed]
        joined = "".join(f"\nJOIN {name} USING (row)" for name in made_of[1:])
        made = [named(self.value(feature), feature.name) for feature in self.features]
        select = f"SELECT row,\n    {lines(made, 1)}\nFROM {made_of[0]}{joined}\nORDER BY row"
        return "WITH\n" + ",\n".join(self.tables()) + "\n" + select

    @cached_property
    def needed(self) -> dict[str, dict[str, Feature]]:
        """By source, the columns that are taken from it: those asked for and those that shares are made of."""
        found: dict[str, dict[str, Feature]] = {}
        for feature in self.features:
            for part in self._pair(feature) or [feature]:
                found.setdefault(part.family.source, {})[part.name] = part
        return found

    def value(self, feature: Feature) -> str:
        """A column as an expression over the columns of the `of_` tables."""
        family = feature.family
        if family.aggregate in COMBINED:
            top, bottom = (self.value(part) for part in self._pair(feature))
            return COMBINED[family.aggregate].format(top=grouped(top), bottom=bottom)
        if family.aggregate in PERSONAL:
            return quoted(feature.name)
        recipe = recipe_of(family)
        value = recipe.value.format_map({name: quoted(_part(feature, name)) for name in recipe.parts})
        return f"CASE WHEN {_sight(family.source)} > 0 THEN {value} END" if family.never == "missing" else value

    def tables(self) -> Iterator[str]:
        """The tables that the columns are taken from, in the order in which they build on each other."""
        yield table("asked", [ASKED])
        for source, features in self.needed.items():
            if source == "patients":
                yield table("of_patients", _personal(features.values()))
                continue
            yield table(f"seen_{source}", _seen(source, features.values()))
            yield table(f"of_{source}", _counted(source, features.values()))

    def _pair(self, feature: Feature) -> list[Feature]:
        """The two columns that a share is made of, those of its own window; none for others."""
        found = {(each.family.name, each.level, each.window): each for each in self.catalogue}
        return [found[name, None, feature.window] for name in feature.family.of or ()]


ASKED = """SELECT row, patient_id, as_of, (as_of AT TIME ZONE 'Europe/Helsinki')::DATE AS today
    FROM moments"""


def _personal(features: Iterable[Feature]) -> Iterator[str]:
    """One row a moment with what the patient's own row says."""
    made = [
        f"{PERSONAL[feature.family.aggregate].format(x=f'patients.{feature.family.measure}')} AS {quoted(feature.name)}"
        for feature in features
    ]
    yield f"SELECT asked.row,\n        {lines(made, 2)}"
    yield "FROM asked"
    yield "JOIN patients USING (patient_id)"


def _seen(source: str, features: Iterable[Feature]) -> Iterator[str]:
    """The events of a table that a moment sees, with what the features read of them."""
    days = f"asked.today - ({source}.event_time AT TIME ZONE 'Europe/Helsinki')::DATE AS age"
    read = columns(source, _asked(features))
    made = [text if text == f"{source}.{name}" else f"{text} AS {bare(name)}" for name, text in read.items()]
    yield f"SELECT {lines(['asked.row', days, *made], 2)}"
    yield "FROM asked"
    yield f"JOIN {source} USING (patient_id)"
    yield f"WHERE {source}.event_time < asked.as_of AND {source}.recorded_at < asked.as_of"
    used = [name for name in WINDOWS if any(f"OVER {name}" in text for text in read.values())]
    if used:
        yield f"WINDOW {lines((f'{name} AS ({WINDOWS[name].format(source=source)})' for name in used), 2)}"


def _asked(features: Iterable[Feature]) -> dict[str, Wanted]:
    """The columns that features read, with the values that they compare them to."""
    found: dict[str, Wanted] = {}
    for feature in features:
        for column, values in _reads(feature):
            found[column] = both(found.get(column, ()), values)
    return found


def _reads(feature: Feature) -> Iterator[tuple[str, Wanted]]:
    family = feature.family
    yield from ((column, [str(value) for value in values]) for column, values in family.where)
    if family.by:
        yield family.by, [feature.level or ""]
    yield from ((column, None) for column in (family.measure, *recipe_of(family).reads) if column)


def _counted(source: str, features: Iterable[Feature]) -> Iterator[str]:
    """One row a moment with the parts of every feature of a source; a moment that sees nothing has a row too."""
    made = [
        f"{call.format(x=_measured(feature.family))}{_filter(feature)} AS {quoted(_part(feature, name))}"
        for feature in features
        for name, call in recipe_of(feature.family).parts.items()
    ]
    if any(feature.family.never == "missing" for feature in features):
        made.append(f"count(e.age) AS {_sight(source)}")
    yield f"SELECT asked.row,\n        {lines(made, 2)}"
    yield "FROM asked"
    yield f"LEFT JOIN seen_{source} AS e USING (row)"
    yield "GROUP BY asked.row"


def _part(feature: Feature, name: str) -> str:
    return feature.name if name == "value" else f"{feature.name}.{name}"


def _sight(source: str) -> str:
    """The number of events of a source that a moment sees."""
    return quoted(f"{source} seen")


def _measured(family: Family) -> str:
    return f"e.{bare(family.measure or 'age')}"


def _filter(feature: Feature) -> str:
    conditions = " AND ".join(_conditions(feature))
    return f" FILTER (WHERE {conditions})" if conditions else ""


def _conditions(feature: Feature) -> Iterator[str]:
    """What an event must meet to count."""
    family = feature.family
    for column, values in family.where:
        yield _among(f"e.{bare(column)}", values)
    if family.by:
        yield one_of(f"e.{bare(family.by)}", [feature.level or ""])
    if family.measure and is_nullable(family.source, family.measure):
        yield f"{_measured(family)} IS NOT NULL"
    if feature.days is not None:
        yield f"e.age <= {feature.days}"


def _among(what: str, values: tuple[str | int, ...]) -> str:
    """Whether an expression has one of the values, or a beginning that is written with a `*` at its end."""
    beginnings = [value[:-1] for value in values if isinstance(value, str) and value.endswith("*")]
    whole = [value for value in values if not (isinstance(value, str) and value.endswith("*"))]
    written = [one_of(what, whole)] if whole else []
    written += [f"starts_with({what}, {literal(beginning)})" for beginning in beginnings]
    return written[0] if len(written) == 1 else f"({' OR '.join(written)})"
