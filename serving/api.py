"""The assessment API: routes, refusals in one shape, and its own document."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from fastapi import Body, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from records.clock import instant
from records.history import OrderError
from records.store import StoreError, read_patient
from serving import docs_page, examples
from serving.answers import Unusable, answer, card
from serving.guard import LOG, SizeLimit, Watch, refusal
from serving.metrics import MEDIA_TYPE, Metrics
from serving.release import Release
from serving.wire import (
    MOST_BYTES,
    MOST_ROWS,
    OURS,
    READ,
    Answer,
    Faults,
    ModelCard,
    Notice,
    Question,
    TooManyRowsError,
)

MOST_FAULTS = 20
"""Faults named in one refusal; the rest are only counted."""

TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
"""FastAPI's own telemetry is off: it would record raw paths and the messages of errors."""

ABOUT = (
    "Tarve suggests how much dental care a patient will need, why, and which first appointment to book. "
    "Ask with a posted history or with the id of a known patient. It is a suggestion: a person decides."
)
WHAT = {
    "missing": "is missing",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
}
"""Sentences for the error types that structure can have here. Pydantic's own texts may repeat the input."""


def _refusal_example(says: str, where: str, what: str) -> dict[str, Any]:
    example = {"errors": [{"where": where, "what": what}]}
    return {"model": Faults, "description": says, "content": {"application/json": {"example": example}}}


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: _refusal_example("The body is no JSON.", "body", "is not valid JSON at character 17"),
    404: _refusal_example("No such patient.", "patient_id", "no such patient is in the record store"),
    413: _refusal_example(
        f"More than {MOST_BYTES:,} bytes or {MOST_ROWS:,} rows.",
        "history",
        f"holds more than {MOST_ROWS:,} rows; post only what the model reads",
    ),
    422: _refusal_example("The structure is wrong.", "history.visits[3].event_time", "is not an ISO 8601 date or time"),
    500: _refusal_example("The service failed.", "", "the service failed; its log names the cause under 5f0c3a9d21be"),
    503: _refusal_example(
        "No record store to look in.", "patient_id", "this service has no record store; post the history instead"
    ),
}
"""Every refusal, as the document shows it."""


class Refused(Exception):  # noqa: N818 - it reads as what it says
    """A question that cannot be answered, with its status and what is wrong."""

    def __init__(self, status: int, where: str, what: str) -> None:
        super().__init__(what)
        self.status, self.where, self.what = status, where, what


def create_app(release: Release, records: Path | None, now: Callable[[], datetime]) -> FastAPI:
    """The API of one release.

    Args:
        release: what answers.
        records: folder of the record store; None when only posted histories are assessed.
        now: the present, aware; read only when a question names no moment.
    """
    app = FastAPI(
        title="Tarve",
        version="1.0",
        description=ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry=TELEMETRY,
    )
    metrics = Metrics(release)
    _handlers(app)
    _assess_route(app, release, records, now, metrics)
    _other_routes(app, release, metrics)
    _pages(app, _document(app, release))
    app.add_middleware(SizeLimit, most_bytes=MOST_BYTES)
    app.add_middleware(Watch, metrics=metrics)
    metrics.know(route.path for route in app.routes if hasattr(route, "path"))
    return app


def _assess_route(
    app: FastAPI, release: Release, records: Path | None, now: Callable[[], datetime], metrics: Metrics
) -> None:
    @app.post(
        "/v1/assess",
        operation_id="assess",
        summary="Assess one patient",
        response_model=Answer,
        response_description="The assessment.",
        responses=REFUSALS,
    )
    def assess(asked: Annotated[Question, Body(openapi_examples=examples.QUESTIONS)], response: Response) -> Answer:
        """Need, segment, what to book and why, as of one moment; or that nothing is recorded."""
        response.headers["Cache-Control"] = "no-store"
        given = _answer(release, records, asked, asked.as_of or now())
        metrics.assessment(given.status, given.segment.name if given.segment else None)
        return given


def _other_routes(app: FastAPI, release: Release, metrics: Metrics) -> None:
    said = card(release)

    @app.get("/v1/model", operation_id="model", summary="What runs here", response_model=ModelCard)
    def model() -> ModelCard:
        """The model, its features, and the dated table of segments with the first appointments."""
        return said

    @app.get(
        "/metrics",
        operation_id="metrics",
        summary="Numbers for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text, of one worker."}},
    )
    def scrape() -> Response:
        """Requests, latency and assessments of this worker; no label holds anything of a patient."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)


def _document(app: FastAPI, release: Release) -> dict[str, Any]:
    """The OpenAPI document; the answers in it are those that this very release gives to the examples."""
    document = app.openapi()
    answered = document["paths"]["/v1/assess"]["post"]["responses"]["200"]["content"]["application/json"]
    # Only now: FastAPI strips null members from every example that it is given.
    answered["examples"] = {
        "assessed": _example(release, examples.POSTED),
        "no_history": _example(release, examples.EMPTY),
    }
    return document


def _pages(app: FastAPI, document: dict[str, Any]) -> None:
    page = docs_page.render(document)
    headers = {"Content-Security-Policy": docs_page.POLICY, "X-Content-Type-Options": "nosniff"}

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        return JSONResponse(document)


def _answer(release: Release, records: Path | None, asked: Question, as_of: datetime) -> Answer:
    if asked.patient is None or asked.history is None:
        return _of_known(release, records, asked.patient_id or "", as_of)
    tables = {"patients": asked.patient.table(), **asked.history.tables()}
    try:
        return answer(release, tables, as_of, tuple(_unread(asked.history.unknown_members())))
    except Unusable as error:
        raise Refused(422, f"patient.{error.where}", error.what) from error


def _unread(members: int) -> list[Notice]:
    says = "members that are no table which the service reads were ignored"
    return [Notice(table="history", says=says, rows=members)] if members else []


def _of_known(release: Release, records: Path | None, patient_id: str, as_of: datetime) -> Answer:
    try:
        return answer(release, _stored(records, patient_id), as_of)
    except Unusable as error:
        raise Refused(422, "as_of" if error.where == "birth_date" else "patient_id", _of_stored(error)) from error


def _of_stored(error: Unusable) -> str:
    if error.where == "birth_date":
        return "is before the patient was born"
    return f"the stored row of the patient cannot be used: {error.where} {error.what}"


def _stored(records: Path | None, patient_id: str) -> dict[str, pa.Table]:
    """The tables of a known patient that the features read."""
    if records is None:
        raise Refused(503, "patient_id", "this service has no record store; post the history instead")
    try:
        history = read_patient(records, patient_id)
    except (StoreError, OrderError) as error:
        # These sentences are our own: they name a file, never a patient.
        LOG.error("the record store cannot be read: %s", error)
        raise Refused(503, "patient_id", "the record store cannot be read now; post the history instead") from error
    if history is None:
        raise Refused(404, "patient_id", "no such patient is in the record store")
    return {name: history[name] for name in ("patients", *READ)}


def _handlers(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return refusal(error.status, (error.where, error.what))

    @app.exception_handler(TooManyRowsError)
    async def too_many(_: Request, __: TooManyRowsError) -> JSONResponse:
        return refusal(413, ("history", f"holds more than {MOST_ROWS:,} rows; post only what the model reads"))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = error.errors()
        if faults[0]["type"] == "json_invalid":
            return refusal(400, ("body", f"is not valid JSON at character {faults[0]['loc'][-1]}"))
        said = [(_where(fault), _what(fault)) for fault in faults[:MOST_FAULTS]]
        more = len(faults) - len(said)
        return refusal(422, *said, *([("body", f"{more} more members are wrong")] if more else []))

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> JSONResponse:
        known = {400: ("body", "cannot be read as JSON"), 404: ("", "there is nothing at this address")}
        phrase = ("", HTTPStatus(error.status_code).phrase.lower())
        return refusal(error.status_code, known.get(error.status_code, phrase), headers=dict(error.headers or {}))


def _where(fault: dict[str, Any]) -> str:
    """The member as a person writes it. Only declared names and positions can be part of it."""
    if fault["type"] == OURS and fault["ctx"]["where"]:
        return str(fault["ctx"]["where"])
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"][1:]]
    return "".join(parts).lstrip(".") or "body"


def _what(fault: dict[str, Any]) -> str:
    if fault["type"] == OURS:
        return str(fault["msg"])
    if fault["loc"] == ("body",) and fault["type"] != "missing":
        return "must be a JSON object, sent as Content-Type: application/json"
    return WHAT.get(fault["type"], "is not valid")


def _example(release: Release, question: dict[str, Any]) -> dict[str, Any]:
    asked = Question.model_validate(question)
    given = _answer(release, None, asked, asked.as_of or instant(examples.AS_OF))
    return {"summary": given.status, "value": json.loads(given.model_dump_json())}
