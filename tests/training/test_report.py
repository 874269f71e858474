"""The report: complete, self-contained, valid, without barriers, readable on a telephone, and without a patient."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from records import store
from tests.needs import needs
from tests.training.conftest import Trained
from tests.training.made import POLICY, evaluation
from training import figures, tables, tracking
from training.evaluation import Coverage, Evaluation
from training.gate import judge
from training.report import Story, page


@pytest.fixture(scope="module")
def html(trained: Trained) -> str:
    assert trained
    return tracking.logged_text(tracking.run_of("1"), "report.html")


class Shape(HTMLParser):
    """Ids, heads, tables, and whether every element is closed in order."""

    VOID = ("meta", "br", "img", "link", "hr", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.found: list[str] = []
        self.open: list[str] = []
        self.images: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids += [named["id"]] if "id" in named else []
        self.found.append(tag)
        if named.get("role") == "img":
            self.images.append(named.get("aria-label") or "")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_every_id_is_its_own(html: str) -> None:
    shape = Shape(html)
    assert shape.open == []
    assert len(shape.ids) == len(set(shape.ids))
    assert shape.found.count("h1") == 1
    for target in re.findall(r'href="#([^"]+)"', html):
        assert target in shape.ids
    for target in re.findall(r"url\(#([^)]+)\)", html):
        assert target in shape.ids


def test_the_page_stands_by_itself(html: str) -> None:
    links = set(re.findall(r'(?:src|href)="([^"]+)"', html))
    assert not [link for link in links if not link.startswith(("#", "data:image/png;base64,"))]
    assert "<script" not in html
    assert "@import" not in html
    assert len(html) < 2_000_000


def test_every_figure_says_what_it_shows_and_has_its_numbers_beside_it(html: str) -> None:
    shape = Shape(html)
    assert len(shape.images) == shape.found.count("figure") == 10
    assert all(len(alt) > 60 and re.search(r"\d", alt) for alt in shape.images)
    for numbers in ("Calibration", "Decision curve", "Predicted risk by outcome", "What moved the estimate"):
        assert html.count(f"<summary>{numbers}: the numbers</summary>") == 2


def test_the_page_says_what_is_primary_and_what_could_not_be_assessed(html: str) -> None:
    for words in ("Primary measures (Van Calster", "not assessable", "Who was in", "died or moved within the horizon",
                  "AUROC below the ceiling", "today&#39;s rule", "What the label misses", "By site", "By period",
                  "Rolling origins and left-out sites", "Coverage of prediction", "interval of visits"):  # fmt: skip
        assert words in html


def test_no_patient_is_in_the_page(html: str, trained: Trained) -> None:
    assert not set(store.patient_ids(trained.records)) & set(re.findall(r"p\d{7}", html))


def test_the_page_is_free_of_barriers_and_fits_a_telephone(html: str, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs("chromium"), args=["--no-sandbox"])
        try:
            for dark in ("light", "dark"):
                view = browser.new_page(viewport={"width": 320, "height": 700}, color_scheme=dark)
                view.goto(path.as_uri())
                assert view.evaluate("document.documentElement.scrollWidth") == 320
                assert Axe().run(view).violations_count == 0
            smallest = view.evaluate(
                "Math.min(...[...document.querySelectorAll('.chart text')].map(t => t.getBoundingClientRect().height))"
            )
            assert smallest > 8
        finally:
            browser.close()


def story(**more: object) -> Story:
    return Story("A title", {"run": "1"}, {"booking contacts": 10, "nobody came": 2, "kept": 8}, **more)


def test_a_bare_evaluation_makes_a_page_that_says_what_was_not_measured() -> None:
    bare = evaluation(checks=None, cost=None, subgroups=(), learnt=None, card_missing=None, rule={})
    html = page(bare, story())
    Shape(html)
    for words in ("Not measured in this run", "The truth behind these records is not known", "Not made for this model"):
        assert words in html


def test_a_verdict_stands_at_the_head_of_the_page() -> None:
    found = evaluation()
    passed = page(found, story(verdict=judge(found, None, POLICY, "Anna Esimerkki")))
    assert "The gate: no objection." in passed
    assert "Signed by Anna Esimerkki." in passed
    refused = page(found, story(verdict=judge(found, None, POLICY)))
    assert "The gate: refused." in refused
    assert "signed by nobody" in refused
    assert refused.count("not asked") > 1


def test_prediction_sets_are_told_where_there_are_any() -> None:
    sets = (Coverage("everyone", "", "400", "heavy", 0.88, (0.85, 0.91), 1.4),)
    assert "0.880 (0.850 to 0.910)" in page(evaluation(coverage=sets), story())


def test_texts_from_outside_are_escaped() -> None:
    html = page(evaluation(model="<script>alert(1)</script>"), story())
    assert "<script>" not in html


def test_small_counts_are_hidden_in_the_attrition_table() -> None:
    rows = dict(tables.attrition({"booking contacts": 100, "nobody came": 2, "left": 30, "kept": 68}).rows)
    assert rows == {"booking contacts": "100", "nobody came": "under 5", "left": "hidden", "kept": "68"}


def test_numbers_that_are_not_known_are_dashes() -> None:
    assert tables.number(float("nan")) == tables.percent(float("nan")) == tables.DASH
    assert tables.number(-0.5, 1, sign=True) == f"{tables.MINUS}0.5"


def test_figures_without_subgroups_or_spread_are_still_figures(found: Evaluation) -> None:
    empty = figures.forest("f", (), "heavy", 0.8)
    assert "no subgroup is assessable" in empty.alt
    same = figures.beeswarm("b", ("a", "b"), np.zeros((5, 2)), np.full((5, 2), np.nan), "heavy")
    assert "<svg" in same.svg
    curves = replace(found.curves["heavy"], decision=((0.1, -0.1, -0.2), (0.2, -0.1, -0.3)))
    assert "everyone or nobody nowhere" in figures.decision("d", {"model": curves}, "heavy").alt


@pytest.fixture(scope="module")
def found(trained: Trained) -> Evaluation:
    assert trained
    return tracking.logged_evaluation("1")


def test_the_same_figure_is_drawn_in_the_same_bytes(found: Evaluation) -> None:
    one, other = (figures.calibration("c", found.curves["heavy"], "heavy") for _ in range(2))
    assert one == other
