"""The ledger: assessments as they were answered, what people decided on them, and which cards carried them.

An assessment is kept with the record event that others read, the snapshot of its inputs and its line of the audit, all
or nothing. A decision is a record event too; a later one supersedes it, and both are kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import Connection, select

from records.database import Database, add, rows_of
from records.database.connection import engine, require_reachable
from records.database.errors import told_plainly
from serving.keys import Secrets
from serving.settings import Settings
from serving.storage.chain import Chain
from serving.storage.tables import ASSESSMENTS, CARDS, DECISION_KEYS, FEEDBACK
from serving.storage.vault import Vault
from serving.storage.versions import KEPT_STEPS, prepare
from serving.storage.writer import Write, Writer


@dataclass(frozen=True)
class Kept:
    """An assessment as it was answered.

    Attributes:
        id: random; nothing of the patient is in it.
        tenant: whose it is; for everybody else it does not exist.
        patient_id: the patient in the record database, or the keyed hash of one who is known elsewhere.
        made_at: when it was made.
        as_of: the moment that it speaks of.
        suggested: the suggested segment; None without an estimate.
        model: the tag under which the model store has the model.
        answer: the JSON that was answered.
    """

    id: str
    tenant: str
    patient_id: str
    made_at: datetime
    as_of: datetime
    suggested: str | None
    model: str
    answer: str


@dataclass(frozen=True)
class Choice:
    """What a person chose on an assessment.

    Attributes:
        id: random; the decision's id once it is made.
        outcome: `accepted` or `overridden`.
        decided: the segment decided on.
        reason_code: why it was overridden.
        comment: in free words; kept in the vault alone.
        supersedes: the decision that this one takes the place of.
        key: the caller's idempotency key.
    """

    id: str
    outcome: str
    decided: str
    reason_code: str | None = None
    comment: str | None = None
    supersedes: str | None = None
    key: str | None = None


class ContradictionError(Exception):
    """Another decision holds already, and `holding` is its id; or none does where one was to be superseded."""

    def __init__(self, holding: str | None) -> None:
        super().__init__("another decision holds")
        self.holding = holding


class KeyReusedError(Exception):
    """The idempotency key was used for another decision on this assessment."""


class Ledger:
    """What one worker keeps; open one with `Ledger.open`, and close it."""

    def __init__(self, database: Database, vault: Vault, chain: Chain, key: bytes) -> None:
        self.database, self.vault = database, vault
        self._chain, self._key = chain, key
        self.writer = Writer(database, vault, chain)

    @classmethod
    def open(cls, settings: Settings, secrets: Secrets) -> Self:
        """Open the databases that the settings name; what is not there is made.

        Raises:
            DatabaseError: one cannot be reached or is newer than this code.
        """
        database = Database.open(settings.database)
        opened = engine(settings.database)
        try:
            require_reachable(opened, settings.database)
            with told_plainly():
                prepare(opened, KEPT_STEPS)
        finally:
            opened.dispose()
        vault, chain = Vault.open(settings.vault, secrets.vault), Chain(secrets.audit, settings.anchors)
        return cls(database, vault, chain, secrets.patients)

    def to_keep(
        self,
        kept: Kept,
        events: Mapping[str, Sequence[Mapping[str, Any]]],
        snapshot: bytes,
        line: str,
        cards: Sequence[Mapping[str, Any]] = (),
    ) -> Write:
        """An assessment with its record events, its snapshot, its line of the audit and its cards, for the writer."""
        sealed = self.vault.sealed(snapshot_name(kept.id), snapshot, kept.made_at)
        rows: dict[Any, Sequence[Mapping[str, Any]]] = {ASSESSMENTS: [vars(kept)], CARDS: cards}
        return Write(events=events, rows=rows, sealed=[sealed], lines=[line])

    async def spend(self, token: str, until: datetime) -> bool:
        """Remember a token until a moment; False when it was spent before, by any worker.

        Raises:
            DatabaseError: it cannot be remembered.
        """
        return await self.writer.write(Write(spends=(token, until)))

    def read(self, assessment_id: str, tenant: str) -> Kept | None:
        """An assessment of a tenant; None when there is none, or it is another's.

        Raises:
            DatabaseError: the database fails.
        """
        kept = self.find(assessment_id)
        return kept if kept is not None and kept.tenant == tenant else None

    def find(self, assessment_id: str) -> Kept | None:
        """An assessment of any tenant, for reviews; callers of the service get theirs by `read`.

        Raises:
            DatabaseError: the database fails.
        """
        with self.database.snapshot() as connection:
            return _of(connection, assessment_id)

    def decisions(self, kept: Kept) -> list[dict[str, Any]]:
        """The decisions on an assessment as record events, oldest first; the last one holds.

        Raises:
            DatabaseError: the database fails.
        """
        with self.database.snapshot() as connection:
            return _decisions(connection, kept)

    def decide(self, kept: Kept, choice: Choice, at: datetime, source: str, line: str) -> tuple[dict[str, Any], bool]:
        """Make a decision, once.

        The same choice again, under the same key or under none, changes nothing. Another one is refused unless it
        names the decision that holds as the one that it supersedes.

        Returns:
            The decision as a record event, and whether it is new. The line of the audit is kept only with a new one.

        Raises:
            ContradictionError: another decision holds.
            KeyReusedError: the idempotency key was used for another choice.
            DatabaseError: the database fails; nothing was kept.
        """
        row = self._key_row(kept, choice)
        with self._deciding(kept) as connection:
            made = _decisions(connection, kept)
            earlier = _repeated(connection, row, choice, made)
            if earlier is not None:
                return earlier, False
            if choice.comment:
                # In the vault first: should the rest fail, a comment without a decision tells nobody anything.
                self.vault.add([self.vault.sealed(comment_name(choice.id), choice.comment.encode(), at)])
            event = _decision(kept, choice, _after(made, at), source)
            add(connection, {"decisions": [event]})
            connection.execute(DECISION_KEYS.insert(), row)
            head = self._chain.add(connection, [line])
        self._chain.anchor(head)
        return event, True

    def _key_row(self, kept: Kept, choice: Choice) -> dict[str, str]:
        """The choice and its idempotency key (its own id when it has none), hashed: callers write what they like."""
        said = [choice.outcome, choice.decided, choice.reason_code, choice.comment, choice.supersedes]
        return {
            "assessment_id": kept.id,
            "key": self._hash(["id", choice.id] if choice.key is None else ["key", choice.key]),
            "fingerprint": self._hash(said),
            "decision_id": choice.id,
        }

    def _hash(self, said: list[str | None]) -> str:
        return hmac.new(self._key, json.dumps(said).encode(), hashlib.sha256).hexdigest()

    @contextmanager
    def _deciding(self, kept: Kept) -> Iterator[Connection]:
        """A transaction in which nobody else decides on the same assessment."""
        with self.database.transaction() as connection:
            connection.execute(select(ASSESSMENTS.c.id).where(ASSESSMENTS.c.id == kept.id).with_for_update())
            yield connection

    def cards(self, tenant: str, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Those of some cards that were issued to a tenant, with their assessment and its patient.

        Raises:
            DatabaseError: the database fails.
        """
        statement = (
            select(CARDS.c.id, CARDS.c.assessment_id, ASSESSMENTS.c.patient_id)
            .join(ASSESSMENTS, ASSESSMENTS.c.id == CARDS.c.assessment_id)
            .where(CARDS.c.tenant == tenant, CARDS.c.id.in_([name for name in ids if "\0" not in name]))
        )
        with self.database.snapshot() as connection:
            return {row.id: (row.assessment_id, row.patient_id) for row in connection.execute(statement)}

    def feedback(self, card_id: str) -> list[dict[str, Any]]:
        """All feedback on a card, in the order of arrival.

        Raises:
            DatabaseError: the database fails.
        """
        with self.database.snapshot() as connection:
            statement = select(FEEDBACK).where(FEEDBACK.c.card_id == card_id).order_by(FEEDBACK.c.number)
            return [dict(row) for row in connection.execute(statement).mappings()]

    def close(self) -> None:
        """Write what is waiting and close all connections."""
        self.writer.close()
        self.vault.close()
        self.database.close()


def snapshot_name(assessment_id: str) -> str:
    """The name of an assessment's snapshot in the vault."""
    return f"snapshot/{assessment_id}"


def comment_name(one: str) -> str:
    """The name of the comment on a decision or of a feedback in the vault."""
    return f"comment/{one}"


def _of(connection: Connection, assessment_id: str) -> Kept | None:
    row = connection.execute(select(ASSESSMENTS).where(ASSESSMENTS.c.id == assessment_id)).mappings().one_or_none()
    return None if row is None else Kept(**row)


def _decisions(connection: Connection, kept: Kept) -> list[dict[str, Any]]:
    found = rows_of(connection, "decisions", kept.patient_id)
    return sorted((row for row in found if row["assessment_id"] == kept.id), key=lambda row: row["recorded_at"])


def _repeated(
    connection: Connection, row: Mapping[str, str], choice: Choice, made: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """The decision that this choice made before, None when it is a new one."""
    known = connection.execute(select(DECISION_KEYS).where(DECISION_KEYS.c.assessment_id == row["assessment_id"])).all()
    for one in known:
        if one.key == row["key"]:
            if one.fingerprint != row["fingerprint"]:
                raise KeyReusedError
            return next(event for event in made if event["event_id"] == one.decision_id)
    holding = made[-1] if made else None
    if holding is None:
        if choice.supersedes is not None:
            raise ContradictionError(None)
        return None
    if any(one.decision_id == holding["event_id"] and one.fingerprint == row["fingerprint"] for one in known):
        return holding
    if choice.supersedes != holding["event_id"]:
        raise ContradictionError(holding["event_id"])
    return None


def _after(made: list[dict[str, Any]], at: datetime) -> datetime:
    """A moment after the last decision: clocks of two machines may differ by more than two decisions do."""
    times: list[datetime] = [one["recorded_at"] + timedelta(microseconds=1) for one in made]
    return max([at, *times])


def _decision(kept: Kept, choice: Choice, at: datetime, source: str) -> dict[str, Any]:
    return {
        "patient_id": kept.patient_id,
        "event_id": choice.id,
        "event_time": at,
        "recorded_at": at,
        "source": source,
        "assessment_id": kept.id,
        "suggested": kept.suggested,
        "decided": choice.decided,
        "outcome": choice.outcome,
        "reason_code": choice.reason_code,
    }
