"""Succession: which release runs in this worker since when, and how another takes its place without a failed request.

Every release gets an application of its own, made and tried before any request sees it. A request belongs to the
application that it came to: its version, probabilities, sets and reasons are of one release, also while another takes
over.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from serving.metrics import Metrics
from serving.release import Release, ReleaseError
from serving.shelf import Shelf

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LOG = logging.getLogger("tarve.serving")
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_TRIES = 60.0
"""A champion that could not be read is tried again so often."""
THRESHOLD = 20_000, 20, 20
"""Objects that are made before the youngest are looked through, and how many such looks before the next older."""
SECONDS_TO_END = 30.0
"""By then no request is left with the release before, and what only it held can be given back."""


@dataclass(frozen=True)
class Running:
    """What answers: a release, its folder and application, and since when it is champion here; None if nobody knows."""

    release: Release
    folder: Path
    app: ASGIApp
    since: datetime | None


class Succession:
    """Keeps the champion of a shelf running, and the last good release while the champion cannot be read.

    Args:
        shelf: where releases lie.
        make: makes the application of a release.
        metrics: are told which release runs, and what is heard of the registry.
    """

    def __init__(self, shelf: Shelf, make: Callable[[Release], ASGIApp], metrics: Metrics) -> None:
        self.shelf, self._make, self._metrics = shelf, make, metrics
        self.running: Running | None = None
        self.refused = ""
        self._mark: tuple[Path | None, datetime | None] | None = None
        self._again = 0.0
        self._ended = Event()
        self._thread = Thread(target=self._run, name="tarve-succession", daemon=True)

    def start(self) -> None:
        """Take up what is there, and look for another from now on."""
        self.look()
        settle()
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._ended.set()

    def look(self) -> bool:
        """Take up the champion if it is not what runs; tell whether another release was taken up.

        While nothing runs, another release will do where the champion cannot be read.
        """
        heard = self.shelf.heard()
        self._metrics.heard(heard.reached_at)
        mark = self.shelf.champion(), self.shelf.since()
        if mark == self._mark and time.monotonic() < self._again:
            return False
        self._mark, self._again = mark, time.monotonic() + SECONDS_BETWEEN_TRIES
        taken = any(self._taken_up(folder) for folder in self._wanted())
        self._tell(mark[0])
        return taken

    def _wanted(self) -> list[Path]:
        if self.running is None:
            return self.shelf.releases()
        champion = self.shelf.champion()
        return [] if champion in {None, self.running.folder} else [champion]

    def _taken_up(self, folder: Path) -> bool:
        """Make what a folder holds ready and let it answer from now on; False when it cannot be read."""
        since = self.shelf.since() if folder == self.shelf.champion() else None
        try:
            release = Release.read(folder)
            app = self._make(release)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a new release, the one that runs goes on
            what = error if isinstance(error, ReleaseError) else type(error).__name__
            LOG.error("the release in %s cannot be taken up: %s", folder.name, what)  # noqa: TRY400
            return False
        self.running = Running(release, folder, app, since)
        self._metrics.runs(release.name, release.version, since)
        LOG.info("%s version %s answers from now on", release.name, release.version)
        return True

    def _tell(self, champion: Path | None) -> None:
        holds = champion is None or (self.running is not None and self.running.folder == champion)
        self.refused = "" if holds or champion is None else champion.name
        self._metrics.refused(is_refused=bool(self.refused))

    def _run(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            try:
                taken = self.look()
            except OSError as error:
                LOG.error("the releases cannot be looked at: %s", error.strerror)  # noqa: TRY400
                continue
            if taken and not self._ended.wait(SECONDS_TO_END):
                gc.unfreeze()
                settle()


def settle() -> None:
    """Put what is loaded now out of the collector's sight: a full collection would stop a worker for 0.1 s.

    What a request makes is freed as it ends, but for little: to look for the rest a dozen times within every request,
    as Python would, costs a twentieth of it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLD)
