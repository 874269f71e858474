"""SMART App Launch 2: what we ask a record system that launches us, and what of its answers is believed.

The record system is one that the operator listed; where it has people sign in, it says itself, under its own address.
Only the code flow with PKCE (S256) is spoken. Who signed in is read from an id_token whose signature, issuer, audience,
time and nonce hold. The access token reads the one patient's record, at once, and is then forgotten.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from serving.cds.call import STAFF
from serving.cds.discovery import WANTED
from serving.tenants import SmartClient, readable_keys, require_safe
from serving.tokens import BEARER_ALGORITHMS, LEEWAY

SECONDS = 5.0
MOST_BYTES = 100_000
MOST_TOKEN = 8_192
_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
Fault = Literal["no_discovery", "no_s256", "no_token", "no_patient", "no_user"]


class SmartError(Exception):
    """A launch cannot go on; `what` says why, and nothing of what the record system said."""

    def __init__(self, what: Fault) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True)
class Endpoints:
    """What a record system says of itself.

    Attributes:
        authorize: where people sign in there.
        token: where a code becomes a token.
        issuer: who signs id_tokens.
        jwks: with which keys.
        speaks_v2: whether scopes of SMART 2 are understood; else those of SMART 1 are asked for.
    """

    authorize: str
    token: str
    issuer: str
    jwks: str
    speaks_v2: bool


@dataclass(frozen=True)
class Launched:
    """Who launched us, with whom.

    Attributes:
        patient: id of the patient on the FHIR server.
        user: the person, as `Practitioner/7`.
        access_token: reads the patient's record.
        context: the `appContext` of the card that was clicked, as it was said.
    """

    patient: str
    user: str
    access_token: str
    context: object


@dataclass(frozen=True)
class Secret:
    """What only we and the browser's way through the record system know of one launch."""

    state: str
    verifier: str
    nonce: str

    @classmethod
    def new(cls) -> Secret:
        """At random."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(64), secrets.token_urlsafe(32))

    @property
    def challenge(self) -> str:
        """The verifier as S256 shows it."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


async def discover(fhir_server: str) -> Endpoints:
    """Ask a listed FHIR server where people sign in.

    Raises:
        SmartError: it does not say, or not safely.
    """
    said = await _json("GET", f"{fhir_server}/.well-known/smart-configuration", "no_discovery")
    try:
        found = {name: str(said[name]) for name in ("authorization_endpoint", "token_endpoint", "issuer", "jwks_uri")}
        for name, url in found.items():
            if name != "issuer":
                require_safe(url)
    except (KeyError, ValueError):
        raise SmartError("no_discovery") from None
    if "S256" not in _texts(said.get("code_challenge_methods_supported")):
        raise SmartError("no_s256")
    abilities = _texts(said.get("capabilities"))
    speaks_v2 = "permission-v2" in abilities or "permission-v1" not in abilities
    return Endpoints(
        authorize=found["authorization_endpoint"],
        token=found["token_endpoint"],
        issuer=found["issuer"],
        jwks=found["jwks_uri"],
        speaks_v2=speaks_v2,
    )


def address(endpoints: Endpoints, client: SmartClient, launch: str, back: str, secret: Secret) -> str:
    """Where to send the browser.

    Args:
        endpoints: of the record system.
        client: what we are to it.
        launch: what it launched us with.
        back: our own address that it sends the browser back to.
        secret: of this launch.
    """
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": back,
        "scope": " ".join(scopes(speaks_v2=endpoints.speaks_v2)),
        "state": secret.state,
        "aud": client.fhir_server,
        "launch": launch,
        "nonce": secret.nonce,
        "code_challenge": secret.challenge,
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in endpoints.authorize else "?"
    return f"{endpoints.authorize}{joint}{urlencode(asked)}"


def scopes(*, speaks_v2: bool) -> list[str]:
    """What we ask for: who it is, which patient, and to read what an assessment is made from."""
    kinds = [re.split(r"[/?]", wanted.template)[0] for wanted in WANTED.values()]
    return ["launch", "openid", "fhirUser", *(f"patient/{kind}.{'rs' if speaks_v2 else 'read'}" for kind in kinds)]


async def exchange(
    endpoints: Endpoints, client: SmartClient, code: str, *, back: str, secret: Secret, now: float
) -> Launched:
    """Make a code into what the record system says of the launch.

    Args:
        endpoints: of the record system.
        client: what we are to it.
        code: what the browser brought.
        back: our own address, as at the beginning.
        secret: of this launch.
        now: the present, in seconds.

    Raises:
        SmartError: it gives no token, or does not say who and with which patient.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "code_verifier": secret.verifier,
        **({"client_id": client.client_id} if client.secret is None else {}),
    }
    auth = None if client.secret is None else httpx.BasicAuth(client.client_id, client.secret)
    said = await _json("POST", endpoints.token, "no_token", data=form, auth=auth)
    token = said.get("access_token")
    if not _is_token(token) or str(said.get("token_type")).lower() != "bearer":
        raise SmartError("no_token")
    patient = said.get("patient")
    if not isinstance(patient, str) or not _ID.fullmatch(patient):
        raise SmartError("no_patient")
    user = await _user(endpoints, client, said.get("id_token"), secret.nonce, now)
    return Launched(patient, user, str(token), said.get("appContext"))


def assessment_of(context: object) -> str | None:
    """The assessment that an `appContext` names: as JSON in a text, as our cards say it, or as an object."""
    if isinstance(context, str):
        try:
            context = orjson.loads(context)
        except orjson.JSONDecodeError:
            return None
    named = context.get("assessment") if isinstance(context, dict) else None
    return named if isinstance(named, str) else None


async def _user(endpoints: Endpoints, client: SmartClient, id_token: object, nonce: str, now: float) -> str:
    """Who signed in; only professionals, for pages show what is not for patients."""
    if not isinstance(id_token, str) or len(id_token) > MOST_TOKEN:
        raise SmartError("no_user")
    keys = await _json("GET", endpoints.jwks, "no_user")
    rules = JWTClaimsRegistry(
        now=int(now),
        leeway=LEEWAY,
        iss={"essential": True, "value": endpoints.issuer},
        aud={"essential": True, "value": client.client_id},
        exp={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        claims = jwt.decode(id_token, readable_keys(keys), algorithms=list(BEARER_ALGORITHMS)).claims
        rules.validate(claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SmartError("no_user") from error
    parts = str(claims.get("fhirUser", "")).split("/")[-2:]
    if len(parts) != 2 or parts[0] not in STAFF or not _ID.fullmatch(parts[1]):
        raise SmartError("no_user")
    return "/".join(parts)


async def _json(method: str, url: str, fault: Fault, **sent: Any) -> dict[str, Any]:
    """A JSON object, small and soon, without following anybody elsewhere.

    Raises:
        SmartError: nothing of the kind answers.
    """
    headers, content = {"Accept": "application/json"}, b""
    try:
        async with (
            httpx.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=False, headers=headers) as http,
            http.stream(method, url, **sent) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise SmartError(fault)
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    raise SmartError(fault)
        said = orjson.loads(content)
    except (httpx.HTTPError, httpx.InvalidURL, orjson.JSONDecodeError):
        # Not even as the cause: its message may hold a code or a token.
        raise SmartError(fault) from None
    if not isinstance(said, dict):
        raise SmartError(fault)
    return said


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _is_token(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()
