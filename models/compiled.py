"""Compiled functions: how the few loops over plain arrays become machine code, each for one signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

Function = Callable[..., Any]


def compiled(signature: str) -> Callable[[Function], Function]:
    """Compile when the module is imported, for one signature; keep the result on disk where that is possible.

    So the second that compiling takes is paid before a model is loaded, and never by a patient.
    """

    def decorate(function: Function) -> Function:
        try:
            made: Function = njit(signature, cache=True, nogil=True)(function)
        except RuntimeError:  # neither the module's folder nor the user's can be written
            made = njit(signature, nogil=True)(function)
        return made

    return decorate
