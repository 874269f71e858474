"""What bytes must be before they are a request: heads are bounded, offers of other protocols declined."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from serving import connection
from serving.connection import Connection
from tests.serving.test_release import ROOT

HOST = b"Host: test\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
"""What Java's own client sends."""
CLOSE = b"GET /last HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
Steps = list[bytes | float]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers what it is asked: the path, the headers and the body. `/slow` takes a moment."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(0.2)
    names = sorted(name.decode() for name, _ in scope["headers"])
    said = json.dumps([scope["method"], scope["path"], names, body.decode("latin-1")]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


async def early(_: Any, __: Any, send: Any) -> None:
    """Refuses without reading the body."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


def exchange(*steps: bytes | float, app: Callable[..., Awaitable[None]] = echo, keep_alive: int = 5) -> bytes:
    """All that is answered to bytes, with pauses in seconds between, until the connection is closed."""

    async def talk() -> bytes:
        config = uvicorn.Config(app, http=Connection, log_config=None, lifespan="off", timeout_keep_alive=keep_alive)
        config.load()
        state, loop = ServerState(), asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(config, state, {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        saying = asyncio.create_task(say(writer, steps))
        async with asyncio.timeout(5):
            answered = await hear(reader)
        saying.cancel()
        writer.close()
        server.close()
        return answered

    return asyncio.run(talk())


async def say(writer: asyncio.StreamWriter, steps: tuple[bytes | float, ...]) -> None:
    with contextlib.suppress(ConnectionError):  # who is refused is cut off in the middle
        for step in steps:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            else:
                await asyncio.sleep(step)


async def hear(reader: asyncio.StreamReader) -> bytes:
    answered = b""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65_536):
            answered += part
    return answered


def said(answered: bytes) -> list[list[Any]]:
    """What `echo` was asked, request by request."""
    return [json.loads(line[: line.rindex(b"]") + 1]) for line in answered.split(b"\r\n\r\n")[1:]]


def post(body: bytes, *lines: bytes) -> bytes:
    return b"POST /a?b HTTP/1.1\r\n" + HOST + b"".join(lines) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(*parts: bytes) -> bytes:
    head = b"POST /a HTTP/1.1\r\n" + HOST + OFFER + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_an_offer_of_http_2_is_declined_and_the_request_answered_with_its_body() -> None:
    first, last = said(exchange(post(b'{"a":1}', OFFER, b"X-Kept: 1\r\n"), CLOSE))
    assert first == ["POST", "/a", ["content-length", "host", "x-kept"], '{"a":1}']
    assert last[:2] == ["GET", "/last"]


def test_what_else_a_connection_header_says_is_kept() -> None:
    answered = exchange(post(b"x", b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n"))
    assert said(answered) == [["POST", "/a", ["connection", "content-length", "host"], "x"]]
    assert b"connection: close" in answered


@pytest.mark.parametrize("upgrade", [b"websocket", b"TLS/1.0", b"h2c, websocket"])
def test_no_other_protocol_is_taken_up_either(upgrade: bytes) -> None:
    offered = b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n\r\n"
    first, _ = said(exchange(offered, CLOSE))
    assert first == ["GET", "/a", ["host"], ""]


def test_a_chunked_body_behind_an_offer_is_read() -> None:
    first, _ = said(exchange(chunked(b"one ", b"two"), CLOSE))
    assert first == ["POST", "/a", ["host", "transfer-encoding"], "one two"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 400), max_size=4))
def test_it_does_not_matter_where_the_bytes_are_cut(cuts: list[int]) -> None:
    whole = post(b"first", OFFER) + chunked(b"second") + post(b"third") + CLOSE
    at = [0, *sorted(cut for cut in set(cuts) if cut < len(whole)), len(whole)]
    steps: Steps = []
    for begin, end in itertools.pairwise(at):
        steps += [whole[begin:end], 0.001]
    assert [one[3] for one in said(exchange(*steps))] == ["first", "second", "third", ""]


def test_many_offers_at_once_are_answered_one_by_one() -> None:
    offers = (b"GET /a HTTP/1.1\r\n" + HOST + OFFER + b"\r\n") * 1_500
    assert exchange(offers + CLOSE).count(b'["GET", "/a", ["host"], ""]') == 1_500


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_in_the_shape_of_all_refusals(junk: bytes) -> None:
    answered = exchange(junk)
    assert answered.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"connection: close" in answered
    assert json.loads(answered.split(b"\r\n\r\n")[1]) == {"errors": [{"where": "", "what": "this is no HTTP request"}]}


def test_junk_behind_a_request_is_not_answered_in_the_place_of_the_request() -> None:
    slow = b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n"
    assert b"400" not in exchange(slow, 0.05, b"\x16\x03\x01")


@pytest.mark.parametrize("part", [b"X-Many: y\r\n", b"y" * 100])
def test_a_head_that_does_not_end_is_refused(part: bytes) -> None:
    steps: Steps = [b"GET /a HTTP/1.1\r\n" + HOST, part if part.endswith(b"\n") else b"X-Long: "]
    for _ in range(30):
        steps += [part * (4_000 // len(part)), 0.001]
    answered = exchange(*steps)
    assert answered.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert json.loads(answered.split(b"\r\n\r\n")[1])["errors"][0]["what"] == "the head of the request is too large"


def test_a_large_body_is_no_large_head() -> None:
    [first, _] = said(exchange(post(b"x" * 300_000), CLOSE))
    assert len(first[3]) == 300_000


def test_a_head_must_arrive_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    assert exchange(b"GET /a HT").startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    first, second = exchange(post(b"x"), 0.05, b"GET /b HT").split(b"HTTP/1.1 ")[1:]
    assert (first[:3], second[:3]) == (b"200", b"408")
    assert exchange(b"GET /a HT", 0.05, b"TP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_who_connects_and_says_nothing_is_let_go_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    assert exchange() == b""


def test_a_request_that_takes_long_to_answer_is_not_given_up_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    slow = b"GET /slow HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    assert said(exchange(slow))[0][1] == "/slow"


@pytest.mark.parametrize("drip", [b"\r\n", b"x"])
def test_bytes_that_begin_no_request_do_not_keep_a_connection_open(drip: bytes) -> None:
    unread = b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % (0 if drip == b"\r\n" else 1_000)
    steps: Steps = [unread]
    for _ in range(30):
        steps += [drip, 0.05]
    answered = exchange(*steps, app=early, keep_alive=1)
    assert answered.count(b"HTTP/1.1") == 1


def test_the_service_speaks_through_it() -> None:
    script = "import serving.service, uvicorn; c = uvicorn.Config(None); c.load(); print(c.http_protocol_class)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "<class 'serving.connection.Connection'>", done.stderr
