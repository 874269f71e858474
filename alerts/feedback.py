"""Treatment feedback: what a provider reports of care given on a voucher, and how it is taken back.

A feedback (hoitopalaute) becomes events of the record history. Whoever cancels it takes back every one of them, and the
alerts and unsent messages that rested on them, in one transaction: from then on the history and the last visit are
what they were without it. What is due again is found by the next run, so that an error corrected at once sends nothing.
The provider may cancel its own until the day (Europe/Helsinki) on which it was sent is over; an officer may at any
time, and says why. All of it stands in the audit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Connection, Engine, Row, select, update

from alerts import tables
from alerts.audit import Actor, Deed, audit
from alerts.care import Care, care_on, settle
from alerts.defined import stored_definitions
from alerts.transactions import writing
from alerts.variables import write_day
from records.clock import HELSINKI, day, microsecond
from records.database.tables import DATABASE_TABLES, RETRACTIONS

SOURCE = "feedback"
"""Where the events made from feedback come from."""

MOST_VISITS, MOST_PROCEDURES = 100, 100
"""Visits of one feedback, procedures of one visit: far above what care takes, and a bound for mistakes."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]

TOO_LATE = {
    "fi": "Hoitopalautteen voi perua itse vain lähetyspäivänä ({day}). Perumista voi pyytää: {contact}.",
    "sv": "Avsändaren kan återkalla en vårdrespons bara på sändningsdagen ({day}). Be om återkallelse: {contact}.",
    "en": "A sender can cancel a treatment feedback only on the day it was sent ({day}). Ask {contact} to do it.",
}

ANYBODY = {"fi": "palvelusetelin myöntäjä", "sv": "servicesedelns beviljare", "en": "whoever granted the voucher"}
"""Whom to ask about a voucher whose definition is not known."""


class FeedbackError(ValueError):
    """A feedback or its cancellation is refused; nothing was written but the audit."""


class UnknownVoucherError(FeedbackError):
    """There is no such voucher, or it is not this provider's: the two look the same."""

    def __init__(self) -> None:
        super().__init__("there is no such voucher")


class UnknownFeedbackError(FeedbackError):
    """There is no such feedback, or it is another provider's: the two look the same."""

    def __init__(self) -> None:
        super().__init__("there is no such treatment feedback")


class KeyReusedError(FeedbackError):
    """The provider sent another feedback under the same key."""

    def __init__(self) -> None:
        super().__init__("another treatment feedback was sent under this key")


class AlreadyCancelledError(FeedbackError):
    """The feedback was cancelled before."""

    def __init__(self) -> None:
        super().__init__("this treatment feedback was cancelled before")


class TooLateError(FeedbackError):
    """The day on which the provider could cancel its feedback is over.

    Attributes:
        sentences: what to tell the provider, and whom to ask, by language.
    """

    def __init__(self, sentences: dict[str, str]) -> None:
        super().__init__(sentences["en"])
        self.sentences = sentences


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProcedureDone(_Content):
    """A procedure done at a visit, see `records.schema.Procedures`."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{3,8}$")]
    tooth: int | None = Field(default=None, ge=11, le=85)
    surfaces: Annotated[str, StringConstraints(pattern=r"^[MODBLIP]{1,7}$")] | None = None


class VisitMade(_Content):
    """A visit, see `records.schema.Visits`.

    Attributes:
        at: when it began.
        minutes: chair time.
    """

    at: AwareDatetime
    minutes: int = Field(ge=0, le=1440)
    profession: Literal["dentist", "specialist", "hygienist", "assistant", "other"]
    urgency: Literal["emergency", "urgent", "routine"] = "routine"
    procedures: list[ProcedureDone] = Field(default_factory=list, max_length=MOST_PROCEDURES)


class Feedback(_Content):
    """What a provider reports.

    Attributes:
        voucher_id: the voucher that the care was given on.
        visits: visits that no feedback in force has told of.
        ends_care: whether the care on this voucher has ended; else it goes on.
        corrects: the cancelled feedback in whose place this one comes.
    """

    voucher_id: Name
    visits: list[VisitMade] = Field(default_factory=list, max_length=MOST_VISITS)
    ends_care: bool
    corrects: Name | None = None


@dataclass(frozen=True)
class FeedbackTaken:
    """A feedback that was taken, as it stands now.

    Attributes:
        state: `active` or `cancelled`.
        sent_at: when it was sent.
    """

    feedback_id: str
    voucher_id: str
    state: str
    sent_at: datetime


def submit(
    engine: Engine, feedback: Feedback, *, provider_id: str, who: str, now: datetime, key: str | None = None
) -> str:
    """Take a provider's feedback and make events of it.

    Args:
        engine: the database.
        feedback: what is reported.
        provider_id: the provider that reports.
        who: the user, as a pseudonym.
        now: the moment; the events are recorded at it.
        key: the provider's own name for it. The same feedback sent again under it is taken once, whatever has become
            of it since.

    Returns:
        The feedback's id.

    Raises:
        UnknownVoucherError: no such voucher was activated at this provider.
        KeyReusedError: another feedback was sent under the key.
        FeedbackError: what is reported cannot be; the message says why.
        DatabaseError: the database fails.
    """
    keyed = None if key is None else _Keyed.of(provider_id, key, feedback)
    with writing(engine) as connection:
        before = keyed and keyed.before(connection)
        if before:
            return before
        care = care_on(connection, feedback.voucher_id, now)
        refused = _refusal(connection, feedback, care, provider_id, now)
        if care is None or refused is not None:
            deed = Deed("feedback_refused", voucher_id=feedback.voucher_id, why=str(refused))
        else:
            sent = _Sent(uuid4().hex, feedback, care, provider_id, now)
            _write(connection, sent, keyed)
            settle(connection, care.voucher_id, care.patient_id, now)
            deed = Deed("feedback_sent", voucher_id=care.voucher_id, feedback_id=sent.feedback_id)
        audit(connection, [deed], Actor("provider", who), now)
    if refused is not None:
        raise refused
    return sent.feedback_id


def taken(connection: Connection, feedback_id: str, provider_id: str) -> FeedbackTaken:
    """A provider's own feedback.

    Raises:
        UnknownFeedbackError: there is none of this provider's by that id.
    """
    found = _found(connection, feedback_id, provider_id)
    if found is None:
        raise UnknownFeedbackError
    return FeedbackTaken(found.feedback_id, found.voucher_id, found.state, found.sent_at)


def cancel(
    engine: Engine, feedback_id: str, *, provider_id: str, who: str, now: datetime, reason: str | None = None
) -> int:
    """Take back a provider's own feedback on the day on which it was sent.

    Args:
        engine: the database.
        feedback_id: the feedback.
        provider_id: the provider that asks.
        who: the user, as a pseudonym.
        now: the moment.
        reason: why, if the provider says so.

    Returns:
        How many events were taken back.

    Raises:
        UnknownFeedbackError: there is none of this provider's by that id.
        AlreadyCancelledError: it was cancelled before.
        TooLateError: the day is over; it says whom to ask.
        DatabaseError: the database fails.
    """
    return _cancel(engine, feedback_id, _Wish(Actor("provider", who), now, reason, provider_id))


def cancel_as_officer(engine: Engine, feedback_id: str, *, who: str, reason: str, now: datetime) -> int:
    """Take back any feedback at any time.

    Args:
        engine: the database.
        feedback_id: the feedback.
        who: the officer, as a pseudonym.
        reason: why; it is kept.
        now: the moment.

    Returns:
        How many events were taken back.

    Raises:
        FeedbackError: no reason was given.
        UnknownFeedbackError: there is none by that id.
        AlreadyCancelledError: it was cancelled before.
        DatabaseError: the database fails.
    """
    if not reason.strip():
        raise FeedbackError("an officer cancels a treatment feedback for a reason; give it")
    return _cancel(engine, feedback_id, _Wish(Actor("officer", who), now, reason.strip()))


@dataclass(frozen=True)
class _Sent:
    """A feedback that is taken: by which provider, on which care, when."""

    feedback_id: str
    feedback: Feedback
    care: Care
    provider_id: str
    now: datetime


@dataclass(frozen=True)
class _Keyed:
    """The key under which a feedback is sent, and what was sent, both hashed."""

    provider_id: str
    key: str
    fingerprint: str

    @classmethod
    def of(cls, provider_id: str, key: str, feedback: Feedback) -> _Keyed:
        said = hashlib.sha256(feedback.model_dump_json().encode()).hexdigest()
        return cls(provider_id, hashlib.sha256(key.encode()).hexdigest(), said)

    def before(self, connection: Connection) -> str | None:
        """The feedback that was sent under the key before; None for a new key.

        Raises:
            KeyReusedError: it was another feedback.
        """
        keys = tables.feedback_keys
        query = select(keys).where(keys.c.provider_id == self.provider_id, keys.c.key == self.key)
        found = connection.execute(query).first()
        if found is not None and found.fingerprint != self.fingerprint:
            raise KeyReusedError
        return None if found is None else str(found.feedback_id)


@dataclass(frozen=True)
class _Wish:
    """Who wants a feedback cancelled, when and why; a provider only sees its own."""

    actor: Actor
    now: datetime
    reason: str | None
    provider_id: str | None = None


def _cancel(engine: Engine, feedback_id: str, wish: _Wish) -> int:
    taken_back = 0
    with writing(engine) as connection:
        found = _found(connection, feedback_id, wish.provider_id)
        refused = _cancel_refusal(connection, found, wish)
        voucher_id = None if found is None else found.voucher_id
        if found is None or refused is not None:
            deed = Deed("feedback_cancel_refused", voucher_id=voucher_id, feedback_id=feedback_id, why=str(refused))
        else:
            taken_back = _take_back(connection, found, wish)
            deed = Deed("feedback_cancelled", voucher_id=voucher_id, feedback_id=feedback_id, why=wish.reason)
        audit(connection, [deed], wish.actor, wish.now)
    if refused is not None:
        raise refused
    return taken_back


def _found(connection: Connection, feedback_id: str, provider_id: str | None) -> Row[Any] | None:
    """A feedback; another provider's is not there."""
    feedbacks = tables.feedbacks
    query = select(feedbacks).where(feedbacks.c.feedback_id == feedback_id)
    if provider_id is not None:
        query = query.where(feedbacks.c.provider_id == provider_id)
    return connection.execute(query).first()


def _cancel_refusal(connection: Connection, found: Row[Any] | None, wish: _Wish) -> FeedbackError | None:
    if found is None:
        return UnknownFeedbackError()
    if found.state == "cancelled":
        return AlreadyCancelledError()
    # Clocks of two machines may differ: what was sent "tomorrow" is not sent too long ago.
    if wish.actor.role == "provider" and day(wish.now) > day(found.sent_at):
        return TooLateError(_whom_to_ask(connection, found))
    return None


def _whom_to_ask(connection: Connection, found: Row[Any]) -> dict[str, str]:
    vouchers = DATABASE_TABLES["vouchers"]
    named = select(vouchers.c.definition_id).where(vouchers.c.voucher_id == found.voucher_id).limit(1)
    definition = stored_definitions(connection).get(connection.scalar(named) or "")
    contact = ANYBODY if definition is None else dict(definition.contact.items())
    sent_on = found.sent_at.astimezone(HELSINKI).date()
    return {
        language: sentence.format(day=write_day(sent_on, language), contact=contact[language])
        for language, sentence in TOO_LATE.items()
    }


def _take_back(connection: Connection, found: Row[Any], wish: _Wish) -> int:
    feedbacks, made = tables.feedbacks, tables.feedback_events
    cancelled = update(feedbacks).where(feedbacks.c.feedback_id == found.feedback_id)
    connection.execute(
        cancelled.values(
            state="cancelled", cancelled_at=wish.now, cancelled_by=wish.actor.role, cancel_reason=wish.reason
        )
    )
    events = select(made.c.table_name, made.c.event_id).where(made.c.feedback_id == found.feedback_id)
    rows = [{**row, "retracted_at": wish.now} for row in connection.execute(events).mappings()]
    connection.execute(RETRACTIONS.insert(), rows)
    settle(connection, found.voucher_id, found.patient_id, wish.now)
    return len(rows)


def _refusal(
    connection: Connection, feedback: Feedback, care: Care | None, provider_id: str, now: datetime
) -> FeedbackError | None:
    if care is None or care.provider_id != provider_id:
        return UnknownVoucherError()
    problem = _problem(feedback, care, now) or _correction_problem(connection, feedback, provider_id)
    return FeedbackError(problem) if problem else None


def _problem(feedback: Feedback, care: Care, now: datetime) -> str | None:
    """The first thing that is wrong with what is reported."""
    times = [microsecond(visit.at) for visit in feedback.visits]
    days = [day(visit.at) for visit in feedback.visits]
    problems = {
        "the voucher was withdrawn": care.withdrawn,
        "neither a visit nor the end of the care is reported": not feedback.visits and not feedback.ends_care,
        "the care on this voucher has ended already": feedback.ends_care and care.ended,
        "a visit lies in the future": any(visit.at > now for visit in feedback.visits),
        "a visit lies before the activation of the voucher": any(one < care.activated_on for one in days),
        "a visit lies after the end or the validity of the voucher": any(one > care.last_day for one in days),
        "two visits begin at one time": len(set(times)) < len(times),
        "a visit was reported before": not care.visits.isdisjoint(times),
    }
    return next((sentence for sentence, is_so in problems.items() if is_so), None)


def _correction_problem(connection: Connection, feedback: Feedback, provider_id: str) -> str | None:
    if feedback.corrects is None:
        return None
    corrected = _found(connection, feedback.corrects, provider_id)
    if corrected is None or corrected.voucher_id != feedback.voucher_id:
        return "the feedback to be corrected is none of this voucher's"
    return None if corrected.state == "cancelled" else "the feedback to be corrected is in force; cancel it first"


def _write(connection: Connection, sent: _Sent, keyed: _Keyed | None) -> None:
    row = {
        "feedback_id": sent.feedback_id,
        "voucher_id": sent.care.voucher_id,
        "patient_id": sent.care.patient_id,
        "provider_id": sent.provider_id,
        "sent_at": sent.now,
        "ends_care": sent.feedback.ends_care,
        "state": "active",
        "corrects": sent.feedback.corrects,
    }
    connection.execute(tables.feedbacks.insert(), [row])
    if keyed is not None:
        connection.execute(tables.feedback_keys.insert(), [vars(keyed) | {"feedback_id": sent.feedback_id}])
    for name, events in _events(sent).items():
        if events:
            connection.execute(DATABASE_TABLES[name].insert(), events)
            made = [
                {"table_name": name, "event_id": one["event_id"], "feedback_id": sent.feedback_id} for one in events
            ]
            connection.execute(tables.feedback_events.insert(), made)


def _events(sent: _Sent) -> dict[str, list[dict[str, Any]]]:
    """Rows of the record history, by table."""
    shared = {"patient_id": sent.care.patient_id, "recorded_at": sent.now, "source": SOURCE}
    made: dict[str, list[dict[str, Any]]] = {"visits": [], "procedures": [], "vouchers": []}
    for place, visit in enumerate(sent.feedback.visits):
        visit_id = f"{sent.feedback_id}-{place}"
        of_visit = {**shared, "event_time": visit.at}
        told = {name: getattr(visit, name) for name in ("minutes", "profession", "urgency")}
        where = {"mode": "office", "unit": sent.provider_id, "producer": "voucher"}
        made["visits"].append({**of_visit, "event_id": visit_id, **told, **where})
        made["procedures"] += [
            {**of_visit, "event_id": f"{visit_id}-{at}", "visit_id": visit_id, "code_system": "thl", **dict(one)}
            for at, one in enumerate(visit.procedures)
        ]
    if sent.feedback.ends_care:
        end = {"event_id": f"{sent.feedback_id}-end", "event_time": sent.now, "state": "ended"}
        whose = {"voucher_id": sent.care.voucher_id, "definition_id": sent.care.definition_id}
        made["vouchers"] = [{**shared, **end, **whose, "provider_id": sent.provider_id}]
    return made
