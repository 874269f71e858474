"""The benchmark of alerts, on a small city: it measures what it says it measures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import alerts as benchmark


def test_the_figures_are_printed_written_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "in_its_own_process", benchmark.timed_run)
    assert benchmark.main(["--vouchers", "400", "--sample", "50", "--docs", str(tmp_path)]) == 0
    text = (tmp_path / "alerts-speed.md").read_text(encoding="utf-8")
    assert text == capsys.readouterr().out
    assert re.search(r"^400 vouchers with [12],\d{3} events on SQLite", text, re.MULTILINE)
    runs = {
        name: cells
        for name, *cells in re.findall(r"^\| ([a-z ]+) \| .* \| ([\d,]+) \| ([\d,]+) \|$", text, re.MULTILINE)
    }
    assert runs["evaluate only"][0] == runs["first run"][0] != "0"
    assert (runs["evaluate only"][1], runs["again"][0]) == ("0", "0")
    assert re.findall(r"^\| (\d+) \|", text, re.MULTILINE) == ["50", "100", "200", "400"]
    assert (tmp_path / "alerts-speed.png").read_bytes().startswith(b"\x89PNG")


def test_a_missed_limit_is_named_and_told_by_the_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = benchmark.Taken(seconds=99, cpu=61, megabytes=100, alerts=7, queued=0)
    runs = {name: slow for name, *_ in benchmark.RUNS}
    figures = benchmark.Figures(1_000_000, 5_000_000, "SQLite", {125_000: 6.0, 1_000_000: 50.0}, runs, 10, 1.0, (1, 2))
    monkeypatch.setattr(benchmark, "measure", lambda *_: figures)
    assert benchmark.main(["--docs", str(tmp_path)]) == 1
    text = (tmp_path / "alerts-speed.md").read_text(encoding="utf-8")
    assert "| CPU seconds of the slowest run | 60.0 | 61.00 | **missed** |" in text
    assert "| growth of CPU time a voucher | 1.1 | 1.04 | kept |" in text
    assert benchmark.main(["--docs", str(tmp_path), "--vouchers", "1000"]) == 0


def test_other_alerts_one_by_one_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/city.db"
    benchmark.fill(url, 60)
    assert benchmark.in_its_own_process(url, benchmark.NOW, dry=False).alerts > 10
    monkeypatch.setattr(benchmark, "alerts_of", lambda *_: set())
    with pytest.raises(RuntimeError, match="one by one finds other alerts than all at once"):
        benchmark.one_by_one(url, 30)
