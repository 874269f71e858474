"""How often one caller may ask: a bucket of requests that refills, for each caller and each worker.

Who is known by a token has a bucket of its own, by issuer and subject. What needs no token is not counted here: it is
small, and the number of requests in work is bounded for everybody together.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from serving.guard import refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MOST_CALLERS = 10_000
"""Buckets that are remembered; the one that was used the longest ago makes room, and it is full by then."""


class Buckets:
    """A bucket of requests for each caller.

    Args:
        rate: requests a second that every caller may send for long; 0 sets no limit.
        burst: requests that may come at once after a pause.
        now: seconds that only grow.
    """

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._now = rate, max(burst, 1.0), now
        self._left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, caller: tuple[str, str]) -> float:
        """Take one request out of a caller's bucket: 0, or the seconds until there is one."""
        if not self._rate:
            return 0.0
        now = self._now()
        left, at = self._left.get(caller, (self._burst, now))
        left = min(left + (now - at) * self._rate, self._burst)
        waits = 0.0 if left >= 1 else (1 - left) / self._rate
        self._left[caller] = (left if waits else left - 1, now)
        self._left.move_to_end(caller)
        if len(self._left) > MOST_CALLERS:
            self._left.popitem(last=False)
        return waits


class RateLimit:
    """Refuse a caller who asks too often with 429 and the seconds to wait; stands behind the door."""

    def __init__(self, app: ASGIApp, buckets: Buckets) -> None:
        self.app, self._buckets = app, buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is within the caller's limit."""
        caller = scope.get("state", {}).get("caller")
        waits = 0.0 if caller is None else self._buckets.take((caller.issuer, caller.subject))
        if not waits:
            await self.app(scope, receive, send)
            return
        answer = refusal(
            429, ("", "you ask too often; wait and try again"), headers={"Retry-After": str(math.ceil(waits))}
        )
        await answer(scope, receive, send)
