"""Feedback on cards: kept in the order of arrival beside the cards, though one may contradict the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from serving.cds.call import read_object
from serving.guard import Refused

MOST_ITEMS = 100
MOST_COMMENT = 10_000
OUTCOMES = ("accepted", "overridden")
_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Feedback:
    """What a person did with one card.

    Attributes:
        id: random.
        card_id: the card.
        outcome: `accepted` or `overridden`.
        suggestions: ids of the suggestions that were taken.
        reason_code: why it was overridden, if as a code.
        comment: in free words; kept in the vault alone.
        outcome_at: when, if it can be read.
    """

    id: str
    card_id: str
    outcome: str
    suggestions: tuple[str, ...]
    reason_code: str | None
    comment: str | None
    outcome_at: datetime | None

    def row(self, tenant: str, at: datetime) -> dict[str, Any]:
        """As it is kept; the comment is not among it."""
        return {
            "id": self.id,
            "tenant": tenant,
            "card_id": self.card_id,
            "received_at": at,
            "outcome": self.outcome,
            "outcome_at": self.outcome_at,
            "suggestions": " ".join(self.suggestions),
            "reason_code": self.reason_code,
        }


def read_feedback(body: bytes) -> list[Feedback]:
    """Read the body of a feedback call.

    Raises:
        Refused: it is no JSON object with a list of feedback, each with a card and an outcome.
    """
    items = read_object(body).get("feedback")
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        raise Refused(400, "feedback", f"must be a list of at most {MOST_ITEMS}")
    return [_one(item, f"feedback[{at}]") for at, item in enumerate(items)]


def _one(item: Any, where: str) -> Feedback:
    if not isinstance(item, dict):
        raise Refused(400, where, "must be an object")
    if not isinstance(item.get("card"), str):
        raise Refused(400, f"{where}.card", "must be the uuid of a card")
    if item.get("outcome") not in OUTCOMES:
        raise Refused(400, f"{where}.outcome", f"must be one of {', '.join(OUTCOMES)}")
    override = item.get("overrideReason")
    override = override if isinstance(override, dict) else {}
    comment = override.get("userComment")
    if isinstance(comment, str) and len(comment) > MOST_COMMENT:
        raise Refused(400, f"{where}.overrideReason.userComment", f"is longer than {MOST_COMMENT:,} letters")
    return Feedback(
        id=str(uuid4()),
        card_id=_uuid(item["card"]) or item["card"],
        outcome=item["outcome"],
        suggestions=tuple(_suggestions(item.get("acceptedSuggestions"))),
        reason_code=_reason(override.get("reason")),
        comment=comment if isinstance(comment, str) and comment else None,
        outcome_at=_moment(item.get("outcomeTimestamp")),
    )


def _suggestions(value: object) -> Iterator[str]:
    for one in value if isinstance(value, list) else ():
        name = one.get("id") if isinstance(one, dict) else one
        if isinstance(name, str) and (known := _uuid(name)) is not None:
            yield known


def _uuid(text: str) -> str | None:
    """A UUID as we spell it, for some clients write it in capitals; None when it is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _reason(value: object) -> str | None:
    """The code of a Coding, or of a plain text; anything that may hold words is not a code."""
    code = value.get("code") if isinstance(value, dict) else value
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        return None if found is None else found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
