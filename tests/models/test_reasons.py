from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from features.catalogue import Catalogue
from features.dental import DENTAL
from features.dental.words import ABOUT
from features.families import LANGUAGES, WINDOWS, Label, attribute, count, last, share, since, total
from models.reasons import LEAST_WEIGHT, UNITS, WITHIN, apart, group_weights, reasons, sentences, shown, strongest

L = Label("Käyntejä", "Besök", "Visits")
VISITS = count("visits", "visits", L, "use", windows="m24")
CATALOGUE = Catalogue(
    VISITS,
    total("visits.minutes", "minutes", L, "use", unit="min"),
    since("visits", "since", Label("Edellisestä", "Sedan", "Since"), "gap", modifiable=True),
    last("findings.value", "dmft", Label("DMFT", "DMFT", "DMFT"), "caries"),
    share(VISITS, VISITS, "share", Label("Osuus", "Andel", "Share"), "use"),
    attribute(
        "patients.special_needs", "special", Label("Erityistarpeet", "Särskilda behov", "Special needs"), "special"
    ),
)
VALUES = np.array([4.0, 90.0, 800.0, np.nan, 0.25, 1.0])


def test_groups_add_up_to_everything() -> None:
    weights = np.array([0.5, -0.1, 0.2, 0.0, 0.1, 0.3])
    assert sum(group_weights(CATALOGUE, weights).values()) == pytest.approx(weights.sum())


def test_the_strongest_groups_come_first_and_weak_ones_not_at_all() -> None:
    found = reasons(CATALOGUE, VALUES, np.array([0.5, -0.1, -0.9, 0.001, 0.1, 0.2]))
    assert [reason.group for reason in found] == ["gap", "use", "special"]
    assert [reason.direction for reason in found] == ["lowers", "raises", "raises"]
    assert [reason.modifiable for reason in found] == [True, False, False]


def test_a_sentence_names_the_feature_that_weighed_most_in_the_groups_direction() -> None:
    found = reasons(CATALOGUE, VALUES, np.array([0.3, -0.1, 0.0, 0.0, 0.9, 0.0]))[0]
    assert found.feature == "share_m24"
    assert found.text.fi == "Osuus 24 kk:n aikana: 25 % – lisää arvioitua hoidon tarvetta."  # noqa: RUF001
    assert found.text.sv == "Andel under 24 månader: 25 % – ökar det uppskattade vårdbehovet."  # noqa: RUF001
    assert found.text.en == "Share in 24 months: 25% – raises the estimated need for care."  # noqa: RUF001


def test_a_recorded_value_is_named_rather_than_a_missing_one_unless_it_hardly_matters() -> None:
    values = np.array([np.nan, 90.0, 0.0, 0.0, 0.0, 0.0])
    close = reasons(CATALOGUE, values, np.array([0.5, 0.3, 0.0, 0.0, 0.0, 0.0]))
    assert [reason.feature for reason in close] == ["minutes"]
    far = reasons(CATALOGUE, values, np.array([0.5, 0.2, 0.0, 0.0, 0.0, 0.0]))
    assert [reason.feature for reason in far] == ["visits_m24"]


@pytest.mark.parametrize(
    ("feature", "value", "fi", "en"),
    [
        ("visits_m24", 4.0, "4", "4"),
        ("minutes", 90.0, "90 min", "90 min"),
        ("since", 1.0, "1 pv", "1 day"),
        ("since", 45.0, "45 pv", "45 days"),
        ("since", 365.0, "12 kk", "12 months"),
        ("since", 913.0, "2,5 v", "2.5 years"),
        ("dmft", np.nan, "ei kirjattua tietoa", "nothing recorded"),
        ("dmft", 2.5, "2,5", "2.5"),
        ("special", 1.0, "kyllä", "yes"),
        ("special", 0.0, "ei", "no"),
    ],
)
def test_values_read_as_people_write_them(feature: str, value: float, fi: str, en: str) -> None:
    assert shown(value, CATALOGUE[feature], "fi") == fi
    assert shown(value, CATALOGUE[feature], "en") == en


def test_every_feature_of_the_catalogue_can_be_said_in_every_language() -> None:
    assert set(WITHIN) == set(WINDOWS)
    for at, feature in enumerate(DENTAL):
        assert feature.family.unit in {*UNITS, "d", "%"}
        weights = np.zeros(len(DENTAL))
        weights[at] = 1.0
        (found,) = reasons(DENTAL, np.full(len(DENTAL), 3.0), weights)
        for language in LANGUAGES:
            assert feature.label(language) in found.text[language]
            assert found.text[language].endswith(".")


def test_every_reason_group_has_a_name_and_sentences_in_every_language() -> None:
    assert {feature.about for feature in DENTAL} == set(ABOUT)
    for group, name in ABOUT.items():
        members = [at for at, feature in enumerate(DENTAL) if feature.about == group]
        for sign in (1, -1):
            weights = np.zeros(len(DENTAL))
            weights[members] = sign
            (found,) = reasons(DENTAL, np.full(len(DENTAL), 2.0), weights)
            assert found.group == group
            for language in LANGUAGES:
                assert name[language].strip()
                assert len(found.text[language]) > 20
                assert "{" not in found.text[language]


def test_yes_and_no_are_said_in_words() -> None:
    for name in ("diabetes", "tobacco", "special_needs", "answer_smoking", "answer_diabetes"):
        assert [shown(value, DENTAL[name], "fi") for value in (1.0, 0.0)] == ["kyllä", "ei"]
    assert shown(1.0, DENTAL["answer_pain"], "sv") == "1"
    assert shown(1.0, DENTAL["visits_m12"], "en") == "1"


rows = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, (n, 6), elements=st.sampled_from([0.0, 1.0, 2.5, 400.0, np.nan])),
        hnp.arrays(np.float64, (n, 6), elements=st.floats(-2, 2).map(lambda weight: round(weight, 3))),
    )
)


@given(rows)
def test_many_patients_get_the_reasons_that_each_gets_alone(found: tuple[np.ndarray, np.ndarray]) -> None:
    values, weights = found
    together = strongest(CATALOGUE, values, weights)
    said = {language: sentences(CATALOGUE, together, language) for language in LANGUAGES}
    for at in range(len(values)):
        alone = reasons(CATALOGUE, values[at], weights[at])
        worth = np.abs(together.weight[at]) >= LEAST_WEIGHT
        assert [one.group for one in alone] == [together.names[place] for place in together.group[at][worth]]
        assert [one.weight for one in alone] == together.weight[at][worth].tolist()
        for language in LANGUAGES:
            assert [one.text[language] for one in alone] == said[language][at][worth].tolist()
            assert all(text is None for text in said[language][at][~worth])


@given(rows)
def test_groups_and_the_base_add_up_to_the_margin_and_come_strongest_first(
    found: tuple[np.ndarray, np.ndarray],
) -> None:
    values, weights = found
    together = strongest(CATALOGUE, values, weights, most=99)
    np.testing.assert_allclose(together.weight.sum(1), weights.sum(1), atol=1e-9)
    assert (np.diff(np.abs(together.weight), axis=1) <= 0).all()
    about = np.array([feature.about for feature in CATALOGUE])
    assert (about[together.feature] == np.array(together.names)[together.group]).all()


def test_what_can_be_changed_stands_apart() -> None:
    found = reasons(CATALOGUE, VALUES, np.array([0.5, -0.1, -0.9, 0.001, 0.1, 0.2]))
    can, cannot = apart(found)
    assert [one.group for one in can] == ["gap"]
    assert [one.group for one in cannot] == ["use", "special"]
