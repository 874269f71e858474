"""The features benchmark: engines that say what ours says, one measurement, and the report."""

from __future__ import annotations

import importlib
import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import features as benchmark
from benchmarks.engines import LOOKING_BACK, WAYS, expressed, own, single
from benchmarks.features import ENGINES, LIMITS, PEERS, Results, Run
from features import batch
from features.dental import DENTAL
from tests.features.test_batch import leave_memory

SIZE = 150


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scratch = tmp_path_factory.mktemp("benchmark")
    assert benchmark.provide(scratch, SIZE) > 10_000
    return scratch


@pytest.fixture
def _left(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process goes on: it keeps its cores and its memory as they are."""
    monkeypatch.setattr(batch, "keep_memory", leave_memory)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None)
    monkeypatch.setattr(benchmark.pa, "set_cpu_count", lambda _: None)
    monkeypatch.setattr(benchmark.pa, "set_io_thread_count", lambda _: None)


def ran_here(scratch: Path, engine: str, size: int, moments: int) -> Run:
    files = [str(scratch / str(size)), str(scratch / f"{size}-{moments}.parquet"), str(scratch / f"{engine}.parquet")]
    used = benchmark._work(engine, *map(Path, files))
    return Run(used["start"], used["cpu"], used["wall"], used["memory"])


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis 12 on DuckDB 2
@pytest.mark.usefixtures("_left")
@pytest.mark.parametrize("engine", PEERS)
def test_every_peer_says_what_ours_says_to_the_last_bit(
    scratch: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "run", ran_here)
    columns = benchmark.check(scratch, SIZE, engine)
    assert columns == (len(DENTAL) if engine == "DuckDB SQL" else sum(len(f.features()) for f in expressed(DENTAL)))


@pytest.mark.usefixtures("_left")
def test_an_engine_that_says_something_else_is_not_measured(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(scratch: Path, engine: str, size: int, moments: int) -> Run:
        found = ran_here(scratch, "ours", size, moments)
        rows = pq.read_table(scratch / "ours.parquet")
        if engine != "ours":
            at = rows.column_names.index("age")
            pq.write_table(rows.set_column(at, "age", rows["age"].fill_null(1)).select(["age"]).slice(0), scratch / "x")
            pq.write_table(rows.select(["visits_m12"]).rename_columns(["age"]), scratch / f"{engine}.parquet")
        return found

    monkeypatch.setattr(benchmark, "run", wrong)
    with pytest.raises(ValueError, match="pandas: age differs from ours"):
        benchmark.check(scratch, SIZE, "pandas")


def test_what_needs_a_search_among_other_events_is_left_out() -> None:
    left = {family.name for family in DENTAL.families} - {family.name for family in expressed(DENTAL)}
    assert left == {"teeth_again", "recall_overdue", "recalls", "recalls_kept", "recall_kept_share"}
    assert set(LOOKING_BACK) == {"retreated", "recall_kept", "overdue"}


@pytest.mark.usefixtures("_left")
@pytest.mark.parametrize("engine", LIMITS)
def test_the_read_limit_reads(scratch: Path, engine: str) -> None:
    assert ran_here(scratch, engine, SIZE, 1).cpu > 0


def test_a_measurement_is_a_process_of_its_own_and_its_failure_is_said(scratch: Path) -> None:
    measured = benchmark.run(scratch, "ours, with the profile", SIZE, 1)
    assert measured.cpu > 0
    assert measured.start > 0
    assert measured.memory > 50
    assert (scratch / "ours, with the profile.json").exists()
    with pytest.raises(RuntimeError, match="ours ended with status 1"):
        benchmark.run(scratch / "nowhere", "ours", SIZE, 1)


def test_two_processes_work_on_two_cores(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(own, "run", lambda *_, **more: chosen.append(more["jobs"]))
    own.two_processes(DENTAL, scratch, scratch, scratch)
    assert chosen == [2]


@pytest.mark.usefixtures("_left")
def test_one_patient_is_timed_call_by_call(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(single, "CALLS", 5)
    assert benchmark.main(["--engine", "single", str(scratch / str(SIZE))]) == 0
    found = json.loads(capsys.readouterr().out)
    for way in WAYS:
        assert 0 < found[way] <= found[f"{way}_p95"]
    assert found["events"] > 0


def test_a_peer_without_its_python_is_said_to_be_missing(scratch: Path) -> None:
    assert benchmark.of_peer(scratch, SIZE, "featuretools", None) is None


def test_a_peer_with_its_python_is_run_and_held_against_ours(scratch: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\n"
        "import json, sys, pyarrow.parquet as pq\n"
        "found = pq.read_table(sys.argv[3] + '/expected.parquet').to_pydict()\n"
        "names = {'183': 'visits_m6', '365': 'visits_m12', '730': 'visits_m24', '1826': 'visits_m60'}\n"
        "visits = {days: found[name] for days, name in names.items()} | {'0': []}\n"
        "print(json.dumps({'cpu': 2.0, 'columns': 7, 'rows': 3, 'visits': visits}))\n"
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    found = benchmark.of_peer(scratch, SIZE, "featuretools", python)
    assert found is not None
    assert found["says"] == "4 of 5 columns compared are equal to ours"
    other = benchmark.of_peer(scratch, SIZE, "meds-tab", python)
    assert other is not None
    assert "counts of codes alone" in other["says"]


def made_up(sizes: list[int]) -> Results:
    found = Results(rows={size: 100 * size for size in sizes}, load=(1.0, 2.0))
    for place, engine in enumerate(ENGINES):
        for size in sizes:
            found.runs[engine, size, 1] = [
                Run(0.5, (place + 1) * size / 1000 * times, place * times, 100) for times in (1, 1.1, 5)
            ]
    found.runs["ours", sizes[-1], 5] = [Run(0.5, 9.9, 10.1, 100)]
    found.columns = dict.fromkeys(PEERS, 217)
    found.single = {"events": 120, "person": 0.1, "arrays": 0.7, "tables": 1.5}
    found.single |= {f"{way}_p95": 2 * found.single[way] for way in WAYS}
    found.peers = {"featuretools": {"cpu": 2.0, "columns": 7, "says": "equal"}, "meds-tab": None}
    return found


def test_the_report_gives_medians_ratios_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "measure", lambda _scratch, sizes, _rounds, _peers: made_up(sizes))
    assert benchmark.main(["--patients", "1000", "2000", "--docs", str(tmp_path)]) == 0
    text = (tmp_path / "features-speed.md").read_text()
    assert capsys.readouterr().out.strip() == text.strip()
    assert "| Polars lazy | 217 | 13.20 | 0.50 | 100 | 6.0 | 2.00 |" in text
    assert "| ours | 2,000 | 5 | 200,000 | 9.90 | 4.5 | 10.10 | 100 |" in text
    assert "Growth exponent of ours, one core, over all populations: 1.000" in text
    assert "| evaluator, from ready arrays | 0.700 | 1.400 | 7.0 |" in text
    assert "- featuretools: 7 columns, 200 patients, 2.0 CPU s, that is 10 ms a patient; equal." in text
    assert "- meds-tab: not installed" in text
    assert (tmp_path / "features-speed.png").stat().st_size > 10_000


def test_one_population_has_no_growth() -> None:
    assert np.isnan(benchmark._exponent(made_up([10]), [10]))


def test_every_round_measures_every_engine_in_turn(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, int]] = []

    def noted(_scratch: Path, engine: str, size: int, moments: int) -> Run:
        asked.append((engine, size, moments))
        return Run(0, 1, 1, 1)

    monkeypatch.setattr(benchmark, "run", noted)
    monkeypatch.setattr(benchmark, "provide", lambda _scratch, size: size)
    monkeypatch.setattr(benchmark, "check", lambda *_: 217)
    monkeypatch.setattr(benchmark, "_json", lambda _: {"events": 120, "median": 1, "p95": 1})
    found = benchmark.measure(scratch, [10, 20, 30], 2, None)
    assert asked[: len(asked) // 2] == asked[len(asked) // 2 :]
    assert {engine for engine, size, _ in asked if size == 20} == set(ENGINES)
    assert [engine for engine, size, _ in asked if size == 30][:2] == list(LIMITS)
    assert ("ours", 20, 5) in asked
    assert found.limit(20) == 1
    assert found.peers == {"featuretools": None, "meds-tab": None}


def test_engines_are_functions(scratch: Path) -> None:
    for where in ENGINES.values():
        module, _, function = where.partition(":")
        assert callable(getattr(importlib.import_module(f"benchmarks.engines.{module}"), function))
