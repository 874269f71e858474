"""What the evaluator refuses and what it is given; what its numbers mean is in `test_semantics.py`."""

from __future__ import annotations

import pytest

from features.catalogue import Catalogue
from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from features.events import prepare
from features.families import Label, count
from records.clock import instant
from tests.rows import event, history, patient

L = Label("x", "x", "x")
VISITS = Catalogue(count("visits", "n", L, "x"))


def test_an_unknown_patient_is_refused_without_naming_anyone() -> None:
    with pytest.raises(ValueError, match="1 of 1 moments ask about a patient that the history does not hold"):
        evaluate(DENTAL, history(), Moments.of(["nobody"], [instant("2025-01-01")]))


def test_no_moments_have_no_rows() -> None:
    assert evaluate(DENTAL, history(), Moments.of([], [])).values.shape == (0, len(DENTAL))


def test_another_patients_events_are_never_seen() -> None:
    found = history(patient("a"), patient("b"), visits=[event("visits", "2020-01-01", patient="b")])
    moments = Moments.of(["b", "a"], [instant("2025-01-01")] * 2)
    assert evaluate(VISITS, found, moments).values.tolist() == [[1], [0]]


def test_a_history_can_be_prepared_once_for_many_questions() -> None:
    events = prepare(VISITS, history(visits=[event("visits", "2024-01-01"), event("visits", "2024-02-01")]))
    for as_of, number in (("2024-01-15", 1), ("2024-02-15", 2)):
        assert evaluate(VISITS, events, Moments.of(["a"], [instant(as_of)])).values.tolist() == [[number]]
