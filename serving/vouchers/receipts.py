"""The route of text-message gateways: what became of a message."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse

from alerts.receipts import Receipt, receive
from serving.assessments import NO_STORE
from serving.faults import refusals
from serving.guard import Refused
from serving.vouchers import examples
from serving.vouchers.counter import Counter
from serving.vouchers.wire import ReceiptIn, ReceivedOut


def add_routes(app: FastAPI, counter: Counter) -> None:
    """Add the route of gateways to an application."""

    @app.post(
        "/v1/receipts",
        operation_id="receipt",
        summary="Tell what became of a text message",
        response_model=ReceivedOut,
        response_description="It was taken; the same receipt twice, or receipts in any order, do no harm.",
        responses=refusals(400, 404, 413, 422, 503),
    )
    def receipt(told: Annotated[ReceiptIn, Body(openapi_examples=examples.RECEIPTS)], request: Request) -> JSONResponse:
        """Name the message by the key that it was sent with, or by your own id; 404 for neither: try again later."""
        visit = counter.serve(request, "receipt")
        if told.key is None and told.id is None:
            raise Refused(422, "body", "names no message: give key or id")
        with visit.writing() as connection:
            known = receive(connection, Receipt(told.state, told.key, told.id), visit.now)
        if not known:
            raise Refused(404, "key" if told.key else "id", "no message is named so")
        return JSONResponse({"received": True}, headers=NO_STORE)
