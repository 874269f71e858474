"""Asking the API without a server between."""

from __future__ import annotations

import asyncio
import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from fastapi import FastAPI

from serving import examples

KNOWN = "P000123"
"""A patient of the store; the same id as in the API's example."""
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def posted() -> dict[str, Any]:
    """The example question with a posted history, to change at will."""
    return copy.deepcopy(examples.POSTED)


@dataclass
class Asker:
    """Requests to an application without a server between."""

    app: FastAPI

    def request(self, method: str, path: str, **said: Any) -> httpx.Response:
        """One request."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **said)

        return asyncio.run(send())

    def get(self, path: str) -> httpx.Response:
        """GET."""
        return self.request("GET", path)

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

    def faults(self, question: object, status: int = 422) -> list[dict[str, str]]:
        """The faults of a question that must be refused."""
        given = self.ask(question)
        assert given.status_code == status, given.text
        return list(given.json()["errors"])
