"""One patient at a time, as the service asks: CPU time of one call, from arrays that are ready."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from features.catalogue import Catalogue
from features.evaluate import Moments, evaluate
from features.events import prepare
from records import store
from records.clock import instant
from records.history import History

EVENTS = 120
CALLS = 2_000


def calls(catalogue: Catalogue, folder: Path) -> dict[str, float]:
    """Median and 95th percentile of the CPU milliseconds of a call, over patients with about 120 events."""
    history = next(store.blocks(folder, 2_000))
    events: Counter[str] = Counter()
    for source in catalogue.sources:
        if source != "patients":
            events.update(history[source]["patient_id"].to_pylist())
    typical = sorted(events, key=lambda patient: abs(events[patient] - EVENTS))[:20]
    ready = []
    for patient in typical:
        tables = {name: rows.filter(pc.equal(rows["patient_id"], patient)) for name, rows in history.tables.items()}
        ready.append((prepare(catalogue, History.of(tables)), Moments.of([patient], [instant("2026-01-01T12:00")])))
    took = []
    for call in range(CALLS + 100):
        arrays, moment = ready[call % len(ready)]
        start = time.process_time_ns()
        evaluate(catalogue, arrays, moment)
        took.append((time.process_time_ns() - start) / 1e6)
    median, late = np.percentile(took[100:], [50, 95]).tolist()
    return {"events": float(np.median([events[patient] for patient in typical])), "median": median, "p95": late}
