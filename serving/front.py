"""The front: what every request meets first, and whether this worker is alive, ready, full or about to stop.

It stands before everything that BentoML serves by itself: its page at `/`, which loads assets from outside, its
`/schema.json`, its `/metrics` with raw paths. The application of the release that runs answers all the rest.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

import orjson
from starlette.datastructures import MutableHeaders
from starlette.responses import Response

from serving.access import WITHOUT_MODEL
from serving.guard import LOG, refusal
from serving.shelf import Heard

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from serving.succession import Running, Succession

ALIVE = frozenset({"/healthz", "/livez"})
READY = "/readyz"
NO_STORE = {"Cache-Control": "no-store"}
RETRY = {"Retry-After": "1"}


class Front:
    """Answers the probes, refuses what cannot be taken, and passes the rest to the release that runs.

    Args:
        seconds: a request that takes longer is given up.
        at_once: requests in work at a time; more are refused with 429.

    Attributes:
        succession: where the release that runs is found; None until the worker has made it.
        without_model: answers what needs no model as long as none runs; None until the worker has made it.
        stopping: whether the worker is about to stop. It is not ready then, still answers everything, and tells every
            caller to open the next connection elsewhere.
    """

    def __init__(self, seconds: float = 10.0, at_once: int = 256) -> None:
        self.succession: Succession | None = None
        self.without_model: ASGIApp | None = None
        self.stopping = False
        self._seconds, self._at_once, self._in_work = seconds, at_once, 0

    @property
    def running(self) -> Running | None:
        """What answers now."""
        return None if self.succession is None else self.succession.running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse or pass on one request."""
        if self.stopping:
            send = _last(send)
        app, path = self._app(scope["path"]), scope["path"]
        if path in ALIVE:
            await Response("\n", media_type="text/plain")(scope, receive, send)
        elif path == READY:
            await self._readiness()(scope, receive, send)
        elif app is None:
            await refusal(503, ("", "no model was ever promoted here; try again later"), headers=RETRY)(
                scope, receive, send
            )
        elif self._in_work >= self._at_once:
            await refusal(429, ("", "too many requests are in work; try again"), headers=RETRY)(scope, receive, send)
        else:
            await self._pass_on(app, scope, receive, send)

    def _app(self, path: str) -> ASGIApp | None:
        """What answers at an address now."""
        if self.running is not None:
            return self.running.app
        return self.without_model if path.startswith(WITHOUT_MODEL) else None

    async def _pass_on(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def noticed(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        self._in_work += 1
        try:
            async with asyncio.timeout(self._seconds):
                await app(scope, receive, noticed)
        except TimeoutError:
            LOG.error("a request was given up after %g seconds", self._seconds)
            if not began:
                await refusal(504, ("", "it took too long; try again"), headers=RETRY)(scope, receive, send)
        finally:
            self._in_work -= 1

    def _readiness(self) -> Response:
        running, heard = self.running, Heard() if self.succession is None else self.succession.shelf.heard()
        said = {
            "ready": running is not None and not self.stopping,
            "stopping": self.stopping,
            "model": None if running is None else _told(running),
            "champion_refused": (self.succession.refused or None) if self.succession else None,
            "registry": {"reached_at": _time(heard.reached_at), "trouble": heard.trouble or None},
        }
        return Response(orjson.dumps(said), 200 if said["ready"] else 503, NO_STORE, "application/json")


def _told(running: Running) -> dict[str, str | None]:
    release = running.release
    return {
        "name": release.name,
        "version": release.version,
        "run_id": release.run_id,
        "since": _time(running.since),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _last(send: Send) -> Send:
    """Send with the word that this connection takes no further request."""

    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    return closing


class Before:
    """The front as BentoML takes it: in place of all routes; what is no request, as the start, passes by."""

    def __init__(self, app: ASGIApp, front: Front) -> None:
        self.app, self.front = app, front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand requests to the front."""
        await (self.front if scope["type"] == "http" else self.app)(scope, receive, send)
