"""What is found about a patient, as it is said over the wire: an assessment, its advice, its questions.

What the dated tables and the questions say repeats from answer to answer and never changes: it is worded once, and
the same frozen objects stand in every answer.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from models.assessment import Assessment, Expected, Interval
from records.check_person import CheckedPerson
from serving.advice import Advice, Patient, Way
from serving.advice import Interval as RecallInterval
from serving.wire import (
    Amount,
    AnswerChoice,
    AnswerNumber,
    Appointment,
    FollowUpOut,
    IntervalOut,
    ModelOut,
    NextQuestion,
    NothingToAsk,
    Notice,
    PathwayOut,
    ReasonOut,
    SegmentOut,
    SetAside,
    Settled,
    Span,
    Status,
    WayOut,
    Words,
)

if TYPE_CHECKING:
    from features.families import Label
    from models.interview import Choice, Number, Question, Stop
    from models.reasons import Reason
    from models.segments import FirstAppointment, Segment
    from serving.release import Release

ASSESSED = Words(
    fi="Tämä on kirjattuihin tietoihin perustuva ehdotus. Ihminen päättää.",
    sv="Detta är ett förslag som bygger på registrerade uppgifter. En människa beslutar.",
    en="This is a suggestion made from what is recorded. A person decides.",
)
ASSESSED_WITH_ANSWERS = Words(
    fi="Tämä on kirjattuihin tietoihin ja potilaan vastauksiin perustuva ehdotus. Ihminen päättää.",
    sv="Detta är ett förslag som bygger på registrerade uppgifter och på patientens svar. En människa beslutar.",
    en="This is a suggestion made from what is recorded and what the patient answered. A person decides.",
)
NO_HISTORY = Words(
    fi="Potilaasta ei ole käytettävissä kirjattuja tietoja ennen tätä hetkeä, joten hoidon tarvetta ei arvioida. "
    "Kysy hoidon tarve haastattelussa.",
    sv="Det finns inga användbara uppgifter om patienten före denna tidpunkt, så vårdbehovet uppskattas inte. "
    "Fråga om vårdbehovet i intervjun.",
    en="Nothing that can be used is recorded about the patient before this moment, so the need is not estimated. "
    "Ask about the need in the interview.",
)
TOO_LITTLE = Words(
    fi="Potilaasta on kirjattu liian vähän tai liian vanhaa tietoa, joten hoidon tarvetta ei arvioida. "
    "Kysy hoidon tarve haastattelussa.",
    sv="För lite eller för gammal information är registrerad om patienten, så vårdbehovet uppskattas inte. "
    "Fråga om vårdbehovet i intervjun.",
    en="Too little is recorded about the patient, or it is too old, so the need is not estimated. "
    "Ask about the need in the interview.",
)
KNOWN = 1024
"""Entries of tables whose words are remembered, of each kind; all tables together hold far fewer."""


@lru_cache(maxsize=KNOWN)
def words(label: Label) -> Words:
    """A text of a table."""
    return _text(label)


def _text(label: Label) -> Words:
    """A text that was made for one patient."""
    return Words(label.fi, label.sv, label.en)


def says(status: Status, *, is_told: bool) -> Words:
    """What an answer is and what to do with it; `is_told` where a patient answered questions."""
    if status == "assessed":
        return ASSESSED_WITH_ANSWERS if is_told else ASSESSED
    return TOO_LITTLE if status == "too_little_history" else NO_HISTORY


def model(release: Release, advice: Advice) -> ModelOut:
    """Which model answers, by which tables."""
    segments_from = release.segments.valid_from
    return _model(release.name, release.version, release.catalogue.version, segments_from, advice.version)


@lru_cache(maxsize=KNOWN)
def _model(name: str, version: str, features: str, segments_from: date, rules: str) -> ModelOut:
    return ModelOut(name, version, features, segments_from.isoformat(), rules)


def common(assessment: Assessment, checked: CheckedPerson, notices: tuple[Notice, ...]) -> dict[str, Any]:
    """The members that every answer has of an assessment, with an estimate or without."""
    aside = [SetAside(table, reason, rows) for (table, reason), rows in sorted(checked.set_aside.items())]
    odd = [Notice(table, says, rows) for (table, says), rows in sorted(checked.notices.items())]
    return {
        "as_of": assessment.as_of,
        "special_needs": assessment.special_needs,
        "set_aside": tuple(aside),
        "notices": (*notices, *odd),
    }


def estimated(assessment: Assessment, advice: Advice, patient: Patient) -> dict[str, Any] | None:
    """The members of an answer with an estimate, but those that every answer has; None where nothing was estimated."""
    segment, visits, minutes = assessment.segment, assessment.visits, assessment.minutes
    if segment is None or visits is None or minutes is None:
        return None
    members, first = assessment.prediction_set, assessment.first_appointment
    return {
        "segment": _segment(segment),
        "probabilities": dict(assessment.probabilities or {}),
        "prediction_set": None if members is None else tuple(member.name for member in members),
        "visits": _amount(visits, assessment.visits_interval),
        "minutes": _amount(minutes, assessment.minutes_interval),
        "first_appointment": appointment(first),
        "follow_ups": _follow_ups(advice, visits, minutes, first.profession),
        "pathway": _pathway(advice, segment.name, patient),
        "examination_interval": _recall(advice, segment.name, patient),
        "reasons": tuple(map(_reason, assessment.reasons)),
    }


def not_estimated(first: FirstAppointment, advice: Advice, patient: Patient) -> dict[str, Any]:
    """The members of an answer without: never "light", and the appointment for those of whom too little is known."""
    return {
        **dict.fromkeys(("segment", "probabilities", "prediction_set", "visits", "minutes", "follow_ups")),
        "first_appointment": appointment(first),
        "pathway": _pathway(advice, None, patient),
        "examination_interval": None,
        "reasons": (),
    }


def stopped(stop: Stop) -> NothingToAsk:
    """Why an interview ends."""
    return NothingToAsk(stop.reason, words(stop.text))


def asked(question: Question) -> NextQuestion:
    """A question of an interview."""
    return NextQuestion(
        name=question.name,
        text=words(question.text),
        why=_text(question.why),
        choices=_choices(question.choices),
        number=None if question.number is None else _number(question.number),
        settles=tuple(Settled(float(value), segment) for value, segment in question.settles.items()),
    )


@lru_cache(maxsize=KNOWN)
def _choices(choices: tuple[Choice, ...]) -> tuple[AnswerChoice, ...]:
    return tuple(AnswerChoice(choice.value, words(choice.label)) for choice in choices)


@lru_cache(maxsize=KNOWN)
def _number(number: Number) -> AnswerNumber:
    # A table of questions may spell a limit as a whole number; over the wire all of them are decimals.
    return AnswerNumber(float(number.least), float(number.most), float(number.step), words(number.unit))


@lru_cache(maxsize=KNOWN)
def appointment(first: FirstAppointment) -> Appointment:
    """What to book first."""
    return Appointment(first.kind, first.profession, first.minutes, words(first.label))


@lru_cache(maxsize=KNOWN)
def _segment(segment: Segment) -> SegmentOut:
    return SegmentOut(segment.name, words(segment.label))


def _amount(expected: Expected, interval: Interval | None) -> Amount:
    """An amount with its interval, which not every model gives."""
    span = None if interval is None else Span(interval.low, interval.high, interval.confidence)
    return Amount(expected.total, dict(expected.by_profession), span)


def _follow_ups(advice: Advice, visits: Expected, minutes: Expected, first: str) -> tuple[FollowUpOut, ...]:
    found = advice.pathways.follow_ups(visits.by_profession, minutes.by_profession, first)
    return tuple(FollowUpOut(one.profession, one.count, one.minutes, one.visits) for one in found)


def _pathway(advice: Advice, segment: str | None, patient: Patient) -> PathwayOut:
    pathway = advice.pathways.pathway(segment)
    ways = tuple(map(_way, pathway.open_to(patient)))
    return PathwayOut(pathway.name, words(pathway.label), ways, advice.pathways.source)


@lru_cache(maxsize=KNOWN)
def _way(way: Way) -> WayOut:
    return WayOut(way.name, words(way.label))


def _recall(advice: Advice, segment: str, patient: Patient) -> IntervalOut | None:
    interval = advice.recall.interval(segment, patient)
    return None if interval is None else _interval(interval)


@lru_cache(maxsize=KNOWN)
def _interval(interval: RecallInterval) -> IntervalOut:
    return IntervalOut(interval.months, words(interval.label), interval.source)


def _reason(reason: Reason) -> ReasonOut:
    direction: Any = "raises" if reason.weight > 0 else "lowers"
    return ReasonOut(reason.group, direction, reason.weight, reason.modifiable, reason.feature, _text(reason.text))
