"""Fetching what a call lacks from the client's own FHIR server, if the operator listed it: nowhere else, and not long.

The call's token goes to the listed server alone, no redirect is followed, and a next page must be of the same origin.
Pages, bytes and seconds are bounded for all that one call fetches. An address holds a patient's id, so no address is
ever logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from serving.cds.call import read_json
from serving.cds.discovery import PATIENT
from serving.guard import LOG

SECONDS = 4.0
"""For all that one call lacks; an agent waits with a patient on the line."""
MOST_PAGES = 40
MOST_BYTES = 10_000_000

for _name in ("httpx", "httpcore"):
    # Their messages hold whole addresses.
    logging.getLogger(_name).setLevel(logging.WARNING)


class FetchError(Exception):
    """Something could not be fetched; the message holds no address."""


@dataclass
class Budget:
    """What may still be spent on one call."""

    pages: int = MOST_PAGES
    size: int = MOST_BYTES

    def take_page(self) -> None:
        """Spend a page."""
        self.pages -= 1
        if self.pages < 0:
            raise FetchError("too many pages")

    def take(self, size: int) -> None:
        """Spend some bytes."""
        self.size -= size
        if self.size < 0:
            raise FetchError("too many bytes")


class FhirServer:
    """One FHIR server for one call.

    Args:
        base: its base URL, one that the operator listed.
        token: of the call; None when the server asks for none.
        transport: how to reach it, for tests.
    """

    def __init__(self, base: str, token: str | None, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._base, self._transport, self._budget = base, transport, Budget()
        self._headers = {"Accept": "application/fhir+json", "Accept-Encoding": "gzip"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    async def fetch(self, asked: Mapping[str, str], begun: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Fetch what several keys ask for; a key that fails is not in the outcome.

        Args:
            asked: the address to begin with by key: relative to the server, or of a next page.
            begun: what is there already of a key, before that page.
        """
        settings: Any = {"timeout": SECONDS, "follow_redirects": False, "trust_env": False}
        async with httpx.AsyncClient(transport=self._transport, headers=self._headers, **settings) as client:
            names = list(asked)
            work = [asyncio.create_task(self._all(client, asked[name])) for name in names]
            await asyncio.wait(work, timeout=SECONDS)
            for task in work:
                task.cancel()
            outcomes = await asyncio.gather(*work, return_exceptions=True)
        found = {}
        for name, outcome in zip(names, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                LOG.warning("a FHIR server did not give %s: %s", name, type(outcome).__name__)
            else:
                found[name] = [*begun.get(name, ()), *outcome]
        return found

    async def _all(self, client: httpx.AsyncClient, address: str) -> list[Any]:
        """A resource, or all pages of a search."""
        pages: list[Any] = []
        following: str | None = address
        while following is not None:
            self._budget.take_page()
            page = await self._page(client, self._safe(following))
            if has_failed(page):
                raise FetchError("an OperationOutcome")
            pages.append(page)
            following = next_page(page)
        return pages

    async def _page(self, client: httpx.AsyncClient, url: str) -> dict[str, Any]:
        content = b""
        async with client.stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise FetchError(f"status {answer.status_code}")
            async for part in answer.aiter_bytes():
                self._budget.take(len(part))
                content += part
        page = read_json(content)
        if not isinstance(page, dict):
            raise FetchError("no resource")
        return page

    def _safe(self, address: str) -> str:
        """An address on the server itself.

        Raises:
            FetchError: it leads elsewhere.
        """
        url = urljoin(f"{self._base}/", address)
        try:
            same = _origin(urlsplit(url)) == _origin(urlsplit(self._base))
        except ValueError:
            same = False
        if not same:
            raise FetchError("a page elsewhere")
        return url


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    if parts.username or parts.password:
        raise ValueError("an address with a name in it")
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default


def next_page(bundle: Mapping[str, Any]) -> str | None:
    """The address of the next page of a Bundle; None when this is the last."""
    links = bundle.get("link")
    if bundle.get("resourceType") != "Bundle" or not isinstance(links, list):
        return None
    named = [one.get("url") for one in links if isinstance(one, dict) and one.get("relation") == "next"]
    return str(named[0]) if named else None


def has_failed(found: Mapping[str, Any]) -> bool:
    """Whether something is no resource, or says that there is none to be had.

    An OperationOutcome does, and a Bundle that holds an error and nothing else; hints beside what was found do not.
    """
    kind = found.get("resourceType")
    if kind != "Bundle":
        return not isinstance(kind, str) or kind == "OperationOutcome"
    entries = found.get("entry")
    held = [one.get("resource") for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    outcomes = [one for one in held if isinstance(one, dict) and one.get("resourceType") == "OperationOutcome"]
    return 0 < len(outcomes) == len(held) and any(map(_is_error, outcomes))


def _is_error(outcome: Mapping[str, Any]) -> bool:
    issues = outcome.get("issue")
    several = issues if isinstance(issues, list) else []
    return any(isinstance(one, dict) and one.get("severity") in {"error", "fatal"} for one in several)


def addressed(template: str, patient_id: str) -> str:
    """A template with the patient's id in it; the id has been looked at."""
    return template.replace(PATIENT, patient_id)
