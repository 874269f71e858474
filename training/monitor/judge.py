"""What a month's figures call for: every breach with its evidence and the action to take first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import norm

from training.monitor.figures import EVERYONE, Figure
from training.monitor.limits import Action, Limits

ANSWERED_BY_ROLLING_BACK = ("suggested", "overridden", "early", "calibration", "ranking", "coverage", "no_history")
"""Kinds whose breach right after a change of model speaks against the new model."""


@dataclass(frozen=True)
class Breach:
    """A figure beyond its limit, and what to do first."""

    figure: Figure
    action: Action

    def sentence(self) -> str:
        """The evidence as a person reads it."""
        f = self.figure
        about = f" of {f.about}" if f.about else ""
        group = "" if f.group == EVERYONE else f" ({f.group})"
        chance = "" if f.z is None else f", {abs(f.z):.1f} standard errors off"
        return (
            f"{self.action}: {TITLES[f.kind]}{about}{group} is {f.value:.3g}, expected {f.expected:.3g}{chance}; "
            f"{f.n} people"
        )


TITLES: Mapping[str, str] = {
    "schema": "share",
    "missing": "change in the share of missing values",
    "drift": "stability index",
    "broken": "stability index",
    "no_history": "share without history",
    "suggested": "share of suggestions",
    "overridden": "share of suggestions overridden",
    "early": "ratio",
    "calibration": "observed to expected need",
    "ranking": "AUROC on matured needs",
    "estimated_ranking": "AUROC to expect",
    "coverage": "share of prediction sets that hold the truth",
}


def judge(figures: Sequence[Figure], limits: Limits, days_since_change: int | None) -> list[Breach]:
    """Every breach among a month's figures, in the order of the figures.

    Args:
        figures: of one month.
        limits: what is let pass.
        days_since_change: days since another model began to serve, at the month's end; None when none ever did.
    """
    tested = sum(figure.z is not None for figure in figures)
    beyond = float(norm.isf(limits.false_alarm / (2 * max(tested, 1))))
    changed = days_since_change is not None and days_since_change <= limits.change_days
    return [
        Breach(figure, _action(figure.kind, limits, changed=changed))
        for figure in figures
        if _is_breach(figure, limits, beyond)
    ]


def _is_breach(figure: Figure, limits: Limits, beyond: float) -> bool:
    limit = limits.of[figure.kind]
    distance = {"above": figure.distance, "below": -figure.distance, "both": abs(figure.distance)}[limit.side]
    return distance > limit.margin and (figure.z is None or abs(figure.z) > beyond)


def _action(kind: str, limits: Limits, *, changed: bool) -> Action:
    return "roll back" if changed and kind in ANSWERED_BY_ROLLING_BACK else limits.of[kind].action
