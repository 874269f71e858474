"""Which version of the schema a database has, and how it gets the one that this code knows.

A room that keeps tables of its own beside the record history has a `Chain` of versions of its own: the same ways, other
migrations, another version table in the same database.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from records.database.connection import engine, masked, require_reachable, sqlite_file, writing
from records.database.errors import DatabaseError

FOLDER = Path(__file__).parent / "migrations"
VERSION_TABLE = "tarve_version"
"""Not Alembic's own name: MLflow keeps its version under that one, and may share the database."""

_LOCK = 0x7A52E
"""Names the advisory lock that keeps two processes from migrating one PostgreSQL database at once."""


@dataclass(frozen=True)
class Chain:
    """The versions of some tables in a database, each made from the one before by a migration.

    Attributes:
        folder: where Alembic finds `env.py` and the folder `versions`.
        version_table: where the database keeps the version that it has.
    """

    folder: Path
    version_table: str

    def migrate(self, url: str) -> None:
        """Bring a database to the newest version; does nothing when it has it. A SQLite file is created.

        All migrations run in one transaction, and only one process runs them at a time.

        Raises:
            DatabaseError: the database cannot be reached, is newer than this code, or a migration does not fit it.
        """
        _create_folder(url)
        with _reached(url) as reached:
            if not self._is_current(reached, url):
                self._upgrade(reached, url)

    def downgrade(self, url: str, version: str) -> None:
        """Take a database back to an earlier version, `base` for none: what only the newer one holds is lost.

        Raises:
            DatabaseError: the database cannot be reached or is newer than this code, or the version is not known.
        """
        with _reached(url) as reached, writing(reached, _LOCK) as connection:
            self._require_known(connection, url)
            if version != "base" and version not in self.versions():
                raise DatabaseError(f"there is no version {version}; there are {', '.join(sorted(self.versions()))}")
            command.downgrade(self.config(connection), version)

    def version(self, connection: Connection) -> str | None:
        """The version that a database has; None before the first migration."""
        context = MigrationContext.configure(connection, opts={"version_table": self.version_table})
        return context.get_current_revision()

    def newest(self) -> str | None:
        """The newest version that this code knows."""
        return self._scripts().get_current_head()

    def versions(self) -> set[str]:
        """All versions that this code knows."""
        return {script.revision for script in self._scripts().walk_revisions()}

    def config(self, connection: Connection | None = None) -> Config:
        """Alembic's settings without a file in the project's root; `%` is doubled because Alembic interpolates them."""
        config = Config(attributes={"connection": connection}, cmd_opts=Namespace(quiet=True))
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
        return config

    def _scripts(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self.config())

    def _upgrade(self, reached: Engine, url: str) -> None:
        try:
            with writing(reached, _LOCK) as connection:
                self._require_known(connection, url)
                command.upgrade(self.config(connection), "head")
        except DBAPIError:
            raise DatabaseError(
                f"{masked(url)} cannot be migrated to version {self.newest()}: it is not as the earlier version left"
                " it, or this user may not change it; nothing was changed"
            ) from None

    def _is_current(self, reached: Engine, url: str) -> bool:
        with reached.connect() as connection:
            self._require_known(connection, url)
            return self.version(connection) == self.newest()

    def _require_known(self, connection: Connection, url: str) -> None:
        found = self.version(connection)
        if found is not None and found not in self.versions():
            raise DatabaseError(
                f"{masked(url)} has version {found} of the schema, this code knows versions up to {self.newest()};"
                " use the newer Tarve that made it"
            )


def records_chain() -> Chain:
    """The versions of the record history's own tables."""
    return Chain(FOLDER, VERSION_TABLE)


def migrate(url: str) -> None:
    """Bring the record history's tables to their newest version, as `Chain.migrate`."""
    records_chain().migrate(url)


def downgrade(url: str, version: str) -> None:
    """Take the record history's tables back to an earlier version, as `Chain.downgrade`."""
    records_chain().downgrade(url, version)


def version(connection: Connection) -> str | None:
    """The version of the record history's tables that a database has; None before the first migration."""
    return records_chain().version(connection)


def newest() -> str | None:
    """The newest version of the record history's tables that this code knows."""
    return records_chain().newest()


def draft(message: str) -> Path:
    """Write the next version: what turns the newest one into what `records.schema` says now.

    Alembic compares the schema with a new SQLite database. It does not see a changed limit of a value, and it knows
    nothing of the rows in use: a draft is to be read and completed. Tests compare the outcome, limits and all.

    Returns:
        The new module among the versions.
    """
    chain = records_chain()
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/draft.db"
        chain.migrate(url)
        with _reached(url) as reached, reached.connect() as connection:
            number = f"{len(chain.versions()) + 1:04}"
            written = command.revision(chain.config(connection), message, autogenerate=True, rev_id=number)
    return Path(cast(Script, written).path)


@contextmanager
def _reached(url: str) -> Iterator[Engine]:
    reached = engine(url, foreign_keys=False)
    try:
        require_reachable(reached, url)
        yield reached
    finally:
        reached.dispose()


def _create_folder(url: str) -> None:
    file = sqlite_file(url)
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"the folder {file.parent} cannot be created: {error.strerror}") from None
