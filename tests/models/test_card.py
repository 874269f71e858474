"""The model card: one YAML, every item covered or named, the same words as HTML and Markdown, one page to read."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from features.families import LANGUAGES
from models.card import DEFAULT, FILE, REQUIRED, Card, CardError, Measured, ThresholdFigures
from models.estimators import KINDS
from models.segments import read_tables
from tests.training.made import evaluation
from training.cohort import CohortDefinition
from training.facts import card_of

TABLE = read_tables()[-1]
MADE = {"catalogue": "0123456789ab", "features": "59", "run_id": "feedfacefeedface"}
CARD = card_of(evaluation(), TABLE, CohortDefinition(), made=MADE, simulated=True)


def changed(**words: Any) -> Card:
    return replace(CARD, words={**CARD.words, **words})


def without(title: str) -> list[dict[str, Any]]:
    return [section for section in CARD.words["sections"] if section["title"] != title]


def test_the_card_of_a_run_on_simulated_people_is_complete() -> None:
    assert CARD.missing() == ()
    assert len(REQUIRED) == len(set(REQUIRED)) == 52 + 13


def test_a_card_without_figures_is_not() -> None:
    assert Card.read().missing() == ("figures",)


def test_words_about_simulated_people_do_not_hold_for_real_ones() -> None:
    assert CARD.measured is not None
    real = CARD.filled(replace(CARD.measured, simulated=False))
    assert real.missing()[:2] == ("responsible", "contact")
    assert "TRIPOD+AI 17" in real.missing()
    assert "Not written for models of these people." in real.to_markdown()
    assert "No Finnish patient" not in real.to_markdown()
    named = {"local": dict.fromkeys(LANGUAGES, "Anna Esimerkki")}
    ours = deepcopy(CARD.words["sections"])
    ours[-2]["local"] = "Approved by the ethics board."
    filled = replace(real, words={**real.words, "responsible": named, "contact": named, "sections": ours})
    assert filled.missing() == ()
    assert "Anna Esimerkki" in filled.label_html("sv")


def test_what_is_missing_is_named() -> None:
    assert changed(sections=without("Record keeping")).missing() == ("AI Act 12",)
    sections = deepcopy(CARD.words["sections"])
    sections[0]["text"] += " {something_else}"
    assert changed(sections=sections).missing() == ("{something_else}",)
    sections[0]["text"] = ""
    assert changed(sections=sections).missing() == ("TRIPOD+AI 1", "TRIPOD+AI 2", "AI Act 13(3)(a)")
    label = deepcopy(CARD.words["label"])
    del label["sections"][0]["text"]["sv"]
    assert changed(label=label).missing() == ("a text of the label",)
    assert changed(responsible={"simulated": {"fi": "vain suomeksi"}}).missing() == ("responsible",)


def test_the_same_words_stand_in_html_and_markdown() -> None:
    page = re.sub(r"<style>.*?</style>|<[^>]+>", " ", CARD.to_html(), flags=re.DOTALL)
    text = CARD.to_markdown()
    for section in CARD.words["sections"]:
        assert section["title"] in page
        assert f"## {section['title']}\n" in text
    assert "feedfacefeedface" in page
    assert not re.findall(r"\{[a-z_.]+\}", page + text)
    assert "0.82 (0.80–0.84)" in text  # noqa: RUF001


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_label_speaks_three_languages(language: str) -> None:
    page, text = CARD.label_html(language), CARD.label_markdown(language)
    assert f'<html lang="{language}">' in page
    said = {"fi": "Varoitukset", "sv": "Varningar", "en": "Warnings"}[language]
    assert said in page
    assert f"## {said}" in text
    assert not re.findall(r"\{[a-z_.]+\}", page.partition("</style>")[2] + text)
    number = {"fi": "0,82", "sv": "0,82", "en": "0.82"}[language]
    assert number in page
    assert {"fi": "31.12.2021", "sv": "2021-12-31", "en": "2021-12-31"}[language] in text
    assert {"fi": "20\u00a0000", "sv": "20\u00a0000", "en": "20,000"}[language] in text


def test_who_approved_a_version_is_told() -> None:
    assert "not yet approved" in CARD.label_html()
    signed = CARD.signed("7", "Anna Esimerkki")
    assert "Anna Esimerkki" in signed.label_html("fi")
    assert "Version: 7" in signed.to_markdown()


def test_the_label_fits_one_page_and_both_pages_are_free_of_barriers(tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    from tests.needs import needs

    pages = {"card": CARD.to_html()} | {language: CARD.label_html(language) for language in LANGUAGES}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs("chromium"), args=["--no-sandbox"])
        try:
            view = browser.new_page(viewport={"width": 320, "height": 700})
            for name, html in pages.items():
                path = tmp_path / f"{name}.html"
                path.write_text(html, encoding="utf-8")
                view.goto(path.as_uri())
                assert view.evaluate("document.documentElement.scrollWidth") == 320
                assert Axe().run(view).violations_count == 0
                printed = view.pdf(prefer_css_page_size=True)
                pages_of = len(re.findall(rb"/Type\s*/Page[^s]", printed))
                assert pages_of == 1 or name == "card"
        finally:
            browser.close()


def test_a_card_is_kept_beside_its_model(tmp_path: Path) -> None:
    CARD.save(tmp_path)
    assert Card.load(tmp_path).to_html() == CARD.to_html()
    with pytest.raises(CardError, match="holds no model card that can be read"):
        Card.load(tmp_path / "nowhere")
    (tmp_path / FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(CardError, match="'measured'"):
        Card.load(tmp_path)


@pytest.mark.parametrize("text", ["", "sections: 1", "a: [", "sections: [{}]"])
def test_a_file_that_is_no_card_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CardError, match=r"card.yaml holds no model card"):
        Card.read(tmp_path / "card.yaml")


def test_two_sections_of_one_title_are_refused(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8").replace("title: Human oversight", "title: Record keeping")
    (tmp_path / "card.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CardError, match="two sections of one title"):
        Card.read(tmp_path / "card.yaml")


def test_a_kind_that_nobody_has_named_goes_by_its_own_name() -> None:
    figures = ThresholdFigures("heavy", {"fi": "a", "sv": "b", "en": "c"}, 0.1, (0.8, 0.7, 0.9), 1, -0.05, 1)
    card = Card.read().filled(Measured(True, {"model": "forest"}, (figures,)))
    assert "Model: forest." in card.label_markdown()
    assert "| c | 10.0% | 0.80 (0.70–0.90) | 1.00 | −0.05 | 1.00 |" in card.to_markdown()  # noqa: RUF001


def test_an_evaluation_that_does_not_say_what_was_learnt_fills_no_card() -> None:
    with pytest.raises(ValueError, match="without what the model learnt from"):
        card_of(evaluation(learnt=None), TABLE, CohortDefinition(), made=MADE, simulated=True)


def test_every_kind_of_model_has_its_words() -> None:
    words = CARD.words["kinds"]
    assert set(words) == set(KINDS)
    assert all(set(each) == set(LANGUAGES) for each in words.values())
