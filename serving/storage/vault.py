"""The vault: inputs of assessments and comments on them, sealed, in a database apart.

What lies here was said by or about a patient in full, so it is encrypted (AES-256-GCM, bound to its name) by a key that
is in no database. The service opens the inputs of an assessment only to update it with the patient's answers, and shows
them to nobody; the operator's command that reproduces an assessment opens them too. Both are audited.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, select

from records.database.connection import engine, require_reachable, sqlite_file, writing
from records.database.errors import DatabaseError, told_plainly
from records.database.insertion import insert
from serving.storage.tables import VAULT
from serving.storage.versions import VAULT_STEPS, prepare

NONCE = 12


class Vault:
    """A vault and the key that seals what is put into it."""

    def __init__(self, opened: Engine, key: bytes) -> None:
        self._engine, self._cipher = opened, AESGCM(key)

    @classmethod
    def open(cls, url: str, key: bytes) -> Self:
        """Open a vault, made when it is not there.

        Raises:
            DatabaseError: the database cannot be reached or is newer than this code.
        """
        _make_private(url)
        opened = engine(url)
        require_reachable(opened, url)
        with told_plainly():
            prepare(opened, VAULT_STEPS)
        return cls(opened, key)

    def sealed(self, name: str, content: bytes, kept_at: datetime) -> dict[str, Any]:
        """What `add` takes: a content that only this name and the key open."""
        nonce = secrets.token_bytes(NONCE)
        return {"name": name, "sealed": nonce + self._cipher.encrypt(nonce, content, name.encode()), "kept_at": kept_at}

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Put sealed contents in, all or none.

        Raises:
            DatabaseError: the database fails; nothing was written.
        """
        with self.transaction() as connection:
            insert(connection, VAULT, rows)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction for a writer that puts sealed contents into `VAULT` itself.

        Raises:
            DatabaseError: the database fails; nothing was written.
        """
        with told_plainly(), writing(self._engine) as connection:
            yield connection

    def content(self, name: str) -> bytes | None:
        """What was put in under a name, or None.

        Raises:
            DatabaseError: the database fails, or what lies there was not sealed by this key under this name.
        """
        with told_plainly(), self._engine.connect() as connection:
            sealed = connection.scalar(select(VAULT.c.sealed).where(VAULT.c.name == name))
        if sealed is None:
            return None
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], name.encode())
        except InvalidTag:
            raise DatabaseError("what the vault holds was changed, or sealed by another key") from None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _make_private(url: str) -> None:
    """Let only its owner read the file of a new SQLite vault, and those that SQLite makes beside it."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
        except OSError as error:
            raise DatabaseError(f"{file} cannot be created: {error.strerror}") from None
