"""Which version of the schema a database has, and how it gets the one that this code knows."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from records.database.connection import engine, masked, require_reachable, sqlite_file
from records.database.errors import DatabaseError

FOLDER = Path(__file__).parent / "migrations"
VERSION_TABLE = "tarve_version"
"""Not Alembic's own name: MLflow keeps its version under that one, and may share the database."""

_LOCK = 0x7A52E
"""Names the advisory lock that keeps two processes from migrating one PostgreSQL database at once."""


def migrate(url: str) -> None:
    """Bring a database to the newest version of the schema; does nothing when it has it. A SQLite file is created.

    All migrations run in one transaction, and only one process runs them at a time.

    Raises:
        DatabaseError: the database cannot be reached, is newer than this code, or a migration does not fit it.
    """
    _create_folder(url)
    with _reached(url) as reached:
        if not _is_current(reached, url):
            _upgrade(reached, url)


def downgrade(url: str, version: str) -> None:
    """Take a database back to an earlier version, `base` for none: what only the newer one holds is lost.

    Raises:
        DatabaseError: the database cannot be reached or is newer than this code, or the version is not known.
    """
    with _reached(url) as reached, _alone(reached) as connection:
        _require_known(connection, url)
        if version != "base" and version not in _versions():
            raise DatabaseError(f"there is no version {version}; there are {', '.join(sorted(_versions()))}")
        command.downgrade(_config(connection), version)


def draft(message: str) -> Path:
    """Write the next version: what turns the newest one into what `records.schema` says now.

    Alembic compares the schema with a new SQLite database. It does not see a changed limit of a value, and it knows
    nothing of the rows in use: a draft is to be read and completed. Tests compare the outcome, limits and all.

    Returns:
        The new module among the versions.
    """
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/draft.db"
        migrate(url)
        with _reached(url) as reached, reached.connect() as connection:
            number = f"{len(_versions()) + 1:04}"
            written = command.revision(_config(connection), message, autogenerate=True, rev_id=number)
    return Path(cast(Script, written).path)


def version(connection: Connection) -> str | None:
    """The version of the schema that a database has; None before the first migration."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def newest() -> str | None:
    """The newest version of the schema that this code knows."""
    return _scripts().get_current_head()


def _upgrade(reached: Engine, url: str) -> None:
    try:
        with _alone(reached) as connection:
            _require_known(connection, url)
            command.upgrade(_config(connection), "head")
    except DBAPIError:
        raise DatabaseError(
            f"{masked(url)} cannot be migrated to version {newest()}: it is not as the earlier version left it, or this"
            " user may not change it; nothing was changed"
        ) from None


def _is_current(reached: Engine, url: str) -> bool:
    with reached.connect() as connection:
        _require_known(connection, url)
        return version(connection) == newest()


def _require_known(connection: Connection, url: str) -> None:
    found = version(connection)
    if found is not None and found not in _versions():
        raise DatabaseError(
            f"{masked(url)} has version {found} of the schema, this code knows versions up to {newest()};"
            " use the newer Tarve that made it"
        )


@contextmanager
def _reached(url: str) -> Iterator[Engine]:
    reached = engine(url, foreign_keys=False)
    try:
        require_reachable(reached, url)
        yield reached
    finally:
        reached.dispose()


@contextmanager
def _alone(reached: Engine) -> Iterator[Connection]:
    """A transaction that no other migration runs beside."""
    with reached.connect().execution_options(sqlite_begin="BEGIN IMMEDIATE") as connection, connection.begin():
        if reached.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        yield connection


def _create_folder(url: str) -> None:
    file = sqlite_file(url)
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"the folder {file.parent} cannot be created: {error.strerror}") from None


def _config(connection: Connection | None = None) -> Config:
    """Alembic's settings without a file in the project's root; `%` is doubled because Alembic interpolates them."""
    config = Config(attributes={"connection": connection}, cmd_opts=Namespace(quiet=True))
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _versions() -> set[str]:
    return {script.revision for script in _scripts().walk_revisions()}
