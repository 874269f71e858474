"""The routes of providers: their portal, and their treatment feedback."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Body, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse

from alerts import feedback as alerts_feedback
from alerts import portal
from alerts.defined import stored_definitions
from alerts.feedback import (
    AlreadyCancelledError,
    Feedback,
    FeedbackError,
    FeedbackTaken,
    KeyReusedError,
    TooLateError,
    UnknownFeedbackError,
    UnknownVoucherError,
)
from features.families import Language
from records.clock import HELSINKI, start_of_day
from serving.assessments import NO_STORE
from serving.faults import refusals
from serving.guard import Refused, refusal
from serving.vouchers import examples
from serving.vouchers.counter import Counter, Visit, reached
from serving.vouchers.wire import (
    MOST_MESSAGES,
    CancelIn,
    CancelledOut,
    FeedbackOut,
    MarkedOut,
    PortalMessageOut,
    PortalOut,
)
from serving.wire import MOST_REFERENCE
from serving.words import language_of

KEY = Header(
    alias="Idempotency-Key",
    max_length=MOST_REFERENCE,
    min_length=1,
    description="Your own name for this feedback: sent again under it, it is taken once.",
)
ONE = "/v1/treatment-feedback/{feedback_id}"


def add_routes(app: FastAPI, counter: Counter) -> None:
    """Add the routes of providers to an application."""
    _portal_routes(app, counter)
    _submit_route(app, counter)
    _feedback_route(app, counter)
    _cancel_route(app, counter)


def language_asked(request: Request, visit: Visit) -> Language:
    """The language that the request asks for, else the tenant's."""
    return language_of(request.headers.get("accept-language", ""), visit.caller.tenant.language)


def refused(error: FeedbackError, language: Language) -> Response:
    """A refusal of the alerts as the answer that callers get; its sentences repeat nothing of the question."""
    if isinstance(error, TooLateError):
        said = ("feedback_id", error.sentences[language])
        return refusal(409, said, headers={"Content-Language": str(language)})
    places: dict[type[FeedbackError], tuple[int, str]] = {
        UnknownVoucherError: (404, "voucher_id"),
        UnknownFeedbackError: (404, "feedback_id"),
        AlreadyCancelledError: (409, "feedback_id"),
        KeyReusedError: (422, "Idempotency-Key"),
    }
    status, where = places.get(type(error), (422, "body"))
    return refusal(status, (where, str(error)))


def _portal_routes(app: FastAPI, counter: Counter) -> None:
    @app.get(
        "/v1/portal/messages",
        operation_id="portal_messages",
        summary="Read the portal",
        response_model=PortalOut,
        response_description="The messages.",
        responses=examples.answer(examples.PORTAL) | refusals(404, 503),
    )
    def portal_messages(request: Request) -> Response:
        """The latest messages to your provider, the newest first. One whose alert is over stays to be read."""
        visit = counter.serve(request, "read-portal")
        language = language_asked(request, visit)
        with visit.reading() as connection:
            found = portal.read(connection, visit.provider, stored_definitions(connection), language, MOST_MESSAGES)
        unread = sum(one.read_at is None for one in found)
        said = PortalOut(unread=unread, messages=[PortalMessageOut(**vars(one)) for one in found])
        headers = NO_STORE | {"Content-Language": language, "Vary": "Accept-Language"}
        return Response(said.model_dump_json(), media_type="application/json", headers=headers)

    @app.post(
        "/v1/portal/messages/{message_id}/read",
        operation_id="mark_read",
        summary="Mark a message as read",
        response_model=MarkedOut,
        response_description="It is marked; that it was before changes nothing.",
        responses=refusals(404, 503),
    )
    def mark_read(message_id: str, request: Request) -> JSONResponse:
        """Note that the message was read; the first time counts."""
        visit = counter.serve(request, "mark-read", ("message", message_id))
        with visit.writing() as connection:
            its_own = portal.mark_read(connection, visit.provider, message_id, visit.now)
        if not its_own:
            raise Refused(404, "message_id", "there is no such message")
        return JSONResponse({"message_id": message_id}, headers=NO_STORE)


def _submit_route(app: FastAPI, counter: Counter) -> None:
    @app.post(
        "/v1/treatment-feedback",
        operation_id="send_treatment_feedback",
        summary="Report care given on a voucher",
        status_code=201,
        response_model=FeedbackOut,
        response_description="It was taken, now or when it was first sent under its key.",
        responses=examples.answer(examples.TAKEN, 201) | refusals(400, 404, 413, 422, 503),
    )
    def send_treatment_feedback(
        sent: Annotated[Feedback, Body(openapi_examples=examples.FEEDBACK)],
        request: Request,
        idempotency_key: Annotated[str | None, KEY] = None,
    ) -> Response:
        """Visits with their procedures and minutes, and whether the care has ended.

        Send an `Idempotency-Key`, so that a feedback that you send again because no answer came is taken once.
        """
        visit = counter.serve(request, "report-care")
        with reached():
            try:
                name = alerts_feedback.submit(
                    visit.vouchers,
                    sent,
                    provider_id=visit.provider,
                    who=visit.who,
                    now=visit.now,
                    key=idempotency_key,
                )
            except FeedbackError as error:
                return refused(error, language_asked(request, visit))
        return _shown(visit, name, 201)


def _feedback_route(app: FastAPI, counter: Counter) -> None:
    @app.get(
        ONE,
        operation_id="read_treatment_feedback",
        summary="See how a treatment feedback stands",
        response_model=FeedbackOut,
        response_description="The feedback.",
        responses=examples.answer(examples.TAKEN) | refusals(404, 503),
    )
    def read_treatment_feedback(feedback_id: str, request: Request) -> Response:
        """Whether it is in force, and until when you may cancel it yourself."""
        visit = counter.serve(request, "read-treatment-feedback", ("treatment-feedback", feedback_id))
        return _shown(visit, feedback_id, 200)


def _cancel_route(app: FastAPI, counter: Counter) -> None:
    @app.post(
        f"{ONE}/cancel",
        operation_id="cancel_treatment_feedback",
        summary="Cancel your own treatment feedback on the day it was sent",
        response_model=CancelledOut,
        response_description="It is cancelled, with every event that was made from it.",
        responses=examples.answer(examples.CANCELLED) | refusals(400, 404, 413, 422, 503) | examples.TOO_LATE,
    )
    def cancel_treatment_feedback(
        feedback_id: str,
        request: Request,
        given: Annotated[CancelIn | None, Body(openapi_examples=examples.CANCEL)] = None,
    ) -> Response:
        """Until midnight in Finland. Later it is refused, in the language of Accept-Language, with whom to ask."""
        visit = counter.serve(request, "cancel-treatment-feedback", ("treatment-feedback", feedback_id))
        reason = None if given is None else given.reason
        acts: dict[str, Any] = {"provider_id": visit.provider, "who": visit.who, "now": visit.now, "reason": reason}
        with reached():
            try:
                events = alerts_feedback.cancel(visit.vouchers, feedback_id, **acts)
            except FeedbackError as error:
                return refused(error, language_asked(request, visit))
        return JSONResponse({"feedback_id": feedback_id, "events": events}, headers=NO_STORE)


def _shown(visit: Visit, feedback_id: str, status: int) -> Response:
    with visit.reading() as connection:
        try:
            found = alerts_feedback.taken(connection, feedback_id, visit.provider)
        except UnknownFeedbackError as error:
            return refusal(404, ("feedback_id", str(error)))
    return Response(_said(found).model_dump_json(), status, NO_STORE, "application/json")


def _said(found: FeedbackTaken) -> FeedbackOut:
    """The feedback, with the end of the day on which it was sent."""
    sent_on = found.sent_at.astimezone(HELSINKI).date()
    return FeedbackOut(**vars(found), cancel_until=start_of_day(sent_on + timedelta(days=1)).astimezone(HELSINKI))
