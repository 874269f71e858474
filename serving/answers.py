"""From the history of one person to the answer: checked, assessed, worded. Posted and stored ones go the same way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from models.assessment import Assessment, assess_person
from records.check_person import CheckedPerson, check_person
from records.clock import EPOCH_DAY, date_of, day, day_at
from records.person import Person
from serving import wording
from serving.advice import Advice, AdviceError, Patient, advice_on
from serving.questions import Conversation, Told, with_answers
from serving.wire import Answer, GivenAnswer, HistoryOut, NextQuestion, Notice, Status

if TYPE_CHECKING:
    from serving.release import Release


class Unusable(ValueError):  # noqa: N818 - it reads as what it says
    """The patient's own row cannot be used; `where` names the column, `what` says why, without the value."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where} {what}")
        self.where, self.what = where, what


@dataclass(frozen=True)
class Given:
    """An answer, and the usable history that it was made from."""

    answer: Answer
    person: Person


def answer(
    release: Release,
    given: Person,
    as_of: datetime,
    assessment_id: str,
    notices: tuple[Notice, ...] = (),
    *,
    told: Told | None = None,
    follows: str | None = None,
) -> Given:
    """Assess one person.

    Args:
        release: the model and what belongs to it.
        given: the history, unchecked.
        as_of: the moment, aware.
        assessment_id: the name of the assessment.
        notices: what the reader of the history has to say.
        told: answers of an interview.
        follows: the assessment that these answers update.

    Raises:
        Unusable: the patient's own row is set aside, the patient is born after the moment, or no table of advice holds
            at the moment.
    """
    checked = check_person(given, as_of)
    _refuse_patient(checked, as_of)
    advice = advice_at(release, as_of)
    talk = Conversation(release.interview, checked.person, as_of, told or {})
    heard = with_answers(checked.person, talk.told, as_of)
    matrix = None if talk.told else talk.features
    assessment = assess_person(release.model, release.catalogue, release.segments, heard, as_of, matrix=matrix)
    patient, seen = _patient(checked.person, assessment), _seen(release, talk)
    is_enough = _is_enough(advice, seen, talk)
    estimate = wording.estimated(assessment, advice, patient) if is_enough else None
    status: Status = "assessed" if estimate else "too_little_history" if seen.events_seen else "no_history"
    said = Answer(
        id=assessment_id,
        status=status,
        **(estimate or wording.not_estimated(release.segments.without_history, advice, patient)),
        **wording.common(assessment, checked, notices),
        **_asking(talk, assessment, is_enough=is_enough),
        answers=tuple(GivenAnswer(name, value) for name, value in talk.told.items()),
        follows=follows,
        history=seen,
        model=wording.model(release, advice),
        says=wording.says(status, is_told=bool(talk.told)),
    )
    return Given(said, checked.person)


def _is_enough(advice: Advice, seen: HistoryOut, talk: Conversation) -> bool:
    """Whether enough is on record for an estimate, or enough was answered in its place."""
    visits = len(talk.record["visits"])
    if seen.age_days is not None and advice.history.is_enough(visits, seen.age_days):
        return True
    return advice.history.is_enough_told(talk.answered())


def _asking(talk: Conversation, assessment: Assessment, *, is_enough: bool) -> dict[str, Any]:
    """What to ask next, or why nothing."""
    members = None
    if is_enough:
        members = len(assessment.prediction_set or assessment.probabilities or ())
    found = talk.next(members)
    return {"next_question" if isinstance(found, NextQuestion) else "nothing_to_ask": found}


def _refuse_patient(checked: CheckedPerson, as_of: datetime) -> None:
    if checked.fault is not None:
        column, _, what = checked.fault.partition(" ")
        raise Unusable(column, what)
    born = checked.person.row.get("birth_date")
    if born is not None and born.toordinal() - EPOCH_DAY > day(as_of):
        raise Unusable("birth_date", "is after the moment of the assessment")


def _seen(release: Release, talk: Conversation) -> HistoryOut:
    """What is on record; the answers of an interview make no old history young."""
    tables = [talk.record[name] for name in release.catalogue.sources if name != "patients"]
    # The events of a person are in the order of time.
    newest = max((rows.times[0][-1] for rows in tables if len(rows)), default=None)
    latest = None if newest is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=newest)
    age = None if latest is None else day(talk.as_of) - day(latest)
    return HistoryOut(events_seen=sum(map(len, tables)), latest_event=latest, age_days=age)


def advice_at(release: Release, at: datetime) -> Advice:
    """The tables of advice that hold at a moment, beside the segments of a release.

    Raises:
        Unusable: none holds that early.
    """
    try:
        return advice_on(date_of(day(at)), release.segments.valid_from)
    except AdviceError as error:
        raise Unusable("as_of", "is before the first day of the tables of advice") from error


def _patient(person: Person, assessment: Assessment) -> Patient:
    """What the tables of advice ask about the patient."""
    now = day(assessment.as_of)
    today = date_of(now)
    born = person.row.get("birth_date")
    age = None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    rows = person["findings"]
    # In the order of time, so that the last value of a kind stays.
    found = dict(zip(rows["kind"], zip(rows["value"], rows.times[0], strict=True), strict=True))
    latest = {kind: (value, now - day_at(happened)) for kind, (value, happened) in found.items()}
    return Patient(age, assessment.special_needs, latest)
