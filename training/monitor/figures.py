"""The figures of one month of service, each beside what was expected and how far chance could have moved it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.evaluate import Matrix
from features.profile import Profile, drift
from models.segments import SegmentTable
from training.monitor.limits import Limits
from training.monitor.reference import Reference, expected_auroc
from training.monitor.served import Served
from training.scores import auroc

EVERYONE = "all"


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        kind: one of `training.monitor.limits.KINDS`.
        about: what it is of: a segment, a feature, or empty.
        group: `all`, or a grouping with its value (`unit: Kallio`).
        n: assessments it stands on.
        value: as found.
        expected: as it should be.
        z: distance in standard errors; None where chance plays no part or is allowed for by the margin.
    """

    kind: str
    about: str
    group: str
    n: int
    value: float
    expected: float
    z: float | None

    @property
    def distance(self) -> float:
        """Found less expected."""
        return self.value - self.expected


@dataclass(frozen=True)
class Month:
    """What one month is judged by.

    Attributes:
        name: `2026-03`.
        served: assessments made in the month.
        early: assessments whose early visits became known in the month.
        matured: assessments whose need became known in the month.
    """

    name: str
    served: Served
    early: Served
    matured: Served


@dataclass(frozen=True)
class Standard:
    """What a service is held against.

    Attributes:
        reference: what is normal.
        segments: the table of segments.
        catalogue: version of the feature catalogue in use.
        limits: what is let pass, and how many people a figure needs.
    """

    reference: Reference
    segments: SegmentTable
    catalogue: str
    limits: Limits


def measure(month: Month, standard: Standard) -> list[Figure]:
    """All figures of a month that stand on enough people."""
    reference, segments, limits = standard.reference, standard.segments, standard.limits
    found: list[Figure] = []
    if len(month.served) >= limits.served:
        found += _inputs(month.served, standard)
    for group, part in _groups(month.served, limits.served):
        found += _outputs(part, reference, segments, group)
        found += _decisions(part, reference, group, limits)
    for group, part in _groups(month.early, limits.matured):
        found += _early(part, reference, group, limits)
    for group, part in _groups(month.matured, limits.matured):
        found += _outcomes(part, reference, segments, group, limits)
    return found


def _groups(served: Served, fewest: int) -> Iterator[tuple[str, Served]]:
    """Everyone, and every site and language with enough assessments."""
    if len(served) >= fewest:
        yield EVERYONE, served
    for grouping in ("unit", "language"):
        values, counts = np.unique(served.groups[grouping], return_counts=True)
        for value in values[(counts >= fewest) & (counts < len(served))]:
            if value:
                yield f"{grouping}: {value}", served.take(served.groups[grouping] == value)


def _inputs(served: Served, standard: Standard) -> Iterator[Figure]:
    reference, catalogue, limits = standard.reference, standard.catalogue, standard.limits
    other = float((served.features_version != catalogue).mean())
    yield Figure("schema", "features of another version", EVERYONE, len(served), other, 0.0, None)
    if reference.profile["catalogue"] != catalogue:
        yield Figure("schema", "reference of other features", EVERYONE, len(served), 1.0, 0.0, None)
        return
    now = Profile.of(catalogue, Matrix(served.names, served.x), pa.array(served.patient_ids)).published()
    for name, moved in drift(reference.profile, now).items():
        yield Figure("missing", name, EVERYONE, len(served), moved.missing, 0.0, None)
        kind = "broken" if moved.psi > limits.of["broken"].margin else "drift"
        yield Figure(kind, name, EVERYONE, len(served), moved.psi, 0.0, None)


def _outputs(served: Served, reference: Reference, segments: SegmentTable, group: str) -> Iterator[Figure]:
    known = served.suggested >= 0
    n = int(known.sum())
    if reference.without_history is not None:
        share = 1 - n / len(served)
        yield Figure("no_history", "", group, len(served), share, reference.without_history,
                     _z_share(share, reference.without_history, len(served)))  # fmt: skip
    if not n:
        return
    for at, name in enumerate(segments.names):
        share, expected = float((served.suggested[known] == at).mean()), reference.suggested[at]
        yield Figure("suggested", name, group, n, share, expected, _z_share(share, expected, n))
        if at:
            p = served.at_least[known, at - 1]
            yield Figure("estimated_ranking", name, group, n, expected_auroc(p), reference.ranking[at - 1],
                         _z_auroc(expected_auroc(p), reference.ranking[at - 1], n, float(p.mean())))  # fmt: skip


def _decisions(served: Served, reference: Reference, group: str, limits: Limits) -> Iterator[Figure]:
    decided = (served.decided >= 0) & (served.suggested >= 0)
    n = int(decided.sum())
    if n >= limits.served and reference.overridden is not None:
        share = float((served.decided != served.suggested)[decided].mean())
        yield Figure("overridden", "", group, n, share, reference.overridden, _z_share(share, reference.overridden, n))


def _early(served: Served, reference: Reference, group: str, limits: Limits) -> Iterator[Figure]:
    """Visits in the first days, as a ratio to what people of the same suggested segment used to need."""
    mean = np.array([np.nan if each is None else each for each in (*reference.early, None)])[served.suggested]
    sd = np.array([np.nan if each is None else each for each in (*reference.early_sd, None)])[served.suggested]
    known = ~np.isnan(served.early) & ~np.isnan(mean)
    n, expected = int(known.sum()), float(mean[known].sum())
    if n >= limits.matured and expected:
        found = float(served.early[known].sum())
        z = (found - expected) / max(math.sqrt(float((sd[known] ** 2).sum())), 1e-9)
        yield Figure("early", "visits in 90 days", group, n, found / expected, 1.0, z)


def _outcomes(
    served: Served, reference: Reference, segments: SegmentTable, group: str, limits: Limits
) -> Iterator[Figure]:
    rows = served.take((served.truth >= 0) & (served.suggested >= 0))
    if len(rows) < limits.matured:
        return
    for at, name in enumerate(segments.names[1:], 1):
        p, reached = rows.at_least[:, at - 1], rows.truth >= at
        observed, expected = int(reached.sum()), float(p.sum())
        spread = math.sqrt(float((p * (1 - p)).sum()))
        yield Figure("calibration", name, group, len(rows), observed / max(expected, 1e-9), 1.0,
                     (observed - expected) / max(spread, 1e-9))  # fmt: skip
        if 0 < observed < len(rows):
            ranking, normal = auroc(p, reached), expected_auroc(p)
            yield Figure("ranking", name, group, len(rows), ranking, normal,
                         _z_auroc(ranking, normal, len(rows), observed / len(rows)))  # fmt: skip
    with_set = rows.members.any(1)
    n = int(with_set.sum())
    if reference.coverage is not None and n >= limits.matured:
        covered = float(rows.members[with_set, rows.truth[with_set]].mean())
        yield Figure("coverage", "", group, n, covered, reference.coverage, _z_share(covered, reference.coverage, n))


def _z_share(share: float, expected: float, n: int) -> float:
    return (share - expected) / math.sqrt(max(expected * (1 - expected), 1 / n) / n)


def _z_auroc(found: float, expected: float, n: int, prevalence: float) -> float:
    """With the standard error of Hanley and McNeil (Radiology 1982;143:29) at the expected area."""
    a, events = expected, max(n * prevalence, 1.0)
    others = max(n - events, 1.0)
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    variance = (a * (1 - a) + (events - 1) * (q1 - a * a) + (others - 1) * (q2 - a * a)) / (events * others)
    return (found - expected) / math.sqrt(max(variance, 1e-12))
