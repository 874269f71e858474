from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import httpx
import pytest

from alerts.gateway_demo import BREAK, DemoGateway
from alerts.gateways import (
    AppriseGateway,
    Delivery,
    GatewayError,
    HttpGateway,
    Outcome,
    Outgoing,
    Result,
    open_gateway,
)

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise 2.2, of PGP mail

MESSAGE = Outgoing("key-1", "+358401234567", "Palvelusetelisi odottaa.")


@pytest.fixture
def demo() -> Iterator[DemoGateway]:
    with DemoGateway() as gateway:
        yield gateway


@pytest.fixture
def own(demo: DemoGateway) -> Iterator[HttpGateway]:
    with closing(HttpGateway(demo.url)) as gateway:
        yield gateway


def answering(status: int, **more) -> HttpGateway:
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(status, **more)))
    return HttpGateway("http://gateway.test/messages", client=client)


def raising(error: Exception) -> HttpGateway:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    return HttpGateway("http://gateway.test/messages", client=httpx.Client(transport=httpx.MockTransport(fail)))


def test_a_message_reaches_the_gateway_and_gets_its_name(demo: DemoGateway, own: HttpGateway) -> None:
    assert own.send(MESSAGE) == Outcome(Result.ACCEPTED, gateway_id="demo-1")
    received = demo.received[0]
    assert (received.key, received.to, received.text) == (MESSAGE.key, MESSAGE.to, MESSAGE.text)


def test_a_key_sent_twice_is_delivered_once_and_answered_alike(demo: DemoGateway, own: HttpGateway) -> None:
    assert own.send(MESSAGE) == own.send(MESSAGE)
    assert len(demo.received) == 1
    assert demo.requests["key-1"] == 2


def test_the_gateway_can_be_watched_and_asked_how_much_it_got() -> None:
    seen = []
    with DemoGateway(watch=seen.append) as demo, closing(HttpGateway(demo.url)) as gateway:
        gateway.send(MESSAGE)
        assert httpx.get(demo.url).json() == {"received": 1}
    assert seen == demo.received


def test_a_gateway_given_nonsense_refuses_it(demo: DemoGateway) -> None:
    for content in (b"no json", b"[]", b"{}"):
        assert httpx.post(demo.url, content=content).status_code == 400
    assert demo.received == []


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.ACCEPTED),
        (202, Result.ACCEPTED),
        (301, Result.NOT_TAKEN),
        (400, Result.REFUSED),
        (401, Result.NOT_TAKEN),
        (404, Result.NOT_TAKEN),
        (422, Result.REFUSED),
        (429, Result.NOT_TAKEN),
        (500, Result.UNKNOWN),
        (502, Result.UNKNOWN),
        (503, Result.NOT_TAKEN),
    ],
)
def test_each_answer_means_one_thing(status: int, result: Result) -> None:
    assert answering(status).send(MESSAGE).result is result


@pytest.mark.parametrize("body", [b"", b"OK", b"[1]", b'{"other": 1}'])
def test_a_gateway_need_not_name_the_message(body: bytes) -> None:
    assert answering(200, content=body).send(MESSAGE) == Outcome(Result.ACCEPTED)


def test_a_busy_gateway_says_when_to_come_again() -> None:
    assert answering(429, headers={"Retry-After": "120"}).send(MESSAGE).retry_after == timedelta(minutes=2)
    assert answering(503, headers={"Retry-After": "Sun, 22 Nov 2026 10:00:00 GMT"}).send(MESSAGE).retry_after is None


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (httpx.ConnectError(""), Result.NOT_TAKEN),
        (httpx.ConnectTimeout(""), Result.NOT_TAKEN),
        (httpx.ReadTimeout(""), Result.UNKNOWN),
        (httpx.RemoteProtocolError(""), Result.UNKNOWN),
        (httpx.WriteError(""), Result.UNKNOWN),
    ],
)
def test_a_connection_that_never_was_is_told_from_one_that_broke(error: Exception, result: Result) -> None:
    assert raising(error).send(MESSAGE).result is result


def test_a_broken_answer_leaves_the_outcome_unknown_and_the_message_delivered(
    demo: DemoGateway, own: HttpGateway
) -> None:
    demo.misbehave(BREAK, 503)
    assert [own.send(MESSAGE).result for _ in range(3)] == [Result.UNKNOWN, Result.NOT_TAKEN, Result.ACCEPTED]
    assert len(demo.received) == 1


def through_apprise(demo: DemoGateway) -> AppriseGateway:
    """Apprise's own JSON service, its members renamed to those of the protocol."""
    return AppriseGateway(demo.url.replace("http://", "json://") + "?:key=apprise&:to={to}&:message=text")


def test_apprise_reaches_its_services(demo: DemoGateway) -> None:
    gateway = through_apprise(demo)
    assert gateway.send(MESSAGE) == Outcome(Result.ACCEPTED)
    gateway.close()
    assert [(one.to, one.text) for one in demo.received] == [(MESSAGE.to, MESSAGE.text)]


def test_apprise_does_not_tell_a_refusal_from_a_mishap(demo: DemoGateway) -> None:
    demo.misbehave(400, BREAK)
    assert [through_apprise(demo).send(MESSAGE).result for _ in range(2)] == [Result.UNKNOWN, Result.UNKNOWN]
    assert len(demo.received) == 1


def test_what_apprise_could_not_do_is_an_unknown_outcome() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gateway = AppriseGateway(f"json://127.0.0.1:{unused.getsockname()[1]}/{{to}}")
        assert gateway.send(MESSAGE) == Outcome(Result.UNKNOWN)


def test_no_log_holds_a_number_or_a_text(demo: DemoGateway, own: HttpGateway, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    demo.misbehave(500)
    for gateway in (AppriseGateway(f"{demo.url.replace('http://', 'json://')}/{{to}}"), through_apprise(demo), own):
        gateway.send(MESSAGE)
    assert demo.requests
    assert "401234567" not in caplog.text
    assert "odottaa" not in caplog.text
    assert "401234567" not in repr(MESSAGE)
    assert "odottaa" not in repr(MESSAGE)


@pytest.mark.parametrize("url", ["http://", "http://a:b", "ftp://host/"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(GatewayError, match="cannot be read"):
        HttpGateway(url)


@pytest.mark.parametrize(
    ("url", "delivery", "says"),
    [
        ("bulksms://user:secret@+358401234567", None, "where the number goes"),
        ("nothing://user:secret@{to}", None, "does not understand"),
        ("bulksms://user:secret@{to}?retry=3", None, "leave out retry="),
        ("bulksms://user:secret@{to}", Delivery.ONCE, "knows no keys"),
    ],
)
def test_an_apprise_url_that_cannot_be_used_is_refused_without_its_secret(url, delivery, says) -> None:
    with pytest.raises(GatewayError, match=says) as refusal:
        open_gateway(url, delivery)
    assert "secret" not in str(refusal.value)


def test_the_url_chooses_the_gateway_and_the_safe_promise() -> None:
    own, other = open_gateway("https://sms.example/messages"), open_gateway("bulksms://user:secret@{to}")
    assert (type(own), own.delivery) == (HttpGateway, Delivery.ONCE)
    assert (type(other), other.delivery) == (AppriseGateway, Delivery.AT_MOST_ONCE)
    assert open_gateway("bulksms://u:p@{to}", Delivery.AT_LEAST_ONCE).delivery is Delivery.AT_LEAST_ONCE
    assert open_gateway("http://sms.example", Delivery.AT_MOST_ONCE).delivery is Delivery.AT_MOST_ONCE
