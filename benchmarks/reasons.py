"""What reasons cost beside the prediction that they explain, in one run: ratios, memory, time to load.

    python -m benchmarks.reasons [--examples FILE] [--rows N] [--rounds N] [--json FILE]

For models of several sizes, LightGBM's own prediction, the tabulated contributions, LightGBM's own and those of the
SHAP library take turns on the same rows, alone and in a batch. Reasons are held against LightGBM's prediction, although
the product reads margins from tables too, in a fraction of that: the peer stays when the product changes. Costs are CPU
time of one thread, the least of all turns. Then `--rows` rows are scored twice with the smallest model: as the command
`score --reasons` does it, with sets, intervals and the
three groups that matter most, and with the reasons as sentences in Finnish. `--examples` is a file made by
`python -m training features`; without one the rows are made up. Exit status 4: reasons cost more than that
prediction or differ from the reference.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import shap
from numpy.typing import NDArray
from tqdm import tqdm

from features.dental import DENTAL
from features.evaluate import Matrix
from models.constraints import monotone
from models.estimators import SHALLOW, Boosted, Estimator
from models.reasons import sentences, strongest
from models.segments import SegmentTable, read_tables, table_on
from records.clock import HELSINKI
from records.schema import PROFESSIONS
from training import compare, examples
from training.fit import Plan, fit_need
from training.score import Asked, Scorer

Floats = NDArray[np.float64]
HOME = Path(__file__).parent.parent
Size = tuple[int, int, int]
SIZES: Sequence[Size] = ((8, 300, -1), (8, 600, -1), (16, 300, 8), (31, 300, 8))
"""Leaves, rounds and depth of the models, two margins each; the first is the product's own and also scores the rows."""
EXACT = 1e-9
"""Log-odds that contributions may differ from the references at the most."""
LEARNT = 8_000
"""Rows that the model which scores is learnt from; what scoring costs does not depend on it."""
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
        predict_one, reasons_one, lightgbm_one, shap_one: one row alone: LightGBM's margins, the tabulated
            contributions, LightGBM's own, the SHAP library's.
        predict_batch, reasons_batch, lightgbm_batch, shap_batch: the same in a batch.
        difference: largest distance between the tabulated contributions and either reference, log-odds.
        tables_mb: memory of the tables.
        tabulate_s: to make them.
    """

    leaves: int
    rounds: int
    predict_one: float
    reasons_one: float
    lightgbm_one: float
    shap_one: float
    predict_batch: float
    reasons_batch: float
    lightgbm_batch: float
    shap_batch: float
    difference: float
    tables_mb: float
    tabulate_s: float


def rows_of(path: Path | None) -> examples.Examples:
    """Rows to learn from and to score: of a file, or made up."""
    if path is not None:
        return examples.read(path)
    random = np.random.default_rng(1)
    x = random.poisson(2, (MADE_UP, len(DENTAL))).astype(np.float64)
    x[random.random(x.shape) < 0.2] = np.nan
    visits = np.zeros((MADE_UP, len(PROFESSIONS)))
    visits[:, 0] = 1 + random.poisson(np.exp(np.nansum(x[:, ::5], 1) / 80))
    return examples.Examples(
        np.array([f"p{at:06d}" for at in range(MADE_UP)]), np.full(MADE_UP, 1_700_000_000_000_000), x, visits,
        30 * visits, DENTAL.names, DENTAL.version, Counter(),
    )  # fmt: skip


def maker(leaves: int, rounds: int, depth: int) -> Callable[[], Boosted]:
    """Makes unfitted models of a size, bound as the product's are."""
    parameters = {**SHALLOW, "num_leaves": leaves, "max_depth": depth, "num_threads": 1}
    parameters["monotone_constraints"] = monotone(DENTAL)
    return lambda: Boosted(DENTAL.names, parameters, rounds)


def measure(rows: examples.Examples, table: SegmentTable, sizes: Sequence[Size]) -> Iterator[Cost]:
    """Fit models of each size and measure them in turns."""
    reached = compare.reached(rows, table)
    for leaves, rounds, depth in tqdm(sizes, "models", unit="model", disable=None):
        model = maker(leaves, rounds, depth)().fit(rows.x[:MADE_UP], reached[:MADE_UP])
        yield _cost(model, rows.x, leaves, rounds)


def _cost(model: Boosted, x: Floats, leaves: int, rounds: int) -> Cost:
    began = time.process_time()
    tables = model.tables()
    tabulated = time.process_time() - began
    one, few, many = (np.ascontiguousarray(x[:n]) for n in (1, REFERENCE_ROWS, BATCH))
    explainers = [shap.TreeExplainer(booster) for booster in model.boosters]

    def of_shap(rows: Floats) -> Floats:
        return np.stack([np.asarray(one(rows).values) for one in explainers], axis=1)

    calls: dict[str, tuple[Callable[[Floats], Floats], Floats, int]] = {
        "predict_one": (model.predicted, one, 100), "reasons_one": (model.contributions, one, 100),
        "lightgbm_one": (model.explained, one, 5), "shap_one": (of_shap, one, 5),
        "predict_batch": (model.predicted, many, 1),
        "reasons_batch": (model.contributions, many, 1), "lightgbm_batch": (model.explained, few, 1),
        "shap_batch": (of_shap, few, 1),
    }  # fmt: skip
    spent = dict.fromkeys(calls, float("inf"))
    for _ in range(TURNS):
        for name, (call, rows, times) in calls.items():
            spent[name] = min(spent[name], *(_spent(call, rows) for _ in range(times + 1)))
    ours = model.contributions(few)
    references = ((ours, model.explained(few)), (ours[:, :, :-1], of_shap(few)))
    difference = max(float(np.abs(one - other).max()) for one, other in references)
    return Cost(leaves, rounds, **spent, difference=difference, tables_mb=tables.nbytes / 1e6, tabulate_s=tabulated)


def _spent(call: Callable[[Floats], Floats], rows: Floats) -> float:
    began = time.process_time()
    call(rows)
    return (time.process_time() - began) * 1e6 / len(rows)


def loading(model: Estimator, cache: Path) -> tuple[float, float]:
    """CPU seconds to import the compiled code and to load a model, in a new process with a cache in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        said = subprocess.run(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", LOADING, folder], capture_output=True, text=True, check=True,
            env={"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(HOME), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    imported, loaded = said.stdout.split()
    return float(imported), float(loaded)


def scored(scorer: Scorer, rows: examples.Examples, times: int) -> float:
    """CPU seconds to score so many rows as `python -m training score --reasons` does, features aside."""
    began = time.process_time()
    for first in tqdm(range(0, times, BLOCK), "score", unit="block", disable=None):
        some = np.arange(first, min(first + BLOCK, times)) % len(rows)
        ids, as_of = pa.array(rows.patient_ids[some]), pa.array(rows.as_of[some])
        asked = Asked(ids, as_of, np.ones(len(some), np.bool_), np.full(len(some), ""),
                      Matrix(rows.names, rows.x[some]))  # fmt: skip
        scorer.rows(asked)
    return time.process_time() - began


def told(model: Estimator, x: Floats, rows: int) -> dict[str, float]:
    """CPU seconds to score so many rows with reasons as sentences in Finnish, by step."""
    spent = {"predict": 0.0, "contributions": 0.0, "strongest": 0.0, "sentences": 0.0}
    for first in tqdm(range(0, rows, BLOCK), "sentences", unit="block", disable=None):
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
        "leaves rounds | one row: predict us  reasons    x  LightGBM's   x    SHAP   x | batch: predict us  reasons"
        "    x  LightGBM's   x    SHAP   x | difference  tables MB  tabulate s"
    )
    lines = [
        f"{one.leaves:6} {one.rounds:6} | {one.predict_one:19.1f} {one.reasons_one:8.1f}"
        f" {one.reasons_one / one.predict_one:4.2f} {one.lightgbm_one:11.0f} {one.lightgbm_one / one.predict_one:3.0f}"
        f" {one.shap_one:7.0f} {one.shap_one / one.predict_one:3.0f}"
        f" | {one.predict_batch:17.1f} {one.reasons_batch:8.1f} {one.reasons_batch / one.predict_batch:4.2f}"
        f" {one.lightgbm_batch:11.0f} {one.lightgbm_batch / one.predict_batch:3.0f}"
        f" {one.shap_batch:7.0f} {one.shap_batch / one.predict_batch:3.0f}"
        f" | {one.difference:10.0e} {one.tables_mb:10.1f} {one.tabulate_s:11.2f}"
        for one in costs
    ]
    return "\n".join([head, *lines])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        rows = rows_of(options.examples)
    except examples.ExamplesError as error:
        print(f"reasons: {error}", file=sys.stderr)
        return 1
    table = table_on(read_tables(), rows.latest().astimezone(HELSINKI).date())
    sizes = [(leaves, min(rounds, options.rounds), depth) for leaves, rounds, depth in SIZES]
    costs = list(measure(rows, table, sizes))
    model = fit_need(maker(*sizes[0]), rows.take(np.arange(len(rows)) < LEARNT), table, plan=Plan(folds=2))
    steps, batch = (
        told(model.estimator, rows.x, options.rows),
        scored(Scorer.of(model, reasons=True), rows, options.rows),
    )
    with tempfile.TemporaryDirectory() as cache:
        first, again = (loading(model.estimator, Path(cache)) for _ in range(2))
    print("\n" + table_text(costs))
    print(f"\n{options.rows:,} rows as `score --reasons`, with sets and intervals: {batch:.1f} s of one core")
    said = ", ".join(f"{name} {took:.1f} s" for name, took in steps.items())
    print(f"{options.rows:,} rows with sentences: {said}; in all {sum(steps.values()):.1f} s of one core")
    print(f"import and compile {first[0]:.1f} s the first time, {again[0]:.1f} s from the cache; load {again[1]:.2f} s")
    if options.json:
        found = {
            "models": [asdict(cost) for cost in costs],
            "scored": batch,
            "told": steps,
            "first": first,
            "again": again,
        }
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if kept(costs[0]) else 4


def kept(cost: Cost) -> bool:
    """Whether a model's reasons are exact and cost no more than LightGBM's prediction, alone and in a batch."""
    cheap = cost.reasons_one <= cost.predict_one and cost.reasons_batch <= cost.predict_batch
    return cheap and cost.difference <= EXACT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reasons", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--examples", type=Path, help="file of examples; made-up rows without it")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to score with reasons (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=10_000, help="boosting rounds of a model, at the most")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
