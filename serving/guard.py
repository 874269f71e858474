"""What stands between the server and the routes: counting, the size limit, failures that repeat no input."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from serving.logs import REQUEST, request_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from serving.metrics import Metrics

LOG = logging.getLogger("tarve.serving")
REQUESTS = logging.getLogger("tarve.requests")
AS_SAID = (b"x-content-type-options", b"nosniff")
"""Every answer is of the type that it says; a browser must not guess another one from what a record holds."""
BODY_SECONDS = 7.0
"""How long a body may take to arrive."""


class Refused(Exception):  # noqa: N818 - it reads as what it says
    """A question that cannot be answered, with its status and what is wrong."""

    def __init__(self, status: int, where: str, what: str) -> None:
        super().__init__(what)
        self.status, self.where, self.what = status, where, what


def refusal(status: int, *faults: tuple[str, str], headers: dict[str, str] | None = None) -> JSONResponse:
    """The one shape of every error: pairs of where and what."""
    said = {"errors": [{"where": where, "what": what} for where, what in faults]}
    return JSONResponse(said, status, {"Cache-Control": "no-store", **(headers or {})})


class Watch:
    """Name, count and log every request, and turn an unforeseen error into a 500 that says nothing but its id.

    The error stops here: one layer up the server would log its message, which may hold a value of the input. The log
    gets the error's type and the line of code, which hold none. The id is the caller's own where it offers one, and is
    in every answer, as is that its type is not to be guessed.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, watching."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        named = request_id(Headers(scope=scope).get("x-request-id", ""))
        token = REQUEST.set(named)

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", named.encode()), AS_SAID]}
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the server's log
            LOG.error("request %s failed: %s at %s", named, type(error).__name__, _place(error))  # noqa: TRY400
            if not status:
                what = f"the service failed; its log names the cause under {named}"
                await refusal(500, ("", what))(scope, receive, watched)
        except asyncio.CancelledError:
            status = status or 504  # given up by the front
            raise
        finally:
            self._note(scope, status or 500, time.perf_counter() - began)
            REQUEST.reset(token)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route: Any = scope.get("route")
        path = getattr(route, "path", None) or scope.get("tarve.route")
        self.metrics.request(path, status, seconds)
        if REQUESTS.isEnabledFor(logging.INFO):
            caller = scope.get("state", {}).get("caller")
            told = {"method": scope["method"], "route": path, "status": status, "ms": round(seconds * 1e3, 1)}
            # The issuer and its tenant are organisations; the subject may be a person, and is in the audit alone.
            whose = {} if caller is None else {"issuer": caller.issuer, "tenant": caller.tenant.name}
            # As `info` makes it, but without looking for the line of code, which nobody reads.
            fields = {"told": told | whose}
            REQUESTS.handle(REQUESTS.makeRecord(REQUESTS.name, logging.INFO, "", 0, "answered", (), None, extra=fields))


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "no line"


def again(messages: Sequence[Message], receive: Receive) -> Receive:
    """Receive messages that were read already once more, and then what comes."""
    waiting = iter(messages)

    async def replay() -> Message:
        return next(waiting, None) or await receive()

    return replay


class SizeLimit:
    """Refuse a body above a number of bytes, or one that does not arrive in time, before anything reads it.

    A caller's slowness is the caller's: it is told so (408), before the front gives the request up as ours (504).
    """

    def __init__(self, app: ASGIApp, most_bytes: int, seconds: float = BODY_SECONDS) -> None:
        self.app, self.most_bytes, self._seconds = app, most_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is small enough."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                messages = [] if self._announced(scope) > self.most_bytes else await self._read(receive)
        except TimeoutError:
            late = refusal(408, ("body", "did not arrive in time"), headers={"Connection": "close"})
            await late(scope, receive, send)
            return
        if not messages:
            what = f"is larger than {self.most_bytes:,} bytes; post only what the model reads"
            await refusal(413, ("body", what), headers={"Connection": "close"})(scope, receive, send)
            return
        await self.app(scope, again(messages, receive), send)

    @staticmethod
    def _announced(scope: Scope) -> int:
        length = Headers(scope=scope).get("content-length", "")
        return int(length) if length.isdecimal() and len(length) < 20 else 0

    async def _read(self, receive: Receive) -> list[Message]:
        """All messages of the body, or none when it is too large."""
        messages: list[Message] = []
        size = 0
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
            size += len(messages[-1].get("body", b""))
            if size > self.most_bytes:
                return []
        return messages
