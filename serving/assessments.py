"""The routes of assessments: ask for one or many, read one again, decide on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID, uuid4

import orjson
from fastapi import Body, FastAPI, Header, Request, Response
from pydantic import ValidationError

from records.database import DatabaseError
from serving import audit, examples
from serving.access import ROUTES
from serving.advice import override_reasons
from serving.audit import Object
from serving.desk import Desk, actor
from serving.faults import named, refusals
from serving.guard import Refused
from serving.metrics import Metrics
from serving.preferences import preferences
from serving.reading import Posted, posted, read
from serving.risk import MEDIA_TYPE, risk_assessment
from serving.storage.ledger import Choice, ContradictionError, Kept, KeyReusedError
from serving.storage.writer import Write
from serving.tokens import Caller
from serving.wire import (
    MOST_COMMENT,
    MOST_REFERENCE,
    Answer,
    AnswersIn,
    BatchAnswer,
    BatchQuestion,
    ChoiceIn,
    DecisionOut,
    KeptAnswer,
    Question,
    TooManyRowsError,
    as_json,
    read_answer,
)
from serving.words import language_of

T = TypeVar("T")
NO_STORE = {"Cache-Control": "no-store"}
KEY = Header(alias="Idempotency-Key", max_length=MOST_REFERENCE, description="The same key is the same decision.")
ONE = "/v1/assessments/{assessment_id}"


def add_routes(app: FastAPI, desk: Desk, public_url: str, metrics: Metrics) -> None:
    """Add the routes of assessments to an application."""
    _assess_route(app, desk, metrics)
    _batch_route(app, desk, metrics)
    _read_route(app, desk, public_url)
    _answers_route(app, desk, metrics)
    _decision_route(app, desk)


def caller_of(request: Request) -> Caller:
    """Who calls, as the door found out."""
    caller: Caller = request.state.caller
    return caller


def asking(desk: Desk, metrics: Metrics) -> Callable[[Posted | Question, Caller], Awaitable[bytes]]:
    """What answers one question, as JSON, and counts the answer."""
    purpose = ROUTES["POST", "/v1/assess"].purpose

    async def ask(question: Posted | Question, caller: Caller) -> bytes:
        given, body = await desk.ask(question, caller, purpose)
        metrics.assessment(given.status, given.segment.name if given.segment else None)
        return body

    return ask


def asking_at_once(desk: Desk, metrics: Metrics) -> Callable[[bytes, Caller], Awaitable[bytes | None]]:
    """The same for a body of the usual form; of any other, None."""
    ask = asking(desk, metrics)

    async def read_and_ask(body: bytes, caller: Caller) -> bytes | None:
        with desk.ledger.writer.turn.taken():
            question = read(body)
        return None if question is None else await ask(question, caller)

    return read_and_ask


def _assess_route(app: FastAPI, desk: Desk, metrics: Metrics) -> None:
    ask = asking(desk, metrics)

    @app.post(
        "/v1/assess",
        operation_id="assess",
        summary="Assess one patient",
        response_model=Answer,
        response_description="The assessment.",
        responses=refusals(400, 404, 413, 422, 503),
    )
    async def assess(
        asked: Annotated[Question, Body(openapi_examples=examples.QUESTIONS)], request: Request
    ) -> Response:
        """Need, segment, what to book and why, as of one moment; or that nothing, or too little, is recorded."""
        body = await ask(posted(asked), caller_of(request))
        return Response(body, media_type="application/json", headers=NO_STORE)


def _batch_route(app: FastAPI, desk: Desk, metrics: Metrics) -> None:
    purpose = ROUTES["POST", "/v1/assess/batch"].purpose

    @app.post(
        "/v1/assess/batch",
        operation_id="assess_batch",
        summary="Assess many patients",
        response_model=BatchAnswer,
        response_description="One item for every question, in their order.",
        responses=refusals(400, 413, 422),
    )
    async def assess_batch(
        asked: Annotated[BatchQuestion, Body(openapi_examples=examples.BATCHES)], request: Request
    ) -> Response:
        """Many questions at once, each judged for itself; what is wrong with one is told by its position."""
        caller = caller_of(request)

        async def ask(one: object) -> bytes:
            given, body = await desk.ask(posted(Question.model_validate(one)), caller, purpose)
            metrics.assessment(given.status, given.segment.name if given.segment else None)
            return body

        items = [_item(ask, one, position) for position, one in enumerate(asked.items)]
        answered = orjson.dumps({"items": await asyncio.gather(*items)})
        return Response(answered, media_type="application/json", headers=NO_STORE)


async def _item(ask: Callable[[object], Awaitable[bytes]], one: object, position: int) -> dict[str, Any]:
    within = f"items[{position}]"
    try:
        body = await ask(one)
    except ValidationError as error:
        faults = named(error.errors(include_url=False, include_input=False), within)
    except TooManyRowsError:
        faults = [(f"{within}.history", "holds too many rows; post only what the model reads")]
    except Refused as error:
        faults = [(f"{within}.{error.where}".rstrip("."), error.what)]
    else:
        return {"position": position, "answer": orjson.Fragment(body), "errors": []}
    return {"position": position, "answer": None, "errors": [{"where": where, "what": what} for where, what in faults]}


def _read_route(app: FastAPI, desk: Desk, public_url: str) -> None:
    purpose = ROUTES["GET", ONE].purpose

    @app.get(
        ONE,
        operation_id="read_assessment",
        summary="Read an assessment again",
        response_model=KeptAnswer,
        response_description="The assessment as it was answered, with the decisions made on it.",
        responses={200: {"content": {MEDIA_TYPE: {}}}, **refusals(404, 503)},
    )
    def read_assessment(assessment_id: str, request: Request) -> Response:
        """As JSON; or as FHIR R4 RiskAssessment for `Accept: application/fhir+json`."""
        caller = caller_of(request)
        kept = opened(desk, assessment_id, caller, purpose)
        said = read_answer(kept.answer)
        headers = NO_STORE | {"Vary": "Accept, Accept-Language"}
        if not _wants_fhir(request.headers.get("accept", "")):
            body = orjson.loads(kept.answer) | {"made_at": kept.made_at, "decisions": decisions_on(desk, kept)}
            return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), media_type="application/json", headers=headers)
        language = language_of(request.headers.get("accept-language", ""), caller.tenant.language)
        resource = risk_assessment(kept, said, public_url, desk.release.segments.horizon_days, language)
        return Response(orjson.dumps(resource), media_type=MEDIA_TYPE, headers=headers | {"Content-Language": language})


def _answers_route(app: FastAPI, desk: Desk, metrics: Metrics) -> None:
    purpose = ROUTES["POST", f"{ONE}/answers"].purpose

    @app.post(
        f"{ONE}/answers",
        operation_id="answer",
        summary="Tell what the patient answered",
        response_model=Answer,
        response_description="The updated assessment, a new one, with the next question or why there is none.",
        responses=refusals(400, 404, 413, 422, 503),
    )
    async def answers(assessment_id: str, given: AnswersIn, request: Request) -> Response:
        """The same record as of the same moment, with these answers and all before them; every assessment is kept."""
        caller = caller_of(request)
        kept = await asyncio.to_thread(visible, desk, assessment_id, caller)
        found, body = await desk.hear(kept, given, caller, purpose)
        metrics.assessment(found.status, found.segment.name if found.segment else None)
        return Response(body, media_type="application/json", headers=NO_STORE)


def _decision_route(app: FastAPI, desk: Desk) -> None:
    purpose = ROUTES["POST", f"{ONE}/decision"].purpose

    @app.post(
        f"{ONE}/decision",
        operation_id="decide",
        summary="Decide on an assessment",
        status_code=201,
        response_model=DecisionOut,
        response_description="The decision.",
        responses={
            200: {"model": DecisionOut, "description": "The same decision was made before; nothing changed."},
            **refusals(400, 404, 409, 413, 422, 503),
        },
    )
    def decide(
        assessment_id: str,
        chosen: Annotated[ChoiceIn, Body(openapi_examples=examples.CHOICES)],
        request: Request,
        idempotency_key: Annotated[str | None, KEY] = None,
    ) -> Response:
        """Accepted or overridden, once. Another decision must name the one that it supersedes; both are kept."""
        caller = caller_of(request)
        kept = visible(desk, assessment_id, caller)
        made, is_new = decided(desk, kept, chosen, caller, purpose=purpose, key=idempotency_key)
        body = as_json(DecisionOut(**_shown(made), holds=_holds(desk, kept, made)))
        return Response(body, 201 if is_new else 200, NO_STORE, "application/json")


def decided(
    desk: Desk, kept: Kept, chosen: ChoiceIn, caller: Caller, *, purpose: str, key: str | None
) -> tuple[dict[str, Any], bool]:
    """Make a decision: as a record event, and whether it is new.

    Raises:
        Refused: it contradicts itself, the assessment or another decision, or cannot be kept.
    """
    choice, at = _choice(desk, kept, chosen, key), desk.now()
    details = {"decision": choice.id, "outcome": choice.outcome, "segment": choice.decided}
    thing = Object(desk.whom(kept.patient_id, kept.tenant), kept.id, details)
    line = audit.line("decide", actor(caller, purpose), thing, at, desk.secrets)
    try:
        return desk.ledger.decide(kept, choice, at, f"tarve/{kept.tenant}", line)
    except ContradictionError as error:
        what = "there is no decision to supersede"
        if error.holding is not None:
            what = f"another decision holds: {error.holding}; name it here to take its place"
        raise Refused(409, "supersedes", what) from error
    except KeyReusedError as error:
        raise Refused(422, "Idempotency-Key", "was used for another decision on this assessment") from error
    except DatabaseError as error:
        raise Refused(503, "", "the decision cannot be kept now; try again") from error


def _choice(desk: Desk, kept: Kept, chosen: ChoiceIn, key: str | None) -> Choice:
    """What was chosen, made whole.

    Raises:
        Refused: it contradicts itself or the assessment.
    """
    if chosen.comment is not None and len(chosen.comment) > MOST_COMMENT:
        raise Refused(422, "comment", f"is longer than {MOST_COMMENT:,} letters")
    decided = chosen.decided if chosen.outcome == "overridden" else chosen.decided or kept.suggested
    if chosen.outcome == "accepted" and kept.suggested is None:
        raise Refused(422, "outcome", "nothing was suggested that could be accepted; say overridden")
    if decided is None:
        raise Refused(422, "decided", "is missing")
    if decided not in desk.release.segments.names:
        raise Refused(422, "decided", f"must be one of {', '.join(desk.release.segments.names)}")
    if (decided == kept.suggested) != (chosen.outcome == "accepted"):
        raise Refused(422, "decided", "contradicts the outcome: accepted means as suggested, overridden otherwise")
    if chosen.outcome == "overridden" and chosen.reason_code not in override_reasons():
        raise Refused(422, "reason_code", f"must be one of {', '.join(override_reasons())}")
    reason = chosen.reason_code if chosen.outcome == "overridden" else None
    return Choice(str(uuid4()), chosen.outcome, decided, reason, chosen.comment, chosen.supersedes, key)


def opened(desk: Desk, assessment_id: str, caller: Caller, purpose: str) -> Kept:
    """An assessment that the caller may see; that it is seen is audited first.

    Raises:
        Refused: there is none for this caller, or the databases are away.
    """
    kept = visible(desk, assessment_id, caller)
    thing = Object(desk.whom(kept.patient_id, kept.tenant), kept.id)
    line = audit.line("read", actor(caller, purpose), thing, desk.now(), desk.secrets)
    _reached(lambda: desk.ledger.writer.put(Write(lines=[line])).result())
    return kept


def visible(desk: Desk, assessment_id: str, caller: Caller) -> Kept:
    """An assessment that the caller may see, without a word to the audit.

    Raises:
        Refused: there is none for this caller, or the databases are away.
    """
    kept = _reached(lambda: desk.ledger.read(assessment_id, caller.tenant.name)) if _is_id(assessment_id) else None
    if kept is None or not desk.may_see(caller, kept):
        raise Refused(404, "assessment_id", "there is no such assessment")
    return kept


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _reached(what: Callable[[], T]) -> T:
    try:
        return what()
    except DatabaseError as error:
        raise Refused(503, "", "the database cannot be reached now; try again") from error


def decisions_on(desk: Desk, kept: Kept) -> list[dict[str, Any]]:
    """The decisions on an assessment, oldest first; the last one holds.

    Raises:
        Refused: the database is away.
    """
    made = _reached(lambda: desk.ledger.decisions(kept))
    return [_shown(one) | {"holds": one is made[-1]} for one in made]


def _holds(desk: Desk, kept: Kept, made: dict[str, Any]) -> bool:
    return bool(_reached(lambda: desk.ledger.decisions(kept))[-1]["event_id"] == made["event_id"])


def _shown(made: dict[str, Any]) -> dict[str, Any]:
    names = ("outcome", "suggested", "decided", "reason_code")
    return {"id": made["event_id"], "decided_at": made["event_time"], **{name: made[name] for name in names}}


def _wants_fhir(accepted: str) -> bool:
    """Whether an Accept header prefers FHIR to plain JSON; without a preference the answer is plain JSON."""
    weights = {"json": 0.0, "fhir": 0.0}
    for kind, weight in preferences(accepted):
        if kind in {MEDIA_TYPE, "application/json+fhir"}:
            weights["fhir"] = max(weights["fhir"], weight)
        elif kind in {"application/json", "application/*", "*/*"}:
            weights["json"] = max(weights["json"], weight)
    names_only_fhir = weights["fhir"] > 0 and "application/json" not in (kind for kind, _ in preferences(accepted))
    return weights["fhir"] > weights["json"] or (names_only_fhir and weights["fhir"] == weights["json"])
