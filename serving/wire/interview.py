"""The questions of an interview as they are asked, and the answers to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from serving.wire.posted import MOST_ANSWERS, Posted, Text, _number
from serving.wire.words import Words


@dataclass(frozen=True)
class NothingToAsk:
    """Why no question is worth asking."""

    reason: Annotated[
        Literal["one_segment", "settled", "nothing_left", "no_interview"],
        Field(
            description="The set holds one segment; no answer left would change what is booked or the estimate by "
            "much; everything is asked or on record; the model asks nothing."
        ),
    ]
    text: Words


@dataclass(frozen=True)
class GivenAnswer:
    """One answer of the interview; value null where the patient would not or could not say."""

    question: str
    value: float | None


@dataclass(frozen=True)
class AnswerChoice:
    """One answer allowed."""

    value: float
    label: Words


@dataclass(frozen=True)
class AnswerNumber:
    """Numbers allowed as an answer, both ends among them."""

    least: float
    most: float
    step: float
    unit: Words


@dataclass(frozen=True)
class Settled:
    """The segment that would be suggested after an answer."""

    value: float
    segment: str


@dataclass(frozen=True)
class NextQuestion:
    """The question to the patient whose answer would tell most."""

    name: str
    text: Words
    why: Annotated[Words, Field(description="What an answer tells, and what it decides between.")]
    choices: Annotated[tuple[AnswerChoice, ...], Field(description="Empty when the answer is a number.")]
    number: AnswerNumber | None
    settles: Annotated[tuple[Settled, ...], Field(description="For a number, after some that stand for all.")]


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
