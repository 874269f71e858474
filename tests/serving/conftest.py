"""A small release fitted on made-up numbers, a record store with two patients, and the API over both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.dental import DENTAL
from models.calibration import Calibrator
from models.estimators import SHALLOW, Boosted
from models.need import NeedModel, NeedTable
from models.segments import read_tables
from records import store
from records.history import History
from serving.house import House
from serving.known import Known
from serving.release import RELEASE_FILE, Release
from serving.settings import Settings
from tests.serving import watched
from tests.serving.asker import KNOWN, NOW, URL, Asker, asker, posted
from tests.serving.interviews import planned
from tests.serving.watched import Served


@pytest.fixture(scope="session")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model with its release file, as `pull` leaves it."""
    rng = np.random.default_rng(1)
    x = rng.poisson(2, (400, len(DENTAL))).astype(np.float64)
    x[rng.random(x.shape) < 0.2] = np.nan
    busy = np.nansum(x[:, :20], 1)
    reached = np.stack([busy > np.quantile(busy, 0.6), busy > np.quantile(busy, 0.85)], 1)
    estimator = Boosted(DENTAL.names, {**SHALLOW, "num_threads": 1}, 20).fit(x, reached)
    calibrator = Calibrator.fit(estimator.margins(x), reached)
    segment = reached.sum(1)
    visits = rng.poisson(1 + segment[:, None], (400, 2)).astype(np.float64)
    need = NeedTable.fit(segment, visits, 30 * visits, ("dentist", "hygienist"), 3)
    valid_from = read_tables()[0].valid_from.isoformat()
    folder = tmp_path_factory.mktemp("release")
    NeedModel(estimator, calibrator, need, DENTAL.version, valid_from).save(folder)
    said = {"name": "tarve-need", "version": "1", "run_id": "0123456789abcdef"}
    (folder / RELEASE_FILE).write_text(json.dumps(said), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def release(release_folder: Path) -> Release:
    """The release that the tests ask."""
    return Release.read(release_folder)


@pytest.fixture(scope="session")
def asking(release_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release with an interview that asks everything that the record leaves open."""
    return Release.read(planned(release_folder, tmp_path_factory.mktemp("asking") / "release"))


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record store: the patient of the posted example, and one about whom nothing is recorded."""
    question = posted()
    person = {"non_disclosure": False, "special_needs": False, "sex": "female"}
    rows: dict[str, list[dict[str, Any]]] = {
        "patients": [
            {**person, "patient_id": KNOWN, "birth_date": datetime(1971, 5, 17, tzinfo=UTC).date()},
            {**person, "patient_id": "P000124", "birth_date": datetime(2001, 1, 31, tzinfo=UTC).date()},
        ],
        "charges": [
            {"patient_id": KNOWN, "event_id": "c1", "event_time": NOW.replace(year=2025), "source": "test",
             "recorded_at": NOW.replace(year=2025), "category": "dental", "cents": 100},
        ],
    }  # fmt: skip
    for table, events in question["history"].items():
        rows[table] = [
            {**event, "patient_id": KNOWN, "event_id": event.get("event_id", f"{at:03d}"), "source": "test",
             "event_time": datetime.fromisoformat(event["event_time"]),
             "recorded_at": datetime.fromisoformat(event["event_time"])}
            for at, event in enumerate(events)
        ]  # fmt: skip
    folder = tmp_path_factory.mktemp("store") / "records"
    store.write(History.from_rows(rows), folder)
    return folder


@pytest.fixture(scope="session")
def vouchers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of vouchers that are watched, to be copied."""
    file = tmp_path_factory.mktemp("vouchers") / "vouchers.db"
    watched.build(file)
    return file


@pytest.fixture(scope="session")
def house(records: Path, vouchers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """What a worker of the demo holds, with a record store; shared, because every assessment has a name of its own."""
    folder = tmp_path_factory.mktemp("house")
    settings = Settings.under(folder, records, URL)
    opened = House.open(replace(settings, vouchers=f"sqlite:///{shutil.copy(vouchers, folder / 'vouchers.db')}"))
    yield opened
    opened.close()


@pytest.fixture
def own_house(records: Path, tmp_path: Path) -> Iterator[House]:
    """The same for one test alone."""
    opened = House.open(Settings.under(tmp_path / "house", records, URL))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def served(
    release: Release, records: Path, vouchers: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The API over vouchers at any moment: made once, because its document takes half a second."""
    folder = tmp_path_factory.mktemp("served")
    settings = Settings.under(folder, records, URL)
    house = House.open(replace(settings, vouchers=f"sqlite:///{shutil.copy(vouchers, folder / 'vouchers.db')}"))
    yield Served(release, house, vouchers)
    house.close()


@pytest.fixture
def watch(served: Served) -> Served:
    """The same, with the vouchers as they were at first, at `NOW`."""
    served.begin()
    return served


@pytest.fixture(scope="session")
def api(release: Release, house: House) -> Asker:
    """The API with a record store, asked by a booking system that may read the numbers too."""
    return asker(release, house)


@pytest.fixture(scope="session")
def interview(asking: Release, house: House) -> Asker:
    """The API of a release with an interview."""
    return asker(asking, house)


@pytest.fixture(scope="session")
def bare_api(release: Release, house: House) -> Asker:
    """The API without a record store."""
    return asker(release, replace(house, known=Known(None)))
