"""What a model was examined on says what is normal for its service."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.estimators import Logistic
from models.segments import read_tables
from tests.training.made import NAMES, examples
from training import compare
from training.cohort import OBSERVED
from training.compare import SplitDefinition, fit_model, predict, split
from training.monitor.examined import as_served, reference_of
from training.monitor.figures import Month, Standard, measure
from training.monitor.limits import Limits
from training.monitor.reference import NoReferenceError, Reference

TABLE = read_tables()[-1]
EVERYONE = examples()
PARTS = split(EVERYONE.observed(), SplitDefinition(), TABLE.horizon_days)
ROWS = compare.test_rows(EVERYONE, SplitDefinition(), PARTS.test_from)
MODEL = fit_model(lambda: Logistic(NAMES), PARTS.learn, TABLE)
NORMAL = reference_of(MODEL, ROWS, TABLE)


def test_a_model_serving_the_rows_it_was_examined_on_is_normal_throughout() -> None:
    served = as_served(MODEL, ROWS, TABLE)
    standard = Standard(NORMAL, TABLE, EVERYONE.catalogue, Limits.read())
    found = {(each.kind, each.about): each for each in measure(Month("2026-01", served, served, served), standard)
             if each.group == "all"}  # fmt: skip
    assert {kind for kind, _ in found} == {
        "schema", "missing", "drift", "suggested", "estimated_ranking", "calibration", "ranking", "coverage",
    }  # fmt: skip
    for kind in ("suggested", "estimated_ranking"):
        assert all(each.distance == pytest.approx(0) for (named, _), each in found.items() if named == kind)
    assert found["coverage", ""].distance == pytest.approx(0)


def test_what_examples_cannot_say_stays_open() -> None:
    assert NORMAL.without_history is NORMAL.overridden is None
    assert NORMAL.early == (None, None, None)
    assert sum(NORMAL.suggested) == pytest.approx(1)
    assert NORMAL.coverage is not None
    assert 0.7 < NORMAL.coverage <= 1


def test_needs_that_were_not_observed_are_not_taken_for_light() -> None:
    served = as_served(MODEL, ROWS, TABLE)
    assert (served.truth[ROWS.fate != OBSERVED] == -1).all()
    assert (served.truth[ROWS.fate == OBSERVED] >= 0).all()


def test_a_model_without_sets_and_rows_without_fate_or_place_have_a_reference_too() -> None:
    bare = replace(ROWS.observed(), fate=np.empty(0, np.str_), about={})
    found = reference_of(replace(MODEL, uncertainty=None), bare, TABLE)
    assert found.coverage is None
    assert found.suggested == pytest.approx(tuple(np.bincount(
        TABLE.suggest(predict(MODEL, bare).at_least), minlength=3) / len(bare)))  # fmt: skip


def test_a_reference_is_the_same_after_json_and_none_of_nothing() -> None:
    assert Reference.from_json(NORMAL.to_json(), "here") == NORMAL
    with pytest.raises(NoReferenceError, match="here holds no reference of a model"):
        Reference.from_json("[]", "here")
    with pytest.raises(NoReferenceError, match="nothing was suggested"):
        reference_of(MODEL, ROWS.take(np.zeros(len(ROWS), np.bool_)), TABLE)
