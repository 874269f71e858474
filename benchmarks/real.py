"""Measure the house on real public data: the same schema, features, models and figures, no special path.

    python -m benchmarks.real --data FOLDER [--test FOLDER] [--json FILE] [--only SOURCE ...] [--engines ENGINE ...]
                              [--autogluon PYTHON] [--xgboost PYTHON] [--seconds N]

The tasks are those of `benchmarks.tasks`. On each, the rule of today, logistic regression and LightGBM through the
project's own estimators and calibration stand beside other engines on the same rows, and every model beside the
project's LightGBM, with paired bootstrap intervals over people, families or households.

None of the data is Finnish and none has chair minutes: this validates the machinery and the honesty of its figures,
not accuracy for Finnish patients.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.counts import CountScores, measure_counts
from benchmarks.learners import ENGINES, AutoGluon, Engine, EngineError, XGBoost
from benchmarks.paired import RESOLUTION, Difference, Outcome
from benchmarks.tasks import SOURCES, Rows, Task, by_hash, held
from models.calibration import Calibrator, refit
from models.estimators import Boosted, Estimator, Logistic, PointsRule
from records.studies import StudyError
from training.compare import table_text
from training.fit import fit
from training.scores import Scores, ScoresError

Floats = NDArray[np.float64]
OURS = "lightgbm"
NAMES = ("source", "target", "model")
RECALIBRATED = 0.5
"""Share of the people of a later cycle by whom a model is recalibrated; the others test it."""
REMARK = "Real public data, none of it Finnish: the machinery and the honesty of its figures, not Finnish accuracy."


@dataclass(frozen=True)
class Line:
    """One model on one target: its figures, and how it differs from the project's LightGBM, if it is another."""

    source: str
    target: str
    model: str
    scores: Scores
    auroc: Difference | None
    log_loss: Difference | None

    def verdict(self) -> str:
        """`better`, `worse` or `no difference visible` than the project's LightGBM, by AUROC."""
        if self.auroc is None:
            return ""
        return self.auroc.verdict(RESOLUTION.get(f"{self.source} {self.target}", 0.0))

    def said(self) -> dict[str, object]:
        """As an object for JSON."""
        found: dict[str, object] = dict(zip(NAMES, (self.source, self.target, self.model), strict=True))
        found |= self.scores.figures()
        if self.auroc and self.log_loss:
            found |= {f"auroc_minus_ours{end}": value for end, value in _ends(self.auroc)}
            found |= {f"log_loss_minus_ours{end}": value for end, value in _ends(self.log_loss)}
            found |= {"verdict": self.verdict()}
        return found


def _ends(difference: Difference) -> Iterator[tuple[str, float]]:
    yield from (("", difference.value), ("_low", difference.low), ("_high", difference.high))


@dataclass(frozen=True)
class Own:
    """The project's own model of a task, fitted."""

    estimator: Estimator
    calibrator: Calibrator

    def at_least(self, x: Floats) -> Floats:
        """Probabilities of the targets, shape (n, targets)."""
        return self.calibrator.at_least(self.estimator.margins(x))


def makers(task: Task) -> Mapping[str, Callable[[], Estimator]]:
    """The project's own estimators for a task, unfitted."""
    names = task.catalogue.names
    return {
        "rule": lambda: PointsRule(names, task.rule, task.unanswered),
        "logistic": lambda: Logistic(names),
        OURS: lambda: Boosted(names),
    }


def fitted(task: Task, make: Callable[[], Estimator]) -> Own:
    """Fit one of the project's own on the development rows."""
    rows = task.learn.take(task.learn.places())
    return Own(*fit(make, rows.x, _reached(task, rows), rows.groups))


def measure(task: Task, own: Mapping[str, Own], engines: Sequence[Engine]) -> Iterator[Line]:
    """Score all models on the test rows, target by target."""
    said = {name: model.at_least(task.test.x) for name, model in own.items()}
    learn, goal, reached = task.learn, _reached(task, task.learn), _reached(task, task.test)
    for engine in tqdm(engines, f"{task.source}: others", unit="engine", disable=None):
        said[engine.name] = np.column_stack([engine.predict(learn.x, goal[:, k], learn.weight, task.test.x)
                                             for k in range(goal.shape[1])])  # fmt: skip
    for k, target in enumerate(task.targets):
        for name, places in _ways_to_count(task.test, target):
            outcome = Outcome(reached[:, k], task.test.groups, places)
            yield from _lines(task.source, name, outcome, {model: each[:, k] for model, each in said.items()})


def _ways_to_count(rows: Rows, target: str) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Rows by their weight; and where some stand for others, also as if none did."""
    yield target, rows.places()
    if rows.weighted:
        yield f"{target}_known", np.arange(len(rows.x))


def _lines(source: str, target: str, outcome: Outcome, said: Mapping[str, Floats]) -> Iterator[Line]:
    for model, probability in said.items():
        compared = outcome.compare(probability, said[OURS]) if model != OURS else {}
        yield Line(source, target, model, outcome.score(probability), compared.get("auroc"), compared.get("log_loss"))


def recalibrated(task: Task, own: Own) -> Iterator[Line]:
    """The project's model on one part of the test people, before and after it was recalibrated by the other part.

    Once the level alone is fitted anew, and once the slope too.
    """
    first = by_hash(task.test.groups) < RECALIBRATED
    reached = _reached(task, task.test)
    margins = own.estimator.margins(task.test.x)
    level, both = (refit(own.calibrator, margins[first], reached[first], slopes=slopes)[0] for slopes in (False, True))
    curves = {"as it was": own.calibrator, "level": level, "level, slope": both}
    for k, target in enumerate(task.targets):
        outcome = Outcome(reached[~first, k], task.test.groups[~first], np.arange(int((~first).sum())))
        for name, curve in curves.items():
            scores = outcome.score(curve.at_least(margins[~first])[:, k])
            yield Line(f"{task.source} recalibrated", target, name, scores, None, None)


def _reached(task: Task, rows: Rows) -> NDArray[np.bool_]:
    return rows.outcome[:, None] >= np.array(list(task.targets.values()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        lines = list(_all_lines(options))
    except (StudyError, ScoresError, EngineError) as error:
        print(f"benchmark-real: {error}", file=sys.stderr)
        return 1
    print(f"\n{REMARK}")
    if options.json:
        objects = [line.said() for line in lines]
        options.json.write_text(json.dumps(objects, indent=1) + "\n", encoding="utf-8")
    return 0


def _all_lines(options: argparse.Namespace) -> Iterator[Line]:
    """All tasks that the test folder (or, without one, the data folder) holds; prints each when it is done."""
    where = options.test or options.data
    wanted = [make for make in held(where) if not options.only or make.__name__.removesuffix("_task") in options.only]
    if not wanted:
        needed = "; ".join(" with ".join(patterns) for _, patterns in SOURCES)
        raise StudyError(f"{where} holds the files of no study that is asked for: {needed}")
    engines: list[Engine] = [ENGINES[name]() for name in options.engines]
    if options.autogluon:
        engines.append(AutoGluon(options.autogluon, options.seconds))
    if options.xgboost:
        engines.append(XGBoost(options.xgboost, options.seconds))
    for make in wanted:
        task = make(options.data, options.test)
        own = {name: fitted(task, maker) for name, maker in
               tqdm(makers(task).items(), task.source, unit="model", disable=None)}  # fmt: skip
        lines = list(measure(task, own, engines))
        if task.source == "nhanes":
            lines += recalibrated(task, own[OURS])
        print(text(task, lines), flush=True)
        if task.source == "meps":
            print("\n" + counts_text(measure_counts(task)), flush=True)
        yield from lines


def text(task: Task, lines: Sequence[Line]) -> str:
    """Figures, and what is different from the project's LightGBM, as tables."""
    rows = {(line.source, line.target, line.model): line.scores for line in lines}
    found = ["", *(f"{task.source}: {note}" for note in task.notes), table_text(rows, NAMES)]
    compared = [line for line in lines if line.auroc and line.log_loss]
    found += ["", f"minus {OURS}".ljust(34) + "AUROC                       log loss"]
    for line in compared:
        name = f"{line.source}  {line.target}  {line.model}".ljust(34)
        found.append(f"{name}{_interval(line.auroc)}  {_interval(line.log_loss)}  {line.verdict()}")
    return "\n".join(found)


def _interval(difference: Difference | None) -> str:
    return f"{difference.value:+.4f} ({difference.low:+.4f} {difference.high:+.4f})" if difference else ""


def counts_text(scores: Mapping[str, CountScores]) -> str:
    """Models of counts as a table."""
    head = "meps visits         Poisson   neg.bin.    Tweedie    O:E   AUROC  top 10 %  Poisson minus regression"
    lines = [
        f"{name:18}{found.poisson:9.4f}  {found.negative_binomial:9.4f}  {found.tweedie:9.4f}  "
        f"{found.observed_expected:5.3f}  {found.auroc:6.3f}  {found.top_tenth:8.3f}  {_interval(found.over)}"
        for name, found in scores.items()
    ]
    return "\n".join([head, *lines])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    names = [make.__name__.removesuffix("_task") for make, _ in SOURCES]
    parser.add_argument("--data", type=Path, required=True, help="folder of the development files")
    parser.add_argument("--test", type=Path, help="folder of files that are only tested on")
    parser.add_argument("--json", type=Path, help="write the table as a list of objects to this file")
    parser.add_argument("--only", nargs="+", choices=names, help="only these studies")
    parser.add_argument("--engines", nargs="*", choices=list(ENGINES), default=list(ENGINES),
                        help="other engines to stand beside the project's own (default: all)")  # fmt: skip
    parser.add_argument("--autogluon", type=Path, metavar="PYTHON", help="the Python of an environment with AutoGluon")
    parser.add_argument("--xgboost", type=Path, metavar="PYTHON", help="the Python of an environment with XGBoost")
    parser.add_argument("--seconds", type=int, default=120, help="AutoGluon's time for each target (default 120)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
