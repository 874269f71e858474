"""What the truth of simulated people says about moments of their records."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from features.evaluate import Moments
from records.clock import instant
from records.schema import INSTANT
from training.cohort import ABSENT, LEFT, OBSERVED, Cohort
from training.examples import of_the_truth

TIMES = [instant(f"2024-0{1 + at}-01T09:00") for at in range(4)]
ZEROS = np.zeros((4, 5))
ATTRITION = {"booking contacts": 9, "continues an episode": 5, "died or moved within the horizon": 1, "nobody came": 1,
             "kept": 2}  # fmt: skip
COHORT = Cohort(Moments.of(["a", "a", "b", "c"], TIMES), ZEROS, ZEROS, Counter(ATTRITION), np.zeros(4),
                np.array([OBSERVED, OBSERVED, LEFT, ABSENT]))  # fmt: skip


def truth_of(*rows: int) -> pa.Table:
    ids = [COHORT.moments.patient_ids[at].as_py() for at in rows]
    return pa.table({"patient_id": ids, "event_time": pa.array([TIMES[at] for at in rows], INSTANT)})


def test_a_moment_that_continues_an_episode_in_truth_is_left_out_and_counted() -> None:
    found = of_the_truth(COHORT, truth_of(0, 2, 3))
    assert found.moments.patient_ids.to_pylist() == ["a", "b", "c"]
    assert found.fate.tolist() == [OBSERVED, LEFT, ABSENT]
    assert found.attrition == ATTRITION | {"continues an episode": 6, "kept": 1}
    assert COHORT.attrition == ATTRITION
    assert of_the_truth(COHORT, truth_of(0, 1, 2)).attrition["nobody came"] == 0


def test_the_truth_of_other_people_is_refused() -> None:
    with pytest.raises(ValueError, match="the truth lacks 2 of 4 moments: it is of another history"):
        of_the_truth(COHORT, truth_of(0, 1))
