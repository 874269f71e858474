"""What reasons cost beside the prediction that they explain, in one run: ratios, memory, time to load.

    python -m benchmarks.reasons [--examples FILE] [--rows N] [--rounds N] [--json FILE]

For models of several sizes, prediction, LightGBM's own contributions and the tabulated ones take turns on the same
rows, alone and in a batch; costs are CPU time of one thread, the least of all turns. Then `--rows` rows are scored
with reasons as sentences in one language, as a batch would be. `--examples` is a file made by
`python -m training features`; without one the rows are made up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from features.dental import DENTAL
from models.constraints import monotone
from models.estimators import SHALLOW, Boosted
from models.reasons import sentences, strongest
from models.segments import read_tables, table_on
from records.clock import HELSINKI
from training import compare, examples

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
HOME = Path(__file__).parent.parent
SIZES = ((8, 300, -1), (8, 600, -1), (16, 300, 8), (31, 300, 8))
"""Leaves, rounds and depth of the models, two margins each; the first one also scores the rows."""
BATCH = 4000
REFERENCE_ROWS = 300
TURNS = 5
BLOCK = 20_000
MADE_UP = 20_000
LOADING = """
import sys, time
began = time.process_time()
import lightgbm, sklearn.linear_model, pandas
between = time.process_time()
from pathlib import Path
from models.estimators import Boosted
imported = time.process_time()
Boosted.load(Path(sys.argv[1]))
print(imported - between, time.process_time() - imported)
"""


@dataclass(frozen=True)
class Cost:
    """One model: microseconds of CPU time a row, megabytes and seconds.

    Attributes:
        leaves, rounds: of the model.
        predict_one, reasons_one, lightgbm_one: one row alone: the margins, the tabulated contributions, LightGBM's own.
        predict_batch, reasons_batch, lightgbm_batch: the same in a batch.
        difference: largest between the two contributions, log-odds.
        tables_mb: memory of the tables.
        tabulate_s: to make them.
    """

    leaves: int
    rounds: int
    predict_one: float
    reasons_one: float
    lightgbm_one: float
    predict_batch: float
    reasons_batch: float
    lightgbm_batch: float
    difference: float
    tables_mb: float
    tabulate_s: float


def rows_of(path: Path | None) -> tuple[Floats, Bools]:
    """Feature values and whether each threshold was reached."""
    if path is None:
        random = np.random.default_rng(1)
        x = random.poisson(2, (MADE_UP, len(DENTAL))).astype(np.float64)
        x[random.random(x.shape) < 0.2] = np.nan
        drive = np.nansum(x[:, ::5], 1) + random.normal(0, 5, MADE_UP)
        return x, drive[:, None] > np.quantile(drive, [0.8, 0.9])
    found = examples.read(path)
    table = table_on(read_tables(), found.latest().astimezone(HELSINKI).date())
    return found.x, compare.reached(found, table)


def measure(x: Floats, reached: Bools) -> Iterator[tuple[Boosted, Cost]]:
    """Fit the models and measure them in turns."""
    learn = slice(0, MADE_UP)
    for leaves, rounds, depth in tqdm(SIZES, "models", unit="model"):
        parameters = {**SHALLOW, "num_leaves": leaves, "max_depth": depth, "num_threads": 1}
        parameters["monotone_constraints"] = monotone(DENTAL)
        model = Boosted(DENTAL.names, parameters, rounds).fit(x[learn], reached[learn])
        yield model, _cost(model, x, leaves, rounds)


def _cost(model: Boosted, x: Floats, leaves: int, rounds: int) -> Cost:
    began = time.process_time()
    tables = model.tables()
    tabulated = time.process_time() - began
    one, few, many = (np.ascontiguousarray(x[:n]) for n in (1, REFERENCE_ROWS, BATCH))
    calls: dict[str, tuple[Callable[[Floats], Floats], Floats, int]] = {
        "predict_one": (model.margins, one, 100), "reasons_one": (model.contributions, one, 100),
        "lightgbm_one": (model.reference, one, 5), "predict_batch": (model.margins, many, 1),
        "reasons_batch": (model.contributions, many, 1), "lightgbm_batch": (model.reference, few, 1),
    }  # fmt: skip
    spent = dict.fromkeys(calls, float("inf"))
    for _ in range(TURNS):
        for name, (call, rows, times) in calls.items():
            spent[name] = min(spent[name], *(_spent(call, rows) for _ in range(times + 1)))
    difference = float(np.abs(model.contributions(few) - model.reference(few)).max())
    return Cost(leaves, rounds, **spent, difference=difference, tables_mb=tables.nbytes / 1e6, tabulate_s=tabulated)


def _spent(call: Callable[[Floats], Floats], rows: Floats) -> float:
    began = time.process_time()
    call(rows)
    return (time.process_time() - began) * 1e6 / len(rows)


def loading(model: Boosted, cache: Path) -> tuple[float, float]:
    """CPU seconds to import the compiled code and to load a model, in a new process with a cache in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        said = subprocess.run(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", LOADING, folder], capture_output=True, text=True, check=True,
            env={"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(HOME), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    imported, loaded = said.stdout.split()
    return float(imported), float(loaded)


def score(model: Boosted, x: Floats, rows: int) -> dict[str, float]:
    """CPU seconds to score so many rows with reasons as sentences in Finnish, by step."""
    spent = {"predict": 0.0, "contributions": 0.0, "strongest": 0.0, "sentences": 0.0}
    for first in tqdm(range(0, rows, BLOCK), "rows", unit="block"):
        block = x[np.arange(first, min(first + BLOCK, rows)) % len(x)]
        marks = [time.process_time()]
        margins = model.margins(block)
        marks.append(time.process_time())
        threshold = (margins[:, 1] > 0).astype(np.int64)
        each = model.contributions(block)[np.arange(len(block)), threshold, :-1]
        marks.append(time.process_time())
        found = strongest(DENTAL, block, each)
        marks.append(time.process_time())
        sentences(DENTAL, found, "fi")
        marks.append(time.process_time())
        for name, took in zip(spent, np.diff(marks), strict=True):
            spent[name] += float(took)
    return spent


def table_text(costs: Sequence[Cost]) -> str:
    """The models' costs, the tabulated reasons and LightGBM's own as multiples of the prediction."""
    head = (
        "leaves rounds | one row: predict us  reasons   x  LightGBM's   x | batch: predict us  reasons   x  "
        "LightGBM's   x | difference  tables MB  tabulate s"
    )
    lines = [
        f"{one.leaves:6} {one.rounds:6} | {one.predict_one:19.1f} {one.reasons_one:8.1f}"
        f" {one.reasons_one / one.predict_one:4.2f} {one.lightgbm_one:10.0f} {one.lightgbm_one / one.predict_one:4.0f}"
        f" | {one.predict_batch:17.1f} {one.reasons_batch:8.1f} {one.reasons_batch / one.predict_batch:4.2f}"
        f" {one.lightgbm_batch:10.0f} {one.lightgbm_batch / one.predict_batch:4.0f}"
        f" | {one.difference:10.0e} {one.tables_mb:10.1f} {one.tabulate_s:11.2f}"
        for one in costs
    ]
    return "\n".join([head, *lines])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reasons", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--examples", type=Path, help="file of examples; made-up rows without it")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to score with reasons")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    try:
        x, reached = rows_of(options.examples)
    except examples.ExamplesError as error:
        print(f"reasons: {error}", file=sys.stderr)
        return 1
    measured = list(measure(x, reached))
    scored = score(measured[0][0], x, options.rows)
    with tempfile.TemporaryDirectory() as cache:
        first, again = (loading(measured[0][0], Path(cache)) for _ in range(2))
    print("\n" + table_text([cost for _, cost in measured]))
    steps = ", ".join(f"{name} {took:.1f} s" for name, took in scored.items())
    print(f"\n{options.rows:,} rows with sentences: {steps}; in all {sum(scored.values()):.1f} s of one core")
    print(f"import and compile {first[0]:.1f} s the first time, {again[0]:.1f} s from the cache; load {again[1]:.2f} s")
    if options.json:
        said = {"models": [asdict(cost) for _, cost in measured], "scored": scored, "first": first, "again": again}
        options.json.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
