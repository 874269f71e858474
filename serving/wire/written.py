"""How an answer is written as JSON, and how one that was kept is read again."""

from __future__ import annotations

import orjson
from pydantic import TypeAdapter

from serving.wire.answer import Answer
from serving.wire.decision import DecisionOut

_ANSWERS = TypeAdapter(Answer)


def as_json(said: Answer | DecisionOut) -> bytes:
    """The JSON of an answer, members in the order of its type; times in UTC end in Z.

    Raises:
        TypeError: a member is not of a type that it is declared with.
    """
    return orjson.dumps(said, option=orjson.OPT_UTC_Z)


def read_answer(kept: str | bytes) -> Answer:
    """An answer as it was kept, also one of a time before the members that have defaults.

    Raises:
        ValidationError: it is no answer.
    """
    return _ANSWERS.validate_json(kept)
