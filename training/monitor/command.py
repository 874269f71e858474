"""The commands: say what is normal from a quiet stretch of service; judge later months, and say what to do."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from features.catalogue import Catalogue
from features.dental import DENTAL
from features.evaluate import Matrix
from features.profile import Profile
from models.segments import SegmentTable, read_tables, table_on
from records import store
from records.clock import HELSINKI, microsecond, start_of_day
from training import tracking
from training.monitor.figures import Standard
from training.monitor.limits import DEFAULT, Limits
from training.monitor.reference import Reference
from training.monitor.report import Judged, as_json, as_metrics, as_page
from training.monitor.served import Served, read, together
from training.monitor.watch import watch

BREACHED = 4
"""Exit status when the latest month has a breach: the command worked, the service needs somebody."""
BLOCK = 10_000
"""Patients read at a time."""


class MonitorError(ValueError):
    """There is nothing to judge."""


def monitor(
    records: Path, reference: Reference, out: Path, catalogue: Catalogue, segments: SegmentTable,
    *, until: datetime, months: int = 12, limits: Path = DEFAULT,
) -> int:  # fmt: skip
    """Judge the last whole months before `until` (aware); write `monitor.json`, `.html` and `.prom` into `out`.

    Returns:
        0, or `BREACHED` when the latest month has a figure beyond its limit.

    Raises:
        MonitorError: no whole month lies before `until`, or nothing was served.
        LimitsError, StoreError: a file cannot be read.
    """
    standard = Standard(reference, segments, catalogue.version, Limits.read(limits))
    served = _served(records, catalogue, segments, until)
    judged = watch(served, standard, months_before(until, months), until)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("json", as_json(judged)), ("html", as_page(judged)), ("prom", as_metrics(judged))):
        staged = out / f"monitor.{name}.part"
        staged.write_text(text, encoding="utf-8")
        staged.replace(out / f"monitor.{name}")
    _say(judged)
    return BREACHED if judged[-1].breaches else 0


def settle(
    records: Path, out: Path, catalogue: Catalogue, segments: SegmentTable, *, first: datetime, until: datetime
) -> int:
    """Write what is normal, from the assessments served from `first` on and before `until` (both aware).

    Raises:
        MonitorError: nothing was served then.
        NoReferenceError: nothing was suggested then.
    """
    served = _served(records, catalogue, segments, until)
    quiet = served.between(microsecond(first), microsecond(until))
    if not len(quiet):
        raise MonitorError(f"{records} holds no assessments from {first:%Y-%m-%d} to {until:%Y-%m-%d}")
    profile = Profile.of(catalogue.version, Matrix(quiet.names, quiet.x), pa.array(quiet.patient_ids)).published()
    Reference.of(quiet, profile).write(out)
    print(f"{len(quiet)} assessments say what is normal: {out}")
    return 0


def run(options: argparse.Namespace) -> int:
    """`python -m training monitor` and `reference`, as the command line asks."""
    until = start_of_day(options.until + timedelta(days=1)) if options.until else datetime.now(UTC)
    segments = table_on(read_tables(), options.until or until.astimezone(HELSINKI).date())
    if options.command == "monitor":
        return monitor(options.records, normal(options.reference), options.out, DENTAL, segments, until=until,
                       months=options.months, limits=options.limits)  # fmt: skip
    out = Path(options.reference)
    if options.since:
        return settle(options.records, out, DENTAL, segments, first=start_of_day(options.since), until=until)
    normal(options.model).write(out)
    print(f"what {tracking.NAME} {options.model} was examined on says what is normal: {out}")
    return 0


def normal(name: str) -> Reference:
    """What is normal: by a file, or by what a registered version or alias was examined on when it was trained.

    Raises:
        NoReferenceError: neither the file nor the version's run holds it.
        TrackingError: there is no such version or alias.
    """
    if Path(name).suffix:
        return Reference.read(Path(name))
    run_id = tracking.run_of(tracking.version_named(name))
    return Reference.from_json(tracking.logged_text(run_id, tracking.REFERENCE), f"run {run_id}")


def months_before(until: datetime, months: int) -> datetime:
    """The first instant of the Helsinki month so many months before that of `until` (aware), in UTC."""
    local = until.astimezone(HELSINKI)
    month = local.year * 12 + local.month - 1 - months
    return start_of_day(date(month // 12, month % 12 + 1, 1))


def _served(records: Path, catalogue: Catalogue, segments: SegmentTable, until: datetime) -> Served:
    parts = [
        read(history, catalogue, segments, until)
        for history in tqdm(store.blocks(records, BLOCK), desc="monitor", unit="block", file=sys.stderr)
    ]
    served = together(parts) if parts else None
    if served is None or not len(served):
        raise MonitorError(f"{records} holds no assessments before {until:%Y-%m-%d}")
    return served


def _say(judged: list[Judged]) -> None:
    latest = judged[-1]
    breaches = sum(len(month.breaches) for month in judged)
    print(
        f"{len(judged)} months, {len(latest.figures)} figures in {latest.month}; {breaches} beyond their limits in all"
    )
    for breach in latest.breaches:
        print(f"{latest.month} {breach.sentence()}")
