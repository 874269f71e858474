"""The routes of officers: the report, overdue clients, messages that did not arrive, feedback to be cancelled."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from alerts.dead_letters import dead_letters, send_again
from alerts.defined import stored_definitions
from alerts.feedback import FeedbackError, cancel_as_officer
from alerts.report import Report, as_csv, as_json, make_report
from alerts.report_page import as_html
from features.families import Language
from models.segments import read_tables, table_on
from records.clock import HELSINKI
from serving.assessments import NO_STORE
from serving.faults import refusals
from serving.guard import Refused
from serving.pages.routes import Pages
from serving.release import Release
from serving.vouchers import examples, overdue_page
from serving.vouchers.counter import Counter, Visit, reached
from serving.vouchers.overdue import overdue_list
from serving.vouchers.provider import language_asked, refused
from serving.vouchers.wire import (
    MOST_MESSAGES,
    MOST_OVERDUE,
    CancelledOut,
    DeadLetterOut,
    DeadLettersOut,
    OfficerCancelIn,
    OverdueListOut,
    QueuedOut,
    SendAgainIn,
)

SHOWN = NO_STORE | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Headers of the pages: they load nothing, and hold no script."""

Asked = Annotated[Language | None, Query(description="Of the page; else that of Accept-Language.")]
Most = Annotated[int, Query(ge=1, le=10 * MOST_OVERDUE, description="So many rows at the most.")]


def add_routes(app: FastAPI, counter: Counter, release: Release | None) -> None:
    """Add the routes of officers to an application; without a release, nobody's need is known."""
    _report_routes(app, counter)
    _overdue_routes(app, counter, release)
    _dead_letter_routes(app, counter)
    _cancel_route(app, counter)


def add_pages(app: FastAPI, counter: Counter, release: Release, pages: Pages) -> None:
    """Add the pages of officers who have signed in with a browser."""

    def report(request: Request) -> Response:
        return _page(as_html(_report(counter, request)[1], pages.renderer.language(request)))

    def overdue(request: Request) -> Response:
        found = _overdue(counter, release, request, MOST_OVERDUE)[1]
        return _page(overdue_page.as_html(found, pages.renderer.language(request)))

    for path, handler in (("/pages/vouchers", report), ("/pages/overdue", overdue)):
        app.add_route(path, pages.guarded(handler), methods=["GET"], include_in_schema=False)


def _report(counter: Counter, request: Request) -> tuple[Visit, Report]:
    visit = counter.serve(request, "read-report")
    with visit.reading() as connection:
        return visit, make_report(connection, stored_definitions(connection), visit.now)


def _overdue(counter: Counter, release: Release | None, request: Request, at_most: int) -> tuple[Visit, OverdueListOut]:
    visit = counter.admit(request)
    champion = None if release is None else f"{release.name} {release.version}"
    today = visit.now.astimezone(HELSINKI).date()
    segments = table_on(read_tables(), today) if release is None else release.segments
    with visit.reading() as connection, reached():
        found = overdue_list(
            connection, counter.ledger.database, counter.secrets, visit.caller.tenant.name,
            champion=champion, segments=segments, now=visit.now, at_most=at_most,
        )  # fmt: skip
    visit.note_patients("read-overdue", [row.patient_id for row in found.rows])
    return visit, found


def _report_routes(app: FastAPI, counter: Counter) -> None:
    @app.get(
        "/v1/vouchers/report",
        operation_id="voucher_report",
        summary="The numbers of the vouchers",
        response_class=Response,
        responses=examples.answer(examples.REPORT) | refusals(404, 503),
    )
    def voucher_report(request: Request) -> Response:
        """Vouchers, visit intervals, feedback and messages by definition, provider and month.

        No number concerns fewer than five people, nor can one be found by subtraction.
        """
        return Response(as_json(_report(counter, request)[1]), media_type="application/json", headers=NO_STORE)

    @app.get(
        "/v1/vouchers/report.csv",
        operation_id="voucher_report_csv",
        summary="The same as CSV",
        response_class=Response,
        responses=examples.of_type("text/csv", "One number a line.") | refusals(404, 503),
    )
    def voucher_report_csv(request: Request) -> Response:
        """For spreadsheets; names that are counted together are joined by a plus sign."""
        headers = NO_STORE | {"Content-Disposition": 'attachment; filename="vouchers.csv"'}
        return Response(as_csv(_report(counter, request)[1]), media_type="text/csv", headers=headers)

    @app.get(
        "/v1/vouchers/report.html",
        operation_id="voucher_report_page",
        summary="The same as a page",
        response_class=Response,
        responses=examples.of_type("text/html", "The page, with plots.") | refusals(404, 422, 503),
    )
    def voucher_report_page(request: Request, language: Asked = None) -> Response:
        """In Finnish, Swedish or English; it needs nothing else, and can be saved and printed."""
        visit, report = _report(counter, request)
        return _page(as_html(report, language or language_asked(request, visit)))


def _overdue_routes(app: FastAPI, counter: Counter, release: Release | None) -> None:
    @app.get(
        "/v1/vouchers/overdue",
        operation_id="overdue",
        summary="Overdue clients, those who need most first",
        response_model=OverdueListOut,
        response_description="The list.",
        responses=examples.answer(examples.OVERDUE) | refusals(404, 422, 503),
    )
    def overdue(request: Request, at_most: Most = MOST_OVERDUE) -> Response:
        """Vouchers not activated in time and visit intervals exceeded, with the rule, the model and why.

        Ordered by assessed need, then by days overdue. Nobody whose need is not known stands behind one who is known
        to need less than the most. Without a champion, or without any assessment, by days overdue alone.
        """
        return Response(
            _overdue(counter, release, request, at_most)[1].model_dump_json(),
            media_type="application/json",
            headers=NO_STORE,
        )

    @app.get(
        "/v1/vouchers/overdue.html",
        operation_id="overdue_page",
        summary="The same as a page",
        response_class=Response,
        responses=examples.of_type("text/html", "The page.") | refusals(404, 422, 503),
    )
    def overdue_as_page(request: Request, at_most: Most = MOST_OVERDUE, language: Asked = None) -> Response:
        """In Finnish, Swedish or English."""
        visit, found = _overdue(counter, release, request, at_most)
        return _page(overdue_page.as_html(found, language or language_asked(request, visit)))


def _dead_letter_routes(app: FastAPI, counter: Counter) -> None:
    @app.get(
        "/v1/vouchers/dead-letters",
        operation_id="dead_letters",
        summary="Messages that did not arrive",
        response_model=DeadLettersOut,
        response_description="The list, the oldest first; it names no person.",
        responses=examples.answer(examples.LETTERS) | refusals(404, 503),
    )
    def list_dead_letters(request: Request) -> Response:
        """Messages that were given up, or that a gateway could not deliver: nothing more is done unless you do."""
        visit = counter.serve(request, "read-dead-letters")
        with visit.reading() as connection:
            found = [DeadLetterOut(**vars(one)) for one in dead_letters(connection, MOST_MESSAGES)]
        said = DeadLettersOut(messages=found)
        return Response(said.model_dump_json(), media_type="application/json", headers=NO_STORE)

    @app.post(
        "/v1/vouchers/dead-letters/send-again",
        operation_id="send_again",
        summary="Send some of them again",
        response_model=QueuedOut,
        response_description="They wait for the next sending.",
        responses=refusals(400, 404, 413, 422, 503),
    )
    def send_letters_again(
        asked: Annotated[SendAgainIn, Body(openapi_examples=examples.SEND_AGAIN)], request: Request
    ) -> JSONResponse:
        """Whatever stands in the way of a message then (no consent any more, an alert that is over) still does."""
        visit = counter.serve(request, "send-again", *(("message", one) for one in asked.messages))
        with visit.writing() as connection:
            queued = send_again(connection, asked.messages, visit.who, asked.reason, visit.now)
        if not queued:
            raise Refused(404, "messages", "none of them is on the list")
        return JSONResponse({"queued": queued}, headers=NO_STORE)


def _cancel_route(app: FastAPI, counter: Counter) -> None:
    @app.post(
        "/v1/vouchers/treatment-feedback/{feedback_id}/cancel",
        operation_id="cancel_as_officer",
        summary="Cancel any treatment feedback, with a reason",
        response_model=CancelledOut,
        response_description="It is cancelled, with every event that was made from it.",
        responses=examples.answer(examples.CANCELLED) | refusals(400, 404, 409, 413, 422, 503),
    )
    def cancel_any(
        feedback_id: str,
        given: Annotated[OfficerCancelIn, Body(openapi_examples=examples.OFFICER_CANCEL)],
        request: Request,
    ) -> Response:
        """At any time, of any provider. The reason is kept in the audit."""
        visit = counter.serve(request, "cancel-treatment-feedback", ("treatment-feedback", feedback_id))
        acts: dict[str, Any] = {"who": visit.who, "reason": given.reason, "now": visit.now}
        with reached():
            try:
                events = cancel_as_officer(visit.vouchers, feedback_id, **acts)
            except FeedbackError as error:
                return refused(error, language_asked(request, visit))
        return JSONResponse({"feedback_id": feedback_id, "events": events}, headers=NO_STORE)


def _page(html: str) -> Response:
    return Response(html, media_type="text/html; charset=utf-8", headers=SHOWN)
