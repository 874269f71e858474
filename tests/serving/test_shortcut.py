"""The shortcut answers what the route would answer, and passes on as it came what it does not take."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from serving.guard import Refused
from serving.reading import read
from serving.shortcut import Shortcut
from serving.tokens import Caller
from tests.serving.asker import Asker, posted

BODY = orjson.dumps({"patient": {"birth_date": None}, "history": {}})
CALLER: Any = object()


def called(
    *pieces: bytes,
    path: str = "/v1/assess",
    method: str = "POST",
    kind: str = "application/json",
    refused: bool = False,
) -> tuple[list[Any], list[Any], bytes]:
    """What is asked past the routes, what is sent, and the body that the routes are given."""
    asked: list[Any] = []
    sent: list[Any] = []
    passed: list[bytes] = []

    async def ask(body: bytes, caller: Caller) -> bytes | None:
        if read(body) is None:
            return None
        asked.append((body, caller))
        if refused:
            raise Refused(422, "as_of", "is before the patient was born")
        return b"{}"

    async def routes(_: Any, receive: Any, __: Any) -> None:
        more = True
        while more:
            message = await receive()
            passed.append(message.get("body", b""))
            more = message.get("more_body", False)

    waiting = iter([{"type": "http.request", "body": piece, "more_body": True} for piece in pieces])

    async def receive() -> Any:
        return next(waiting, {"type": "http.request", "body": b"", "more_body": False})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": [(b"content-type", kind.encode())],
             "state": {"caller": CALLER}}  # fmt: skip
    asyncio.run(Shortcut(routes, ask)(scope, receive, send))
    return asked, sent, b"".join(passed)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_a_question_of_the_usual_form_is_answered_also_when_it_comes_in_pieces(kind: str) -> None:
    asked, sent, passed = called(BODY[:20], BODY[20:], kind=kind)
    assert asked == [(BODY, CALLER)]
    assert sent[0]["status"] == 200
    assert dict(sent[0]["headers"])[b"content-length"] == b"2"
    assert sent[1]["body"] == b"{}"
    assert passed == b""


@pytest.mark.parametrize(
    ("body", "how"),
    [(b'{"patient_id": "a"}', {}), (b"{", {}), (BODY, {"path": "/v1/assess/batch"}), (BODY, {"method": "PUT"}),
     (BODY, {"kind": "text/plain"}), (BODY, {"kind": ""}), (BODY, {"kind": "application/fhir+json"})],
)  # fmt: skip
def test_everything_else_is_passed_on_as_it_came(body: bytes, how: dict[str, Any]) -> None:
    asked, sent, passed = called(body[:3], body[3:], **how)
    assert (asked, sent) == ([], [])
    assert passed == body


def test_a_refusal_has_the_shape_of_all_refusals() -> None:
    _, sent, _ = called(BODY, refused=True)
    assert sent[0]["status"] == 422
    assert orjson.loads(sent[1]["body"]) == {"errors": [{"where": "as_of", "what": "is before the patient was born"}]}


def test_the_route_itself_answers_the_same(api: Asker) -> None:
    ways = []
    for kind in ("application/json", "application/vnd.clinic+json"):
        given = api.request("POST", "/v1/assess", content=orjson.dumps(posted()), headers={"Content-Type": kind})
        assert given.status_code == 200
        headers = {name: value for name, value in given.headers.items() if name != "x-request-id"}
        ways.append(({**given.json(), "id": None}, headers))
    assert ways[0] == ways[1]


def test_what_is_nested_too_deeply_is_refused_and_no_failure_of_the_service(api: Asker) -> None:
    deep = b'{"patient": {"birth_date": null}, "history": {}, "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    given = api.request("POST", "/v1/assess", content=deep, headers={"Content-Type": "application/json"})
    assert given.status_code == 400
