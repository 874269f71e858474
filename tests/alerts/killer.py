"""Dispatchers that are killed at a numbered point, each a process of its own.

A process that has loaded everything forks one for each order that it reads, a line of JSON on its standard input, and
answers with a line: how the process ended and how many points it passed. Points lie before and after every statement,
after every transaction, and before, in the midst of and after every call of the gateway.
"""

from __future__ import annotations

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

    def __init__(self, last: int | None) -> None:
        self.passed = 0
        self._last = last

    def __call__(self, *_: Any, **__: Any) -> None:
        self.passed += 1
        if self.passed == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched(HttpGateway):
    def __init__(self, url: str, delivery: Delivery, points: Points) -> None:
        hooks = {
            "request": [points],
            "response": [points],
        }  # before a request is written, and before its answer is read
        super().__init__(url, delivery, httpx.Client(event_hooks=hooks))
        self._points = points

    def send(self, message: Outgoing) -> Outcome:
        self._points()
        outcome = super().send(message)
        self._points()
        return outcome


def dispatch(order: dict[str, Any]) -> int:
    """Send all that is due, unless killed before; returns the number of points."""
    points, now = Points(order["point"]), datetime.fromisoformat(order["now"])
    reached = engine(order["url"])
    for name in ("before_cursor_execute", "after_cursor_execute"):
        event.listen(reached, name, points)
    event.listen(reached.pool, "checkin", points)
    gateway = Watched(order["gateway"], Delivery(order["delivery"]), points)
    Dispatcher(reached, DEFINITIONS, DatabasePhoneBook(reached), lambda: now, gateway, seeded()).until_empty()
    return points.passed


def main() -> None:
    for line in sys.stdin:
        here, there = os.pipe()
        child = os.fork()
        if not child:
            os.write(there, str(dispatch(json.loads(line))).encode())
            os._exit(0)
        os.close(there)
        _, status = os.waitpid(child, 0)
        with os.fdopen(here) as told:
            passed = told.read()
        print(json.dumps({"killed": os.WIFSIGNALED(status), "points": int(passed or 0)}), flush=True)


if __name__ == "__main__":
    main()
