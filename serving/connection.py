"""The connection: what bytes must be before they are a request, and how long a caller may take to say what it wants.

The head of a request is bounded in size and in time, and so is an idle connection. What a caller offers to speak
instead of HTTP/1.1 is declined, and the request answered as if nothing had been offered: Java's own client offers
HTTP/2 with every first request over plain HTTP, and the parser beneath would lose the body of such a one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD = 65_536
"""Bytes of a request's line and headers. A head that arrives whole at once may be a little larger."""
HEAD_SECONDS = 10.0
"""How long a caller may take from connecting, or from the first byte of a further request, to the end of the head."""
OFFERS = frozenset({b"upgrade", b"http2-settings"})
"""Headers that offer another protocol, and the words that name them in `Connection`."""


class Connection(HttpToolsProtocol):
    """One connection, read by httptools."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._has_begun, self._in_head, self._is_new, self._size = False, True, False, 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, but not for ever."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what has arrived."""
        self._is_new = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(400, "this is no HTTP request")
        else:
            self._look_at_head(len(data))

    def on_message_begin(self) -> None:
        """A request begins; only now the connection is idle no longer."""
        self._unset_keepalive_if_required()
        self._has_begun, self._in_head, self._is_new, self._size = True, True, True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hand a request on, unless it must be read again without its offer."""
        if not self.parser.should_upgrade():
            self._in_head = False
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is whole, unless none of it was read."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        """Read bytes; a request with an offer once more without it, and what stands behind it.

        Raises:
            httptools.HttpParserError: they are no request.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                if self.parser.get_method() == b"CONNECT":
                    raise httptools.HttpParserError from None
                head = b"".join(self._without_offer())
                self.parser = httptools.HttpRequestParser(self)
                data = head + data[offer.args[0] :]
            else:
                return

    def _without_offer(self) -> Iterator[bytes]:
        version = self.parser.get_http_version().encode()
        yield b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, version)
        for name, value in self.headers:
            kept = _without(OFFERS, value) if name == b"connection" else value
            if name not in OFFERS and (kept or not value):
                yield b"%s: %s\r\n" % (name, kept)
        yield b"\r\n"

    def _look_at_head(self, size: int) -> None:
        """Bound a head that is not complete yet; the bytes with which it began may be those of others before it."""
        if not self._in_head:
            self._stop_waiting()
            return
        self._size += 0 if self._is_new else size
        if self._size > MOST_HEAD:
            self._refuse(431, "the head of the request is too large")
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._has_begun:
            self._refuse(408, "the head of the request did not arrive in time")
        else:
            self.transport.close()

    def _refuse(self, status: int, what: str) -> None:
        """Say what is wrong and close; while an answer is on its way only close, lest this be taken for it."""
        self._stop_waiting()
        if self.cycle is None or self.cycle.response_complete:
            body = orjson.dumps({"errors": [{"where": "", "what": what}]})
            said = [
                *self.server_state.default_headers,
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
                (b"connection", b"close"),
            ]
            line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
            self.transport.write(b"".join([line, *(b"%s: %s\r\n" % one for one in said), b"\r\n", body]))
        self.transport.close()


def _without(words: frozenset[bytes], listed: bytes) -> bytes:
    """A list of words without some of them."""
    return b", ".join(word for word in map(bytes.strip, listed.split(b",")) if word.lower() not in words)
