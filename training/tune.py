"""Tuning of the boosted model: a search under a budget, scored on later rows of other patients.

Each trial is fitted on several origins inside the rows to learn from: on what was over before the origin, scored on the
year after it and on patients who were not learnt from, as the test rows are apart from the learnt ones. Boosting stops
where later rows gain nothing. A trial that is worse than the median of those before it, after the same origin, is given
up. The settings in use are always the first trial, so tuning never chooses anything that did worse than they.

The patients from whom sets and intervals are learnt are no part of it (`tuned`): settings chosen by their needs would
make the sets look surer than they are. With the same rows, seed and number of trials the result is the same; with a
limit in seconds the number of trials that fit into it depends on the machine, and is kept with the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import lightgbm as lgb
import numpy as np
import optuna
from numpy.typing import NDArray
from tqdm import tqdm

from models.estimators import SHALLOW, Boosted
from models.segments import SegmentTable
from training import figures
from training.cohort import DAY
from training.compare import insisted, reached
from training.examples import Examples, ExamplesError
from training.fit import DEFAULT as PLAN
from training.fit import calibration_rows
from training.hashing import hashed_share

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

VALIDATED = 0.3
"""Share of the patients who are only scored on."""
STARTUP = 4
"""Trials that are never given up, so that there is a median."""


@dataclass(frozen=True)
class Budget:
    """What a search may take.

    Attributes:
        trials: at the most.
        seconds: no trial begins after so many; None without a limit. The first trial always runs.
        origins: years of later rows that every trial is scored on.
        rows: learnt from at each origin, at the most; patients are thinned by a hash of their id.
        rounds: of boosting, at the most.
        patience: rounds without a gain on later rows after which boosting stops.
    """

    trials: int = 20
    seconds: float | None = None
    origins: int = 2
    rows: int = 60_000
    rounds: int = 800
    patience: int = 30


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    Attributes:
        number: from 0, the settings in use.
        state: `complete`, or `pruned` where it was given up.
        parameters: what was tried.
        rounds: that did best on later rows.
        loss: log loss on later rows, summed over the thresholds and averaged over the origins seen.
        seconds: of wall time.
    """

    number: int
    state: str
    parameters: Mapping[str, Any]
    rounds: int
    loss: float
    seconds: float


@dataclass(frozen=True)
class Tuned:
    """The best settings, and all trials.

    Attributes:
        parameters: of LightGBM, complete.
        rounds: of boosting.
        trials: in their order.
    """

    parameters: Mapping[str, Any]
    rounds: int
    trials: tuple[Trial, ...]

    def maker(self, features: tuple[str, ...]) -> Callable[[], Boosted]:
        """Makes unfitted estimators with these settings."""
        return lambda: Boosted(features, dict(self.parameters), self.rounds)

    def sentence(self) -> str:
        """What the search did, in one line."""
        first, best = self.trials[0].loss, min(one.loss for one in self.trials if one.state == "complete")
        pruned = sum(one.state == "pruned" for one in self.trials)
        return (
            f"{len(self.trials)} trials ({pruned} given up) in {sum(one.seconds for one in self.trials):.0f} s; "
            f"log loss on later rows {first:.4f} with the settings in use, {best:.4f} with those found"
        )

    def columns(self) -> dict[str, list[Any]]:
        """The trials as columns, for a table."""
        names = sorted({name for trial in self.trials for name in trial.parameters})
        fixed = ("number", "state", "rounds", "loss", "seconds")
        return {name: [getattr(trial, name) for trial in self.trials] for name in fixed} | {
            name: [trial.parameters.get(name) for trial in self.trials] for name in names
        }


def tune(
    learn: Examples, table: SegmentTable, budget: Budget | None = None, *, seed: int = 1,
    fixed: Mapping[str, Any] | None = None,
) -> Tuned:  # fmt: skip
    """Search for the settings of `Boosted`.

    Args:
        learn: rows to learn from; test rows have no place here.
        table: cuts the segments.
        budget: what the search may take.
        seed: of the search.
        fixed: parameters of LightGBM that hold in every trial, such as `monotone_constraints`.

    Raises:
        ExamplesError: no origin leaves enough rows on both sides.
    """
    budget = budget or Budget()
    base = {**SHALLOW, **(fixed or {})}
    search = _Search(base, [_Fold.of(*rows) for rows in origins(learn, table, budget)], budget)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP),
                                    pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP))  # fmt: skip
        study.enqueue_trial({name: base[name] for name in _space(None)})
        with tqdm(total=budget.trials, desc="tune", unit="trial") as progress:
            _try(study, search, budget, progress)
    finally:
        optuna.logging.set_verbosity(verbosity)
    best = search.trials[study.best_trial.number]
    return Tuned({**base, **best.parameters, "max_depth": _depth(best.parameters)}, best.rounds, tuple(search.trials))


def _try(study: optuna.Study, search: _Search, budget: Budget, progress: tqdm[NoReturn]) -> None:
    """Run the trials that the budget allows, the settings in use first whatever it says."""
    began, count = time.monotonic(), [lambda *_: progress.update()]
    study.optimize(search.loss, n_trials=1, callbacks=count)
    left = None if budget.seconds is None else budget.seconds - (time.monotonic() - began)
    if budget.trials > 1 and (left is None or left > 0):
        study.optimize(search.loss, n_trials=budget.trials - 1, timeout=left, callbacks=count)


def tuned(learn: Examples, table: SegmentTable, trials: int, minutes: float) -> Tuned:
    """Tune the boosted model of a run, in all its fixed parameters, without the patients who are held back for sets.

    Args:
        learn: the run's rows to learn from.
        table: cuts the segments.
        trials: at the most; at least 1.
        minutes: no trial begins after so many.

    Raises:
        ValueError: the budget allows nothing.
        ExamplesError: as `tune`.
    """
    if trials < 1 or not minutes > 0:
        raise ValueError(f"a search needs at least 1 trial and some minutes, not {trials} and {minutes:g}")
    rows = learn.take(~calibration_rows(learn, PLAN.calibration_share))
    return tune(rows, table, Budget(trials=trials, seconds=60 * minutes), fixed=insisted(learn.names))


def origins(learn: Examples, table: SegmentTable, budget: Budget) -> Iterator[tuple[Floats, Bools, Floats, Bools]]:
    """Rows to learn from and to score on at each origin, oldest first: values and whether each threshold was reached.

    Raises:
        ExamplesError: no origin leaves both outcomes of every threshold on both sides.
    """
    share, goal = hashed_share(learn.patient_ids, "tuning "), reached(learn, table)
    latest, found = int(learn.as_of.max(initial=0)), 0
    for back in range(budget.origins, 0, -1):
        start = latest - back * 365 * DAY
        before = (share >= VALIDATED) & (learn.as_of + table.horizon_days * DAY < start)
        after = (share < VALIDATED) & (learn.as_of >= start) & (learn.as_of < start + 365 * DAY)
        before &= share < VALIDATED + (1 - VALIDATED) * min(1.0, budget.rows / max(int(before.sum()), 1))
        if all((goal[rows].sum(0) > 0).all() and (goal[rows].sum(0) < rows.sum()).all() for rows in (before, after)):
            found += 1
            yield learn.x[before], goal[before], learn.x[after], goal[after]
    if not found:
        raise ExamplesError(f"none of {budget.origins} origins leaves both outcomes to learn from and to score on")


@dataclass(frozen=True)
class _Fold:
    """Rows of one origin, binned once for all trials."""

    learn: lgb.Dataset
    later: lgb.Dataset
    goal: Bools
    later_goal: Bools

    @classmethod
    def of(cls, x: Floats, goal: Bools, later_x: Floats, later_goal: Bools) -> _Fold:
        # Otherwise features would be left out by the first trial's smallest leaf.
        settings = {"feature_pre_filter": False, "verbosity": -1}
        learn = lgb.Dataset(x, goal[:, 0].astype(np.float64), params=settings, free_raw_data=True)
        later = lgb.Dataset(later_x, later_goal[:, 0].astype(np.float64), reference=learn, params=settings)
        return cls(learn.construct(), later.construct(), goal, later_goal)

    def curve(self, parameters: Mapping[str, Any], budget: Budget) -> Floats:
        """Log loss on the later rows after each round, summed over the thresholds.

        Where one threshold stopped before the other, its best loss stands for what followed.
        """
        curves = [self._curve(k, parameters, budget) for k in range(self.goal.shape[1])]
        length = max(len(curve) for curve in curves)
        return np.asarray(np.sum([np.append(one, np.full(length - len(one), one.min())) for one in curves], axis=0))

    def _curve(self, threshold: int, parameters: Mapping[str, Any], budget: Budget) -> Floats:
        self.learn.set_label(self.goal[:, threshold].astype(np.float64))
        self.later.set_label(self.later_goal[:, threshold].astype(np.float64))
        losses: dict[str, Any] = {}
        stop = lgb.early_stopping(budget.patience, verbose=False)
        lgb.train({**parameters, "metric": "binary_logloss"}, self.learn, budget.rounds, valid_sets=[self.later],
                  valid_names=["later"], callbacks=[stop, lgb.record_evaluation(losses)])  # fmt: skip
        return np.array(losses["later"]["binary_logloss"])


@dataclass
class _Search:
    """The trials made so far."""

    base: Mapping[str, Any]
    folds: Sequence[_Fold]
    budget: Budget
    trials: list[Trial] = field(default_factory=list)

    def loss(self, trial: optuna.Trial) -> float:
        """The loss of one trial; a trial that is given up is kept as well."""
        began, tried = time.monotonic(), _space(trial)
        parameters = {**self.base, **tried, "max_depth": _depth(tried)}
        mean, state = np.empty(0), "complete"
        for at, fold in enumerate(self.folds):
            curve = fold.curve(parameters, self.budget)
            mean = curve if at == 0 else _add(mean * at, curve) / (at + 1)
            trial.report(float(mean.min()), at)
            if at + 1 < len(self.folds) and trial.should_prune():
                state = "pruned"
                break
        self.trials.append(Trial(trial.number, state, tried, int(mean.argmin()) + 1, float(mean.min()),
                                 time.monotonic() - began))  # fmt: skip
        if state == "pruned":
            raise optuna.TrialPruned
        return float(mean.min())


def _add(one: Floats, other: Floats) -> Floats:
    """Two curves added; the shorter one goes on at its best."""
    length = max(len(one), len(other))
    first, second = (np.append(curve, np.full(length - len(curve), curve.min())) for curve in (one, other))
    return np.asarray(first + second)


def _space(trial: optuna.Trial | None) -> dict[str, Any]:
    """What is tried; without a trial, the names of it.

    At most 12 leaves: with 16, the reasons of one row cost as much as its prediction.
    """
    if trial is None:
        return dict.fromkeys(("num_leaves", "learning_rate", "min_child_samples", "feature_fraction",
                              "bagging_fraction", "lambda_l2"))  # fmt: skip
    return {
        "num_leaves": trial.suggest_int("num_leaves", 4, 12),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 20, 400, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
        "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 100.0, log=True),
    }


def _depth(tried: Mapping[str, Any]) -> int:
    """Deep trees are kept from growing into one long branch, whose contributions would take large tables."""
    return 8 if tried["num_leaves"] > 8 else -1


def drawing(tuned: Tuned) -> figures.Drawing:
    """The trials as a picture."""
    return figures.tuning("t", tuned.columns(), tuple(_space(None)))


def log(tuned: Tuned) -> None:
    """Log the trials to the active MLflow run: as a table, as a picture, and as nested runs."""
    import mlflow  # noqa: PLC0415 - slow, and a search needs none

    mlflow.log_table(tuned.columns(), "tuning.json")
    mlflow.log_text(drawing(tuned).svg, "tuning.svg")
    mlflow.log_params({f"tuned {name}": value for name, value in tuned.parameters.items() if name in _space(None)})
    mlflow.log_param("tuned rounds", tuned.rounds)
    for trial in tuned.trials:
        with mlflow.start_run(run_name=f"trial {trial.number}", nested=True):
            mlflow.log_params({**trial.parameters, "rounds": trial.rounds})
            mlflow.log_metric("loss", trial.loss)
            mlflow.set_tag("state", trial.state)
