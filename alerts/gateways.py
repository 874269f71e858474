"""How a text message leaves the house: a gateway takes a number, a text and a key, and says what became of them.

A gateway of our own protocol is told the key of every message and delivers a key once, however often it is sent. What
Apprise reaches (dozens of services, by URL) knows no key: there `Delivery` says which mishap is the lesser one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Protocol
from urllib.parse import parse_qs, quote, urlsplit

import apprise
import httpx

TO = "{to}"
"""Where the number stands in an Apprise URL."""

TIMEOUT_SECONDS = 20.0
"""How long a gateway may take to answer; shorter than the lease of a message, see `alerts.dispatch`."""

OF_THE_MESSAGE = (httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.UNPROCESSABLE_ENTITY)
"""Answers that speak of this message alone; any other refusal speaks of the gateway or of how it is set up."""

NOT_ACTED_ON = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
"""Answers of the 4xx and 5xx kind that say when to come again (RFC 9110, 10.2.3)."""

_NEVER_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_EXAMPLE = "+358401234567"


class GatewayError(ValueError):
    """A gateway that cannot be used as configured; the message shows no secret."""


class Delivery(Enum):
    """What is promised where the outcome of sending may stay unknown (a broken connection, a killed process).

    `once`: the gateway delivers a key once, so what is not known is sent again. `at_most_once`: what is not known is
    not sent again but put before a person. `at_least_once`: what is not known is sent again, and may arrive twice.
    """

    ONCE = "once"
    AT_MOST_ONCE = "at-most-once"
    AT_LEAST_ONCE = "at-least-once"


class Result(Enum):
    """What became of one attempt.

    `accepted`: the gateway has it. `refused`: it will never take this message. `not_taken`: it has not got it, try
    later. `unknown`: nobody can say whether it has it.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_TAKEN = "not_taken"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outgoing:
    """A message on its way. Number and text are kept out of its representation, so that none gets into a log.

    Attributes:
        key: the same whenever the same message is sent; says nothing of whom it is about.
        to: telephone number, E.164.
    """

    key: str
    to: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What a gateway said.

    Attributes:
        gateway_id: its own name for the message, which receipts refer to.
        retry_after: when it wants to be asked again.
    """

    result: Result
    gateway_id: str | None = None
    retry_after: timedelta | None = None


class Gateway(Protocol):
    """Takes messages; never raises for what a network or a service does."""

    delivery: Delivery

    def send(self, message: Outgoing) -> Outcome:
        """Hand over one message, in at most `TIMEOUT_SECONDS`."""

    def close(self) -> None:
        """Let go of connections."""


class HttpGateway:
    """A gateway of our own small protocol.

    `POST` to the URL, with the JSON object `{"key", "to", "text"}` and the header `Idempotency-Key`. A gateway that
    has seen the key answers as it did the first time. Success is any 2xx, optionally with `{"id"}`.

    Args:
        url: `http://` or `https://`; a user and a password in it become basic authentication.
        delivery: `ONCE` unless the gateway disregards keys.
        client: for tests and for settings of one's own.

    Raises:
        GatewayError: the URL is none.
    """

    def __init__(self, url: str, delivery: Delivery = Delivery.ONCE, client: httpx.Client | None = None) -> None:
        self.delivery = delivery
        self._url = _parsed(url)
        self._client = client or httpx.Client(timeout=TIMEOUT_SECONDS)

    def send(self, message: Outgoing) -> Outcome:
        """Hand over one message."""
        body = {"key": message.key, "to": message.to, "text": message.text}
        try:
            reply = self._client.post(self._url, json=body, headers={"Idempotency-Key": message.key})
        except _NEVER_ARRIVED:
            return Outcome(Result.NOT_TAKEN)
        except httpx.HTTPError:
            return Outcome(Result.UNKNOWN)
        return _read(reply)

    def close(self) -> None:
        """Close the connections that were kept for the next message."""
        self._client.close()


class AppriseGateway:
    """Any service that Apprise reaches, one telephone number at a time.

    Apprise says no more than whether all went well: any failure is an unknown outcome, because a connection that broke
    while it waited for the answer looks like one that was refused. Its own log lines, which hold telephone numbers, are
    switched off.

    Args:
        url: an Apprise URL with `{to}` where the number stands, as `bulksms://USER:PASSWORD@{to}`.
        delivery: `AT_MOST_ONCE` or `AT_LEAST_ONCE`.

    Raises:
        GatewayError: Apprise does not understand the URL, it has no `{to}`, it asks for repeats of Apprise's own, or
            `ONCE` is asked of a service that knows no keys.
    """

    def __init__(self, url: str, delivery: Delivery = Delivery.AT_MOST_ONCE) -> None:
        self.delivery = delivery
        self._url = url
        _silence()
        if TO not in url:
            raise GatewayError(f"the gateway's URL does not say where the number goes: write {TO} in its place")
        if delivery is Delivery.ONCE:
            raise GatewayError("a gateway reached through Apprise knows no keys: choose at-most-once or at-least-once")
        if "retry" in parse_qs(urlsplit(url).query, keep_blank_values=True):
            raise GatewayError("leave out retry= from the gateway's URL: what is sent again is decided here")
        self._service(_EXAMPLE)

    def send(self, message: Outgoing) -> Outcome:
        """Hand over one message."""
        sent = self._service(message.to).notify(
            body=message.text, body_format=apprise.NotifyFormat.TEXT, timeout=TIMEOUT_SECONDS
        )
        return Outcome(Result.ACCEPTED if sent else Result.UNKNOWN)

    def close(self) -> None:
        """Nothing is kept open."""

    def _service(self, number: str) -> apprise.Apprise:
        asset = apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY)
        service = apprise.Apprise(asset=asset)
        if not service.add(self._url.replace(TO, quote(number, safe=""))):
            raise GatewayError("Apprise does not understand the gateway's URL; see its documentation of the service")
        return service


def open_gateway(url: str, delivery: Delivery | None = None) -> Gateway:
    """The gateway that a URL means: `http://` and `https://` speak our own protocol, all others are Apprise's.

    Args:
        url: the configuration; it may hold secrets and is never shown.
        delivery: None for the safe choice: `ONCE` for our own protocol, `AT_MOST_ONCE` for Apprise.

    Raises:
        GatewayError: the URL cannot be used.
    """
    if url.startswith(("http://", "https://")):
        return HttpGateway(url, delivery or Delivery.ONCE)
    return AppriseGateway(url, delivery or Delivery.AT_MOST_ONCE)


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise GatewayError("the gateway's URL cannot be read; give http://HOST:PORT/PATH, or a URL of Apprise")
    return parsed


def _read(reply: httpx.Response) -> Outcome:
    if reply.is_success:
        return Outcome(Result.ACCEPTED, gateway_id=_id(reply))
    if reply.status_code in OF_THE_MESSAGE:
        return Outcome(Result.REFUSED)
    if reply.is_server_error and reply.status_code not in NOT_ACTED_ON:
        return Outcome(Result.UNKNOWN)
    return Outcome(Result.NOT_TAKEN, retry_after=_seconds(reply.headers.get("Retry-After", "")))


def _id(reply: httpx.Response) -> str | None:
    try:
        told = reply.json()
    except ValueError:
        return None
    found = told.get("id") if isinstance(told, dict) else None
    return None if found is None else str(found)


def _seconds(retry_after: str) -> timedelta | None:
    """The header's number of seconds; its other form, a date, is not used."""
    return timedelta(seconds=int(retry_after)) if retry_after.isascii() and retry_after.isdigit() else None


def _silence() -> None:
    """Keep the numbers that Apprise and its HTTP library log out of every log, at whatever level logging is set."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    logging.getLogger("urllib3").setLevel(logging.INFO)
