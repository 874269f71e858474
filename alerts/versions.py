"""Which version of the alerts' tables a database has; one call brings it, with its record history, to the newest."""

from __future__ import annotations

from pathlib import Path

from records.database import migrate as migrate_records
from records.database.versions import Chain

CHAIN = Chain(Path(__file__).parent / "migrations", "tarve_alerts_version")


def migrate(url: str) -> None:
    """Bring a database to the newest version: the record history's tables first, then those of alerts.

    Does nothing when it has them. A SQLite file is created.

    Raises:
        DatabaseError: the database cannot be reached, is newer than this code, or a migration does not fit it.
    """
    migrate_records(url)
    CHAIN.migrate(url)
