"""The rules, each a module here whose `RULE` is found by being there: to add one is to add a file."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from alerts.rule import AnyRule


@cache
def rules() -> dict[str, AnyRule]:
    """All rules by name, which is that of the module."""
    return {found.name: import_module(f"{__name__}.{found.name}").RULE for found in iter_modules(__path__)}
