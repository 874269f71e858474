"""What all tests share: Hypothesis profiles, their groups, and settings that keep third parties quiet and offline."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from tests.databases import postgres, postgres_url, sqlite_url, url
from tests.groups import Groups, turn_of

__all__ = ["postgres", "postgres_url", "sqlite_url", "url"]

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ["DO_NOT_TRACK"] = "true"
# Small models: threads would only wait for each other, most of all on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("default", max_examples=150, deadline=None, suppress_health_check=SLOW_IS_FINE)
settings.register_profile("nightly", max_examples=1_000, deadline=None, suppress_health_check=SLOW_IS_FINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Where there are several processes, each runs whole groups of test files."""
    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there are several processes, they begin with the groups that take longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn_of(item.nodeid))
