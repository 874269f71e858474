"""Following the registry: a new champion is fetched, and what is there is kept while the registry is away.

This runs in a process of its own, because MLflow takes seconds and 200 MB to import, which no worker has to spare.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

from serving.release import RegistryError, ReleaseError, pull
from serving.shelf import Shelf

LOG = logging.getLogger("tarve.serving")


class Follower:
    """Carries the model that holds an alias to a shelf, as often as it is told to."""

    def __init__(self, shelf: Shelf, name: str, alias: str) -> None:
        self._shelf, self._name, self._alias = shelf, name, alias
        self._said = ""

    def ask(self, at: datetime) -> None:
        """Ask the registry once; what goes wrong is noted and logged when it begins, and changes nothing."""
        trouble = ""
        try:
            self._say(f"champion is {pull(self._name, self._alias)}", logging.INFO)
        except RegistryError as error:
            trouble = str(error)
            self._say(trouble, logging.ERROR)
        except ReleaseError as error:  # it answered, with nothing that can be used
            self._say(str(error), logging.ERROR)
        except Exception as error:  # noqa: BLE001 - the next time may be better, and what is there goes on
            trouble = f"the registry cannot be used ({type(error).__name__})"
            self._say(trouble, logging.ERROR)
        self._shelf.hear(at, trouble)

    def _say(self, what: str, level: int) -> None:
        if what != self._said:
            LOG.log(level, "registry: %s", what)
        self._said = what


def follow(follower: Follower, seconds: float, goes_on: Callable[[], bool]) -> None:
    """Ask the registry every so many seconds, as long as it goes on."""
    while goes_on():
        follower.ask(datetime.now(UTC))
        until = time.monotonic() + seconds
        while goes_on() and time.monotonic() < until:
            time.sleep(min(1.0, seconds))


def while_child_of(parent: int) -> Callable[[], bool]:
    """Whether this process is still the child of another; one whose parent has ended gets a new one."""
    return lambda: os.getppid() == parent
