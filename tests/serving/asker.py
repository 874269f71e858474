"""Asking the API without a server between."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from fastapi import FastAPI

from serving import examples
from serving.access import SCOPES
from serving.api import create_app
from serving.house import House
from serving.keys import demo_key
from serving.release import Release
from serving.tenants import DEMO_ISSUER
from serving.tokens import demo_token, signed

KNOWN = "P000123"
"""A patient of the store; the same id as in the API's example."""
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


URL = "http://test"
"""The public URL of the service under test."""


def bearer(house: House, role: str, **more: Any) -> dict[str, str]:
    """The header of a token of the demo's issuer."""
    token = demo_token(demo_key(house.settings.keys), role, URL, NOW, **more)
    return {"Authorization": f"Bearer {token}"}


def authority(house: House) -> dict[str, str]:
    """The header of a token that allows everything."""
    claims = {"sub": "tests", "scope": " ".join(SCOPES), "provider": "p"}
    token = signed(demo_key(house.settings.keys), DEMO_ISSUER, URL, NOW, claims=claims)
    return {"Authorization": f"Bearer {token}"}


def posted() -> dict[str, Any]:
    """The example question with a posted history, to change at will."""
    return copy.deepcopy(examples.POSTED)


@dataclass
class Asker:
    """Requests to an application without a server between, with the headers of a caller."""

    app: FastAPI
    headers: Mapping[str, str] = field(default_factory=dict)

    def of(self, headers: Mapping[str, str]) -> Asker:
        """The same for another caller."""
        return Asker(self.app, headers)

    def request(self, method: str, path: str, **said: Any) -> httpx.Response:
        """One request."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=URL, headers=dict(self.headers)) as client:
                return await client.request(method, path, **said)

        return asyncio.run(send())

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET, with headers by name."""
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """POST of JSON, with headers by name."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, json=body, headers=named)

    def ask(self, question: object) -> httpx.Response:
        """POST /v1/assess; half a surrogate pair and NaN are sent as Python writes them."""
        return self.request(
            "POST", "/v1/assess", content=json.dumps(question), headers={"Content-Type": "application/json"}
        )

    def answer(self, question: object) -> dict[str, Any]:
        """The answer of an assessment that must succeed."""
        given = self.ask(question)
        assert given.status_code == 200, given.text
        return dict(given.json())

    def told(self, question: object) -> dict[str, Any]:
        """The same without its name, which is another one each time."""
        answer = self.answer(question)
        del answer["id"]
        return answer

    def faults(self, question: object, status: int = 422) -> list[dict[str, str]]:
        """The faults of a question that must be refused."""
        given = self.ask(question)
        assert given.status_code == status, given.text
        return list(given.json()["errors"])


def asker(release: Release, house: House) -> Asker:
    """An application of a house, asked by somebody who may everything."""
    return Asker(create_app(release, house, lambda: NOW), authority(house))


def kept_bytes(house: House) -> bytes:
    """Everything that a house has written into files, its keys among it."""
    folder = house.settings.keys.parent
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())
