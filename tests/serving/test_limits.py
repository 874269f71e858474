"""Who asks too often waits; every request has an id; the log is lines of JSON without a patient."""

from __future__ import annotations

import io
import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving import limits, logs
from serving.house import House
from serving.limits import Buckets
from serving.release import Release
from serving.settings import Settings, SettingsError
from tests.serving.asker import Asker, asker, bearer, posted

ONE, OTHER = ("issuer", "one"), ("issuer", "other")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_bucket_empties_and_refills_for_each_caller_alone() -> None:
    clock = Clock()
    buckets = Buckets(2.0, 3.0, clock)
    assert [buckets.take(ONE) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take(OTHER) == 0
    clock.seconds = 0.25
    assert buckets.take(ONE) == 0.25
    clock.seconds = 0.5
    assert (buckets.take(ONE), buckets.take(ONE)) == (0, 0.5)


@given(st.floats(0.5, 20), st.integers(1, 20), st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_no_caller_gets_more_than_burst_and_rate_allow(rate: float, burst: int, pauses: list[float]) -> None:
    clock = Clock()
    buckets, passed = Buckets(rate, burst, clock), 0
    for pause in pauses:
        clock.seconds += pause
        waits = buckets.take(ONE)
        passed += not waits
        assert waits <= 1 / rate
        assert passed <= burst + rate * clock.seconds + 1e-6


def test_no_more_callers_are_remembered_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CALLERS", 2)
    buckets = Buckets(1.0, 1.0, Clock())
    for name in "abc":
        assert buckets.take(("issuer", name)) == 0
    assert buckets.take(("issuer", "c")) > 0
    assert buckets.take(("issuer", "a")) == 0  # forgotten, so it is full again
    assert len(buckets._left) == 2


def test_a_rate_of_nothing_sets_no_limit() -> None:
    buckets = Buckets(0.0, 0.0)
    assert {buckets.take(ONE) for _ in range(1_000)} == {0.0}


@pytest.fixture
def limited(release: Release, own_house: House) -> Asker:
    """An API that lets each caller ask twice at once."""
    return asker(release, replace(own_house, settings=replace(own_house.settings, rate=0.01, burst=2)))


def test_who_asks_too_often_is_told_when_to_ask_again(limited: Asker, own_house: House) -> None:
    assert [limited.get("/v1/model").status_code for _ in range(2)] == [200, 200]
    refused = limited.ask(posted())
    assert (refused.status_code, refused.json()["errors"][0]["what"]) == (429, "you ask too often; wait and try again")
    assert 90 <= int(refused.headers["retry-after"]) <= 100
    assert limited.of(bearer(own_house, "operator")).get("/v1/model").status_code == 200
    assert limited.of({}).get("/docs").status_code == 200
    assert limited.of({}).get("/v1/model").status_code == 401


def test_a_body_larger_than_the_operator_allows_is_refused(release: Release, own_house: House) -> None:
    small = asker(release, replace(own_house, settings=replace(own_house.settings, most_bytes=100)))
    assert small.ask(posted()).status_code == 413


def test_limits_come_from_the_environment() -> None:
    found = Settings.read({"TARVE_RATE": "2.5", "TARVE_BURST": "7", "TARVE_MOST_BYTES": "1000"})
    assert (found.rate, found.burst, found.most_bytes) == (2.5, 7, 1000)
    assert (Settings.read({}).rate, Settings.read({}).burst) == (50, 100)
    for wrong in ("-1", "many", "inf", "nan"):
        with pytest.raises(SettingsError, match="TARVE_RATE must be a number from 0 on"):
            Settings.read({"TARVE_RATE": wrong})


@pytest.mark.parametrize("offered", [str(uuid.UUID(int=7)), TRACE])
def test_a_request_keeps_the_id_that_its_caller_offers(api: Asker, offered: str) -> None:
    assert api.get("/docs", x_request_id=offered).headers["x-request-id"] == offered
    assert api.request("POST", "/v1/assess", headers={"X-Request-Id": offered}).headers["x-request-id"] == offered
    assert api.of({"X-Request-Id": offered}).get("/v1/model").headers["x-request-id"] == offered


@pytest.mark.parametrize(
    "path", ["/docs", "/openapi.json", "/cds-services", "/v1/model", "/pages/style.css", "/nothing"]
)
def test_no_answer_lets_a_browser_guess_its_type(api: Asker, path: str) -> None:
    for one in (api, api.of({})):
        assert one.get(path).headers.get_list("x-content-type-options") == ["nosniff"]


@pytest.mark.parametrize("offered", ["", "010190-900A", "Matti-Meikalainen-1952", "x" * 5_000, TRACE + "0"])
def test_what_might_name_a_patient_is_no_request_id(api: Asker, offered: str) -> None:
    made = api.get("/docs", x_request_id=offered).headers["x-request-id"]
    assert str(uuid.UUID(made)) == made


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log of the process as the service writes it."""
    logger = logging.getLogger(logs.LOGGER)
    before = logger.handlers[:], logger.level, logger.propagate
    stream = io.StringIO()
    logs.set_up(stream)
    yield stream
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])
    logging.getLogger(f"{logs.LOGGER}.requests").setLevel(logging.NOTSET)


def said(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_request_is_a_line_with_its_route_and_no_patient(api: Asker, lines: io.StringIO) -> None:
    question = posted() | {"unit": "Zq7Sentinel"}
    question["patient"]["reference"] = "Zq7Sentinel"
    named = api.ask(question).headers["x-request-id"]
    api.get("/v1/assessments/Zq7Sentinel")
    api.get("/Zq7Sentinel")
    first, second, third = said(lines)
    assert (first["says"], first["level"], first["request"]) == ("answered", "info", named)
    assert (first["method"], first["route"], first["status"]) == ("POST", "/v1/assess", 200)
    assert (first["issuer"], first["tenant"]) == ("urn:tarve:demo", "demo")
    assert first["ms"] > 0
    assert (second["route"], second["status"]) == ("/v1/assessments/{assessment_id}", 404)
    assert (third["route"], third["status"]) == (None, 404)
    assert "Zq7Sentinel" not in lines.getvalue()


def test_lines_of_requests_can_be_left_out(api: Asker, lines: io.StringIO) -> None:
    logs.set_up(lines, requests=False)
    assert api.get("/docs").status_code == 200
    logging.getLogger("tarve.serving").warning("said outside of a request")
    [line] = said(lines)
    assert (line["says"], line["level"]) == ("said outside of a request", "warning")
    assert "request" not in line
