"""Many questions at once, and their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from serving.wire.answer import Answer
from serving.wire.fault import Fault
from serving.wire.posted import MOST_ITEMS, Posted


class BatchQuestion(Posted):
    """Many questions at once. Each is judged for itself: one that is wrong does not spoil the others."""

    items: Annotated[
        list[Any],
        Field(
            max_length=MOST_ITEMS,
            min_length=1,
            json_schema_extra={"items": {"$ref": "#/components/schemas/Question"}},
            description=f"At most {MOST_ITEMS} questions.",
        ),
    ]


@dataclass(frozen=True)
class BatchItem:
    """The answer to one question of a batch, or what is wrong with it."""

    position: Annotated[int, Field(description="The question's position in items, from 0.")]
    answer: Answer | None
    errors: tuple[Fault, ...]


@dataclass(frozen=True)
class BatchAnswer:
    """One item for every question, in their order."""

    items: tuple[BatchItem, ...]
