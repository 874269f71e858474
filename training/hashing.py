"""A number for every patient by which rows are dealt out: the same in every population, run and machine."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray


def hashed_share(groups: ArrayLike, salt: str = "") -> NDArray[np.float64]:
    """A number from 0 on and below 1 for each row, equal for the rows of one patient or family, shape (n,).

    Args:
        groups: patient or family of each row.
        salt: other numbers for another purpose.
    """
    names, place = np.unique(np.asarray(groups, np.str_), return_inverse=True)
    hashes = np.array([zlib.crc32((salt + name).encode()) for name in names.tolist()], np.int64)
    return np.asarray((hashes % 10_000 / 10_000)[place])
