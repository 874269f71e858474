"""The desk: where questions are assessed, and every answer is kept before it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from models.interview import AnswerError
from records.database import DatabaseError
from records.person import Person
from serving import audit
from serving.answers import Given, Unusable, answer
from serving.audit import Actor, Object
from serving.guard import Refused
from serving.keys import Secrets
from serving.known import Known
from serving.questions import Told
from serving.reading import Posted
from serving.release import Release
from serving.snapshots import Snapshot, pack, unpack
from serving.storage.ledger import Kept, Ledger, snapshot_name
from serving.storage.writer import Write
from serving.tokens import Caller
from serving.wire import Answer, AnswersIn, GivenAnswer, Notice, PostedHistory, PostedPatient, Question, as_json

SMALL = 500
"""Rows of a posted history that are assessed at once; the work on longer ones does not hold up other requests."""


@dataclass(frozen=True)
class Asked:
    """A question with its history.

    Attributes:
        given: the history, unchecked.
        as_of: the moment, aware.
        patient_id: under which the assessment is kept: a known patient's own, else a keyed hash or a random name.
        whom: the keyed hash of the patient, for the audit.
        unit: the clinic that asks.
        notices: what the reader of the history has to say.
        told: all answers of the interview.
        fresh: those of them that were given just now.
        follows: the assessment that they update.
        call: the call of a record system, as its `hookInstance` names it; a UUID.
    """

    given: Person
    as_of: datetime
    patient_id: str
    whom: str
    unit: str | None = None
    notices: tuple[Notice, ...] = ()
    told: Told = field(default_factory=dict)
    fresh: Told = field(default_factory=dict)
    follows: str | None = None
    call: str | None = None


class Desk:
    """Assesses questions of one release and keeps the answers.

    Args:
        release: what answers.
        known: histories of known patients.
        ledger: where answers are kept.
        secrets: the keys of the service.
        now: the present, aware.
    """

    def __init__(
        self, release: Release, known: Known, ledger: Ledger, secrets: Secrets, now: Callable[[], datetime]
    ) -> None:
        self.release, self.known, self.ledger, self.secrets, self.now = release, known, ledger, secrets, now

    async def ask(self, question: Question | Posted, caller: Caller, purpose: str) -> tuple[Answer, bytes]:
        """Answer a question, posted or about a known patient, and keep the answer; also as the JSON that is kept.

        Raises:
            Refused: it cannot be answered, or the answer cannot be kept.
        """
        if isinstance(question, Posted) and question.size <= SMALL:
            with self.ledger.writer.turn.taken():
                asked, given = self._answered(question, caller)
                body, write = self._to_keep(asked, given, actor(caller, purpose), caller.tenant.name)
            await self._keep(write)
            return given.answer, body
        # A file to search, or a history so long that others should not wait for it.
        asked, given = await asyncio.to_thread(self._answered, question, caller)
        return given.answer, await self.keep(asked, given, actor(caller, purpose), caller.tenant.name)

    def _answered(self, question: Question | Posted, caller: Caller) -> tuple[Asked, Given]:
        if isinstance(question, Posted):
            asked = self._posted(question, caller)
            return asked, _assessed(self.release, asked, _of_posted)
        asked = self._known(question, caller)
        return asked, _assessed(self.release, asked, _of_stored)

    async def keep(
        self, asked: Asked, given: Given, by: Actor, tenant: str, cards: Sequence[Mapping[str, Any]] = ()
    ) -> bytes:
        """Keep an answer with all that belongs to it, and tell its JSON.

        Raises:
            Refused: it cannot be kept, so it may not be given.
        """
        body, write = self._to_keep(asked, given, by, tenant, cards)
        await self._keep(write)
        return body

    def _to_keep(
        self, asked: Asked, given: Given, by: Actor, tenant: str, cards: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[bytes, Write]:
        """An answer as JSON, and all that is to be kept of it."""
        said, at = given.answer, self.now()
        body = as_json(said)
        kept = Kept(
            id=said.id,
            tenant=tenant,
            patient_id=asked.patient_id,
            made_at=at,
            as_of=asked.as_of,
            suggested=None if said.segment is None else said.segment.name,
            model=self.release.tag,
            answer=body.decode(),
        )
        snapshot = pack(Snapshot(asked.given, asked.as_of, asked.notices, asked.told, asked.follows, asked.unit))
        deed: audit.Deed = "hook" if cards else "answer" if asked.follows else "assess"
        line = audit.line(deed, by, audited(said, asked), at, self.secrets)
        return body, self.ledger.to_keep(kept, _events(asked, given, at, tenant), snapshot, line, cards)

    async def _keep(self, write: Write) -> None:
        try:
            await self.ledger.writer.write(write)
        except DatabaseError as error:
            raise Refused(503, "", "the answer cannot be kept now, so it cannot be given; try again") from error

    async def hear(self, kept: Kept, given: AnswersIn, caller: Caller, purpose: str) -> tuple[Answer, bytes]:
        """Update an assessment with answers of the patient, as a new one; keep it, and tell its JSON.

        Raises:
            Refused: an answer cannot be used, or the new assessment cannot be made or kept.
        """
        asked, found = await asyncio.to_thread(self._updated, kept, given)
        body = await self.keep(asked, found, actor(caller, purpose), caller.tenant.name)
        return found.answer, body

    def _updated(self, kept: Kept, given: AnswersIn) -> tuple[Asked, Given]:
        fresh = _told(self.release, given)
        try:
            content = self.ledger.vault.content(snapshot_name(kept.id))
        except DatabaseError as error:
            raise Refused(503, "", "the database cannot be reached now; try again") from error
        if content is None:
            raise Refused(404, "assessment_id", "its inputs are no longer kept; ask for a new assessment")
        before = unpack(content)
        whom = self.whom(kept.patient_id, kept.tenant)
        asked = Asked(before.given, before.as_of, kept.patient_id, whom, before.unit, before.notices,
                      {**before.told, **fresh}, fresh, kept.id)  # fmt: skip
        return asked, _assessed(self.release, asked, _of_stored)

    def _known(self, question: Question, caller: Caller) -> Asked:
        if not caller.tenant.records:
            raise Refused(404, "patient_id", "no such patient is in the record store")
        name = question.patient_id or ""
        whom = self.secrets.patient(caller.tenant.name, name)
        return Asked(self.known.person(name), question.as_of or self.now(), name, whom, question.unit)

    def _posted(self, posted: Posted, caller: Caller) -> Asked:
        reference = posted.reference
        name = uuid4().hex if reference is None else self.secrets.patient(caller.tenant.name, reference)
        notices = tuple(_unread(posted.unread))
        return Asked(posted.person, posted.as_of or self.now(), name, name, posted.unit, notices)

    def whom(self, patient_id: str, tenant: str) -> str:
        """The keyed hash of a patient, for the audit; one who is kept under such a name already is named by it."""
        hashed = len(patient_id) == 32 and set(patient_id) <= set("0123456789abcdef")
        return patient_id if hashed else self.secrets.patient(tenant, patient_id)

    def may_see(self, caller: Caller, kept: Kept) -> bool:
        """Whether a caller may see an assessment of its tenant: all, or only those of the patient its token names."""
        if "assessments.read" in caller.scopes:
            return True
        if caller.patient is None:
            return False
        return kept.patient_id in {caller.patient, self.secrets.patient(caller.tenant.name, caller.patient)}


def actor(caller: Caller, purpose: str, user: str | None = None) -> Actor:
    """A caller as the audit names it."""
    return Actor(caller.issuer, caller.subject, caller.tenant.name, purpose, user)


def audited(said: Answer, asked: Asked) -> Object:
    """An answer as the audit names it."""
    model = said.model
    details = {
        "model": f"{model.name} {model.version}",
        "features": model.features,
        "rules": model.rules,
        "status": said.status,
        **({} if said.segment is None else {"segment": said.segment.name}),
        **({} if said.follows is None else {"follows": said.follows}),
        **({} if not said.answers else {"answers": " ".join(map(_coded, said.answers))}),
    }
    return Object(asked.whom, said.id, details, [("hook-instance", asked.call)] if asked.call else ())


def _coded(given: GivenAnswer) -> str:
    return f"{given.question}={'?' if given.value is None else format(given.value, 'g')}"


def _told(release: Release, given: AnswersIn) -> Told:
    """Posted answers by question.

    Raises:
        Refused: there is no such question, it is answered twice, or does not allow the answer.
    """
    questions = {} if release.interview is None else release.interview.items
    told: dict[str, float | None] = {}
    for position, one in enumerate(given.answers):
        where = f"answers[{position}]"
        if one.question not in questions:
            what = f"must be one of {', '.join(questions)}" if questions else "the model in use asks no questions"
            raise Refused(422, f"{where}.question", what)
        if one.question in told:
            raise Refused(422, f"{where}.question", "is answered twice")
        try:
            if one.value is not None:
                questions[one.question].check(one.value)
        except AnswerError as error:
            raise Refused(422, f"{where}.value", str(error)) from error
        told[one.question] = one.value
    return told


def shown(
    release: Release,
    patient: PostedPatient,
    history: PostedHistory,
    as_of: datetime,
    assessment_id: str,
    *,
    told: Told | None = None,
    follows: str | None = None,
) -> Answer:
    """The answer to a question that nobody asked, for the document; it is not kept."""
    person = Person.from_rows({"patients": [patient.row()], **history.rows()})
    return answer(release, person, as_of, assessment_id, told=told, follows=follows).answer


def _assessed(release: Release, asked: Asked, explain: Callable[[Unusable], Refused]) -> Given:
    try:
        return answer(
            release, asked.given, asked.as_of, str(uuid4()), asked.notices, told=asked.told, follows=asked.follows
        )
    except Unusable as error:
        raise explain(error) from error


def _of_posted(error: Unusable) -> Refused:
    return Refused(422, error.where if error.where == "as_of" else f"patient.{error.where}", error.what)


def _of_stored(error: Unusable) -> Refused:
    if error.where == "birth_date":
        return Refused(422, "as_of", "is before the patient was born")
    if error.where == "as_of":
        return Refused(422, "as_of", error.what)
    what = f"the stored row of the patient cannot be used: {error.where} {error.what}"
    return Refused(422, "patient_id", what)


def _unread(members: int) -> list[Notice]:
    says = "members that are no table which the service reads were ignored"
    return [Notice(table="history", says=says, rows=members)] if members else []


def _events(asked: Asked, given: Given, at: datetime, tenant: str) -> dict[str, list[dict[str, Any]]]:
    """The record events of an assessment, with the patient whose they are."""
    said = given.answer
    patient = given.person.row
    event = {
        "patient_id": asked.patient_id,
        "event_id": said.id,
        "event_time": said.as_of,
        "recorded_at": at,
        "source": f"tarve/{tenant}",
        "model_version": f"{said.model.name} {said.model.version}",
        "features_version": said.model.features,
        "rules_version": said.model.rules,
        "suggested": None if said.segment is None else said.segment.name,
        "at_least_moderate": _at_least("moderate", said.probabilities),
        "at_least_heavy": _at_least("heavy", said.probabilities),
        "members": None if said.prediction_set is None else "+".join(said.prediction_set),
        "visits": None if said.visits is None else said.visits.total,
        "minutes": None if said.minutes is None else said.minutes.total,
        "history_days": said.history.age_days,
        "unit": asked.unit,
        "language": patient.get("language"),
    }
    return {
        "patients": [{**patient, "patient_id": asked.patient_id}],
        "assessments": [event],
        "answers": [_answered(asked, name, value, event) for name, value in asked.fresh.items() if value is not None],
    }


def _answered(asked: Asked, question: str, value: float, assessment: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as a record event of the time when it was given: later assessments see it, earlier ones never did."""
    return {
        "patient_id": asked.patient_id,
        "event_id": f"{assessment['event_id']}/{question}",
        "event_time": assessment["recorded_at"],
        "recorded_at": assessment["recorded_at"],
        "source": assessment["source"],
        "contact_id": None,
        "question": question,
        "value": value,
    }


def _at_least(segment: str, probabilities: Mapping[str, float] | None) -> float | None:
    """The probability of a segment or a higher one; None when the table of segments has no such one."""
    if probabilities is None or segment not in probabilities:
        return None
    names = list(probabilities)
    return min(sum(probabilities[name] for name in names[names.index(segment) :]), 1.0)
