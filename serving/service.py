"""The BentoML service: the API of the latest pulled release, with health probes.

Everything of BentoML that would phone home, log a path or keep an unbounded label is off.

Settings, from the environment: `TARVE_WORKERS`, the number of worker processes (1), and those of `serving.settings`.

Start it with `python -m serving start`: BentoML's own command reports its use before it imports this module, unless
`BENTOML_DO_NOT_TRACK=True` is already set.
"""

from __future__ import annotations

import gc
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["BENTOML_DO_NOT_TRACK"] = "True"
# BentoML points this at a folder it never clears; our metrics are counted in memory, worker by worker.
os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
# One patient is one row: threads for it only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import bentoml

from serving.release import MODEL_NAME, Release
from serving.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SECONDS = 10
"""A request that takes longer is given up."""
AT_ONCE = 256
"""Requests in work at a time; more are refused with 429."""


class Front:
    """What BentoML mounts when this module is imported; the worker puts the API behind it once it has the model.

    It is no Starlette application on purpose: BentoML looks into those and serves its own pages, which load outside
    assets, wherever it finds no route.
    """

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if self.app is None:
            raise RuntimeError("a request came before the service was made")
        await self.app(scope, receive, send)


front = Front()


@bentoml.service(
    name="tarve",
    workers=int(os.environ.get("TARVE_WORKERS", "1")),
    traffic={"timeout": SECONDS, "max_concurrency": AT_ONCE},
    endpoints={"livez": "/healthz", "readyz": "/readyz"},
    metrics={"enabled": False},
    tracing={"excluded_urls": ".*"},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(front, path="/")
class Tarve:
    """Assesses the need for dental care before the first visit is booked. The API is at /docs."""

    model = bentoml.models.BentoModel(f"{MODEL_NAME}:latest")

    def __init__(self) -> None:
        # The supervisor process imports this module too, and needs none of this.
        from serving.api import create_app  # noqa: PLC0415
        from serving.house import House  # noqa: PLC0415

        release = Release.read(Path(self.model.path))
        self.house = House.open(Settings.read())
        front.app = create_app(release, self.house, lambda: datetime.now(UTC))
        # What is loaded now stays: without this a full collection stops the worker for a tenth of a second.
        gc.collect()
        gc.freeze()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Keep what is waiting."""
        self.house.close()

    async def __is_ready__(self) -> bool:
        return front.app is not None
