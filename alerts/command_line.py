"""What the commands of this room share: exit statuses, options, and how a database is opened."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NoReturn

from sqlalchemy import Engine

from alerts.versions import migrate
from records.clock import instant
from records.database.connection import engine
from records.database.store import DEFAULT_URL

DONE, FAILED, WRONG_ARGUMENT, REFUSED, INCOMPLETE = range(5)
"""Exit statuses: done; the database, a definition or a gateway cannot be used; an argument is wrong; refused, because a
later run has been; done, but not all of it, as the command says."""


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one sentence, without repeating the usage."""

    def error(self, message: str) -> NoReturn:
        """Say so and end."""
        self.exit(WRONG_ARGUMENT, f"{self.prog}: {message}\n")


def add_database(command: argparse.ArgumentParser) -> None:
    """Add the option that names the database."""
    command.add_argument("--database", default=DEFAULT_URL, help="its URL (default %(default)s)", metavar="URL")


def past(text: str) -> datetime:
    """Read a moment that has been."""
    try:
        moment = instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if moment > datetime.now(UTC):
        raise argparse.ArgumentTypeError("the moment is still to come")
    return moment


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """A database at the newest version of its schema."""
    migrate(url)
    reached = engine(url)
    try:
        yield reached
    finally:
        reached.dispose()
