"""Words of SQL: names, values and lists of them, as text."""

from __future__ import annotations

import re
from collections.abc import Iterable


def literal(value: str | float) -> str:
    """A value."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def quoted(name: str) -> str:
    """A column name, whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def bare(column: str) -> str:
    """A column of the schema or a derived one; only `group` among them is a word of SQL."""
    return column if re.fullmatch(r"[a-z_]+", column) and column != "group" else quoted(column)


def named(expression: str, name: str) -> str:
    """An expression with the name that its values go by."""
    return expression if expression == quoted(name) else f"{expression} AS {quoted(name)}"


def grouped(expression: str) -> str:
    """An expression that can stand beside an operator."""
    return expression if re.fullmatch(r'"[^"]*"', expression) else f"({expression})"


def one_of(what: str, values: Iterable[str | float]) -> str:
    """Whether an expression has one of the values."""
    written = [literal(value) for value in values]
    return f"{what} = {written[0]}" if len(written) == 1 else f"{what} IN ({', '.join(written)})"


def lines(columns: Iterable[str], depth: int) -> str:
    """A list with one entry a line, `depth` times indented."""
    return (",\n" + "    " * depth).join(columns)


def table(name: str, text: Iterable[str]) -> str:
    """A named table expression."""
    return f"{name} AS (\n    " + "\n    ".join(text) + "\n)"
