"""Sessions: who has signed in at the pages, until when, and with which patient. A browser holds only a signed name.

What belongs to the name is in the database, sealed, so that every worker knows it, signing out ends it, and no patient
is in a cookie or an address. A launch on its way (SMART) is kept in the same manner, for ten minutes and one use.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, delete, select

from records.database import Database
from serving.access import ROLES
from serving.keys import derived
from serving.storage.tables import SESSIONS
from serving.tenants import Directory
from serving.tokens import Caller

WORKING_DAY = timedelta(hours=8)
"""How long a session holds."""
ON_ITS_WAY = timedelta(minutes=10)
"""How long a launch may take between here, the record system, and back."""
NONCE = 12


@dataclass(frozen=True)
class Session:
    """Somebody at the pages.

    Attributes:
        tenant: name of the tenant.
        issuer: who vouches for the person: the demo's issuer, or the FHIR server that launched.
        subject: the person's name there.
        role: one of `serving.access.ROLES`.
        is_local: whether the person signed in here, and was not launched.
        patient: the patient whom the record system launched, or the clinician of the demo opened.
    """

    tenant: str
    issuer: str
    subject: str
    role: str
    is_local: bool
    patient: str | None = None

    def of(self, patient: str) -> Session:
        """The same person with another patient."""
        return replace(self, patient=patient)

    def caller(self, directory: Directory) -> Caller | None:
        """The person as a caller; None when the tenant is not known any more."""
        tenant = directory.tenants.get(self.tenant)
        if tenant is None:
            return None
        return Caller(self.issuer, tenant, self.subject, ROLES[self.role], self.patient)


class Signer:
    """Signs the names that browsers hold, and the tokens that bind forms to them.

    Args:
        key: 32 secret bytes, the same for all workers.
    """

    def __init__(self, key: bytes) -> None:
        self._key = derived(key, "pages/cookies")

    def new(self) -> str:
        """A new name, signed."""
        return self.signed(secrets.token_urlsafe(32))

    def signed(self, name: str) -> str:
        """A name as a cookie holds it."""
        return f"{name}.{self._signature('name', name)}"

    def name(self, cookie: str) -> str | None:
        """The name that a cookie holds; None when we did not sign it."""
        name, _, signature = cookie.rpartition(".")
        return name if _is_equal(signature, self._signature("name", name)) else None

    def form_token(self, name: str) -> str:
        """The token of a form for the browser that holds a name."""
        return self._signature("form", name)

    def is_form_token(self, name: str, token: str) -> bool:
        """Whether a form was made for the browser that holds a name."""
        return _is_equal(token, self.form_token(name))

    def _signature(self, what: str, name: str) -> str:
        made = hmac.new(self._key, f"{what}/{name}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def _is_equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


class Sessions:
    """The sessions of one service, in its database.

    Args:
        database: where they are kept.
        key: 32 secret bytes, the same for all workers.
        now: the present, aware.
    """

    def __init__(self, database: Database, key: bytes, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now
        self._cipher = AESGCM(derived(key, "pages/sessions"))

    def begin(self, session: Session) -> str:
        """Keep a session under a new name; returns the name.

        Raises:
            DatabaseError: it cannot be kept.
        """
        name = secrets.token_urlsafe(32)
        self._put(f"session/{name}", asdict(session), WORKING_DAY)
        return name

    def read(self, name: str) -> Session | None:
        """The session of a name; None when there is none, or it has ended.

        Raises:
            DatabaseError: the database fails.
        """
        with self._database.snapshot() as connection:
            said = self._get(connection, f"session/{name}")
        return None if said is None else Session(**said)

    def end(self, name: str) -> None:
        """End a session.

        Raises:
            DatabaseError: the database fails.
        """
        with self._database.transaction() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.name == _hashed(f"session/{name}")))

    def change(self, name: str, session: Session) -> str:
        """Put another session in the place of one, under a new name; returns the name.

        Raises:
            DatabaseError: the database fails.
        """
        self.end(name)
        return self.begin(session)

    def launch(self, state: str, said: dict[str, Any]) -> None:
        """Keep what a launch needs when it comes back.

        Raises:
            DatabaseError: it cannot be kept.
        """
        self._put(f"launch/{state}", said, ON_ITS_WAY)

    def launched(self, state: str) -> dict[str, Any] | None:
        """What was kept of a launch, once; None when there is none, or it was too long ago.

        Raises:
            DatabaseError: the database fails.
        """
        key = f"launch/{state}"
        with self._database.transaction() as connection:
            said = self._get(connection, key)
            gone = connection.execute(delete(SESSIONS).where(SESSIONS.c.name == _hashed(key)))
        # Two workers may have read it; only one has removed it.
        return said if gone.rowcount else None

    def _put(self, key: str, said: dict[str, Any], holds: timedelta) -> None:
        now, name, nonce = self._now(), _hashed(key), secrets.token_bytes(NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, orjson.dumps(said), name.encode())
        with self._database.transaction() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.until < now))
            connection.execute(SESSIONS.insert(), {"name": name, "sealed": sealed, "until": now + holds})

    def _get(self, connection: Connection, key: str) -> dict[str, Any] | None:
        name = _hashed(key)
        row = connection.execute(select(SESSIONS).where(SESSIONS.c.name == name)).one_or_none()
        if row is None or row.until <= self._now():
            return None
        said: dict[str, Any] = orjson.loads(self._cipher.decrypt(row.sealed[:NONCE], row.sealed[NONCE:], name.encode()))
        return said


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
