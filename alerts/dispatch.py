"""How waiting messages go out: each once, also when several dispatchers run, and when one is killed at any point.

Three short transactions carry a message, and none is open while a gateway is spoken to:

1. **Claim.** Some due messages are leased to one dispatcher. Another one takes what is not leased (PostgreSQL: `FOR
   UPDATE SKIP LOCKED`; SQLite: one writer at a time), or what was leased and not finished in time.
2. **Begin**, right before sending. Everything is looked at anew: is the alert still open, may the client still be
   written to, is it still an hour to write? If so the message is `sending` from this instant on. This is the moment of
   sending: a message withdrawn before it never goes, one withdrawn after it is on its way.
3. **Finish.** What the gateway said is written down.

A dispatcher that dies between 2 and 3 leaves a message that is `sending` and whose lease runs out. Whether the gateway
has it nobody here can know. If the gateway delivers a key once, the message is sent again under its key. If not, the
gateway's `Delivery` decides: to put it before a person, or to send it again, which may double it.

The text is made in step 2, handed to the gateway and forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, or_, select, update
from sqlalchemy.exc import OperationalError

from alerts import tables
from alerts.consent import Client
from alerts.gateways import TIMEOUT_SECONDS, Delivery, Gateway, Outcome, Outgoing, Result
from alerts.outbox import tell
from alerts.phones import PhoneBook
from alerts.portal import put
from alerts.texts import sms_length
from alerts.verdict import (
    OUTCOME_UNKNOWN,
    Due,
    Go,
    MessageDefinition,
    Policy,
    PutOff,
    Settle,
    after,
    verdict_on_portal_message,
    verdict_on_text_message,
)
from records.database.connection import writing
from records.database.tables import DATABASE_TABLES

OUTBOX, ALERTS, PATIENTS = tables.messages_outbox, tables.alerts, DATABASE_TABLES["patients"]

OPEN_STATES = ("sending", "queued")
"""States of messages that are not settled; what was begun comes first."""

TRIES = 6
"""How often a transaction is begun that finds a SQLite file locked; each time it waits for the lock by itself."""

TAKEN = "taken"
WAITING = "waiting"

_RELEASED = {"claimed_by": None, "claimed_until": None}

T = TypeVar("T")


@dataclass(frozen=True)
class _Begun:
    """A message on its way: as it was before this attempt, what the gateway gets, and until when it may be sent."""

    due: Due
    message: Outgoing
    until: datetime


@dataclass
class Dispatcher:
    """Sends what waits. Several may run at once, on several machines.

    Attributes:
        engine: the database.
        definitions: voucher definitions by their id, old versions too.
        phones: looks telephone numbers up.
        clock: tells the moment, with a time zone.
        gateway: takes text messages; None leaves them waiting and sees to the portal only.
        random: draws how long to wait before the next attempt, and nothing else.
        policy: how patient to be.
        watch: is told of each message once it is settled or put off, by a word of `counts`.
        counts: what became of messages so far: their state, or `WAITING` for what was put off and `TAKEN` for what was
            withdrawn or taken over in between.
    """

    engine: Engine
    definitions: Mapping[str, MessageDefinition]
    phones: PhoneBook
    clock: Callable[[], datetime]
    gateway: Gateway | None = None
    random: Random = field(default_factory=Random)
    policy: Policy = field(default_factory=Policy)
    watch: Callable[[str], None] = lambda _: None
    counts: Counter[str] = field(default_factory=Counter)
    _failures: int = 0

    @property
    def _delivery(self) -> Delivery:
        return Delivery.AT_MOST_ONCE if self.gateway is None else self.gateway.delivery

    @property
    def paused(self) -> bool:
        """Whether the gateway failed so often in a row that it is left alone."""
        return self._failures >= self.policy.failures

    def waiting(self) -> int:
        """How many messages are due now."""
        with self.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(OUTBOX).where(self._due())) or 0

    def until_empty(self) -> Counter[str]:
        """Send until nothing more is due, or the gateway is to be left alone; returns the counts."""
        while self.once():
            pass
        return self.counts

    def once(self) -> int:
        """Claim some messages and send them; returns how many were claimed."""
        claim = uuid4().hex
        claimed = self._write(lambda connection: self._claim(connection, claim))
        for message_id in claimed:
            word = self._carry(message_id, claim)
            self.counts[word] += 1
            self.watch(word)
        return len(claimed)

    def _due(self, states: Sequence[str] = OPEN_STATES) -> ColumnElement[bool]:
        now = self.clock()
        channels = ("portal",) if self.gateway is None or self.paused else ("portal", "sms")
        return and_(
            OUTBOX.c.state.in_(states),
            OUTBOX.c.channel.in_(channels),
            OUTBOX.c.next_attempt_at <= now,
            or_(OUTBOX.c.claimed_until.is_(None), OUTBOX.c.claimed_until <= now),
        )

    def _claim(self, connection: Connection, claim: str) -> list[str]:
        some: list[str] = []
        # One state after the other, in the order of its index: thousands may wait, and none of them is to be sorted.
        for state in OPEN_STATES:
            due = select(OUTBOX.c.message_id).where(self._due([state])).order_by(OUTBOX.c.next_attempt_at)
            few = due.limit(self.policy.batch - len(some)).with_for_update(skip_locked=True)
            some += connection.scalars(few)
        until = self.clock() + self.policy.lease
        leased = update(OUTBOX).where(OUTBOX.c.message_id.in_(some))
        connection.execute(leased.values(claimed_by=claim, claimed_until=until))
        return some

    def _carry(self, message_id: str, claim: str) -> str:
        """Steps 2 and 3 of one message; tells what became of it."""
        begun = self._write(lambda connection: self._begin(connection, message_id, claim))
        if isinstance(begun, str):
            return begun
        if self.gateway is None or self.clock() > begun.until:
            return TAKEN
        outcome = self.gateway.send(begun.message)
        taken = outcome.result in {Result.ACCEPTED, Result.REFUSED}
        self._failures = 0 if taken else self._failures + 1
        return self._write(lambda connection: self._finish(connection, begun.due, claim, outcome))

    def _begin(self, connection: Connection, message_id: str, claim: str) -> _Begun | str:
        """Look at everything anew: settle the message, put it off, or let it go."""
        due = _locked(connection, message_id, claim)
        if due is None:
            return TAKEN
        now = self.clock()
        found = self._verdict(connection, due, now)
        if isinstance(found, Go):
            return self._let_go(connection, due, found, now)
        if due.channel == "portal" and found == Settle("sent"):
            put(connection, due.message_id, due.provider_id or "", now)
        return _write_down(connection, due, found, now, uncertain=due.uncertain)

    def _verdict(self, connection: Connection, due: Due, now: datetime) -> Settle | PutOff | Go:
        if due.channel == "portal":
            return verdict_on_portal_message(due)
        definition = self.definitions.get(due.definition_id)
        if definition is None or self.gateway is None or self.paused:
            # A definition stored since this dispatcher began is known to the next one.
            return PutOff(now + self.policy.first_wait)
        client = _client(connection, due.patient_id, now)
        return verdict_on_text_message(
            due,
            definition,
            self._delivery,
            client=client,
            numbers=lambda: self.phones.numbers(due.patient_id),
            now=now,
        )

    def _let_go(self, connection: Connection, due: Due, going: Go, now: datetime) -> _Begun:
        until = now + self.policy.lease
        _change(
            connection,
            due.message_id,
            now,
            state="sending",
            attempts=due.attempts + 1,
            claimed_until=until,
            language=going.language,
            parts=sms_length(going.message.text).parts,
        )
        # A machine that falls asleep here does not send on waking up, at an hour that nobody has looked at.
        return _Begun(due, going.message, until - timedelta(seconds=TIMEOUT_SECONDS))

    def _finish(self, connection: Connection, due: Due, claim: str, outcome: Outcome) -> str:
        """Write down what the gateway said.

        What it accepted is sent, whoever holds the message by now. All else is said of the attempt of this claim only.
        """
        now = self.clock()
        attempt = and_(OUTBOX.c.state == "sending", OUTBOX.c.claimed_by == claim)
        ever = or_(OUTBOX.c.state == "sending", and_(OUTBOX.c.state == "dead", OUTBOX.c.reason == OUTCOME_UNKNOWN))
        if _lock(connection, due.message_id, ever if outcome.result is Result.ACCEPTED else attempt) is None:
            return TAKEN
        found = after(due, outcome, self._delivery, policy=self.policy, random=self.random, now=now)
        uncertain = due.uncertain or outcome.result is Result.UNKNOWN
        return _write_down(connection, due, found, now, uncertain=uncertain, gateway_id=outcome.gateway_id)

    def _write(self, work: Callable[[Connection], T]) -> T:
        """Do work in one write transaction; anew if the database was locked or lost, which no work here minds."""
        for _ in range(TRIES - 1):
            with suppress(OperationalError):
                return self._write_once(work)
        return self._write_once(work)

    def _write_once(self, work: Callable[[Connection], T]) -> T:
        with writing(self.engine) as connection:
            return work(connection)


def _lock(connection: Connection, message_id: str, condition: ColumnElement[bool]) -> str | None:
    """Keep all others from a message until the end of the transaction, if it still is as it has to be."""
    statement = select(OUTBOX.c.message_id).where(OUTBOX.c.message_id == message_id, condition)
    return connection.scalar(statement.with_for_update())


def _locked(connection: Connection, message_id: str, claim: str) -> Due | None:
    """A message that this claim still holds; what stands beside it is read once nobody can change it any more."""
    held = and_(OUTBOX.c.claimed_by == claim, OUTBOX.c.state.in_(OPEN_STATES))
    if _lock(connection, message_id, held) is None:
        return None
    columns = "message_id", "recipient", "channel", "variables", "attempts", "idempotency_key", "state"
    of_alert = "subject", "patient_id", "provider_id", "definition_id", "ended_why"
    statement = (
        select(*(OUTBOX.c[name] for name in columns), *(ALERTS.c[name] for name in of_alert))
        .join_from(OUTBOX, ALERTS, OUTBOX.c.alert_id == ALERTS.c.alert_id)
        .where(OUTBOX.c.message_id == message_id)
    )
    row = dict(connection.execute(statement).mappings().one())
    state = row.pop("state")
    return Due(key=row.pop("idempotency_key"), closed_why=row.pop("ended_why"), uncertain=state == "sending", **row)


def _client(connection: Connection, patient_id: str, now: datetime) -> Client:
    row = connection.execute(select(PATIENTS).where(PATIENTS.c.patient_id == patient_id)).one()
    return Client(
        birth_date=row.birth_date,
        language=row.language,
        sms_consent=row.sms_consent,
        non_disclosure=row.non_disclosure,
        in_care=row.left_at is None or row.left_at > now,
    )


def _write_down(
    connection: Connection,
    due: Due,
    found: Settle | PutOff,
    now: datetime,
    *,
    uncertain: bool,
    gateway_id: str | None = None,
) -> str:
    """Settle a message or put it off; tells which."""
    if isinstance(found, PutOff):
        state = "sending" if uncertain else "queued"
        _change(connection, due.message_id, now, state=state, next_attempt_at=found.until, **_RELEASED)
        return WAITING
    done = {"state": found.state, "reason": found.reason, "gateway_id": gateway_id, "next_attempt_at": None}
    _change(connection, due.message_id, now, **done, **_RELEASED)
    tell(connection, [due.message_id], now)
    return found.state


def _change(connection: Connection, message_id: str, now: datetime, **values: Any) -> None:
    connection.execute(update(OUTBOX).where(OUTBOX.c.message_id == message_id).values(updated_at=now, **values))
