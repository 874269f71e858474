"""Which answers of a stored history belong to the interview of which booking contact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.evaluate import Moments
from records.clock import microseconds
from records.history import History

Floats = NDArray[np.float64]

WITHIN = timedelta(minutes=30)
"""An answer recorded so soon after a booking contact began belongs to its interview; no visit comes that soon."""


def given_at(history: History, moments: Moments, questions: Sequence[str], within: timedelta = WITHIN) -> Floats:
    """Answers given at moments, shape (moments, questions): the latest of each question, NaN where there is none.

    An answer belongs to the latest moment of its patient that is neither after it nor more than `within` before it.
    """
    rows = history["answers"].select(["patient_id", "question", "value"]).to_pandas()
    rows["time"] = microseconds(history["answers"]["event_time"])
    rows["question"] = pd.Index(questions).get_indexer(rows["question"])
    at = pd.DataFrame({"patient_id": moments.patient_ids.to_pandas(), "time": microseconds(moments.as_of)})
    at["moment"] = np.arange(len(at))
    belonging = pd.merge_asof(
        rows[rows["question"] >= 0].sort_values("time", kind="stable"), at.sort_values("time", kind="stable"),
        on="time", by="patient_id", tolerance=within // timedelta(microseconds=1),
    ).dropna(subset="moment")  # fmt: skip
    found = np.full((len(at), len(questions)), np.nan)
    found[belonging["moment"].astype(int), belonging["question"]] = belonging["value"]
    return found
