"""The groups in which a model is examined: what is recorded about a moment's person and place, and how it is banded.

None of it but age is a feature. Sex, language, district and site are slices on purpose: a model is looked at by them,
it does not look at them. The site is that of `models.sites`. "Use so far" stands for access as records can show it;
access itself is known of simulated people only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.evaluate import Moments
from models.sites import UNKNOWN, Seen
from records.clock import days, microseconds
from records.history import History
from training.cohort import DAY

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.str_]

RECENT_DAYS = 730
LEAST_SHOWN = 5
"""Counts of fewer people are not shown (the limit of Finnish public reporting tools; Soite's is 5 clients)."""
HIDDEN = f"under {LEAST_SHOWN}"
CATEGORIES = ("sex", "language", "district", "site")
MEASURES = ("age", "recent_visits")
HOME_LANGUAGES = ("fi", "sv")


@dataclass(frozen=True)
class Bands:
    """Half-open bands of a number: band *i* holds values from `edges[i]` on and below `edges[i + 1]`."""

    edges: tuple[float, ...]
    names: tuple[str, ...]

    def of(self, values: Floats) -> Words:
        """The band of each value; unknown for NaN."""
        place = np.clip(np.searchsorted(self.edges, values, side="right") - 1, 0, len(self.names) - 1)
        return np.where(np.isnan(values), UNKNOWN, np.array(self.names)[place]).astype(np.str_)


AGE = Bands((0, 18, 30, 65, 80), ("0-17", "18-29", "30-64", "65-79", "80 or more"))
"""0-17, 18-64, 65-79 and 80+ are those of Soite's tool for heavy users; young adults are apart because fees begin."""
USE = Bands((0, 1, 4), ("0 visits in 24 months", "1-3 visits in 24 months", "4 or more visits in 24 months"))


def describe(history: History, moments: Moments) -> dict[str, pa.Array | np.ndarray]:
    """What is recorded about the person and the place of each moment, one column a slice."""
    patients, ids = history["patients"], history.patient_ids.combine_chunks()
    owner = np.asarray(pc.index_in(moments.patient_ids, ids).to_numpy(), np.int64)
    time = microseconds(moments.as_of)
    said: dict[str, pa.Array | np.ndarray] = {
        name: pc.fill_null(patients[name].combine_chunks(), UNKNOWN).take(pa.array(owner))
        for name in ("sex", "language", "district")
    }
    birth = patients["birth_date"].cast("int32").to_numpy().astype(np.float64)[owner]
    seen = Seen.of(history, ids)
    return said | {
        "site": seen.site(owner, time),
        "age": (days(moments.as_of) - birth) / 365.25,
        "recent_visits": seen.count(owner, time - RECENT_DAYS * DAY, time),
    }


def dimensions(about: Mapping[str, np.ndarray], as_of: Ints, access: Floats | None) -> dict[str, Words]:
    """Every dimension by which a model is examined: its level for each row.

    Args:
        about: columns as `describe` makes them.
        as_of: the moments, microseconds since 1970 in UTC.
        access: the true propensity to seek care, of simulated people.
    """
    language = about["language"]
    foreign = ~np.isin(language, HOME_LANGUAGES)
    found = {
        "sex": about["sex"],
        "age": AGE.of(about["age"]),
        "language": np.where(foreign, "other", language),
        "other language": np.where(foreign, language, ""),
        "district": about["district"],
        "site": about["site"],
        "period": as_of.astype("datetime64[us]").astype("datetime64[Y]").astype(np.str_),
        "use so far": USE.of(about["recent_visits"]),
    }
    if access is not None:
        found["access (true, simulated)"] = thirds(access)
    return {name: np.asarray(levels, np.str_) for name, levels in found.items()}


def thirds(values: Floats) -> Words:
    """Lowest, middle and highest third of the rows."""
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    return np.where(values <= low, "third 1 (least)", np.where(values <= high, "third 2", "third 3 (most)"))


def levels(words: Words) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each level of a dimension with its rows, in alphabetical order; the empty level does not count."""
    for level in np.unique(words).tolist():
        if level:
            yield level, words == level


def shown(counts: Sequence[int], least: int = LEAST_SHOWN) -> list[str]:
    """Counts that add up to a known total, as text; small ones are hidden, and none can be had by subtraction.

    Zero is shown: nobody can be found among nobody. Where the hidden counts sum to fewer than `least`, or only one is
    hidden, the next smallest is hidden too.
    """
    hidden = {at for at, count in enumerate(counts) if 0 < count < least}
    others = sorted((at for at, count in enumerate(counts) if count >= least), key=lambda at: (counts[at], at))
    while hidden and others and (len(hidden) == 1 or sum(counts[at] for at in hidden) < least):
        hidden.add(others.pop(0))
    return [_text(count, least) if at in hidden else f"{count:,}" for at, count in enumerate(counts)]


def _text(count: int, least: int) -> str:
    return f"under {least}" if count < least else "hidden"
