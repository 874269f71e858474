"""The recipe of a run: all that is needed to fit its model again from its id.

A recipe names the file of examples with its digest, the split, the estimator with its settings, and the packages, so
that a run whose model cannot be had again says why.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np

from models.calibration import Change
from models.estimators import KINDS, Boosted, Estimator, ExplainableBoosting, Logistic, PointsRule
from models.need import NeedModel
from records.clock import start_of_day
from training import compare, tracking
from training.fit import DEFAULT, recalibrate
from training.material import Material

SETTINGS: Mapping[type[Estimator], tuple[str, ...]] = {
    PointsRule: ("points", "unanswered"),
    Logistic: ("strength",),
    Boosted: ("parameters", "rounds"),
    ExplainableBoosting: ("parameters",),
}
"""What of an estimator is set and not learnt."""
LEAST_ROWS = 200
"""Rows that levels are fitted anew by, at the least: half of them calibrate, the others make sets and intervals."""


class RecipeError(ValueError):
    """A run cannot be repeated here."""


@dataclass(frozen=True)
class Recalibration:
    """How the levels of a registered model were fitted anew.

    Attributes:
        base: the version that it was.
        since: first Helsinki day of the rows that say what the levels are, ISO 8601.
        slopes: whether slopes were fitted too, and not levels alone.
    """

    base: str
    since: str
    slopes: bool

    def fit(self, material: Material) -> tuple[NeedModel, tuple[Change, ...]]:
        """The base with its levels fitted anew, for the period and for each site, and what changed.

        The rows are of patients who are not tested on.

        Raises:
            RecipeError: so few needs are known since then that nothing can be said of a threshold.
        """
        since = start_of_day(date.fromisoformat(self.since))
        rows = compare.later_rows(material.observed, compare.SplitDefinition(), since)
        goal = compare.reached(rows, material.table)
        if len(rows) < LEAST_ROWS or not ((goal.sum(0) > 0) & (goal.sum(0) < len(rows))).all():
            raise RecipeError(f"only {len(rows)} needs are known since {self.since}: too few to fit levels by")
        return recalibrate(tracking.load(self.base), rows, material.table, sites=rows.about.get("site"),
                           slopes=self.slopes)  # fmt: skip


def settings_of(estimator: Estimator) -> dict[str, Any]:
    """What of an estimator is set and not learnt, by name."""
    return {name: getattr(estimator, name) for name in SETTINGS[type(estimator)]}


def maker_of(estimator: Estimator) -> Callable[[], Estimator]:
    """Makes unfitted estimators with the settings of a fitted one."""
    kind: Any = type(estimator)
    return lambda: kind(estimator.features, **settings_of(estimator))


@dataclass(frozen=True)
class Recipe:
    """How the model of a run was made.

    Attributes:
        examples: the file, as it was named. `digest`: of its content.
        catalogue, segments_from, cohort_from: versions and first days of what holds.
        split: of patients and time. `plan`: how the rows to learn from are used.
        kind, settings: of the estimator.
        python, packages: versions.
        recalibrated: how the levels were fitted anew; None for a model fitted from the beginning.
        interview: whether the model learnt interviews too.
    """

    examples: str
    digest: str
    catalogue: str
    segments_from: str
    cohort_from: str
    split: Mapping[str, Any]
    plan: Mapping[str, Any]
    kind: str
    settings: Mapping[str, Any]
    python: str
    packages: Mapping[str, str]
    recalibrated: Recalibration | None = None
    interview: bool = False

    @classmethod
    def of(
        cls, material: Material, estimator: Estimator, recalibrated: Recalibration | None = None, *,
        interview: bool = False,
    ) -> Self:  # fmt: skip
        """The recipe of an estimator fitted on material, or of a model whose levels were fitted anew on it."""
        return cls(
            examples=str(material.path.resolve()),
            digest=material.digest,
            catalogue=material.observed.catalogue,
            segments_from=material.table.valid_from.isoformat(),
            cohort_from=material.cohort.valid_from.isoformat(),
            split=asdict(compare.SplitDefinition()),
            plan=asdict(DEFAULT),
            kind=estimator.kind,
            settings=json.loads(json.dumps(settings_of(estimator), default=dict)),
            python=platform.python_version(),
            packages=tracking.requirements(),
            recalibrated=recalibrated,
            interview=interview,
        )

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            RecipeError: it is no recipe.
        """
        try:
            said: dict[str, Any] = json.loads(text)
            step = said.pop("recalibrated", None)
            return cls(**said, recalibrated=step and Recalibration(**step))
        except (ValueError, TypeError) as error:
            raise RecipeError(f"the run's recipe cannot be read: {error}") from error

    def differences(self, other: Recipe) -> Iterator[str]:
        """What of two recipes differs, other than the file's name, as sentences."""
        mine, theirs = asdict(self), asdict(other)
        for name in mine:
            if name != "examples" and mine[name] != theirs[name]:
                yield f"{name}: {mine[name]} then, {theirs[name]} now"

    def make(self, features: tuple[str, ...]) -> Callable[[], Estimator]:
        """Makes the unfitted estimator."""
        kind: Any = KINDS[self.kind]
        return lambda: kind(features, **self.settings)


def again(recipe: Recipe, material: Material) -> NeedModel:
    """Fit the model of a recipe once more.

    Raises:
        RecipeError: the material is not that of the recipe.
    """
    made = recipe.make(material.observed.names)
    now = Recipe.of(material, made(), recipe.recalibrated, interview=recipe.interview)
    for what in ("digest", "catalogue", "segments_from", "cohort_from", "split", "plan"):
        if getattr(now, what) != getattr(recipe, what):
            raise RecipeError(f"{what} is {getattr(now, what)}, the run had {getattr(recipe, what)}")
    if recipe.recalibrated is not None:
        return recipe.recalibrated.fit(material)[0]
    return compare.fit_model(made, material.parts.learn, material.table, interview=recipe.interview)


def same_predictions(one: NeedModel, other: NeedModel, material: Material) -> bool:
    """Whether two models predict the same bytes for every test row."""
    first, second = (compare.predict(model, material.parts.test) for model in (one, other))
    names = [each.name for each in fields(first)]
    return all(_bytes(getattr(first, name)) == _bytes(getattr(second, name)) for name in names)


def _bytes(values: np.ndarray | None) -> bytes | None:
    return None if values is None else np.ascontiguousarray(values).tobytes()


def file_of(recipe: Recipe, given: Path | None) -> Path:
    """The file of examples to fit on: the one given, else the one that the recipe names.

    Raises:
        RecipeError: it is not there.
    """
    path = given or Path(recipe.examples)
    if not path.is_file():
        raise RecipeError(f"the run's examples are not at {path}; name them: --examples FILE (digest {recipe.digest})")
    return path
