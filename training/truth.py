"""The truth of a simulated population, beside what its records say.

Real records have none, and nothing here is a feature: it measures how far the recorded label is from the need, and how
well need could be predicted at best.

The truth of a moment is the person's state and traits at the booking contact, and the visits and chair minutes that
the mouth then needed, had nothing interfered (`records.simulate.truth.TRUTH`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.evaluate import Moments
from records.simulate.care import CAUSES, Will, redrawn
from records.simulate.disease import Mouths

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATE = ("age", "caries", "filled", "missing", "perio", "caries_rate", "access", "fear", "life", "habit")
"""What of the truth describes the person at the contact."""
NEED = ("need_visits", "need_minutes")
"""What the mouth was about to need; nobody can know it before the examination."""
UNKNOWN_AT_MOST = 0.001
"""Share of the moments that may look like the start of an episode and are none; about one in a million does."""
DRAWS = 40
"""How often every episode is drawn anew; the chance of many visits is then known to about 8 percentage points, and
an estimator on top smooths over people who are alike."""


def read(path: Path) -> pa.Table | None:
    """The truth behind a simulated history, or None when there is no such file."""
    return pq.read_table(path) if path.exists() else None


def starts_episode(moments: Moments, truth: pa.Table) -> NDArray[np.bool_]:
    """Whether each moment starts an episode in truth, shape (moments,).

    Records alone cannot always tell: a late visit of a long episode looks like the start of another one.

    Raises:
        ValueError: the truth knows nothing of many moments: it belongs to another history.
    """
    place = pc.index_in(_keys(moments.patient_ids, moments.as_of), _keys(truth["patient_id"], truth["event_time"]))
    if place.null_count > UNKNOWN_AT_MOST * len(place) + 1:
        raise ValueError(f"the truth lacks {place.null_count} of {len(place)} moments: it is of another history")
    return np.asarray(place.is_valid())


def of_moments(moments: Moments, truth: pa.Table) -> pa.Table:
    """The rows of the truth for moments, in their order.

    Raises:
        ValueError: the truth knows nothing of a moment: it belongs to another history.
    """
    wanted = _keys(moments.patient_ids, moments.as_of)
    place = pc.index_in(wanted, _keys(truth["patient_id"], truth["event_time"]))
    if place.null_count:
        raise ValueError(f"the truth lacks {place.null_count} of {len(place)} moments: it is of another history")
    return truth.take(place)


def _keys(patient_ids: pa.Array, moments: pa.Array) -> pa.Array:
    if isinstance(patient_ids, pa.ChunkedArray):
        patient_ids, moments = patient_ids.combine_chunks(), moments.combine_chunks()
    return pc.binary_join_element_wise(patient_ids, moments.cast("int64").cast("string"), " ")


def known(truth: pa.Table, draws: int = DRAWS) -> dict[str, Floats]:
    """What somebody who sees everything but the future knows of each row of the truth, by name.

    The state and the cause of the contact, and the chances of visits when the simulator draws the episode anew from
    that state. A model on these columns is the ceiling: what it leaves is chance. It is estimated, so a hair too low.
    """
    again = visits_anew(truth, draws)
    columns = {name: np.asarray(truth[name].cast("float64")) for name in STATE}
    columns |= {"cause": _cause(truth).astype(np.float64), "drawn_visits": again.mean(axis=1)}
    columns |= {f"drawn_at_least_{least}": (again >= least).mean(axis=1) for least in range(2, 9)}
    return columns


def need(truth: pa.Table) -> dict[str, Floats]:
    """The visits and minutes that were truly needed."""
    return {name: np.asarray(truth[name].cast("float64")) for name in NEED}


def visits_anew(truth: pa.Table, draws: int) -> Ints:
    """Visits of every episode, drawn anew, shape (rows, draws)."""
    column: Mapping[str, np.ndarray] = {name: np.asarray(truth[name]) for name in truth.column_names}
    decayed, filled, missing = (column[name].astype(np.int64) for name in ("caries", "filled", "missing"))
    mouths = Mouths(decayed, filled, missing, column["perio"], np.zeros(truth.num_rows))
    will = Will(column["access"], column["fear"], column["life"])
    rng = np.random.default_rng(0)
    return np.column_stack([redrawn(rng, mouths, will, _cause(truth), column["age"]) for _ in range(draws)])


def _cause(truth: pa.Table) -> Ints:
    return np.asarray(pc.index_in(truth["cause"], pa.array(CAUSES))).astype(np.int64)
