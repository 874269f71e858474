from __future__ import annotations

from collections.abc import Callable

import pytest

from features.__main__ import main
from features.catalogue import Catalogue
from features.dental import DENTAL
from features.families import LANGUAGES, CatalogueError, Family, Label, by_groups, count, last, share, since, total

L = Label("x", "x", "x")


def test_the_dental_catalogue_has_forty_to_sixty_columns_with_different_names() -> None:
    assert 40 <= len(DENTAL) <= 60
    assert len(set(DENTAL.names)) == len(DENTAL)


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
