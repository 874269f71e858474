"""Look at the catalogue: `python -m features list`, `show NAME`, `sql NAME` and `page`; or `compute` a matrix."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from features.compute import add_compute, compute
from features.dental import DENTAL
from features.dental.words import ABOUT
from features.families import LANGUAGES, Feature
from features.page import page
from features.sql import card, statement


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m features", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every feature, one a line")
    commands.add_parser("show", help="one feature").add_argument("name")
    sql = commands.add_parser("sql", help="one feature, or without a name all of them, as a SELECT for DuckDB")
    sql.add_argument("name", nargs="?")
    commands.add_parser("page", help="the page docs/features.md, in Markdown")
    add_compute(commands)
    options = parser.parse_args(arguments)
    if options.command == "compute":
        return compute(options)
    if options.command == "page":
        print(page(DENTAL, ABOUT), end="")
        return 0
    if options.command == "list":
        print("\n".join(f"{feature.name:<30} {feature.about:<15} {_title(feature)}" for feature in DENTAL))
        return 0
    try:
        print(_sql(options.name) if options.command == "sql" else "\n".join(_card(DENTAL[options.name])))
    except KeyError as error:
        print(f"features {options.command}: {error.args[0]}; see: python -m features list", file=sys.stderr)
        return 1
    return 0


def _sql(name: str | None) -> str:
    return statement(DENTAL) if name is None else card(DENTAL, name)


def _title(feature: Feature) -> str:
    window = f", {feature.days} days" if feature.days else ""
    return f"{feature.label('en')}{window}"


def _card(feature: Feature) -> Iterator[str]:
    family = feature.family
    yield feature.name
    for language in LANGUAGES:
        yield f"  {language}          {feature.label(language)}"
    yield f"  aggregate   {family.aggregate} of {family.source}" + (f".{family.measure}" if family.measure else "")
    for column, values in family.where:
        yield f"  where       {column} is {' or '.join(map(str, values))}"
    if family.by:
        yield f"  where       {family.by} is {feature.level}"
    yield f"  window      {f'{feature.days} days' if feature.days else 'ever'}"
    yield f"  unit        {family.unit or 'number'}"
    yield f"  about       {feature.about}"
    yield f"  modifiable  {'yes' if feature.modifiable else 'no'}"


if __name__ == "__main__":
    sys.exit(main())
