"""The pages in a real browser: no barrier, nothing too wide, nothing fetched, by keyboard, without a script."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from serving.access import DEMO_ROLES
from serving.api import create_app
from serving.house import House
from serving.keys import demo_passwords
from serving.release import Release
from serving.tenants import SmartClient
from tests.needs import needs
from tests.serving.asker import KNOWN, NOW
from tests.serving.ehr import CLIENT, record_system
from tests.serving.visitor import Visitor

EMPTY = "P000124"
LANGUAGES = ("fi", "sv", "en")
NARROW, WIDE = 320, 1280
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
}
PAGES = ("sign-in", "refused", "home", "not-found", "booking", "no-history", "decided", "reasons", "model", "fault")
HOW = tuple(product(LANGUAGES, (NARROW, WIDE), ("light", "dark")))
SAMPLE = [(page, *HOW[(5 * place + 1) % len(HOW)]) for place, page in enumerate(PAGES)]
"""Every page once in the ordinary suite, each in another manner; all of them in all manners nightly."""
ALL = [pytest.param((page, *how), marks=pytest.mark.nightly) for page in PAGES for how in HOW]


@dataclass(frozen=True)
class Site:
    """The service behind a real server."""

    url: str
    visitor: Visitor

    def cookie(self, role: str) -> tuple[Visitor, dict[str, str]]:
        """Somebody who has signed in, and the cookie that says so."""
        somebody = Visitor(self.visitor.app, self.visitor.house).enter(role)
        return somebody, {"name": "tarve", "value": somebody.client.cookies["tarve"], "url": self.url}


@contextmanager
def served(release: Release, house: House) -> Iterator[Site]:
    """The service at a free port of this machine."""
    config = uvicorn.Config("x", port=0, loop="asyncio", lifespan="off", ws="none", log_level="critical")
    opened = config.bind_socket()
    url = f"http://127.0.0.1:{opened.getsockname()[1]}"
    house = replace(house, settings=replace(house.settings, public_url=url))
    app = create_app(release, house, lambda: NOW)
    config.app = app
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([opened],))
    thread.start()
    yield Site(url, Visitor(app, house))
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = needs("chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site(knowing: Release, house: House) -> Iterator[Site]:
    with served(knowing, house) as made:
        yield made


@contextmanager
def context(browser: Browser, site: Site, role: str | None = None, **more: Any) -> Iterator[BrowserContext]:
    """A browser's profile in which somebody of a role, or nobody, has signed in."""
    made = browser.new_context(**({"viewport": {"width": WIDE, "height": 800}, "locale": "en"} | more))
    made.set_default_timeout(60_000)
    if role is not None:
        made.add_cookies([site.cookie(role)[1]])
    yield made
    made.close()


def show(page: Page, site: Site, name: str) -> None:
    """Lead a browser to a page."""
    if name in {"sign-in", "refused"}:
        page.goto(f"{site.url}/pages/sign-in")
        if name == "refused":
            page.fill("#user", "agent")
            page.fill("#password", "wrong")
            page.click("button.main")
        return
    clinician, cookie = site.cookie("clinician")
    if name in {"home", "not-found", "model", "fault"}:
        page.context.add_cookies([cookie])
        page.goto(f"{site.url}/pages" + {"model": "/model", "fault": "/assessments/x"}.get(name, ""))
        if name == "not-found":
            page.fill("#patient", "nobody")
            page.click("button.main")
        return
    path = clinician.find(EMPTY if name == "no-history" else KNOWN)
    page.context.add_cookies([cookie | {"value": clinician.client.cookies["tarve"]}])
    page.goto(site.url + (path if name == "reasons" else path.removesuffix("/reasons")))
    if name == "decided":
        page.locator(".radios label").first.click()
        page.locator("button[name=decided]").first.click()
        page.locator(".done").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


@pytest.fixture
def shown(browser: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page, its language, its width, light or dark."""
    name, language, width, scheme = request.param
    view: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, "locale": language}
    with context(browser, site, **view) as made:
        page = made.new_page()
        page.asked, page.said = [], []
        page.on("request", lambda asked: page.asked.append(asked.url))
        page.on("console", lambda message: page.said.append(message.text))
        show(page, site, name)
        assert page.locator("html").get_attribute("lang") == language
        yield page


@pytest.mark.parametrize("shown", [*SAMPLE, *ALL], indirect=True, ids=str)
def test_no_barrier_nothing_too_wide_and_nothing_from_elsewhere(shown: Page, site: Site) -> None:
    found = Axe().run(shown, options=RULES)
    assert found.response["passes"]
    assert found.violations_count == 0, found.generate_report()
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert shown.asked
    assert all(url.startswith(f"{site.url}/pages") for url in shown.asked if url != "data:,")
    assert [line for line in shown.said if "status of 40" not in line] == []


def focus_on(page: Page, text: str, stops: int = 40) -> None:
    """Press Tab until something that says this has the focus, visibly."""
    for _ in range(stops):
        page.keyboard.press("Tab")
        said = page.evaluate("(one => [one.textContent, one.labels?.[0]?.textContent].join())(document.activeElement)")
        if text in said:
            assert page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
            return
    pytest.fail(f"the keyboard does not come to {text!r}")


def type_into(page: Page, name: str, text: str) -> None:
    """Type once the browser has put the focus there by itself."""
    page.wait_for_function("name => document.activeElement.id === name", arg=name)
    page.keyboard.type(text)


def test_by_keyboard_from_the_door_to_accepting(browser: Browser, site: Site) -> None:
    with context(browser, site) as made:
        page = made.new_page()
        page.goto(f"{site.url}/pages")
        type_into(page, "user", "agent")
        page.keyboard.press("Tab")
        page.keyboard.type(demo_passwords(site.visitor.house.settings.keys, DEMO_ROLES)["agent"])
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site.url}/pages")
        type_into(page, "patient", KNOWN)
        page.keyboard.press("Enter")
        page.wait_for_url("**/assessments/*")
        focus_on(page, "Accept the suggestion")
        page.keyboard.press("Enter")
        assert "The suggestion was accepted" in page.locator(".done").inner_text()
        assert page.url.endswith("#decision")
        assert KNOWN not in page.url


def test_by_keyboard_to_deciding_otherwise(browser: Browser, site: Site) -> None:
    with context(browser, site, "agent") as made:
        page = made.new_page()
        page.goto(f"{site.url}/pages")
        type_into(page, "patient", KNOWN)
        page.keyboard.press("Enter")
        page.wait_for_url("**/assessments/*")
        focus_on(page, "The patient told something")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        focus_on(page, "min, dentist")
        page.keyboard.press("Enter")
        assert "An acute symptom changes the need" in page.locator(".done").inner_text()


def test_the_first_stop_leads_past_the_links(browser: Browser, site: Site) -> None:
    with context(browser, site, "agent") as made:
        page = made.new_page()
        page.goto(f"{site.url}/pages/model")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to content"
        page.keyboard.press("Enter")
        page.wait_for_url("**/model#content")


def test_one_click_accepts_and_two_decide_otherwise_without_a_script(browser: Browser, site: Site) -> None:
    with context(browser, site, "agent", java_script_enabled=False) as made:
        page = made.new_page()
        for clicks in (["text=Accept the suggestion"], ["text=The patient wishes otherwise", "button[name=decided]"]):
            page.goto(f"{site.url}/pages")
            page.fill("#patient", KNOWN)
            page.click("text=Assess the need for care")
            for one in clicks:
                page.locator(one).first.click()
            page.locator(".done").wait_for()


def test_a_reason_must_be_chosen_before_the_browser_sends(browser: Browser, site: Site) -> None:
    with context(browser, site, "agent") as made:
        page = made.new_page()
        page.goto(f"{site.url}/pages")
        page.fill("#patient", KNOWN)
        page.click("text=Assess the need for care")
        page.locator("button[name=decided]").first.click()
        assert not page.locator(".done").count()
        assert page.evaluate("document.querySelector('input[name=reason]').validity.valueMissing")


def test_questions_are_answered_by_a_click(browser: Browser, site: Site) -> None:
    with context(browser, site, "agent") as made:
        page = made.new_page()
        page.goto(f"{site.url}/pages")
        page.fill("#patient", EMPTY)
        page.click("text=Assess the need for care")
        asked = []
        for _ in range(2):
            asked.append(page.locator(".asked").inner_text())
            page.locator(".choices button").first.click()
        assert page.locator(".asked").inner_text() not in asked
        assert page.url.endswith("#question")


@pytest.mark.parametrize(("name", "says"), [("decided", "It was decided otherwise"), ("reasons", "History of care")])
def test_on_paper_it_is_dark_on_white_without_what_can_be_pressed(
    browser: Browser, site: Site, name: str, says: str
) -> None:
    with context(browser, site, color_scheme="dark") as made:
        page = made.new_page()
        show(page, site, name)
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert not page.locator("nav").first.is_visible()
        assert not any(button.is_visible() for button in page.locator("button").all())
        assert page.get_by_text(says).first.is_visible()
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_browser_is_launched_by_a_record_system(browser: Browser, knowing: Release, house: House) -> None:
    with record_system("") as ehr:
        tenant = house.directory.tenants["demo"]
        tenant = replace(tenant, fhir_servers=(ehr.base,), smart=(SmartClient(ehr.base, CLIENT),), records=False)
        house = replace(house, directory=replace(house.directory, tenants={"demo": tenant}))
        with served(knowing, house) as site, context(browser, site) as made:
            ehr.back = f"{site.url}/pages/callback"
            page = made.new_page()
            page.goto(f"{site.url}/pages/launch{ehr.launch()}")
            assert page.url.endswith("/reasons")
            assert page.get_by_role("heading", name="History of care").is_visible()
            assert ehr.faults == []
