"""How fast alerts are found among the vouchers of a simulated city, and how much faster than one voucher at a time.

    python -m benchmarks.alerts [--vouchers 1000000] [--database URL] [--sample 2000] [--json FILE]

Runs of one database, each in a process of its own, so that its memory is that of a run: a dry run, which only reads and
evaluates; the first run, which writes all that has ever been; the same again; the next day's. A quarter of the vouchers
goes before: the ratio says whether the cost grows faster than they do. Then the same rules are applied row by row: some
vouchers are loaded through the ORM, each with its events, and `benchmarks.row_by_row` looks at one after another. Both
must find the same, or the benchmark ends with an error.

CPU seconds are those of the run's process; a PostgreSQL server works beside it. What the database of a URL holds is
lost; without one a SQLite file in a temporary folder is used.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

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


class Base(DeclarativeBase):
    """ORM classes over the tables of records."""


Change: Any = type("Change", (Base,), {"__table__": DATABASE_TABLES["vouchers"]})
Visit: Any = type("Visit", (Base,), {"__table__": DATABASE_TABLES["visits"]})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alerts", description=__doc__)
    parser.add_argument("--vouchers", type=int, default=1_000_000, help="how many (default %(default)s)")
    parser.add_argument("--database", help="URL of a database to overwrite (default: a new SQLite file)", metavar="URL")
    parser.add_argument("--sample", type=int, default=2_000, help="vouchers looked at one by one (default %(default)s)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tarve-alerts-") as folder:
        url = given.database or f"sqlite:///{folder}/city.db"
        figures = measure(url, given.vouchers, given.sample)
    for key, value in figures.items():
        sys.stdout.write(f"{key:<58}{value:>14,.2f}\n")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(url: str, vouchers: int, sample: int) -> dict[str, float]:
    """All figures: seconds, events and megabytes, by what was measured."""
    fill(url, vouchers // 4)
    quarter = in_its_own_process(url, NOW, dry=True)
    figures: dict[str, float] = {"vouchers": vouchers, "events": fill(url, vouchers)}
    for name, now, dry in RUNS:
        seen = in_its_own_process(url, now, dry=dry)
        figures |= {f"{name}: {what}": value for what, value in seen.items()}
    whole = figures["evaluate only: CPU seconds"]
    figures["evaluate only: CPU, times that of a quarter"] = whole / quarter["CPU seconds"]
    alone = one_by_one(url, sample)
    figures |= {"one by one: vouchers": sample, "one by one: CPU seconds": alone}
    figures["one by one: CPU a voucher, times that of all at once"] = (alone / sample) / (whole / vouchers)
    return figures


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


def in_its_own_process(url: str, now: datetime, *, dry: bool) -> dict[str, float]:
    """Seconds and memory of one run."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(timed_run, url, now, dry=dry).result()


def timed_run(url: str, now: datetime, *, dry: bool) -> dict[str, float]:
    """One run: what it took of this process, and how much it wrote."""
    wall, cpu = time.perf_counter(), time.process_time()
    with opened(url) as database:
        outcome = run(database, now, dry=dry)
    counts = outcome.counts
    return {
        "seconds": time.perf_counter() - wall,
        "CPU seconds": time.process_time() - cpu,
        "highest memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "alerts found": counts.opened.total() + counts.past.total(),
        "messages queued": outcome.queued,
    }


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
