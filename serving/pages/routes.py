"""The routes of the pages: sign in, find a patient, what to book and decide, why, and what the model is."""

from __future__ import annotations

import asyncio
import hmac
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from fastapi import FastAPI
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from records.database import DatabaseError
from serving import audit
from serving.access import DEMO_ROLES, ROLES, ROUTES
from serving.assessments import decided, decisions_on, opened, visible
from serving.audit import Actor, Object
from serving.cds.prefetch import Connect
from serving.desk import Desk
from serving.guard import Refused
from serving.house import House
from serving.keys import demo_passwords
from serving.metrics import Metrics
from serving.model_card import card
from serving.pages.behind import Behind
from serving.pages.gate import Gate
from serving.pages.launch import Launches
from serving.pages.render import Renderer, style
from serving.pages.sessions import Session, Sessions
from serving.pages.show import Shown
from serving.pages.words import PAGE
from serving.storage.ledger import Kept
from serving.storage.writer import Write
from serving.tenants import DEMO_ISSUER, DEMO_TENANT
from serving.tokens import Caller
from serving.wire import MOST_COMMENT, MOST_REFERENCE, AnswersIn, ChoiceIn, Question

MOST_FIELDS = 20
"""Members of a form."""
NOT_SAID = "not-said"
"""The value of the button for a patient who would not or could not say."""
PURPOSE = "TREAT"
Handler = Callable[[Request], Any]


class FormError(ValueError):
    """A form cannot be read."""


class FormTokenError(ValueError):
    """A form was not made for this browser, or for another person in it."""


class Pages:
    """The pages of one service.

    Args:
        desk: where questions are assessed.
        house: everything else that the service holds.
        metrics: of this worker.
        gate: who comes in.
    """

    def __init__(self, desk: Desk, house: House, metrics: Metrics, gate: Gate) -> None:
        self.desk, self.house, self.metrics, self.gate = desk, house, metrics, gate
        self.renderer: Renderer = gate.renderer
        self.sessions: Sessions = gate.sessions

    def add_to(self, app: FastAPI, connect: Connect) -> None:
        """Add the routes to an application; `connect` reaches FHIR servers."""
        one, launches = "/pages/assessments/{assessment_id}", Launches(self, connect)
        routes: Mapping[tuple[str, str], Handler] = {
            ("GET", "/pages/style.css"): style,
            ("GET", "/pages/sign-in"): self.sign_in_page,
            ("POST", "/pages/sign-in"): self.sign_in,
            ("GET", "/pages/launch"): launches.launch,
            ("GET", "/pages/callback"): launches.callback,
            ("POST", "/pages/sign-out"): self.sign_out,
            ("GET", "/pages"): self.home,
            ("POST", "/pages/find"): self.find,
            ("GET", one): self.assessment,
            ("GET", f"{one}/reasons"): self.reasons,
            ("POST", f"{one}/answers"): self.hear,
            ("POST", f"{one}/decision"): self.decide,
            ("GET", "/pages/model"): self.model,
        }
        for (method, path), handler in routes.items():
            app.add_route(path, self.guarded(handler), methods=[method], include_in_schema=False)

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A handler whose form is read and found to be ours, and whose refusals are pages."""

        async def answer(request: Request) -> Response:
            try:
                if request.method == "POST":
                    await self._read_form(request)
                if inspect.iscoroutinefunction(handler):
                    return await handler(request)  # type: ignore[no-any-return]
                return await asyncio.to_thread(handler, request)
            except FormError:
                return self._fault(request, 400, "bad_input")
            except FormTokenError:
                return self._fault(request, 403, "bad_form")
            except DatabaseError:
                return self._fault(request, 503, "away")
            except Refused as error:
                return self._fault(request, error.status, "no_such" if error.status == 404 else "away")

        return answer

    def _fault(self, request: Request, status: int, what: str) -> Response:
        if request.method == "POST" or what == "no_such":
            request.state.here = "/pages"
        return self.renderer.fault(request, status, what)

    async def _read_form(self, request: Request) -> None:
        """Put the form into the request's state.

        Raises:
            FormError: it is no form.
            FormTokenError: it is none of ours, or of a session that has ended.
        """
        try:
            text = (await request.body()).decode()
            form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"))
        except ValueError as error:
            raise FormError from error
        name = getattr(request.state, "session_name", None) or self.renderer.name(request, self.renderer.visitor_cookie)
        if name is None or not self.renderer.signer.is_form_token(name, form.get("token", "")):
            raise FormTokenError
        request.state.form = form

    def sign_in_page(self, request: Request) -> Response:
        """Where people sign in."""
        return self._sign_in_page(request)

    def _sign_in_page(self, request: Request, status: int = 200, error: str | None = None) -> Response:
        return self.renderer.page(
            request, "sign_in.html", status, is_demo=self.house.directory.is_demo, error=self._text(request, error)
        )

    def sign_in(self, request: Request) -> Response:
        """Sign in a user of the demo."""
        form, request.state.here = request.state.form, "/pages/sign-in"
        user = form.get("user", "").strip()
        if not self.house.directory.is_demo:
            return self._fault(request, 404, "unlisted")
        passwords = demo_passwords(self.house.settings.keys, DEMO_ROLES)
        given = form.get("password", "").strip().encode("utf-8", "replace")
        # Compared for a user who is not there too: how long it takes tells nothing.
        if not hmac.compare_digest(given, passwords.get(user, "-").encode()) or user not in passwords:
            return self._sign_in_page(request, 401, "wrong_password")
        session = Session(DEMO_TENANT, DEMO_ISSUER, f"demo-{user}", user, is_local=True)
        return self.entered(request, session, "")

    def entered(self, request: Request, session: Session, path: str) -> Response:
        """Begin a session in the place of what the browser had, and lead on.

        Raises:
            DatabaseError: it cannot be kept.
        """
        self._audit("sign-in", session)
        answer, before = self.renderer.to(path), self.renderer.name(request, self.renderer.session_cookie)
        if before is not None:
            self.sessions.end(before)
        name = self.sessions.begin(session)
        self.renderer.keep(answer, self.renderer.session_cookie, self.renderer.signer.signed(name), None)
        self.renderer.keep(answer, self.renderer.visitor_cookie, "", 0)
        return answer

    def sign_out(self, request: Request) -> Response:
        """End the session."""
        self._audit("sign-out", request.state.session)
        self.sessions.end(request.state.session_name)
        answer = self.renderer.to("/sign-in")
        self.renderer.keep(answer, self.renderer.session_cookie, "", 0)
        return answer

    def _audit(self, deed: audit.Deed, session: Session) -> None:
        by = Actor(session.issuer, session.subject, session.tenant, PURPOSE)
        line = audit.line(deed, by, Object(), self.desk.now(), self.desk.secrets)
        self.desk.ledger.writer.put(Write(lines=[line])).result()

    def home(self, request: Request) -> Response:
        """The first page after signing in."""
        return self._home(request)

    def _home(self, request: Request, status: int = 200, error: str | None = None) -> Response:
        session: Session = request.state.session
        may = _may_find(session)
        return self.renderer.page(
            request, "home.html", status, may_find=may, is_launched=not session.is_local,
            may_watch="vouchers.report" in ROLES[session.role],
            error=self._text(request, error), longest=MOST_REFERENCE,
        )  # fmt: skip

    async def find(self, request: Request) -> Response:
        """Assess a patient of the record store, and lead to the assessment."""
        session, caller, request.state.here = request.state.session, request.state.caller, "/pages"
        if not _may_find(session):
            return self.renderer.fault(request, 403, "forbidden")
        patient = request.state.form.get("patient", "").strip()
        if not 0 < len(patient) <= MOST_REFERENCE:
            return self._home(request, 422, "not_found")
        try:
            given, _ = await self.desk.ask(Question(patient_id=patient), caller, ROUTES["POST", "/pages/find"].purpose)
        except (Refused, ValidationError) as error:
            status = error.status if isinstance(error, Refused) else 422
            return self._home(request, status, {404: "not_found", 422: "unusable"}.get(status, "no_store"))
        self.metrics.assessment(given.status, given.segment.name if given.segment else None)
        answer = self.renderer.to(f"/assessments/{given.id}{_page_of(session)}")
        if "assess" not in caller.scopes:
            name = await asyncio.to_thread(self.sessions.change, request.state.session_name, session.of(patient))
            self.renderer.keep(answer, self.renderer.session_cookie, self.renderer.signer.signed(name), None)
        return answer

    def assessment(self, request: Request) -> Response:
        """The agent's page: what to book, what to ask, and the decision."""
        kept = opened(self.desk, request.path_params["assessment_id"], request.state.caller, PURPOSE)
        return self._assessment(request, kept)

    def _assessment(self, request: Request, kept: Kept, status: int = 200, error: str | None = None) -> Response:
        language = self.renderer.language(request)
        shown = Shown.of(self.desk, kept, decisions_on(self.desk, kept), language)
        return self.renderer.page(
            request, "assessment.html", status, shown=shown, a=shown.answer,
            error=self._text(request, error), key=str(uuid4()), longest=MOST_COMMENT,
            not_said=NOT_SAID, may_see_record="record" in request.state.caller.scopes,
        )  # fmt: skip

    def reasons(self, request: Request) -> Response:
        """The clinician's page: why, how sure, and from which history."""
        kept = opened(self.desk, request.path_params["assessment_id"], request.state.caller, PURPOSE)
        behind, language = Behind.of(self.desk, kept), self.renderer.language(request)
        shown = Shown.of(self.desk, kept, decisions_on(self.desk, kept), language)
        return self.renderer.page(request, "reasons.html", shown=shown, a=shown.answer, behind=behind)

    async def hear(self, request: Request) -> Response:
        """Update an assessment with an answer of the patient, and lead to the new one."""
        form, caller = request.state.form, request.state.caller
        kept = await asyncio.to_thread(visible, self.desk, request.path_params["assessment_id"], caller)
        request.state.here = f"/pages/assessments/{kept.id}"
        try:
            given = AnswersIn.model_validate({"answers": [{"question": form.get("question"), "value": _value(form)}]})
            said, _ = await self.desk.hear(kept, given, caller, PURPOSE)
        except (ValueError, Refused) as error:
            if isinstance(error, Refused) and error.status != 422:
                raise
            return await asyncio.to_thread(self._assessment, request, kept, 422, "wrong_answer")
        self.metrics.assessment(said.status, said.segment.name if said.segment else None)
        return self.renderer.to(f"/assessments/{said.id}#question")

    def decide(self, request: Request) -> Response:
        """Keep a decision, and show it."""
        caller: Caller = request.state.caller
        kept = visible(self.desk, request.path_params["assessment_id"], caller)
        form, request.state.here = request.state.form, f"/pages/assessments/{kept.id}"
        outcome = form.get("outcome")
        if outcome == "overridden" and not form.get("reason"):
            return self._assessment(request, kept, 422, "reason_missing")
        try:
            chosen = ChoiceIn.model_validate({
                "outcome": outcome,
                "decided": form.get("decided") if outcome == "overridden" else None,
                "reason_code": form.get("reason") or None,
                "comment": form.get("comment", "").strip() or None,
                "supersedes": form.get("supersedes") or None,
            })  # fmt: skip
            key = form.get("key", "")[:MOST_REFERENCE] or None
            decided(self.desk, kept, chosen, caller, purpose=PURPOSE, key=key)
        except ValidationError as error:
            raise FormError from error
        except Refused as error:
            says = {409: "decided_meanwhile", 503: "not_kept"}.get(error.status)
            if says is None:
                raise FormError from error
            return self._assessment(request, kept, error.status, says)
        return self.renderer.to(f"/assessments/{kept.id}#decision")

    def model(self, request: Request) -> Response:
        """What the model is, and what it is not: the Model Facts label and the table of segments."""
        release, language = self.desk.release, self.renderer.language(request)
        facts = None if release.card is None else release.card.signed(release.version, "").facts(language)
        return self.renderer.page(request, "model.html", facts=facts, card=card(release, self.desk.now()))

    def _text(self, request: Request, name: str | None) -> str | None:
        return None if name is None else PAGE[name][self.renderer.language(request)]


def _may_find(session: Session) -> bool:
    """Whether somebody may open any patient: agents, and in the demo, where nothing launches, clinicians."""
    scopes = ROLES[session.role]
    return "assess" in scopes or (session.is_local and "assessments.launched" in scopes)


def _value(form: Mapping[str, str]) -> float | None:
    """The answer of a form; None when the patient would not or could not say.

    Raises:
        ValueError: it is no number.
    """
    text = form.get("value", "")
    return None if text == NOT_SAID else float(text.replace(",", "."))


def _page_of(session: Session) -> str:
    """Where a person goes from a new assessment: who may see the record to the reasons."""
    return "/reasons" if "record" in ROLES[session.role] else ""
