"""Measure the house on real public data: the same schema, features, models and figures, no special path.

    python -m benchmarks.real --data FOLDER [--test FOLDER] [--json FILE]

RAND HIE: a person's charges up to a year's end -> any dental use, and heavy dental use (at or above the development
rows' 90th percentile), in the year after; rows are grouped by family. NHANES: the home interview -> the dentist's
recommendation, needs care and urgent. Without `--test`, RAND holds 30 % of the families out and NHANES its cycles from
2015 on. With it, all rows of `--data` are learnt from and all rows of `--test` are tested on.

None of the data is Finnish and none has chair minutes: this validates the machinery and the honesty of its figures,
not accuracy for Finnish patients.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tqdm import tqdm

from features.catalogue import Catalogue
from features.evaluate import Moments, evaluate
from features.families import Label, age, count, highest, last, oldest, since, slope, total
from models.estimators import Boosted, Estimator, Logistic, PointsRule
from records.history import History
from records.schema import CHARGES
from records.studies import (
    NHANES_FILES,
    RAND_BASELINE,
    RAND_FILE,
    NhanesStudy,
    RandStudy,
    StudyError,
    read_nhanes,
    read_rand,
)
from training.compare import table_text
from training.fit import fit
from training.scores import Scores, ScoresError, score

Floats = NDArray[np.float64]
LATER_CYCLE = 2015
HELD_OUT_FAMILIES = 0.3
LEAST_ANSWERED = 0.01
"""Share of the development people of a cycle who must have answered a question for it to become a feature."""


@dataclass(frozen=True)
class Rows:
    """Rows of one study: features, outcomes, and groups that must not be torn apart.

    `outcome` rises with need; a target is reached at its threshold or above.
    """

    x: Floats
    outcome: Floats
    groups: NDArray[np.str_]

    def take(self, some: NDArray[np.bool_]) -> Rows:
        """The rows where `some` is true."""
        return Rows(self.x[some], self.outcome[some], self.groups[some])


@dataclass(frozen=True)
class Task:
    """One study made ready: what to learn from, what to test on.

    Attributes:
        source: `rand` or `nhanes`.
        catalogue: the features.
        learn: development rows.
        test: rows only tested on.
        targets: thresholds on the outcome by target, lowest first.
        rule: points of today's naive rule.
        unanswered: what the rule takes for a missing value.
    """

    source: str
    catalogue: Catalogue
    learn: Rows
    test: Rows
    targets: Mapping[str, float]
    rule: Mapping[str, float]
    unanswered: Mapping[str, float]


def rand_task(data: Path, test: Path | None) -> Task:
    """RAND: the year after, from the years before."""
    catalogue = rand_catalogue()
    learn = _rand_rows(read_rand(data), catalogue)
    if test is None:
        held_out = _hash(learn.groups) < HELD_OUT_FAMILIES
        learn, tested = learn.take(~held_out), learn.take(held_out)
    else:
        tested = _rand_rows(read_rand(test), catalogue)
    # At least one cent, so that "heavy" never means "no use at all" where few people use care.
    targets = {"any": 1.0, "heavy": max(float(np.quantile(learn.outcome, 0.9)), 1.0)}
    return Task("rand", catalogue, learn, tested, targets, {"spent_dental_m12": 1.0}, {})


def rand_catalogue() -> Catalogue:
    """Charges by category, and the baseline interview."""
    categories = {name: _same(name) for name in CHARGES}
    dental = {"category": "dental"}
    return Catalogue(
        age("age", _same("age"), "age"),
        total("charges.cents", "spent", _same("charges: {level}"), "use", by="category", levels=categories,
              windows="m12 m24 ever", unit="cents"),
        count("charges", "charged", _same("years with a charge: {level}"), "use", by="category", levels=categories,
              windows="m24 ever"),
        total("charges.cents", "spent_in_all", _same("all charges"), "use", windows="m12 ever", unit="cents"),
        since("charges", "since_dental", _same("time since dental use"), "gap", where=dental),
        highest("charges.cents", "most_dental", _same("highest dental charge"), "use", where=dental, unit="cents"),
        slope("charges.cents", "dental_change", _same("change of dental charges a year"), "use", where=dental),
        oldest("answers", "enrolled", _same("time since enrolment"), "history"),
        last("answers.value", "answer", _same("{level}"), "interview", by="question",
             levels={name: _same(name) for name in RAND_BASELINE}),
    )  # fmt: skip


def _rand_rows(study: RandStudy, catalogue: Catalogue) -> Rows:
    """One row for each observed year whose next year is observed too; the outcome is next year's dental cents."""
    observed = study.observed
    known = set(zip(observed["patient_id"], observed["year"], strict=True))
    rows = observed[
        [(name, year + 1) in known for name, year in zip(observed["patient_id"], observed["year"], strict=True)]
    ]
    ids = rows["patient_id"].tolist()
    now, then = ([study.year_end(year + later) for year in rows["year"]] for later in (0, 1))
    x = evaluate(catalogue, study.history, Moments.of(ids, now)).values
    outcome = Catalogue(
        total("charges.cents", "dental", _same("dental"), "use", where={"category": "dental"}, windows="m12")
    )
    paid = evaluate(outcome, study.history, Moments.of(ids, then)).values[:, 0]
    return Rows(x, paid, rows["family"].astype(str).to_numpy(str))


def nhanes_task(data: Path, test: Path | None) -> Task:
    """NHANES: the dentist's recommendation, from the interview."""
    study = read_nhanes(data)
    later = (
        (study.recommended["cycle"] >= LATER_CYCLE).to_numpy()
        if test is None
        else np.zeros(len(study.recommended), np.bool_)
    )
    catalogue = nhanes_catalogue(study.history, study.recommended[~later])
    rows = _nhanes_rows(study, catalogue)
    learn = rows.take(~later)
    tested = rows.take(later) if test is None else _nhanes_rows(read_nhanes(test), catalogue)
    # OHAREC 1-4 turned round so that more is more need: 1 at earliest convenience, 2 and above within two weeks.
    return Task(
        "nhanes", catalogue, learn, tested, {"need": 1.0, "urgent": 2.0}, {"answer_OHQ845": 1.0}, {"answer_OHQ845": 3.0}
    )


def nhanes_catalogue(history: History, development: pd.DataFrame) -> Catalogue:
    """The latest answer to each question that enough development people answered in every cycle.

    Questions come and go between cycles; one that a cycle never asked would say which cycle it is, not who needs care.
    """
    answers = history["answers"]
    asked: list[set[str]] = []
    for _, people in development.groupby("cycle"):
        ids = pa.array(people["patient_id"], pa.string())
        counts = answers.filter(pc.is_in(answers["patient_id"], ids))["question"].value_counts().to_pylist()
        asked.append({row["values"] for row in counts if row["counts"] >= LEAST_ANSWERED * len(ids)})
    questions = sorted(set.intersection(*asked))
    return Catalogue(
        last("answers.value", "answer", _same("{level}"), "interview", by="question",
             levels={name: _same(name) for name in questions}),
    )  # fmt: skip


def _nhanes_rows(study: NhanesStudy, catalogue: Catalogue) -> Rows:
    rows = study.recommended
    moments = Moments.of(rows["patient_id"].tolist(), [study.examination(cycle) for cycle in rows["cycle"]])
    x = evaluate(catalogue, study.history, moments).values
    return Rows(x, 4.0 - rows["recommendation"].to_numpy(np.float64), rows["patient_id"].to_numpy(str))


def _same(text: str) -> Label:
    return Label(text, text, text)


def _hash(groups: NDArray[np.str_]) -> Floats:
    """A number in [0, 1) for each group, the same on every machine."""
    return np.array([zlib.crc32(name.encode()) % 10_000 / 10_000 for name in groups.tolist()])


def measure(task: Task) -> Iterator[tuple[str, str, Scores]]:
    """Fit the three models on the development rows and score them on the test rows: (target, model, scores)."""
    names = task.catalogue.names
    limits = np.array(list(task.targets.values()))
    makers: Mapping[str, Callable[[], Estimator]] = {
        "rule": lambda: PointsRule(names, task.rule, task.unanswered),
        "logistic": lambda: Logistic(names),
        "lightgbm": lambda: Boosted(names),
    }
    reached = task.learn.outcome[:, None] >= limits
    for model, make in tqdm(makers.items(), task.source, unit="model"):
        estimator, calibrator = fit(make, task.learn.x, reached, task.learn.groups)
        at_least = calibrator.at_least(estimator.margins(task.test.x))
        for k, (target, limit) in enumerate(task.targets.items()):
            yield target, model, score(at_least[:, k], task.test.outcome >= limit, task.test.groups)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--data", type=Path, required=True, help="folder of the development files")
    parser.add_argument("--test", type=Path, help="folder of files that are only tested on")
    parser.add_argument("--json", type=Path, help="write the table as a list of objects to this file")
    options = parser.parse_args(arguments)
    try:
        rows = dict(_all_rows(options.data, options.test))
    except (StudyError, ScoresError) as error:
        print(f"benchmark-real: {error}", file=sys.stderr)
        return 1
    print("\n" + table_text(rows, ("source", "target", "model")))
    print("\nReal public data, none of it Finnish: the machinery and the honesty of its figures, not Finnish accuracy.")
    if options.json:
        objects = [
            dict(zip(("source", "target", "model"), key, strict=True)) | scores.figures()
            for key, scores in rows.items()
        ]
        options.json.write_text(json.dumps(objects, indent=1) + "\n", encoding="utf-8")
    return 0


def _all_rows(data: Path, test: Path | None) -> Iterator[tuple[tuple[str, str, str], Scores]]:
    """All studies that the test folder (or, without one, the data folder) holds."""
    where = test or data
    makers = [(rand_task, RAND_FILE), (nhanes_task, NHANES_FILES)]
    held = [make for make, pattern in makers if list(where.glob(pattern))]
    if not held:
        raise StudyError(f"{where} holds neither {RAND_FILE} nor {NHANES_FILES}")
    for make in held:
        task = make(data, test)
        found = sorted(measure(task), key=lambda row: list(task.targets).index(row[0]))
        yield from (((task.source, target, model), scores) for target, model, scores in found)


if __name__ == "__main__":
    sys.exit(main())
