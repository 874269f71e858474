from __future__ import annotations

import pytest
from _pytest.outcomes import Failed, Skipped

from tests.needs import needs


def test_what_is_there_is_found() -> None:
    assert needs("sh").endswith("sh")


def test_what_is_missing_skips_the_test_and_fails_it_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "false")
    with pytest.raises(Skipped, match="no-such-program is not installed"):
        needs("no-such-program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Failed, match="no-such-program is not installed"):
        needs("no-such-program")
