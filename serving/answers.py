"""From the history of one person to the answer: checked, assessed, worded. Posted and stored ones go the same way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from models.assessment import Assessment, Expected, Interval, assess
from records.check_person import CheckedPerson, check_person
from records.clock import day, helsinki_days
from records.person import Person
from serving.advice import Advice, AdviceError, Patient, advice_on, override_reasons
from serving.questions import Conversation, Told, with_answers
from serving.wire import (
    Amount,
    Answer,
    Appointment,
    FollowUpOut,
    GivenAnswer,
    HistoryOut,
    IntervalOut,
    ModelCard,
    ModelOut,
    NextQuestion,
    Notice,
    PathwayOut,
    ReasonCode,
    ReasonOut,
    SegmentOut,
    SegmentRow,
    SegmentsOut,
    SetAside,
    Span,
    WayOut,
    Words,
)

if TYPE_CHECKING:
    from features.families import Label
    from models.reasons import Reason
    from models.segments import FirstAppointment, Segment
    from serving.release import Release

EPOCH = date(1970, 1, 1).toordinal()

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
SAYS = {"no_history": NO_HISTORY, "too_little_history": TOO_LITTLE}
CARD = Words(
    fi="Malli ehdottaa hoidon tarvetta ja ensimmäistä aikaa hoidon varaamista varten. "
    "Se ei tee diagnoosia eikä korvaa ammattihenkilön arviota.",
    sv="Modellen föreslår vårdbehov och första tid för bokning av vård. "
    "Den ställer ingen diagnos och ersätter inte en yrkespersons bedömning.",
    en="The model suggests the need for care and a first appointment, for the booking of care. "
    "It makes no diagnosis and does not replace a professional's judgement.",
)


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
    advice = _advice(release, as_of)
    talk = Conversation(release.interview, checked.person, as_of, told or {})
    heard = with_answers(checked.person, talk.told, as_of)
    matrix = None if talk.told else talk.features
    assessment = assess(release.model, release.catalogue, release.segments, heard.history, as_of, matrix=matrix)
    patient, seen = _patient(checked.person, assessment), _seen(release, talk)
    common = _common(assessment, checked, notices) | {
        "id": assessment_id, "history": seen, "model": _model(release, advice), "follows": follows,
        "answers": [GivenAnswer(question=name, value=value) for name, value in talk.told.items()],
    }  # fmt: skip
    segment, visits, minutes = assessment.segment, assessment.visits, assessment.minutes
    is_enough = _is_enough(advice, seen, talk)
    common |= _asking(talk, assessment, is_enough=is_enough)
    if not is_enough or segment is None or visits is None or minutes is None:
        status = "too_little_history" if seen.events_seen else "no_history"
        return Given(_without_estimate(release, status, advice, patient, common), checked.person)
    estimated = {
        "segment": _segment(segment),
        "visits": _amount(visits, assessment.visits_interval),
        "minutes": _amount(minutes, assessment.minutes_interval),
        "follow_ups": _follow_ups(advice, visits, minutes, assessment),
        "pathway": _pathway(advice, segment.name, patient),
        "examination_interval": _interval(advice, segment.name, patient),
    }
    return Given(_estimate(assessment, common | estimated), checked.person)


def _follow_ups(advice: Advice, visits: Expected, minutes: Expected, assessment: Assessment) -> list[FollowUpOut]:
    first = assessment.first_appointment.profession
    found = advice.pathways.follow_ups(visits.by_profession, minutes.by_profession, first)
    return [FollowUpOut(**asdict(one)) for one in found]


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


def _common(assessment: Assessment, checked: CheckedPerson, notices: tuple[Notice, ...]) -> dict[str, Any]:
    """What every answer says, with an estimate or without."""
    aside = [SetAside(table=table, reason=reason, rows=rows)
             for (table, reason), rows in sorted(checked.set_aside.items())]  # fmt: skip
    odd = [Notice(table=table, says=says, rows=rows) for (table, says), rows in sorted(checked.notices.items())]
    return {
        "as_of": assessment.as_of,
        "special_needs": assessment.special_needs,
        "set_aside": aside,
        "notices": [*notices, *odd],
    }


def _estimate(assessment: Assessment, said: dict[str, Any]) -> Answer:
    members = assessment.prediction_set
    return Answer(
        **said,
        status="assessed",
        probabilities=dict(assessment.probabilities or {}),
        prediction_set=None if members is None else [segment.name for segment in members],
        first_appointment=_appointment(assessment.first_appointment),
        reasons=[_reason(reason) for reason in assessment.reasons],
        says=ASSESSED_WITH_ANSWERS if said["answers"] else ASSESSED,
    )


def _without_estimate(
    release: Release, status: Any, advice: Advice, patient: Patient, common: dict[str, Any]
) -> Answer:
    """What is said about a patient of whom too little is known: never "light", and the appointment for the unknown."""
    return Answer(
        **common,
        status=status,
        segment=None,
        probabilities=None,
        prediction_set=None,
        visits=None,
        minutes=None,
        first_appointment=_appointment(release.segments.without_history),
        follow_ups=None,
        pathway=_pathway(advice, None, patient),
        examination_interval=None,
        reasons=[],
        says=SAYS[status],
    )


def card(release: Release, at: datetime) -> ModelCard:
    """What runs here, with the tables that hold at a moment."""
    table = release.segments
    return ModelCard(
        **_model(release, _advice(release, at)).model_dump(),
        run_id=release.run_id,
        estimator=release.model.estimator.kind,
        feature_names=list(release.catalogue.names),
        professions=list(release.model.need.professions),
        segments=SegmentsOut(
            valid_from=table.valid_from,
            source=table.source,
            horizon_days=table.horizon_days,
            segments=[
                SegmentRow(
                    name=one.name,
                    label=_words(one.label),
                    visits_at_least=one.visits_at_least,
                    suggest_above=one.suggest_above,
                    first_appointment=_appointment(one.first),
                )
                for one in table.segments
            ],
            without_history=_appointment(table.without_history),
        ),
        override_reasons=[ReasonCode(code=one.code, label=_words(one.label)) for one in override_reasons().values()],
        says=CARD,
    )


def _refuse_patient(checked: CheckedPerson, as_of: datetime) -> None:
    if checked.fault is not None:
        column, _, what = checked.fault.partition(" ")
        raise Unusable(column, what)
    born = checked.person.row.get("birth_date")
    if born is not None and born.toordinal() - EPOCH > day(as_of):
        raise Unusable("birth_date", "is after the moment of the assessment")


def _date(days_since: int) -> date:
    """The date of a day since 1970; where the calendar ends a day earlier than in Helsinki, its last."""
    return date.fromordinal(min(max(EPOCH + days_since, 1), date.max.toordinal()))


def _seen(release: Release, talk: Conversation) -> HistoryOut:
    """What is on record; the answers of an interview make no old history young."""
    tables = [talk.record[name] for name in release.catalogue.sources if name != "patients"]
    # The events of a person are in the order of time.
    newest = max((int(rows.happened[-1]) for rows in tables if len(rows)), default=None)
    latest = None if newest is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=newest)
    age = None if latest is None else day(talk.as_of) - day(latest)
    return HistoryOut(events_seen=sum(map(len, tables)), latest_event=latest, age_days=age)


def _advice(release: Release, at: datetime) -> Advice:
    try:
        return advice_on(_date(day(at)), release.segments.valid_from)
    except AdviceError as error:
        raise Unusable("as_of", "is before the first day of the tables of advice") from error


def _patient(person: Person, assessment: Assessment) -> Patient:
    """What the tables of advice ask about the patient."""
    now = day(assessment.as_of)
    today = _date(now)
    born = person.row.get("birth_date")
    age = None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    rows = person["findings"]
    # In the order of time, so that the last value of a kind stays.
    found = zip(rows["kind"], rows["value"], helsinki_days(rows.happened).tolist(), strict=True)
    return Patient(age, assessment.special_needs, {kind: (value, now - happened) for kind, value, happened in found})


def _pathway(advice: Advice, segment: str | None, patient: Patient) -> PathwayOut:
    pathway = advice.pathways.pathway(segment)
    return PathwayOut(
        name=pathway.name,
        label=_words(pathway.label),
        ways=[WayOut(name=way.name, label=_words(way.label)) for way in pathway.open_to(patient)],
        source=advice.pathways.source,
    )


def _interval(advice: Advice, segment: str, patient: Patient) -> IntervalOut | None:
    found = advice.recall.interval(segment, patient)
    if found is None:
        return None
    return IntervalOut(months=list(found.months), label=_words(found.label), source=found.source)


def _model(release: Release, advice: Advice) -> ModelOut:
    return ModelOut(
        name=release.name,
        version=release.version,
        features=release.catalogue.version,
        segments_from=release.segments.valid_from.isoformat(),
        rules=advice.version,
    )


def _words(label: Label) -> Words:
    return Words(fi=label.fi, sv=label.sv, en=label.en)


def _segment(segment: Segment) -> SegmentOut:
    return SegmentOut(name=segment.name, label=_words(segment.label))


def _amount(expected: Expected, interval: Interval | None) -> Amount:
    """An amount with its interval, which not every model gives."""
    span = None if interval is None else Span(low=interval.low, high=interval.high, level=interval.confidence)
    return Amount(total=expected.total, by_profession=dict(expected.by_profession), interval=span)


def _appointment(first: FirstAppointment) -> Appointment:
    return Appointment(kind=first.kind, profession=first.profession, minutes=first.minutes, label=_words(first.label))


def _reason(reason: Reason) -> ReasonOut:
    return ReasonOut(
        group=reason.group,
        direction="raises" if reason.weight > 0 else "lowers",
        weight=reason.weight,
        modifiable=reason.modifiable,
        feature=reason.feature,
        text=_words(reason.text),
    )
