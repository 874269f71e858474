"""What goes over the wire about vouchers, as documented types; treatment feedback is that of `alerts.feedback`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.wire import Words

MOST_MESSAGES = 100
"""Messages that are shown, or sent again, at once."""
MOST_OVERDUE = 200
"""Overdue vouchers that are shown unless more are asked for."""
MOST_REASON = 500
"""Letters of a reason, which is kept in the audit."""

Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_REASON, pattern=r"^[^\x00]*$")
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]


Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""A name of our own making: of a message, or of a treatment feedback."""


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PortalMessageOut(BaseModel):
    """A message to a provider."""

    message_id: str
    voucher_id: str
    subject: Annotated[str, Field(description="What the alert is called in the voucher definition.")]
    put_at: datetime
    read_at: Annotated[datetime | None, Field(description="When the provider first read it; null until then.")]
    current: Annotated[bool, Field(description="Whether what it is about is still so.")]
    text: Annotated[str, Field(description="In the language of Accept-Language.")]


class PortalOut(BaseModel):
    """A provider's messages, the newest first."""

    unread: Annotated[int, Field(description="How many of those shown were not marked as read.")]
    messages: list[PortalMessageOut]


class MarkedOut(BaseModel):
    """A message that is marked as read."""

    message_id: str


class FeedbackOut(BaseModel):
    """A treatment feedback that was taken."""

    feedback_id: str
    voucher_id: str
    state: Literal["active", "cancelled"]
    sent_at: datetime
    cancel_until: Annotated[
        datetime, Field(description="The provider may cancel it before this moment: midnight in Finland.")
    ]


class CancelIn(_Asked):
    """Why a provider cancels its feedback, if it says so."""

    reason: Annotated[Reason | None, Field(description="Kept in the audit; names no person.")] = None


class OfficerCancelIn(_Asked):
    """Why an officer cancels a feedback."""

    reason: Annotated[Reason, Field(description="Kept in the audit; names no person.")]


class CancelledOut(BaseModel):
    """A treatment feedback that was cancelled."""

    feedback_id: str
    events: Annotated[int, Field(description="Events of the record history that were taken back with it.")]


class DeadLetterOut(BaseModel):
    """A message that nothing more is done about unless a person decides so."""

    message_id: str
    definition_id: str
    rule: str
    state: Annotated[Literal["dead", "failed"], Field(description="Given up; or accepted and not delivered.")]
    reason: str | None
    attempts: int
    since: datetime


class DeadLettersOut(BaseModel):
    """The dead-letter list, the oldest first."""

    messages: list[DeadLetterOut]


class SendAgainIn(_Asked):
    """Messages that are to be sent again, and why."""

    messages: Annotated[list[Id], Field(min_length=1, max_length=MOST_MESSAGES, description="Their message_id.")]
    reason: Annotated[Reason, Field(description="Kept in the audit; names no person.")]


class QueuedOut(BaseModel):
    """How many messages wait to be sent again; those that were not on the list are left alone."""

    queued: int


class ReceiptIn(_Asked):
    """What became of one message, which is named by the key it was sent with or by the gateway's own id."""

    state: Literal["delivered", "failed"]
    key: Annotated[Name | None, Field(description="The Idempotency-Key that it was sent with.")] = None
    id: Annotated[Name | None, Field(description="The gateway's own name for it.")] = None


class ReceivedOut(BaseModel):
    """The receipt was taken."""

    received: Literal[True] = True


class NeedOut(BaseModel):
    """What is known of a client's need: the latest assessment, or what a person decided on it."""

    segment: Annotated[str, Field(description="As decided, else as suggested.")]
    decided: Annotated[bool, Field(description="Whether a person has decided on it.")]
    suggested: str | None
    visits: Annotated[float | None, Field(description="Expected visits of the episode.")]
    at_least_heavy: Annotated[float | None, Field(description="Probability of needing heavy care.")]
    as_of: datetime
    assessment_id: str
    model: Annotated[str, Field(description="Name and version of the model that assessed it.")]
    features: str
    rules: Annotated[str, Field(description="Version of the dated tables then.")]


class RuleOut(BaseModel):
    """The rule that found the client late."""

    name: str
    version: int


class OverdueOut(BaseModel):
    """A voucher whose client is late."""

    position: Annotated[int, Field(description="From 1.")]
    patient_id: str
    voucher_id: str
    provider_id: str | None
    definition_id: str
    rule: RuleOut
    breached_on: date
    days_overdue: int
    why: Words
    ordered_by: Literal["need", "days_overdue"]
    need: Annotated[NeedOut | None, Field(description="Null for those who are ordered by days overdue.")]
    says: Annotated[Words, Field(description="How this place in the list came to be.")]


class OverdueListOut(BaseModel):
    """Overdue vouchers, those first whose client needs most; and how the order came to be."""

    as_of: datetime
    run_at: Annotated[datetime | None, Field(description="When the rules were last run; null if never.")]
    ordered_by: Literal["need", "days_overdue"]
    fallback: Annotated[
        Literal["no_champion", "no_assessment"] | None, Field(description="Why the order is by days overdue alone.")
    ]
    says: Words
    model: Annotated[str | None, Field(description="Name and version of the champion; null when there is none.")]
    rules: Annotated[list[RuleOut], Field(description="The rules that find overdue clients.")]
    segments_from: date
    total: Annotated[int, Field(description="All overdue vouchers; the list may be shorter.")]
    rows: list[OverdueOut]
