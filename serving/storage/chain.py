"""The chain of the audit: a keyed hash binds every line to all lines before it, so that no change stays unseen.

The hash of line n is HMAC-SHA-256 over its number, the hash of the line before and its text, under a key that the
database never sees: whoever may write to the database but has no key cannot make a line that fits. What the chain
itself cannot show is that its end was cut off; for that the last number and hash are kept in the table `audit_head`
and copied, at most once a second, to a file of anchors, which may lie on a store that only grows.
"""

from __future__ import annotations

import hmac
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, bindparam, select

from records.database.insertion import driver_sql, insert
from serving.storage.tables import AUDIT, HEAD

LOG = logging.getLogger("tarve.serving")
SECONDS_BETWEEN_ANCHORS = 1.0
ROWS_AT_ONCE = 1_000
_HELD = select(HEAD.c.number, HEAD.c.hash).with_for_update()
_MOVED = HEAD.update().values(number=bindparam("number"), hash=bindparam("hash"))


@dataclass(frozen=True)
class Head:
    """The last line of a chain: its number (0 before the first) and its hash (empty before the first)."""

    number: int
    hash: str


class Chain:
    """Adds lines to the chain; several workers may, the database lets one at a time."""

    def __init__(self, key: bytes, anchors: Path) -> None:
        self._key, self._anchors = key, anchors
        self._anchored = 0.0

    def add(self, connection: Connection, lines: Sequence[str]) -> Head:
        """Add lines, one or more, within a writer's transaction, and tell the new head."""
        head = Head(*connection.exec_driver_sql(driver_sql(_HELD, connection.dialect)).one())
        rows = []
        for line in lines:
            head = Head(head.number + 1, link(self._key, head, line))
            rows.append({"number": head.number, "line": line, "hash": head.hash})
        insert(connection, AUDIT, rows)
        connection.exec_driver_sql(driver_sql(_MOVED, connection.dialect), (head.number, head.hash))
        return head

    def anchor(self, head: Head, *, at_once: bool = False) -> None:
        """Copy a head that was committed to the file of anchors; more often than once a second only when told to."""
        now = time.monotonic()
        if not head.number or (now - self._anchored < SECONDS_BETWEEN_ANCHORS and not at_once):
            return
        try:
            descriptor = os.open(self._anchors, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, f"{head.number} {head.hash}\n".encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            LOG.error("the head of the audit cannot be copied to its anchors: %s", error.strerror)  # noqa: TRY400
        self._anchored = now


def link(key: bytes, before: Head, line: str) -> str:
    """The hash of the line after `before`, in hexadecimal."""
    said = f"{before.number + 1}\n{before.hash}\n{line}".encode()
    return hmac.digest(key, said, "sha256").hex()


def read_anchors(file: Path) -> dict[int, str]:
    """The anchored hashes by line number; none when there is no file. A line that a crash broke off is passed over."""
    if not file.exists():
        return {}
    words = (line.split() for line in file.read_text(encoding="ascii", errors="replace").splitlines())
    return {int(pair[0]): pair[1] for pair in words if len(pair) == 2 and pair[0].isdecimal()}


def faults(connection: Connection, key: bytes, anchors: Mapping[int, str]) -> Iterator[str]:
    """What is wrong with a chain, one sentence a fault; nothing when every line is there, in its place, as written."""
    before, anchored = Head(0, ""), dict(anchors)
    for number, line, hashed in _lines(connection):
        if number > before.number + 1:
            yield _missing(before.number + 1, number - 1)
        if number != before.number + 1 or link(key, before, line) != hashed:
            yield f"line {number} does not follow from the line before it: one of them was changed, moved or added"
        if anchored.pop(number, hashed) != hashed:
            yield f"line {number} is not the one that was anchored"
        before = Head(number, hashed)
    yield from _end_faults(before, Head(*connection.execute(select(HEAD.c.number, HEAD.c.hash)).one()), anchored)


def _end_faults(last: Head, head: Head, anchored: Mapping[int, str]) -> Iterator[str]:
    if head.number > last.number:
        yield f"{_missing(last.number + 1, head.number)}, at the end"
    elif head != last:
        yield f"the lines end with {last.number}, but {head.number} was the last: lines were added, or the head changed"
    beyond = [number for number in anchored if number > max(last.number, head.number)]
    if beyond:
        yield f"line {max(beyond)} was anchored, but the lines end with {last.number}: the end was cut off"


def _missing(first: int, last: int) -> str:
    return f"line {first} is missing" if first == last else f"lines {first} to {last} are missing"


def _lines(connection: Connection) -> Iterable[tuple[int, str, str]]:
    statement = select(AUDIT.c.number, AUDIT.c.line, AUDIT.c.hash).order_by(AUDIT.c.number)
    for row in connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE}):
        yield row.number, row.line, row.hash
