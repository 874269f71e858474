"""From the tables of one patient to the answer: checked, assessed, worded. Posted and stored tables go the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from models.assessment import Assessment, Expected, assess
from records.check import Checked, check
from records.clock import days
from records.schema import INSTANT
from serving.wire import (
    Amount,
    Answer,
    Appointment,
    HistoryOut,
    ModelCard,
    ModelOut,
    Notice,
    ReasonOut,
    SegmentOut,
    SegmentRow,
    SegmentsOut,
    SetAside,
    Words,
)

if TYPE_CHECKING:
    from features.families import Label
    from models.reasons import Reason
    from models.segments import FirstAppointment, Segment
    from serving.release import Release

ASSESSED = Words(
    fi="Tämä on kirjattuihin tietoihin perustuva ehdotus. Ihminen päättää.",
    sv="Detta är ett förslag som bygger på registrerade uppgifter. En människa beslutar.",
    en="This is a suggestion made from what is recorded. A person decides.",
)
NO_HISTORY = Words(
    fi="Potilaasta ei ole käytettävissä kirjattuja tietoja ennen tätä hetkeä, joten hoidon tarvetta ei arvioida. "
    "Kysy hoidon tarve haastattelussa.",
    sv="Det finns inga användbara uppgifter om patienten före denna tidpunkt, så vårdbehovet uppskattas inte. "
    "Fråga om vårdbehovet i intervjun.",
    en="Nothing that can be used is recorded about the patient before this moment, so the need is not estimated. "
    "Ask about the need in the interview.",
)
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


def answer(
    release: Release, tables: Mapping[str, pa.Table], as_of: datetime, notices: tuple[Notice, ...] = ()
) -> Answer:
    """Assess the one patient of some tables.

    Args:
        release: the model and what belongs to it.
        tables: `patients` with one row, and event tables, unchecked.
        as_of: the moment, aware.
        notices: what the reader of the tables has to say.

    Raises:
        Unusable: the patient's own row is set aside, or the patient is born after the moment.
    """
    checked = check(tables, as_of)
    _refuse_patient(checked, as_of)
    assessment = assess(release.model, release.catalogue, release.segments, checked.history, as_of)
    return Answer(
        status=assessment.status,
        as_of=assessment.as_of,
        segment=_segment(assessment.segment),
        probabilities=None if assessment.probabilities is None else dict(assessment.probabilities),
        visits=_amount(assessment.visits),
        minutes=_amount(assessment.minutes),
        first_appointment=_appointment(assessment.first_appointment),
        special_needs=assessment.special_needs,
        reasons=[_reason(reason) for reason in assessment.reasons],
        history=_seen(assessment),
        set_aside=[SetAside(table=table, reason=reason, rows=rows)
                   for (table, reason), rows in sorted(checked.counts().items())],
        notices=[*notices, *(Notice(table=table, says=says, rows=rows)
                             for (table, says), rows in sorted(checked.notices.items()))],
        model=_model(release),
        says=ASSESSED if assessment.status == "assessed" else NO_HISTORY,
    )  # fmt: skip


def card(release: Release) -> ModelCard:
    """What runs here."""
    table = release.segments
    return ModelCard(
        **_model(release).model_dump(),
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
        says=CARD,
    )


def _refuse_patient(checked: Checked, as_of: datetime) -> None:
    if "patients" in checked.set_aside:
        column, _, what = checked.set_aside["patients"]["reason"][0].as_py().partition(" ")
        raise Unusable(column, what)
    born = checked.history["patients"]["birth_date"][0].cast(pa.int32()).as_py()
    if born is not None and born > _day(as_of):
        raise Unusable("birth_date", "is after the moment of the assessment")


def _day(moment: datetime) -> int:
    return int(days(pa.array([moment], INSTANT))[0])


def _seen(assessment: Assessment) -> HistoryOut:
    latest = assessment.latest_event
    age = None if latest is None else _day(assessment.as_of) - _day(latest)
    return HistoryOut(events_seen=assessment.events_seen, latest_event=latest, age_days=age)


def _model(release: Release) -> ModelOut:
    return ModelOut(
        name=release.name,
        version=release.version,
        features=release.catalogue.version,
        segments_from=release.segments.valid_from.isoformat(),
    )


def _words(label: Label) -> Words:
    return Words(**asdict(label))


def _segment(segment: Segment | None) -> SegmentOut | None:
    return None if segment is None else SegmentOut(name=segment.name, label=_words(segment.label))


def _amount(expected: Expected | None) -> Amount | None:
    return None if expected is None else Amount(total=expected.total, by_profession=dict(expected.by_profession))


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
