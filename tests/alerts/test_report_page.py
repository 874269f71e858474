"""The report's page in a real browser: seen, read out, printed, and used without a mouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from alerts.report_page import as_html
from tests.alerts.reported_city import reported
from tests.needs import needs

LANGUAGES = ("fi", "sv", "en")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = needs("chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def pages(city, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, report = tmp_path_factory.mktemp("pages"), reported(city)
    found = {language: folder / f"{language}.html" for language in LANGUAGES}
    for language, file in found.items():
        file.write_text(as_html(report, language), encoding="utf-8")
    return found


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page: its language, its width, light or dark."""
    language, width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("request", lambda asked: page.said.append(asked.url))
    page.goto(pages[language].as_uri())
    yield page
    context.close()


EVERY = [(language, *how) for language in LANGUAGES for how in ((1280, "light"), (320, "dark"))]


@pytest.mark.parametrize("opened", EVERY, indirect=True, ids=str)
def test_axe_finds_no_violation(opened: Page) -> None:
    found = Axe().run(opened)
    assert found.response["passes"]
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("opened", EVERY, indirect=True, ids=str)
def test_nothing_is_wider_than_the_screen_and_nothing_is_fetched(opened: Page) -> None:
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.said == [opened.url]


@pytest.mark.parametrize("opened", [("fi", 320, "light")], indirect=True)
def test_wide_tables_scroll_by_themselves_and_by_keyboard(opened: Page) -> None:
    region = opened.locator("main [role=region]").first
    region.focus()
    assert region.evaluate("region => region.scrollWidth > region.clientWidth && region === document.activeElement")
    opened.keyboard.press("ArrowRight")
    opened.wait_for_function("document.activeElement.scrollLeft > 0", timeout=60_000)


@pytest.mark.parametrize("opened", [("en", 1280, "light")], indirect=True)
def test_the_first_stop_of_the_keyboard_leads_past_the_links(opened: Page) -> None:
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.textContent") == "Skip to content"
    opened.keyboard.press("Enter")
    assert opened.url.endswith("#content")


@pytest.mark.parametrize("opened", [("sv", 1280, "light")], indirect=True)
def test_every_chart_stands_beside_a_table_with_the_same_sums(opened: Page) -> None:
    charts = opened.locator("figure svg[role=img]")
    assert charts.count() >= 4
    for place in range(charts.count()):
        chart = charts.nth(place)
        beside = chart.locator("xpath=ancestor::div[contains(@class,'beside')]//tbody/tr/td[@class='sum']")
        assert chart.locator("g text:nth-of-type(2)").all_text_contents() == beside.all_text_contents()
        assert opened.locator(f"#{chart.get_attribute('aria-labelledby')}").text_content().endswith("i tabellen.")


@pytest.mark.parametrize("opened", [("fi", 1280, "dark")], indirect=True)
def test_on_paper_the_page_is_dark_on_white_without_links_to_itself(opened: Page) -> None:
    opened.emulate_media(media="print")
    assert opened.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert not opened.locator("nav").is_visible()
    assert opened.pdf(format="A4").startswith(b"%PDF")
