"""What the commands of training do, one function each; every one returns an exit status."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime

import mlflow
import pyarrow.parquet as pq
from tqdm import tqdm

from features.dental import DENTAL
from models.calibration import changes_text
from models.card import Card
from models.estimators import Boosted, ExplainableBoosting, PointsRule
from models.need import NeedModel
from models.segments import read_tables, table_on
from training import compare, examples, registry, tables, tracking, tune
from training.cohort import definition_on
from training.evaluation import Evaluation
from training.examine import RULE, Ground, examine, performances, validated
from training.facts import card_of
from training.gate import Verdict, differences, judge
from training.material import Material, MaterialError, helsinki_day
from training.monitor.examined import reference_of
from training.performance import curves
from training.policy import Policy
from training.recipe import Recalibration, Recipe, again, file_of, maker_of, same_predictions
from training.report import Story, influence, page

REFUSED = 3
"""Exit status of a command that worked and says no: the gate refuses, a run is not the same again."""
LEAST_REASON = 10
"""Letters that the reason of a rollback must have at least."""


class CommandError(ValueError):
    """A command lacks what it needs."""


def features(options: argparse.Namespace) -> int:
    """Find the cohort and compute its features."""
    day = helsinki_day(examples.last_recorded(options.records))
    cohort = definition_on(day, table_on(read_tables(), day).horizon_days)
    truth = options.records.with_name(f"{options.records.name}-truth.parquet")
    rows = examples.derive(options.records, DENTAL, cohort, truth)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    staged = options.out.with_name(options.out.name + ".part")
    pq.write_table(rows, staged, compression="zstd")
    staged.replace(options.out)
    said = json.loads(rows.schema.metadata[b"tarve"])
    print(_text(tables.attrition(said["attrition"])))
    print(f"{said['attrition']['kept']} examples of {len(DENTAL)} features in {options.out}")
    return 0


def train(options: argparse.Namespace) -> int:
    """Fit the models of a run, tuned if asked; examine them side by side; register one of them as challenger."""
    policy, material = Policy.read(options.policy), Material.read(options.examples)
    ground = material.ground(policy)
    with tracking.run("train") as active:
        makers, tuned = _contest(options, material)
        interviewing = options.challenger if _learns_interviews(options, material) else None
        fits = compare.fit_all(material.parts.learn, material.table, makers, interviewing=interviewing)
        fitted = dict(tqdm(fits, "train", len(makers), unit="model"))
        challenger = fitted[options.challenger]
        _log_setting(material, challenger, policy)
        evaluation, story = _examined(challenger, fitted, material, ground)
        evaluation = validated(evaluation, material.observed, ground, makers[options.challenger])
        story = story if tuned is None else _with_search(story, tuned)
        version = _register(challenger, (evaluation, story), material, active.info.run_id)
        print(
            f"\n{_text(tables.comparison(story.models))}\n\n{len(material.parts.learn)} rows to learn from, "
            f"{len(material.parts.test)} of other patients to test on, from {material.parts.test_from:%Y-%m-%d}\n"
            f"run {active.info.run_id}: {tracking.NAME} version {version} is {tracking.CHALLENGER}"
        )
    return 0


def _learns_interviews(options: argparse.Namespace, material: Material) -> bool:
    """Whether the challenger learns interviews too; says why not where it was not told not to."""
    if not options.interview or options.challenger == PointsRule.kind:
        return False
    if not compare.can_interview(material.parts.learn):
        print("no interview: the examples hold no answers that were given at booking contacts")
        return False
    return True


def _contest(options: argparse.Namespace, material: Material) -> tuple[compare.Makers, tune.Tuned | None]:
    """What makes the models of a run; with a search for the settings of LightGBM when trials are asked for."""
    glass_box = ExplainableBoosting.kind in (options.challenger, options.also)
    makers = compare.estimators(material.observed.names, glass_box=glass_box)
    if not options.tune_trials:
        return makers, None
    found = tune.tuned(material.parts.learn, material.table, options.tune_trials, options.tune_minutes)
    mlflow.log_params({"tune trials": options.tune_trials, "tune minutes": options.tune_minutes})
    tune.log(found)
    print(f"tuned: {found.sentence()}")
    return makers | {Boosted.kind: found.maker(material.observed.names)}, found


def _with_search(story: Story, tuned: tune.Tuned) -> Story:
    made = {**story.made, "settings of lightgbm": tuned.sentence()}
    return replace(story, made=made, tuning=tune.drawing(tuned))


def evaluate(options: argparse.Namespace) -> int:
    """Examine a registered model on examples; log the report and write it to a file if one is named."""
    policy, material = Policy.read(options.policy), Material.read(options.examples)
    ground, version = material.ground(policy), tracking.version_named(options.model)
    model = _loaded(version)
    others = {"model": model, PointsRule.kind: compare.fit_rule(material.parts.learn, material.table)}
    with tracking.run("evaluate"):
        mlflow.log_params({tracking.MODEL_VERSION: version, "examples digest": material.digest})
        tracking.log_dataset(material.path, material.digest, material.observed.names, "evaluation")
        evaluation, story = _examined(model, others, material, ground)
        if options.folds:
            evaluation = validated(evaluation, material.observed, ground, maker_of(model.estimator))
        card = _card_of(version)
        evaluation = replace(evaluation, version=version, card_missing=card.missing())
        html = _log_examined(evaluation, story, card)
    if options.out is not None:
        options.out.write_text(html, encoding="utf-8")
    print(_text(tables.summary(evaluation)))
    return 0


def recalibrate(options: argparse.Namespace) -> int:
    """Fit the levels of a registered model anew for a recent period and its sites; register that as challenger."""
    policy, material = Policy.read(options.policy), Material.read(options.examples)
    base = tracking.version_named(options.model)
    old, ground = _loaded(base), material.ground(policy)
    since = options.since or helsinki_day(material.parts.test_from)
    step = Recalibration(base, since.isoformat(), options.slopes)
    with tracking.run("recalibrate") as active:
        model, changes = step.fit(material)
        said = changes_text(changes)
        _log_setting(material, model, policy, step)
        tracking.log_texts({"recalibration.txt": f"{said}\n"})
        fitted = {"model": model, PointsRule.kind: compare.fit_rule(material.parts.learn, material.table),
                  f"version {base}": old}  # fmt: skip
        version = _register(model, _examined(model, fitted, material, ground), material, active.info.run_id)
    print(f"{said}\n\n{tracking.NAME} version {version}, version {base} recalibrated, is {tracking.CHALLENGER}")
    return 0


def _register(model: NeedModel, examined: tuple[Evaluation, Story], material: Material, run_id: str) -> str:
    """Log an examined model with all that belongs to it and make it challenger; returns its version."""
    evaluation, story = examined
    card = _card(evaluation, material, run_id)
    evaluation = replace(evaluation, card_missing=card.missing())
    version = tracking.log_model(model, card)
    _log_examined(replace(evaluation, version=version), story, card.signed(version, ""))
    rows = compare.test_rows(material.everyone, compare.SplitDefinition(), material.parts.test_from)
    tracking.log_texts({tracking.REFERENCE: reference_of(model, rows, material.table).to_json()})
    registry.set_alias(tracking.CHALLENGER, version)
    return version


def promote(options: argparse.Namespace) -> int:
    """Judge a challenger against the rule and the champion on the same test rows; move the alias if it passes."""
    policy, material = Policy.read(options.policy), Material.read(options.examples)
    version, before = tracking.version_named(options.model), tracking.version_of(tracking.CHAMPION)
    ground, card = material.ground(policy), _card_of(version)
    champion, measured = _champion(before, ground)
    fitted = {"model": _loaded(version), PointsRule.kind: compare.fit_rule(material.parts.learn, material.table)}
    evaluation, story = _examined(fitted["model"], fitted, material, ground)
    evaluation = replace(evaluation, version=version, card_missing=card.missing())
    verdict = judge(evaluation, champion, policy, options.signed_by)
    with tracking.run("promote") as active:
        mlflow.log_params({"challenger": version, "champion before": before or "none", "signed by": verdict.signed_by})
        mlflow.set_tag("gate", "no objection" if verdict.promote else "refused")
        tracking.log_dataset(material.path, material.digest, material.observed.names, "gate")
        tracking.log_texts({
            "verdict.json": verdict.to_json(),
            "verdict.txt": f"{verdict.text()}\n{measured}\n\n{verdict.table()}\n",
            "policy.toml": options.policy.read_text(encoding="utf-8"),
        })  # fmt: skip
        _log_examined(evaluation, replace(story, verdict=verdict), card.signed(version, verdict.signed_by))
        print(f"{tracking.NAME} version {version}: {verdict.text()}\n({measured})")
        return _act(verdict, version, before, active.info.run_id)


def _act(verdict: Verdict, version: str, before: str | None, run_id: str) -> int:
    if not verdict.promote:
        return REFUSED
    registry.promote(version, before, signed_by=verdict.signed_by, now=datetime.now(UTC), run_id=run_id)
    mlflow.set_tag("promoted", version)
    return 0


def rollback(options: argparse.Namespace) -> int:
    """Make the champion before the one in use champion again, if somebody says why and it can be served."""
    objections = []
    if len(options.reason.strip()) < LEAST_REASON:
        objections.append(f"a reason of at least {LEAST_REASON} letters is asked (--reason)")
    if not options.signed_by.strip():
        objections.append("a named person is asked (--signed-by)")
    current, to = tracking.version_of(tracking.CHAMPION), registry.previous()
    reads = tracking.load(to).catalogue
    if reads != DENTAL.version:
        objections.append(f"version {to} reads features {reads}, this code computes {DENTAL.version}")
    if objections:
        print("\n".join(["not rolled back:", *(f"- {objection}" for objection in objections)]))
        return REFUSED
    with tracking.run("rollback"):
        mlflow.log_params({"from": current, "to": to, "signed by": options.signed_by.strip()})
        tracking.log_texts({"reason.txt": f"{options.reason.strip()}\n"})
        registry.roll_back()
        mlflow.set_tag("promoted", to)
    print(f"{tracking.NAME}: version {to} is champion again, in place of version {current}")
    return 0


def compare_models(options: argparse.Namespace) -> int:
    """Print two models' figures on the same rows, and their differences with paired intervals."""
    policy, material = Policy.read(options.policy), Material.read(options.examples)
    ground = material.ground(policy)
    first, second = (tracking.version_named(name) for name in (options.first, options.second))
    found = {f"version {version}": performances(_loaded(version), ground) for version in (first, second)}
    if first == second:
        raise CommandError(f"{options.first} and {options.second} are the same version {first}")
    print(_text(tables.comparison(found)))
    one, other = (Evaluation("", version, ground.rows(), each, {})
                  for version, each in zip((first, second), found.values(), strict=True))  # fmt: skip
    print(f"\nversion {first} less version {second}, paired 95 % intervals of {policy.resamples} resamples of patients")
    for segment, figure, middle, (low, high) in differences(one, other):
        print(f"  {segment:<12}{figure:<22}{middle:+.4f}  ({low:+.4f} to {high:+.4f})")
    return 0


def reproduce(options: argparse.Namespace) -> int:
    """Fit the model of a run again from its recipe; status 0 when every predicted byte is the same."""
    recipe = Recipe.from_json(tracking.logged_text(options.run_id, tracking.RECIPE))
    version = tracking.version_of_run(options.run_id)
    material = Material.read(file_of(recipe, options.examples))
    made = again(recipe, material)
    for difference in recipe.differences(Recipe.of(material, made.estimator, interview=made.interview is not None)):
        print(f"not as it was: {difference}")
    same = same_predictions(tracking.load(version), made, material)
    rows = len(material.parts.test)
    print(f"{tracking.NAME} version {version}, run {options.run_id}: {'the same' if same else 'other'} predictions, "
          f"byte for byte, of {rows} rows")  # fmt: skip
    return 0 if same else REFUSED


def _examined(
    model: NeedModel, fitted: Mapping[str, NeedModel], material: Material, ground: Ground
) -> tuple[Evaluation, Story]:
    """The evaluation of a model, and the story of its report beside the other models of the run."""
    rule = fitted[PointsRule.kind]
    beside = {kind: each for kind, each in fitted.items() if each is not model and each is not rule}
    evaluation = examine(model, ground, rule, beside)
    names, test = material.table.names[1:], material.parts.test
    goal = compare.reached(test, material.table)
    others = {}
    for name, each in {RULE: rule, **beside}.items():
        at_least = compare.predict(each, test).at_least
        others[name] = {segment: curves(at_least[:, k], goal[:, k]) for k, segment in enumerate(names)}
    shown = {kind: performances(each, ground) for kind, each in fitted.items() if each not in (model, rule)}
    shown = {model.estimator.kind: evaluation.thresholds, rule.estimator.kind: evaluation.rule} | shown
    return evaluation, Story(
        title="Evaluation of the need model",
        made=_made(material),
        attrition=material.observed.attrition,
        others=others,
        models=shown,
        influences={segment: influence(model, DENTAL, test.x, k) for k, segment in enumerate(names)},
    )


def _made(material: Material) -> dict[str, str]:
    return {
        "examples": f"digest {material.digest}",
        "people": "simulated" if material.simulated else "of records",
        "features": f"{len(material.observed.names)}, catalogue {material.observed.catalogue}",
        "segments": f"of {material.table.valid_from.isoformat()}",
        "cohort": f"of {material.cohort.valid_from.isoformat()}: {', '.join(material.cohort.services)}; washout "
                  f"{material.cohort.washout_days} days, horizon {material.cohort.horizon_days} days",
        "Python": platform.python_version(),
        **tracking.requirements(),
    }  # fmt: skip


def _card(evaluation: Evaluation, material: Material, run_id: str) -> Card:
    made = {"catalogue": material.observed.catalogue, "features": str(len(material.observed.names)), "run_id": run_id}
    return card_of(evaluation, material.table, material.cohort, made=made, simulated=material.simulated)


def _card_of(version: str) -> Card:
    """The card that was saved with a registered version."""
    with tracking.saved(version) as folder:
        return Card.load(folder).signed(version, "")


def _log_examined(evaluation: Evaluation, story: Story, card: Card) -> str:
    """Log evaluation, report and card; returns the report."""
    for kind, each in story.models.items():
        tracking.log_performances(kind, each)
    html = page(evaluation, story)
    texts = {tracking.EVALUATION: evaluation.to_json(), tracking.REPORT: html}
    texts |= {"comparison.txt": _text(tables.comparison(story.models))}
    texts |= {"attrition.txt": _text(tables.attrition(story.attrition))}
    tracking.log_texts(texts)
    tracking.log_card(card)
    return html


def _champion(version: str | None, ground: Ground) -> tuple[Evaluation | None, str]:
    """The champion's evaluation, None when there is none, and a sentence on what it was measured on."""
    if version is None:
        return None, "there is no champion yet"
    model = tracking.load(version)
    if model.catalogue == ground.parts.test.catalogue:
        found = Evaluation(model.estimator.kind, version, ground.rows(), performances(model, ground), {})
        return found, f"champion version {version} was measured on the same rows"
    try:
        logged = tracking.logged_evaluation(version)
    except tracking.TrackingError as error:
        raise CommandError(
            f"champion version {version} reads other features, which this code does not compute, and {error}; with the "
            f"code of that version run: python -m training evaluate --model {version} --examples FILE; then promote"
        ) from error
    return logged, f"champion version {version} reads other features: its figures are those that its own run logged"


def _loaded(version: str) -> NeedModel:
    """The model of a version, which must read the features of this code.

    Raises:
        MaterialError: it reads others.
    """
    model = tracking.load(version)
    if model.catalogue != DENTAL.version:
        raise MaterialError(f"version {version} reads features {model.catalogue}, the catalogue is {DENTAL.version}")
    return model


def _log_setting(
    material: Material, model: NeedModel, policy: Policy, recalibrated: Recalibration | None = None
) -> None:
    recipe = Recipe.of(material, model.estimator, recalibrated, interview=model.interview is not None)
    parts = material.parts
    mlflow.log_params({
        "examples digest": material.digest, "rows": len(material.observed), "learn rows": len(parts.learn),
        "test rows": len(parts.test), "test from": f"{parts.test_from:%Y-%m-%d}", "catalogue": recipe.catalogue,
        "features": len(material.observed.names), "segments from": recipe.segments_from,
        "simulated people": material.simulated, "interview": recipe.interview, "python": recipe.python,
        "resamples": policy.resamples,
        **{f"cohort {key}": str(value) for key, value in asdict(material.cohort).items()},
        **_flat(f"{recipe.kind}", recipe.settings),
    })  # fmt: skip
    mlflow.set_tag("threads", os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    tracking.log_dataset(material.path, material.digest, material.observed.names, "training")
    tracking.log_texts({tracking.RECIPE: recipe.to_json()})


def _flat(prefix: str, settings: Mapping[str, object]) -> dict[str, object]:
    """Nested settings as one level of named parameters."""
    found: dict[str, object] = {}
    for name, value in settings.items():
        found |= _flat(prefix, value) if isinstance(value, dict) else {f"{prefix} {name}": value}
    return found


def _text(table: tables.Table) -> str:
    """A table as aligned lines of text."""
    lines = [table.head, *table.rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(table.head))]
    return "\n".join(
        "  ".join(cell.ljust(width) if at <= table.wide else cell.rjust(width)
                  for at, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in lines
    )  # fmt: skip
