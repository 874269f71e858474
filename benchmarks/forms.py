"""Three forms of the LightGBM segment model, side by side: quality, and what prediction and reasons cost.

    python -m benchmarks.forms [--examples FILE] [--data FOLDER] [--rounds N] [--leaves N] [--json FILE]

- *threshold*: one margin for each threshold, the model's own form (`models.estimators.Boosted`);
- *ordered*: one margin for all thresholds, cut at rising points (cumulative logits);
- *classes*: one score for each segment, made probabilities together (softmax).

All three are fitted with the same parameters and rounds and calibrated in the same way, by the house's own `fit`.
`--examples` is a file made by `python -m training features`; `--data` a folder of public files as in
`benchmarks.real`. Costs are CPU time of one thread, the least of several turns that the forms take one after another.

Only the first two have contributions that add up to the margin: a class model's log-odds of needing *at least* so much
are no sum of its scores.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax
from tqdm import tqdm

from benchmarks.tasks import nhanes_task, rand_task
from models.contributions import Tables
from models.estimators import SHALLOW, Boosted
from models.segments import read_tables, table_on
from models.trees import read_trees
from records.clock import HELSINKI
from records.studies import NHANES_FILES, RAND_FILE, StudyError
from training import compare, examples
from training.fit import fit
from training.scores import EDGE, ScoresError, score

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Parameters = Mapping[str, Any]
FOLDS = 3
BATCH = 2000
TURNS = 5


class Threshold:
    """One booster for each threshold."""

    def __init__(self, parameters: Parameters, rounds: int) -> None:
        self.parameters, self.rounds = parameters, rounds

    def fit(self, x: Floats, reached: Bools) -> Self:
        """Learn from rows; returns itself."""
        names = tuple(f"f{at}" for at in range(x.shape[1]))
        self.boosted = Boosted(names, self.parameters, self.rounds).fit(x, reached)
        return self

    def margins(self, x: Floats) -> Floats:
        """Log-odds, shape (n, thresholds)."""
        return self.boosted.margins(x)

    @property
    def boosters(self) -> Sequence[lgb.Booster]:
        """The boosters."""
        return self.boosted.boosters


class Ordered:
    """One booster for one margin f: the log-odds of reaching threshold k are f less the k-th cut point."""

    def __init__(self, parameters: Parameters, rounds: int) -> None:
        self.parameters, self.rounds = parameters, rounds

    def fit(self, x: Floats, reached: Bools) -> Self:
        """Learn from rows; returns itself. The cut points take one Newton step a round towards the observed shares."""
        share = reached.mean(0)
        self.cuts = -logit(share)
        at = reached.sum(1)

        def objective(f: Floats, _: lgb.Dataset) -> tuple[Floats, Floats]:
            p = expit(f[:, None] - self.cuts)
            self.cuts = self.cuts + (p.mean(0) - share) / (p * (1 - p)).mean(0)
            edges = np.column_stack([np.ones(len(f)), p, np.zeros(len(f))])
            low, high = edges[np.arange(len(f)), at], edges[np.arange(len(f)), at + 1]
            return low + high - 1, np.maximum(low * (1 - low) + high * (1 - high), EDGE)

        self.boosters = [
            lgb.train({**self.parameters, "objective": objective}, lgb.Dataset(x, at.astype(np.float64)), self.rounds)
        ]
        return self

    def margins(self, x: Floats) -> Floats:
        """Log-odds, shape (n, thresholds)."""
        raw = np.asarray(self.boosters[0].predict(x, raw_score=True))
        return np.asarray(raw[:, None] - self.cuts)


class Classes:
    """One booster with a score for each segment."""

    def __init__(self, parameters: Parameters, rounds: int) -> None:
        self.parameters, self.rounds = parameters, rounds

    def fit(self, x: Floats, reached: Bools) -> Self:
        """Learn from rows; returns itself."""
        said = {**self.parameters, "objective": "multiclass", "num_class": reached.shape[1] + 1}
        self.boosters = [lgb.train(said, lgb.Dataset(x, reached.sum(1).astype(np.float64)), self.rounds)]
        return self

    def margins(self, x: Floats) -> Floats:
        """Log-odds, shape (n, thresholds)."""
        chance = softmax(np.asarray(self.boosters[0].predict(x, raw_score=True)), axis=1)
        at_least = chance[:, ::-1].cumsum(1)[:, -2::-1]
        return np.asarray(logit(np.clip(at_least, EDGE, 1 - EDGE)))


Form = Threshold | Ordered | Classes
FORMS: Mapping[str, type[Form]] = {"threshold": Threshold, "ordered": Ordered, "classes": Classes}


@dataclass(frozen=True)
class Data:
    """Rows to learn from and to test on, with the thresholds' names, lowest first."""

    source: str
    targets: tuple[str, ...]
    learn: tuple[Floats, Bools, NDArray[np.str_]]
    test: tuple[Floats, Bools, NDArray[np.str_]]


@dataclass
class Row:
    """One line of the table: a form on a source; quality by target, costs in microseconds of CPU time a row."""

    source: str
    form: str
    fit_s: float
    rps: float
    auroc: dict[str, float] = field(default_factory=dict)
    log_loss: dict[str, float] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)


def simulated(path: Path) -> Data:
    """Examples made by `python -m training features`, split as in training."""
    found = examples.read(path)
    table = table_on(read_tables(), found.latest().astimezone(HELSINKI).date())
    parts = compare.split(found, compare.SplitDefinition(), table.horizon_days)
    learn, test = ((one.x, compare.reached(one, table), one.patient_ids) for one in (parts.learn, parts.test))
    return Data("simulated", table.names[1:], learn, test)


def public(folder: Path) -> Iterator[Data]:
    """The public studies that a folder holds."""
    for make, pattern in ((rand_task, RAND_FILE), (nhanes_task, NHANES_FILES)):
        if list(folder.glob(pattern)):
            task = make(folder, None)
            limits = np.array(list(task.targets.values()))
            learn, test = ((rows.x, rows.outcome[:, None] >= limits, rows.groups) for rows in (task.learn, task.test))
            yield Data(task.source, tuple(task.targets), learn, test)


def measure(data: Data, parameters: Parameters, rounds: int) -> list[Row]:
    """Fit all forms on one source, score them on its test rows, and time them in turns."""
    x, reached, groups = data.test
    rows, fitted = [], {}
    for name, form in tqdm(FORMS.items(), data.source, unit="form"):
        began = time.process_time()
        fitted[name], calibrator = fit(_maker(form, parameters, rounds), *data.learn, folds=FOLDS)
        row = Row(data.source, name, time.process_time() - began, 0.0)
        at_least = calibrator.at_least(fitted[name].margins(x))
        row.rps = float(((at_least - reached) ** 2).sum(1).mean())
        for k, target in enumerate(data.targets):
            scores = score(at_least[:, k], reached[:, k], groups, resamples=2)
            row.auroc[target], row.log_loss[target] = scores.auroc, scores.log_loss
        rows.append(row)
    for name, found in costs(fitted, x).items():
        next(row for row in rows if row.form == name).costs = found
    return rows


def _maker(form: type[Form], parameters: Parameters, rounds: int) -> Callable[[], Form]:
    return lambda: form(parameters, rounds)


def costs(fitted: Mapping[str, Form], x: Floats) -> dict[str, dict[str, float]]:
    """CPU microseconds a row to predict and to explain, alone and in a batch, by form."""
    batch, one = np.ascontiguousarray(x[:BATCH]), np.ascontiguousarray(x[:1])
    tables = {name: Tables.of(read_trees(form.boosters), x.shape[1]) for name, form in fitted.items()}
    found: dict[str, dict[str, float]] = {name: {} for name in fitted}
    for _ in range(TURNS):
        for name, form in fitted.items():
            for what, call, rows, times in (
                ("predict one", form.margins, one, 50),
                ("reasons one", tables[name].contributions, one, 50),
                ("predict batch", form.margins, batch, 1),
                ("reasons batch", tables[name].contributions, batch, 1),
            ):
                spent = min(_spent(call, rows) for _ in range(times)) * 1e6 / len(rows)
                found[name][what] = min(spent, found[name].get(what, spent))
    return found


def _spent(call: Callable[[Floats], object], rows: Floats) -> float:
    began = time.process_time()
    call(rows)
    return time.process_time() - began


def table_text(rows: Sequence[Row]) -> str:
    """The rows as an aligned text table."""
    lines = [["source", "form", "AUROC", "log loss", "RPS", "fit s", *rows[0].costs]]
    lines += [
        [row.source, row.form, " ".join(f"{value:.4f}" for value in row.auroc.values()),
         " ".join(f"{value:.4f}" for value in row.log_loss.values()), f"{row.rps:.4f}", f"{row.fit_s:.1f}",
         *(f"{value:.1f}" for value in row.costs.values())]
        for row in rows
    ]  # fmt: skip
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forms", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--examples", type=Path, help="file of examples of a simulated population")
    parser.add_argument("--data", type=Path, help="folder of the public files")
    parser.add_argument("--rounds", type=int, default=300, help="boosting rounds of every form")
    parser.add_argument("--leaves", type=int, default=SHALLOW["num_leaves"], help="leaves of a tree")
    parser.add_argument("--json", type=Path, help="write the table as a list of objects to this file")
    options = parser.parse_args(arguments)
    parameters = {**SHALLOW, "num_leaves": options.leaves, "num_threads": 1}
    try:
        rows = [row for data in _sources(options) for row in measure(data, parameters, options.rounds)]
    except (StudyError, ScoresError, examples.ExamplesError) as error:
        print(f"forms: {error}", file=sys.stderr)
        return 1
    print("\n" + table_text(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return 0


def _sources(options: argparse.Namespace) -> Iterator[Data]:
    if options.examples is None and options.data is None:
        raise StudyError("name a file with --examples, a folder with --data, or both")
    if options.examples is not None:
        yield simulated(options.examples)
    if options.data is not None:
        yield from public(options.data)


if __name__ == "__main__":
    sys.exit(main())
