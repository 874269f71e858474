"""How fast alerts are found among the vouchers of a simulated city, and how much faster than one voucher at a time.

    python -m benchmarks.alerts [--vouchers 1000000] [--database URL] [--sample 2000] [--docs FOLDER]

Runs of one database, each in a process of its own, so that its memory is that of a run: a dry run, which only reads and
evaluates; the first run, which writes all that has ever been; the same again; the next day's. Parts of the city go
before: they say whether the cost grows faster than the vouchers. Then the same rules are applied row by row: some
vouchers are loaded through the ORM, each with its events, and `benchmarks.row_by_row` looks at one after another. Both
must find the same, or the benchmark ends with an error. Figures and plot are written to a folder; the exit status is 1
when a limit is missed.

CPU seconds are those of the run's process; a PostgreSQL server works beside it. What the database of a URL holds is
lost; without one a SQLite file in a temporary folder is used.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Picture
from sqlalchemy import Engine, select
from sqlalchemy.orm import DeclarativeBase, Session

from alerts import tables
from alerts.bulk import upsert
from alerts.city import simulate_city
from alerts.defined import store_definitions, stored_definitions
from alerts.definitions import Definition, read_definitions
from alerts.run import run
from alerts.versions import CHAIN, migrate
from benchmarks.row_by_row import Alert, Record, alerts_of, definition_of
from records.clock import instant
from records.database.connection import engine
from records.database.tables import DATABASE_TABLES
from records.database.versions import downgrade

EXAMPLES = Path(__file__).parents[1] / "alerts" / "examples"
UNTIL = date(2026, 10, 31)
NOW = instant("2026-11-01T08:00")
RUNS = (
    ("evaluate only", NOW, True),
    ("first run", NOW, False),
    ("again", NOW, False),
    ("next day", NOW + timedelta(days=1), False),
)
PARTS = (8, 4, 2)
"""One eighth of the vouchers, a quarter and a half go before all of them."""
SECONDS, MEGABYTES, GROWTH = 60.0, 2_000.0, 1.1
"""What a run of a million vouchers may take of time and memory at most; and by how much CPU time a voucher may grow
from an eighth of the vouchers to all, a tenth being the noise of the machine. The time is that of the processor: a run
is one process, and on a machine that others use the clock on the wall measures them too."""
FULL = 1_000_000
"""From so many vouchers on the limits hold."""


class Base(DeclarativeBase):
    """ORM classes over the tables of records."""


Change: Any = type("Change", (Base,), {"__table__": DATABASE_TABLES["vouchers"]})
Visit: Any = type("Visit", (Base,), {"__table__": DATABASE_TABLES["visits"]})


@dataclass(frozen=True)
class Taken:
    """What one run took, and how much it wrote."""

    seconds: float
    cpu: float
    megabytes: float
    alerts: int
    queued: int


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes:
        vouchers, events: of the city.
        kind: of the database.
        growth: CPU seconds of evaluating so many vouchers.
        runs: by name, as in `RUNS`.
        sample, alone: vouchers looked at one by one, and the CPU seconds of that.
        load: of the machine meanwhile, as the least and the most work waiting for its processors.
    """

    vouchers: int
    events: int
    kind: str
    growth: Mapping[int, float]
    runs: Mapping[str, Taken]
    sample: int
    alone: float
    load: tuple[float, float]

    @property
    def times(self) -> float:
        """How many times the CPU time a voucher takes row by row."""
        return (self.alone / self.sample) / (self.runs["evaluate only"].cpu / self.vouchers)

    @property
    def grown(self) -> float:
        """CPU time a voucher of the whole city, as a multiple of that of its smallest part."""
        fewest = min(self.growth)
        return (self.growth[self.vouchers] / self.vouchers) / (self.growth[fewest] / fewest)

    def limits(self) -> dict[str, tuple[float, float]]:
        """What is limited: its name, the worst figure, and the limit."""
        return {
            "CPU seconds of the slowest run": (max(run.cpu for run in self.runs.values()), SECONDS),
            "megabytes of the largest run": (max(run.megabytes for run in self.runs.values()), MEGABYTES),
            "growth of CPU time a voucher": (self.grown, GROWTH),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, print its tables and write them; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alerts", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--vouchers", type=int, default=FULL, help="how many (default %(default)s)")
    parser.add_argument("--database", help="URL of a database to overwrite (default: a new SQLite file)", metavar="URL")
    parser.add_argument("--sample", type=int, default=2_000, help="vouchers looked at one by one (default %(default)s)")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder to write to (default %(default)s)")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tarve-alerts-") as folder:
        url = given.database or f"sqlite:///{folder}/city.db"
        figures = measure(url, given.vouchers, given.sample)
    text = report(figures)
    sys.stdout.write(text)
    given.docs.mkdir(parents=True, exist_ok=True)
    (given.docs / "alerts-speed.md").write_text(text, encoding="utf-8")
    draw(figures, given.docs / "alerts-speed.png")
    missed = any(value > limit for value, limit in figures.limits().values())
    return int(missed and given.vouchers >= FULL)


def measure(url: str, vouchers: int, sample: int) -> Figures:
    """All figures."""
    growth, loads = {}, [os.getloadavg()[0]]
    for part in PARTS:
        fill(url, vouchers // part)
        growth[vouchers // part] = in_its_own_process(url, NOW, dry=True).cpu
        loads.append(os.getloadavg()[0])
    events, runs = fill(url, vouchers), {}
    for name, now, dry in RUNS:
        runs[name] = in_its_own_process(url, now, dry=dry)
        loads.append(os.getloadavg()[0])
    growth[vouchers] = runs["evaluate only"].cpu
    alone = one_by_one(url, sample)
    kind = "PostgreSQL" if url.startswith("postgresql") else "SQLite"
    return Figures(vouchers, events, kind, growth, runs, sample, alone, (min(loads), max(loads)))


def report(figures: Figures) -> str:
    """The tables as Markdown."""
    return "\n".join([*_head(figures), *_runs(figures), *_limits(figures), *_growth(figures)]) + "\n"


def _head(figures: Figures) -> list[str]:
    cores = len(os.sched_getaffinity(0))
    least, most = figures.load
    return [
        "# How fast alerts are found",
        "",
        f"{figures.vouchers:,} vouchers with {figures.events:,} events on {figures.kind}; {cores} cores, shared with",
        f"other work (load {least:.1f} to {most:.1f}), so that CPU time tells more than wall time. Made by",
        "`python -m benchmarks.alerts`.",
        "",
        "![CPU time against vouchers, row by row and all at once](alerts-speed.png)",
    ]


def _runs(figures: Figures) -> list[str]:
    return [
        "",
        "| run | seconds | CPU seconds | highest memory, MB | alerts found | messages queued |",
        "|---|--:|--:|--:|--:|--:|",
        *(
            f"| {name} | {run.seconds:.1f} | {run.cpu:.1f} | {run.megabytes:,.0f} | {run.alerts:,} | {run.queued:,} |"
            for name, run in figures.runs.items()
        ),
    ]


def _limits(figures: Figures) -> list[str]:
    return [
        "",
        "| limit | at most | reached | |",
        "|---|--:|--:|---|",
        *(
            f"| {name} | {limit:,.1f} | {value:,.2f} | {'kept' if value <= limit else '**missed**'} |"
            for name, (value, limit) in figures.limits().items()
        ),
    ]


def _growth(figures: Figures) -> list[str]:
    each = figures.alone / figures.sample
    return [
        "",
        "| vouchers | CPU seconds to evaluate | microseconds a voucher |",
        "|--:|--:|--:|",
        *(f"| {many:,} | {cpu:.2f} | {1e6 * cpu / many:.1f} |" for many, cpu in sorted(figures.growth.items())),
        "",
        f"The same rules row by row through the ORM take {1e6 * each:,.0f} microseconds of CPU a voucher, measured on",
        f"{figures.sample:,} of these vouchers: {figures.times:,.0f} times as much, or",
        f"{each * figures.vouchers / 60:,.1f} minutes for all. They find the same alerts.",
    ]


def draw(figures: Figures, path: Path) -> None:
    """Draw the growth beside a line that grows as the vouchers do, and the same rules row by row."""
    many = sorted(figures.growth)
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False,
                         "axes.spines.right": False}):  # fmt: skip
        picture = Picture(figsize=(7.5, 3.4), layout="constrained")
        axes = picture.add_subplot()
        alone = [figures.alone / figures.sample * one for one in many]
        axes.loglog(many, alone, color="#b3261e", linestyle="--", label="row by row (from a sample)")
        axes.loglog(many, [figures.growth[one] for one in many], "o", color="#1f4e79", label="all at once")
        first = figures.growth[many[0]] / many[0]
        axes.loglog(many, [first * one for one in many], color="#9db8d0", zorder=1, label="in step with the vouchers")
        axes.set_xticks(many, [f"{one:,}" for one in many])
        axes.minorticks_off()
        axes.set_xlabel("vouchers")
        axes.set_ylabel("CPU seconds to evaluate")
        axes.legend(frameon=False)
        picture.savefig(path, dpi=120, metadata={"Software": None})


def fill(url: str, vouchers: int) -> int:
    """Put a city into a database in the place of what is there; tells how many events it has."""
    migrate(url)
    CHAIN.downgrade(url, "base")
    downgrade(url, "base")
    migrate(url)
    city = simulate_city(vouchers, UNTIL)
    with opened(url) as database, database.begin() as connection:
        store_definitions(connection, read_definitions([EXAMPLES]), instant(UNTIL))
        for name, rows in city.items():
            upsert(connection, DATABASE_TABLES[name], rows, ["patient_id"])
    return sum(rows.num_rows for name, rows in city.items() if name != "patients")


def in_its_own_process(url: str, now: datetime, *, dry: bool) -> Taken:
    """What one run takes."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(timed_run, url, now, dry=dry).result()


def timed_run(url: str, now: datetime, *, dry: bool) -> Taken:
    """One run: what it took of this process, and how much it wrote."""
    wall, cpu = time.perf_counter(), time.process_time()
    with opened(url) as database:
        outcome = run(database, now, dry=dry)
    counts = outcome.counts
    return Taken(
        seconds=time.perf_counter() - wall,
        cpu=time.process_time() - cpu,
        megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        alerts=counts.opened.total() + counts.past.total(),
        queued=outcome.queued,
    )


def one_by_one(url: str, sample: int) -> float:
    """CPU seconds that some vouchers take one after another.

    Raises:
        RuntimeError: they do not give the alerts that the runs have written.
    """
    now = RUNS[-1][1]
    with opened(url) as database, Session(database) as session:
        definitions = stored_definitions(session.connection())
        chosen = evenly(session.scalars(select(Change.voucher_id).where(Change.state == "granted")).all(), sample)
        start = time.process_time()
        found = {voucher_id: of_voucher(session, voucher_id, definitions, now) for voucher_id in chosen}
        took = time.process_time() - start
        if found != written(session, chosen):
            raise RuntimeError("one by one finds other alerts than all at once")
    return took


def of_voucher(session: Session, voucher_id: str, definitions: Mapping[str, Definition], now: datetime) -> set[Alert]:
    """The alerts of one voucher."""
    changes = session.scalars(select(Change).where(Change.voucher_id == voucher_id)).all()
    of_patient = select(Visit).where(Visit.patient_id == changes[0].patient_id, Visit.producer == "voucher")
    record = Record(changes, (), session.scalars(of_patient).all())
    definition_id = definition_of(changes, now)
    found = set() if definition_id is None else alerts_of(record, definitions[definition_id], now)
    session.expunge_all()
    return found


def written(session: Session, voucher_ids: Sequence[str]) -> dict[str, set[Alert]]:
    """What the runs have found of some vouchers."""
    alerts = tables.alerts.c
    columns = alerts.voucher_id, alerts.subject, alerts.breached_on, alerts.ended_at, alerts.ended_why
    found: dict[str, set[Alert]] = {voucher_id: set() for voucher_id in voucher_ids}
    for row in session.execute(select(*columns).where(alerts.state != "withdrawn")):
        if row.voucher_id in found:
            found[row.voucher_id].add(Alert(row.subject, row.breached_on, row.ended_at, row.ended_why))
    return found


def evenly(items: Sequence[str], many: int) -> list[str]:
    """So many of the items, in even steps through all of them."""
    in_order = sorted(items)
    return [in_order[place * len(in_order) // many] for place in range(many)]


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """A database."""
    reached = engine(url)
    try:
        yield reached
    finally:
        reached.dispose()


if __name__ == "__main__":
    sys.exit(main())
