"""What goes over the wire: the question of an assessment and its answer, as documented types.

The rows of a posted history are generated from `records.schema`, so that one schema checks them and documents them.
Only structure is refused here: a wrong JSON type, an unreadable time, a missing required member. Values are judged by
`records.check`, which sets a row aside with its reason; unknown members are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

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

    def size(self) -> int:
        """How many rows were posted."""
        return sum(len(getattr(self, name)) for name in READ)

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


def _filled(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows with what the poster left to the service."""
    given = {row["event_id"] for row in rows}
    fresh = (name for number in count(1) if (name := f"{number:06d}") not in given)
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


class Words(BaseModel):
    """One text in Finnish, Swedish and English."""

    fi: str
    sv: str
    en: str


class SegmentOut(BaseModel):
    """The suggested segment of need."""

    name: str
    label: Words


class Span(BaseModel):
    """An interval in which the true amount lies with some probability."""

    low: float
    high: float
    level: Annotated[float, Field(description="The probability.")]


class Amount(BaseModel):
    """An expected amount over the episode of care."""

    total: float
    by_profession: dict[str, float]
    interval: Annotated[Span | None, Field(description="Of the total; null when the model gives none.")] = None


class Appointment(BaseModel):
    """The first appointment to book."""

    kind: str
    profession: str
    minutes: int
    label: Words


class FollowUpOut(BaseModel):
    """Appointments to reserve after the first one, with one profession."""

    profession: str
    count: int
    minutes: Annotated[int, Field(description="Length of each.")]
    visits: Annotated[float, Field(description="The expected number that the count was rounded from.")]


class WayOut(BaseModel):
    """A way to produce the care."""

    name: str
    label: Words


class PathwayOut(BaseModel):
    """Where the patient is led, and by which ways the care can be produced, best first."""

    name: str
    label: Words
    ways: list[WayOut]
    source: str


class IntervalOut(BaseModel):
    """The recommended interval between examinations, once care is complete; agreed with the patient."""

    months: Annotated[list[int], Field(description="From and to.", min_length=2, max_length=2)]
    label: Annotated[Words, Field(description="For whom.")]
    source: str


class ReasonOut(BaseModel):
    """One group of facts that moved the estimate, strongest first."""

    group: Annotated[str, Field(description="What the facts are about.")]
    direction: Literal["raises", "lowers"]
    weight: Annotated[float, Field(description="Log-odds; above zero raises the estimate.")]
    modifiable: Annotated[bool, Field(description="Whether the patient or the clinic can change what it measures.")]
    feature: Annotated[str, Field(description="The feature that the sentence names.")]
    text: Words


class NothingToAsk(BaseModel):
    """Why no question is worth asking."""

    reason: Annotated[
        Literal["one_segment", "settled", "nothing_left", "no_interview"],
        Field(
            description="The set holds one segment; no answer left would change what is booked or the estimate by "
            "much; everything is asked or on record; the model asks nothing."
        ),
    ]
    text: Words


class GivenAnswer(BaseModel):
    """One answer of the interview; value null where the patient would not or could not say."""

    question: str
    value: float | None


class AnswerChoice(BaseModel):
    """One answer allowed."""

    value: float
    label: Words


class AnswerNumber(BaseModel):
    """Numbers allowed as an answer, both ends among them."""

    least: float
    most: float
    step: float
    unit: Words


class Settled(BaseModel):
    """The segment that would be suggested after an answer."""

    value: float
    segment: str


class NextQuestion(BaseModel):
    """The question to the patient whose answer would tell most."""

    name: str
    text: Words
    why: Annotated[Words, Field(description="What an answer tells, and what it decides between.")]
    choices: Annotated[list[AnswerChoice], Field(description="Empty when the answer is a number.")]
    number: AnswerNumber | None
    settles: Annotated[list[Settled], Field(description="For a number, after some that stand for all.")]


class HistoryOut(BaseModel):
    """What the assessment could see."""

    events_seen: Annotated[int, Field(description="Events known before the moment.")]
    latest_event: Annotated[datetime | None, Field(description="When the latest of them happened.")]
    age_days: Annotated[int | None, Field(description="Whole days from the latest event to the moment.")]


class SetAside(BaseModel):
    """Rows that were not used, and why."""

    table: str
    reason: str
    rows: int


class Notice(BaseModel):
    """Rows that were used, or members that were ignored, although something about them is odd."""

    table: str
    says: str
    rows: int


class ModelOut(BaseModel):
    """Which model answered."""

    name: str
    version: str
    features: Annotated[str, Field(description="Version of the feature catalogue.")]
    segments_from: Annotated[str, Field(description="First day of the table of segments.")]
    rules: Annotated[str, Field(description="Version of all dated tables that hold at the moment, together.")]


class Answer(BaseModel):
    """An assessment: a suggestion, which a person accepts or not.

    With status `no_history` or `too_little_history` nothing is estimated: segment, probabilities, prediction set,
    visits, minutes, follow-ups and examination interval are null.
    """

    id: Annotated[str, Field(description="Names the assessment; random.")]
    status: Literal["assessed", "no_history", "too_little_history"]
    as_of: datetime
    segment: SegmentOut | None
    probabilities: Annotated[dict[str, float] | None, Field(description="Of each segment; they sum to 1.")]
    prediction_set: Annotated[
        list[str] | None,
        Field(description="Segments that cannot be ruled out, in rising order; null when the model gives no set."),
    ]
    visits: Annotated[Amount | None, Field(description="Expected visits of the episode.")]
    minutes: Annotated[Amount | None, Field(description="Expected chair minutes of the episode.")]
    first_appointment: Appointment
    follow_ups: Annotated[list[FollowUpOut] | None, Field(description="What to reserve after the first appointment.")]
    special_needs: Annotated[bool, Field(description="Whether care needs special arrangements, on record.")]
    pathway: PathwayOut
    examination_interval: Annotated[
        IntervalOut | None,
        Field(description="Null also for those whom the dated table does not speak of, as children."),
    ]
    reasons: list[ReasonOut]
    next_question: Annotated[
        NextQuestion | None, Field(description="Null when none is worth asking; nothing_to_ask then says why.")
    ] = None
    nothing_to_ask: NothingToAsk | None = None
    answers: Annotated[
        list[GivenAnswer], Field(description="The answers of the interview that it was made with, first to last.")
    ] = []
    follows: Annotated[
        str | None, Field(description="The assessment that this one updates with answers; that one is kept as it is.")
    ] = None
    history: HistoryOut
    set_aside: list[SetAside]
    notices: list[Notice]
    model: ModelOut
    says: Annotated[Words, Field(description="What this answer is and what to do with it.")]


class DecisionOut(BaseModel):
    """What a person decided on an assessment."""

    id: str
    decided_at: datetime
    outcome: Literal["accepted", "overridden"]
    suggested: Annotated[str | None, Field(description="The suggested segment; null without an estimate.")]
    decided: Annotated[str, Field(description="The segment decided on.")]
    reason_code: str | None
    holds: Annotated[bool, Field(description="Whether no later decision supersedes it.")]


class KeptAnswer(Answer):
    """An assessment as it was answered, with the decisions made on it, oldest first."""

    made_at: datetime
    decisions: list[DecisionOut]


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


class AnswerIn(Posted):
    """What the patient answered to one question."""

    question: Annotated[Text, Field(description="The name of the question, as in next_question.")]
    value: Annotated[
        Annotated[float, BeforeValidator(_number)] | None,
        Field(description="One of its choices or numbers; null when the patient would not or could not say."),
    ]


class AnswersIn(Posted):
    """Answers of the interview. One to a question answered before takes its place in the updated assessment."""

    answers: Annotated[list[AnswerIn], Field(min_length=1, max_length=MOST_ANSWERS)]


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


class Fault(BaseModel):
    """One thing that is wrong. No value of the request is ever repeated."""

    where: Annotated[str, Field(description="The member, as in history.visits[3].event_time; body for the whole.")]
    what: str


class BatchItem(BaseModel):
    """The answer to one question of a batch, or what is wrong with it."""

    position: Annotated[int, Field(description="The question's position in items, from 0.")]
    answer: Answer | None
    errors: list[Fault]


class BatchAnswer(BaseModel):
    """One item for every question, in their order."""

    items: list[BatchItem]


class ReasonCode(BaseModel):
    """A reason to override a suggestion."""

    code: str
    label: Words


class SegmentRow(SegmentOut):
    """A segment as its dated table says it."""

    visits_at_least: int
    suggest_above: Annotated[float, Field(description="Suggested when the probability of needing as much exceeds it.")]
    first_appointment: Appointment


class SegmentsOut(BaseModel):
    """The dated table of segments, in rising order of need."""

    valid_from: date
    source: str
    horizon_days: int
    segments: list[SegmentRow]
    without_history: Appointment


class ModelCard(ModelOut):
    """What runs here, and what it is not."""

    run_id: Annotated[str, Field(description="The training run that the model came from.")]
    estimator: str
    feature_names: list[str]
    professions: list[str]
    segments: SegmentsOut
    override_reasons: list[ReasonCode]
    says: Words


class Faults(BaseModel):
    """The body of every refusal."""

    errors: list[Fault]
