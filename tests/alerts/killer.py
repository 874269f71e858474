"""Dispatchers that are killed at a numbered point, each a process of its own.

A process that has loaded everything forks one for each order that it reads, a line of JSON on its standard input, and
answers with a line: how the process ended and how many points it passed. Points lie before and after every statement,
after every transaction, and before, in the midst of and after every call of the gateway. An order to kill nobody it
follows itself: from then on all its children know the statements and the server, and only have to connect.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import event

from alerts.dispatch import Dispatcher
from alerts.gateways import Delivery, HttpGateway, Outcome, Outgoing
from alerts.phones import DatabasePhoneBook
from records.database.connection import engine
from tests.alerts.mail import DEFINITIONS, seeded


class Points:
    """Counts points, and kills the process at one of them."""

    def __init__(self) -> None:
        self.passed = 0
        self._last: int | None = None

    def begin(self, last: int | None) -> None:
        self.passed, self._last = 0, last

    def __call__(self, *_: Any, **__: Any) -> None:
        self.passed += 1
        if self.passed == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched(HttpGateway):
    def __init__(self, url: str, delivery: Delivery, client: httpx.Client, points: Points) -> None:
        super().__init__(url, delivery, client)
        self._points = points

    def send(self, message: Outgoing) -> Outcome:
        self._points()
        outcome = super().send(message)
        self._points()
        return outcome


class Killer:
    """Follows orders about one database and one gateway."""

    def __init__(self, url: str, gateway: str) -> None:
        self._points = Points()
        self._database, self._gateway = engine(url), gateway
        for name in ("before_cursor_execute", "after_cursor_execute"):
            event.listen(self._database, name, self._points)
        event.listen(self._database.pool, "checkin", self._points)
        # Before a request is written, and before its answer is read. No connection of it outlives a fork.
        hooks = {"request": [self._points], "response": [self._points]}
        self._client = httpx.Client(event_hooks=hooks, limits=httpx.Limits(max_keepalive_connections=0))

    def follow(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do as an order says; tells how it ended."""
        if order["point"] is None:
            passed = self._dispatch(order)
            self._database.dispose()
            gc.freeze()
            return {"killed": False, "points": passed}
        return self._fork(order)

    def _fork(self, order: dict[str, Any]) -> dict[str, Any]:
        child = os.fork()
        if not child:
            self._dispatch(order)
            os._exit(0)
        return {"killed": os.WIFSIGNALED(os.waitpid(child, 0)[1]), "points": 0}

    def _dispatch(self, order: dict[str, Any]) -> int:
        """Send all that is due, unless killed before; returns the number of points."""
        self._points.begin(order["point"])
        now = datetime.fromisoformat(order["now"])
        gateway = Watched(self._gateway, Delivery(order["delivery"]), self._client, self._points)
        book = DatabasePhoneBook(self._database)
        Dispatcher(self._database, DEFINITIONS, book, lambda: now, gateway, seeded()).until_empty()
        return self._points.passed


def main() -> None:
    killer = Killer(*sys.argv[1:])
    for line in sys.stdin:
        print(json.dumps(killer.follow(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
