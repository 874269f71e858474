"""Slices: what is known at the moment, bands, and counts of which none can be had by subtraction."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.evaluate import Moments
from models.sites import NO_SITE, UNKNOWN
from records.clock import instant
from tests.rows import event, history, patient
from training.slices import AGE, LEAST_SHOWN, describe, dimensions, levels, shown, thirds


def test_a_moment_is_described_by_what_was_known_then() -> None:
    record = history(
        patient("a", language="sv", district=None),
        patient("b"),
        visits=[
            event("visits", "2019-05-01T10:00", unit="Clinic A"),
            event("visits", "2019-06-01T10:00", unit="Clinic B", known="2021-01-01T10:00"),
            event("visits", "2020-03-01T09:00", unit="Clinic C"),
        ],
    )
    when = instant("2020-03-01T09:00")
    found = describe(record, Moments.of(["a", "b", "a"], [when, when, instant("2022-01-01T09:00")]))
    assert found["site"].tolist() == ["Clinic A", NO_SITE, "Clinic B"]
    assert found["recent_visits"].tolist() == [1, 0, 2]
    assert found["language"].to_pylist() == ["sv", UNKNOWN, "sv"]
    assert found["district"].to_pylist() == [UNKNOWN] * 3
    assert abs(found["age"][0] - 40.0) < 0.02


def test_a_person_without_visits_has_no_site() -> None:
    record = history(patient("a"))
    found = describe(record, Moments.of(["a"], [instant("2020-03-01T09:00")]))
    assert found["site"].tolist() == [NO_SITE]


def test_dimensions_band_what_is_described() -> None:
    about = {
        "sex": np.array(["female", "male"]), "language": np.array(["fi", "ru"]), "district": np.array(["A", "B"]),
        "site": np.array(["X", "Y"]), "age": np.array([17.99, np.nan]), "recent_visits": np.array([0.0, 4.0]),
    }  # fmt: skip
    found = dimensions(about, np.array([0, 1_700_000_000_000_000]), np.array([0.0, 1.0]))
    assert found["age"].tolist() == ["0-17", UNKNOWN]
    assert found["language"].tolist() == ["fi", "other"]
    assert [level for level, _ in levels(found["other language"])] == ["ru"]
    assert found["period"].tolist() == ["1970", "2023"]
    assert found["use so far"].tolist() == ["0 visits in 24 months", "4 or more visits in 24 months"]
    assert found["access (true, simulated)"].tolist() == ["third 1 (least)", "third 3 (most)"]
    assert "access (true, simulated)" not in dimensions(about, np.array([0, 0]), None)


def test_bands_are_half_open() -> None:
    assert AGE.of(np.array([0, 18, 29.9, 30, 80, 120])).tolist() == [
        "0-17", "18-29", "18-29", "30-64", "80 or more", "80 or more"]  # fmt: skip


def test_thirds_are_thirds() -> None:
    _, counts = np.unique(thirds(np.arange(300.0)), return_counts=True)
    assert counts.tolist() == [100, 100, 100]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_no_small_count_is_shown_or_can_be_had_by_subtraction(counts: list[int]) -> None:
    texts = shown(counts)
    hidden = [count for count, text in zip(counts, texts, strict=True) if text != f"{count:,}"]
    assert all(text != str(count) for count, text in zip(counts, texts, strict=True) if 0 < count < LEAST_SHOWN)
    anyone_left = any(count >= LEAST_SHOWN for count in counts)
    if hidden and (anyone_left or sum(hidden) >= LEAST_SHOWN):
        assert len(hidden) > 1 or not any(count >= LEAST_SHOWN for count in counts)
        assert sum(hidden) >= LEAST_SHOWN


def test_counts_are_hidden_with_the_next_smallest() -> None:
    assert shown([1000, 3, 40, 0]) == ["1,000", "under 5", "hidden", "0"]
    assert shown([1000, 40]) == ["1,000", "40"]
