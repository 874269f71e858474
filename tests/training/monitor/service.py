"""A simulated year of service with a model whose probabilities are right, and the shifts that can befall it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from scipy.special import expit

from features.evaluate import Matrix
from features.profile import Profile
from models.segments import read_tables
from training.monitor.figures import Standard
from training.monitor.limits import Limits
from training.monitor.reference import Reference
from training.monitor.served import DAY, EARLY_DAYS, Served

SEGMENTS = read_tables()[-1]
NAMES = ("age", "minutes", "deepest_pocket", "since_visit")
VERSION = "v1"
MONTHLY = 1_200
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
ONSET = datetime(2025, 1, 1, tzinfo=UTC)
UNTIL = datetime(2026, 7, 1, tzinfo=UTC)
NOBODY = np.array([], np.str_)
World = dict[str, np.ndarray]
Shift = Callable[[World, np.ndarray], None]
"""Changes a world in place, in the rows where the flag is true."""


def micro(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


@dataclass
class Service:
    """What was served, and what it is held against."""

    served: Served
    standard: Standard


def world(rng: np.random.Generator, n: int, since: datetime, until: datetime) -> World:
    """People who call, as they are: features, true margins, and who they are."""
    age, wear = rng.integers(18, 90, n), rng.normal(0, 1, n)
    pocket = np.where(rng.random(n) < 0.3, np.nan, np.clip(np.rint(4 + 1.5 * wear), 0, 12))
    x = np.column_stack([age, rng.poisson(60 * np.exp(0.4 * wear)), pocket, rng.integers(30, 2000, n)]).astype(float)
    margins = np.column_stack([-1.2 + 1.3 * wear, -2.2 + 1.3 * wear])
    return {
        "when": np.sort(rng.integers(micro(since), micro(until), n)),
        "unit": rng.choice(["Kallio", "Pasila", "Vuosaari"], n, p=[0.3, 0.3, 0.4]),
        "language": rng.choice(["fi", "sv", "en"], n, p=[0.75, 0.05, 0.2]),
        "model": np.full(n, "1", "<U2"),
        "version": np.full(n, VERSION, "<U2"),
        "x": x,
        "said": margins,
        "true": margins.copy(),
        "known": rng.random(n) < 0.9,
        "accepts": rng.random(n) < 0.85,
        "draw": rng.random(n),
    }


def service(shift: Shift | None = None, seed: int = 1) -> Service:
    """Two and a half years of service; a shift comes over it from `ONSET` on."""
    rng = np.random.default_rng(seed)
    reference = _served(world(rng, 12_000, datetime(2022, 1, 1, tzinfo=UTC), FIRST), micro(UNTIL))
    people = world(rng, 30 * MONTHLY, FIRST, UNTIL)
    if shift is not None:
        shift(people, people["when"] >= micro(ONSET))
    profile = Profile.of(VERSION, Matrix(NAMES, reference.x), pa.array(reference.patient_ids)).published()
    standard = Standard(Reference.of(reference, profile), SEGMENTS, VERSION, Limits.read())
    return Service(_served(people, micro(UNTIL)), standard)


def _served(people: World, until: int) -> Served:
    """What the service said of people, and what became known of them by `until`."""
    n = len(people["when"])
    at_least, chance = expit(people["said"]), expit(people["true"])
    suggested = np.where(people["known"], SEGMENTS.suggest(at_least), -1)
    truth = (people["draw"][:, None] < chance).sum(1)
    horizon = people["when"] + SEGMENTS.horizon_days * DAY
    early = people["when"] + EARLY_DAYS * DAY
    other = np.where(suggested > 0, suggested - 1, 1)
    # A set of every segment that the model finds at least one in ten likely: it holds nearly all truths.
    probability = np.column_stack([1 - at_least[:, 0], at_least[:, 0] - at_least[:, 1], at_least[:, 1]])
    return Served(
        patient_ids=np.arange(n).astype(np.str_),
        when=people["when"],
        groups={"unit": people["unit"], "language": people["language"], "model_version": people["model"]},
        features_version=people["version"],
        suggested=suggested,
        at_least=np.where(people["known"][:, None], at_least, np.nan),
        members=(probability >= 0.1) & people["known"][:, None],
        decided=np.where(people["known"], np.where(people["accepts"], suggested, other), -1),
        truth=np.where((horizon <= until) & people["known"], truth, -1),
        early=np.where(early <= until, 1.0 + truth, np.nan),
        x=people["x"],
        names=NAMES,
    )


def without_outcomes(served: Served) -> Served:
    """The same service before any need or early visit is known."""
    return replace(served, truth=np.full(len(served), -1), early=np.full(len(served), np.nan))
