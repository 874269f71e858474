"""The command `python -m features compute`: the matrix of a stored history, and its profile beside it."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from features import batch
from features.dental import DENTAL
from features.evaluate import Moments
from features.moments import MomentsError, read_moments
from records.clock import instant
from records.history import OrderError
from records.scan import all_patients
from records.schema import INSTANT
from records.store import StoreError


def add_compute(commands: Any) -> None:
    """Add the command to those of `python -m features`."""
    one = commands.add_parser("compute", help="every feature of a stored history at given moments, as a Parquet file")
    one.add_argument("--history", type=Path, required=True, help="folder of the history")
    when = one.add_mutually_exclusive_group(required=True)
    when.add_argument("--moments", type=Path, help="Parquet or CSV file with patient_id and as_of, one row a moment")
    when.add_argument("--as-of", type=_instant, help="one moment for everybody; a bare date is the end of that day")
    one.add_argument("--out", type=Path, required=True, help="Parquet file to write; its profile goes beside it")
    one.add_argument("--jobs", type=_positive, default=1, help="processes that work at it (default %(default)s)")


def compute(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    batch.keep_memory()
    profile = options.out.with_suffix(".profile.json")
    try:
        moments = read_moments(options.moments) if options.moments else everybody(options.history, options.as_of)
        rows = batch.compute(DENTAL, options.history, moments, options.out, jobs=options.jobs, profile=profile)
    except (MomentsError, StoreError, OrderError, ValueError) as error:
        print(f"features compute: {error}", file=sys.stderr)
        return 1
    print(f"{rows:,} moments of {len(DENTAL)} features in {options.out}, their profile in {profile}")
    return 0


def everybody(folder: Path, as_of: datetime) -> Moments:
    """One moment for every patient of a stored history."""
    patient_ids = all_patients(folder)
    return Moments(patient_ids, pa.repeat(pa.scalar(as_of, INSTANT), len(patient_ids)))


def _instant(text: str) -> datetime:
    try:
        return instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not a date or time like 2026-11-22 or 2026-11-22T10:00") from error


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number of processes")
    return int(text)
