"""Who is known here: the tenants, and the issuers whose tokens hold for them.

The operator's access file (`TARVE_ACCESS`, TOML) lists them; a token of anybody else is refused:

    [[tenant]]
    name = "helsinki"
    language = "fi"                                      # of cards, when the caller does not say
    records = true                                       # may ask about the patients of the record store
    vouchers = true                                      # the vouchers that are watched here are this tenant's
    fhir_servers = ["https://fhir.example.fi/r4"]        # may be asked for what a call lacks
    origins = ["https://booking.example.fi"]             # pages that may call from a browser
    smart_launch = "https://tarve.example.fi/pages/launch"   # where cards link to; left out for no link
    frames = ["https://ehr.example.fi"]                  # pages that may show ours in a frame of theirs

    [[tenant.smart]]                                     # who may launch our pages (SMART App Launch)
    fhir_server = "https://fhir.example.fi/r4"           # one of those above
    client_id = "tarve"
    client_secret = "smart-secret.txt"                   # a file beside this one; left out by a public client
    role = "clinician"                                   # or agent

    [[tenant.issuer]]
    issuer = "https://booking.example.fi"
    keys = "booking.jwks.json"                           # a file beside this one, or keys_url = "https://..."
    scopes = ["cds", "assess", "assessments.read", "decide"]

    [[tenant.issuer]]
    issuer = "https://sign-in.example.fi"
    keys = "sign-in.jwks.json"
    scopes = ["portal", "treatment-feedback"]
    providers = ["*"]                                    # providers for whom its tokens may speak; "*" is all

Without the file the service knows one tenant, `demo`, and one issuer, whose key it makes at the first start.
"""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from features.families import LANGUAGES, Language
from serving.access import ROLES, SCOPES

DEMO_ISSUER = "urn:tarve:demo"
DEMO_TENANT = "demo"
MOST_KEY_BYTES = 100_000
KEY_SECONDS = 3_600
"""How long fetched keys are used before they are fetched again."""
RETRY_SECONDS = 30
"""How long a failed fetch, or a key that is not there, keeps the next fetch waiting."""
LOCAL = ("127.0.0.1", "localhost", "::1")


class AccessError(ValueError):
    """The access file cannot be used; the message names the place."""


class Keys(Protocol):
    """The public keys of an issuer."""

    def of(self, kid: str | None) -> KeySet | None:
        """The keys, fetched anew when there is no such one among them; None when there are none."""


@dataclass(frozen=True)
class SmartClient:
    """What we are to a record system that launches our pages.

    Attributes:
        fhir_server: base URL of its FHIR server, without a slash at the end; the `iss` of its launches.
        client_id: our name there.
        role: what those may who come from there.
        secret: our secret there; None for a public client.
    """

    fhir_server: str
    client_id: str
    role: str = "clinician"
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Tenant:
    """An organisation whose patients, assessments and cards nobody else sees.

    Attributes:
        name: short name; a part of pseudonyms, so it never changes.
        language: of cards, when the caller names none.
        records: whether the record store holds this tenant's patients.
        vouchers: whether the vouchers that are watched here are this tenant's.
        fhir_servers: base URLs of FHIR servers that may be asked for what a call lacks.
        origins: origins of pages that may call from a browser.
        smart_launch: URL of the clinician's page, which cards link to; None for no link.
        frames: origins of pages that may show ours in a frame of theirs.
        smart: record systems that may launch our pages.
    """

    name: str
    language: Language = "fi"
    records: bool = False
    vouchers: bool = False
    fhir_servers: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    smart_launch: str | None = None
    frames: tuple[str, ...] = ()
    smart: tuple[SmartClient, ...] = ()


@dataclass(frozen=True)
class Issuer:
    """Somebody whose signed tokens hold: for one tenant, and for no more than these scopes and providers."""

    name: str
    tenant: Tenant
    scopes: frozenset[str]
    keys: Keys
    providers: frozenset[str] = frozenset()

    def speaks_for(self, provider: object) -> bool:
        """Whether its tokens may name a provider."""
        return isinstance(provider, str) and bool(provider) and not self.providers.isdisjoint({provider, "*"})


@dataclass(frozen=True)
class FixedKeys:
    """Keys that are known from the start."""

    keys: KeySet

    def of(self, kid: str | None) -> KeySet | None:
        """The keys."""
        del kid
        return self.keys


@dataclass
class FetchedKeys:
    """Keys at a URL that the operator listed, fetched when needed; the last good ones serve while it is away.

    Attributes:
        url: the listed URL; no token ever names another.
        fetch: gets the JSON of a URL.
        clock: seconds that only grow.
    """

    url: str
    fetch: Callable[[str], Any]
    clock: Callable[[], float] = time.monotonic
    _keys: KeySet | None = None
    _fetched: float = field(default=float("-inf"))

    def of(self, kid: str | None) -> KeySet | None:
        """The keys; fetched anew when they are old, or hold no such one."""
        age = self.clock() - self._fetched
        known = self._keys is not None and (kid is None or any(key.kid == kid for key in self._keys))
        if age > (KEY_SECONDS if known else RETRY_SECONDS):
            self._fetched = self.clock()
            # When it fails the last good keys serve on; without any the token is refused.
            with suppress(httpx.HTTPError, JoseError, ValueError, KeyError, TypeError):
                self._keys = readable_keys(self.fetch(self.url))
        return self._keys


def readable_keys(said: Any) -> KeySet:
    """The keys of a JWK Set that can be read; the others are passed over, as RFC 7517 (section 5) wants it.

    A set without any is one too: its issuer has withdrawn them.

    Raises:
        KeyError, TypeError: it is no JWK Set.
    """
    found: list[Any] = []
    for one in said["keys"]:
        with suppress(JoseError, ValueError, KeyError, TypeError, AttributeError):
            found += KeySet.import_key_set({"keys": [one]}).keys
    return KeySet(found)


@dataclass(frozen=True)
class Directory:
    """All tenants and issuers of a service."""

    tenants: Mapping[str, Tenant]
    issuers: Mapping[str, Issuer]

    @property
    def origins(self) -> list[str]:
        """Origins of pages of all tenants."""
        return sorted({origin for tenant in self.tenants.values() for origin in tenant.origins})

    @property
    def frames(self) -> list[str]:
        """Origins of pages of all tenants that may show ours in a frame."""
        return sorted({origin for tenant in self.tenants.values() for origin in tenant.frames})

    @property
    def is_demo(self) -> bool:
        """Whether the demo's issuer is known, and with it the demo's users."""
        return DEMO_ISSUER in self.issuers

    def launching(self, fhir_server: str) -> tuple[Tenant, SmartClient] | None:
        """Whose record system launches from a FHIR server, and what we are to it; None when nobody listed it."""
        for tenant in self.tenants.values():
            for client in tenant.smart:
                if client.fhir_server == fhir_server:
                    return tenant, client
        return None


def demo_directory(key: ECKey, **more: Any) -> Directory:
    """The directory of the demo: one tenant, one issuer who may grant everything."""
    tenant = Tenant(DEMO_TENANT, records=True, vouchers=True, **more)
    public = KeySet([ECKey.import_key(key.as_dict(private=False))])
    issuer = Issuer(DEMO_ISSUER, tenant, frozenset(SCOPES), FixedKeys(public), frozenset("*"))
    return Directory({tenant.name: tenant}, {issuer.name: issuer})


def read_access(file: Path, fetch: Callable[[str], Any] | None = None) -> Directory:
    """Read an access file.

    Args:
        file: the TOML file.
        fetch: gets the JSON of a listed URL of keys; over the network by default.

    Raises:
        AccessError: it cannot be read, a member is missing or wrong, or a name stands twice.
    """
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
        return _directory(said["tenant"], file.parent, fetch or fetch_json)
    except OSError as error:
        raise AccessError(f"{file} cannot be read: {error.strerror}") from error
    except KeyError as error:
        raise AccessError(f"{file.name}: {error.args[0]} is missing") from error
    except (tomllib.TOMLDecodeError, ValueError, TypeError) as error:
        raise AccessError(f"{file.name}: {error}") from error


def fetch_json(url: str) -> Any:
    """The JSON at a URL, small and soon, without following anybody elsewhere.

    Raises:
        httpx.HTTPError: nothing answers in time, or not with success.
        ValueError: what answers is too large, or no JSON.
    """
    with httpx.Client(timeout=3.0, follow_redirects=False) as client, client.stream("GET", url) as answer:
        answer.raise_for_status()
        content = b""
        for part in answer.iter_bytes():
            content += part
            if len(content) > MOST_KEY_BYTES:
                raise ValueError("the keys are too large")
    return json.loads(content)


def _directory(entries: list[Any], folder: Path, fetch: Callable[[str], Any]) -> Directory:
    tenants: dict[str, Tenant] = {}
    issuers: dict[str, Issuer] = {}
    launching: dict[str, SmartClient] = {}
    for entry in entries:
        tenant = _tenant(entry, folder)
        _once(tenants, tenant.name, tenant)
        for client in tenant.smart:
            _once(launching, client.fhir_server, client)
        for said in entry.get("issuer", ()):
            issuer = Issuer(said["issuer"], tenant, _scopes(said), _keys(said, folder, fetch), _providers(said))
            _once(issuers, issuer.name, issuer)
    if sum(tenant.vouchers for tenant in tenants.values()) > 1:
        raise ValueError("the vouchers that are watched are one tenant's: say vouchers = true once")
    return Directory(tenants, issuers)


def _tenant(entry: Any, folder: Path) -> Tenant:
    if entry.get("language", "fi") not in LANGUAGES:
        raise ValueError(f"tenant {entry['name']}: language is one of {', '.join(LANGUAGES)}")
    urls = [*entry.get("fhir_servers", ()), *entry.get("frames", ()), *filter(None, [entry.get("smart_launch")])]
    for url in urls:
        require_safe(url)
    return Tenant(
        name=entry["name"],
        language=entry.get("language", "fi"),
        records=bool(entry.get("records", False)),
        vouchers=bool(entry.get("vouchers", False)),
        fhir_servers=tuple(url.rstrip("/") for url in entry.get("fhir_servers", ())),
        origins=tuple(entry.get("origins", ())),
        smart_launch=entry.get("smart_launch"),
        frames=tuple(entry.get("frames", ())),
        smart=tuple(_smart(one, entry, folder) for one in entry.get("smart", ())),
    )


def _smart(said: Any, entry: Any, folder: Path) -> SmartClient:
    server, role = said["fhir_server"].rstrip("/"), said.get("role", "clinician")
    if server not in {url.rstrip("/") for url in entry.get("fhir_servers", ())}:
        raise ValueError(f"tenant {entry['name']}: {server} launches, but is none of fhir_servers")
    if role not in ROLES:
        raise ValueError(f"tenant {entry['name']}: there is no role {role}")
    return SmartClient(server, said["client_id"], role, _secret(said, folder))


def _secret(said: Any, folder: Path) -> str | None:
    if "client_secret" not in said:
        return None
    try:
        return Path(folder, said["client_secret"]).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{said['client_secret']} cannot be read: {error.strerror}") from error


def _scopes(said: Any) -> frozenset[str]:
    unknown = sorted(set(said["scopes"]) - set(SCOPES))
    if unknown:
        raise ValueError(f"issuer {said['issuer']}: there is no scope {', '.join(unknown)}")
    return frozenset(said["scopes"])


def _providers(said: Any) -> frozenset[str]:
    named = said.get("providers", [])
    if not isinstance(named, list) or not all(isinstance(one, str) and one for one in named):
        raise ValueError(f'issuer {said["issuer"]}: providers is a list of names, or of "*" for all')
    return frozenset(named)


def _keys(said: Any, folder: Path, fetch: Callable[[str], Any]) -> Keys:
    if ("keys" in said) == ("keys_url" in said):
        raise ValueError(f"issuer {said['issuer']}: give either keys or keys_url")
    if "keys_url" in said:
        require_safe(said["keys_url"])
        return FetchedKeys(said["keys_url"], fetch)
    try:
        return FixedKeys(KeySet.import_key_set(json.loads((folder / said["keys"]).read_text(encoding="utf-8"))))
    except (OSError, JoseError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"issuer {said['issuer']}: {said['keys']} holds no set of keys") from error


def require_safe(url: str) -> None:
    """Refuse a URL over which others could listen.

    Raises:
        ValueError: it is one.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
        raise ValueError(f"{url} must be https (http is for this machine alone)")


def _once(known: dict[str, Any], name: str, one: object) -> None:
    if name in known:
        raise ValueError(f"{name} stands twice")
    known[name] = one
