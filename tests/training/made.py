"""Made-up evaluations and examples that pass every rule, for tests that break one thing at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from training.cohort import ABSENT, DAY, LEFT, OBSERVED
from training.evaluation import (
    Checks,
    Cost,
    Evaluation,
    Learnt,
    NetBenefit,
    Performance,
    Rows,
    Subgroup,
    SubgroupFigures,
)
from training.examples import Examples
from training.policy import DEFAULT, Policy
from training.scores import Scores

POLICY = Policy.read()
SEGMENTS = ("moderate", "heavy")
NOISE = np.random.default_rng(4).normal(size=200)


def performance(auroc: float = 0.82, shift: float = 0.0, **scores: float) -> Performance:
    """A good performance; `shift` worsens log loss and net benefit."""
    found = Scores(4000, 800, auroc, auroc - 0.02, auroc + 0.02, 0.40 + shift, 0.13, 1.0, 0.0, 1.0, 0.2)
    replicates = {
        "auroc": auroc + 0.008 * NOISE,
        "log_loss": 0.40 + shift + 0.004 * NOISE,
        **{f"net_benefit {at}": 0.1 - shift + 0.004 * NOISE for at in POLICY.net_benefit_at},
    }
    benefit = tuple(NetBenefit(at, 0.1 - shift, 0.05, (0.09, 0.11)) for at in POLICY.net_benefit_at)
    bounds = dict.fromkeys(("slope", "intercept", "observed_to_expected", "brier_scaled"), (0.9, 1.1))
    kept = {name: tuple(values.tolist()) for name, values in replicates.items()}
    return Performance(replace(found, **scores), bounds, benefit, kept)


def subgroup(dimension: str = "language", level: str = "sv", **figures: Any) -> Subgroup:
    """A well served subgroup."""
    good: dict[str, Any] = {"events": "90", "auroc": (0.8, 0.76, 0.84), "observed_to_expected": (1.0, 0.9, 1.1),
                            "slope": 1.0, "brier_scaled": 0.2, "gain": 0.05}  # fmt: skip
    return Subgroup(dimension, level, "400", dict.fromkeys(SEGMENTS, SubgroupFigures(**good | figures)), 300.0, 200.0)


CHECKS = Checks((), ("visits.minutes",), 400, (), {"moderate": 0.5, "heavy": 0.5}, "visits_m24", 0.68, 1e-14)


def evaluation(**changes: Any) -> Evaluation:
    """An evaluation to which the gate has no objection."""
    good = Evaluation(
        model="lightgbm",
        version="2",
        rows=Rows("abc", 4000, 3000, "2023-01-01", "2024-12-31", 200, 1),
        thresholds=dict.fromkeys(SEGMENTS, performance()),
        rule=dict.fromkeys(SEGMENTS, performance(0.70)),
        learnt=Learnt(20000, 9000, "2016-01-01", "2021-12-31", {"moderate": 4000, "heavy": 2000}),
        subgroups=(subgroup(), subgroup("use so far", "0 visits", auroc=(0.5, 0.4, 0.55))),
        checks=CHECKS,
        cost=Cost(1.5, 3.0, 600_000),
        card_missing=(),
    )
    return replace(good, **changes)


def policy_file(folder: Path, name: str = "policy.toml", **changes: object) -> Path:
    """The project's policy with some settings replaced."""
    lines = []
    for line in DEFAULT.read_text(encoding="utf-8").splitlines():
        key = line.partition(" = ")[0]
        lines.append(f"{key} = {str(changes.pop(key)).lower()}" if key in changes else line)
    assert not changes, f"no such setting: {changes}"
    path = folder / name
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


NAMES = ("found_decayed", "found_cpi", "visits_m24", "emergencies_m24", "special_needs")


def examples(patients: int = 1000, seed: int = 2, *, truth: bool = True) -> Examples:
    """Three moments each of made-up patients whose need shows in the first feature; some left, some never came."""
    rng = np.random.default_rng(seed)
    n = 3 * patients
    need = rng.gamma(2, 1.6, n)
    x = np.column_stack([rng.poisson(need), *(rng.poisson(1, n) for _ in range(4))]).astype(float)
    visits = np.column_stack([1 + rng.poisson(need), *(np.zeros(n) for _ in range(4))])
    fate = rng.choice([OBSERVED, LEFT, ABSENT], n, p=[0.9, 0.04, 0.06])
    visits[fate == ABSENT] = 0
    visits[fate == LEFT] = np.minimum(visits[fate == LEFT], 2)
    about = {
        "sex": rng.choice(["female", "male"], n), "language": rng.choice(["fi", "sv", "ru"], n, p=[0.8, 0.1, 0.1]),
        "district": rng.choice(["Itäinen", "Läntinen"], n), "site": rng.choice(["Clinic A", "Clinic B"], n),
        "age": rng.uniform(1, 95, n), "recent_visits": x[:, 2],
    }  # fmt: skip
    known = {
        "access": rng.normal(size=n),
        "drawn_visits": need,
        "need_visits": np.round(need + 1),
        "need_minutes": need,
    }
    return Examples(
        patient_ids=np.array([f"p{at // 3:05d}" for at in range(n)]),
        as_of=np.tile(np.array([0, 800, 3000]) * DAY, patients) + rng.integers(0, 400, n) * DAY,
        x=x,
        visits=visits,
        minutes=30 * visits,
        names=NAMES,
        catalogue="made up",
        attrition=Counter({"booking contacts": n + 3, "nobody came": 3, "kept": n}),
        first_minutes=np.where(rng.random(n) < 0.1, np.nan, 30.0),
        fate=fate,
        about=about,
        truth=known if truth else {},
        made={"known time": {"checked": 400, "differing": []}},
    )
