"""The shortest interview: which question to ask next, and when none is worth asking.

Questions come in one fixed order, measured in training; greedy choice by expected information was measured to be no
better. What is personal is what is left out: a question that the record answers, a question whose plausible answers
hardly move this person's estimate, and everything after the booking is settled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from features.catalogue import Catalogue
from features.compiled import compiled
from features.families import LANGUAGES, Label, Language
from models.interview.columns import AnswerColumns, InterviewError
from models.interview.plan import Plan
from models.interview.questions import AnswerError, Choice, Item, Number
from models.segments import FirstAppointment, SegmentTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Sets = Callable[[Floats, Sequence[str] | None], Bools]
"""Such probabilities, with the site of each row, to prediction sets: whether each segment belongs, (n, segments)."""
Why = Literal["one_segment", "settled", "nothing_left"]

EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1 where their log-odds are taken."""

STOPS: Mapping[Why, Label] = {
    "one_segment": Label(
        "Arvio on yksiselitteinen: lisäkysymyksiä ei tarvita.",
        "Bedömningen är entydig: inga fler frågor behövs.",
        "The assessment is unambiguous: no further question is needed.",
    ),
    "settled": Label(
        "Mikään jäljellä oleva vastaus tuskin muuttaisi varattavaa aikaa tai arviota olennaisesti.",
        "Inget återstående svar skulle sannolikt ändra tiden som bokas eller bedömningen väsentligt.",
        "No answer left is likely to change what is booked, or the estimate by much.",
    ),
    "nothing_left": Label(
        "Kaikki kysymykset on kysytty tai ne selviävät potilaskertomuksesta.",
        "Alla frågor är ställda eller framgår av journalen.",
        "All questions have been asked or are answered by the record.",
    ),
}
DECIDES = Label(
    "Vastaus ratkaisee, mitä varataan: {options}.",
    "Svaret avgör vad som bokas: {options}.",
    "The answer decides what is booked: {options}.",
)
NARROWS = Label(
    "Vastaus tarkentaa arviota ja voi muiden vastausten kanssa muuttaa varattavaa aikaa.",
    "Svaret preciserar bedömningen och kan tillsammans med andra svar ändra tiden som bokas.",
    "The answer sharpens the assessment and can, with other answers, change what is booked.",
)
OR = Label("tai", "eller", "or")


class AtLeast(Protocol):
    """A model's calibrated probabilities of rows that are one row but for some columns (`NeedModel.at_least_alike`)."""

    def __call__(self, row: Floats, columns: Ints, values: Floats, site: str | None, /) -> Floats:
        """The probability of needing at least each segment but the first, shape (n, segments - 1).

        Args:
            row: shape (features,).
            columns: positions of the columns that differ.
            values: what stands there, shape (n, columns).
            site: of the patient; None for the curve that all sites share.
        """


def of_rows(at_least: Callable[[Floats], Floats]) -> AtLeast:
    """The same from a model that knows whole rows only, and no sites."""

    def asked(row: Floats, columns: Ints, values: Floats, site: str | None, /) -> Floats:
        del site
        rows = np.repeat(row[None], len(values), axis=0)
        rows[:, columns] = values
        return at_least(rows)

    return asked


@dataclass(frozen=True)
class Stop:
    """Nothing more is worth asking.

    Attributes:
        reason: `one_segment`: the prediction set holds one segment; `settled`: no answer left would change what is
            booked or move the estimate much; `nothing_left`: every question is asked or answered by the record.
    """

    reason: Why

    @property
    def text(self) -> Label:
        """The reason in words."""
        return STOPS[self.reason]


@dataclass(frozen=True)
class Question:
    """The question to ask next.

    Attributes:
        name: stable name, as in the table `answers` of a record history.
        text: the question in words.
        choices: the answers allowed; none when the answer is a number.
        number: the numbers allowed; None when there are choices.
        why: what an answer tells, and what it would settle for this person.
        settles: the segment that would be suggested after each answer, by the answer's value; for a number, after
            some that stand for all.
    """

    name: str
    text: Label
    choices: tuple[Choice, ...]
    number: Number | None
    why: Label
    settles: Mapping[float, str]


class Interview:
    """Interviews with one model, one table of segments and one table of questions. Keeps nothing between calls.

    Args:
        plan: what training settled.
        items: the table of questions.
        catalogue: what the columns of a row mean.
        at_least: the model's calibrated probabilities.
        table: the segments and what each books.
        sets: prediction sets of these probabilities; without them an interview never stops for `one_segment`.

    Raises:
        InterviewError: the parts do not fit each other.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        items: Sequence[Item],
        catalogue: Catalogue,
        at_least: AtLeast,
        table: SegmentTable,
        sets: Sets | None = None,
    ) -> None:
        if plan.catalogue != catalogue.version:
            raise InterviewError(f"the plan reads features {plan.catalogue}, the catalogue is {catalogue.version}")
        by_name = {item.name: item for item in items}
        unknown = [name for name in plan.order if name not in by_name]
        if unknown:
            raise InterviewError(f"the plan asks {unknown[0]!r}, which is no question of the table")
        self.plan, self.table, self.sets = plan, table, sets
        self.items = tuple(by_name[name] for name in plan.order)
        self.at_least = at_least
        self.columns = AnswerColumns.of(catalogue, plan.order)
        self.record = Record.of(self.items, self.columns, catalogue)
        levels = plan.likely.levels
        self.levels = np.array([level for each in levels for level in each], np.float64)
        self.owner = np.repeat(np.arange(len(levels)), [len(each) for each in levels])
        self._places = {item.name: at for at, item in enumerate(self.items)}
        self._why = cache(lambda at, suggested: _why(self.items[at], table, suggested))

    def next(self, row: Floats, answers: Mapping[str, float | None], site: str | None = None) -> Question | Stop:
        """The next question, or why to stop.

        Args:
            row: the patient's features as of the moment, shape (features,), without the answers of this interview.
            answers: the answers of this interview by question; None where somebody would not or could not say.
            site: of the patient, for models that are calibrated by it.

        Raises:
            AnswerError: an answer to a question that there is not, or one that its question does not allow.
        """
        given = self._given(answers)
        asked = np.array([item.name in answers for item in self.items])
        left = np.flatnonzero(~asked & ~self.record.answers(row))
        if not len(left):
            return Stop("nothing_left")
        outlook = _Outlook.of(self, row, given, left, site)
        if self.sets is not None and self.sets(outlook.now, None if site is None else [site])[0].sum() == 1:
            return Stop("one_segment")
        at = self._worth(outlook)
        return Stop("settled") if at is None else self._question(int(left[at]), outlook)

    def _worth(self, outlook: _Outlook) -> int | None:
        """Position among the questions left of the first that is worth asking."""
        effects, limits = outlook.effects(), self.plan.limits
        at, at_once_settled = (_first(effects >= limit) for limit in (limits.least_effect, limits.large_effect))
        # Whether the booking is settled costs more to find out than all else, and often makes no difference.
        if at != at_once_settled and outlook.unsettled() <= limits.unsettled:
            return at_once_settled
        return at

    def answered(self, row: Floats, answers: Mapping[str, float | None]) -> Floats:
        """The row with the answers of this interview in it: what the model reads for the updated assessment."""
        return np.asarray(self.columns.written(row[None], self._given(answers)[None])[0])

    def after(self, row: Floats, answers: Floats, site: str | None) -> Floats:
        """Probabilities of needing at least each segment but the first, after each of some sets of answers.

        Args:
            row: as for `next`.
            answers: shape (n, questions); NaN leaves what the record says.
            site: as for `next`.

        Returns:
            Shape (n, thresholds).
        """
        return self.at_least(row, self.columns.columns, self.columns.values(row, answers), site)

    def _given(self, answers: Mapping[str, float | None]) -> Floats:
        places = self._places
        given = np.full(len(self.items), np.nan)
        for name, value in answers.items():
            if name not in places:
                raise AnswerError(f"there is no question {name!r}")
            if value is not None:
                self.items[places[name]].check(value)
                given[places[name]] = value
        return given

    def _question(self, at: int, outlook: _Outlook) -> Question:
        item, suggested = self.items[at], outlook.suggested(at)
        names = self.table.names
        settles = {value: names[k] for value, k in zip(self.plan.likely.levels[at], suggested, strict=True)}
        why = self._why(at, tuple(sorted({*suggested})))
        return Question(item.name, item.text, item.choices, item.number, why, settles)


@dataclass(frozen=True)
class Record:
    """What the record of a person already answers.

    Attributes:
        columns: the column of each question's recorded answer; -1 where it does not hold long enough.
        limits: for each question, columns with their lowest and highest value that together answer it.
        age: the column of age, or None.
        from_age: whole years from which each question is asked.
    """

    columns: Ints
    limits: tuple[tuple[tuple[int, float, float], ...], ...]
    age: int | None
    from_age: Floats

    @classmethod
    def of(cls, items: Sequence[Item], columns: AnswerColumns, catalogue: Catalogue) -> Record:
        """Find the columns.

        Raises:
            InterviewError: an item is said to be answered by a feature that the catalogue lacks.
        """
        place = {name: at for at, name in enumerate(catalogue.names)}
        lacking = [name for item in items for name in item.recorded if name not in place]
        if lacking:
            raise InterviewError(f"a question is said to be answered by {lacking[0]!r}, which is no feature")
        held = [
            latest[0] if days <= item.holds else -1
            for item, latest, days in zip(items, columns.latest, columns.days, strict=True)
        ]
        limits = tuple(tuple((place[name], *span) for name, span in item.recorded.items()) for item in items)
        ages = [at for at, feature in enumerate(catalogue) if feature.family.aggregate == "age"]
        from_age = np.array([item.from_age for item in items], np.float64)
        return cls(np.array(held), limits, ages[0] if ages else None, from_age)

    def held(self, row: Floats) -> Floats:
        """The answers on record that still stand; NaN where there is none."""
        return np.where(self.columns >= 0, row[self.columns], np.nan)

    def answers(self, row: Floats) -> Bools:
        """Whether each question need not be asked: answered on record, or not for somebody of this age."""
        held = ~np.isnan(self.held(row))
        told = [bool(spans) and all(low <= float(row[at]) <= high for at, low, high in spans) for spans in self.limits]
        age = np.nan if self.age is None else row[self.age]
        return np.asarray(held | np.array(told) | (age < self.from_age))


@dataclass(frozen=True)
class _Outlook:
    """What the answers left could do to one person's assessment.

    Attributes:
        interview: the interview.
        row: the features, shape (features,).
        given: the answers so far, shape (questions,), NaN where there is none.
        left: the questions left.
        site: of the patient.
        weights: of the classes of people, shape (classes,).
        levels: the levels of the answers left, one question after the other, among those of all questions.
        found: probabilities as things stand, and after each of these levels, shape (1 + levels, thresholds).
    """

    interview: Interview
    row: Floats
    given: Floats
    left: Ints
    site: str | None
    weights: Floats
    levels: Ints
    found: Floats

    @classmethod
    def of(cls, interview: Interview, row: Floats, given: Floats, left: Ints, site: str | None) -> _Outlook:
        """Ask the model about each answer alone: rows that differ in the columns of the answers only."""
        columns = interview.columns.columns
        # Where people stand among others was learnt from the curve that all sites share.
        blank = interview.at_least(row, columns, row[None, columns], None)
        known = np.where(np.isnan(given), interview.record.held(row), given)
        weights = interview.plan.likely.weights(known, anchors(blank, row[None], interview.record.age)[0])
        is_left = np.zeros(len(given), np.bool_)
        is_left[left] = True
        levels = np.flatnonzero(is_left[interview.owner])
        answers = np.repeat(given[None], 1 + len(levels), axis=0)
        answers[np.arange(1, 1 + len(levels)), interview.owner[levels]] = interview.levels[levels]
        return cls(interview, row, given, left, site, weights, levels, interview.after(row, answers, site))

    @property
    def now(self) -> Floats:
        """Probabilities as things stand, shape (1, thresholds)."""
        return self.found[:1]

    @property
    def single(self) -> Floats:
        """Probabilities after each level of each answer left, shape (levels, thresholds)."""
        return self.found[1:]

    @property
    def owner(self) -> Ints:
        """The question of each level, rising, shape (levels,)."""
        return self.interview.owner[self.levels]

    def unsettled(self) -> float:
        """Share of the plausible sets of answers after which something else would be booked."""
        interview, plan = self.interview, self.interview.plan
        drawn = plan.likely.complete(self.given, self.weights, self.left, plan.limits.drawn)
        complete = interview.after(self.row, drawn, self.site)
        return float((interview.table.suggest(complete) != interview.table.suggest(self.now)[0]).mean())

    def effects(self) -> Floats:
        """By how much each answer left moves the log-odds: standard deviation, summed over the thresholds."""
        found, chance = np.zeros(len(self.left)), self.interview.plan.likely.chances_of(self.weights)[self.levels]
        _spread(np.ascontiguousarray(_log_odds(self.single)), chance, self.owner, found)
        return found

    def suggested(self, at: int) -> Sequence[int]:
        """Position of the segment suggested after each level of a question's answer."""
        found: list[int] = self.interview.table.suggest(self.single[self.owner == at]).tolist()
        return found


@compiled("void(f8[:, ::1], f8[::1], i8[::1], f8[::1])")
def _spread(after: Floats, chance: Floats, owner: Ints, found: Floats) -> None:
    """Add to `found` each question's standard deviations over its levels, threshold by threshold."""
    first = 0
    for at in range(len(found)):
        last = first
        while last < len(owner) and owner[last] == owner[first]:
            last += 1
        for k in range(after.shape[1]):
            centre, spread = 0.0, 0.0
            for level in range(first, last):
                centre += chance[level] * after[level, k]
            for level in range(first, last):
                spread += chance[level] * (after[level, k] - centre) ** 2
            found[at] += np.sqrt(spread)
        first = last


def _first(of: Bools) -> int | None:
    """Position of the first that is true."""
    at = int(of.argmax())
    return at if of[at] else None


def anchors(at_least: Floats, x: Floats, age: int | None) -> Floats:
    """What places a person among others before any answer: the log-odds so far, and age.

    Args:
        at_least: probabilities without the answers of the interview, shape (n, thresholds).
        x: feature values, shape (n, features).
        age: the column of age, or None.
    """
    years = np.full(len(x), np.nan) if age is None else x[:, age]
    return np.column_stack([_log_odds(at_least), years])


def _log_odds(probability: Floats) -> Floats:
    return np.asarray(logit(np.clip(probability, EDGE, 1 - EDGE)))


def _why(item: Item, table: SegmentTable, suggested: Sequence[int]) -> Label:
    """What the answer tells, and which appointments it decides between: those of the suggested segments."""
    firsts = [table.segments[k].first for k in suggested]
    texts = {language: f"{item.why[language]} {_settling(firsts, language)}" for language in LANGUAGES}
    return Label(**texts)


def _settling(firsts: Sequence[FirstAppointment], language: Language) -> str:
    if len(firsts) == 1:
        return NARROWS[language]
    named = [f"{first.label[language]} ({first.minutes} min)" for first in firsts]
    options = f"{', '.join(named[:-1])} {OR[language]} {named[-1]}"
    return DECIDES[language].format(options=options)
