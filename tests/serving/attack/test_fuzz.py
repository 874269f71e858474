"""Thousands of spoiled requests: no failure, no trace of the program, and nothing of a patient where it may not be."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from serving.house import House
from serving.release import Release
from serving.reviews import verify
from tests.serving.attack.callers import Attack
from tests.serving.attack.mutations import MARK
from tests.serving.attack.witness import Overheard

ORDINARY, NIGHTLY = 300, 20_000


@pytest.fixture
def overheard() -> Iterator[Overheard]:
    """Everything that is logged meanwhile."""
    handler, root = Overheard(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def strike(attack: Attack, overheard: Overheard, seeds: range) -> None:
    """Send spoiled requests, and look at what was logged and counted."""
    for seed in seeds:
        attack.strike(seed)
    logged = "\n".join(overheard.lines)
    assert not MARK.search(logged)
    assert "Traceback" not in logged
    assert " failed: " not in logged
    numbers = attack.send("GET", "/metrics", headers=attack.headers).text
    assert not MARK.search(numbers)
    assert verify(attack.house.settings).is_whole
    assert sum(attack.witness.seen.values()) == len(seeds)


def test_spoiled_requests_never_fail_and_never_tell(
    asking: Release, own_house: House, overheard: Overheard, capfd: pytest.CaptureFixture[str]
) -> None:
    attack = Attack(asking, own_house)
    strike(attack, overheard, range(ORDINARY))
    attack.close()
    assert not MARK.search("".join(capfd.readouterr()))


@pytest.mark.nightly
def test_a_night_of_spoiled_requests(
    asking: Release, own_house: House, overheard: Overheard, capfd: pytest.CaptureFixture[str]
) -> None:
    attack = Attack(asking, own_house)
    strike(attack, overheard, range(ORDINARY, ORDINARY + NIGHTLY))
    attack.close()
    assert not MARK.search("".join(capfd.readouterr()))
    assert {status for _, status in attack.witness.seen} >= {200, 201, 400, 404, 409, 412, 413, 422}
