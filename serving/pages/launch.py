"""The way in from a record system: launched with a patient, and back with who it is (SMART App Launch, EHR launch).

No patient is in an address here: the launch is an opaque word of the record system, the patient comes with the token,
and is from then on in the session alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.access import ROLES
from serving.answers import Given, answer
from serving.assessments import visible
from serving.cds.asked import asked
from serving.cds.call import Call
from serving.cds.prefetch import Connect, Gathered, gather
from serving.desk import Asked, Desk, actor
from serving.guard import Refused
from serving.pages import smart
from serving.pages.sessions import Session
from serving.tenants import SmartClient, Tenant
from serving.tokens import Caller
from serving.words import source

if TYPE_CHECKING:
    from serving.pages.routes import Pages

MOST_LETTERS = 2_048
"""Of a launch, a code or a state."""
PURPOSE = "TREAT"


class Launches:
    """Launches from the record systems that the operator listed.

    Args:
        pages: where they lead.
        connect: reaches FHIR servers.
    """

    def __init__(self, pages: Pages, connect: Connect) -> None:
        self._pages, self._connect = pages, connect
        self._renderer, self._desk = pages.renderer, pages.desk
        self._back = f"{self._renderer.public_url}/pages/callback"

    async def launch(self, request: Request) -> Response:
        """A record system opens us: send the browser there to sign in."""
        request.state.here = "/pages/sign-in"
        server, launch = (_one(request.query_params, name) for name in ("iss", "launch"))
        listed = self._pages.house.directory.launching(server.rstrip("/"))
        if listed is None or not launch:
            return self._renderer.fault(request, 400, "unlisted")
        _, client = listed
        try:
            endpoints = await smart.discover(client.fhir_server)
        except smart.SmartError as error:
            return self._renderer.fault(request, 502, error.what)
        secret, browser = smart.Secret.new(), self._renderer.visitor(request)
        kept = {"browser": browser, "server": client.fhir_server, "endpoints": asdict(endpoints), **asdict(secret)}
        await asyncio.to_thread(self._pages.sessions.launch, secret.state, kept)
        there = smart.address(endpoints, client, launch, self._back, secret)
        found = RedirectResponse(there, 302, self._renderer.headers())
        self._renderer.keep(found, self._renderer.visitor_cookie, self._renderer.signer.signed(browser), None)
        return found

    async def callback(self, request: Request) -> Response:
        """The browser is back: find out who it is, read the patient's record, and show its assessment."""
        request.state.here, said = "/pages/sign-in", request.query_params
        kept = await self._kept(request, _one(said, "state"))
        listed = None if kept is None else self._pages.house.directory.launching(kept["server"])
        if kept is None or listed is None:
            return self._renderer.fault(request, 400, "launch_lost")
        code = _one(said, "code")
        if not code:
            return self._renderer.fault(request, 403, "launch_denied")
        tenant, client = listed
        try:
            launched = await self._exchanged(client, code, kept)
        except smart.SmartError as error:
            return self._renderer.fault(request, 502 if error.what == "no_token" else 403, error.what)
        return await self._entered(request, tenant, client, launched)

    async def _kept(self, request: Request, state: str) -> dict[str, Any] | None:
        """What was kept of the launch, if it began in this browser."""
        kept = await asyncio.to_thread(self._pages.sessions.launched, state)
        browser = self._renderer.name(request, self._renderer.visitor_cookie)
        return kept if kept is not None and browser is not None and kept["browser"] == browser else None

    async def _exchanged(self, client: SmartClient, code: str, kept: Mapping[str, Any]) -> smart.Launched:
        secret = smart.Secret(kept["state"], kept["verifier"], kept["nonce"])
        endpoints, now = smart.Endpoints(**kept["endpoints"]), self._desk.now().timestamp()
        return await smart.exchange(endpoints, client, code, back=self._back, secret=secret, now=now)

    async def _entered(
        self, request: Request, tenant: Tenant, client: SmartClient, launched: smart.Launched
    ) -> Response:
        session = Session(tenant.name, client.fhir_server, launched.user, client.role, is_local=False,
                          patient=launched.patient)  # fmt: skip
        caller = Caller(session.issuer, tenant, session.subject, ROLES[session.role], session.patient)
        name = await asyncio.to_thread(self._named, launched.context, caller)
        if name is None:
            user = launched.user.partition("/")
            call = Call(launched.patient, (user[0], user[2]), (), {}, client.fhir_server, launched.access_token, None)
            gathered = await gather(call, tenant, self._connect)
            if gathered.missing_required:
                language = self._renderer.language(request)
                missing = ", ".join(source(key, language) for key in gathered.missing_required)
                return self._renderer.fault(request, 502, "no_record", missing=missing)
            name = await self._assessed(gathered, caller, launched.patient)
        path = f"/assessments/{name}{'/reasons' if 'record' in caller.scopes else ''}"
        return await asyncio.to_thread(self._pages.entered, request, session, path)

    def _named(self, context: object, caller: Caller) -> str | None:
        """The assessment of the card that was clicked, if it is of this very patient."""
        named = smart.assessment_of(context)
        if named is None:
            return None
        try:
            kept = visible(self._desk, named, caller)
        except Refused as error:
            if error.status == 404:
                return None
            raise
        whose = {caller.patient, self._desk.secrets.patient(caller.tenant.name, caller.patient or "")}
        return kept.id if kept.patient_id in whose else None

    async def _assessed(self, gathered: Gathered, caller: Caller, patient: str) -> str:
        question, given = await asyncio.to_thread(_answered, self._desk, gathered, caller, patient)
        await self._desk.keep(question, given, actor(caller, PURPOSE), caller.tenant.name)
        said = given.answer
        self._pages.metrics.assessment(said.status, said.segment.name if said.segment else None)
        return said.id


def _answered(desk: Desk, gathered: Gathered, caller: Caller, patient: str) -> tuple[Asked, Given]:
    question = asked(desk, gathered, patient, caller.tenant)
    return question, answer(desk.release, question.given, question.as_of, str(uuid4()), question.notices)


def _one(said: QueryParams, name: str) -> str:
    """A member of an address that stands there once and is not endless; else nothing."""
    found = said.getlist(name)
    return found[0] if len(found) == 1 and len(found[0]) <= MOST_LETTERS else ""
