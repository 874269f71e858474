"""The shortcut: a question of the usual form is read and answered past FastAPI, which has all the others.

It stands behind the door and the limits, in front of the routes, and answers at the address of one route what that
route would answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from starlette.datastructures import Headers

from serving.guard import Refused, again, refusal
from serving.tokens import Caller

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

Ask: TypeAlias = Callable[[bytes, Caller], Awaitable[bytes | None]]
"""Answers a question of the usual form, as JSON; None of any other, before anything is done. Raises `Refused`."""
PATH = "/v1/assess"


class Shortcut:
    """Takes questions that `serving.reading` can read at once, and passes on everything else as it came."""

    def __init__(self, app: ASGIApp, ask: Ask) -> None:
        self.app, self._ask = app, ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or not _is_json(scope):
            await self.app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        posted = b"".join(message.get("body", b"") for message in messages)
        try:
            body = await self._ask(posted, scope["state"]["caller"])
        except Refused as error:
            await refusal(error.status, (error.where, error.what))(scope, receive, send)
            return
        if body is None:
            await self.app(scope, again(messages, receive), send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _is_json(scope: Scope) -> bool:
    kind: str = Headers(scope=scope).get("content-type", "")
    return kind.partition(";")[0].strip().lower() == "application/json"
