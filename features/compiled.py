"""Compiled code: how loops over plain arrays become machine code, ready when a module has been imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])

ROW, ROWS, ANY_ROWS = "Array(f8, 1, 'C', True)", "Array(f8, 2, 'C', True)", "Array(f8, 2, 'A', True)"
"""In a signature: numbers that are only read. Arrays that may not be written to, as pandas and Arrow give them, are
taken only so; in a row, in rows one after the other, and in rows that lie anyhow."""


def compiled(signature: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile when the module is imported, for one signature; keep the result on disk where that is possible.

    So the seconds that compiling takes are paid before the first question, and never by a patient. What is kept is made
    anew when the function's own file changes, and only then: numbers of other files must come as arguments. The
    interpreter's lock is kept: for the microseconds of one patient, to give it away costs more than it gains.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            found: Callable[..., Any] = njit(signature, cache=True)(function)
        except RuntimeError:  # neither the module's folder nor the user's can be written
            found = njit(signature)(function)
        return found

    return decorate


def part(function: _Function) -> _Function:
    """Let a function be called by compiled ones of its file; it makes no array, and gives none back.

    Nothing that it is given can go away meanwhile, so no references are counted: they were half of the kernel's time.
    """
    options: dict[str, Any] = {"_nrt": False}
    found: Any = njit(**options)(function)
    return cast(_Function, found)
