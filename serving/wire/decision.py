"""A decision on an assessment: as a person makes it, and as it is kept and shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from serving.wire.answer import Answer
from serving.wire.posted import Posted, Text, _word


@dataclass(frozen=True, kw_only=True)
class DecisionOut:
    """What a person decided on an assessment."""

    id: str
    decided_at: datetime
    outcome: Literal["accepted", "overridden"]
    suggested: Annotated[str | None, Field(description="The suggested segment; null without an estimate.")]
    decided: Annotated[str, Field(description="The segment decided on.")]
    reason_code: str | None
    holds: Annotated[bool, Field(description="Whether no later decision supersedes it.")]


@dataclass(frozen=True, kw_only=True)
class KeptAnswer(Answer):
    """An assessment as it was answered, with the decisions made on it, oldest first."""

    made_at: datetime
    decisions: tuple[DecisionOut, ...]


class ChoiceIn(Posted):
    """What you decide on an assessment."""

    outcome: Annotated[Literal["accepted", "overridden"], Field(description="Whether the suggestion was taken.")]
    decided: Annotated[
        Annotated[str, BeforeValidator(_word)] | None,
        Field(description="The segment decided on; may be left out when the suggestion is accepted."),
    ] = None
    reason_code: Annotated[
        Annotated[str, BeforeValidator(_word)] | None,
        Field(description="Why it was overridden; the codes stand under /v1/model."),
    ] = None
    comment: Annotated[
        Text | None, Field(description="In your own words. It is kept apart, sealed, and not shown again.")
    ] = None
    supersedes: Annotated[
        Annotated[str, BeforeValidator(_word)] | None,
        Field(description="The id of the decision that holds and that this one takes the place of."),
    ] = None
