"""A refusal: what is wrong with a request, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. No value of the request is ever repeated."""

    where: Annotated[str, Field(description="The member, as in history.visits[3].event_time; body for the whole.")]
    what: str


@dataclass(frozen=True)
class Faults:
    """The body of every refusal."""

    errors: tuple[Fault, ...]
