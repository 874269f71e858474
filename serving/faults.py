"""What is wrong with a question, in sentences that repeat nothing of it; and how the document shows refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serving.wire import MOST_BYTES, MOST_ROWS, OURS, Faults

MOST_FAULTS = 20
"""Faults named in one refusal; the rest are only counted."""

EXAMPLE_ID = "5f0c3a9d-21be-4c52-9d0e-7a6b1c2d3e4f"

WHAT = {
    "missing": "is missing",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "literal_error": "is not an allowed value",
    "too_long": "holds too many",
    "too_short": "is empty",
    "string_too_long": "is too long",
    "string_too_short": "is too short",
    "string_type": "must be text",
    "extra_forbidden": "holds a member that is not known",
    "timezone_aware": "is a time without an offset, as +02:00",
    "datetime_from_date_parsing": "is not an ISO 8601 time",
    "datetime_parsing": "is not an ISO 8601 time",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_parsing": "must be true or false",
}
"""Sentences for the error types that structure can have here. Pydantic's own texts may repeat the input."""


def named(faults: Sequence[Any], within: str = "") -> list[tuple[str, str]]:
    """Faults that Pydantic found as pairs of where and what; of many, some and how many more.

    Args:
        faults: as `errors()` lists them; the place of each begins with `body`, unless `within` is given.
        within: the part of the body that was looked at.
    """
    found = [fault | {"loc": ("body", *fault["loc"])} for fault in faults] if within else list(faults)
    said = [(_place(within, _where(fault)), _what(fault, within)) for fault in found[:MOST_FAULTS]]
    more = len(found) - len(said)
    return [*said, *([("body", f"{more} more members are wrong")] if more else [])]


def _place(within: str, where: str) -> str:
    if not within:
        return where
    return within if where == "body" else f"{within}.{where}"


def _where(fault: Any) -> str:
    """The member as a person writes it. Only declared names and positions can be part of it."""
    if fault["type"] == OURS and fault["ctx"]["where"]:
        return str(fault["ctx"]["where"])
    named = fault["loc"][1:-1] if fault["type"] == "extra_forbidden" else fault["loc"][1:]
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in named]
    return "".join(parts).lstrip(".") or "body"


def _what(fault: Any, within: str) -> str:
    if fault["type"] == OURS:
        return str(fault["msg"])
    if fault["loc"] == ("body",) and fault["type"] != "missing":
        return f"must be a JSON object{'' if within else ', sent as Content-Type: application/json'}"
    return WHAT.get(fault["type"], "is not valid")


def _example(says: str, where: str, what: str) -> dict[str, Any]:
    example = {"errors": [{"where": where, "what": what}]}
    return {"model": Faults, "description": says, "content": {"application/json": {"example": example}}}


_NOT_NOW = "the answer cannot be kept now, so it cannot be given; try again"
_ALL: dict[int, dict[str, Any]] = {
    400: _example("The body is no JSON.", "body", "is not valid JSON at character 17"),
    401: {"description": "No token that holds. The answer is bare."},
    403: {"description": "The token does not allow this. The answer is bare."},
    404: _example("There is no such one for you.", "patient_id", "no such patient is in the record store"),
    409: _example("Another decision holds.", "supersedes", "another decision holds"),
    413: _example(
        f"More than {MOST_BYTES:,} bytes or {MOST_ROWS:,} rows.",
        "history",
        f"holds more than {MOST_ROWS:,} rows; post only what the model reads",
    ),
    422: _example("The structure is wrong.", "history.visits[3].event_time", "is not an ISO 8601 date or time"),
    429: _example("The caller, or everybody together, asks too often.", "", "you ask too often; wait and try again")
    | {"headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}},
    500: _example(
        "The service failed.",
        "",
        "the service failed; its log names the cause under 5f0c3a9d-21be-4c52-9d0e-7a6b1c2d3e4f",
    ),
    503: _example("A database that is needed is away.", "", _NOT_NOW),
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, as the document shows them; 401, 403, 429 and 500 are always among them."""
    return {status: _ALL[status] for status in sorted({401, 403, 429, 500, *statuses})}
