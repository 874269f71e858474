"""Measure the shortest interview: on the real answers of NHANES, and on simulated people with a history.

    python -m benchmarks.interview [--data FOLDER [--test FOLDER]] [--patients N] [--people N] [--json FILE]

Three ways of asking the same people are compared, with one and the same model, learnt as `python -m training train`
learns it: all questions; the fixed order, the same number for everybody; and the personal interview of
`models.interview`, which leaves questions out and stops, with the model's prediction sets, as the service holds it, and
without them. The fixed order is also given the personal interview's mean number of questions, by asking one more of a
part of the people. NHANES: 25 questions, learnt on cycles before 2015, tested on later ones (or on all of `--test`);
without `--data` it is left out. The simulation: 15 questions beside the record history, tested on other people's later
contacts at which an interview was held.

What is measured: AUROC by threshold; log loss, summed over the thresholds; how often the same appointment is booked
as after all questions; and what wrong bookings cost: 2 for every segment booked too low, 1 for every one too high.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tqdm import tqdm

from features.catalogue import Catalogue
from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from features.families import WINDOWS, Label, age, last, since
from models.estimators import Boosted
from models.interview import AnswerColumns, Interview, Item, Limits, Number, Plan, Stop, read_items
from models.need import Uncertainty
from models.segments import FirstAppointment, Segment, SegmentTable, read_tables
from records.clock import end_of_day, microseconds
from records.history import History
from records.schema import PROFESSIONS
from records.simulate import simulate
from records.studies import NhanesStudy, StudyError, read_nhanes
from training.answers import given_at
from training.cohort import CohortDefinition, build
from training.compare import SplitDefinition, reached, split
from training.examples import Examples
from training.interview import fit_interviewing
from training.scores import auroc

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

UNTIL, YEARS = date(2025, 12, 31), 10
LATER_CYCLE = 2015
RESAMPLES = 1000
LEAST_ANSWERED = 0.01
TOO_LOW = 2.0
"""What a segment booked too low costs against one too high; the convention behind `suggest_above` of 1/3."""

NHANES_QUESTIONS = (
    "OHQ845", "OHQ030", "OHQ033", "OHQ770", "OHQ620", "OHQ640", "OHQ680", "OHQ835", "OHQ850", "OHQ860", "OHQ870",
    "OHQ880", "HUQ010", "HUQ030", "HUQ071", "HUQ090", "HIQ011", "DIQ010", "SMQ020", "DMDEDUC2", "INDFMPIR", "RXDCOUNT",
    "BPQ020", "MCQ010", "DMDMARTL",
)  # fmt: skip
"""The interview: self-rated teeth, last visit and its reason, unmet care, pain, work, shame, gums, bone, floss, looks;
general health, a usual place of care, hospital, mind, insurance, diabetes, smoking, education, income, medicines, blood
pressure, asthma, marriage. Age and sex are on record."""


@dataclass(frozen=True)
class Trial:
    """One population: rows to learn from, rows to test on, and what the interview is about.

    Attributes:
        source: its name.
        catalogue, items, table: what the features, the questions and the segments are.
        learnt, tested: rows before the interview, with the answers given.
        notes: what could not be used, in sentences.
    """

    source: str
    catalogue: Catalogue
    items: tuple[Item, ...]
    table: SegmentTable
    learnt: Examples
    tested: Examples
    notes: tuple[str, ...] = ()

    @property
    def reached(self) -> Bools:
        """Whether the need of each tested row reached each threshold."""
        return reached(self.tested, self.table)


@dataclass(frozen=True)
class Way:
    """One way of asking: what the model says at its end of everybody, and how many questions it took.

    Attributes:
        at_least: probabilities, shape (people, thresholds).
        asked: questions asked of each person.
    """

    at_least: Floats
    asked: Floats


def nhanes(data: Path, test: Path | None, people: int) -> Trial:
    """The interviews of NHANES; the segments are the dentist's recommendations."""
    study = read_nhanes(data)
    later = (study.recommended["cycle"] >= LATER_CYCLE).to_numpy() & (test is None)
    other = study if test is None else read_nhanes(test)
    learnt, tested = study.recommended[~later], other.recommended[later] if test is None else other.recommended
    questions, notes = _asked_in_all([(study, learnt), (other, tested)])
    catalogue = Catalogue(
        age("age", _same("age"), "age"),
        last("answers.value", "answer", _same("{level}"), "interview", by="question",
             levels={name: _same(name) for name in ("RIAGENDR", *questions)}),
    )  # fmt: skip
    rows = _nhanes_rows(study, learnt, catalogue, questions)
    return Trial("nhanes", catalogue, _nhanes_items(rows, questions), _recommendations(), rows,
                 _some(_nhanes_rows(other, tested, catalogue, questions), people), notes)  # fmt: skip


def _asked_in_all(parts: Sequence[tuple[NhanesStudy, pd.DataFrame]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Questions that people answered in every cycle, and a sentence for each that they did not."""
    silent: dict[str, set[int]] = {}
    for study, people in parts:
        answers = study.history["answers"]
        for cycle, some in people.groupby("cycle"):
            ids = pa.array(some["patient_id"], pa.string())
            counts = answers.filter(pc.is_in(answers["patient_id"], ids))["question"].value_counts().to_pylist()
            enough = {row["values"] for row in counts if row["counts"] >= LEAST_ANSWERED * len(ids)}
            for name in set(NHANES_QUESTIONS) - enough:
                silent.setdefault(name, set()).add(int(str(cycle)))
    notes = [f"{name} was not asked in {', '.join(map(str, sorted(silent[name])))}" for name in sorted(silent)]
    return tuple(name for name in NHANES_QUESTIONS if name not in silent), tuple(notes)


def _nhanes_rows(study: NhanesStudy, people: pd.DataFrame, catalogue: Catalogue, questions: Sequence[str]) -> Examples:
    moments = Moments.of(people["patient_id"].tolist(), [study.examination(cycle) for cycle in people["cycle"]])
    x = evaluate(catalogue, study.history, moments).values
    columns = [catalogue.names.index(f"answer_{name}") for name in questions]
    given = x[:, columns].copy()
    x[:, columns] = np.nan
    # OHAREC: 1-3 needs care, 1-2 within two weeks. Visits stand for the place among the segments, see _recommendations.
    visits = np.zeros((len(x), len(PROFESSIONS)))
    visits[:, 0] = (people["recommendation"].to_numpy()[:, None] <= np.array([3, 2])).sum(axis=1)
    ids, as_of = people["patient_id"].to_numpy(str), microseconds(moments.as_of)
    return Examples(ids, as_of, x, visits, 30 * visits, catalogue.names, catalogue.version, Counter(),
                    given=dict(zip(questions, given.T, strict=True)))  # fmt: skip


def _nhanes_items(rows: Examples, questions: Sequence[str]) -> tuple[Item, ...]:
    """Items without words; a question is for those from the age at which half of the people answer it."""
    years = rows.x[:, 0]
    ages = np.unique(years[~np.isnan(years)])
    return tuple(
        Item(name, _same(name), _same(name), 0, number=Number(0, 1e6, 0.01, _same("")),
             from_age=int(next((year for year in ages if _answered(rows, name, year) >= 0.5), 0)))
        for name in questions
    )  # fmt: skip


def _answered(rows: Examples, question: str, year: float) -> float:
    return float((~np.isnan(rows.given[question][rows.x[:, 0] == year])).mean())


def _recommendations() -> SegmentTable:
    """The dentist's recommendations as segments; to be too late for urgent care is taken to cost more: 0.15."""
    first = FirstAppointment("visit", "dentist", 30, _same("visit"))
    limits = {"routine": 0.0, "care": 0.3333, "urgent": 0.15}
    segments = tuple(Segment(name, at, limit, _same(name), first) for at, (name, limit) in enumerate(limits.items()))
    return SegmentTable(date(2011, 1, 1), "OHAREC", 0, segments, first)


def dental(items: Sequence[Item]) -> Catalogue:
    """The dental catalogue, with an answer's column for as long as the answer holds."""
    others = [family for family in DENTAL.families if family.source != "answers"]
    windows = {days: name for name, days in WINDOWS.items() if days}
    answers = [
        last("answers.value", "answer", _same("{level}"), "self_report", by="question", windows=windows[holds],
             levels={item.name: _same(item.name) for item in items if item.holds == holds})
        for holds in sorted({item.holds for item in items})
    ]  # fmt: skip
    return Catalogue(*others, *answers, since("answers", "since_answer", _same("since"), "self_report"))


def simulated(patients: int, people: int, seed: int = 1) -> Trial:
    """Simulated people: the catalogue's features, and the interviews at the moments of the cohort."""
    table, items = read_tables()[-1], read_items()
    catalogue = dental(items)
    blocks = simulate(patients, YEARS, seed, UNTIL)
    rows = _joined([_contacts(block.history, catalogue, items, table) for block in blocks])
    parts = split(rows, SplitDefinition(), table.horizon_days)
    held = np.asarray(~np.isnan(np.column_stack(list(parts.test.given.values()))).all(axis=1))
    return Trial("simulation", catalogue, items, table, parts.learn, _some(parts.test.take(held), people))


def _contacts(history: History, catalogue: Catalogue, items: Sequence[Item], table: SegmentTable) -> Examples:
    cohort = build(history, CohortDefinition(horizon_days=table.horizon_days), end_of_day(UNTIL))
    moments, names = cohort.moments, [item.name for item in items]
    ids = moments.patient_ids.to_numpy(zero_copy_only=False).astype(np.str_)
    x = evaluate(catalogue, history, moments).values
    given = dict(zip(names, given_at(history, moments, names).T, strict=True))
    return Examples(ids, microseconds(moments.as_of), x, cohort.visits, cohort.minutes, catalogue.names,
                    catalogue.version, cohort.attrition, given=given)  # fmt: skip


def _joined(parts: Sequence[Examples]) -> Examples:
    def column(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    given = {name: np.concatenate([part.given[name] for part in parts]) for name in parts[0].given}
    return dataclasses.replace(
        parts[0], patient_ids=column("patient_ids"), as_of=column("as_of"), x=column("x"), visits=column("visits"),
        minutes=column("minutes"), given=given,
    )  # fmt: skip


def _some(rows: Examples, people: int) -> Examples:
    """At most so many rows, chosen by chance."""
    chosen = np.random.default_rng(3).permutation(len(rows))[:people]
    return rows.take(np.sort(chosen))


def _same(text: str) -> Label:
    return Label(text, text, text)


class Asking:
    """One model and one plan, learnt from a trial, and the ways of asking its test people.

    Attributes:
        interview: the interview with the limits of the product.
        given: the test people's answers in the order of the plan.
    """

    def __init__(self, trial: Trial, make: Callable[[], Boosted] | None = None) -> None:
        make = make or (lambda: Boosted(trial.catalogue.names))
        self.model = fit_interviewing(make, trial.learnt, trial.table, trial.catalogue)
        if isinstance(self.model.estimator, Boosted):
            self.model.estimator.tables()  # as a model has that is loaded
        self.trial = trial
        self.interview = self._held_with(Limits())
        self.given = np.column_stack([trial.tested.given[name] for name in self.interview.plan.order])
        answered = np.array([self.interview.record.answers(row) for row in trial.tested.x])
        self.open = ~answered
        """Which questions neither the record nor the age of each test person settles."""

    def _at_least(self, x: Floats) -> Floats:
        return self.model.calibrator.at_least(self.model.estimator.margins(x))

    def _held_with(self, limits: Limits, *, sets: bool = True) -> Interview:
        plan, uncertainty = self.model.interview, self.model.uncertainty
        return Interview(
            dataclasses.replace(cast("Plan", plan), limits=limits),
            items=self.trial.items,
            catalogue=self.trial.catalogue,
            table=self.trial.table,
            at_least=self.model.at_least_alike,
            sets=cast("Uncertainty", uncertainty).sets.sets if sets else None,
        )

    def fixed(self, number: Floats) -> Way:
        """The first open questions in the fixed order, a number for each person."""
        asked = self.open & (self.open.cumsum(axis=1) <= number[:, None])
        x = self.interview.columns.written(self.trial.tested.x, np.where(asked, self.given, np.nan))
        return Way(self._at_least(x), asked.sum(axis=1).astype(np.float64))

    def everything(self) -> Way:
        """All open questions."""
        return self.fixed(np.full(len(self.open), np.inf))

    def at_mean(self, mean: float) -> Way:
        """The fixed order at a mean number of questions: one more is asked of a part of the people, by chance."""
        chance = np.random.default_rng(5).random(len(self.open))
        low, high = 0.0, float(self.open.shape[1])
        for _ in range(30):  # few have all questions open: find the number that gives the mean
            middle = (low + high) / 2
            number = np.floor(middle + chance)
            taken = np.minimum(self.open.sum(axis=1), number).mean()
            low, high = (middle, high) if taken < mean else (low, middle)
        return self.fixed(np.floor(high + chance))

    def personal(self, limits: Limits, *, sets: bool = True) -> tuple[Way, float]:
        """The personal interview, and the CPU milliseconds that finding the next question took on average.

        Without `sets` it does not stop where one segment is left in the prediction set.
        """
        interview = self._held_with(limits, sets=sets)
        order = interview.plan.order
        rows, asked = [], []
        started = time.process_time()
        people = tqdm(self.trial.tested.x, self.trial.source, unit="person", disable=None)
        for row, given in zip(people, self.given, strict=True):
            answers = _held(interview, row, dict(zip(order, given.tolist(), strict=True)))
            rows.append(interview.answered(row, answers))
            asked.append(len(answers))
        spent = (time.process_time() - started) * 1000 / (sum(asked) + len(asked))
        return Way(self._at_least(np.array(rows)), np.array(asked, np.float64)), spent


def _held(interview: Interview, row: Floats, known: Mapping[str, float]) -> dict[str, float | None]:
    """The answers after one interview with somebody who answers what `known` has."""
    answers: dict[str, float | None] = {}
    while not isinstance(found := interview.next(row, answers), Stop):
        value = known[found.name]
        answers[found.name] = None if np.isnan(value) else value
    return answers


def figures(way: Way, whole: Way, trial: Trial) -> dict[str, float]:
    """What a way of asking reaches; see the module's text."""
    reached = trial.reached
    found = {"questions": float(way.asked.mean())}
    for k, name in enumerate(trial.table.names[1:]):
        found[f"auroc_{name}"] = auroc(way.at_least[:, k], reached[:, k])
    booked = trial.table.suggest(way.at_least)
    found["log_loss"] = float(_log_loss(way.at_least, reached).mean())
    found["as_whole"] = float((booked == trial.table.suggest(whole.at_least)).mean())
    found["cost"] = float(_cost(booked, reached).mean())
    return found


def _log_loss(at_least: Floats, reached: Bools) -> Floats:
    p = np.clip(at_least, 1e-6, 1 - 1e-6)
    return np.asarray(-np.where(reached, np.log(p), np.log1p(-p)).sum(axis=1))


def _cost(booked: NDArray[np.int64], reached: Bools) -> Floats:
    short = reached.sum(axis=1) - booked
    return np.asarray(np.where(short > 0, TOO_LOW * short, -short), np.float64)


def differences(way: Way, other: Way, whole: Way, trial: Trial) -> dict[str, tuple[float, float, float]]:
    """`way` minus `other` by figure, with the 95 % interval of a bootstrap over patients."""
    _, group = np.unique(trial.tested.patient_ids, return_inverse=True)
    random, count = np.random.default_rng(1), int(group.max()) + 1
    drawn: dict[str, list[float]] = {}
    for _ in range(RESAMPLES):
        weight = np.bincount(random.integers(0, count, count), minlength=count)[group].astype(np.float64)
        one, two = (_weighted(each, whole, trial, weight) for each in (way, other))
        for name in one:
            drawn.setdefault(name, []).append(one[name] - two[name])
    one, two = figures(way, whole, trial), figures(other, whole, trial)
    return {
        name: (one[name] - two[name], *np.quantile(values, [0.025, 0.975]).tolist()) for name, values in drawn.items()
    }


def _weighted(way: Way, whole: Way, trial: Trial, weight: Floats) -> dict[str, float]:
    reached, booked = trial.reached, trial.table.suggest(way.at_least)
    found = {
        f"auroc_{name}": auroc(way.at_least[:, k], reached[:, k], weight)
        for k, name in enumerate(trial.table.names[1:])
    }
    means = {"log_loss": _log_loss(way.at_least, reached), "cost": _cost(booked, reached),
             "as_whole": booked == trial.table.suggest(whole.at_least)}  # fmt: skip
    return found | {name: float(np.average(values, weights=weight)) for name, values in means.items()}


def measured(asking: Asking, limits: Limits) -> Iterator[dict[str, object]]:
    """All ways of asking as rows of a table, and what the personal one differs by at the same mean number."""
    trial, whole = asking.trial, asking.everything()
    most = int(asking.open.sum(axis=1).max())
    for number in range(min(most, 9)):
        fixed = asking.fixed(np.full(len(asking.open), float(number)))
        yield {"way": f"fixed order, {number}", **figures(fixed, whole, trial)}
    yield {"way": "all questions", **figures(whole, whole, trial)}
    for of, sets in (("", True), (", no sets", False)):
        personal, spent = asking.personal(limits, sets=sets)
        same = asking.at_mean(float(personal.asked.mean()))
        yield {"way": f"personal{of}", **figures(personal, whole, trial), "milliseconds": spent}
        yield {"way": f"fixed order, same mean{of}", **figures(same, whole, trial)}
        for name, (value, low, high) in differences(personal, same, whole, trial).items():
            way = f"personal minus fixed, same mean{of}"
            yield {"way": way, "figure": name, "difference": value, "low": low, "high": high}


def complete_model(trial: Trial) -> dict[str, float]:
    """AUROC of a model that learnt from complete answers only, with all answers of the test people."""
    names = tuple(item.name for item in trial.items)
    columns = AnswerColumns.of(trial.catalogue, names)
    learnt, tested = (
        columns.written(rows.x, np.column_stack([rows.given[name] for name in names]))
        for rows in (trial.learnt, trial.tested)
    )
    margins = Boosted(trial.catalogue.names).fit(learnt, reached(trial.learnt, trial.table)).margins(tested)
    return {f"auroc_{name}": auroc(margins[:, k], trial.reached[:, k]) for k, name in enumerate(trial.table.names[1:])}


def report(trial: Trial, rows: Sequence[Mapping[str, object]], complete: Mapping[str, float]) -> str:
    """The tables as text."""
    lines = [f"{trial.source}: {len(trial.learnt)} to learn from, {len(trial.tested)} tested", *trial.notes]
    names = [name for name in rows[0] if name != "way"]
    lines.append(f"{'':32}" + "".join(f"{name:>15}" for name in names))
    lines += [_line(row, names) for row in rows if "figure" not in row]
    lines += [f"model of complete answers: {name} {value:.4f}" for name, value in complete.items()]
    spent = [row["milliseconds"] for row in rows if "milliseconds" in row]
    lines += [f"CPU time to find the next question: {value:.1f} ms" for value in spent]
    lines += [
        f"{row['way']}: {row['figure']} {row['difference']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})"
        for row in rows
        if "figure" in row
    ]
    return "\n".join(lines)


def _line(row: Mapping[str, object], names: Sequence[str]) -> str:
    return f"{row['way']:32}" + "".join(f"{row[name]:15.4f}" for name in names)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = _parser().parse_args(arguments)
    trials: list[Callable[[], Trial]] = []
    if options.data:
        trials.append(lambda: nhanes(options.data, options.test, options.people))
    if options.patients:
        trials.append(lambda: simulated(options.patients, options.people))
    found = {}
    try:
        for make in trials:
            trial = make()
            rows, complete = list(measured(Asking(trial), Limits())), complete_model(trial)
            print(report(trial, rows, complete) + "\n")
            found[trial.source] = {"rows": rows, "complete": complete, "notes": trial.notes}
    except StudyError as error:
        print(f"benchmark-interview: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interview", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--data", type=Path, help="folder of the NHANES files")
    parser.add_argument("--test", type=Path, help="folder of NHANES files that are only tested on")
    parser.add_argument("--patients", type=int, default=20_000, help="people to simulate; 0 for none (default 20000)")
    parser.add_argument("--people", type=int, default=4_000, help="most people to interview (default %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
