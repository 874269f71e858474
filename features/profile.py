"""Profiles: what the columns of a feature matrix look like, so that two matrices can be compared without either.

A profile counts the values of every column in bins that never change: a bin holds the numbers that share their sign,
their power of two and the next four binary digits. Whole numbers below 32 have a bin of their own; larger ones share it
with those within a sixteenth. As the bins depend on no data, the profiles of blocks add up to the profile of the whole,
in any order and to the last digit, and any two profiles of one catalogue can be compared.

What is published of a profile shows nothing of fewer than five people: counts are rounded down to whole fives of
people, bins with fewer are joined with their neighbours, and ends that fewer hold are left open.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.evaluate import Matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST = 5
"""People below whom nothing is shown."""
DIGITS = 4
"""Binary digits after the first that tell bins of one power of two apart."""
LEAST, MOST = -16, 32
"""Powers of two that have bins: what is nearer to zero counts as zero, the last bin holds all that is larger."""
QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
GROUPS = 10
"""Groups of about equal size that the stability index compares."""

_SIDE = (MOST - LEAST) << DIGITS
_ZERO = _SIDE
_MISSING = 2 * _SIDE + 1
_BINS = 2 * _SIDE + 2
_LOWEST = (1023 + LEAST) << DIGITS
"""The leading sixteen bits of the smallest positive number that has a bin; 1023 is the exponent bias of a double."""


class Column(TypedDict):
    """What is published of one column; None stands for what fewer than five people hold.

    `least` and `most` are the extreme values. Bin *i* holds `counts[i]` values at or above `start[i]` and below
    `stop[i]`; None is an open end. A quantile is the start of the bin that holds it: exact for whole numbers below 32.
    """

    count: int
    missing: float
    zeros: float
    mean: float | None
    sd: float | None
    least: float | None
    most: float | None
    quantiles: dict[str, float | None]
    start: list[float | None]
    stop: list[float | None]
    counts: list[int]


class Published(TypedDict):
    """What is published of a matrix: `rows` and all counts are rounded down to whole multiples of `unit`."""

    catalogue: str
    rows: int
    unit: int
    columns: dict[str, Column]


@dataclass(frozen=True)
class Profile:
    """Exact counts of a matrix, or of a block of it; not for publication.

    Attributes:
        catalogue: version of the catalogue that computed the matrix.
        names: the columns.
        rows: number of rows.
        rows_of_one: the most rows that one patient has.
        counts: values by column and bin.
        sums: the sum of each column's values and that of their squares, in parts of 2**16 and of 2**32, as Python
            integers, which never round.
        ends: least and largest value of each column, shape (2, columns); NaN for a column without values.
        holders: how many rows hold them.
    """

    catalogue: str
    names: tuple[str, ...]
    rows: int
    rows_of_one: int
    counts: Ints
    sums: tuple[tuple[int, int], ...]
    ends: Floats
    holders: Ints

    @classmethod
    def of(cls, catalogue: str, matrix: Matrix, patient_ids: pa.Array) -> Profile:
        """The profile of a matrix; `patient_ids` says whose each row is."""
        columns = [np.ascontiguousarray(column) for column in matrix.values.T]
        ends = np.array([_ends(column) for column in columns]).T
        holders = [
            [np.count_nonzero(column == end) for column, end in zip(columns, side, strict=True)] for side in ends
        ]
        return cls(
            catalogue=catalogue,
            names=matrix.names,
            rows=len(matrix.values),
            rows_of_one=pc.max(patient_ids.value_counts().field("counts")).as_py() or 0,
            counts=np.array([np.bincount(_bins(column), minlength=_BINS) for column in columns]),
            sums=tuple(_sums(column) for column in columns),
            ends=ends,
            holders=np.array(holders),
        )

    @classmethod
    def empty(cls, catalogue: str, names: Sequence[str]) -> Profile:
        """The profile of no rows."""
        return cls.of(catalogue, Matrix(tuple(names), np.empty((0, len(names)))), pa.array([], pa.string()))

    def __add__(self, other: Profile) -> Profile:
        """The profile of two blocks together; no patient may be in both.

        Raises:
            ValueError: they are of different catalogues.
        """
        if (self.catalogue, self.names) != (other.catalogue, other.names):
            raise ValueError("profiles of different catalogues do not add up")
        ends = np.array([np.fmin(self.ends[0], other.ends[0]), np.fmax(self.ends[1], other.ends[1])])
        return Profile(
            catalogue=self.catalogue,
            names=self.names,
            rows=self.rows + other.rows,
            rows_of_one=max(self.rows_of_one, other.rows_of_one),
            counts=self.counts + other.counts,
            sums=tuple((a + c, b + d) for (a, b), (c, d) in zip(self.sums, other.sums, strict=True)),
            ends=ends,
            holders=np.where(self.ends == ends, self.holders, 0) + np.where(other.ends == ends, other.holders, 0),
        )

    def published(self) -> Published:
        """What may be shown to anyone."""
        unit = FEWEST * max(self.rows_of_one, 1)
        columns = {name: self._column(at, unit) for at, name in enumerate(self.names)}
        return {"catalogue": self.catalogue, "rows": self.rows // unit * unit, "unit": unit, "columns": columns}

    def _column(self, at: int, unit: int) -> Column:
        counts = self.counts[at]
        count = self.rows - int(counts[_MISSING])
        rows = max(self.rows // unit * unit, 1)
        bins = list(_joined(counts[:_MISSING], unit))
        mean, deviation = _mean_and_deviation(count, *self.sums[at]) if count >= unit else (None, None)
        least, most = (
            float(end) if holders >= unit else None
            for end, holders in zip(self.ends[:, at], self.holders[:, at], strict=True)
        )
        return {
            "count": count // unit * unit,
            "missing": int(counts[_MISSING]) // unit * unit / rows,
            "zeros": int(counts[_ZERO]) // unit * unit / rows,
            "mean": mean,
            "sd": deviation,
            "least": least,
            "most": most,
            "quantiles": {f"{share:g}": _quantile(bins, share) for share in QUANTILES if bins},
            "start": [start for start, _, _ in bins],
            "stop": [stop for _, stop, _ in bins],
            "counts": [many // unit * unit for _, _, many in bins],
        }


def _bins(values: Floats) -> Ints:
    """The bin of every value."""
    leading = (values.view(np.uint64) >> np.uint64(52 - DIGITS)).astype(np.intp)
    return _BIN_OF[leading]


def _bin_of() -> Ints:
    """The bin of a number by its leading sixteen bits: sign, power of two, `DIGITS` binary digits."""
    leading = np.arange(2**16)
    unsigned = leading & 0x7FFF
    size = np.minimum(unsigned - _LOWEST, _SIDE - 1)
    sided = np.where(leading == unsigned, _ZERO + 1 + size, _ZERO - 1 - size)
    return np.where(unsigned >= 0x7FF0, _MISSING, np.where(size < 0, _ZERO, sided))


_BIN_OF = _bin_of()


def _edge(at: int) -> float | None:
    """The lower edge of a bin; None for the lowest, and beyond the highest."""
    if at in (0, _MISSING):
        return None
    if at == _ZERO:
        return 0.0
    size = at - _ZERO - 1 if at > _ZERO else _ZERO - at
    edge = float(np.array((_LOWEST + size) << (52 - DIGITS), np.uint64).view(np.float64))
    return edge if at > _ZERO else -edge


def _joined(counts: Ints, unit: int) -> Iterator[tuple[float | None, float | None, int]]:
    """Start, stop and count of bins joined with their neighbours until each holds enough.

    The first and the last are open where what lies at their very end is held by fewer.
    """
    groups: list[list[int]] = []
    for at in np.flatnonzero(counts).tolist():
        if not groups or counts[groups[-1]].sum() >= unit:
            groups.append([])
        groups[-1].append(at)
    if len(groups) > 1 and counts[groups[-1]].sum() < unit:
        few = groups.pop()
        groups[-1] += few
    if not groups or counts[groups[-1]].sum() < unit:
        return
    for group in groups:
        open_below = group is groups[0] and counts[group[0]] < unit
        open_above = group is groups[-1] and counts[group[-1]] < unit
        yield (
            None if open_below else _edge(group[0]),
            None if open_above else _edge(group[-1] + 1),
            int(counts[group].sum()),
        )


def _sums(values: Floats) -> tuple[int, int]:
    """The sum of the values and of their squares, as whole parts of 2**16 and 2**32; exact for whole numbers."""
    parts = np.rint(np.nan_to_num(values) * 2.0**16).astype(np.int64)
    top = int(np.abs(parts).max(initial=1))
    step = 2**62 // top**2
    if not step:
        return sum(parts.tolist()), sum(part * part for part in parts.tolist())
    pieces = [parts[at : at + step] for at in range(0, len(parts), step)]
    return sum(int(piece.sum()) for piece in pieces), sum(int(piece @ piece) for piece in pieces)


def _mean_and_deviation(count: int, total: int, squares: int) -> tuple[float, float]:
    """From sums in parts of 2**16 and 2**32, rounded to six digits."""
    mean = total / (count << 16)
    variance = (count * squares - total * total) / (count * max(count - 1, 1) << 32)
    return float(f"{mean:.6g}"), float(f"{math.sqrt(variance):.6g}")


def _ends(values: Floats) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    return (known.min() + 0.0, known.max() + 0.0) if len(known) else (math.nan, math.nan)  # no negative zero


def _quantile(bins: Sequence[tuple[float | None, float | None, int]], share: float) -> float | None:
    """The start of the bin that holds a quantile."""
    below = np.cumsum([many for *_, many in bins])
    return bins[int(np.searchsorted(below, share * below[-1]))][0]


def write(profile: Profile, path: Path) -> None:
    """Write what may be published of a profile as JSON, one column a line."""
    found = profile.published()
    columns = ",\n".join(f"  {json.dumps(name)}: {json.dumps(column)}" for name, column in found["columns"].items())
    head = json.dumps({key: value for key, value in found.items() if key != "columns"})
    path.write_text(f'{head[:-1]}, "columns": {{\n{columns}\n}}}}\n', encoding="utf-8")


def read(path: Path) -> Published:
    """Read a published profile.

    Raises:
        ValueError: the file is no published profile.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no readable profile") from error
    if not isinstance(found, dict) or not Published.__required_keys__ <= found.keys():
        raise ValueError(f"{path} is no profile of a feature matrix")
    return cast("Published", found)


@dataclass(frozen=True)
class Drift:
    """How far apart the values of a column lie in two profiles.

    Attributes:
        psi: population stability index of about ten groups of values and of the missing ones; by custom a large shift
            from 0.25 on.
        distance: largest difference of the shares of values below any point, as Kolmogorov and Smirnov's; 0 to 1.
        missing: by how much the share of missing values has changed.
    """

    psi: float
    distance: float
    missing: float


def drift(before: Published, after: Published) -> dict[str, Drift]:
    """Compare two published profiles column by column.

    Raises:
        ValueError: they are of different catalogues.
    """
    if before["catalogue"] != after["catalogue"]:
        raise ValueError("profiles of different catalogues cannot be compared")
    return {name: _drift(column, after["columns"][name]) for name, column in before["columns"].items()}


def _drift(before: Column, after: Column) -> Drift:
    edges = _common_edges(before, after)
    old, new = _between(before, edges), _between(after, edges)
    distance = np.abs(np.cumsum(old - new)).max()
    group = np.minimum((np.cumsum(old) - old / 2) * GROUPS, GROUPS - 1).astype(np.intp)
    shares = [
        np.append(np.bincount(group, share, GROUPS) * (1 - column["missing"]), column["missing"])
        for share, column in ((old, before), (new, after))
    ]
    return Drift(_stability(*shares), float(distance), after["missing"] - before["missing"])


def _common_edges(before: Column, after: Column) -> Floats:
    """The numbers that no bin of either has within it."""
    edges = {edge for column in (before, after) for edge in (*column["start"], *column["stop"]) if edge is not None}
    common = np.array(sorted(edges), np.float64)
    for column in (before, after):
        start = np.array([-np.inf if edge is None else edge for edge in column["start"]])
        stop = np.array([np.inf if edge is None else edge for edge in column["stop"]])
        common = common[~((start < common[:, None]) & (common[:, None] < stop)).any(axis=1)]
    return common


def _between(column: Column, edges: Floats) -> Floats:
    """Shares of a column's values below the first edge, between two edges, and from the last on."""
    start = np.array([-np.inf if edge is None else edge for edge in column["start"]])
    counts = np.array(column["counts"], np.float64)
    found = np.bincount(np.searchsorted(edges, start, "right"), counts, len(edges) + 1)
    return np.asarray(found / max(counts.sum(), 1))


def _stability(old: Floats, new: Floats) -> float:
    """The population stability index; shares of nothing count as one in ten thousand, so that it stays finite."""
    old, new = np.maximum(old, 1e-4), np.maximum(new, 1e-4)
    return float(np.sum((new - old) * np.log(new / old)))
