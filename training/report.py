"""The report of a run: one self-contained page that a clinician, a data scientist and an officer can read.

Every figure has a text for those who do not see it and a table with its numbers beside it. No script, no outside
asset; readable at 320 pixels and in print.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.families import Feature
from models.need import NeedModel
from models.reasons import WITHIN
from training import figures, tables
from training.evaluation import Curves, Evaluation, Performance
from training.figures import Drawing
from training.gate import Verdict
from training.tables import Table

Floats = NDArray[np.float64]
HERE = Path(__file__).parent / "templates"
MODELS = Path(__file__).parent.parent / "models" / "templates"
ROWS_DRAWN, FEATURES_DRAWN = 2_000, 15


@dataclass(frozen=True)
class Influence:
    """How features moved one margin: what the beeswarm shows, the feature that matters most first.

    Attributes:
        labels: of the features. `mean`: mean distance from zero, log-odds.
        agrees: correlation of value rank and contribution: above 0, more raises the estimate.
        contributions, values: of the rows drawn, shape (rows, features).
    """

    labels: tuple[str, ...]
    mean: tuple[float, ...]
    agrees: tuple[float, ...]
    contributions: Floats
    values: Floats


@dataclass(frozen=True)
class Story:
    """What a report tells beside the evaluation.

    Attributes:
        title: of the page.
        made: how the run was made, shown as terms and their values.
        attrition: booking contacts left out, by reason.
        others: curves of other models on the same rows, by name and segment.
        models: how all models of the run perform, by name and segment.
        influences: by segment.
        verdict: of the gate, when it was asked.
        tuning: the trials of the search for settings, when there was one.
    """

    title: str
    made: Mapping[str, str]
    attrition: Mapping[str, int]
    others: Mapping[str, Mapping[str, Curves]] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Performance]] = field(default_factory=dict)
    influences: Mapping[str, Influence] = field(default_factory=dict)
    verdict: Verdict | None = None
    tuning: Drawing | None = None


def influence(model: NeedModel, catalogue: Catalogue, x: Floats, threshold: int) -> Influence:
    """How features moved one margin of a model over at most `ROWS_DRAWN` rows."""
    rows = x[np.linspace(0, len(x) - 1, min(len(x), ROWS_DRAWN)).astype(np.int64)]
    moved = model.estimator.contributions(rows)[:, threshold, :-1]
    size = np.abs(moved).mean(0)
    first = np.argsort(-size, kind="stable")[:FEATURES_DRAWN]
    chosen = [catalogue.features[at] for at in first.tolist()]
    ranks = [figures.ranks(rows[:, at]) for at in first.tolist()]
    agrees = tuple(_correlation(rank, moved[:, at]) for rank, at in zip(ranks, first.tolist(), strict=True))
    return Influence(
        tuple(_label(feature) for feature in chosen), tuple(size[first].tolist()), agrees, moved[:, first],
        rows[:, first],
    )  # fmt: skip


def _label(feature: Feature) -> str:
    return f"{feature.label('en')} {WITHIN[feature.window]['en']}".rstrip()


def _correlation(one: Floats, other: Floats) -> float:
    spread = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread > 0 else 0.0


def page(evaluation: Evaluation, story: Story) -> str:
    """The report as HTML text."""
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            evaluation=evaluation,
            story=story,
            tables=_tables(evaluation, story),
            subgroups=tables.subgroups(evaluation),
            segments={
                name: dict(_segment(f"s{at}", name, evaluation, story)) for at, name in enumerate(evaluation.curves)
            },
        )
    )


def _tables(evaluation: Evaluation, story: Story) -> dict[str, Table | None]:
    made = (tables.summary, tables.what_ifs, tables.bookings, tables.confusion, tables.captured, tables.amounts,
            tables.folds, tables.label_bias, tables.coverage, tables.checks)  # fmt: skip
    return {make.__name__: make(evaluation) for make in made} | {
        "attrition": tables.attrition(story.attrition),
        "comparison": tables.comparison(story.models) if story.models else None,
        "rules": tables.rules(story.verdict) if story.verdict else None,
    }


def _segment(prefix: str, segment: str, evaluation: Evaluation, story: Story) -> Iterator[tuple[str, Any]]:
    """The drawings of one threshold by name, and their tables; ids in the drawings start with the prefix."""
    curves, found = evaluation.curves[segment], evaluation.thresholds[segment]
    lines = {"model": curves} | {name: each[segment] for name, each in story.others.items()}
    yield "calibration", figures.calibration(f"{prefix}c", curves, segment)
    yield "calibration_table", tables.calibration(curves, segment)
    yield "decision", figures.decision(f"{prefix}d", lines, segment)
    yield "decision_table", tables.decision(lines, segment)
    yield "declared_table", tables.declared(found, segment)
    yield "risk", figures.risk(f"{prefix}r", curves, segment)
    yield "risk_table", tables.risk(curves, segment)
    yield "forest", figures.forest(f"{prefix}f", evaluation.subgroups, segment, found.scores.auroc)
    one = story.influences.get(segment)
    yield "reasons", one and figures.beeswarm(f"{prefix}b", one.labels, one.contributions, one.values, segment)
    yield "reasons_table", one and tables.influences(one.labels, one.mean, one.agrees, segment)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader([HERE, MODELS]), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=select_autoescape(["html.j2"]),
    )  # fmt: skip
    made.filters["svg"] = lambda drawing: Markup(drawing.svg)  # noqa: S704 - drawn here, no text from outside unescaped
    return made
