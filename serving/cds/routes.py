"""The routes of CDS Hooks: discovery, the two services, and feedback on their cards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson
from fastapi import FastAPI, Request, Response

from records.database import DatabaseError
from serving import audit
from serving.access import ROUTES
from serving.answers import Given, answer
from serving.audit import Actor, Object
from serving.cds.asked import asked
from serving.cds.call import Call, read_call
from serving.cds.cards import Desktop, cards, issued
from serving.cds.discovery import HOOKS, VIEW, services
from serving.cds.feedback import Feedback, read_feedback
from serving.cds.fetch import FhirServer
from serving.cds.prefetch import Connect, Gathered, gather
from serving.desk import Asked, Desk
from serving.guard import Refused
from serving.metrics import Metrics
from serving.storage.ledger import comment_name
from serving.storage.tables import FEEDBACK
from serving.storage.writer import Write
from serving.tokens import Caller
from serving.words import language_of

SERVICE, FEEDBACK_ON = "/cds-services/{service_id}", "/cds-services/{service_id}/feedback"
JSON, FHIR_JSON = "application/json", "application/fhir+json"
NO_STORE = {"Cache-Control": "no-store"}
BY_PATIENT = "PATRQT"
"""Why, in v3-ActReason, when the patient asks."""


def add_routes(app: FastAPI, desk: Desk, public_url: str, metrics: Metrics, connect: Connect = FhirServer) -> None:
    """Add the routes of CDS Hooks to an application; `connect` reaches FHIR servers."""
    front = _Front(desk, public_url, metrics, connect)
    discovered = orjson.dumps(services())

    @app.get("/cds-services", include_in_schema=False)
    def discovery() -> Response:
        return Response(discovered, media_type=JSON)

    @app.post(SERVICE, include_in_schema=False)
    async def call(service_id: str, request: Request) -> Response:
        return await front.call(service_id, request)

    @app.post(FEEDBACK_ON, include_in_schema=False)
    async def feedback(service_id: str, request: Request) -> Response:
        return await front.feedback(service_id, request)


class _Front:
    """Answers calls at one desk."""

    def __init__(self, desk: Desk, public_url: str, metrics: Metrics, connect: Connect) -> None:
        self._desk, self._public_url, self._metrics, self._connect = desk, public_url, metrics, connect

    async def call(self, service_id: str, request: Request) -> Response:
        """The cards of one call."""
        caller: Caller = request.state.caller
        call = read_call(await request.body(), _hook(service_id))
        language = language_of(request.headers.get("accept-language", ""), caller.tenant.language)
        headers = NO_STORE | {"Content-Language": language, "Vary": "Accept-Language"}
        if service_id == VIEW and not call.is_by_staff:
            return Response(orjson.dumps({"cards": []}), media_type=JSON, headers=headers)
        gathered = await gather(call, caller.tenant, self._connect)
        if gathered.missing_required:
            return Response(orjson.dumps(_outcome(gathered)), 412, headers, FHIR_JSON)
        found = await self._cards(
            call, gathered, caller, service_id, Desktop(language, self._public_url, caller.tenant)
        )
        return Response(orjson.dumps({"cards": found}), media_type=JSON, headers=headers)

    async def _cards(
        self, call: Call, gathered: Gathered, caller: Caller, service_id: str, desktop: Desktop
    ) -> list[dict[str, Any]]:
        question, given = await asyncio.to_thread(self._answered, call, gathered, caller)
        found = cards(given.answer, call, desktop)
        kept = issued(found, given.answer, service_id, caller.tenant.name, self._desk.now())
        await self._desk.keep(question, given, self._actor(caller, call), caller.tenant.name, kept)
        said = given.answer
        self._metrics.assessment(said.status, said.segment.name if said.segment else None)
        return found

    def _answered(self, call: Call, gathered: Gathered, caller: Caller) -> tuple[Asked, Given]:
        question = replace(asked(self._desk, gathered, call.patient_id, caller.tenant), call=call.instance)
        return question, answer(self._desk.release, question.given, question.as_of, str(uuid4()), question.notices)

    def _actor(self, caller: Caller, call: Call) -> Actor:
        """Who calls and who sits there; a patient only by a keyed hash."""
        purpose, user = ROUTES["POST", SERVICE].purpose, None
        if call.user is not None:
            kind, name = call.user
            user = f"{kind}/{name if call.is_by_staff else self._desk.secrets.patient(caller.tenant.name, name)}"
        return Actor(
            caller.issuer, caller.subject, caller.tenant.name, purpose if call.is_by_staff else BY_PATIENT, user
        )

    async def feedback(self, service_id: str, request: Request) -> Response:
        """Keep feedback on cards of this tenant; what speaks of others is nobody's."""
        _hook(service_id)
        caller: Caller = request.state.caller
        given = read_feedback(await request.body())
        try:
            names = sorted({one.card_id for one in given})
            known = await asyncio.to_thread(self._desk.ledger.cards, caller.tenant.name, names)
            write = self._write([one for one in given if one.card_id in known], known, caller)
            await self._desk.ledger.writer.write(write)
        except DatabaseError as error:
            raise Refused(503, "", "the feedback cannot be kept now; try again") from error
        return Response(headers=NO_STORE)

    def _write(self, given: Sequence[Feedback], known: dict[str, tuple[str, str]], caller: Caller) -> Write:
        desk, tenant, now = self._desk, caller.tenant.name, self._desk.now()
        actor = Actor(caller.issuer, caller.subject, tenant, ROUTES["POST", FEEDBACK_ON].purpose)
        lines = []
        for one in given:
            assessment, patient = known[one.card_id]
            thing = Object(desk.whom(patient, tenant), assessment, {"card": one.card_id, "outcome": one.outcome})
            lines.append(audit.line("feedback", actor, thing, now, desk.secrets))
        sealed = [
            desk.ledger.vault.sealed(comment_name(one.id), one.comment.encode(), now) for one in given if one.comment
        ]
        return Write(rows={FEEDBACK: [one.row(tenant, now) for one in given]}, sealed=sealed, lines=lines)


def _hook(service_id: str) -> str:
    """The hook of a service.

    Raises:
        Refused: there is no such service.
    """
    if service_id not in HOOKS:
        raise Refused(404, "", "there is no such service")
    return HOOKS[service_id]


def _outcome(gathered: Gathered) -> dict[str, Any]:
    """What is missing, as a FHIR OperationOutcome."""
    issues = [
        {
            "severity": "error",
            "code": "required",
            "diagnostics": f"prefetch.{key} was not given and could not be fetched",
            "expression": [f"prefetch.{key}"],
        }
        for key in gathered.missing_required
    ]
    return {"resourceType": "OperationOutcome", "issue": issues}
