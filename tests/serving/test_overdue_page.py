"""The page of overdue clients in a real browser, in three languages: whole, readable, and without violations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from features.families import LANGUAGES
from serving.vouchers.overdue import overdue_list
from serving.vouchers.overdue_page import as_html
from serving.vouchers.wire import OverdueListOut
from tests.needs import needs
from tests.serving.asker import NOW
from tests.serving.test_overdue import assess
from tests.serving.watched import Served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = needs("chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


def opened(browser: Browser, html: str, folder: Path, width: int = 1280, scheme: str = "light") -> Page:
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("request", lambda asked: page.said.append(asked.url))
    page.goto(file.as_uri())
    return page


def listed(watch: Served) -> OverdueListOut:
    """The list, not over HTTP: the browser's driver keeps an event loop of its own in this thread."""
    with watch.house.vouchers.connect() as connection:
        return overdue_list(
            connection, watch.house.ledger.database, watch.house.secrets, "demo",
            champion="tarve-need 1", segments=watch.release.segments, now=NOW, at_most=9,
        )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("screen", [(1280, "light"), (320, "dark")], ids=str)
def test_axe_finds_no_violation_and_nothing_is_fetched(
    browser: Browser, watch: Served, tmp_path: Path, language: str, screen: tuple[int, str]
) -> None:
    assess(watch, "b", "heavy")
    page = opened(browser, as_html(listed(watch), language), tmp_path, *screen)
    found = Axe().run(page)
    assert found.response["passes"]
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.said == [page.url]
    assert page.locator("tbody tr").count() == 3
    assert "tarve-need 1" in page.locator("tbody tr").first.text_content()
    page.context.close()


def test_an_empty_list_without_a_champion_before_the_first_run_says_all_three(watch: Served) -> None:
    changed = {"rows": [], "total": 0, "run_at": None, "model": None, "fallback": "no_champion"}
    page = as_html(listed(watch).model_copy(update=changed), "en")
    for sentence in ("Nobody is overdue.", "The rules have not been run yet.", "no champion"):
        assert sentence in page
    assert "<table" not in page


def test_what_comes_from_the_records_is_text_and_no_markup(watch: Served) -> None:
    found = listed(watch)
    row = found.rows[0].model_copy(update={"voucher_id": "<b>k</b>", "provider_id": None})
    page = as_html(found.model_copy(update={"rows": [row]}), "sv")
    assert "&lt;b&gt;k&lt;/b&gt;" in page
    assert "ännu inte vald" in page
