"""What is refused, what is set aside with its reason, and that nothing posted ever comes back or reaches a log."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic_core import PydanticCustomError

from records import store
from serving import desk
from serving.api import create_app
from serving.front import Front
from serving.guard import BODY_SECONDS, SizeLimit
from serving.house import House
from serving.known import Known
from serving.release import Release
from serving.wire import MOST_BYTES, MOST_ROWS
from serving.wire import posted as wire
from tests.rows import event, history, patient
from tests.serving.asker import NOW, URL, Asker, asker, posted

SENTINEL = "Zq7Sentinel"


def changed(table: str, at: int, **members: object) -> dict[str, Any]:
    question = posted()
    question["history"][table][at] |= members
    return question


def again(table: str) -> dict[str, Any]:
    question = posted()
    question["history"][table].append(question["history"][table][0])
    return question


@pytest.mark.parametrize(
    ("question", "table", "reason"),
    [
        (changed("visits", 0, event_time="2026-11-22T10:00+02:00"), "visits", "it happened at or after the moment"),
        (changed("visits", 0, minutes=-5), "visits", "minutes is below 0"),
        (changed("visits", 0, minutes=10**30), "visits", "minutes is above 1440"),
        (changed("visits", 0, event_time="1971-05-16"), "visits", "it happened before the patient was born"),
        (changed("visits", 0, profession="barber"), "visits", "profession is not an allowed value"),
        (changed("findings", 0, value=101), "findings", "value is above 100"),
        (changed("procedures", 0, tooth=-(10**9)), "procedures", "tooth is below 11"),
        (again("visits"), "visits", "duplicate event id"),
    ],
)
def test_a_row_that_cannot_be_used_is_set_aside_and_counted(
    api: Asker, question: dict[str, Any], table: str, reason: str
) -> None:
    answer = api.answer(question)
    assert answer["set_aside"] == [{"table": table, "reason": reason, "rows": 1}]
    assert answer["status"] == "assessed"


def test_an_unknown_procedure_code_is_used_and_noticed(api: Asker) -> None:
    answer = api.answer(changed("procedures", 0, code="XYZ99"))
    assert answer["set_aside"] == []
    assert [(notice["table"], notice["rows"]) for notice in answer["notices"]] == [("procedures", 1)]


@pytest.mark.parametrize(
    ("question", "where", "what"),
    [
        (changed("visits", 2, event_time="yesterday"), "history.visits[2].event_time", "is not an ISO 8601"),
        (changed("visits", 2, event_time="20261006"), "history.visits[2].event_time", "is not an ISO 8601"),
        (changed("visits", 2, event_time="2026-02-30"), "history.visits[2].event_time", "is not an ISO 8601"),
        (changed("visits", 2, event_time="0001-01-01T00:00+14:00"), "history.visits[2].event_time", "is not an ISO"),
        (changed("visits", 2, event_time=5), "history.visits[2].event_time", "is not an ISO 8601"),
        (changed("visits", 1, minutes="45"), "history.visits[1].minutes", "must be a whole number"),
        (changed("visits", 1, minutes=4.5), "history.visits[1].minutes", "must be a whole number"),
        (changed("visits", 1, minutes=float("nan")), "history.visits[1].minutes", "must be a whole number"),
        (changed("visits", 1, minutes=True), "history.visits[1].minutes", "must be a whole number"),
        (changed("visits", 1, urgency=None), "history.visits[1].urgency", "must be text"),
        (changed("visits", 1, unit="\ud800"), "history.visits[1].unit", "must be text"),
        (posted() | {"patient": None}, "patient", "is missing"),
        (posted() | {"history": None}, "history", "is missing"),
        (posted() | {"history": []}, "history", "must be an object"),
        (posted() | {"history": {"visits": {}}}, "history.visits", "must be a list"),
        (posted() | {"history": {"visits": [3]}}, "history.visits[0]", "must be an object"),
        (posted() | {"patient": {"birth_date": "17.5.1971"}}, "patient.birth_date", "is not an ISO 8601 date"),
        (posted() | {"patient": {"birth_date": "2027-01-01"}}, "patient.birth_date", "is after the moment"),
        (posted() | {"patient": {"birth_date": None, "sex": "x"}}, "patient.sex", "is not an allowed value"),
        (posted() | {"patient": {"birth_date": None, "special_needs": 1}}, "patient.special_needs", "must be true"),
        (posted() | {"patient_id": "P1"}, "patient_id", "not both"),
        (posted() | {"as_of": "now"}, "as_of", "is not an ISO 8601"),
        ({"patient_id": 7}, "patient_id", "must be text"),
        ({"patient_id": "P000123", "as_of": "1950-01-01"}, "as_of", "is before the patient was born"),
        ({}, "body", "give either"),
        ([], "body", "must be a JSON object"),
        (None, "body", "must be a JSON object"),
    ],
)
def test_a_wrong_structure_is_refused(api: Asker, question: object, where: str, what: str) -> None:
    [fault] = api.faults(question)
    assert fault["where"] == where
    assert what in fault["what"]


@pytest.mark.parametrize("text", ["{", '{"patient_id": ', "not json"])
def test_malformed_json_is_refused(api: Asker, text: str) -> None:
    given = api.request("POST", "/v1/assess", content=text, headers={"Content-Type": "application/json"})
    assert given.status_code == 400
    assert "is not valid JSON" in given.json()["errors"][0]["what"]


@pytest.mark.parametrize("body", [b"\xff\xfe{", b"[" * 100_000, b'{"patient_id": ' + b"9" * 5000 + b"}"])
def test_a_body_that_no_reader_survives_is_refused(api: Asker, body: bytes) -> None:
    given = api.request("POST", "/v1/assess", content=body, headers={"Content-Type": "application/json"})
    assert given.status_code == 400
    assert given.json()["errors"][0]["where"] == "body"


def test_a_body_of_another_type_is_refused(api: Asker) -> None:
    given = api.request("POST", "/v1/assess", content=json.dumps(posted()), headers={"Content-Type": "text/plain"})
    assert given.status_code == 422
    assert "application/json" in given.json()["errors"][0]["what"]


def test_a_body_too_large_is_refused(api: Asker) -> None:
    large = b'{"patient_id": "' + b"x" * MOST_BYTES + b'"}'

    async def chunks() -> Any:
        for at in range(0, len(large), 100_000):
            yield large[at : at + 100_000]

    announced = api.request("POST", "/v1/assess", content=large, headers={"Content-Type": "application/json"})
    streamed = api.request("POST", "/v1/assess", content=chunks(), headers={"Content-Type": "application/json"})
    assert announced.status_code == streamed.status_code == 413
    assert "5,000,000 bytes" in announced.json()["errors"][0]["what"] == streamed.json()["errors"][0]["what"]


def test_a_body_that_does_not_arrive_is_told_to_be_late_and_not_given_up_as_ours() -> None:
    async def dripping() -> Any:
        yield b"{"
        await asyncio.sleep(5)

    async def app(*_: object) -> None:
        pytest.fail("half a body is nobody's business")

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=SizeLimit(app, 100, seconds=0.05))
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            return await client.post("/v1/assess", content=dripping())

    late = asyncio.run(send())
    assert late.json() == {"errors": [{"where": "body", "what": "did not arrive in time"}]}
    assert (late.status_code, late.headers["connection"]) == (408, "close")
    assert inspect.signature(Front).parameters["seconds"].default > BODY_SECONDS


def test_too_many_rows_are_refused_before_any_is_read(api: Asker) -> None:
    question = posted() | {"history": {"visits": [{}] * (MOST_ROWS + 1)}}
    assert "20,000 rows" in api.faults(question, 413)[0]["what"]


def test_of_many_faults_some_are_named_and_the_rest_counted(api: Asker) -> None:
    faults = api.faults(posted() | {"history": {"visits": [{}] * 100}})
    assert len(faults) == 21
    assert faults[-1] == {"where": "body", "what": "280 more members are wrong"}


def test_other_addresses_and_methods_are_refused_in_the_same_shape(api: Asker) -> None:
    assert api.get(f"/{SENTINEL}").json() == {"errors": [{"where": "", "what": "there is nothing at this address"}]}
    given = api.get("/v1/assess")
    assert given.status_code == 405
    assert given.headers["allow"] == "POST"
    assert given.json()["errors"][0]["what"] == "method not allowed"


def everywhere(value: object, put: Callable[[], object]) -> object:
    """The same question with every text replaced."""
    if isinstance(value, dict):
        return {key: everywhere(inner, put) for key, inner in value.items()}
    if isinstance(value, list):
        return [everywhere(inner, put) for inner in value]
    return put() if isinstance(value, str) else value


def sentinels() -> list[object]:
    """Questions that hold the sentinel in every text, in each text alone, as a member's name, and as what it is not."""
    found = [everywhere(posted(), lambda: SENTINEL), {"patient_id": SENTINEL}, {"patient_id": {SENTINEL: SENTINEL}}]
    question = posted() | {"patient_id": SENTINEL, SENTINEL: {SENTINEL: 1}}
    found += [question, question["history"], {SENTINEL: SENTINEL}, [SENTINEL], SENTINEL]
    for table, rows in posted()["history"].items():
        for member in {"event_id", "recorded_at", *rows[0], SENTINEL}:
            for value in (SENTINEL, [SENTINEL], {SENTINEL: SENTINEL}):
                found.append(changed(table, 0, **{member: value}))
    found += [posted() | {"as_of": SENTINEL}, posted() | {"history": {SENTINEL: [SENTINEL]}}]
    found += [posted() | {"patient": {"birth_date": None, member: SENTINEL}} for member in ("sex", "special_needs")]
    return found


def test_nothing_posted_comes_back_or_is_logged(
    api: Asker, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    texts = [api.ask(question).text for question in sentinels()]
    texts += [api.request("POST", "/v1/assess", content=f'{{"{SENTINEL}').text]
    texts += [api.get(f"/{SENTINEL}?{SENTINEL}=1").text]
    # The client of these tests logs the addresses that it asks; the service must not.
    logged = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    texts += [api.get("/metrics").text, *capfd.readouterr(), *logged]
    assert len(texts) > 100
    assert not any(SENTINEL in text for text in texts)


def test_an_unforeseen_error_says_only_its_type_and_a_request_id(
    api: Asker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError(SENTINEL)

    monkeypatch.setattr(desk, "answer", fail)
    given = api.ask(posted())
    assert given.status_code == 500
    assert given.headers["x-request-id"] in given.json()["errors"][0]["what"]
    [record] = [record for record in caplog.records if record.name == "tarve.serving"]
    assert given.headers["x-request-id"] in record.getMessage()
    assert "ZeroDivisionError at test_refusals.py:" in record.getMessage()
    assert record.exc_info is None
    assert SENTINEL not in caplog.text + given.text


def test_a_day_that_is_in_no_calendar_is_refused(api: Asker) -> None:
    question = posted()
    question["patient"]["birth_date"] = "1971-02-30"
    assert api.faults(question) == [{"where": "patient.birth_date", "what": "is not an ISO 8601 date"}]


def test_a_stored_patient_whose_row_cannot_be_used_is_said_so(release: Release, house: House, tmp_path: Path) -> None:
    store.write(
        history(patient("x", sex="SECRET"), visits=[event("visits", "2020-01-01", patient="x")]), tmp_path / "r"
    )
    odd = asker(release, replace(house, known=Known(tmp_path / "r")))
    what = "the stored row of the patient cannot be used: sex is not an allowed value"
    assert odd.faults({"patient_id": "x"}) == [{"where": "patient_id", "what": what}]


def test_starting_and_stopping_pass_the_middleware(release: Release, house: House) -> None:
    app, sent = create_app(release, house, lambda: NOW), []
    asked = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(asked)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("value", ["1", True, float("nan"), float("inf"), 2**60, None])
def test_a_number_is_finite_and_exact(value: object) -> None:
    assert wire._number(1.5) == 1.5
    with pytest.raises(PydanticCustomError, match="must be a number"):
        wire._number(value)
