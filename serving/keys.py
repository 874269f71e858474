"""Secret keys: made at the first start, kept in files that only their owner reads, and never shipped.

Three keys make patients unrecognisable (`Secrets.patients`), seal snapshots and comments (`vault`) and chain the audit
(`audit`). Whoever loses them loses the links between a patient's assessments, the snapshots, and the proof that the
audit is whole: keep copies of the folder apart from the databases.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from joserfc.jwk import ECKey

BYTES = 32
NAMES = ("patients", "audit", "vault")
DEMO = "demo-issuer.json"
DEMO_USERS = "demo-users.json"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of a password that people type: none that looks like another."""


class KeyFolderError(ValueError):
    """The folder of keys cannot be used; the message never holds a key."""


@dataclass(frozen=True)
class Secrets:
    """The keys of one service, 32 random bytes each."""

    patients: bytes
    audit: bytes
    vault: bytes

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the keys of a folder; one that is not there is made, with new keys.

        Raises:
            KeyFolderError: the folder cannot be read or made, or is there without all of the keys: new ones in the
                place of lost ones would part patients from their past without a word.
        """
        try:
            if not folder.exists():
                _make(folder)
        except OSError as error:
            raise KeyFolderError(f"the keys in {folder} cannot be made: {error.strerror}") from error
        return cls.read(folder)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the keys of a folder.

        Raises:
            KeyFolderError: the folder cannot be read, or is there without all of the keys.
        """
        try:
            return cls(**{name: _key(folder / f"{name}.key") for name in NAMES})
        except OSError as error:
            raise KeyFolderError(f"the keys in {folder} cannot be read: {error.strerror}") from error

    def patient(self, tenant: str, reference: str) -> str:
        """The pseudonym of a patient whom a tenant knows by some reference: 128 bits in hexadecimal.

        The same patient of the same tenant always gets the same one; without the key it can be neither computed nor
        undone.
        """
        said = json.dumps([tenant, reference]).encode()
        return hmac.new(self.patients, said, hashlib.sha256).hexdigest()[:32]


def derived(key: bytes, what: str) -> bytes:
    """A key of its own for another use, from which the first cannot be told."""
    return hmac.new(key, f"tarve/{what}".encode(), hashlib.sha256).digest()


def demo_key(folder: Path) -> ECKey:
    """The key that signs the demo's tokens (P-384); made when it is asked for first.

    Raises:
        KeyFolderError: the file cannot be read or made, or holds no such key.
    """
    Secrets.open(folder)
    file = folder / DEMO
    try:
        if not file.exists():
            made = ECKey.generate_key("P-384", auto_kid=True)
            _write_once(file, json.dumps(made.as_dict(private=True)).encode())
        return ECKey.import_key(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise KeyFolderError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeyFolderError(f"{file} holds no key of an issuer") from error


def demo_passwords(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Passwords of the demo's users; made when they are asked for first, at random (79 bits), and never shipped.

    Raises:
        KeyFolderError: the file cannot be read or made, or lacks one of the names.
    """
    Secrets.open(folder)
    file = folder / DEMO_USERS
    try:
        if not file.exists():
            _write_once(file, json.dumps({name: _password() for name in names}).encode())
        said = json.loads(file.read_text(encoding="utf-8"))
        return {name: str(said[name]) for name in names}
    except OSError as error:
        raise KeyFolderError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFolderError(f"{file} lacks passwords of the demo's users; remove it and they are made anew") from error


def _password() -> str:
    """Four groups of four letters."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))


def _make(folder: Path) -> None:
    """Make all keys at once: of two workers that start together, the folder of one takes the place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    for name in NAMES:
        _write_once(made / f"{name}.key", secrets.token_hex(BYTES).encode())
    try:
        made.rename(folder)
    except OSError:
        shutil.rmtree(made)
        if not folder.exists():
            raise


def _write_once(file: Path, content: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all; one that is there stays."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
        os.link(name, file)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()


def _key(file: Path) -> bytes:
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise KeyFolderError(f"{file} is missing; put it back from the copy of the keys") from None
    except ValueError:
        raise KeyFolderError(f"{file} does not hold {BYTES} bytes in hexadecimal") from None
    if len(key) != BYTES:
        raise KeyFolderError(f"{file} does not hold {BYTES} bytes in hexadecimal")
    return key
