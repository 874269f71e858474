from __future__ import annotations

from collections.abc import Callable

import pytest

from features.__main__ import main
from features.catalogue import Catalogue
from features.dental import DENTAL
from features.dental.words import ABOUT
from features.families import (
    LANGUAGES,
    CatalogueError,
    Family,
    Label,
    attribute,
    by_groups,
    count,
    distinct,
    last,
    mean,
    share,
    since,
    total,
)

L = Label("x", "x", "x")


def test_the_dental_catalogue_is_wide_and_every_column_has_its_own_name() -> None:
    assert len(DENTAL) >= 150
    assert len(DENTAL.families) >= 40
    assert len(set(DENTAL.names)) == len(DENTAL)


def test_every_reason_group_has_a_name_and_every_name_a_group() -> None:
    assert {feature.about for feature in DENTAL} == set(ABOUT)


def test_a_family_says_which_of_its_levels_a_person_can_change() -> None:
    assert DENTAL["found_plaque"].modifiable
    assert not DENTAL["found_missing"].modifiable
    assert DENTAL["since_visit"].modifiable


def test_every_column_reads_well_in_every_language() -> None:
    for feature in DENTAL:
        for language in LANGUAGES:
            text = feature.label(language)
            assert text.strip()
            assert "{" not in text
        assert feature.about


def test_people_are_not_told_apart_by_sex_language_or_place() -> None:
    read = {(family.source, family.measure) for family in DENTAL.families if family.source == "patients"}
    assert read == {("patients", None), ("patients", "special_needs")}


NONSENSE: dict[str, tuple[Callable[[], object], str]] = {
    "unknown table": (lambda: count("visit", "n", L, "x"), "there is no table 'visit'"),
    "unknown column": (lambda: total("visits.hours", "n", L, "x"), "table visits has no column 'hours'"),
    "unknown filter": (lambda: count("visits", "n", L, "x", where={"kind": "a"}), "no column 'kind'"),
    "no window": (lambda: count("visits", "n", L, "x", windows=""), "windows must be named from"),
    "unknown window": (lambda: count("visits", "n", L, "x", windows="m0"), "windows must be named from"),
    "missing label": (lambda: count("visits", "n", Label("x", " ", "x"), "x"), "a label is missing"),
    "nothing measured": (lambda: last("findings", "n", L, "x"), "last needs a column to measure"),
    "window of a time since": (lambda: since("visits", "n", L, "x", windows="m12"), "since has no windows"),
    "missing label of a level": (
        lambda: count("visits", "n", L, "x", by="profession", levels={"dentist": Label("x", "", "x")}),
        "a label is missing",
    ),
    "words to add up": (lambda: total("visits.unit", "n", L, "x"), "total needs a number, and visits.unit is none"),
    "sum of halves": (lambda: mean("answers.value", "n", L, "x"), "mean needs whole numbers"),
    "values without end": (lambda: distinct("charges.cents", "n", L, "x"), "charges.cents is neither"),
    "derived number": (lambda: distinct("visits.gap", "n", L, "x"), "visits.gap is neither"),
    "a text for a number": (
        lambda: count("visits", "n", L, "x", where={"minutes": "30"}),
        "visits.minutes is a number, and a wanted value is not",
    ),
    "a number for a text": (
        lambda: count("visits", "n", L, "x", where={"unit": 3}),
        "visits.unit is a text, and a wanted value is not",
    ),
    "never of what is missing anyway": (
        lambda: since("visits", "n", L, "x", never="missing"),
        "since is missing anyway",
    ),
    "a change of no level": (
        lambda: count("visits", "n", L, "x", modifiable=("dentist",)),
        "a level that can be changed is no level",
    ),
    "share of levels": (
        lambda: Catalogue(
            by := count("visits", "n", L, "x", by="profession", levels={"dentist": L}),
            share(by, by, "s", L, "x"),
        ),
        "'n' has levels or is a share itself",
    ),
    "share in a window that the whole lacks": (
        lambda: Catalogue(
            year := count("visits", "n", L, "x", windows="m12"), share(year, year, "s", L, "x", windows="m24")
        ),
        "'n' is not declared before it with its windows",
    ),
    "an age of events": (lambda: Family("n", "age", "visits", L, "x"), "age is of patients, and visits are events"),
    "an age of levels": (
        lambda: Family("n", "age", "patients", L, "x", by="sex", levels={"male": L}),
        "age is of one person, and has no conditions and no levels",
    ),
    "an attribute of neither": (lambda: attribute("patients.sex", "n", L, "x"), "patients.sex is neither"),
    "an instant to measure": (
        lambda: count("appointments.starts_at", "n", L, "x"),
        "appointments.starts_at is neither a number nor a text",
    ),
    "an instant to compare": (
        lambda: count("visits", "n", L, "x", where={"event_time": "2025"}),
        "visits.event_time is neither a number nor a text",
    ),
    "nothing wanted": (lambda: count("visits", "n", L, "x", where={"unit": ()}), "no value of visits.unit is wanted"),
    "levels without by": (lambda: count("visits", "n", L, "x", levels={"a": L}), "go together"),
    "level without reason": (
        lambda: count("visits", "n", L, {"a": "x"}, by="profession", levels={"a": L, "b": L}),
        "a level has no reason group",
    ),
    "events of patients": (lambda: count("patients", "n", L, "x"), "patients are no events to count"),
    "share of nothing": (lambda: Family("n", "share", "visits", L, "x"), "a share, and only a share"),
    "unknown group": (lambda: by_groups({"magic": L}), "there is no need group 'magic'"),
    "share before its parts": (
        lambda: Catalogue(share(count("visits", "n", L, "x"), count("visits", "m", L, "x"), "s", L, "x")),
        "'n' is not declared before it",
    ),
    "same name twice": (
        lambda: Catalogue(count("visits", "n", L, "x"), count("contacts", "n", L, "x")),
        "two columns are called 'n'",
    ),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_with_a_sentence(name: str) -> None:
    declare, sentence = NONSENSE[name]
    with pytest.raises(CatalogueError, match=sentence):
        declare()


def test_the_version_changes_with_what_decides_a_value_and_not_with_wording() -> None:
    one = Catalogue(count("visits", "n", L, "x"))
    assert one.version == Catalogue(count("visits", "n", Label("a", "b", "c"), "y")).version
    assert one.version != Catalogue(count("visits", "n", L, "x", windows="m12")).version


def test_a_column_is_found_by_name() -> None:
    assert DENTAL["visits_m12"].days == 365
    with pytest.raises(KeyError, match="there is no feature 'nothing'"):
        DENTAL["nothing"]


def test_the_command_lists_every_feature_and_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(DENTAL.names)
    assert main(["show", "emergencies_m24"]) == 0
    shown = capsys.readouterr().out
    assert "Päivystyskäyntejä" in shown
    assert "urgency is emergency" in shown
    assert "730 days" in shown
    assert main(["show", "care_restorative_m60"]) == 0
    assert "group is restorative" in capsys.readouterr().out
    assert main(["show", "nothing"]) == 1
    assert "there is no feature 'nothing'" in capsys.readouterr().err
