"""Every engine says the same, bit by bit: the evaluator, the same with one patient at a time, compiled code for one
person, the SQL on DuckDB, and plain Python.

Histories are drawn by the population, so that one query of DuckDB answers for many of them: every example of
`test_every_engine_says_the_same_to_the_last_bit` is `PATIENTS` histories, which makes 520 in the ordinary run and
10,000 in the nightly one.
"""

from __future__ import annotations

import os
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import Catalogue
from features.dental import DENTAL
from tests.features.catalogues import catalogues
from tests.features.engines import ENGINES, bits, by_evaluator, by_person, by_sql
from tests.features.histories import (
    Population,
    long_history,
    one_moment_each,
    population,
    populations,
    together,
    with_another_future,
)

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
PATIENTS = 40
POPULATIONS = 250 if NIGHTLY else 13
CATALOGUES = 1_000 if NIGHTLY else 40
LONG = range(50 if NIGHTLY else 2)


def assert_equal(catalogue: Catalogue, asked: Population) -> None:
    values = by_evaluator(catalogue, asked)
    for engine in ENGINES:
        differ = np.flatnonzero((bits(engine(catalogue, asked)) != bits(values)).any(axis=0))
        assert not len(differ), f"{engine.__name__}: {[catalogue.names[at] for at in differ]}"


def test_drawn_histories_give_every_column_something_to_say() -> None:
    asked = population(Random(3).choice, 2_000)  # noqa: S311 - no secret
    said = np.nan_to_num(by_evaluator(DENTAL, asked)).any(axis=0)
    assert not [name for name, some in zip(DENTAL.names, said, strict=True) if not some]


@settings(max_examples=POPULATIONS)
@given(populations(PATIENTS))
def test_every_engine_says_the_same_to_the_last_bit(asked: Population) -> None:
    assert len(asked.history.patient_ids) == PATIENTS
    assert_equal(DENTAL, asked)


@settings(max_examples=CATALOGUES)
@given(catalogues(), populations(5))
def test_every_engine_says_the_same_of_any_catalogue(catalogue: Catalogue, asked: Population) -> None:
    assert_equal(catalogue, asked)


@pytest.mark.parametrize("seed", LONG)
def test_every_engine_says_the_same_of_five_thousand_events(seed: int) -> None:
    asked = long_history(seed)
    assert sum(table.num_rows for table in asked.history.tables.values()) == 5_001
    assert_equal(DENTAL, asked)


@settings(max_examples=POPULATIONS)
@given(populations(PATIENTS), st.integers(0, 2**32))
def test_nothing_that_happens_or_is_recorded_at_or_after_the_moment_changes_a_bit(asked: Population, seed: int) -> None:
    asked = one_moment_each(asked)
    other = with_another_future(Random(seed).choice, asked)  # noqa: S311 - no secret
    for engine in (by_evaluator, by_person, by_sql):
        before, after = np.split(bits(engine(DENTAL, together(asked, other))), 2)
        assert (before == after).all()
