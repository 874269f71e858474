"""What is posted for an assessment: the question, with the patient and the history, as documented types.

The rows of a posted history are generated from `records.schema`, so that one schema checks them and documents them.
Only structure is refused here: a wrong JSON type, an unreadable time, a missing required member. Values are judged by
`records.check`, which sets a row aside with its reason; unknown members are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from features.dental import DENTAL
from records.clock import instant
from records.schema import EVENTS, INSTANT, TABLES, Column

MOST_ROWS = 20_000
"""Rows of a posted history; the longest lives of dental care stay far below."""
MOST_BYTES = 5_000_000
"""Bytes of a request body."""
MOST_ITEMS = 100
"""Questions of one batch."""
MOST_ANSWERS = 100
"""Answers posted at a time; a table of questions stays far below."""
MOST_LETTERS = 64
"""Letters of the name of a clinic."""
MOST_REFERENCE = 256
"""Letters of a caller's own name for a patient."""
MOST_COMMENT = 2_000
"""Letters of a comment."""
MOST_NUMBER = 2**53
"""Numbers up to here are exact as JSON writes them."""

READ = tuple(name for name in EVENTS if name in DENTAL.sources)
"""The tables that the features read. What the service does not read, it does not ask for."""

Rows: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows of one patient by table, unchecked, with values of the schema's types."""

POSTED_PATIENT = "posted"
SOURCE = "api"
OURS = "tarve"
"""The error type of our own sentences: they hold no value of the input."""


class TooManyRowsError(Exception):
    """A posted history holds more than `MOST_ROWS` rows."""


def wrong(what: str, where: str = "") -> PydanticCustomError:
    """A fault of the input in our own words; `where` names the member when the validator's own place does not."""
    return PydanticCustomError(OURS, what, {"where": where})


_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_HALF_PAIR = re.compile(r"[\ud800-\udfff]")
_WORD = re.compile(rf"[\w][\w .,:/-]{{0,{MOST_LETTERS - 1}}}")
_TONGUE = re.compile(r"[a-z]{2}")


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        try:
            return instant(value)
        except (ValueError, OverflowError):
            pass
    raise wrong("is not an ISO 8601 date or time")


def _text(value: object) -> str:
    # JSON can spell half of a surrogate pair, which no UTF-8 can hold.
    if not isinstance(value, str) or (not value.isascii() and _HALF_PAIR.search(value)):
        raise wrong("must be text")
    return value


def _day(value: object) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise wrong("is not an ISO 8601 date")


def _whole(kind: pa.DataType) -> Callable[[object], int]:
    """Make a reader of whole numbers of one type.

    A number too large for the type is clamped to it: the schema bounds every number far inside its type, so its row
    is set aside all the same.
    """
    limits = np.iinfo(kind.to_pandas_dtype())

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise wrong("must be a whole number")
        return int(max(min(value, limits.max), limits.min))

    return read


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST_NUMBER:
        raise wrong("must be a number")
    return float(value)


def _word(value: object) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise wrong(f"must be a short name: at most {MOST_LETTERS} letters, digits and .,:/_- or spaces")
    return value


def _tongue(value: object) -> str:
    if not isinstance(value, str) or not _TONGUE.fullmatch(value):
        raise wrong("must be a language of two small letters, as fi")
    return value


def _reference(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MOST_REFERENCE or _HALF_PAIR.search(value):
        raise wrong(f"must be a text of 1 to {MOST_REFERENCE} letters")
    return value


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "type": "string",
            "description": "ISO 8601 time; without an offset in Europe/Helsinki, a bare date is the end of that day.",
            "examples": ["2026-11-22T10:00:00+02:00", "2026-11-22"],
        }
    ),
]
Text = Annotated[str, BeforeValidator(_text)]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]

_TYPES: dict[pa.DataType, Any] = {
    pa.string(): Text,
    pa.bool_(): StrictBool,
    pa.date32(): Day,
    INSTANT: Moment,
    pa.int16(): Annotated[int, BeforeValidator(_whole(pa.int16()))],
    pa.int32(): Annotated[int, BeforeValidator(_whole(pa.int32()))],
    pa.float64(): Annotated[float, BeforeValidator(_number)],
}
NEUTRAL = {"channel": "other", "service": "other", "mode": "office", "producer": "own", "code_system": "thl"}
"""Columns that weigh little or nothing, and what is taken when a poster leaves them out."""
OMITTABLE = {
    "event_id": "Numbered by the service when omitted.",
    "recorded_at": "The event time when omitted.",
    **{name: f"Taken as {value} when omitted." for name, value in NEUTRAL.items()},
}
_FILLED = ("patient_id", "source")


class Posted(BaseModel):
    """Base of everything posted: unknown members are ignored."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


def _field(name: str, column: Column) -> tuple[Any, Any]:
    """Type and documentation of one column, as `create_model` wants them."""
    kind = _TYPES[column.type]
    omittable = column.nullable or name in OMITTABLE
    documented = Field(
        default=None if omittable else ...,
        description=" ".join(part for part in (column.says, _limits_text(column), OMITTABLE.get(name, "")) if part),
        json_schema_extra=_limits(column),
    )
    return (kind | None if omittable else kind), documented


def _limits(column: Column) -> dict[str, Any]:
    said = {"enum": list(column.one_of), "minimum": column.at_least, "maximum": column.at_most}
    return {key: value for key, value in said.items() if value not in (None, [])}


def _limits_text(column: Column) -> str:
    """The same as a sentence, with what becomes of other values."""
    if column.one_of:
        return f"One of {', '.join(column.one_of)}; a row with another value is set aside."
    if column.at_least is not None and column.at_most is not None:
        return f"From {column.at_least:g} to {column.at_most:g}; a row with another value is set aside."
    return ""


def _row(table: str) -> type[Posted]:
    columns = {name: column for name, column in EVENTS[table].columns().items() if name not in _FILLED}
    fields: Any = {name: _field(name, column) for name, column in columns.items()}
    said = (EVENTS[table].__doc__ or "").split("\n")[0].replace("`", "")
    return create_model(f"{table.capitalize()}Row", __base__=Posted, __doc__=said, **fields)


class PostedTables(Posted):
    """The events of one patient, table by table; a table that is left out has no rows."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _few_enough(cls, said: Any) -> Any:
        # Before the rows are looked at: a million wrong rows must not become a million errors.
        lists = [said[name] for name in READ if isinstance(said.get(name), list)] if isinstance(said, dict) else []
        if sum(len(rows) for rows in lists) > MOST_ROWS:
            raise TooManyRowsError
        return said

    def unknown_members(self) -> int:
        """How many members were posted that are no table which the service reads."""
        return len(self.model_extra or {})

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """The rows by table, unchecked, with values of the schema's types."""
        return {name: list(_filled([vars(row) for row in getattr(self, name)])) for name in READ}


class PostedPerson(Posted):
    """Who the patient is, as far as an assessment asks."""

    birth_date: Day | None
    reference: str | None

    def row(self) -> dict[str, Any]:
        """The patient's row, unchecked."""
        said = {name: value for name, value in dict(self).items() if name != "reference"}
        return {"patient_id": POSTED_PATIENT, "non_disclosure": False, **said}


def fresh_ids(given: set[str | None]) -> Iterator[str]:
    """Numbers that are no id yet."""
    return (name for number in count(1) if (name := f"{number:06d}") not in given)


def _filled(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows with what the poster left to the service."""
    fresh = fresh_ids({row["event_id"] for row in rows})
    for row in rows:
        yield row | {
            "patient_id": POSTED_PATIENT,
            "source": SOURCE,
            "event_id": next(fresh) if row["event_id"] is None else row["event_id"],
            "recorded_at": row["recorded_at"] or row["event_time"],
            **{name: value for name, value in NEUTRAL.items() if name in row and row[name] is None},
        }


if TYPE_CHECKING:
    PostedPatient = PostedPerson
    PostedHistory = PostedTables
else:
    _PERSON = TABLES["patients"].columns()
    PostedPatient = create_model(
        "PostedPatient",
        __base__=PostedPerson,
        __doc__=PostedPerson.__doc__,
        # Required even where null is allowed: not to know it is one thing, to forget it another.
        birth_date=(Day | None, Field(description=_PERSON["birth_date"].says)),
        sex=(Text, Field(default="unknown", description=f"{_PERSON['sex'].says} No feature of the model reads it.",
                        json_schema_extra=_limits(_PERSON["sex"]))),
        special_needs=(StrictBool, Field(default=False, description=_PERSON["special_needs"].says)),
        language=(Annotated[str, BeforeValidator(_tongue)] | None, Field(
            default=None, description=f"{_PERSON['language'].says} No feature of the model reads it.")),
        reference=(Annotated[str, BeforeValidator(_reference)] | None, Field(
            default=None,
            description="Your own name for the patient, so that assessments of one patient can be told to be so. It is "
            "kept only as a keyed hash.")),
    )  # fmt: skip
    PostedHistory = create_model(
        "PostedHistory",
        __base__=PostedTables,
        __doc__=PostedTables.__doc__,
        **{name: (list[_row(name)], Field(default=[], description=f"Rows of {name}.")) for name in READ},
    )


class Question(Posted):
    """Whom to assess: either `patient_id`, or `patient` and `history`; never both."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["patient_id"]}, {"required": ["patient", "history"]}]}
    )

    patient_id: Annotated[Text | None, Field(description="A patient of the service's record store.")] = None
    patient: Annotated[PostedPatient | None, Field(description="The patient, when the history is posted.")] = None
    history: Annotated[PostedHistory | None, Field(description="Its events; {} when nothing is recorded.")] = None
    as_of: Annotated[
        Moment | None,
        Field(description="The moment of the assessment: only what was known before it counts. Now when omitted."),
    ] = None
    unit: Annotated[
        Annotated[str, BeforeValidator(_word)] | None, Field(description="The clinic that asks; for monitoring only.")
    ] = None

    def posted(self) -> tuple[PostedPatient, PostedHistory] | None:
        """The patient and the history, when they are posted; None for a known patient."""
        return None if self.patient is None or self.history is None else (self.patient, self.history)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        posted = {"patient": self.patient, "history": self.history}
        given = [name for name, value in posted.items() if value is not None]
        if self.patient_id is not None and given:
            raise wrong("give either patient_id, or patient and history, not both", "patient_id")
        if self.patient_id is None and not given:
            raise wrong("give either patient_id, or patient and history", "body")
        if self.patient_id is None and len(given) == 1:
            raise wrong("is missing", next(name for name in posted if name not in given))
        return self
