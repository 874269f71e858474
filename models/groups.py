"""Groups with something of their own: which row of a table holds for each patient, by site or period."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]


def numbered(own: Mapping[str, object]) -> dict[str, int]:
    """Rows of a table whose row 0 holds for everybody else, by the name of the group."""
    return {name: at for at, name in enumerate(own, 1)}


def places(numbers: Mapping[str, int], groups: ArrayLike | None, rows: int) -> Ints:
    """The row that holds for each of so many patients: that of their group, or 0; 0 for all without groups.

    Args:
        numbers: as `numbered` gives them.
        groups: site or period of each patient.
        rows: how many patients.
    """
    if groups is None or not numbers:
        return np.zeros(rows, np.int64)
    names = np.asarray(groups, np.str_).tolist()
    return np.array([numbers.get(name, 0) for name in names], np.int64)
