"""Databases with all tables, and some with a voucher definition in them.

The latter are migrated once and then copied, because migrating takes half a second.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, Engine

from alerts.versions import migrate
from records.database.connection import engine
from tests.alerts.mail import prepared
from tests.alerts.reported_city import build
from tests.databases import administrator


@pytest.fixture
def database(url: str) -> Iterator[Engine]:
    """A database of each kind with all tables and nothing in them."""
    migrate(url)
    opened = engine(url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "tarve.db"
    prepared(f"sqlite:///{file}").dispose()
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres: URL) -> str:
    name = f"template_{uuid4().hex}"
    with administrator(postgres) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    prepared(postgres.set(database=name).render_as_string(hide_password=False)).dispose()
    return name


@pytest.fixture
def lite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A prepared SQLite file."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'prepared.db')}"


@pytest.fixture
def server_url(postgres: URL, postgres_template: str) -> Iterator[str]:
    """A prepared database on the PostgreSQL server."""
    name = f"test_{uuid4().hex}"
    with administrator(postgres) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield postgres.set(database=name).render_as_string(hide_password=False)
    with administrator(postgres) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["lite", "server"])
def prepared_url(request: pytest.FixtureRequest) -> str:
    """A prepared database of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def reached(prepared_url: str) -> Iterator[Engine]:
    """A prepared database of each kind."""
    made = engine(prepared_url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def lasting_lite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = engine(f"sqlite:///{shutil.copy(sqlite_template, tmp_path_factory.mktemp('lasting') / 'tarve.db')}")
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def lasting_server(postgres: URL, postgres_template: str) -> Iterator[Engine]:
    name = f"lasting_{uuid4().hex}"
    with administrator(postgres) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    made = engine(postgres.set(database=name).render_as_string(hide_password=False))
    yield made
    made.dispose()


@pytest.fixture(params=["lite", "server"])
def database(request: pytest.FixtureRequest) -> Engine:
    """A database of each kind that many tests share: each puts what it needs in the place of what is there (`keep`)."""
    return request.getfixturevalue(f"lasting_{request.param}")


@pytest.fixture
def lite(lite_url: str) -> Iterator[Engine]:
    """A prepared SQLite file."""
    made = engine(lite_url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def city_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A city to be reported on."""
    url = f"sqlite:///{tmp_path_factory.mktemp('city') / 'tarve.db'}"
    build(url)
    return url


@pytest.fixture(scope="session")
def city(city_url: str) -> Iterator[Engine]:
    """The same, open; the tests only read it."""
    reached = engine(city_url)
    yield reached
    reached.dispose()
