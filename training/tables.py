"""The tables of a report: every number of an evaluation as text, in heads and rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from training.bootstrap import interval
from training.evaluation import Curves, Evaluation, Performance, Subgroup
from training.gate import Verdict
from training.slices import shown

DASH = "\u2013"
MINUS = "\u2212"


@dataclass(frozen=True)
class Table:
    """A table of text cells.

    Attributes:
        label: what it is, for those who cannot see where it stands.
        head: of the columns. `rows`: cells; the first of a row heads it.
        wide: how many columns after the first hold sentences rather than numbers.
    """

    label: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide: int = 0


def _table(label: str, head: Iterable[str], rows: Iterable[Iterable[str]], wide: int = 0) -> Table:
    return Table(label, tuple(head), tuple(tuple(row) for row in rows), wide)


def number(value: float, places: int = 3, *, sign: bool = False) -> str:
    """A number; a dash where it is not known."""
    if math.isnan(value):
        return DASH
    return f"{value:{'+' if sign else ''}.{places}f}".replace("-", MINUS)


def ranged(value: float, low: float, high: float, places: int = 3) -> str:
    """A number with its interval."""
    return f"{number(value, places)} ({number(low, places)} to {number(high, places)})"


def percent(share: float) -> str:
    """A share as percentage."""
    return DASH if math.isnan(share) else f"{100 * share:.1f}%"


def summary(evaluation: Evaluation) -> Table:
    """Primary and supporting figures, a column for each threshold."""
    columns = [_summary(evaluation, *each) for each in evaluation.thresholds.items()]
    rows = ((name, *(column[name] for column in columns)) for name in columns[0])
    head = ("figure", *(f"at least {segment}" for segment in evaluation.thresholds))
    return _table("Primary and supporting figures", head, rows)


def _summary(evaluation: Evaluation, segment: str, found: Performance) -> dict[str, str]:
    scores, bounds = found.scores, found.bounds
    ceilings = {each.segment: each.auroc for each in evaluation.ceiling}
    return {
        "rows": f"{scores.n:,}",
        "reached it": f"{scores.events:,} ({percent(scores.events / scores.n)})",
        "AUROC": ranged(scores.auroc, scores.auroc_low, scores.auroc_high),
        "AUROC above today's rule": gain_on_rule(evaluation, segment),
        "AUROC below the ceiling": number(ceilings.get(segment, math.nan) - scores.auroc),
        "calibration slope": ranged(scores.slope, *bounds["slope"], places=2),
        "calibration intercept": ranged(scores.intercept, *bounds["intercept"], places=2),
        "observed / expected": ranged(scores.observed_to_expected, *bounds["observed_to_expected"], places=2),
        "scaled Brier score": ranged(scores.brier_scaled, *bounds["brier_scaled"]),
    }


def gain_on_rule(evaluation: Evaluation, segment: str) -> str:
    """AUROC above today's rule with its paired interval."""
    if segment not in evaluation.rule:
        return DASH
    one, rule = evaluation.thresholds[segment], evaluation.rule[segment]
    low, high = interval(np.subtract(one.replicates["auroc"], rule.replicates["auroc"]))
    return ranged(one.scores.auroc - rule.scores.auroc, low, high)


def comparison(models: Mapping[str, Mapping[str, Performance]]) -> Table:
    """Models side by side on the same rows."""
    head = ("at least", "model", "AUROC", "log loss", "scaled Brier", "slope", "observed / expected")
    rows = [
        (segment, name, ranged(found.scores.auroc, found.scores.auroc_low, found.scores.auroc_high),
         number(found.scores.log_loss, 4), number(found.scores.brier_scaled), number(found.scores.slope, 2),
         number(found.scores.observed_to_expected, 2))
        for name, each in models.items() for segment, found in each.items()
    ]  # fmt: skip
    return _table("Models on the same rows", head, sorted(rows), 1)


def attrition(counts: Mapping[str, int]) -> Table:
    """How many contacts came in, left for each reason, and stayed; small counts are hidden."""
    reasons = [reason for reason in counts if reason not in ("booking contacts", "kept")]
    texts = shown([*(counts[reason] for reason in reasons), counts["kept"]])
    first = ("booking contacts", f"{counts['booking contacts']:,}")
    return _table("Attrition", ("step", "contacts"), [first, *zip([*reasons, "kept"], texts, strict=True)])


def what_ifs(evaluation: Evaluation) -> Table:
    """Figures under assumptions about needs that were not observed, a row for each assumption."""
    names = ("share", "AUROC", "observed / expected")
    head = ("assumption", "rows", *(f"{segment}: {name}" for segment in evaluation.thresholds for name in names))
    groups = groupby(evaluation.what_ifs, key=lambda each: (each.assumption, each.n))
    rows = (
        (assumption, f"{n:,}", *(cell for each in found for cell in
         (percent(each.share), number(each.auroc), number(each.observed_to_expected, 2))))
        for (assumption, n), found in groups
    )  # fmt: skip
    return _table("What if needs that were not observed had been otherwise", head, rows)


def calibration(curves: Curves, segment: str) -> Table:
    """The numbers of the calibration plot."""
    rows = ((number(each.predicted), ranged(each.observed, each.low, each.high), f"{each.n:,}") for each in curves.bins)
    return _table(f"Calibration of at least {segment}", ("predicted", "observed", "rows"), rows)


def decision(lines: Mapping[str, Curves], segment: str) -> Table:
    """Every third number of the decision curves."""
    first = next(iter(lines.values())).decision
    rows = (
        (
            number(first[at][0], 2),
            *(number(each.decision[at][1], 4) for each in lines.values()),
            number(first[at][2], 4),
        )
        for at in range(0, len(first), 3)
    )
    return _table(f"Net benefit of at least {segment}", ("threshold", *lines, "everyone"), rows)


def _benefits(lines: Mapping[str, Curves], at: int) -> list[str]:
    return [number(each.decision[at][1], 4) for each in lines.values()]


def declared(found: Performance, segment: str) -> Table:
    """Net benefit at the declared threshold probabilities."""
    head = ("threshold", "model", "everyone", "above both defaults")
    rows = (
        (number(each.at, 2), ranged(each.model, *each.bounds, places=4), number(each.treat_all, 4),
         number(each.gain, 4, sign=True))
        for each in found.net_benefit
    )  # fmt: skip
    return _table(f"Net benefit at declared thresholds, at least {segment}", head, rows)


def risk(curves: Curves, segment: str) -> Table:
    """The numbers of the distribution of predicted risk."""
    ends = [row[0] for row in curves.risk[1:]] + [1.0]
    rows = (
        (f"{start:.2f} to {end:.2f}", f"{reached:,}", f"{others:,}")
        for (start, reached, others), end in zip(curves.risk, ends, strict=True)
    )
    return _table(f"Distribution of risk, at least {segment}", ("predicted", "reached", "not reached"), rows)


def influences(labels: Sequence[str], sizes: Sequence[float], agrees: Sequence[float], segment: str) -> Table:
    """The numbers of a beeswarm: mean distance from zero, and which way a higher value moves the estimate."""
    ways = ("more raises" if way > 0.1 else "more lowers" if way < -0.1 else "no clear direction" for way in agrees)
    rows = ((label, number(size), way) for label, size, way in zip(labels, sizes, ways, strict=True))
    return _table(f"Influence of features, at least {segment}", ("feature", "mean log-odds", "direction"), rows)


def bookings(evaluation: Evaluation) -> Table:
    """Minutes of first appointments by who books."""
    head = ("who books", "over-booked", "under-booked", "too short", "over, recorded", "under, recorded")
    rows = (
        (each.strategy, number(each.over, 0), number(each.under, 0), percent(each.too_short),
         number(each.over_recorded, 0), number(each.under_recorded, 0))
        for each in evaluation.bookings
    )  # fmt: skip
    return _table("Minutes of first appointments per 100 bookings", head, rows)


def confusion(evaluation: Evaluation) -> Table | None:
    """Suggested segments against those of the episodes, with the minutes booked more or fewer."""
    found = evaluation.confusion
    if found is None:
        return None
    rows = (
        (name, *(f"{count} ({number(gap, 0, sign=True)} min)" for count, gap in zip(counts, gaps, strict=True)))
        for name, counts, gaps in zip(found.segments, found.rows, found.minutes, strict=True)
    )
    return _table("Confusion in minutes", ("suggested", *found.segments), rows)


def amounts(evaluation: Evaluation) -> Table:
    """Expected care beside the care that episodes took, in all and by profession."""
    head = ("what", "profession", "expected", "taken", "taken / expected", "mean absolute error")
    rows = (
        (each.what, each.profession, number(each.expected, 2), number(each.taken, 2), ranged(*each.ratio, places=2),
         number(each.error, 2))
        for each in evaluation.amounts
    )  # fmt: skip
    return _table("Expected care beside care taken", head, rows, 1)


def captured(evaluation: Evaluation) -> Table:
    """Care of the tenth ranked highest."""
    head = ("who ranks", "of all visits", "of all chair minutes")
    rows = (
        (each.strategy, percent(each.visits),
         f"{percent(each.minutes)} ({percent(each.bounds[0])} to {percent(each.bounds[1])})")
        for each in evaluation.captured
    )  # fmt: skip
    return _table("Care of the tenth ranked highest", head, rows)


def subgroups(evaluation: Evaluation) -> dict[str, Table]:
    """The model in each subgroup, one table a dimension."""
    segments = tuple(evaluation.thresholds)
    columns = ("AUROC", "observed / expected", "slope", "scaled Brier", "net benefit")
    heads = (f"{segment}: {name}" for segment in segments for name in columns)
    head = ("rows", *heads, "over-booked", "under-booked")
    return {
        dimension: _table(f"By {dimension}", (dimension, *head), (_subgroup(each, segments) for each in groups))
        for dimension, groups in groupby(evaluation.subgroups, key=lambda each: each.dimension)
    }


def _subgroup(group: Subgroup, segments: Sequence[str]) -> Iterator[str]:
    yield group.level
    yield group.rows
    for segment in segments:
        found = group.figures.get(segment)
        if found is None:
            yield from ("not assessable", *[DASH] * 4)
            continue
        yield ranged(*found.auroc, places=2)
        yield ranged(*found.observed_to_expected, places=2)
        yield number(found.slope, 2)
        yield number(found.brier_scaled)
        yield number(found.gain, 3, sign=True)
    for minutes in (group.over, group.under):
        yield DASH if minutes is None else number(minutes, 0)


def folds(evaluation: Evaluation) -> Table:
    """Rolling origins and left-out sites."""
    heads = (f"{segment}: {name}" for segment in evaluation.thresholds
             for name in ("AUROC", "slope", "observed / expected"))  # fmt: skip
    rows = (
        (f"{'from' if fold.kind == 'origin' else 'without'} {fold.name}", f"{fold.learnt:,}", f"{fold.tested:,}",
         *(text for segment in evaluation.thresholds for text in _fold(fold.figures[segment])))
        for fold in evaluation.folds
    )  # fmt: skip
    return _table("Rolling origins and left-out sites", ("tested", "learnt", "rows", *heads), rows)


def _fold(figures: tuple[float, float, float, float, float]) -> tuple[str, str, str]:
    return ranged(*figures[:3], places=2), number(figures[3], 2), number(figures[4], 2)


def label_bias(evaluation: Evaluation) -> Table:
    """What the records show of the true need."""
    head = ("group", "contacts", "never came", "of those in heavy need", "truly heavy", "recorded heavy",
            "visits recorded / needed", "visits expected / needed")  # fmt: skip
    rows = (
        (f"{each.dimension} {each.level}".strip(), each.rows, percent(each.never_came),
         percent(each.never_came_of_heavy), percent(each.truly), percent(each.recorded),
         number(each.visits_recorded, 2), number(each.predicted, 2))
        for each in evaluation.label_bias
    )  # fmt: skip
    return _table("Label bias", head, rows)


def coverage(evaluation: Evaluation) -> Table:
    """How often prediction sets hold the segment that came about."""
    head = ("group", "of", "rows", "coverage", "size")
    rows = (
        (f"{each.dimension} {each.level}".strip(), each.segment, each.rows, ranged(each.coverage, *each.bounds),
         number(each.size, 2))
        for each in evaluation.coverage or ()
    )  # fmt: skip
    return _table("Coverage of prediction sets and intervals", head, rows, 1)


def checks(evaluation: Evaluation) -> Table:
    """What was looked for beyond figures."""
    return _table("Checks of data, leakage, reasons and cost", ("check", "found"), _checks(evaluation), 1)


def _checks(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    found, cost = evaluation.checks, evaluation.cost
    if found is not None:
        differing = ", ".join(found.known_time_differing) or "none"
        yield "data contract", "; ".join(found.contract) or "no fault"
        again = f"{found.known_time_checked:,} moments computed again from what was known"
        yield "known time", f"{again}; differing: {differing}"
        yield "strongest single feature", f"{found.strongest_feature}, AUROC {found.strongest_auroc:.3f}"
        for segment, value in found.permuted_auroc.items():
            yield f"needs dealt out to others, at least {segment}", f"AUROC {value:.3f}"
        yield "reasons against their margin", f"{found.additivity:.1e} log-odds apart at most"
        yield "columns that the features read", ", ".join(found.inputs)
    if cost is not None:
        yield "one patient with reasons", f"{cost.median_ms:.1f} ms median, {cost.p95_ms:.1f} ms 95th percentile"
        yield "size of the model's files", f"{cost.size_bytes / 1e6:.2f} MB"
    if evaluation.card_missing is not None:
        yield "missing from the model card", ", ".join(evaluation.card_missing) or "nothing"


def rules(verdict: Verdict) -> Table:
    """Every finding of the gate."""
    head = ("rule", "subject", "figure", "asked", "outcome")
    rows = (
        (each.rule.replace("_", " "), each.subject, each.figure, each.limit, each.outcome) for each in verdict.findings
    )
    return _table("Rules of the gate", head, rows, 4)
