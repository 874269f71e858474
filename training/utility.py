"""What acting on a model is worth: net benefit, minutes of first appointments, and care captured.

Net benefit counts true positives, less false positives weighed by the odds of the threshold probability, per person
(Vickers and Elkin 2006). The threshold probability says how many needless long bookings one rightly long one is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.segments import SegmentTable
from training.bootstrap import Resamples, interval
from training.evaluation import Amount, Booking, Captured, Confusion, NetBenefit
from training.slices import shown

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
CURVE = np.round(np.arange(0.02, 0.701, 0.02), 2)
"""Threshold probabilities of the decision curve."""
TOP = 0.1


def net_benefit(p: Floats, y: Bools, at: float) -> float:
    """Net benefit of acting on everyone whose probability is at least `at`, per person."""
    positive = p >= at
    return float(((positive & y).sum() - (positive & ~y).sum() * _odds(at)) / len(y))


def treat_all(y: Bools, at: float) -> float:
    """Net benefit of acting on everyone."""
    share = float(y.mean())
    return share - (1 - share) * _odds(at)


def _odds(at: float) -> float:
    return at / (1 - at)


def decision_curve(p: Floats, y: Bools) -> tuple[tuple[float, float, float], ...]:
    """Threshold probability, net benefit of the model and of acting on everyone, along `CURVE`."""
    return tuple((float(at), net_benefit(p, y, at), treat_all(y, at)) for at in CURVE)


def declared(
    p: Floats, y: Bools, thresholds: tuple[float, ...], resamples: Resamples
) -> tuple[tuple[NetBenefit, ...], dict[str, Floats]]:
    """Net benefit at declared threshold probabilities, with the replicates of it and of the gain over the defaults."""
    columns = [np.ones(len(y), np.bool_), y]
    for at in thresholds:
        columns += [(p >= at) & y, (p >= at) & ~y]
    sums = resamples.sums(np.stack(columns, axis=1).astype(np.float64))
    n, events = sums[:, 0], sums[:, 1]
    found: list[NetBenefit] = []
    replicates: dict[str, Floats] = {}
    for k, at in enumerate(thresholds):
        acted = (sums[:, 2 + 2 * k] - sums[:, 3 + 2 * k] * _odds(at)) / n
        everyone = (events - (n - events) * _odds(at)) / n
        found.append(NetBenefit(at, net_benefit(p, y, at), treat_all(y, at), interval(acted)))
        replicates |= {f"net_benefit {at}": acted, f"gain {at}": acted - np.maximum(everyone, 0)}
    return tuple(found), replicates


def slots(segment: Ints, table: SegmentTable) -> Floats:
    """Minutes of the first appointment that each segment calls for."""
    return np.array([each.first.minutes for each in table.segments], np.float64)[segment]


def booking(strategy: str, booked: Floats, needed: Floats, recorded: Floats) -> Booking:
    """What booking so many minutes does.

    Args:
        strategy: who books.
        booked: minutes booked for each person.
        needed: minutes that the segment calls for which the episode turned out to be.
        recorded: chair minutes of the first visit, NaN where not known.
    """
    gap = booked - needed
    known = ~np.isnan(recorded)
    beside = (booked - recorded)[known] if known.any() else np.full(1, np.nan)
    return Booking(strategy, _per_100(gap), _per_100(-gap), _per_100(beside), _per_100(-beside),
                   float((gap < 0).mean()))  # fmt: skip


def _per_100(minutes: Floats) -> float:
    return float(100 * np.where(np.isnan(minutes), np.nan, np.maximum(minutes, 0)).mean())


def confusion(suggested: Ints, happened: Ints, table: SegmentTable) -> Confusion:
    """Suggested segments against those the episodes turned out to be; small counts are hidden."""
    count = len(table.segments)
    rows = np.bincount(suggested * count + happened, minlength=count * count)
    text = shown(rows.tolist())
    minutes = [segment.first.minutes for segment in table.segments]
    return Confusion(
        table.names,
        tuple(tuple(text[k * count : (k + 1) * count]) for k in range(count)),
        tuple(tuple(booked - called for called in minutes) for booked in minutes),
    )


def captured(strategy: str, ranking: Floats, visits: Floats, minutes: Floats, resamples: Resamples) -> Captured:
    """Care of the tenth ranked highest, as a share of all care; among equals the earlier rows count."""
    top = np.zeros(len(ranking))
    top[np.argsort(-ranking, kind="stable")[: max(1, round(TOP * len(ranking)))]] = 1.0
    sums = resamples.sums(np.stack([minutes * top, minutes], axis=1))
    return Captured(strategy, float((visits * top).sum() / visits.sum()), float((minutes * top).sum() / minutes.sum()),
                    interval(sums[:, 0] / sums[:, 1]))  # fmt: skip


def amounts(
    what: Literal["visits", "minutes"],
    expected: Floats,
    taken: Floats,
    professions: Sequence[str],
    resamples: Resamples,
) -> Iterator[Amount]:
    """Expected and taken care in all and by profession.

    Args:
        what: which amounts they are.
        expected, taken: by profession, shape (n, professions).
        professions: names of the columns.
        resamples: of the rows' patients.
    """
    for name, one, other in (
        ("all", expected.sum(1), taken.sum(1)),
        *((name, expected[:, at], taken[:, at]) for at, name in enumerate(professions)),
    ):
        sums = resamples.sums(np.stack([other, one], axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios, ratio = sums[:, 0] / sums[:, 1], float(np.float64(other.sum()) / one.sum())
        yield Amount(what, name, float(one.mean()), float(other.mean()), (ratio, *interval(ratios)),
                     float(np.abs(one - other).mean()))  # fmt: skip
