"""The one thread of a worker that writes: what several requests keep goes into one transaction.

A request is answered only once its own rows are committed, so nothing that a caller has seen is lost when the worker
dies. Under load one commit serves many requests; alone, a request waits for its own commit only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from sqlalchemy import Connection, Table, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError

from records.database import Database, DatabaseError, add
from records.database.insertion import insert
from serving.storage.chain import Chain
from serving.storage.tables import SPENT, VAULT
from serving.storage.vault import Vault

LOG = logging.getLogger("tarve.serving")
MOST_AT_ONCE = 256
BETWEEN_COMMITS = 0.025
"""Seconds from one commit to the next, so that under load one serves several requests: kept with nine others, an
assessment costs a fifth of the CPU of one kept alone. Shorter than what a person notices."""
BETWEEN_CLEANINGS = timedelta(minutes=1)
MOST_POLITE = 0.1
"""Seconds that one waits for its turn at the most: to take turns saves work, nothing depends on it."""
REMEMBERED = timedelta(hours=2)
"""A token holds for an hour at the most, so one that ends two hours before another has ended."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Write:
    """What one request keeps, in one transaction or not at all.

    Attributes:
        events: rows of the record schema by table, patients first.
        rows: rows of the service's own tables.
        sealed: what goes into the vault, before all else.
        lines: lines of the audit.
        spends: a token that may be used only once, and until when that must be remembered.
    """

    events: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    rows: Mapping[Table, Sequence[Row]] = field(default_factory=dict)
    sealed: Sequence[dict[str, Any]] = ()
    lines: Sequence[str] = ()
    spends: tuple[str, datetime] | None = None


Waiting = tuple[Write, "Future[bool] | asyncio.Future[bool]"]
Told = tuple["Future[bool] | asyncio.Future[bool]", bool | DatabaseError]


class Turn:
    """Lets the thread that answers and the one that writes work one after the other.

    Both run Python, of which an interpreter runs one thread at a time. Left alone, they take it from each other a dozen
    times a request, and begin each time with cold caches: that costs more than the writing itself.
    """

    def __init__(self) -> None:
        self._lock = Lock()

    def taken(self) -> Taken:
        """Work while the other does not, unless the other takes too long. Not for what waits, as a commit does."""
        return Taken(self._lock)


class Taken:
    """A turn, from its begin to its end."""

    def __init__(self, lock: Lock) -> None:
        self._lock, self._is_mine = lock, False

    def __enter__(self) -> None:
        """Wait for the other, but not for long."""
        self._is_mine = self._lock.acquire(timeout=MOST_POLITE)

    def __exit__(self, *_: object) -> None:
        """Let the other work."""
        if self._is_mine:
            self._lock.release()


class Writer:
    """Writes for all requests of a worker, in a thread of its own.

    Attributes:
        turn: the thread that answers takes it for what is much work, so that this one does not get in its way.
    """

    def __init__(self, database: Database, vault: Vault, chain: Chain) -> None:
        self.turn = Turn()
        self._database, self._vault, self._chain = database, vault, chain
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._cleaned = datetime.min.replace(tzinfo=UTC)
        self._began = 0.0
        self._thread = Thread(target=self._run, name="tarve-writer", daemon=True)
        self._thread.start()

    async def write(self, write: Write) -> bool:
        """Keep something; True once it is committed, False when its token was spent before (the rest is kept).

        Raises:
            DatabaseError: nothing of it was kept.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.put((write, future))
        return await future

    def put(self, write: Write) -> Future[bool]:
        """The same for a caller without an event loop."""
        future: Future[bool] = Future()
        self._queue.put((write, future))
        return future

    def close(self) -> None:
        """Write what is waiting, and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            waiting = [self._queue.get()]
            if waiting != [None]:
                self._let_others_come()
            try:
                while len(waiting) < MOST_AT_ONCE:
                    waiting.append(self._queue.get_nowait())
            except Empty:
                pass
            ended = None in waiting
            self._settle([one for one in waiting if one is not None and _is_wanted(one[1])])

    def _let_others_come(self) -> None:
        """Wait until it is a while since the last commit began; who comes after a pause does not wait."""
        time.sleep(max(self._began + BETWEEN_COMMITS - time.monotonic(), 0))
        self._began = time.monotonic()

    def _settle(self, batch: list[Waiting]) -> None:
        """Write a batch and tell its requests; when a row of one cannot be held, each is written alone."""
        if not batch:
            return
        try:
            unspent = self._write([write for write, _ in batch])
        except DatabaseError as error:
            if len(batch) > 1 and isinstance(error.__context__, IntegrityError | DataError):
                for one in batch:
                    self._settle([one])
                return
            LOG.error("nothing could be kept: %s", error)  # noqa: TRY400 - a trace may quote rows
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - a thread that died would leave every later request waiting
            LOG.error("nothing could be kept: %s", type(error).__name__)  # noqa: TRY400
            _fail(batch, DatabaseError("the writer failed; nothing was written"))
        else:
            _tell([(future, fresh) for (_, future), fresh in zip(batch, unspent, strict=True)])

    def _write(self, writes: list[Write]) -> list[bool]:
        sealed = [row for write in writes for row in write.sealed]
        if sealed:
            with self._vault.transaction() as connection, self._turn_on(connection):
                insert(connection, VAULT, sealed)
        lines = [line for write in writes for line in write.lines]
        with self._database.transaction() as connection, self._turn_on(connection):
            unspent = self._spend(connection, [write.spends for write in writes])
            add(connection, _merged(write.events for write in writes))
            for table, rows in _merged(write.rows for write in writes).items():
                insert(connection, table, rows)
            head = self._chain.add(connection, lines) if lines else None
        if head is not None:
            self._chain.anchor(head)
        return unspent

    def _turn_on(self, connection: Connection) -> AbstractContextManager[None]:
        """The turn, where statements wait for no server; the commit comes after it."""
        return self.turn.taken() if connection.dialect.name == "sqlite" else nullcontext()

    def _spend(self, connection: Connection, tokens: list[tuple[str, datetime] | None]) -> list[bool]:
        """Whether each token was not spent before; the first of two equal ones was not."""
        # In order, so that of two workers neither waits for what the other is about to write.
        spent = sorted(filter(None, tokens))
        rows = [{"token": token, "until": until} for token, until in spent]
        if not rows:
            return [True] * len(tokens)
        self._forget(connection, min(until for _, until in spent))
        insertion = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        statement = insertion(SPENT).on_conflict_do_nothing().returning(SPENT.c.token)
        fresh = set(connection.scalars(statement, rows))
        return [one is None or _take(fresh, one[0]) for one in tokens]

    def _forget(self, connection: Connection, until: datetime) -> None:
        """Remove tokens that ended long before this one, and would be refused for that by any worker's clock."""
        if abs(until - self._cleaned) > BETWEEN_CLEANINGS:
            connection.execute(delete(SPENT).where(SPENT.c.until < until - REMEMBERED))
            self._cleaned = until


def _take(tokens: set[str], token: str) -> bool:
    if token in tokens:
        tokens.remove(token)
        return True
    return False


def _is_wanted(future: Future[bool] | asyncio.Future[bool]) -> bool:
    """Whether somebody still waits for a write that has not begun; who gives up later is too late to stop it."""
    return not future.cancelled() if isinstance(future, asyncio.Future) else future.set_running_or_notify_cancel()


def _fail(batch: list[Waiting], error: DatabaseError) -> None:
    _tell([(future, error) for _, future in batch])


def _tell(several: list[Told]) -> None:
    """Tell requests what became of their writes; an event loop is woken once for all of its own."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Told]] = defaultdict(list)
    for told in several:
        if isinstance(told[0], asyncio.Future):
            by_loop[told[0].get_loop()].append(told)
        else:
            _settle([told])
    for loop, those in by_loop.items():
        # A loop that was closed in the meantime has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, those)


def _settle(several: list[Told]) -> None:
    for future, outcome in several:
        if future.done():
            continue  # given up while it was written
        if isinstance(outcome, DatabaseError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _merged(several: Any) -> dict[Any, list[Row]]:
    """The rows of several writes by table, in the order in which tables are first named."""
    merged: dict[Any, list[Row]] = defaultdict(list)
    for one in several:
        for table, rows in one.items():
            if rows:
                merged[table].extend(rows)
    return merged
