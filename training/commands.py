"""What the commands of training do, one function each; every one returns an exit status."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import mlflow
import pyarrow.parquet as pq
from tqdm import tqdm

from features.dental import DENTAL
from models.estimators import Boosted, PointsRule
from models.segments import SegmentTable, read_tables, table_on
from records.clock import HELSINKI
from training import compare, examples, tracking
from training.cohort import CohortDefinition
from training.gate import Evaluation, Policy, Verdict, judge

REFUSED = 3
"""Exit status of `promote` when the gate refuses: the command worked, the model did not earn its place."""


class CommandError(ValueError):
    """A command lacks what it needs."""


def features(options: argparse.Namespace) -> int:
    """Find the cohort and compute its features."""
    table = _table_on(examples.last_recorded(options.records))
    rows = examples.derive(options.records, DENTAL, CohortDefinition(horizon_days=table.horizon_days))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    staged = options.out.with_name(options.out.name + ".part")
    pq.write_table(rows, staged, compression="zstd")
    staged.replace(options.out)
    attrition = json.loads(rows.schema.metadata[b"tarve"])["attrition"]
    print(_attrition_text(attrition))
    print(f"{rows.num_rows} examples of {len(DENTAL)} features in {options.out}")
    return 0


def train(options: argparse.Namespace) -> int:
    """Fit the rule, the logistic model and LightGBM; measure them side by side; register LightGBM as challenger."""
    found = examples.read(options.examples)
    table = _table_on(found.latest())
    _same_catalogue(found)
    parts = compare.split(found, compare.SplitDefinition(), table.horizon_days)
    with tracking.run("train") as active:
        _log_setting(options.examples, found, parts, table)
        fitted = dict(tqdm(compare.fit_all(parts.learn, table), "train", 3, unit="model"))
        evaluations = {kind: compare.evaluate(model, parts.test, table) for kind, model in fitted.items()}
        for kind, evaluation in evaluations.items():
            tracking.log_evaluation(kind, evaluation)
        challenger = fitted[Boosted.kind]
        text = compare.table_text(
            {(segment, kind): scores for segment in table.names[1:] for kind, each in evaluations.items()
             for scores in [each[segment]]}, ("at least", "model"))  # fmt: skip
        tracking.log_texts({"comparison.txt": text, "attrition.txt": _attrition_text(found.attrition)})
        tracking.log_contributions(challenger, DENTAL, parts.test.x, table.names[1:])
        version = tracking.log_model(challenger)
        tracking.set_alias(tracking.CHALLENGER, version)
        print(
            f"\n{text}\n\n{len(parts.learn)} rows to learn from, {len(parts.test)} of other patients to test on, "
            f"from {parts.test_from:%Y-%m-%d}\n"
            f"run {active.info.run_id}: {tracking.NAME} version {version} is {tracking.CHALLENGER}"
        )
    return 0


def promote(options: argparse.Namespace) -> int:
    """Judge the challenger against the rule and the champion on the same test rows; move the alias if it passes."""
    policy = Policy.read(options.policy)
    found = examples.read(options.examples)
    table = _table_on(found.latest())
    _same_catalogue(found)
    version = tracking.version_of(tracking.CHALLENGER)
    if version is None:
        raise CommandError(f"no {tracking.NAME}@{tracking.CHALLENGER} is registered; run: python -m training train")
    parts = compare.split(found, compare.SplitDefinition(), table.horizon_days)
    kinds = compare.fit_all(parts.learn, table)
    rule = compare.evaluate(next(model for kind, model in kinds if kind == PointsRule.kind), parts.test, table)
    challenger = compare.evaluate(tracking.load(version), parts.test, table)
    champion, measured = _champion(parts.test, table)
    verdict = judge(challenger, rule, champion, policy)
    with tracking.run("promote"):
        mlflow.log_params({"challenger": version, "champion before": tracking.version_of(tracking.CHAMPION) or "none"})
        mlflow.set_tag("promoted", str(verdict.promote).lower())
        policy_text = options.policy.read_text(encoding="utf-8")
        tracking.log_texts({"verdict.txt": f"{verdict.text()}\n{measured}\n", "policy.toml": policy_text})
    print(f"{tracking.NAME} version {version}: {verdict.text()}\n({measured})")
    return _act(verdict, version)


def _table_on(moment: datetime) -> SegmentTable:
    """The segments that hold on the Helsinki day of a moment: a table for later years must not cut earlier needs."""
    return table_on(read_tables(), moment.astimezone(HELSINKI).date())


def _act(verdict: Verdict, version: str) -> int:
    if not verdict.promote:
        return REFUSED
    tracking.set_alias(tracking.CHAMPION, version)
    return 0


def _champion(test: examples.Examples, table: SegmentTable) -> tuple[Evaluation | None, str]:
    """The champion's evaluation, None when there is none, and a sentence on what it was measured on."""
    version = tracking.version_of(tracking.CHAMPION)
    if version is None:
        return None, "there is no champion yet"
    model = tracking.load(version)
    if model.catalogue == test.catalogue:
        return compare.evaluate(model, test, table), f"champion version {version} was measured on the same rows"
    logged = tracking.logged_evaluation(version, model.estimator.kind, table.names[1:])
    return logged, f"champion version {version} reads other features: its figures are those that its own run logged"


def _same_catalogue(found: examples.Examples) -> None:
    if found.catalogue != DENTAL.version:
        raise CommandError(
            f"the examples hold features {found.catalogue}, the catalogue is {DENTAL.version}; "
            "make them anew: python -m training features"
        )


def _log_setting(path: Path, found: examples.Examples, parts: compare.Split, table: SegmentTable) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    booster = Boosted(found.names)
    mlflow.log_params({
        "examples digest": digest, "rows": len(found), "learn rows": len(parts.learn), "test rows": len(parts.test),
        "test from": f"{parts.test_from:%Y-%m-%d}", "catalogue": found.catalogue, "features": len(found.names),
        "segments from": table.valid_from.isoformat(), "rounds": booster.rounds,
        **{f"cohort {key}": str(value) for key, value in asdict(CohortDefinition()).items()},
        **{f"lightgbm {key}": value for key, value in booster.parameters.items()},
    })  # fmt: skip
    mlflow.set_tag("threads", os.cpu_count() or 1)


def _attrition_text(attrition: Counter[str] | dict[str, int]) -> str:
    width = max(len(reason) for reason in attrition)
    return "\n".join(f"{reason.ljust(width)}  {count:>9,}" for reason, count in attrition.items())
