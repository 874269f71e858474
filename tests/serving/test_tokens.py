"""Tokens: which hold, and the many that do not; a token for one call holds once, for all workers together."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from records.database import DatabaseError
from serving import tokens as module
from serving.tenants import (
    KEY_SECONDS,
    RETRY_SECONDS,
    AccessError,
    Directory,
    FetchedKeys,
    FixedKeys,
    Issuer,
    Tenant,
    fetch_json,
    read_access,
)
from serving.tokens import Caller, Tokens, UnknownCallerError, signed

URL = "https://tarve.example.fi"
CALL = "/cds-services/dental-need-booking"
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
KEY = ECKey.generate_key("P-384", {"kid": "k1"})
RSA = RSAKey.generate_key(2048, {"kid": "r1"})
TENANT = Tenant("helsinki")
T = TypeVar("T")


def public(*keys: ECKey | RSAKey) -> KeySet:
    return KeySet.import_key_set({"keys": [key.as_dict(private=False) for key in keys]})


def directory(keys: Any = None) -> Directory:
    scopes = frozenset({"assess", "cds", "decide"})
    issuer = Issuer("https://booking.example.fi", TENANT, scopes, keys or FixedKeys(public(KEY, RSA)))
    return Directory({"helsinki": TENANT}, {issuer.name: issuer})


class Spent:
    """What is spent, for all readers that share it."""

    def __init__(self) -> None:
        self.tokens: dict[str, datetime] = {}

    async def __call__(self, token: str, until: datetime) -> bool:
        if token in self.tokens:
            return False
        self.tokens[token] = until
        return True


def reader(now: datetime = NOW, spent: Spent | None = None, keys: Any = None) -> Tokens:
    return Tokens(directory(keys), URL, lambda: now, spent or Spent())


def claims(**more: Any) -> dict[str, Any]:
    at = int(NOW.timestamp())
    said = {"iss": "https://booking.example.fi", "aud": URL, "iat": at, "exp": at + 300, "jti": "j1",
            "sub": "agent-7", "scope": "assess metrics.read cds"}  # fmt: skip
    return {name: value for name, value in (said | more).items() if value is not None}


def encoded(said: dict[str, Any], key: Any = KEY, alg: str = "ES384", **header: Any) -> str:
    head = {"alg": alg, "kid": getattr(key, "kid", None)} | header
    registry = JWSRegistry(algorithms=[alg], strict_check_header=False)
    kept = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(kept, said, key, algorithms=[alg], registry=registry)


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def as_bearer(token: str, **more: Any) -> Caller:
    return run(reader(**more).bearer(token))


def as_call(token: str, **more: Any) -> Caller:
    return run(reader(**more).call(token, CALL))


def test_a_bearer_token_says_who_calls_and_what_is_allowed() -> None:
    caller = as_bearer(encoded(claims(patient="77")))
    assert (caller.subject, caller.tenant, caller.issuer) == ("agent-7", TENANT, "https://booking.example.fi")
    assert caller.scopes == {"assess"}  # what the issuer may not grant, and what is for calls only, is left out
    assert caller.patient == "77"


@pytest.mark.parametrize("scope", [None, 5, ["assess"], ""])
def test_without_readable_scopes_nothing_is_allowed(scope: object) -> None:
    assert as_bearer(encoded(claims(scope=scope))).scopes == frozenset()


def test_a_call_token_allows_the_one_call() -> None:
    caller = as_call(encoded(claims(aud=URL + CALL, sub=None)))
    assert (caller.scopes, caller.tenant) == ({"cds"}, TENANT)


@pytest.mark.parametrize(("key", "alg"), [(KEY, "ES384"), (RSA, "RS384")])
def test_both_recommended_algorithms_hold(key: Any, alg: str) -> None:
    assert as_call(encoded(claims(aud=URL + CALL), key, alg))
    assert as_bearer(encoded(claims(), key, alg))


@pytest.mark.parametrize("audience", [URL, URL + CALL + "/", URL + CALL + "/feedback", "", [], None, 5,
                                      [URL, "https://other.example.fi" + CALL]])  # fmt: skip
def test_a_call_token_for_another_address_does_not_hold(audience: object) -> None:
    with pytest.raises(UnknownCallerError):
        as_call(encoded(claims(aud=audience)))


def test_an_audience_may_stand_in_a_list() -> None:
    assert as_call(encoded(claims(aud=["https://other.example.fi", URL + CALL])))


@pytest.mark.parametrize("audience", [URL + "/", URL + CALL, "https://tarve.example.fi.evil.example", None])
def test_a_bearer_token_for_another_address_does_not_hold(audience: object) -> None:
    with pytest.raises(UnknownCallerError):
        as_bearer(encoded(claims(aud=audience)))


AT = int(NOW.timestamp())


@pytest.mark.parametrize(
    "more",
    [
        {"exp": AT - 31},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"iat": AT + 31},
        {"iat": None},
        {"iat": "x"},
        {"nbf": AT + 31},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": ["j"]},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": {"a": 1}},
        {"iss": ["https://booking.example.fi"]},
        {"exp": AT + 3_601},
        {"iat": -(10**30)},
        {"exp": 10**400},
    ],
)
def test_a_call_token_with_a_wrong_claim_does_not_hold(more: dict[str, Any]) -> None:
    with pytest.raises(UnknownCallerError):
        as_call(encoded(claims(aud=URL + CALL) | more))


@pytest.mark.parametrize("more", [{"exp": AT - 31}, {"iat": AT + 31}, {"sub": None}, {"sub": 5}, {"exp": None}])
def test_a_bearer_token_with_a_wrong_claim_does_not_hold(more: dict[str, Any]) -> None:
    with pytest.raises(UnknownCallerError):
        as_bearer(encoded({name: value for name, value in (claims() | more).items() if value is not None}))


@pytest.mark.parametrize("seconds", [-29, 29])
def test_clocks_may_differ_by_half_a_minute(seconds: int) -> None:
    said = claims(aud=URL + CALL, iat=AT, exp=AT + 1)
    assert as_call(encoded(said), now=NOW + timedelta(seconds=seconds))


def forged(header: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims(aud=URL + CALL)).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_unsigned_and_symmetric_tokens_do_not_hold() -> None:
    secret = OctKey.import_key(json.dumps(KEY.as_dict(private=False)))
    for token in (forged({"alg": "none"}), forged({"alg": "none", "kid": "k1"}), forged({"alg": "ES384"}),
                  forged({"alg": "ES384", "kid": "k1"}, b"x" * 96), forged({"alg": "nOnE"}),
                  encoded(claims(aud=URL + CALL), secret, "HS256", kid="k1")):  # fmt: skip
        with pytest.raises(UnknownCallerError):
            as_call(token)


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (ECKey.generate_key("P-384", {"kid": "k1"}), "ES384"),
        (ECKey.generate_key("P-256", {"kid": "k2"}), "ES256"),
        (RSA, "RS256"),
        (RSA, "PS384"),
        (RSA, "RS512"),
    ],
)
def test_other_keys_and_algorithms_do_not_hold_for_calls(key: Any, alg: str) -> None:
    with pytest.raises(UnknownCallerError):
        as_call(encoded(claims(aud=URL + CALL), key, alg))


@pytest.mark.parametrize(
    "header", [{"crit": ["x"], "x": 1}, {"kid": "nobody"}, {"kid": 7}, {"b64": False, "crit": ["b64"]}]
)
def test_headers_that_change_the_meaning_do_not_hold(header: dict[str, Any]) -> None:
    token = forged({"alg": "ES384"} | header, b"x" * 96)
    with pytest.raises(UnknownCallerError):
        as_call(token)


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", "a.b.c.d", "ä.ö.å", "." * 50, "e30.e30.e30", "x" * 100_000,
                                   "e30.W10.x", "e30." + "W1" * 3000 + ".x"])  # fmt: skip
def test_what_is_no_token_does_not_hold(token: str) -> None:
    for ask in (as_bearer, as_call):
        with pytest.raises(UnknownCallerError):
            ask(token)


def test_where_a_key_is_said_to_be_is_never_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(httpx.Client, "stream", lambda *_, **__: asked.append("went"))
    evil = ECKey.generate_key("P-384", {"kid": "evil"})
    for more in ({"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example/cert"},
                 {"jwk": evil.as_dict(private=False)}):  # fmt: skip
        with pytest.raises(UnknownCallerError):
            as_call(encoded(claims(aud=URL + CALL), evil, **more))
    assert as_call(encoded(claims(aud=URL + CALL), jku="https://evil.example/jwks"))
    assert asked == []


def test_a_call_token_holds_once_for_all_workers() -> None:
    spent = Spent()
    token = encoded(claims(aud=URL + CALL))
    assert as_call(token, spent=spent)
    for _ in range(2):
        with pytest.raises(UnknownCallerError):
            as_call(token, spent=spent)
    [until] = spent.tokens.values()
    assert until == datetime.fromtimestamp(AT + 330, UTC)
    assert as_call(encoded(claims(aud=URL + CALL, jti="j2")), spent=spent)


def test_the_same_id_of_two_issuers_is_two_tokens() -> None:
    spent = Spent()
    two = directory()
    issuer = two.issuers["https://booking.example.fi"]
    both = Directory(two.tenants, {**two.issuers, "b": Issuer("b", TENANT, issuer.scopes, issuer.keys)})
    tokens = Tokens(both, URL, lambda: NOW, spent)
    for name in both.issuers:
        assert run(tokens.call(encoded(claims(aud=URL + CALL, iss=name)), CALL)).issuer == name


def test_a_bearer_token_is_read_once_and_still_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    present = [NOW]
    tokens = Tokens(directory(), URL, lambda: present[0], Spent())
    token = encoded(claims())
    first = run(tokens.bearer(token))
    monkeypatch.setattr(module.jwt, "decode", lambda *_, **__: pytest.fail("read twice"))
    assert run(tokens.bearer(token)) is first
    monkeypatch.undo()
    present[0] = NOW + timedelta(seconds=331)
    with pytest.raises(UnknownCallerError):
        run(tokens.bearer(token))


def test_only_so_many_bearer_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    tokens = reader()
    for number in range(4):
        run(tokens.bearer(encoded(claims(jti=str(number)))))
    assert len(tokens._known) == 2


def test_when_it_cannot_be_told_whether_a_token_was_spent_it_is_said_so() -> None:
    async def away(token: str, until: datetime) -> bool:
        raise DatabaseError("away")

    with pytest.raises(DatabaseError):
        run(Tokens(directory(), URL, lambda: NOW, away).call(encoded(claims(aud=URL + CALL)), CALL))


class Server:
    """Keys at a URL, and how often they were fetched."""

    def __init__(self, *keys: ECKey) -> None:
        self.keys, self.fetched, self.fails = keys, 0, False

    def __call__(self, url: str) -> Any:
        self.fetched += 1
        if self.fails:
            raise httpx.ConnectError("away")
        return public(*self.keys).as_dict()


def test_listed_keys_are_fetched_when_needed_and_the_last_good_ones_kept() -> None:
    clock, server = [0.0], Server(KEY)
    keys = FetchedKeys("https://booking.example.fi/jwks", server, lambda: clock[0])
    assert as_call(encoded(claims(aud=URL + CALL)), keys=keys)
    assert as_call(encoded(claims(aud=URL + CALL, jti="2")), keys=keys)
    assert server.fetched == 1
    new = ECKey.generate_key("P-384", {"kid": "new"})
    server.keys = (KEY, new)
    clock[0] = RETRY_SECONDS + 1
    assert as_call(encoded(claims(aud=URL + CALL), new), keys=keys)
    assert server.fetched == 2
    with pytest.raises(UnknownCallerError):
        as_call(encoded(claims(aud=URL + CALL), KEY, kid="made up"), keys=keys)
    assert server.fetched == 2  # made up names of keys do not make us ask again and again
    server.fails = True
    clock[0] = KEY_SECONDS * 3.0
    assert as_call(encoded(claims(aud=URL + CALL)), keys=keys)
    assert server.fetched == 3


ODD_KEYS = [
    5,
    {},
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "tomorrow's"},
    {"kty": "EC", "crv": "P-384", "kid": "half"},
    {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "elsewhere"},
]


def test_keys_that_cannot_be_read_do_not_take_the_others_with_them() -> None:
    keys = FetchedKeys(
        "https://booking.example.fi/jwks", lambda _: {"keys": [*ODD_KEYS, *public(KEY).as_dict()["keys"]]}
    )
    assert as_call(encoded(claims(aud=URL + CALL)), keys=keys)


def test_keys_that_are_withdrawn_hold_no_longer() -> None:
    clock, given = [0.0], {"keys": public(KEY).as_dict()["keys"]}
    keys = FetchedKeys("https://booking.example.fi/jwks", lambda _: given, lambda: clock[0])
    assert as_call(encoded(claims(aud=URL + CALL)), keys=keys)
    given["keys"], clock[0] = [], KEY_SECONDS + 1.0
    with pytest.raises(UnknownCallerError):
        as_call(encoded(claims(aud=URL + CALL, jti="2")), keys=keys)


def test_keys_that_cannot_be_fetched_let_nobody_in() -> None:
    server = Server(KEY)
    server.fails = True
    with pytest.raises(UnknownCallerError):
        as_call(encoded(claims(aud=URL + CALL)), keys=FetchedKeys("https://booking.example.fi/jwks", server))


ACCESS = """
[[tenant]]
name = "helsinki"
language = "sv"
records = true
fhir_servers = ["https://fhir.example.fi/r4/"]
origins = ["https://booking.example.fi"]
smart_launch = "https://tarve.example.fi/launch"

[[tenant.issuer]]
issuer = "https://booking.example.fi"
keys = "booking.json"
scopes = ["cds", "assess"]

[[tenant]]
name = "espoo"

[[tenant.issuer]]
issuer = "https://espoo.example.fi"
keys_url = "http://localhost:9000/jwks"
scopes = ["cds"]
"""


def written(folder: Path, text: str = ACCESS) -> Path:
    (folder / "booking.json").write_text(json.dumps(public(KEY).as_dict()))
    (folder / "access.toml").write_text(text)
    return folder / "access.toml"


def test_an_access_file_names_tenants_and_issuers(tmp_path: Path) -> None:
    found = read_access(written(tmp_path), Server(KEY))
    assert set(found.tenants) == {"helsinki", "espoo"}
    helsinki = found.tenants["helsinki"]
    assert (helsinki.language, helsinki.records, helsinki.fhir_servers) == ("sv", True, ("https://fhir.example.fi/r4",))
    assert found.tenants["espoo"] == Tenant("espoo")
    assert found.issuers["https://booking.example.fi"].scopes == {"cds", "assess"}
    assert found.origins == ["https://booking.example.fi"]
    fetched = found.issuers["https://espoo.example.fi"].keys.of("k1")
    assert fetched is not None


def test_an_issuer_speaks_for_the_providers_that_the_file_lists_and_no_other(tmp_path: Path) -> None:
    text = ACCESS.replace('"assess"]', '"assess"]\nproviders = ["kamppi", "kallio"]').replace(
        '"cds"]', '"cds"]\nproviders = ["*"]'
    )
    found = read_access(
        written(tmp_path, text.replace("records = true", "records = true\nvouchers = true")), Server(KEY)
    )
    assert [name for name, tenant in found.tenants.items() if tenant.vouchers] == ["helsinki"]
    one, every = (found.issuers[f"https://{name}.example.fi"] for name in ("booking", "espoo"))
    assert [one.speaks_for(name) for name in ("kamppi", "kallio", "k", "*", "", None, ["kamppi"])] == [
        True, True, False, False, False, False, False]  # fmt: skip
    assert every.speaks_for("k")
    assert not every.speaks_for("")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "espoo"', "", "name is missing"),
        ('name = "espoo"', 'name = "helsinki"', "helsinki stands twice"),
        ("https://espoo.example.fi", "https://booking.example.fi", "stands twice"),
        ('"sv"', '"de"', "language is one of"),
        ('["cds", "assess"]', '["everything"]', "there is no scope everything"),
        ('keys = "booking.json"', "", "give either keys or keys_url"),
        ('keys = "booking.json"', 'keys = "none.json"', "holds no set of keys"),
        ("http://localhost:9000", "http://keys.example.fi", "must be https"),
        ("https://fhir.example.fi/r4/", "ftp://fhir.example.fi", "must be https"),
        ("[[tenant]]\nname", "[[tenant\nname", "access.toml: "),
        ("tenant", "renter", "tenant is missing"),
        ('"assess"]', '"assess"]\nproviders = "kamppi"', "providers is a list"),
        ('"assess"]', '"assess"]\nproviders = [7]', "providers is a list"),
        ("name", "vouchers = true\nname", "say vouchers = true once"),
    ],
)
def test_a_wrong_access_file_is_refused_with_the_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(AccessError, match=says):
        read_access(written(tmp_path, ACCESS.replace(old, new)))


def test_an_access_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="cannot be read: No such file"):
        read_access(tmp_path / "none.toml")


def test_keys_are_fetched_without_following_and_not_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(response: httpx.Response) -> None:
        made = httpx.Client
        monkeypatch.setattr(
            "serving.tenants.httpx.Client",
            lambda **settings: made(transport=httpx.MockTransport(lambda _: response), **settings),
        )

    answers(httpx.Response(200, json={"keys": []}))
    assert fetch_json("https://booking.example.fi/jwks") == {"keys": []}
    monkeypatch.undo()
    answers(httpx.Response(302, headers={"Location": "https://evil.example"}))
    with pytest.raises(httpx.HTTPStatusError):
        fetch_json("https://booking.example.fi/jwks")
    monkeypatch.undo()
    answers(httpx.Response(200, content=b" " * 200_000))
    with pytest.raises(ValueError, match="too large"):
        fetch_json("https://booking.example.fi/jwks")


def test_a_signed_call_is_what_a_caller_makes() -> None:
    token = signed(KEY, "https://booking.example.fi", URL + CALL, NOW)
    assert as_call(token).issuer == "https://booking.example.fi"
