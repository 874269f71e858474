"""What the pages of one assessment are rendered from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from features.families import Label, Language
from models.interview import Item
from serving.advice import OverrideReason, override_reasons
from serving.desk import Desk
from serving.pages.words import LANES, PAGE, ago, listed
from serving.questions import Interviewer
from serving.storage.ledger import Kept
from serving.wire import Answer, Appointment, read_answer
from serving.words import SEGMENTS, source, word

OLD_DAYS = 365
"""A latest event as old as this is worth a question to the patient; a convention of the page."""
BAR = 100.0
"""The width of a whole bar, in units of its drawing."""


@dataclass(frozen=True)
class Share:
    """One segment of an answer: of how many patients in a hundred, how long its bar is, whether it is suggested."""

    name: str
    of_hundred: int
    bar: float
    is_suggested: bool


@dataclass(frozen=True)
class Option:
    """A segment that a person may decide on instead, with the first appointment that follows."""

    name: str
    minutes: int
    profession: str
    label: Label


@dataclass(frozen=True)
class Made:
    """A decision on the assessment."""

    id: str
    at: datetime
    outcome: str
    decided: str
    reason: Label | None
    first: Option | None


@dataclass(frozen=True)
class Shown:
    """One assessment as the pages show it, in one language.

    Attributes:
        kept: the assessment.
        answer: what it answered.
        decisions: made on it, oldest first; the last one holds.
        options: all segments of the table that holds, in rising order.
        language: of the page.
        suggest_above: the probability from which the suggested segment is suggested; None without one.
        told: questions of the interview with the answers given, those that are not known any more left out.
    """

    kept: Kept
    answer: Answer
    decisions: Sequence[Made]
    options: Mapping[str, Option]
    language: Language
    suggest_above: float | None
    told: Sequence[tuple[str, str]] = ()

    @classmethod
    def of(cls, desk: Desk, kept: Kept, decisions: Sequence[Mapping[str, Any]], language: Language) -> Shown:
        """Read an assessment and its decisions."""
        answer = read_answer(kept.answer)
        segments = desk.release.segments.segments
        options = {
            one.name: Option(one.name, one.first.minutes, one.first.profession, one.first.label) for one in segments
        }
        suggest = next((one.suggest_above for one in segments if one.name == kept.suggested), None)
        made = [_made(one, options) for one in decisions]
        told = list(_told(answer, desk.release.interview, language))
        return cls(kept, answer, made, options, language, suggest, told)

    @property
    def holding(self) -> Made | None:
        """The decision that holds."""
        return self.decisions[-1] if self.decisions else None

    @property
    def shares(self) -> list[Share]:
        """The probabilities, in rising order of need."""
        found = self.answer.probabilities or {}
        of_hundred = whole(found, self.kept.suggested)
        return [
            Share(name, of_hundred[name], round(BAR * value, 2), name == self.kept.suggested)
            for name, value in found.items()
        ]

    @property
    def is_cautious(self) -> bool:
        """Whether another segment than the suggested one is the most probable."""
        found = self.answer.probabilities or {}
        return self.kept.suggested != max(found, key=lambda name: found[name], default=self.kept.suggested)

    @property
    def possible(self) -> str | None:
        """The segments that cannot be ruled out, as a sentence lists them; None when only the suggested one is left."""
        members = self.answer.prediction_set or ()
        return (
            listed([word(SEGMENTS, name, self.language) for name in members], self.language)
            if len(members) > 1
            else None
        )

    @property
    def old(self) -> str | None:
        """How old the history is, when that is worth a question."""
        days = self.answer.history.age_days
        return ago(days, self.language) if days is not None and days >= OLD_DAYS else None

    @property
    def first(self) -> Appointment:
        """The first appointment to book."""
        return self.answer.first_appointment

    @property
    def others(self) -> list[Option]:
        """What may be decided instead of the suggestion."""
        return [option for name, option in self.options.items() if name != self.kept.suggested]

    @property
    def reasons(self) -> list[OverrideReason]:
        """Why one may decide otherwise; that there was no suggestion only where there was none, and then first."""
        known = list(override_reasons().values())
        if self.kept.suggested is None:
            return sorted(known, key=lambda one: one.code != "no-suggestion")
        return [one for one in known if one.code != "no-suggestion"]

    def source(self, table: str) -> str:
        """The name of a table or of a part of a record system."""
        return source(table, self.language)

    def lane(self, name: str) -> str:
        """The name of a lane of the timeline."""
        return LANES[name][self.language]


def whole(probabilities: Mapping[str, float], suggested: str | None) -> dict[str, int]:
    """Probabilities as whole numbers that make a hundred together.

    The suggested one is rounded by itself, as it is wherever it is told alone; the others, where they must, give way by
    the least.
    """
    found = {
        name: round(100 * value) if name == suggested else int(100 * value) for name, value in probabilities.items()
    }
    others = sorted(
        (name for name in found if name != suggested), key=lambda name: found[name] - 100 * probabilities[name]
    )
    for name in others[: max(100 - sum(found.values()), 0)]:
        found[name] += 1
    return found


def _told(answer: Answer, interviewer: Interviewer | None, language: Language) -> Iterator[tuple[str, str]]:
    """Questions and answers of the interview, in words."""
    items = {} if interviewer is None else interviewer.items
    for given in answer.answers:
        if given.question in items:
            item = items[given.question]
            yield item.text[language], _in_words(item, given.value, language)


def _in_words(item: Item, value: float | None, language: Language) -> str:
    if value is None:
        return PAGE["would_not_say"][language]
    if item.number is not None:
        return f"{value:g} {item.number.unit[language]}"
    return next((choice.label[language] for choice in item.choices if choice.value == value), f"{value:g}")


def _made(one: Mapping[str, Any], options: Mapping[str, Option]) -> Made:
    reason = override_reasons().get(one["reason_code"] or "")
    return Made(
        one["id"],
        one["decided_at"],
        one["outcome"],
        one["decided"],
        None if reason is None else reason.label,
        options.get(one["decided"]),
    )
