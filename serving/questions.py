"""What to ask a patient next, from the interview that a release brings; a release without one asks nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Self

import numpy as np

from features.dental import DENTAL
from features.evaluate import Matrix
from features.one import evaluate_person
from models.interview import Interview, Item, Stop, read_items, standing
from models.need import NeedModel
from models.segments import SegmentTable
from models.sites import site_of
from records.clock import day, days_of, microsecond
from records.person import OWN, Columns, Person
from serving import wording
from serving.wire import NextQuestion, NothingToAsk, Words

Told = Mapping[str, float | None]
"""Answers of one interview by question; None where somebody would not or could not say."""

NO_INTERVIEW = NothingToAsk(
    reason="no_interview",
    text=Words(
        fi="Käytössä oleva malli ei esitä kysymyksiä.",
        sv="Modellen som används ställer inga frågor.",
        en="The model in use asks no questions.",
    ),
)
SOURCE = "interview"
LAST = "\U0010ffff"
"""Begins the ids of answers just given: of two answers of one time the greater id holds, and no id is greater."""


@dataclass(frozen=True)
class Interviewer:
    """The interview of one release.

    Attributes:
        measured: asks as long as an answer matters.
        whole: asks in the same order whether an answer matters or not: of a patient of whom too little is known for
            an estimate there is nothing yet that an answer could change.
        by_site: whether the model has limits or levels of its own for some sites.
    """

    measured: Interview
    whole: Interview
    by_site: bool = False

    @classmethod
    def of(cls, model: NeedModel, segments: SegmentTable) -> Self | None:
        """The interview of a model; None when it brings no plan of one.

        Raises:
            InterviewError: the plan does not fit the model or the table of questions.
        """
        plan, uncertainty = model.interview, model.uncertainty
        if plan is None:
            return None
        parts: dict[str, Any] = {
            "items": read_items(),
            "catalogue": DENTAL,
            "at_least": model.at_least_alike,
            "table": segments,
        }
        sets = None if uncertainty is None else uncertainty.sets.sets
        everything = replace(plan, limits=replace(plan.limits, unsettled=-1.0, least_effect=0.0))
        return cls(Interview(plan, sets=sets, **parts), Interview(everything, **parts), model.by_site)

    @cached_property
    def items(self) -> Mapping[str, Item]:
        """The questions by name, in their order."""
        return {item.name: item for item in self.measured.items}


@dataclass(frozen=True)
class Conversation:
    """An interview with one patient, as far as it has come.

    Attributes:
        interviewer: who asks; None where nobody does.
        record: the patient's history, without the answers of this interview.
        as_of: the moment.
        told: the answers of this interview.
    """

    interviewer: Interviewer | None
    record: Person
    as_of: datetime
    told: Told

    @cached_property
    def features(self) -> Matrix:
        """The record's features, without the answers of this interview."""
        return evaluate_person(DENTAL, self.record, self.as_of)

    @cached_property
    def _known(self) -> Told:
        """Answers that need not be asked for: those on record that still hold, and in their place those just told."""
        if self.interviewer is None:
            return {}
        rows = self.record["answers"]
        ages = day(self.as_of) - days_of(rows.happened)
        recorded = zip(rows["question"], rows["value"], ages.tolist(), strict=True)
        return standing(self.interviewer.items, recorded, self.told)

    @cached_property
    def _site(self) -> str | None:
        """The patient's site, where the model has limits or levels of its own for some."""
        if self.interviewer is None or not self.interviewer.by_site:
            return None
        return site_of(self.record, microsecond(self.as_of))

    def answered(self) -> int:
        """How many questions are answered: just now, or on record by an answer that still holds."""
        return sum(value is not None for value in self._known.values())

    def next(self, members: int | None) -> NextQuestion | NothingToAsk:
        """What to ask next, or why to ask nothing.

        Args:
            members: how many segments cannot be ruled out; None where nothing can be estimated yet.
        """
        if self.interviewer is None:
            return NO_INTERVIEW
        if members == 1:
            return wording.stopped(Stop("one_segment"))
        interview = self.interviewer.whole if members is None else self.interviewer.measured
        found = interview.next(self.features.values[0], self._known, self._site)
        return wording.stopped(found) if isinstance(found, Stop) else wording.asked(found)


def with_answers(person: Person, told: Told, as_of: datetime) -> Person:
    """The usable history of one person with the answers of an interview in it, known right before the moment.

    The interview belongs to the moment, and models learn from its answers in this way; nothing else that happened
    since the moment is seen.
    """
    given = {name: value for name, value in told.items() if value is not None}
    if not given:
        return person
    record, ids = person["answers"], [f"{LAST}{name}" for name in given]
    fresh: dict[str, list[Any]] = {
        "event_id": ids,
        "source": [SOURCE] * len(ids),
        "question": [*given],
        "value": [*given.values()],
    }
    times = np.full(len(ids), microsecond(as_of) - 1)
    values = {name: [*record[name], *fresh.get(name, [None] * len(ids))] for name in OWN["answers"]}
    answers = Columns(values, np.append(record.happened, times), np.append(record.recorded, times))
    return Person(person.row, {**person.events, "answers": answers})
