"""Declared mappings of resources to flat rows, in the form of SQL-on-FHIR ViewDefinitions (`views/*.json`).

`column`, `select`, `forEach`, `forEachOrNull`, `unionAll`, `where` and `constant` mean what SQL-on-FHIR says, with the
paths of `records.sources.fhir.paths`. Two readings differ, because a history must survive odd resources: a column
with several values, or with a value that is not of its declared type, is null where the standard would stop.
A column of a complex type (Coding, Identifier, Duration) keeps its JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

from records.sources.fhir.paths import Members, ReferenceKey, Step, Values, compile_path, is_true, reference_key

FOLDER = Path(__file__).parent / "views"

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = Callable[[Any], list[Row]]
Getter: TypeAlias = Callable[[Values], Any]

JSON_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "decimal": (int, float),
}
TEXTS = ("string", "code", "id", "uri", "date", "dateTime", "instant")


class ViewError(ValueError):
    """A view is not one that this compiler understands."""


@dataclass(frozen=True)
class View:
    """One compiled view.

    Attributes:
        resource: the resource type that it reads.
        columns: names of its columns, in order.
        rows: makes the rows of one resource, each a dict of the columns; no row when a `where` says so.
        seen: the same rows, but a column may be worked out only when it is asked for: most resources of a general
            record are left out after a look at one or two.
    """

    resource: str
    columns: tuple[str, ...]
    rows: Rows
    seen: Callable[[Any], Sequence[Mapping[str, Any]]]


@cache
def load(name: str) -> View:
    """The project's own view of that name."""
    return compile_view(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def compile_view(view: Mapping[str, Any]) -> View:
    """Compile a ViewDefinition.

    Raises:
        ViewError: a part is missing, or branches of a `unionAll` have different columns.
        PathError: a path is not understood.
    """
    if not view.get("resource") or not view.get("select"):
        raise ViewError("a view needs a resource and a select")
    constants = {constant["name"]: _constant_value(constant) for constant in view.get("constant", ())}
    conditions = [compile_path(some["path"], constants) for some in view.get("where", ())]
    columns, select = _all_of(view["select"], constants)
    if len(set(columns)) < len(columns):
        raise ViewError("a view names a column twice")

    def rows(resource: Any) -> list[Row]:
        return select(resource) if all(is_true(condition([resource])) for condition in conditions) else []

    return View(view["resource"], columns, rows, _lazy(view, constants) or rows)


class _Seen(dict[str, Any]):
    """A row whose columns are worked out when they are asked for, once each."""

    __slots__ = ("focus", "getters")

    def __init__(self, node: Any, getters: Mapping[str, Getter]) -> None:
        self.focus = [node]
        self.getters = getters

    def __missing__(self, name: str) -> Any:
        value = self[name] = self.getters[name](self.focus)
        return value


def _lazy(view: Mapping[str, Any], constants: Mapping[str, Any]) -> Callable[[Any], list[_Seen]] | None:
    """Lazy rows of a view that is one list of columns."""
    if view.get("where") or len(view["select"]) != 1 or set(view["select"][0]) != {"column"}:
        return None
    getters = {column["name"]: _column(column, constants) for column in view["select"][0]["column"]}
    return lambda resource: [_Seen(resource, getters)]


def _constant_value(constant: Mapping[str, Any]) -> Any:
    values = [value for name, value in constant.items() if name.startswith("value")]
    if len(values) != 1:
        raise ViewError("a constant needs exactly one value")
    return values[0]


def _all_of(selects: Iterable[Mapping[str, Any]], constants: Mapping[str, Any]) -> tuple[tuple[str, ...], Rows]:
    """Every combination of the rows of several selects."""
    compiled = [_select(some, constants) for some in selects]
    columns = tuple(name for names, _ in compiled for name in names)
    parts = [rows for _, rows in compiled]
    if len(parts) == 1:
        return columns, parts[0]

    def rows(node: Any) -> list[Row]:
        return [_merged(some) for some in product(*(part(node) for part in parts))]

    return columns, rows


def _merged(parts: Iterable[Row]) -> Row:
    row: Row = {}
    for part in parts:
        row |= part
    return row


def _select(select: Mapping[str, Any], constants: Mapping[str, Any]) -> tuple[tuple[str, ...], Rows]:
    parts: list[tuple[tuple[str, ...], Rows]] = []
    if "column" in select:
        parts.append(_columns(select["column"], constants))
    if "select" in select:
        parts.append(_all_of(select["select"], constants))
    if "unionAll" in select:
        parts.append(_union(select["unionAll"], constants))
    if not parts:
        raise ViewError("a select needs a column, a select or a unionAll")
    columns = tuple(name for names, _ in parts for name in names)
    rows = parts[0][1] if len(parts) == 1 else _combined([rows for _, rows in parts])
    return columns, _for_each(select, columns, rows, constants)


def _combined(parts: list[Rows]) -> Rows:
    return lambda node: [_merged(some) for some in product(*(part(node) for part in parts))]


def _columns(columns: Iterable[Mapping[str, Any]], constants: Mapping[str, Any]) -> tuple[tuple[str, ...], Rows]:
    getters = [(column["name"], _column(column, constants)) for column in columns]

    def rows(node: Any) -> list[Row]:
        focus = [node]
        return [{name: get(focus) for name, get in getters}]

    return tuple(name for name, _ in getters), rows


def _column(column: Mapping[str, Any], constants: Mapping[str, Any]) -> Getter:
    step = compile_path(column["path"], constants)
    wanted = _types(column.get("type", "string"))
    if column.get("collection"):
        return _all(step, wanted)
    if isinstance(step, ReferenceKey) and step.path:
        return _key(step, step.path)
    return _plain(step, wanted) if isinstance(step, Members) else _single(step, wanted)


def _all(step: Step, wanted: tuple[type, ...]) -> Getter:
    """All values of a type; down a chain of members without a list on the way they are taken directly."""
    if not isinstance(step, Members):
        return lambda focus: [value for value in step(focus) if type(value) in wanted]
    names = step.names

    def values(focus: Values) -> Any:
        node = focus[0]
        for name in names:
            if type(node) is not dict:
                return [] if node is None else [value for value in step(focus) if type(value) in wanted]
            node = node.get(name)
        if type(node) is list:
            return [value for value in node if type(value) in wanted]
        return [node] if type(node) in wanted else []

    return values


def _key(step: ReferenceKey, path: Members) -> Getter:
    """The key of a single reference; several are left to the general way."""
    general = _single(step, (str,))
    reference = _plain(Members((*path.names, "reference")), (str,))

    def key(focus: Values) -> Any:
        found = reference(focus)
        return general(focus) if found is None else reference_key(found, step.wanted)

    return key


def _plain(step: Members, wanted: tuple[type, ...]) -> Getter:
    """A single value down a chain of members; anything but objects on the way is left to the general way."""
    names = step.names
    general = _single(step, wanted)

    def value(focus: Values) -> Any:
        node = focus[0]
        for name in names:
            if type(node) is not dict:
                return None if node is None else general(focus)
            node = node.get(name)
        if type(node) in wanted:
            return node
        return general(focus) if type(node) is list else None

    return value


def _single(step: Step, wanted: tuple[type, ...]) -> Getter:
    def value(focus: Values) -> Any:
        found = step(focus)
        return found[0] if len(found) == 1 and type(found[0]) in wanted else None

    return value


def _types(name: str) -> tuple[type, ...]:
    if name in TEXTS:
        return (str,)
    return JSON_TYPES.get(name) or (dict,)


def _for_each(select: Mapping[str, Any], columns: tuple[str, ...], rows: Rows, constants: Mapping[str, Any]) -> Rows:
    path = select.get("forEach") or select.get("forEachOrNull")
    if not path:
        return rows
    nodes = compile_path(path, constants)
    nothing: list[Row] = [dict.fromkeys(columns)] if "forEachOrNull" in select else []

    def each(node: Any) -> list[Row]:
        found = nodes([node])
        return [row for some in found for row in rows(some)] if found else [dict(row) for row in nothing]

    return each


def _union(branches: Iterable[Mapping[str, Any]], constants: Mapping[str, Any]) -> tuple[tuple[str, ...], Rows]:
    compiled = [_select(branch, constants) for branch in branches]
    columns = compiled[0][0]
    if any(names != columns for names, _ in compiled):
        raise ViewError("the branches of a unionAll have different columns")
    return columns, lambda node: [row for _, rows in compiled for row in rows(node)]
