"""The card of the model that runs: what it is, what it is not, and its table of segments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import Field

from serving.wire.answer import Appointment, ModelOut, SegmentOut
from serving.wire.words import Words


@dataclass(frozen=True)
class ReasonCode:
    """A reason to override a suggestion."""

    code: str
    label: Words


@dataclass(frozen=True, kw_only=True)
class SegmentRow(SegmentOut):
    """A segment as its dated table says it."""

    visits_at_least: int
    suggest_above: Annotated[float, Field(description="Suggested when the probability of needing as much exceeds it.")]
    first_appointment: Appointment


@dataclass(frozen=True, kw_only=True)
class SegmentsOut:
    """The dated table of segments, in rising order of need."""

    valid_from: date
    source: str
    horizon_days: int
    segments: tuple[SegmentRow, ...]
    without_history: Appointment


@dataclass(frozen=True, kw_only=True)
class ModelCard(ModelOut):
    """What runs here, and what it is not."""

    run_id: Annotated[str, Field(description="The training run that the model came from.")]
    estimator: str
    feature_names: tuple[str, ...]
    professions: tuple[str, ...]
    segments: SegmentsOut
    override_reasons: tuple[ReasonCode, ...]
    says: Words
