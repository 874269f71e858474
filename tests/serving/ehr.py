"""A small record system: a FHIR server and the authorization server beside it, which believe nothing and nobody.

It launches, checks every member of the way there and of the token request (state is only echoed), gives each code once,
and reads a patient's record only to the token that it gave for that patient.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from serving.pages.smart import scopes
from tests.serving.asker import NOW
from tests.serving.cds import PATIENT_ID, RECORD

KINDS = {"Encounter": "encounters", "Procedure": "procedures", "Condition": "conditions",
         "Observation": "observations", "Appointment": "appointments"}  # fmt: skip
CLIENT = "tarve"


@dataclass
class Ehr:
    """The record system.

    Attributes:
        back: the only address that it sends a browser back to.
        secret: the client's secret; None for a public client.
        said: members of its answers that are other than they should be, by the name of the answer; `...` leaves out.
        refuses: paths that answer with an error.
        moves: paths that answer with a redirect.
    """

    back: str
    secret: str | None = None
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)
    moves: set[str] = field(default_factory=set)
    url: str = ""
    faults: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-384", auto_kid=True))
    launches: set[str] = field(default_factory=set)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    @property
    def base(self) -> str:
        """The FHIR server."""
        return f"{self.url}/fhir"

    def launch(self) -> str:
        """The address to open our pages with, beginning with a question mark."""
        made = secrets.token_urlsafe(8)
        self.launches.add(made)
        return "?" + urlencode({"iss": self.base, "launch": made})

    def answered(self, name: str, said: dict[str, Any]) -> dict[str, Any]:
        """An answer with what is other than it should be."""
        return {key: value for key, value in (said | self.said.get(name, {})).items() if value is not ...}

    def configuration(self) -> dict[str, Any]:
        """What it says of itself."""
        return self.answered("configuration", {
            "issuer": self.base,
            "jwks_uri": f"{self.url}/jwks",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "code_challenge_methods_supported": ["S256"],
            "capabilities": ["launch-ehr", "client-public", "context-ehr-patient", "permission-v2"],
        })  # fmt: skip

    def authorize(self, asked: dict[str, list[str]]) -> str:
        """Where the browser goes from here."""
        one = {name: values[0] for name, values in asked.items() if len(values) == 1}
        wanted = {"response_type": "code", "client_id": CLIENT, "redirect_uri": self.back, "aud": self.base,
                  "code_challenge_method": "S256", "scope": " ".join(scopes(speaks_v2=True))}  # fmt: skip
        self.faults += [name for name, value in wanted.items() if one.get(name) != value]
        self.faults += [name for name in ("state", "nonce", "code_challenge") if len(one.get(name, "")) < 43]
        if one.get("launch") not in self.launches:
            self.faults.append("launch")
        self.launches.discard(one.get("launch", ""))
        code = secrets.token_urlsafe(16)
        self.codes[code] = {"challenge": one.get("code_challenge", ""), "nonce": one.get("nonce", "")}
        back = self.answered("back", {"code": code, "state": one.get("state", "")})
        return f"{self.back}?{urlencode(back)}"

    def token(self, form: dict[str, list[str]], authorization: str) -> dict[str, Any] | None:
        """What a code is worth; None for nothing."""
        one = {name: values[0] for name, values in form.items() if len(values) == 1}
        code = self.codes.pop(one.get("code", ""), {"challenge": "", "nonce": ""})
        shown = base64.urlsafe_b64encode(hashlib.sha256(one.get("code_verifier", "").encode()).digest())
        basic = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
        checks = {
            "grant_type": one.get("grant_type") == "authorization_code",
            "redirect_uri": one.get("redirect_uri") == self.back,
            "code_verifier": shown.rstrip(b"=").decode() == code["challenge"],
            "client": one.get("client_id") == CLIENT if self.secret is None else authorization == f"Basic {basic}",
        }
        wrong = [name for name, is_right in checks.items() if not is_right]
        self.faults += wrong
        if wrong:
            return None
        token = secrets.token_urlsafe(16)
        self.tokens.add(token)
        return self.answered("token", {
            "access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": " ".join(scopes(speaks_v2=True)),
            "patient": PATIENT_ID, "id_token": self.id_token(code["nonce"]),
        })  # fmt: skip

    def id_token(self, nonce: str) -> str:
        """Who signed in."""
        at = int(NOW.timestamp())
        claims = self.answered("id_token", {
            "iss": self.base, "aud": CLIENT, "sub": "7", "iat": at, "exp": at + 300, "nonce": nonce,
            "fhirUser": f"{self.base}/Practitioner/7",
        })  # fmt: skip
        key = self.said.get("key", {}).get("key", self.key)
        return jwt.encode({"alg": "ES384", "kid": self.key.kid}, claims, key, algorithms=["ES384"])

    def read(self, path: str, asked: dict[str, list[str]], authorization: str) -> dict[str, Any] | None:
        """What a token may read: the one patient's record."""
        if authorization.removeprefix("Bearer ") not in self.tokens:
            self.faults.append("access_token")
            return None
        kind, _, name = path.removeprefix("/fhir/").partition("/")
        if kind == "Patient" and name == PATIENT_ID:
            return dict(RECORD["patient"])
        if kind in KINDS and asked.get("patient") == [PATIENT_ID]:
            return dict(RECORD.get(KINDS[kind], {"resourceType": "Bundle", "type": "searchset", "entry": []}))
        self.faults.append(path)
        return None


class _Handler(BaseHTTPRequestHandler):
    ehr: Ehr

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.ehr.addresses.append(self.path)
        asked = parse_qs(parts.query)
        if self._is_odd(parts.path):
            return
        if parts.path == "/fhir/.well-known/smart-configuration":
            self._say(self.ehr.configuration())
        elif parts.path == "/jwks":
            self._say(self.ehr.said.get("jwks", KeySet([self.ehr.key]).as_dict(private=False)))
        elif parts.path == "/authorize":
            self.send_response(302)
            self.send_header("Location", self.ehr.authorize(asked))
            self.end_headers()
        else:
            self._say(self.ehr.read(parts.path, asked, self.headers.get("Authorization", "")))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if not self._is_odd(self.path):
            self._say(self.ehr.token(parse_qs(body), self.headers.get("Authorization", "")))

    def _is_odd(self, path: str) -> bool:
        if path in self.ehr.refuses:
            self._say(None)
        elif path in self.ehr.moves:
            self.send_response(307)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
        return path in self.ehr.refuses | self.ehr.moves

    def _say(self, said: object) -> None:
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(400 if said is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def record_system(back: str, **more: Any) -> Iterator[Ehr]:
    """A record system at a free port of this machine."""
    ehr = Ehr(back, **more)
    handler = type("Handler", (_Handler,), {"ehr": ehr})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        ehr.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield ehr
        server.shutdown()
        thread.join()
