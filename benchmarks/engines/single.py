"""One patient at a time, as the service asks: CPU time of one call, by each way that there is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from benchmarks.engines import WAYS
from features.catalogue import Catalogue
from features.evaluate import Moments, evaluate
from features.events import prepare
from features.one import evaluate_person
from records import store
from records.clock import instant
from records.history import History
from records.person import Person

EVENTS = 120
CALLS = 2_000
AS_OF = instant("2026-01-01T12:00")


def calls(catalogue: Catalogue, folder: Path) -> dict[str, float]:
    """Median and 95th percentile of the CPU milliseconds of a call, over patients with about 120 events.

    The ways take turns, call by call, so that what else the machine does meets all of them.
    """
    history = next(store.blocks(folder, 2_000))
    events: Counter[str] = Counter()
    for source in catalogue.sources:
        if source != "patients":
            events.update(history[source]["patient_id"].to_pylist())
    typical = sorted(events, key=lambda patient: abs(events[patient] - EVENTS))[:20]
    ready = [_ways(catalogue, history, patient) for patient in typical]
    took: dict[str, list[float]] = {way: [] for way in WAYS}
    for call in range(CALLS + 100):
        for way, answer in ready[call % len(ready)].items():
            start = time.process_time_ns()
            answer()
            took[way].append((time.process_time_ns() - start) / 1e6)
    found = {"events": float(np.median([events[patient] for patient in typical]))}
    for way, times in took.items():
        found[way], found[f"{way}_p95"] = np.percentile(times[100:], [50, 95]).tolist()
    return found


def _ways(catalogue: Catalogue, history: History, patient: str) -> dict[str, Callable[[], object]]:
    """By name, what answers for one patient."""
    tables = {name: rows.filter(pc.equal(rows["patient_id"], patient)) for name, rows in history.tables.items()}
    alone, moment = History.of(tables), Moments.of([patient], [AS_OF])
    person, arrays = Person.of(alone), prepare(catalogue, alone)
    return {
        "person": lambda: evaluate_person(catalogue, person, AS_OF),
        "arrays": lambda: evaluate(catalogue, arrays, moment),
        "tables": lambda: evaluate(catalogue, alone, moment),
    }
