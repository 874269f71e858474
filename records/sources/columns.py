"""Small columns that several readers make: constants, joined texts, instants, numbers of equal rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from records.schema import INSTANT

Ints = NDArray[np.int64]


def count(counter: Counter[tuple[str, str]], kind: str, reason: str, rows: int) -> None:
    """Count rows, if there are any."""
    if rows:
        counter[kind, reason] += rows


def constant(text: str, rows: int) -> pa.Array:
    """The same text in every row."""
    return pa.repeat(pa.scalar(text, pa.string()), rows)


def join(*parts: str | pa.Array | pa.ChunkedArray) -> pa.Array:
    """Texts put together row by row."""
    return pc.binary_join_element_wise(*parts, "")


def instants(micros: Ints) -> pa.Array:
    """Microseconds since 1970 UTC as the schema's instants."""
    return pa.array(micros).cast(INSTANT)


def numbered(place: Ints, texts: pa.ChunkedArray | pa.Array) -> pa.Array:
    """What tells rows of the same place and text apart: nothing for the first, `-2` for the second and so on."""
    flat = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    encoded = flat.dictionary_encode()
    key = place * (len(encoded.dictionary) + 1) + encoded.indices.to_numpy()
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.append(True, ordered[1:] != ordered[:-1]) if len(key) else np.zeros(0, bool)
    position = np.arange(len(key))
    numbers = np.empty(len(key), np.int64)
    numbers[order] = position - np.maximum.accumulate(np.where(first, position, 0)) + 1
    suffixes = pa.array(["", "", *(f"-{one}" for one in range(2, int(numbers.max(initial=1)) + 1))], pa.string())
    return suffixes.take(pa.array(numbers))
