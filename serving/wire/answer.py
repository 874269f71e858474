"""An assessment as it is answered: what is expected, what to book, why, and from what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from serving.wire.interview import GivenAnswer, NextQuestion, NothingToAsk
from serving.wire.words import Words

Status = Literal["assessed", "no_history", "too_little_history"]


@dataclass(frozen=True)
class SegmentOut:
    """The suggested segment of need."""

    name: str
    label: Words


@dataclass(frozen=True)
class Span:
    """An interval in which the true amount lies with some probability."""

    low: float
    high: float
    level: Annotated[float, Field(description="The probability.")]


@dataclass(frozen=True)
class Amount:
    """An expected amount over the episode of care."""

    total: float
    by_profession: dict[str, float]
    interval: Annotated[Span | None, Field(description="Of the total; null when the model gives none.")] = None


@dataclass(frozen=True)
class Appointment:
    """The first appointment to book."""

    kind: str
    profession: str
    minutes: int
    label: Words


@dataclass(frozen=True)
class FollowUpOut:
    """Appointments to reserve after the first one, with one profession."""

    profession: str
    count: int
    minutes: Annotated[int, Field(description="Length of each.")]
    visits: Annotated[float, Field(description="The expected number that the count was rounded from.")]


@dataclass(frozen=True)
class WayOut:
    """A way to produce the care."""

    name: str
    label: Words


@dataclass(frozen=True)
class PathwayOut:
    """Where the patient is led, and by which ways the care can be produced, best first."""

    name: str
    label: Words
    ways: tuple[WayOut, ...]
    source: str


@dataclass(frozen=True)
class IntervalOut:
    """The recommended interval between examinations, once care is complete; agreed with the patient."""

    months: Annotated[tuple[int, ...], Field(description="From and to.", min_length=2, max_length=2)]
    label: Annotated[Words, Field(description="For whom.")]
    source: str


@dataclass(frozen=True)
class ReasonOut:
    """One group of facts that moved the estimate, strongest first."""

    group: Annotated[str, Field(description="What the facts are about.")]
    direction: Literal["raises", "lowers"]
    weight: Annotated[float, Field(description="Log-odds; above zero raises the estimate.")]
    modifiable: Annotated[bool, Field(description="Whether the patient or the clinic can change what it measures.")]
    feature: Annotated[str, Field(description="The feature that the sentence names.")]
    text: Words


@dataclass(frozen=True)
class HistoryOut:
    """What the assessment could see."""

    events_seen: Annotated[int, Field(description="Events known before the moment.")]
    latest_event: Annotated[datetime | None, Field(description="When the latest of them happened.")]
    age_days: Annotated[int | None, Field(description="Whole days from the latest event to the moment.")]


@dataclass(frozen=True)
class SetAside:
    """Rows that were not used, and why."""

    table: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Notice:
    """Rows that were used, or members that were ignored, although something about them is odd."""

    table: str
    says: str
    rows: int


@dataclass(frozen=True)
class ModelOut:
    """Which model answered."""

    name: str
    version: str
    features: Annotated[str, Field(description="Version of the feature catalogue.")]
    segments_from: Annotated[str, Field(description="First day of the table of segments.")]
    rules: Annotated[str, Field(description="Version of all dated tables that hold at the moment, together.")]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An assessment: a suggestion, which a person accepts or not.

    With status `no_history` or `too_little_history` nothing is estimated: segment, probabilities, prediction set,
    visits, minutes, follow-ups and examination interval are null.
    """

    id: Annotated[str, Field(description="Names the assessment; random.")]
    status: Status
    as_of: datetime
    segment: SegmentOut | None
    probabilities: Annotated[dict[str, float] | None, Field(description="Of each segment; they sum to 1.")]
    prediction_set: Annotated[
        tuple[str, ...] | None,
        Field(description="Segments that cannot be ruled out, in rising order; null when the model gives no set."),
    ]
    visits: Annotated[Amount | None, Field(description="Expected visits of the episode.")]
    minutes: Annotated[Amount | None, Field(description="Expected chair minutes of the episode.")]
    first_appointment: Appointment
    follow_ups: Annotated[
        tuple[FollowUpOut, ...] | None, Field(description="What to reserve after the first appointment.")
    ]
    special_needs: Annotated[bool, Field(description="Whether care needs special arrangements, on record.")]
    pathway: PathwayOut
    examination_interval: Annotated[
        IntervalOut | None,
        Field(description="Null also for those whom the dated table does not speak of, as children."),
    ]
    reasons: tuple[ReasonOut, ...]
    next_question: Annotated[
        NextQuestion | None, Field(description="Null when none is worth asking; nothing_to_ask then says why.")
    ] = None
    nothing_to_ask: NothingToAsk | None = None
    answers: Annotated[
        tuple[GivenAnswer, ...], Field(description="The answers of the interview that it was made with, first to last.")
    ] = ()
    follows: Annotated[
        str | None, Field(description="The assessment that this one updates with answers; that one is kept as it is.")
    ] = None
    history: HistoryOut
    set_aside: tuple[SetAside, ...]
    notices: tuple[Notice, ...]
    model: ModelOut
    says: Annotated[Words, Field(description="What this answer is and what to do with it.")]
