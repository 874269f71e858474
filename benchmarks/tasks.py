"""Public studies as tasks: features as of a moment, outcomes after it, and groups that must not be torn apart.

RAND HIE: a person's charges up to a year's end -> any dental use, and heavy dental use (at or above the development
rows' 90th percentile), in the year after; rows are grouped by family. NHANES: the home interview -> the dentist's
recommendation, needs care and urgent. NHANES dentition: the interview, and teeth missing and filled -> one tooth, or
three, that need treatment. Creighton: the tooth chart -> any tooth lost within two years. MEPS: who people are ->
dental visits in the same year, at least one, two and four (nothing is forecast).

Without a test folder, RAND holds 30 % of the families out, dentition and Creighton 30 % of the people, MEPS 30 % of the
households, and NHANES its cycles from 2015 on. With one, all rows of the data folder are learnt from and all rows of
the test folder are tested on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.evaluate import Moments, evaluate
from features.families import Family, Label, age, count, highest, last, lowest, oldest, since, slope, total
from records.clock import microseconds
from records.history import History
from records.schema import CHARGES
from records.studies import (
    CREIGHTON_FILE,
    CREIGHTON_PEOPLE,
    CREIGHTON_TEETH,
    DENTITION_FILES,
    MEPS_FILE,
    NHANES_FILES,
    RAND_BASELINE,
    RAND_FILE,
    CreightonStudy,
    DentitionStudy,
    MepsStudy,
    NhanesStudy,
    RandStudy,
    read_creighton,
    read_dentition,
    read_meps,
    read_nhanes,
    read_rand,
)
from training.cohort import DAY

Floats = NDArray[np.float64]
Study = TypeVar("Study")
Made = TypeVar("Made")
LATER_CYCLE = 2015
HELD_OUT = 0.3
LEAST_ANSWERED = 0.01
"""Share of the development people of a cycle who must have answered a question for it to become a feature."""
TWO_YEARS = 730
REPEATS = 2
"""Rows that stand for others who were lost from sight are repeated: twice their weight, on average."""


@dataclass(frozen=True)
class Rows:
    """Rows of one study.

    Attributes:
        x: feature values, shape (n, features).
        outcome: rises with need; a target is reached at its threshold or above.
        groups: person, family or household of each row.
        weight: for how many people of the study each row stands.
    """

    x: Floats
    outcome: Floats
    groups: NDArray[np.str_]
    weight: Floats

    @classmethod
    def of(cls, x: Floats, outcome: Floats, groups: NDArray[np.str_]) -> Rows:
        """Rows that stand for themselves."""
        return cls(x, outcome, groups, np.ones(len(x)))

    def take(self, some: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        """Some of the rows."""
        return Rows(self.x[some], self.outcome[some], self.groups[some], self.weight[some])

    @property
    def weighted(self) -> bool:
        """Whether some rows stand for others."""
        return bool((self.weight != 1).any())

    def places(self) -> NDArray[np.int64]:
        """Positions of the rows, each as often as its weight says; once where rows stand for themselves."""
        # Rounded along their running sum, so that what one row loses the next one gains.
        upto = np.rint((REPEATS if self.weighted else 1) * self.weight.cumsum()).astype(np.int64)
        return np.repeat(np.arange(len(self.x)), np.diff(upto, prepend=0))


@dataclass(frozen=True)
class Task:
    """One study made ready: what to learn from, what to test on.

    Attributes:
        source: name of the study.
        catalogue: the features.
        learn: development rows.
        test: rows only tested on.
        targets: thresholds on the outcome by target, lowest first.
        rule: points of today's naive rule.
        unanswered: what the rule takes for a missing value.
        notes: what the rows lack, in sentences.
    """

    source: str
    catalogue: Catalogue
    learn: Rows
    test: Rows
    targets: Mapping[str, float]
    rule: Mapping[str, float]
    unanswered: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def rand_task(data: Path, test: Path | None) -> Task:
    """RAND: the year after, from the years before."""
    catalogue = rand_catalogue()
    study = read_rand(data)
    other = None if test is None else read_rand(test)
    learn, tested = _held_out(_rand_rows(study, catalogue), _maybe(lambda some: _rand_rows(some, catalogue), other))
    # At least one cent, so that "heavy" never means "no use at all" where few people use care.
    targets = {"any": 1.0, "heavy": max(float(np.quantile(learn.outcome, 0.9)), 1.0)}
    notes = _silent(study.history, _maybe(lambda some: some.history, other))
    return Task("rand", catalogue, learn, tested, targets, {"spent_dental_m12": 1.0}, notes=notes)


def rand_catalogue() -> Catalogue:
    """Charges by category, and the baseline interview."""
    categories = {name: same(name) for name in CHARGES}
    dental = {"category": "dental"}
    return Catalogue(
        age("age", same("age"), "age"),
        total("charges.cents", "spent", same("charges: {level}"), "use", by="category", levels=categories,
              windows="m12 m24 ever", unit="cents"),
        count("charges", "charged", same("years with a charge: {level}"), "use", by="category", levels=categories,
              windows="m24 ever"),
        total("charges.cents", "spent_in_all", same("all charges"), "use", windows="m12 ever", unit="cents"),
        since("charges", "since_dental", same("time since dental use"), "gap", where=dental),
        highest("charges.cents", "most_dental", same("highest dental charge"), "use", where=dental, unit="cents"),
        slope("charges.cents", "dental_change", same("change of dental charges a year"), "use", where=dental),
        oldest("answers", "enrolled", same("time since enrolment"), "history"),
        _latest(RAND_BASELINE),
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
        total("charges.cents", "dental", same("dental"), "use", where={"category": "dental"}, windows="m12")
    )
    paid = evaluate(outcome, study.history, Moments.of(ids, then)).values[:, 0]
    return Rows.of(x, paid, rows["family"].astype(str).to_numpy(str))


def nhanes_task(data: Path, test: Path | None) -> Task:
    """NHANES: the dentist's recommendation, from the interview."""
    study = read_nhanes(data)
    other = None if test is None else read_nhanes(test)
    later = (study.recommended["cycle"] >= LATER_CYCLE).to_numpy() & (other is None)
    learnt = study.recommended[~later]
    catalogue = Catalogue(_latest(asked_in_every_cycle(study.history, learnt)))
    rows = _nhanes_rows(study, catalogue)
    tested = rows.take(later) if other is None else _nhanes_rows(other, catalogue)
    # OHAREC 1-4 turned round so that more is more need: 1 at earliest convenience, 2 and above within two weeks.
    targets, notes = (
        {"need": 1.0, "urgent": 2.0},
        _silent(study.history, _maybe(lambda some: some.history, other), catalogue),
    )
    return Task("nhanes", catalogue, rows.take(~later), tested, targets, *RATED, notes)


RATED: tuple[Mapping[str, float], Mapping[str, float]] = {"answer_OHQ845": 1.0}, {"answer_OHQ845": 3.0}
"""Self-rated teeth as the rule, and what it takes for no answer."""


def asked_in_every_cycle(history: History, people: pd.DataFrame) -> list[str]:
    """Questions that enough of some people answered in every cycle.

    Questions come and go between cycles; one that a cycle never asked would say which cycle it is, not who needs care.
    """
    answers = history["answers"]
    asked: list[set[str]] = []
    for _, some in people.groupby("cycle"):
        ids = pa.array(some["patient_id"], pa.string())
        counts = answers.filter(pc.is_in(answers["patient_id"], ids))["question"].value_counts().to_pylist()
        asked.append({row["values"] for row in counts if row["counts"] >= LEAST_ANSWERED * len(ids)})
    return sorted(set.intersection(*asked))


def _nhanes_rows(study: NhanesStudy, catalogue: Catalogue) -> Rows:
    rows = study.recommended
    moments = Moments.of(rows["patient_id"].tolist(), [study.examination(cycle) for cycle in rows["cycle"]])
    x = evaluate(catalogue, study.history, moments).values
    return Rows.of(x, 4.0 - rows["recommendation"].to_numpy(np.float64), rows["patient_id"].to_numpy(str))


def dentition_task(data: Path, test: Path | None) -> Task:
    """NHANES dentition: teeth that need treatment, from the interview and from teeth missing and filled."""
    study = read_dentition(data)
    other = None if test is None else read_dentition(test)
    questions = asked_in_every_cycle(study.history, study.treat)
    kinds = {"missing": same("missing"), "filled": same("filled")}
    found = last("findings.value", "found", same("{level}"), "teeth", by="kind", levels=kinds)
    catalogue = Catalogue(_latest(questions), found)
    learn, tested = _held_out(
        _dentition_rows(study, catalogue), _maybe(lambda some: _dentition_rows(some, catalogue), other)
    )
    targets, notes = (
        {"one": 1.0, "three": 3.0},
        _silent(study.history, _maybe(lambda some: some.history, other), catalogue),
    )
    return Task("dentition", catalogue, learn, tested, targets, *RATED, notes)


def _dentition_rows(study: DentitionStudy, catalogue: Catalogue) -> Rows:
    rows = study.treat
    moments = Moments.of(rows["patient_id"].tolist(), [study.examination(cycle) for cycle in rows["cycle"]])
    x = evaluate(catalogue, study.history, moments).values
    return Rows.of(x, rows["teeth"].to_numpy(np.float64), rows["patient_id"].to_numpy(str))


def creighton_task(data: Path, test: Path | None) -> Task:
    """Creighton: any tooth lost within two years, from the chart."""
    catalogue = creighton_catalogue()
    study = read_creighton(data)
    other = None if test is None else read_creighton(test)
    learn, tested = _held_out(
        _creighton_rows(study, catalogue), _maybe(lambda some: _creighton_rows(some, catalogue), other)
    )
    learn, tested = _of_known_fate(learn), _of_known_fate(tested)
    notes = _silent(study.history, _maybe(lambda some: some.history, other))
    decayed = {"answer_x42": 1.0}
    return Task("creighton", catalogue, learn, tested, {"lost": 1.0}, decayed, {"answer_x42": 4.0}, notes)


def creighton_catalogue() -> Catalogue:
    """The chart: what holds for the mouth, the worst and the best tooth, and how many teeth have each thing."""
    teeth = {name: same(name) for name in CREIGHTON_TEETH}
    # Mobility, crowns, root canals, implants, fillings, decay, furcation: whatever is not 0.
    some = {name: same(name) for name in ("x1", "x10", "x15", "x16", "x17", "x20", "x21", "x22")}
    return Catalogue(
        _latest(CREIGHTON_PEOPLE),
        highest("answers.value", "highest", same("{level}"), "tooth", by="question", levels=teeth),
        lowest("answers.value", "lowest", same("{level}"), "tooth", by="question", levels=teeth),
        count("answers", "teeth", same("teeth charted"), "tooth", where={"question": "x1"}),
        count("answers", "teeth_with", same("teeth with {level}"), "tooth", where={"value": (1, 2, 3)},
              by="question", levels=some),
    )  # fmt: skip


def _creighton_rows(study: CreightonStudy, catalogue: Catalogue) -> Rows:
    """One row a person; the outcome is NaN for those who were lost from sight before two years without a loss."""
    ids = study.history.patient_ids.to_pylist()
    chart = study.chart()
    x = evaluate(catalogue, study.history, Moments.of(ids, [chart] * len(ids))).values
    begun = int(chart.timestamp() * 1_000_000)
    people = pa.array(study.history.patient_ids)
    lost = np.full(len(ids), np.inf)
    rows = study.history["procedures"]
    owner = pc.index_in(rows["patient_id"], people).to_numpy()
    np.minimum.at(lost, owner, (microseconds(rows["event_time"]) - begun) / DAY)
    followed = (microseconds(study.history["patients"]["left_at"]) - begun) / DAY
    happened = lost < TWO_YEARS
    sight = np.where(happened, lost, np.minimum(followed, TWO_YEARS))
    gone = ~happened & (followed < TWO_YEARS)
    outcome = np.where(gone, np.nan, happened.astype(np.float64))
    return Rows(x, outcome, np.array(ids, np.str_), in_sight(sight, gone))


def in_sight(time: Floats, gone: NDArray[np.bool_]) -> Floats:
    """Inverse of the chance to be still in sight right before each time: for how many people one who is stands.

    Kaplan and Meier's estimate with going out of sight as the event.

    Args:
        time: until what came first: the loss, the end of the horizon, or going out of sight.
        gone: whether it was going out of sight.
    """
    moments, leavers = np.unique(time[gone], return_counts=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), moments, side="left")
    chance = np.concatenate([[1.0], np.cumprod(1 - leavers / at_risk)])
    return 1.0 / np.asarray(chance[np.searchsorted(moments, time, side="left")])


def _of_known_fate(rows: Rows) -> Rows:
    return rows.take(~np.isnan(rows.outcome))


def meps_task(data: Path, test: Path | None) -> Task:
    """MEPS: dental visits of the same year, from who people are."""
    study = read_meps(data)
    other = None if test is None else read_meps(test)
    asked = sorted(study.history["answers"]["question"].unique().to_pylist())
    catalogue = Catalogue(_latest(asked))
    learn, tested = _held_out(_meps_rows(study, catalogue), _maybe(lambda some: _meps_rows(some, catalogue), other))
    targets, notes = (
        {"any": 1.0, "two": 2.0, "four": 4.0},
        _silent(study.history, _maybe(lambda some: some.history, other), catalogue),
    )
    return Task("meps", catalogue, learn, tested, targets, {"answer_ins_dent": 1.0}, {"answer_ins_dent": 0.0}, notes)


def _meps_rows(study: MepsStudy, catalogue: Catalogue) -> Rows:
    ids = study.people["patient_id"].tolist()
    x = evaluate(catalogue, study.history, Moments.of(ids, [study.interview()] * len(ids))).values
    used = Catalogue(total("charges.units", "visits", same("visits"), "use", windows="m12"))
    visits = evaluate(used, study.history, Moments.of(ids, [study.year_end()] * len(ids))).values[:, 0]
    return Rows.of(x, visits, study.people["household"].astype(str).to_numpy(str))


SOURCES: Sequence[tuple[Callable[[Path, Path | None], Task], tuple[str, ...]]] = (
    (rand_task, (RAND_FILE,)),
    (nhanes_task, (NHANES_FILES,)),
    (dentition_task, (DENTITION_FILES, NHANES_FILES)),
    (creighton_task, (CREIGHTON_FILE,)),
    (meps_task, (MEPS_FILE,)),
)
"""Every task, with the files that a folder must hold for it."""


def held(folder: Path) -> list[Callable[[Path, Path | None], Task]]:
    """The tasks whose files a folder holds."""
    return [make for make, patterns in SOURCES if all(list(folder.glob(pattern)) for pattern in patterns)]


def _maybe(function: Callable[[Study], Made], study: Study | None) -> Made | None:
    return None if study is None else function(study)


def same(text: str) -> Label:
    """A label that is the same in all languages."""
    return Label(text, text, text)


def _latest(questions: Sequence[str]) -> Family:
    levels = {name: same(name) for name in questions}
    return last("answers.value", "answer", same("{level}"), "interview", by="question", levels=levels)


def _held_out(rows: Rows, other: Rows | None) -> tuple[Rows, Rows]:
    """Rows to learn from and to test on: those of another folder, or of a part of the groups."""
    if other is not None:
        return rows, other
    out = by_hash(rows.groups) < HELD_OUT
    return rows.take(~out), rows.take(out)


def by_hash(groups: NDArray[np.str_]) -> Floats:
    """A number in [0, 1) for each group, the same on every machine."""
    return np.array([zlib.crc32(name.encode()) % 10_000 / 10_000 for name in groups.tolist()])


def _silent(history: History, other: History | None, catalogue: Catalogue | None = None) -> tuple[str, ...]:
    """A sentence that names the questions which are learnt from and which nobody answers in the test folder."""
    if other is None:
        return ()
    learnt = set(history["answers"]["question"].unique().to_pylist())
    if catalogue is not None:
        learnt &= {feature.level for feature in catalogue}
    lacking = sorted(learnt - set(other["answers"]["question"].unique().to_pylist()))
    return (f"nobody of the test folder answers {', '.join(lacking)}",) if lacking else ()
