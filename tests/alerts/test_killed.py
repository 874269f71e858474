"""No message is lost and none is doubled, wherever a dispatcher is killed and however many run at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, select

from alerts.dispatch import Dispatcher
from alerts.gateway_demo import DemoGateway
from alerts.gateways import Delivery, HttpGateway
from alerts.outbox import queue
from alerts.phones import DatabasePhoneBook
from alerts.tables import messages_outbox
from alerts.verdict import Policy
from tests.alerts.mail import DEFINITIONS, MINUTE, NOW, due, queued, seeded, told

POINTS = 50
"""At least so many points there are."""
CLIENTS = ("a", "b")
nightly = pytest.mark.nightly


class Killer:
    """Starts dispatchers that are killed at a point."""

    def __init__(self, url: str, gateway: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.alerts.killer", url, gateway],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def dispatch(self, now: datetime, point: int | None, delivery: Delivery) -> dict[str, Any]:
        order = {"now": now.isoformat(), "point": point, "delivery": delivery.value}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=120)


@pytest.fixture
def demo() -> Iterator[DemoGateway]:
    with DemoGateway() as gateway:
        yield gateway


@pytest.fixture
def killer(prepared_url: str, demo: DemoGateway) -> Iterator[Killer]:
    made = Killer(prepared_url, demo.url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """For all tests, because to make one takes as long as to send all messages of a round."""
    with httpx.Client() as made:
        yield made


def send(
    reached: Engine, demo: DemoGateway, client: httpx.Client, now: datetime, delivery: Delivery = Delivery.ONCE
) -> Counter[str]:
    gateway = HttpGateway(demo.url, delivery, client)
    return Dispatcher(reached, DEFINITIONS, DatabasePhoneBook(reached), lambda: now, gateway, seeded()).until_empty()


def ask(reached: Engine, now: datetime, prefix: str) -> list[str]:
    """Messages to some clients and one provider."""
    names = [f"{prefix}{name}" for name in CLIENTS]
    queued(reached, names, now)
    with reached.begin() as connection:
        queue(connection, due(names[:1], "provider"), DEFINITIONS, now)
    return names


def rounds(
    reached: Engine, demo: DemoGateway, client: httpx.Client, killer: Killer, *, delivery: Delivery, at_most: int
) -> Iterator[list[str]]:
    """Kill a dispatcher at one point after another, let another one carry on; yields whose messages it was about.

    The first round kills nobody: it counts the points. Where there are more than asked for, they are evenly spread.
    """
    now = NOW
    names = ask(reached, now, "p0")
    points = killer.dispatch(now, None, delivery)["points"]
    assert points >= POINTS
    yield names
    for point in sorted({1 + number * (points - 1) // (at_most - 1) for number in range(at_most)}):
        now += timedelta(days=1)
        names = ask(reached, now, f"p{point}")
        assert killer.dispatch(now, point, delivery)["killed"]
        send(reached, demo, client, now + Policy().lease + MINUTE, delivery)
        yield names


@pytest.mark.parametrize(
    ("prepared_url", "at_most"),
    [
        ("lite", POINTS),
        ("server", POINTS),
        pytest.param("lite", 999, marks=nightly),
        pytest.param("server", 999, marks=nightly),
    ],
    indirect=["prepared_url"],
)
def test_wherever_a_dispatcher_is_killed_every_message_arrives_once(
    reached, demo, client, killer, at_most: int
) -> None:
    everyone: list[str] = []
    for names in rounds(reached, demo, client, killer, delivery=Delivery.ONCE, at_most=at_most):
        everyone += names
    rows = [row for row in whole(reached) if row.channel == "sms"]
    assert len(rows) == len(everyone) > POINTS
    assert Counter(one.key for one in demo.received) == Counter(row.idempotency_key for row in rows)
    assert {row.state for row in whole(reached)} == {"sent"}
    assert max(demo.requests.values()) == 2  # some were sent again, and the gateway knew their key
    sent = Counter(name for name, state, _ in told(reached) if state == "sent")
    assert sent == Counter(everyone) + Counter(name for name in everyone if name.endswith("a"))


def whole(reached: Engine) -> list[Any]:
    with reached.connect() as connection:
        return list(connection.execute(select(messages_outbox)))


SOME = [("lite", 9), pytest.param("lite", 999, marks=nightly), pytest.param("server", 999, marks=nightly)]


@pytest.mark.parametrize(("prepared_url", "at_most"), SOME, indirect=["prepared_url"])
def test_without_keys_at_most_once_sends_nothing_twice_and_shows_what_may_be_lost(
    reached, demo, client, killer, at_most
) -> None:
    for _ in rounds(reached, demo, client, killer, delivery=Delivery.AT_MOST_ONCE, at_most=at_most):
        assert set(demo.requests.values()) == {1}
    rows = whole(reached)
    for row in rows:
        assert row.state == "sent" or (row.state, row.reason) == ("dead", "outcome_unknown")
        assert row.state == "dead" or row.channel == "portal" or demo.requests[row.idempotency_key] == 1
    dead = sum(row.state == "dead" for row in rows)
    assert 0 < dead <= at_most  # one a kill at the most


@pytest.mark.parametrize(("prepared_url", "at_most"), SOME, indirect=["prepared_url"])
def test_without_keys_at_least_once_loses_nothing(reached, demo, client, killer, at_most: int) -> None:
    for _ in rounds(reached, demo, client, killer, delivery=Delivery.AT_LEAST_ONCE, at_most=at_most):
        pass
    for row in whole(reached):
        assert row.state == "sent"
        assert row.channel == "portal" or 1 <= demo.requests[row.idempotency_key] <= 2


def test_two_dispatchers_at_once_send_every_message_once(reached: Engine, demo: DemoGateway, client) -> None:
    names = [f"p{number}" for number in range(60)]
    queued(reached, names)
    with ThreadPoolExecutor(4) as pool:
        counts = sum(
            (run.result() for run in [pool.submit(send, reached, demo, client, NOW) for _ in range(4)]), Counter()
        )
    assert counts == {"sent": 60}
    assert len(demo.received) == 60
    assert set(demo.requests.values()) == {1}
