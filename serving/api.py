"""The assessment API: routes, refusals in one shape, and its own document."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from records.clock import instant
from serving import assessments, docs_page, examples
from serving.access import ROUTES
from serving.cds import routes as cds
from serving.cds.fetch import FhirServer
from serving.cds.prefetch import Connect
from serving.desk import Desk, shown
from serving.door import Door
from serving.faults import named, refusals
from serving.guard import Refused, SizeLimit, Watch, refusal
from serving.house import House
from serving.limits import Buckets, RateLimit
from serving.metrics import MEDIA_TYPE, Metrics
from serving.model_card import card
from serving.pages.gate import Gate, page_gate
from serving.pages.routes import Pages
from serving.release import Release
from serving.shortcut import Shortcut
from serving.tokens import Tokens
from serving.vouchers import officer, provider, receipts
from serving.vouchers.counter import Counter
from serving.wire import MOST_ROWS, ModelCard, PostedHistory, PostedPatient, TooManyRowsError, as_json

TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
"""FastAPI's own telemetry is off: it would record raw paths and the messages of errors."""

ABOUT = (
    "Tarve suggests how much dental care a patient will need, why, and which first appointment to book. "
    "Ask with a posted history or with the id of a known patient. It is a suggestion: a person decides."
)


def create_app(
    release: Release,
    house: House,
    now: Callable[[], datetime],
    connect: Connect = FhirServer,
    metrics: Metrics | None = None,
) -> FastAPI:
    """The API of one release.

    Args:
        release: what answers.
        house: everything else that it holds.
        now: the present, aware.
        connect: reaches FHIR servers.
        metrics: where is counted, also for the releases before and after this one; its own when None.

    Raises:
        RuntimeError: a route has no row in the table of access, or a row no route.
    """
    app = _empty()
    if metrics is None:
        metrics = Metrics()
        metrics.runs(release.name, release.version, None)
    desk = Desk(release, house.known, house.ledger, house.secrets, now)
    assessments.add_routes(app, desk, house.settings.public_url, metrics)
    cds.add_routes(app, desk, house.settings.public_url, metrics, connect)
    gate = page_gate(house, now)
    pages = Pages(desk, house, metrics, gate)
    pages.add_to(app, connect)
    officer.add_pages(app, _voucher_routes(app, house, release, now), release, pages)
    _other_routes(app, release, metrics, now)
    _pages(app, _document(app, release))
    _require_rules(app)
    _answer_heads(app)
    app.add_middleware(Shortcut, ask=assessments.asking_at_once(desk, metrics))
    _guard(app, house, metrics, gate, now)
    metrics.know(route.path for route in app.routes if hasattr(route, "path"))
    return app


def create_app_without_model(house: House, now: Callable[[], datetime], metrics: Metrics) -> FastAPI:
    """What is served before any model was promoted: vouchers, which need none, and the numbers for the operator.

    Args:
        house: what it holds.
        now: the present, aware.
        metrics: where is counted, also for the releases to come.
    """
    app = _empty()
    _voucher_routes(app, house, None, now)
    _metrics_route(app, metrics)
    _answer_heads(app)
    _guard(app, house, metrics, page_gate(house, now), now)
    return app


def _empty() -> FastAPI:
    app = FastAPI(
        title="Tarve",
        version="1.0",
        description=ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=TELEMETRY,
    )
    _handlers(app)
    return app


def _voucher_routes(app: FastAPI, house: House, release: Release | None, now: Callable[[], datetime]) -> Counter:
    counter = Counter(house, now)
    provider.add_routes(app, counter)
    officer.add_routes(app, counter, release)
    receipts.add_routes(app, counter)
    return counter


def _guard(app: FastAPI, house: House, metrics: Metrics, gate: Gate, now: Callable[[], datetime]) -> None:
    """Put before an application what every request passes, the innermost first."""
    app.add_middleware(SizeLimit, most_bytes=house.settings.most_bytes)
    app.add_middleware(RateLimit, buckets=Buckets(house.settings.rate, house.settings.burst))
    tokens = Tokens(house.directory, house.settings.public_url, now, house.ledger.spend)
    app.add_middleware(Door, tokens=tokens, gate=gate)
    app.add_middleware(Watch, metrics=metrics)
    if house.directory.origins:
        # Outermost: a browser asks beforehand without a token, and must be answered.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=house.directory.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id"],
            expose_headers=["Content-Language", "Retry-After", "X-Request-Id"],
        )


def routes(app: FastAPI) -> set[tuple[str, str]]:
    """The routes that an application has, as (method, path)."""
    return {
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }


def _require_rules(app: FastAPI) -> None:
    unruled = routes(app) ^ set(ROUTES)
    if unruled:
        raise RuntimeError(f"routes without a row in serving.access.ROUTES, or rows without a route: {sorted(unruled)}")


def _answer_heads(app: FastAPI) -> None:
    """Answer HEAD wherever GET is answered, as every server must; FastAPI leaves it out, and the document stays short.

    The server sends no body then.
    """
    for route in app.routes:
        if isinstance(route, Route) and route.methods is not None and "GET" in route.methods:
            route.methods.add("HEAD")


def _other_routes(app: FastAPI, release: Release, metrics: Metrics, now: Callable[[], datetime]) -> None:
    @app.get(
        "/v1/model", operation_id="model", summary="What runs here", response_model=ModelCard, responses=refusals()
    )
    def model() -> ModelCard:
        """The model, its features, and the dated table of segments with the first appointments."""
        return card(release, now())

    _metrics_route(app, metrics)


def _metrics_route(app: FastAPI, metrics: Metrics) -> None:
    @app.get(
        "/metrics",
        operation_id="metrics",
        summary="Numbers for Prometheus",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {}}, "description": "Prometheus text, of one worker."},
            **refusals(),
        },
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
    answering = document["paths"][f"{assessments.ONE}/answers"]["post"]
    answering["requestBody"]["content"]["application/json"]["examples"] = examples.ANSWERS
    updated = answering["responses"]["200"]["content"]["application/json"]
    updated["examples"] = {
        "updated": _example(release, examples.POSTED, examples.UPDATED_ID, told=examples.TOLD, follows=examples.ID)
    }
    document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            rule = ROUTES.get((method.upper(), path))
            if rule is not None and rule.credential == "bearer":
                operation["security"] = [{"bearer": []}]
    return document


def _pages(app: FastAPI, document: dict[str, Any]) -> None:
    page = docs_page.render(document)
    headers = {"Content-Security-Policy": docs_page.POLICY}

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        return JSONResponse(document)


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
        return refusal(422, *named(faults))

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> JSONResponse:
        known = {400: ("body", "cannot be read as JSON"), 404: ("", "there is nothing at this address")}
        phrase = ("", HTTPStatus(error.status_code).phrase.lower())
        return refusal(error.status_code, known.get(error.status_code, phrase), headers=dict(error.headers or {}))


def _example(release: Release, question: dict[str, Any], name: str = examples.ID, **more: Any) -> dict[str, Any]:
    patient = PostedPatient.model_validate(question["patient"])
    history = PostedHistory.model_validate(question["history"])
    given = shown(release, patient, history, instant(examples.AS_OF), name, **more)
    return {"summary": given.status, "value": json.loads(as_json(given))}
