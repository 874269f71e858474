"""The scheduled command: judge a stretch of service that a record history holds, and say what to do."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path

from tqdm import tqdm

from features.catalogue import Catalogue
from models.segments import SegmentTable
from records import store
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
    records: Path, reference: Path, out: Path, catalogue: Catalogue, segments: SegmentTable,
    *, until: datetime, months: int = 12, limits: Path = DEFAULT,
) -> int:  # fmt: skip
    """Judge the last whole months before `until` (aware); write `monitor.json`, `.html` and `.prom` into `out`.

    Returns:
        0, or `BREACHED` when the latest month has a figure beyond its limit.

    Raises:
        MonitorError: no whole month lies before `until`, or nothing was served.
        LimitsError, NoReferenceError, StoreError: a file cannot be read.
    """
    standard = Standard(Reference.read(reference), segments, catalogue.version, Limits.read(limits))
    served = _served(records, catalogue, segments, until)
    judged = watch(served, standard, months_before(until, months), until)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("json", as_json(judged)), ("html", as_page(judged)), ("prom", as_metrics(judged))):
        staged = out / f"monitor.{name}.part"
        staged.write_text(text, encoding="utf-8")
        staged.replace(out / f"monitor.{name}")
    _say(judged)
    return BREACHED if judged[-1].breaches else 0


def months_before(until: datetime, months: int) -> datetime:
    """The first day of the month so many months before that of `until`."""
    month = until.year * 12 + until.month - 1 - months
    return datetime.combine(date(month // 12, month % 12 + 1, 1), datetime.min.time(), UTC)


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
