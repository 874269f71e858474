"""Everything that a running service holds besides its release: keys, tenants, records, and what it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from alerts.versions import migrate
from records.database import Database
from records.database.connection import engine
from serving.keys import Secrets, demo_key
from serving.known import Known
from serving.settings import Settings
from serving.storage.ledger import Ledger
from serving.tenants import Directory, demo_directory, read_access


@dataclass(frozen=True)
class House:
    """What one worker holds; open one with `House.open`, and close it."""

    settings: Settings
    secrets: Secrets
    directory: Directory
    ledger: Ledger
    known: Known
    vouchers: Engine | None = None

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open what the settings name; keys and databases that are not there are made.

        Raises:
            KeyFolderError: the keys cannot be used.
            AccessError: the access file cannot be used.
            DatabaseError: a database cannot be used.
        """
        secrets = Secrets.open(settings.keys)
        access = settings.access
        directory = demo_directory(demo_key(settings.keys)) if access is None else read_access(access)
        records = settings.records
        known = Known(Database.open(records) if isinstance(records, str) else records)
        return cls(settings, secrets, directory, Ledger.open(settings, secrets), known, _vouchers(settings.vouchers))

    def close(self) -> None:
        """Keep what is waiting, and close all connections."""
        self.ledger.close()
        self.known.close()
        if self.vouchers is not None:
            self.vouchers.dispose()


def _vouchers(url: str | None) -> Engine | None:
    """The database of vouchers, at the newest version of its schema."""
    if url is None:
        return None
    migrate(url)
    return engine(url)
