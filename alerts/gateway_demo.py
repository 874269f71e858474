"""A gateway that sends nothing: it keeps what it was given, for the demo and the tests.

It speaks the protocol of `alerts.gateways.HttpGateway`, delivers a key once, and can be told to misbehave.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

BREAK = 0
"""Instead of a status: take the message and break the connection without an answer."""


@dataclass(frozen=True)
class Received:
    """One message that would have gone out, once for each key."""

    id: str
    key: str
    to: str = field(repr=False)
    text: str = field(repr=False)


class DemoGateway:
    """A gateway on this machine, in a thread of its own; a context manager.

    Attributes:
        received: what would have been delivered, in order.
        requests: how often each key was sent.
    """

    def __init__(self, port: int = 0, watch: Callable[[Received], None] | None = None) -> None:
        """Listen on a port of this machine, 0 for a free one; `watch` is told of each message once."""
        self.received: list[Received] = []
        self.requests: Counter[str] = Counter()
        self._faults: deque[int] = deque()
        self._watch = watch
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where messages are posted."""
        return f"http://127.0.0.1:{self._server.server_port}/messages"

    def misbehave(self, *statuses: int) -> None:
        """Answer the next requests with these statuses instead; `BREAK` takes the message and does not answer."""
        self._faults.extend(statuses)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        """What one request is answered with: a status and a JSON object."""
        with self._lock:
            self.requests[key] += 1
            fault = self._faults.popleft() if self._faults else None
            if fault:
                return fault, {}
            known = next((one for one in self.received if one.key == key), None)
            found = known or self._keep(key, body)
        return BREAK if fault == BREAK else HTTPStatus.OK if known else HTTPStatus.CREATED, {"id": found.id}

    def _keep(self, key: str, body: dict[str, Any]) -> Received:
        made = Received(f"demo-{len(self.received) + 1}", key, body["to"], body["text"])
        self.received.append(made)
        if self._watch is not None:
            self._watch(made)
        return made


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a sender was killed while it sent: the tests do that on purpose."""


def _handler(gateway: DemoGateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            given = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            try:
                body = json.loads(given)
                status, answer = gateway.take(body, self.headers.get("Idempotency-Key") or body["key"])
            except (ValueError, KeyError, TypeError):
                status, answer = HTTPStatus.BAD_REQUEST, {}
            self._answer(status, answer)

        def do_GET(self) -> None:
            self._answer(HTTPStatus.OK, {"received": len(gateway.received)})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            if status == BREAK:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Log nothing."""

    return Handler
