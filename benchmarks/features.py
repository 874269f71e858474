"""How fast features are computed: ours against Polars, DuckDB, Ibis, pandas, featuretools, meds-tab and bare reading.

    python -m benchmarks.features [--patients 10000 100000 700000] [--rounds 3] [--peers PYTHON] [--docs FOLDER]

Every measurement is a process of its own, pinned to one core (two for what runs in two processes), with one thread in
every library. A round runs all engines one after the other; what is printed is the median over the rounds. Time is the
CPU seconds of the process and its children from when the engine is imported until its Parquet file is written; the
start before that is measured apart. Memory is the most that the process tree has held. Every engine that writes a
matrix is first held against ours on the smallest population: its columns must be equal to the last bit.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import psutil  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from tqdm import tqdm

from benchmarks.engines import WAYS
from benchmarks.memory import highest_megabytes
from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from records import store
from records.clock import days
from records.scan import all_patients
from records.schema import INSTANT
from records.sources.meds import export_meds

ENGINES = {
    "read limit, Polars": "limits:by_polars",
    "read limit, DuckDB": "limits:by_duckdb",
    "ours": "own:run",
    "ours, with the profile": "own:profiled",
    "ours, two processes": "own:two_processes",
    "Polars lazy": "polars_lazy:run",
    "pandas": "pandas_groupby:run",
    "Ibis on DuckDB": "ibis_duckdb:run",
    "DuckDB SQL": "duckdb_sql:run",
}
LIMITS = ("read limit, Polars", "read limit, DuckDB")
PEERS = ("Polars lazy", "pandas", "Ibis on DuckDB", "DuckDB SQL")
LARGE = (*LIMITS, "ours", "ours, two processes")
"""What is measured at the largest population."""
SINGLE_THREADED = dict.fromkeys(("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_IO_THREADS"), "1")
PEER_PATIENTS = 200
"""Patients for featuretools and meds-tab, which take a hundredth of a second and more for each."""


@dataclass
class Run:
    """One measurement: CPU seconds of start and work, seconds on the clock of the work, most memory in MB."""

    start: float
    cpu: float
    wall: float
    memory: float


@dataclass
class Results:
    """All that was measured: runs by engine, population and moments a patient."""

    runs: dict[tuple[str, int, int], list[Run]] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    single: dict[str, float] = field(default_factory=dict)
    peers: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)
    load: tuple[float, float] = (0, 0)

    def median(self, engine: str, patients: int, moments: int = 1, of: str = "cpu") -> float:
        """The median over the rounds; NaN where nothing was measured."""
        runs = self.runs.get((engine, patients, moments), [])
        return statistics.median(getattr(run, of) for run in runs) if runs else float("nan")

    def limit(self, patients: int) -> float:
        """The read limit: the better of the two."""
        return min(self.median(engine, patients) for engine in LIMITS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.engine:
        print(json.dumps(_work(options.engine, *options.files)))
        return 0
    with tempfile.TemporaryDirectory(prefix="tarve-features-") as name:
        scratch = options.scratch or Path(name)
        found = measure(scratch, sorted(options.patients), options.rounds, options.peers)
    text = report(found, sorted(options.patients), options.rounds)
    print(text)
    options.docs.mkdir(parents=True, exist_ok=True)
    (options.docs / "features-speed.md").write_text(text, encoding="utf-8")
    draw(found, sorted(options.patients), options.docs / "features-speed.png")
    return 0


def measure(scratch: Path, sizes: list[int], rounds: int, peers: Path | None) -> Results:
    """Make the populations, hold every engine against ours, and measure."""
    found = Results(load=(os.getloadavg()[1], 0))
    for size in sizes:
        found.rows[size] = provide(scratch, size)
    small, main_size = sizes[0], sizes[min(1, len(sizes) - 1)]
    for engine in PEERS:
        found.columns[engine] = check(scratch, small, engine)
    plan = [
        (engine, size, 1)
        for size in sizes[:2]
        for engine in ENGINES
        if size == main_size or engine != "ours, two processes"
    ]
    plan += [("ours", main_size, 5)]
    plan += [(engine, size, 1) for size in sizes[2:] for engine in LARGE]
    for _ in tqdm(range(rounds), "rounds", disable=None):
        for engine, size, moments in plan:
            found.runs.setdefault((engine, size, moments), []).append(run(scratch, engine, size, moments))
    found.single = _json([sys.executable, "-m", "benchmarks.features", "--engine", "single", scratch / str(small)])
    for peer in ("featuretools", "meds-tab"):
        found.peers[peer] = of_peer(scratch, small, peer, peers)
    found.load = (found.load[0], os.getloadavg()[1])
    return found


def provide(scratch: Path, size: int) -> int:
    """A simulated population of ten years, and the moments asked about; returns its number of events."""
    folder = scratch / str(size)
    if not folder.exists():
        command = [sys.executable, "-m", "records", "simulate", "--patients", str(size), "--years", "10"]
        subprocess.run([*command, "--out", str(folder)], check=True, capture_output=True)  # noqa: S603 - our own command
    patient_ids = all_patients(folder)
    for moments in (1, 5):
        rows = np.repeat(np.arange(len(patient_ids)), moments)
        dates = [datetime(2026 - moments + 1 + at, 1, 1, tzinfo=UTC) for at in range(moments)]
        as_of = pa.array(dates, INSTANT).take(pa.array(np.tile(np.arange(moments), len(patient_ids))))
        asked = {"row": np.arange(len(rows)), "patient_id": patient_ids.take(pa.array(rows)), "as_of": as_of}
        pq.write_table(pa.table(asked), scratch / f"{size}-{moments}.parquet")
    tables = [folder / f"{source}.parquet" for source in DENTAL.sources if source != "patients"]
    return sum(pq.read_metadata(table).num_rows for table in tables)


def check(scratch: Path, size: int, engine: str) -> int:
    """Hold an engine against ours; returns how many columns it expresses.

    Raises:
        ValueError: a column differs.
    """
    for each in ("ours", engine):
        run(scratch, each, size, 5)
    ours, other = (pq.read_table(scratch / f"{each}.parquet") for each in ("ours", engine))
    for name in other.column_names:
        one, two = (np.asarray(table[name].to_numpy(), np.float64) for table in (ours, other))
        if not np.array_equal(one, two, equal_nan=True):
            raise ValueError(f"{engine}: {name} differs from ours")
    return len(other.column_names)


def run(scratch: Path, engine: str, size: int, moments: int) -> Run:
    """One measurement in a process of its own."""
    files = [scratch / str(size), scratch / f"{size}-{moments}.parquet", scratch / f"{engine}.parquet"]
    command = [sys.executable, "-m", "benchmarks.features", "--engine", engine, *map(str, files)]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL, env=os.environ | SINGLE_THREADED)  # noqa: S603
        most = _watched(process)
        said.seek(0)
        if process.returncode:
            raise RuntimeError(f"{engine} ended with status {process.returncode}")
        used = json.loads(said.read().splitlines()[-1])
    return Run(used["start"], used["cpu"], used["wall"], max(most, used["memory"]))


def _watched(process: subprocess.Popen[Any]) -> float:
    """The most memory in MB that a process and its children held, looked at a few times a second."""
    tree, most = psutil.Process(process.pid), 0.0
    while process.poll() is None:
        try:
            held = sum(each.memory_info().rss for each in (tree, *tree.children(recursive=True)))
        except psutil.NoSuchProcess:
            continue
        most = max(most, held / 1e6)
        time.sleep(0.2)  # to look costs some milliseconds
    return most


def _work(engine: str, folder: Path, moments: Path | None = None, out: Path | None = None) -> dict[str, float]:
    """What a measured process does."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[: 2 if "two" in engine else 1])
    if engine == "single":
        found: dict[str, float] = importlib.import_module("benchmarks.engines.single").calls(DENTAL, folder)
        return found
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    module, _, function = ENGINES[engine].partition(":")
    compute: Callable[..., None] = getattr(importlib.import_module(f"benchmarks.engines.{module}"), function)
    pa.array([0.0])  # Arrow looks for pandas the first time; that belongs to the start
    start, clock = cpu(), time.perf_counter()
    compute(DENTAL, folder, moments, out)
    return {"start": start, "cpu": cpu() - start, "wall": time.perf_counter() - clock, "memory": highest_megabytes()}


def cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def _json(command: Sequence[object]) -> dict[str, Any]:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def of_peer(scratch: Path, size: int, peer: str, python: Path | None) -> dict[str, Any] | None:
    """What featuretools or meds-tab takes for a few patients; None without a Python that has them."""
    if python is None:
        return None
    folder = scratch / "peer"
    if not folder.exists():
        _provide_peers(scratch / str(size), folder)
    found = _json([python, Path(__file__).parent / "peers.py", peer, folder])
    expected = pq.read_table(folder / "expected.parquet")
    if peer == "featuretools":
        counts = [found["visits"][days] == expected[name].to_pylist() for days, name in _VISITS.items()]
        return {**found, "says": f"{sum(counts)} of {len(counts)} columns compared are equal to ours"}
    return {**found, "says": "counts of codes alone, at every time of an event instead of at given moments"}


_VISITS = {"183": "visits_m6", "365": "visits_m12", "730": "visits_m24", "1826": "visits_m60", "0": "visits_ever"}
"""Windows of visits, as `benchmarks/peers.py` names them, and our columns."""


def _provide_peers(history: Path, folder: Path) -> None:
    """The first patients, as featuretools and meds-tab want them."""
    block = next(store.blocks(history, PEER_PATIENTS))
    store.write(block, folder / "records")
    export_meds(folder / "records", folder / "meds")
    moment = pa.scalar(datetime(2026, 1, 1, tzinfo=UTC), INSTANT)
    visits = block["visits"]
    visits = visits.filter(pc.and_(pc.less(visits["event_time"], moment), pc.less(visits["recorded_at"], moment)))
    day = pa.array(days(visits["event_time"])).cast(pa.date32()).cast(pa.timestamp("ns"))
    visits = visits.select(["patient_id", "event_id", "minutes", "profession", "urgency"]).append_column("day", day)
    pq.write_table(visits, folder / "visits.parquet")
    patient_ids = block.patient_ids.combine_chunks()
    today = pa.repeat(pa.scalar(datetime(2026, 1, 1), pa.timestamp("ns")), len(patient_ids))  # noqa: DTZ001 - a day
    pq.write_table(pa.table({"patient_id": patient_ids, "today": today}), folder / "moments.parquet")
    ours = evaluate(DENTAL, block, Moments(patient_ids, pa.repeat(moment, len(patient_ids))))
    columns = {name: ours.values[:, ours.names.index(name)] for name in _VISITS.values()}
    pq.write_table(pa.table(columns), folder / "expected.parquet")


def report(found: Results, sizes: list[int], rounds: int) -> str:
    """The tables as Markdown."""
    main_size = sizes[min(1, len(sizes) - 1)]
    lines = [
        "# How fast features are computed",
        "",
        f"{len(DENTAL)} features of simulated populations with ten years of history each; medians of {rounds}",
        "interleaved rounds, CPU seconds on one core (two where it says so), each measured in its own process. Made",
        f"by `make benchmark-features` on a machine with {os.cpu_count()} cores that others used too: its load was",
        f"{found.load[0]:.1f} at the beginning and {found.load[1]:.1f} at the end, so compare within a table only.",
        "The start (imports) is apart. Writing the matrix as Parquet (zstd) is part of the work, except for the read",
        "limit, which scans the same columns and sums them up.",
        "",
        "![CPU seconds and memory of every engine](features-speed.png)",
        "",
        f"## {main_size:,} patients, one moment each, {found.rows[main_size]:,} events",
        "",
        "| engine | columns | CPU s | start s | peak MB | times the read limit | times ours |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *(_line(found, engine, main_size) for engine in ENGINES),
        "",
        "Every engine's columns are equal to ours to the last bit. Polars, pandas and Ibis leave out the columns that",
        "search among other events of the patient (care done again on the same tooth, recalls kept and overdue).",
        "",
        "## Population and moments",
        "",
        "| | patients | moments | events | CPU s | times the read limit | s on the clock | peak MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *_sizes(found, sizes, main_size),
        "",
        f"Growth exponent of ours, one core, over all populations: {_exponent(found, sizes):.3f}. Five moments each",
        f"take {found.median('ours', main_size, 5) / found.median('ours', main_size):.2f} times the CPU of one.",
        "",
        "## One patient",
        "",
        f"A patient with {found.single['events']:.0f} events, CPU of one of 2,000 calls each, in turn. The service",
        "holds a history in plain columns; the batch holds tables, and makes arrays of them.",
        "",
        "| way | median ms | 95th percentile ms | times the first |",
        "|---|--:|--:|--:|",
        *(_way(found.single, way) for way in WAYS),
        "",
        "## featuretools and meds-tab",
        "",
        *(_peer(peer, of) for peer, of in found.peers.items()),
    ]
    return "\n".join(lines) + "\n"


def _line(found: Results, engine: str, size: int) -> str:
    work, start, memory = (found.median(engine, size, of=of) for of in ("cpu", "start", "memory"))
    columns = "" if engine in LIMITS else str(found.columns.get(engine, len(DENTAL)))
    ratios = f"{work / found.limit(size):.1f} | {work / found.median('ours', size):.2f}"
    return f"| {engine} | {columns} | {work:.2f} | {start:.2f} | {memory:,.0f} | {ratios} |"


def _way(single: dict[str, float], way: str) -> str:
    ratio = single[way] / single[next(iter(WAYS))]
    return f"| {WAYS[way]} | {single[way]:.3f} | {single[f'{way}_p95']:.3f} | {ratio:.1f} |"


def _sizes(found: Results, sizes: list[int], main_size: int) -> list[str]:
    asked = [(engine, size, 1) for size in sizes for engine in (LIMITS[0], "ours", "ours, two processes", *PEERS)]
    lines = []
    for engine, size, moments in [*asked, ("ours", main_size, 5)]:
        work, wall, memory = (found.median(engine, size, moments, of) for of in ("cpu", "wall", "memory"))
        if work == work:  # noqa: PLR0124 - false for what was not measured
            asked_for = f"{engine} | {size:,} | {moments} | {found.rows[size]:,}"
            lines.append(f"| {asked_for} | {work:.2f} | {work / found.limit(size):.1f} | {wall:.2f} | {memory:,.0f} |")
    return lines


def _exponent(found: Results, sizes: list[int]) -> float:
    """The power of the number of patients that the CPU of ours grows with."""
    if len(sizes) < 2:
        return float("nan")
    work = [found.median("ours", size) for size in sizes]
    return float(np.polyfit(np.log(sizes), np.log(work), 1)[0])


def _peer(peer: str, found: dict[str, Any] | None) -> str:
    if found is None:
        return f"- {peer}: not installed (`benchmarks/peers.txt`; then `--peers PYTHON`)."
    columns = f"{found['columns']} columns, " if found["columns"] else ""
    return (
        f"- {peer}: {columns}{PEER_PATIENTS} patients, {found['cpu']:.1f} CPU s, that is "
        f"{1000 * found['cpu'] / PEER_PATIENTS:.0f} ms a patient; {found['says']}."
    )


def draw(found: Results, sizes: list[int], path: Path) -> None:
    """Draw the CPU seconds of every engine as bars, with its memory beside them."""
    size = sizes[min(1, len(sizes) - 1)]
    engines = sorted(ENGINES, key=lambda engine: found.median(engine, size))
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False,
                         "axes.spines.right": False, "axes.spines.left": False}):  # fmt: skip
        picture = Figure(figsize=(9.5, 0.42 * len(engines) + 1.3), layout="constrained")
        axes = picture.add_subplot()
        for place, engine in enumerate(reversed(engines)):
            work, memory = (found.median(engine, size, of=of) for of in ("cpu", "memory"))
            colour = "#b8bec4" if engine in LIMITS else "#1f4e79" if engine.startswith("ours") else "#8fb4d3"
            axes.barh(place, work, height=0.66, color=colour)
            axes.text(work, place, f"  {work:.2f} s, {memory:,.0f} MB", va="center")
        axes.set_yticks(range(len(engines)), list(reversed(engines)))
        axes.tick_params(left=False)
        axes.set_xlim(0, 1.18 * max(found.median(engine, size) for engine in engines))
        axes.set_xlabel("CPU seconds")
        axes.set_title(f"{len(DENTAL)} features of {size:,} patients with ten years of history", loc="left")
        picture.savefig(path, dpi=120, metadata={"Software": None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features", description=(__doc__ or "").split("\n")[0])
    sizes = [10_000, 100_000, 700_000]
    parser.add_argument(
        "--patients", type=int, nargs="+", default=sizes, help="people to simulate (default %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default %(default)s)")
    parser.add_argument("--peers", type=Path, help="a Python with the packages of benchmarks/peers.txt")
    parser.add_argument("--scratch", type=Path, help="folder to keep the populations in (default: a temporary one)")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder to write to (default %(default)s)")
    parser.add_argument("--engine", choices=[*ENGINES, "single"], help=argparse.SUPPRESS)
    parser.add_argument("files", type=Path, nargs="*", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
