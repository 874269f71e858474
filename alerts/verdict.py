"""What is to be done with a message that is due, and with one that a gateway has answered: pure, of what is known now.

A message is `uncertain` while an earlier attempt may have reached its recipient. Such a message never ends as
withdrawn or not sent, because nobody can say so: it ends on the dead-letter list, for a person to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from alerts.calendar import Window, next_permitted
from alerts.consent import Client, normalised, obstacle
from alerts.gateways import TIMEOUT_SECONDS, Delivery, Outcome, Outgoing, Result
from alerts.texts import TextError, language_of, render
from alerts.variables import written
from records.clock import HELSINKI

NO_PROVIDER = "no_provider"
"""Why a message to a provider is not sent: the voucher has none."""

OUTCOME_UNKNOWN = "outcome_unknown"
REFUSED = "refused"
GAVE_UP = "gave_up"
NO_TEXT = "no_text"
"""Why a message is on the dead-letter list: it may have gone or not, the gateway will never take it, it was tried too
often, its definition has no text for it or names a variable that its alert does not know."""


class MessageDefinition(Protocol):
    """What sending asks of a voucher definition."""

    @property
    def window(self) -> Window:
        """When text messages may go."""

    @property
    def minimum_age(self) -> int | None:
        """Age in whole years from which clients get text messages; None for any age."""

    def template(self, subject: str, recipient: str, language: str) -> str:
        """What a recipient is told."""

    def values(self, language: str) -> dict[str, str]:
        """What texts may name beside an alert's own variables."""


@dataclass(frozen=True)
class Policy:
    """How patient sending is.

    Attributes:
        lease: how long a claimed message belongs to one dispatcher. Longer than what a gateway may take, and than what
            the clocks of dispatchers may differ by.
        batch: messages claimed at once.
        attempts: after so many a message is given up.
        first_wait, longest_wait: the wait after the first failed attempt, doubled after each further one up to the
            longest; the real wait is drawn between half of it and all of it.
        failures: after so many failed attempts in a row a dispatcher leaves the gateway alone.
    """

    lease: timedelta = timedelta(minutes=5)
    batch: int = 20
    attempts: int = 10
    first_wait: timedelta = timedelta(minutes=1)
    longest_wait: timedelta = timedelta(hours=6)
    failures: int = 5

    def __post_init__(self) -> None:
        least = 2 * TIMEOUT_SECONDS
        if self.lease <= timedelta(seconds=least):
            raise ValueError(f"the lease must be longer than {least:.0f} s, twice what a gateway may take")

    def wait(self, attempt: int, random: Random) -> timedelta:
        """How long to wait after the attempt of this number, 1 for the first."""
        doubled: timedelta = self.first_wait * 2 ** min(attempt - 1, 30)
        return min(self.longest_wait, doubled) * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class Due:
    """A message that is due, with its alert as it is now.

    Attributes:
        uncertain: an earlier attempt may have reached the recipient.
        attempts: how often it was handed to a gateway.
        variables: the alert's variables, a JSON object.
        closed_why: why its alert is no longer open; None while it is.
    """

    message_id: str
    key: str
    recipient: str
    channel: str
    subject: str
    variables: str
    patient_id: str
    provider_id: str | None
    definition_id: str
    attempts: int
    uncertain: bool
    closed_why: str | None


@dataclass(frozen=True)
class Settle:
    """The message is done with: `state` of the outbox, and why."""

    state: str
    reason: str | None = None


@dataclass(frozen=True)
class PutOff:
    """The message is to be looked at again at this moment."""

    until: datetime


@dataclass(frozen=True)
class Go:
    """The message goes now, in this language."""

    message: Outgoing
    language: str


def verdict_on_text_message(
    due: Due,
    definition: MessageDefinition,
    delivery: Delivery,
    *,
    client: Client,
    numbers: Callable[[], Sequence[str]],
    now: datetime,
) -> Settle | PutOff | Go:
    """What is to be done with a text message now.

    Args:
        due: the message.
        definition: of its voucher.
        delivery: what the gateway promises.
        client: what is known of the client now.
        numbers: looks up the client's telephone numbers.
        now: the moment.
    """
    if due.closed_why is not None:
        return settled(due, "withdrawn", due.closed_why)
    if due.uncertain and delivery is Delivery.AT_MOST_ONCE:
        return Settle("dead", OUTCOME_UNKNOWN)
    opening = next_permitted(definition.window, now)
    if opening > now:
        return PutOff(opening)
    found = numbers()
    reason = obstacle(client, found, definition.minimum_age, now.astimezone(HELSINKI).date())
    if reason is not None:
        return settled(due, "not_sent", reason)
    language = language_of(client.language)
    try:
        text = text_of(definition, due.subject, due.recipient, due.variables, language)
    except (TextError, KeyError):
        return settled(due, "dead", NO_TEXT)
    return Go(Outgoing(due.key, normalised(found[0]), text), language)


def verdict_on_portal_message(due: Due) -> Settle:
    """What is to be done with a message to a provider, whom no consent and no hour concerns."""
    if due.closed_why is not None:
        return Settle("withdrawn", due.closed_why)
    return Settle("not_sent", NO_PROVIDER) if due.provider_id is None else Settle("sent")


def text_of(definition: MessageDefinition, subject: str, recipient: str, variables: str, language: str) -> str:
    """What a message says.

    Args:
        definition: of the voucher.
        subject: what the alert is called in it.
        recipient: client or provider.
        variables: of the alert, a JSON object.
        language: fi, sv or en.
    """
    values = definition.values(language) | written(variables, language)
    return render(definition.template(subject, recipient, language), values)


def settled(due: Due, state: str, reason: str) -> Settle:
    """The end of a message that does not go; on the dead-letter list if an earlier attempt may have gone."""
    return Settle("dead", OUTCOME_UNKNOWN) if due.uncertain else Settle(state, reason)


def after(
    due: Due, outcome: Outcome, delivery: Delivery, *, policy: Policy, random: Random, now: datetime
) -> Settle | PutOff:
    """What a gateway's answer means for a message.

    Args:
        due: the message as it was before this attempt.
        outcome: the answer.
        delivery: what the gateway promises.
        policy: how patient to be.
        random: draws the wait.
        now: the moment.
    """
    if outcome.result is Result.ACCEPTED:
        return Settle("sent")
    if outcome.result is Result.REFUSED:
        return Settle("dead", REFUSED)
    if outcome.result is Result.UNKNOWN and delivery is Delivery.AT_MOST_ONCE:
        return Settle("dead", OUTCOME_UNKNOWN)
    attempt = due.attempts + 1
    if attempt >= policy.attempts:
        uncertain = due.uncertain or outcome.result is Result.UNKNOWN
        return Settle("dead", OUTCOME_UNKNOWN if uncertain else GAVE_UP)
    return PutOff(now + max(policy.wait(attempt, random), outcome.retry_after or timedelta(0)))
