from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.catalogue import Catalogue
from features.dental import DENTAL
from features.families import Label, count
from models.constraints import SIGNS, monotone, sign
from models.estimators import SHALLOW, Boosted, Estimator, ExplainableBoosting
from models.estimators.ebm import ADDITIVE
from records.simulate import interview

RNG = np.random.default_rng(5)
N = 800


def test_every_named_family_and_level_is_in_the_catalogue() -> None:
    families = {family.name: family for family in DENTAL.families}
    for name, said in SIGNS.items():
        assert name in families
        if not isinstance(said, int):
            assert set(said) <= set(families[name].levels or ())
            assert all(said.values())


def test_directions_are_those_of_the_scales() -> None:
    assert sign(DENTAL["found_cpi"]) == 1
    assert sign(DENTAL["found_filled"]) == 0
    assert sign(DENTAL["caries_diagnoses_m24"]) == 1
    assert sign(DENTAL["visits_m24"]) == 0
    assert sign(DENTAL["recall"]) == -1
    assert sign(DENTAL["answer_self_rated"]) == -1
    assert '"self_rated",  # oral health: 1 very poor to 5 very good' in Path(interview.__file__).read_text("utf-8")


def test_a_catalogue_with_other_families_is_asked_nothing() -> None:
    assert monotone(Catalogue(count("charges", "charged", Label("a", "b", "c"), "use", windows="m12 m24"))) == [0, 0]
    assert len(monotone(DENTAL)) == len(DENTAL)


@pytest.mark.parametrize("kind", ["lightgbm", "ebm"])
def test_more_never_means_less_however_treated_people_fared(kind: str) -> None:
    """In these rows many diagnoses mean that somebody was just treated and needs little."""
    x = np.column_stack([RNG.integers(0, 8, N), RNG.integers(0, 2, N)]).astype(float)
    reached = (RNG.random(N) < 0.7 - 0.08 * x[:, 0] + 0.2 * x[:, 1])[:, None]
    names, signs = ("diagnoses", "other"), [1, 0]

    def make(**more: object) -> Estimator:
        if kind == "ebm":
            return ExplainableBoosting(names, {**ADDITIVE, "max_rounds": 100, **more})
        return Boosted(names, {**SHALLOW, **more}, 40)

    rows = np.column_stack([np.arange(8.0), np.zeros(8)])
    free, bound = (make(**more).fit(x, reached).margins(rows)[:, 0] for more in ({}, {"monotone_constraints": signs}))
    assert (np.diff(free) < 0).any()
    assert (np.diff(bound) >= 0).all()
