"""Somebody with a browser that knows no JavaScript and no pictures: cookies, links and forms."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx
from fastapi import FastAPI

from serving.access import DEMO_ROLES
from serving.house import House
from serving.keys import demo_passwords
from serving.pages.gate import page_gate
from serving.pages.sessions import Session
from serving.tenants import DEMO_ISSUER, DEMO_TENANT
from tests.serving.asker import NOW, URL


class Browser:
    """Cookies, and requests that carry them."""

    def __init__(self, app: FastAPI, headers: dict[str, str]) -> None:
        self.app, self.headers, self.cookies = app, headers, httpx.Cookies()

    def get(self, path: str, **said: Any) -> httpx.Response:
        """One page."""
        return self.request("GET", path, **said)

    def post(self, path: str, **said: Any) -> httpx.Response:
        """One form."""
        return self.request("POST", path, **said)

    def request(self, method: str, path: str, **said: Any) -> httpx.Response:
        """One request; what it sets is kept."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            known: dict[str, Any] = {"base_url": URL, "headers": self.headers, "cookies": self.cookies}
            async with httpx.AsyncClient(transport=transport, **known) as client:
                given = await client.request(method, path, **said)
                self.cookies = client.cookies
                return given

        # In a thread of its own: a browser's driver has a loop running in this one.
        with ThreadPoolExecutor(1) as other:
            return other.submit(asyncio.run, send()).result()


@dataclass
class Visitor:
    """One browser at an application."""

    app: FastAPI
    house: House
    language: str = "en"
    client: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.client = Browser(self.app, {"Accept-Language": self.language})

    def get(self, path: str, **more: Any) -> httpx.Response:
        """One page, without following it elsewhere."""
        return self.client.get(path, **more)

    def send(self, path: str, form: dict[str, str], page: str = "/pages/sign-in") -> httpx.Response:
        """A form with the token that stands on a page; a token of the form's own is left as it is."""
        token = {} if "token" in form else {"token": token_of(self.get(page))}
        return self.client.post(path, data={**token, **form})

    def form_token(self, *, of_visitor: bool) -> str:
        """The token of this browser's forms: before somebody has signed in, or after."""
        self.get("/pages/sign-in")
        signer = page_gate(self.house, lambda: NOW).renderer.signer
        return signer.form_token(signer.name(self.client.cookies["tarve-visitor" if of_visitor else "tarve"]) or "")

    def sign_in(self, role: str) -> Visitor:
        """Sign in as a user of the demo."""
        password = demo_passwords(self.house.settings.keys, DEMO_ROLES)[role]
        given = self.send("/pages/sign-in", {"user": role, "password": password})
        assert (given.status_code, given.headers["location"]) == (303, "/pages"), given.text
        return self

    def enter(self, role: str, patient: str | None = None, **more: Any) -> Visitor:
        """Come in with a session that was begun elsewhere."""
        gate = page_gate(self.house, lambda: NOW)
        said = {"tenant": DEMO_TENANT, "issuer": DEMO_ISSUER, "subject": f"demo-{role}", "is_local": True} | more
        name = gate.sessions.begin(Session(role=role, patient=patient, **said))
        self.client.cookies.set(gate.renderer.session_cookie, gate.renderer.signer.signed(name), "test.local", "/")
        return self

    def find(self, patient: str) -> str:
        """The address of a new assessment of a patient of the store."""
        given = self.send("/pages/find", {"patient": patient}, "/pages")
        assert given.status_code == 303, given.text
        return str(given.headers["location"])


def token_of(page: httpx.Response) -> str:
    """The form token on a page."""
    assert page.status_code == 200, page.text
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def text_of(page: httpx.Response) -> str:
    """What a page says, without its mark-up."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def hidden(page: httpx.Response, name: str, which: int = 0) -> str:
    """The value of a hidden member of a form."""
    return str(re.findall(rf'name="{name}" value="([^"]*)"', page.text)[which])
