"""The benchmark of alerts, on a small city: it measures what it says it measures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import alerts as benchmark


def test_the_figures_are_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "in_its_own_process", benchmark.timed_run)
    file = tmp_path / "figures.json"
    assert benchmark.main(["--vouchers", "400", "--sample", "50", "--json", str(file)]) == 0
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert 1600 < figures["events"] < 2800
    assert figures["evaluate only: alerts found"] == figures["first run: alerts found"] > 100
    assert (figures["evaluate only: messages queued"], figures["again: alerts found"]) == (0, 0)
    assert figures["one by one: CPU a voucher, times that of all at once"] > 0
    assert "next day: highest memory, MB" in capsys.readouterr().out


def test_other_alerts_one_by_one_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/city.db"
    benchmark.fill(url, 60)
    assert benchmark.in_its_own_process(url, benchmark.NOW, dry=False)["alerts found"] > 10
    monkeypatch.setattr(benchmark, "alerts_of", lambda *_: set())
    with pytest.raises(RuntimeError, match="one by one finds other alerts than all at once"):
        benchmark.one_by_one(url, 30)
