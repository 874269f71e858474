"""How fast the service answers: a whole assessment against a bare endpoint, FastAPI and `mlflow models serve`.

    python -m benchmarks.serving [--rounds 5] [--seconds 5] [--patients 4000] [--docs FOLDER]

One run, all targets in turn in every round, medians over the rounds. A whole assessment is: 120 events posted as JSON,
checked; features, probabilities, prediction set, intervals, reasons, the next question; the answer kept with its
snapshot, its record event and its line of the audit, committed to disk. The others do less: the bare endpoint
(Starlette) receives the same request and answers two letters; FastAPI and `mlflow models serve` predict with the same
model from ready features, and neither explain nor keep anything. All run on uvicorn. CPU is that of a server's whole
process tree.

Load comes from one process over open connections. Throughput: 16 callers, each asks again as soon as it is answered.
Latency at a rate: requests are sent when they are due, whether or not others are answered, and their time counts from
when they were due, so that a stalled server cannot hide what it kept waiting.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import matplotlib as mpl
import numpy as np
import orjson
import pandas as pd
import psutil  # type: ignore[import-untyped]
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fastapi import FastAPI
from matplotlib.figure import Figure
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import Route
from tqdm import tqdm

from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from models.estimators import Boosted
from models.interview.plan import FILE as INTERVIEW
from models.need import NeedModel
from models.segments import read_tables, table_on
from records import store
from records.check_person import check_person
from records.history import History
from records.simulate import simulate
from serving.keys import demo_key
from serving.reading import read
from serving.release import RELEASE_FILE
from serving.shelf import Shelf
from serving.tokens import demo_token
from serving.wire import READ
from training import examples
from training.cohort import definition_on
from training.compare import estimators, fit_model
from training.material import helsinki_day

ROOT = Path(__file__).resolve().parent.parent
UNTIL, YEARS = date(2025, 12, 31), 8
AS_OF = "2026-01-01T09:00:00+02:00"
EVENTS = 120
QUESTIONS = 20
CALLERS = 16
SHARES = (0.25, 0.5, 0.75, 0.9, 1.0)
"""Rates at which latency is measured, as shares of the throughput."""
RELEASE = "TARVE_BENCHMARK_RELEASE"
QUIET = {"BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}
MOST_CPU, LEAST_THROUGHPUT, MOST_TAIL, MOST_MEGABYTES, MOST_SECONDS = 40.0, 20.0, 5.0, 600.0, 15.0
"""The limits: CPU against the bare endpoint, throughput against `mlflow models serve`, p99 against p50, MB, seconds."""
MEMORY = (
    "Memory of the bare endpoint and of FastAPI is mostly that of this benchmark, whose module they are served from."
)
BARE, FASTAPI, MLFLOW, ONE, TWO = "bare endpoint", "FastAPI", "mlflow models serve", "Tarve", "Tarve, two workers"
SILENT = "Tarve, asking nothing"
"""One worker whose model brings no interview: the assessment as the limits mean it, without the next question."""


@dataclass(frozen=True)
class Request:
    """What a target is asked: bytes of an HTTP request, ready to be sent."""

    content: bytes

    @classmethod
    def of(cls, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Request:
        """A request over a connection that stays open."""
        said = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = [
            f"{method} {path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in (said | dict(headers or {})).items()),
        ]
        return cls("\r\n".join([*lines, "", ""]).encode() + body)


@dataclass
class Target:
    """A running server, and what it is asked in turn."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    ready_seconds: float
    requests: Sequence[Request] = ()

    def cpu(self) -> float:
        """CPU seconds that its processes have used; one that ended counts no more, so none may end while measured."""
        return sum(sum(one.cpu_times()[:2]) for one in self.processes())

    def processes(self) -> list[Any]:
        """Its processes."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def worker_megabytes(self) -> float:
        """Resident memory of the largest process that answers requests."""
        return float(max(one.memory_info().rss for one in self.processes() if _answers(one)) / 1e6)


@dataclass(frozen=True)
class Throughput:
    """What 16 callers got in one round: requests a second, and CPU milliseconds a request."""

    rate: float
    cpu: float


@dataclass(frozen=True)
class Latency:
    """Milliseconds at one rate: requests a second that were sent, and how long half, 95 % and 99 % of them took."""

    share: float
    rate: float
    p50: float
    p95: float
    p99: float


@dataclass
class Results:
    """All that was measured, by target."""

    rounds: dict[str, list[Throughput]] = field(default_factory=dict)
    latencies: dict[str, list[list[Latency]]] = field(default_factory=dict)
    megabytes: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    load: tuple[float, float] = (0.0, 0.0)

    def rate(self, name: str) -> float:
        """Median requests a second."""
        return statistics.median(one.rate for one in self.rounds[name])

    def cpu(self, name: str) -> float:
        """Median CPU milliseconds a request."""
        return statistics.median(one.cpu for one in self.rounds[name])

    def ratio(self, name: str, other: str, of: Callable[[Throughput], float]) -> float:
        """The median over the rounds of a ratio within one round: what loads the machine loads both."""
        pairs = zip(self.rounds[name], self.rounds[other], strict=True)
        return statistics.median(of(ours) / of(theirs) for ours, theirs in pairs)

    def latency(self, name: str) -> list[Latency]:
        """The medians over the rounds, by rate."""
        return [_median(list(several)) for several in zip(*self.latencies[name], strict=True)]

    def tail(self, name: str, share: float = 0.5) -> float:
        """The median over the rounds of p99 against p50 at one share of the throughput."""
        found = [one for several in self.latencies[name] for one in several if one.share == share]
        return statistics.median(one.p99 / one.p50 for one in found)


def _median(several: list[Latency]) -> Latency:
    numbers = {name: statistics.median(getattr(one, name) for one in several) for name in ("rate", "p50", "p95", "p99")}
    return Latency(several[0].share, **numbers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description="Measure the service.")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of load at a time (%(default)g)")
    parser.add_argument("--patients", type=int, default=4_000, help="simulated people to learn from (%(default)s)")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the report goes (%(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tarve-serving-") as name:
        scratch = Path(name)
        learnt = learn(scratch, options.patients)
        with targets(scratch, learnt) as started:
            found = measure(started, options.rounds, options.seconds)
    text = report(found, options.rounds, options.seconds)
    print(text)
    (options.docs / "serving-speed.md").write_text(text, encoding="utf-8")
    draw(found, options.docs / "serving-speed.png")
    return 0


@dataclass(frozen=True)
class Learnt:
    """A fitted model in a folder, questions with posted histories, and their ready features."""

    release: Path
    questions: Sequence[bytes]
    rows: Sequence[Sequence[float | None]]


def learn(scratch: Path, patients: int) -> Learnt:
    """Simulate people, fit what `train` fits, interview included, and take the longest histories as questions."""
    with store.Writer(scratch / "records") as writer:
        for block in simulate(patients, YEARS, 1, UNTIL):
            writer.write(block.history)
    day = helsinki_day(examples.last_recorded(scratch / "records"))
    table = table_on(read_tables(), day)
    rows = examples.derive(scratch / "records", DENTAL, definition_on(day, table.horizon_days))
    pq.write_table(rows, scratch / "examples.parquet")
    learnt = examples.read(scratch / "examples.parquet")
    model = fit_model(estimators(learnt.names)[Boosted.kind], learnt, table, interview=True)
    release = scratch / "release"
    release.mkdir()
    model.save(release)
    said = {"name": "tarve-need", "version": "1", "run_id": "0123456789abcdef"}
    (release / RELEASE_FILE).write_text(json.dumps(said), encoding="utf-8")
    asked = questions(scratch / "records", QUESTIONS)
    return Learnt(release, asked, [features_of(one) for one in asked])


def questions(records: Path, most: int) -> list[bytes]:
    """Questions with the last 120 events of people who have so many, as JSON."""
    found: list[bytes] = []
    for history in store.blocks(records, 200):
        for patient in history.patient_ids.to_pylist():
            size = sum(pc.sum(pc.equal(history[name]["patient_id"], patient)).as_py() or 0 for name in READ)
            whole = store.read_patient(records, patient) if size >= EVENTS else None
            if whole is not None:
                found.append(_question(whole))
            if len(found) == most:
                return found
    return found


def _question(history: History) -> bytes:
    events = [(row["event_time"], name, row) for name in READ for row in history[name].to_pylist()]
    person = history["patients"].to_pylist()[0]
    posted: dict[str, list[dict[str, Any]]] = {}
    for _, name, row in sorted(events, key=lambda one: one[0])[-EVENTS:]:
        said = {key: value for key, value in row.items() if value is not None and key not in {"patient_id", "source"}}
        posted.setdefault(name, []).append(said)
    patient = {"birth_date": person["birth_date"], "special_needs": person["special_needs"]}
    return orjson.dumps({"patient": patient, "history": posted, "as_of": AS_OF})


def features_of(question: bytes) -> list[float | None]:
    """The features of a question, ready for a model; None where missing."""
    asked = read(question)
    if asked is None or asked.as_of is None:
        raise ValueError("the question holds no history")
    history = check_person(asked.person, asked.as_of).person.history
    moment = Moments.of([history.patient_ids[0].as_py()], [asked.as_of])
    values = evaluate(DENTAL, history, moment).values[0].tolist()
    return [None if value != value else value for value in values]  # noqa: PLR0124 - NaN


def bare() -> Starlette:
    """The bare endpoint: the same request is received, and nothing is done with it."""

    async def received(request: StarletteRequest) -> Response:
        await request.body()
        return Response(b"{}", media_type="application/json")

    return Starlette(routes=[Route("/", received, methods=["GET", "POST"])])


class Features(BaseModel):
    """The body that FastAPI is posted."""

    values: list[float | None]


def ready_features() -> FastAPI:
    """FastAPI with the same model: probabilities from ready features."""
    model, app = NeedModel.load(Path(os.environ[RELEASE])), FastAPI()

    @app.post("/predict")
    async def predict(asked: Features) -> list[float]:
        found: list[float] = model.predict(np.array([asked.values], np.float64)).probabilities[0].tolist()
        return found

    return app


def save_for_mlflow(release: Path, folder: Path) -> None:
    """The same model as the product logs it for MLflow."""
    import mlflow  # noqa: PLC0415 - seconds, and settings that come before it

    features = pd.DataFrame(np.zeros((1, len(DENTAL))), columns=list(DENTAL.names))
    predicted = pd.DataFrame(columns=["at_least_1", "at_least_2", "visits", "minutes"], dtype=np.float64)
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=str(ROOT / "models" / "pyfunc.py"),
        artifacts={"need": str(release)},
        code_paths=[str(ROOT / room) for room in ("records", "features", "models")],
        signature=mlflow.models.infer_signature(features, predicted),
        pip_requirements=["mlflow"],
    )


@contextmanager
def targets(scratch: Path, learnt: Learnt) -> Iterator[list[Target]]:
    """All servers, started one after another, so that the time of each start is its own."""
    save_for_mlflow(learnt.release, scratch / "mlflow")
    whole = [Request.of("POST", "/", one) for one in learnt.questions]
    rows = [Request.of("POST", "/predict", orjson.dumps({"values": row})) for row in learnt.rows]
    split = [orjson.dumps({"dataframe_split": {"columns": DENTAL.names, "data": [row]}}) for row in learnt.rows]
    with ExitStack() as stack:
        yield [
            stack.enter_context(served(FASTAPI, scratch, uvicorn("ready_features"), "/openapi.json", rows,
                                       {RELEASE: str(learnt.release)})),
            stack.enter_context(served(MLFLOW, scratch, mlflow_serve(scratch / "mlflow"), "/ping",
                                       [Request.of("POST", "/invocations", one) for one in split])),
            # One after the other, because a ratio of the two is asked for, and machines have their hours.
            stack.enter_context(served(BARE, scratch, uvicorn("bare"), "/", whole)),
            stack.enter_context(tarve(ONE, scratch / "one", learnt, 1)),
            stack.enter_context(tarve(SILENT, scratch / "silent", learnt, 1, without=INTERVIEW)),
            stack.enter_context(tarve(TWO, scratch / "two", learnt, 2)),
        ]  # fmt: skip


Command = Callable[[int], list[str]]
"""A command by the port that it is to listen at."""


def uvicorn(factory: str) -> Command:
    """An application of this module, as its author would serve it."""
    quiet = ["--log-level", "warning", "--no-access-log"]
    return lambda port: ["-m", "uvicorn", f"benchmarks.serving:{factory}", "--factory", "--port", str(port), *quiet]


def mlflow_serve(model: Path) -> Command:
    """`mlflow models serve`."""
    return lambda port: ["-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local", "-p", str(port)]


@contextmanager
def served(  # noqa: PLR0917 - in the order in which a server is told of
    name: str, folder: Path, command: Command, probe: str, requests: Sequence[Request],
    more: Mapping[str, str] | None = None,
) -> Iterator[Target]:  # fmt: skip
    """A server, started, ready, and stopped at the end."""
    port, began = free_port(), time.perf_counter()
    # `mlflow models serve` looks for uvicorn on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | QUIET | {"PYTHONPATH": str(ROOT), "PATH": path} | dict(more or {})
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, *command(port)], cwd=folder, env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        wait_until_ready(f"http://127.0.0.1:{port}{probe}", process, folder / f"{name}.log")
        yield Target(name, port, process, time.perf_counter() - began, requests)
    finally:
        stop(process)


@contextmanager
def tarve(name: str, folder: Path, learnt: Learnt, workers: int, without: str = "") -> Iterator[Target]:
    """The service with a number of workers, over databases of its own; `without` one file of the release."""
    shelf = Shelf(folder / "bentoml" / "models" / "tarve-need")
    shutil.copytree(learnt.release, shelf.folder / "v1-01234567", ignore=shutil.ignore_patterns(without))
    shelf.point("v1-01234567")
    more = {"BENTOML_HOME": str(folder / "bentoml"), "TARVE_WORKERS": str(workers), "TARVE_RATE": "0"}

    def command(port: int) -> list[str]:
        return ["-m", "serving", "start", "--port", str(port)]

    with served(name, folder, command, "/readyz", (), more) as target:
        url = f"http://127.0.0.1:{target.port}"
        token = demo_token(demo_key(folder / "var" / "keys"), "booking-system", url, datetime.now(UTC), seconds=36_000)
        headers = {"Authorization": f"Bearer {token}"}
        target.requests = [Request.of("POST", "/v1/assess", one, headers) for one in learnt.questions]
        yield target


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 180.0) -> None:
    """Ask until the answer is 200.

    Raises:
        RuntimeError: the server ended, or was not ready in time; with the end of its log.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not become ready:\n{log.read_text(errors='replace')[-2000:]}")


def stop(process: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    """End a server and all that it started, by force when it takes longer."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(process: Any) -> bool:
    """Whether a process is one that answers requests, and no supervisor of such."""
    children: list[Any] = process.children()
    return not children and "resource_tracker" not in " ".join(process.cmdline())


def measure(started: Sequence[Target], rounds: int, seconds: float) -> Results:
    """Measure all targets in turn, round by round."""
    found = Results(load=(os.getloadavg()[1], 0.0), ready={one.name: one.ready_seconds for one in started})
    for target in started:
        asyncio.run(closed(target, CALLERS, min(seconds, 2.0)))
    with tqdm(total=rounds * len(started), desc="load", unit="target") as progress:
        for _ in range(rounds):
            for target in started:
                found.rounds.setdefault(target.name, []).append(asyncio.run(closed(target, CALLERS, seconds)))
                progress.update()
            for target in started:
                if target.name in {ONE, TWO}:
                    rate = found.rounds[target.name][-1].rate
                    ran = [asyncio.run(at_rate(target, share, share * rate, seconds)) for share in SHARES]
                    found.latencies.setdefault(target.name, []).append(ran)
    found.megabytes = {one.name: one.worker_megabytes() for one in started}
    found.load = found.load[0], os.getloadavg()[1]
    return found


async def closed(target: Target, callers: int, seconds: float) -> Throughput:
    """Callers who ask again as soon as they are answered."""
    before, began = target.cpu(), time.perf_counter()
    counts = await asyncio.gather(*(_asking(target, one, began + seconds) for one in range(callers)))
    took = time.perf_counter() - began
    return Throughput(sum(counts) / took, (target.cpu() - before) / sum(counts) * 1e3)


async def _asking(target: Target, first: int, until: float) -> int:
    connection, number = await Connection.to(target.port), 0
    try:
        while time.perf_counter() < until or not number:
            await connection.ask(target.requests[(first + number) % len(target.requests)])
            number += 1
    finally:
        await connection.close()
    return number


async def at_rate(target: Target, share: float, rate: float, seconds: float) -> Latency:
    """Requests that are sent when they are due, over as many connections as that takes."""
    many = max(int(rate * seconds), 20)
    free: list[Connection] = []
    took = np.empty(many)
    began = time.perf_counter()

    async def one(number: int) -> None:
        due = began + number / rate
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        connection = free.pop() if free else await Connection.to(target.port)
        await connection.ask(target.requests[number % len(target.requests)])
        took[number] = time.perf_counter() - due
        free.append(connection)

    await asyncio.gather(*(one(number) for number in range(many)))
    for connection in free:
        await connection.close()
    return Latency(share, rate, *(np.percentile(took, [50, 95, 99]) * 1e3).tolist())


class Connection:
    """One open connection; asks and waits for the answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Connection:
        """Connect to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: Request) -> None:
        """Send a request and read the whole answer.

        Raises:
            RuntimeError: the answer is not 200.
        """
        self._writer.write(request.content)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = head.partition("content-length:")[2].partition("\r\n")[0]
        body = await self._reader.readexactly(int(length)) if length else b""
        if " 200 " not in head[:16]:
            raise RuntimeError(f"answered {head[:15]!r}: {body[:200]!r}")

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


def report(found: Results, rounds: int, seconds: float) -> str:
    """The figures as a page."""
    return "\n".join([
        "# Speed of the service",
        "",
        (__doc__ or "").partition("\n\n")[2].partition("\n\n")[2].strip(),
        "",
        _conditions(found, rounds, seconds),
        "",
        "## Limits",
        "",
        *_limits(found),
        "",
        "## Throughput and CPU",
        "",
        "| target | requests/s | CPU ms a request | MB of a worker | ready after, s |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {name} | {found.rate(name):,.0f} | {found.cpu(name):.2f} | {found.megabytes[name]:.0f} "
            f"| {found.ready[name]:.1f} |"
            for name in found.rounds
        ),
        "",
        MEMORY,
        "",
        "## Latency at a rate",
        "",
        "| target | share of throughput | requests/s | p50, ms | p95, ms | p99, ms |",
        "|---|---:|---:|---:|---:|---:|",
        *(
            f"| {name} | {one.share:.0%} | {one.rate:,.0f} | {one.p50:.1f} | {one.p95:.1f} | {one.p99:.1f} |"
            for name in found.latencies
            for one in found.latency(name)
        ),
        "",
        "![Latency by rate, and CPU a request](serving-speed.png)",
        "",
    ])  # fmt: skip


def _conditions(found: Results, rounds: int, seconds: float) -> str:
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, shared with the load generator and with "
        f"other work: load average {found.load[0]:.1f} before and {found.load[1]:.1f} after. {rounds} rounds, "
        f"{seconds:g} s at a time; ratios are taken within a round. `make benchmark-serving` measures anew."
    )


def _limits(found: Results) -> Iterator[str]:
    yield "| limit | at most or at least | reached |"
    yield "|---|---:|---:|"
    for name, says in ((ONE, "with the next question"), (SILENT, "without it, as asked")):
        times = found.ratio(name, BARE, lambda one: one.cpu)
        yield _limit(f"CPU a request, times the bare endpoint's, {says}", MOST_CPU, times)
    faster = found.ratio(ONE, MLFLOW, lambda one: one.rate)
    yield _limit("Throughput of one worker, times that of `mlflow models serve`", LEAST_THROUGHPUT, faster, least=True)
    yield _limit("p99 against p50 at half of saturation, one worker", MOST_TAIL, found.tail(ONE))
    yield _limit("p99 against p50 at half of saturation, two workers", MOST_TAIL, found.tail(TWO))
    yield _limit("MB of a worker", MOST_MEGABYTES, max(found.megabytes[name] for name in (ONE, SILENT, TWO)))
    yield _limit("Seconds until ready", MOST_SECONDS, found.ready[ONE])


def _limit(says: str, limit: float, value: float, *, least: bool = False) -> str:
    missed = value < limit if least else value > limit
    return f"| {says} | {limit:g} | {value:.1f}{' (missed)' if missed else ''} |"


def draw(found: Results, file: Path) -> None:
    """Latency by rate, and what a request costs."""
    with mpl.rc_context({"font.size": 9, "svg.hashsalt": "tarve"}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        for name, colour in zip(found.latencies, ("#1b6ca8", "#c1543b"), strict=False):
            ran = found.latency(name)
            for quantile, style in (("p50", "-"), ("p95", "--"), ("p99", ":")):
                rates, times = [one.rate for one in ran], [getattr(one, quantile) for one in ran]
                left.plot(rates, times, style, color=colour, marker=".", label=f"{name}, {quantile}")
        left.set(xlabel="requests a second", ylabel="milliseconds", yscale="log", title="Latency at a rate")
        left.legend(fontsize=7)
        names = list(found.rounds)
        right.barh(names, [found.cpu(name) for name in names], color="#8aa1b1")
        right.set(xlabel="CPU milliseconds a request", xscale="log", title="What a request costs")
        right.invert_yaxis()
        figure.savefig(file, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
