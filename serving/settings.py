"""Where a service finds what it needs and keeps what it must, as the environment says.

- `TARVE_PUBLIC_URL`: the address that callers use, without a slash at the end; tokens are made out to it.
- `TARVE_RECORDS`: the record histories of known patients, a folder of Parquet files or the URL of a database; when the
  folder is absent only posted histories are assessed.
- `TARVE_DATABASE`: URL of the database that keeps assessments, decisions, cards and the audit.
- `TARVE_VAULT`: URL of the database that keeps snapshots of inputs and comments, sealed; apart on purpose, so that
  others may be let into the first one.
- `TARVE_KEYS`: folder of the secret keys; made at the first start.
- `TARVE_ANCHORS`: file beside the database to which the head of the audit is copied.
- `TARVE_VOUCHERS`: URL of the database of vouchers, their alerts and messages (`python -m alerts`); without one the
  service knows of no vouchers.
- `TARVE_ACCESS`: file that names the tenants and the issuers whose tokens hold (`serving.tenants`); without one the
  service knows the demo's issuer alone.
- `TARVE_RATE`, `TARVE_BURST`: how many requests a second one caller may send to one worker for long, and how many at
  once after a pause (50 and 100); a rate of 0 sets no limit.
- `TARVE_MOST_BYTES`: bytes of a request's body (5,000,000).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from serving.wire import MOST_BYTES

PUBLIC_URL = "http://127.0.0.1:3000"
RECORDS = "var/records"


class SettingsError(ValueError):
    """A setting cannot be used."""


@dataclass(frozen=True)
class Settings:
    """The settings of one service; what each means stands in the module's docstring.

    Attributes:
        rate: no limit by default under one folder: a test or a benchmark is one caller.
        records: a folder, a database's URL, or None when there is no record store.
        vouchers: a database's URL, or None when there is none.
    """

    public_url: str
    records: Path | str | None
    database: str
    vault: str
    keys: Path
    anchors: Path
    access: Path | None
    rate: float = 50.0
    burst: float = 100.0
    most_bytes: int = MOST_BYTES
    vouchers: str | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that an environment names, with defaults under `var/` for the rest."""
        access = environment.get("TARVE_ACCESS")
        return cls(
            public_url=environment.get("TARVE_PUBLIC_URL", PUBLIC_URL).rstrip("/"),
            records=_records(environment.get("TARVE_RECORDS", RECORDS)),
            database=environment.get("TARVE_DATABASE", "sqlite:///var/tarve.db"),
            vault=environment.get("TARVE_VAULT", "sqlite:///var/vault.db"),
            keys=Path(environment.get("TARVE_KEYS", "var/keys")),
            anchors=Path(environment.get("TARVE_ANCHORS", "var/audit-anchors.txt")),
            access=Path(access) if access else None,
            rate=_number(environment, "TARVE_RATE", 50.0),
            burst=_number(environment, "TARVE_BURST", 100.0),
            most_bytes=int(_number(environment, "TARVE_MOST_BYTES", MOST_BYTES)),
            vouchers=environment.get("TARVE_VOUCHERS") or None,
        )

    @classmethod
    def under(cls, folder: Path, records: Path | str | None = None, public_url: str = PUBLIC_URL) -> Self:
        """Settings that keep everything under one folder."""
        return cls(
            public_url=public_url,
            records=records,
            database=f"sqlite:///{folder / 'tarve.db'}",
            vault=f"sqlite:///{folder / 'vault.db'}",
            keys=folder / "keys",
            anchors=folder / "audit-anchors.txt",
            access=None,
            rate=0,
        )


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    """A number from 0 on.

    Raises:
        SettingsError: it is none.
    """
    said = environment.get(name, "")
    try:
        number = float(said) if said else default
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise SettingsError(f"{name} must be a number from 0 on")
    return number


def _records(named: str) -> Path | str | None:
    if ":/" in named:
        return named
    folder = Path(named)
    return folder if folder.is_dir() else None
