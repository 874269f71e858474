"""LightGBM and the glass box, free and bound by what clinicians insist on, side by side: quality, cost, contradictions.

    python -m benchmarks.estimators [--examples FILE] [--data FOLDER] [--only MODEL ...] [--json FILE]

Six models learn the same rows with the house's own estimators, settings and calibration: logistic regression;
LightGBM and the explainable boosting machine, each once free and once *bound* (`models.constraints`: more of some
features never means less need); and free LightGBM again with another seed, which shows what chance does. Each is
compared with free LightGBM on the same test rows, by a paired bootstrap over patients. *Contradicted* is the share of
test patients for whom a model's margin falls somewhere by more than `NOTICED` log-odds while a feature that ought to
raise it rises from its usual low to its usual high value, averaged over these features.

`--examples` is a file made by `python -m training features`; `--data` a folder of public files as in
`benchmarks.real`, in which the features with a direction are those of `DIRECTIONS`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.forms import Data, simulated
from benchmarks.paired import Difference, Outcome
from benchmarks.tasks import creighton_task, nhanes_task
from features.dental import DENTAL
from models.constraints import monotone
from models.estimators import SHALLOW, Boosted, Estimator, ExplainableBoosting, Logistic
from models.estimators.ebm import ADDITIVE
from records.studies import CREIGHTON_FILE, NHANES_FILES, StudyError
from training.examples import ExamplesError
from training.fit import fit
from training.scores import ScoresError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FOLDS = 3
NOTICED = 0.05
"""Log-odds; a fall by less moves a probability by about one percentage point at the most."""
SWEPT_ROWS, SWEPT_VALUES = 300, 9
FREE = "lightgbm"
DIRECTIONS: Mapping[str, int] = {
    "answer_OHQ845": 1,  # self-rated teeth, 1 excellent to 5 poor
    "answer_OHQ620": -1,  # aching, 1 very often to 5 never
    "answer_OHQ680": -1,  # self-conscious about the mouth, 1 very often to 5 never
    "answer_OHQ835": -1,  # thinks there is gum disease, 1 yes, 2 no
    "answer_OHQ770": -1,  # needed care and could not get it, 1 yes, 2 no
    "answer_x42": 1,  # decayed teeth
    "highest_x1": 1,  # mobility of the loosest tooth
    "highest_x22": 1,  # worst furcation
    "teeth_with_x1": 1,
    "teeth_with_x22": 1,
}
"""Features of the public studies of which a clinician would say that more never means less need, or never more."""


@dataclass(frozen=True)
class Line:
    """One model on one target of one source.

    Attributes:
        source, target, model: which.
        auroc, low, high, log_loss, slope: on the test rows.
        difference, loss_difference: of AUROC and log loss, from free LightGBM; None for itself.
        contradicted: as the module says; None without features that have a direction.
        fit_s: CPU seconds to fit the model and its calibration, for all targets of the source.
    """

    source: str
    target: str
    model: str
    auroc: float
    low: float
    high: float
    log_loss: float
    slope: float
    difference: Difference | None
    loss_difference: Difference | None
    contradicted: float | None
    fit_s: float


@dataclass(frozen=True)
class Ground:
    """Rows of a source, with the names of its features and their directions."""

    data: Data
    names: tuple[str, ...]
    signs: tuple[int, ...]


def grounds(examples: Path | None, folder: Path | None) -> Iterator[Ground]:
    """The sources that are there."""
    if examples is not None:
        yield Ground(simulated(examples), DENTAL.names, tuple(monotone(DENTAL)))
    for make, pattern in ((nhanes_task, NHANES_FILES), (creighton_task, CREIGHTON_FILE)):
        if folder is not None and list(folder.glob(pattern)):
            task = make(folder, None)
            limits = np.array(list(task.targets.values()))
            learn, test = (
                (rows.x[places], rows.outcome[places, None] >= limits, rows.groups[places])
                for rows, places in ((task.learn, task.learn.places()), (task.test, task.test.places()))
            )
            names = task.catalogue.names
            signs = tuple(DIRECTIONS.get(name, 0) for name in names)
            yield Ground(Data(task.source, tuple(task.targets), learn, test), names, signs)


def makers(ground: Ground) -> Mapping[str, Callable[[], Estimator]]:
    """The models, unfitted."""
    names, bound = ground.names, {"monotone_constraints": list(ground.signs)}
    quiet: Mapping[str, Any] = {**SHALLOW, "num_threads": 1}
    return {
        FREE: lambda: Boosted(names, quiet),
        "lightgbm again": lambda: Boosted(names, {**quiet, "seed": 2}),
        "lightgbm bound": lambda: Boosted(names, {**quiet, **bound}),
        "ebm": lambda: ExplainableBoosting(names),
        "ebm bound": lambda: ExplainableBoosting(names, {**ADDITIVE, **bound}),
        "logistic": lambda: Logistic(names),
    }


def measure(ground: Ground, only: Sequence[str] | None = None) -> Iterator[Line]:
    """Fit the models on one source and hold them against free LightGBM on its test rows."""
    data, said, spent, against = ground.data, {}, {}, {}
    x, reached, groups = data.test
    wanted = {name: make for name, make in makers(ground).items() if only is None or name in {FREE, *only}}
    for name, make in tqdm(wanted.items(), data.source, unit="model", disable=None):
        began = time.process_time()
        model, calibrator = fit(make, *data.learn, folds=FOLDS)
        spent[name] = time.process_time() - began
        said[name] = calibrator.at_least(model.margins(x))
        against[name] = contradicted(model, x, ground.signs)
    for k, target in enumerate(data.targets):
        outcome = Outcome(reached[:, k], groups, np.arange(len(x)))
        for name, probability in said.items():
            scores = outcome.score(probability[:, k])
            compared = outcome.compare(probability[:, k], said[FREE][:, k]) if name != FREE else {}
            said_of = (scores.auroc, scores.auroc_low, scores.auroc_high, scores.log_loss, scores.slope)
            yield Line(data.source, target, name, *said_of, compared.get("auroc"), compared.get("log_loss"),
                       against[name], spent[name])  # fmt: skip


def contradicted(model: Estimator, x: Floats, signs: Sequence[int]) -> float | None:
    """Share of patients whose margin falls where it should rise, averaged over features and thresholds."""
    rows = x[np.linspace(0, len(x) - 1, min(len(x), SWEPT_ROWS)).astype(np.int64)]
    shares = []
    for at, sign in enumerate(signs):
        known = x[~np.isnan(x[:, at]), at]
        values = np.unique(np.quantile(known, np.linspace(0.05, 0.95, SWEPT_VALUES))) if len(known) else known
        if sign and len(values) > 1:
            shares.append(_falls(model, rows, at, values[::sign]).mean())
    return float(np.mean(shares)) if shares else None


def _falls(model: Estimator, rows: Floats, at: int, ordered: Floats) -> Bools:
    """Whether each row's margins fall along values that should raise them, shape (rows, thresholds)."""
    swept = np.repeat(rows, len(ordered), axis=0)
    swept[:, at] = np.tile(ordered, len(rows))
    margins = model.margins(swept).reshape(len(rows), len(ordered), -1)
    return np.asarray((np.maximum.accumulate(margins, axis=1) - margins > NOTICED).any(1))


def table_text(lines: Sequence[Line]) -> str:
    """The lines as an aligned text table."""
    cells = [["source", "target", "model", "AUROC", "95 %", f"minus {FREE}", "log loss", "minus", "slope",
              "contradicted", "fit s"]]  # fmt: skip
    cells += [
        [line.source, line.target, line.model, f"{line.auroc:.4f}", f"{line.low:.3f}-{line.high:.3f}",
         _interval(line.difference), f"{line.log_loss:.4f}", _interval(line.loss_difference), f"{line.slope:.2f}",
         "" if line.contradicted is None else f"{line.contradicted:.1%}", f"{line.fit_s:.0f}"]
        for line in lines
    ]  # fmt: skip
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
                     for row in cells)  # fmt: skip


def _interval(difference: Difference | None) -> str:
    return f"{difference.value:+.4f} ({difference.low:+.4f} {difference.high:+.4f})" if difference else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimators", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--examples", type=Path, help="file of examples of a simulated population")
    parser.add_argument("--data", type=Path, help="folder of the public files")
    parser.add_argument("--only", nargs="+", metavar="MODEL", help="only these models beside free LightGBM")
    parser.add_argument("--json", type=Path, help="write the table as a list of objects to this file")
    options = parser.parse_args(arguments)
    try:
        lines = [line for ground in grounds(options.examples, options.data) for line in measure(ground, options.only)]
    except (StudyError, ScoresError, ExamplesError) as error:
        print(f"estimators: {error}", file=sys.stderr)
        return 1
    if not lines:
        print("estimators: name a file with --examples, a folder with --data, or both", file=sys.stderr)
        return 1
    print("\n" + table_text(lines))
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
