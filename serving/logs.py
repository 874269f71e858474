"""The log: one JSON object a line, with the id of the request it belongs to, and nothing of a patient.

What is written is ours: route templates, never paths; types and places of errors, never their messages.
"""

from __future__ import annotations

import logging
import random
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO
from uuid import UUID

import orjson
from typing_extensions import override

LOGGER = "tarve"
REQUEST: ContextVar[str] = ContextVar("tarve_request", default="")
"""The id of the request in work."""
_NUMBERS = random.Random()  # noqa: S311 - an id is no secret, and asking the system for each costs as much as the rest
_SANE = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
"""A UUID, or the 32 hexadecimal digits of a trace. A freer form could carry a name or an identity code into the log."""


def request_id(offered: str) -> str:
    """The id that a caller offers for its request, if it is one; else a new one."""
    return offered if _SANE.fullmatch(offered) else str(UUID(int=_NUMBERS.getrandbits(128), version=4))


class JsonLines(logging.Formatter):
    """A log record as one line of JSON; what is given as `extra={"told": {...}}` becomes members."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "says": record.getMessage(),
        }
        if request := REQUEST.get():
            said["request"] = request
        return orjson.dumps(said | getattr(record, "told", {})).decode()


def set_up(stream: TextIO | None = None, *, requests: bool = True) -> None:
    """Write the log of this process as lines of JSON.

    Args:
        stream: where to; standard error when None.
        requests: whether every request gets a line.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # Nobody reads which thread and process a line is from; to look it up for each costs as much as to write it.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.getLogger(f"{LOGGER}.requests").setLevel(logging.INFO if requests else logging.WARNING)
