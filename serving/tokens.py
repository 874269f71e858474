"""Signed tokens: whose they are and what they allow. Who sends anything else is told nothing but 401.

Two kinds are read. An OAuth bearer token (a JWT whose audience is the service) may be sent again until it ends. A CDS
Hooks token is made for one call: its audience is the exact address of that call, and its id is spent, for all workers
together. Keys come from the directory alone; what a token's header says about where its key is found is never followed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry, extract_compact
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from serving.access import OF_PROVIDER, ROLES
from serving.tenants import DEMO_ISSUER, Directory, FixedKeys, Issuer, Tenant

CDS_ALGORITHMS = ("ES384", "RS384")
"""What CDS Hooks recommends; nothing else is taken there."""
BEARER_ALGORITHMS = ("ES256", "ES384", "RS256", "RS384")
LEEWAY = 30
"""Seconds by which clocks may differ."""
LONGEST_CALL = 3_600
"""Seconds that a token for one call may hold: its id must be remembered so long."""
LONGEST_TOKEN = 8_192
MOST_REMEMBERED = 1_024


class UnknownCallerError(Exception):
    """No token that holds here. Why is not said to anybody: it would tell how to make a better one."""


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        issuer: who vouches for the caller.
        tenant: whose patients the caller may see.
        subject: the caller's name with the issuer.
        scopes: what the token allows.
        patient: the patient whom the token names, for scopes that are limited to one.
        provider: the provider for whom the caller speaks; None for callers of no provider.
    """

    issuer: str
    tenant: Tenant
    subject: str
    scopes: frozenset[str]
    patient: str | None = None
    provider: str | None = None


Spend = Callable[[str, datetime], Awaitable[bool]]
"""Remembers a token until a moment; False when it was spent before."""


class Tokens:
    """Reads tokens for one service.

    Args:
        directory: whose tokens hold.
        public_url: the address that callers use, without a slash at the end.
        now: the present, aware.
        spend: remembers the tokens of single calls, for all workers together.
    """

    def __init__(self, directory: Directory, public_url: str, now: Callable[[], datetime], spend: Spend) -> None:
        self._directory, self._public_url, self._now, self._spend = directory, public_url, now, spend
        self._known: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()

    async def bearer(self, token: str) -> Caller:
        """Who sends an OAuth bearer token.

        Raises:
            UnknownCallerError: the token does not hold.
        """
        name = hashlib.sha256(token.encode()).digest()
        if name in self._known:
            caller, ends = self._known[name]
            if ends + LEEWAY > self._now().timestamp():
                return caller
        issuer, claims = await self._claims(token, BEARER_ALGORITHMS, self._public_url, ("sub",))
        granted = claims.get("scope")
        asked = set(granted.split()) if isinstance(granted, str) else set()
        patient = claims.get("patient")
        provider = claims["provider"] if issuer.speaks_for(claims.get("provider")) else None
        caller = Caller(
            issuer.name,
            issuer.tenant,
            claims["sub"],
            frozenset(asked & issuer.scopes) - {"cds"} - (OF_PROVIDER if provider is None else set()),
            patient if isinstance(patient, str) and patient else None,
            provider,
        )
        self._remember(name, caller, claims["exp"])
        return caller

    async def call(self, token: str, path: str) -> Caller:
        """Who sends a CDS Hooks token, made out to one path of the service, for this call alone.

        Raises:
            UnknownCallerError: the token does not hold, or was spent before.
            DatabaseError: it cannot be told whether it was.
        """
        issuer, claims = await self._claims(token, CDS_ALGORITHMS, self._public_url + path, ("jti",))
        ends = claims["exp"] + LEEWAY
        if claims["exp"] - claims["iat"] > LONGEST_CALL:
            raise UnknownCallerError
        name = hashlib.sha256(json.dumps([issuer.name, claims["jti"]]).encode()).hexdigest()
        if not await self._spend(name, datetime.fromtimestamp(ends, UTC)):
            raise UnknownCallerError
        return Caller(issuer.name, issuer.tenant, issuer.name, issuer.scopes & {"cds"})

    async def _claims(
        self, token: str, algorithms: Collection[str], audience: str, more: tuple[str, ...]
    ) -> tuple[Issuer, dict[str, Any]]:
        try:
            issuer, kid = self._named(token)
            if isinstance(issuer.keys, FixedKeys):
                keys = issuer.keys.of(kid)
            else:
                keys = await asyncio.to_thread(issuer.keys.of, kid)
            if keys is None:
                raise UnknownCallerError
            registry = JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
            claims = jwt.decode(token, keys, algorithms=list(algorithms), registry=registry).claims
            self._rules(issuer, audience, more).validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise UnknownCallerError from error
        return issuer, claims

    def _named(self, token: str) -> tuple[Issuer, str | None]:
        """Whose token it says to be, and which key it says to be signed with; nothing of that is believed yet."""
        if len(token) > LONGEST_TOKEN:
            raise UnknownCallerError
        unread = extract_compact(token.encode("ascii"))
        claims = json.loads(unread.payload or b"")
        issuer = self._directory.issuers.get(claims["iss"])
        if issuer is None:
            raise UnknownCallerError
        return issuer, unread.headers().get("kid")

    def _rules(self, issuer: Issuer, audience: str, more: tuple[str, ...]) -> JWTClaimsRegistry:
        return JWTClaimsRegistry(
            now=int(self._now().timestamp()),
            leeway=LEEWAY,
            iss={"essential": True, "value": issuer.name},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            iat={"essential": True},
            **dict.fromkeys(more, ClaimsOption(essential=True)),
        )

    def _remember(self, name: bytes, caller: Caller, ends: float) -> None:
        """Keep a bearer token's caller, so that its signature is checked once and not with every question."""
        self._known[name] = (caller, ends)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)


def demo_token(
    key: ECKey,
    role: str,
    audience: str,
    now: datetime,
    *,
    seconds: int = 3_600,
    patient: str | None = None,
    provider: str | None = None,
) -> str:
    """A bearer token of the demo's issuer, with the scopes of a role.

    Args:
        key: the demo's private key.
        role: one of `serving.access.ROLES`.
        audience: the public URL of the service.
        now: the present, aware.
        seconds: how long it holds.
        patient: the patient whom the token names, for roles that see one patient.
        provider: the provider whom the token names, for roles that speak for one.
    """
    claims = {"sub": f"demo-{role}", "scope": " ".join(sorted(ROLES[role]))}
    named = {name: value for name, value in (("patient", patient), ("provider", provider)) if value}
    return signed(key, DEMO_ISSUER, audience, now, seconds=seconds, claims=claims | named)


def signed(
    key: ECKey,
    issuer: str,
    audience: str,
    now: datetime,
    *,
    seconds: int = 300,
    claims: Mapping[str, Any] | None = None,
) -> str:
    """A token signed with ES384, as a caller makes it: also that of one CDS Hooks call."""
    at = int(now.timestamp())
    said = {"iss": issuer, "aud": audience, "iat": at, "exp": at + seconds, "jti": secrets.token_urlsafe(16)}
    return jwt.encode({"alg": "ES384", "kid": key.kid}, said | dict(claims or {}), key, algorithms=["ES384"])
