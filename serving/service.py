"""The BentoML service: the API of the champion, with health probes.

Everything of BentoML that would phone home, log a path or keep an unbounded label is off.

Settings, from the environment: `TARVE_WORKERS`, the number of worker processes (1); `TARVE_DRAIN_SECONDS`, how long a
worker that is told to stop still takes requests (1); `TARVE_LOG_REQUESTS`, whether every request gets a line in the
log (true); and those of `serving.settings`.

Start it with `python -m serving start`: BentoML's own command reports its use before it imports this module, unless
`BENTOML_DO_NOT_TRACK=True` is already set.
"""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime
from typing import Any

os.environ["BENTOML_DO_NOT_TRACK"] = "True"
# BentoML points this at a folder it never clears; our metrics are counted in memory, worker by worker.
os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
# One patient is one row: threads for it only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import bentoml
from uvicorn.config import HTTP_PROTOCOLS

from serving import logs
from serving.front import Before, Front
from serving.shelf import Shelf

SECONDS = 10
"""A request that takes longer is given up."""
AT_ONCE = 256
"""Requests in work at a time; more are refused with 429."""
DRAIN = float(os.environ.get("TARVE_DRAIN_SECONDS", "1"))

front = Front(SECONDS, AT_ONCE)

# BentoML leaves the protocol to uvicorn's choice, and passes no other on.
HTTP_PROTOCOLS["auto"] = "serving.connection:Connection"


@bentoml.service(
    name="tarve",
    workers=int(os.environ.get("TARVE_WORKERS", "1")),
    # A net below the front's own limit, which answers in the shape of all other refusals.
    traffic={"timeout": SECONDS + 5},
    metrics={"enabled": False},
    tracing={"excluded_urls": ".*"},
    logging={"access": {"enabled": False}},
)
class Tarve:
    """Assesses the need for dental care before the first visit is booked. The API is at /docs."""

    def __init__(self) -> None:
        # The supervisor process imports this module too, and needs none of this.
        from serving.api import create_app, create_app_without_model  # noqa: PLC0415
        from serving.house import House  # noqa: PLC0415
        from serving.metrics import Metrics  # noqa: PLC0415
        from serving.settings import Settings  # noqa: PLC0415
        from serving.succession import Succession  # noqa: PLC0415

        logs.set_up(requests=os.environ.get("TARVE_LOG_REQUESTS", "true").lower() != "false")
        self.house, metrics = House.open(Settings.read()), Metrics()

        def now() -> datetime:
            return datetime.now(UTC)

        front.without_model = create_app_without_model(self.house, now, metrics)
        self.succession = Succession(
            Shelf.of_bentoml(),
            lambda release: create_app(release, self.house, now, metrics=metrics),
            metrics,
        )
        self.succession.start()
        front.succession = self.succession
        _stop_gently()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Keep what is waiting."""
        self.succession.close()
        self.house.close()


Tarve.add_asgi_middleware(Before, front=front)  # type: ignore[attr-defined]


def _stop_gently() -> None:
    """When told to stop, first let callers leave: connections that stand open would else be cut between two requests.

    For `DRAIN` seconds every answer closes its connection and the worker is not ready; then the server stops taking
    connections, answers what is in work, and ends.
    """
    stop: Any = signal.getsignal(signal.SIGTERM)
    loop = asyncio.get_running_loop()

    def drain(signum: int, frame: Any) -> None:
        front.stopping = True
        loop.call_soon_threadsafe(loop.call_later, DRAIN, stop, signum, frame)

    if callable(stop):
        signal.signal(signal.SIGTERM, drain)
