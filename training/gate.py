"""The gate: whether a challenger may become champion, decided by one pure function of evaluations and a policy."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.scores import Scores

DEFAULT = Path(__file__).parent / "policy.toml"
Evaluation = Mapping[str, Scores]
"""Scores of one model by the name of the segment that the threshold leads into."""


class PolicyError(ValueError):
    """A policy file lacks a rule or holds one that cannot be read."""


@dataclass(frozen=True)
class Policy:
    """Limits of the gate; see `policy.toml` for what each means."""

    auroc_low_at_least: float
    auroc_at_most: float
    slope_between: tuple[float, float]
    intercept_between: tuple[float, float]
    auroc_gain_at_least: float
    auroc_loss_at_most: float
    log_loss_gain_at_most: float

    @classmethod
    def read(cls, path: Path = DEFAULT) -> Policy:
        """Read a policy file.

        Raises:
            PolicyError: a limit is missing, unknown or no number.
        """
        try:
            parsed: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            flat = {key: value for section in parsed.values() for key, value in section.items()}
            limits: dict[str, Any] = {key: _limit(value) for key, value in flat.items()}
            return cls(**limits)
        except (OSError, tomllib.TOMLDecodeError, AttributeError, TypeError, ValueError) as error:
            raise PolicyError(f"{path.name} is no policy: {error}") from error


@dataclass(frozen=True)
class Verdict:
    """What the gate says: whether to promote, and every objection as a sentence with its figures."""

    promote: bool
    objections: tuple[str, ...]

    def text(self) -> str:
        """The verdict as lines of text."""
        if self.promote:
            return "promoted: no objection"
        return "\n".join(["not promoted:", *(f"- {objection}" for objection in self.objections)])


def judge(challenger: Evaluation, rule: Evaluation, champion: Evaluation | None, policy: Policy) -> Verdict:
    """Decide from evaluations on the same test rows.

    Args:
        challenger: the model that asks to be promoted.
        rule: today's rule.
        champion: the model in use; None when there is none yet.
        policy: the limits.

    Raises:
        KeyError: the evaluations are not of the same thresholds.
    """
    objections: list[str] = []
    for threshold, scores in challenger.items():
        objections += (f"{threshold}: {text}" for text in _absolute(scores, policy))
        objections += (f"{threshold}: {text}" for text in _against_rule(scores, rule[threshold], policy))
        if champion is not None:
            objections += (f"{threshold}: {text}" for text in _against_champion(scores, champion[threshold], policy))
    return Verdict(not objections, tuple(objections))


def _absolute(scores: Scores, policy: Policy) -> Iterator[str]:
    if not scores.auroc_low >= policy.auroc_low_at_least:
        yield f"AUROC may be as low as {scores.auroc_low:.3f}; at least {policy.auroc_low_at_least} is asked"
    if not scores.auroc <= policy.auroc_at_most:
        yield f"AUROC {scores.auroc:.3f} is above {policy.auroc_at_most}: look for a leak"
    for name, value, (low, high) in (
        ("slope", scores.slope, policy.slope_between),
        ("intercept", scores.intercept, policy.intercept_between),
    ):
        if not low <= value <= high:
            yield f"calibration {name} {value:.2f} is outside {low} to {high}"


def _against_rule(scores: Scores, rule: Scores, policy: Policy) -> Iterator[str]:
    gain = scores.auroc - rule.auroc
    if not gain >= policy.auroc_gain_at_least:
        yield f"AUROC is {gain:+.3f} against today's rule; at least {policy.auroc_gain_at_least:+} is asked"


def _against_champion(scores: Scores, champion: Scores, policy: Policy) -> Iterator[str]:
    loss = champion.auroc - scores.auroc
    if not loss <= policy.auroc_loss_at_most:
        yield f"AUROC is {loss:.3f} under the champion's; at most {policy.auroc_loss_at_most} is accepted"
    more = scores.log_loss - champion.log_loss
    if not more <= policy.log_loss_gain_at_most:
        yield f"log loss is {more:.4f} above the champion's; at most {policy.log_loss_gain_at_most} is accepted"


def _limit(value: Any) -> float | tuple[float, float]:
    if isinstance(value, list):
        low, high = value
        return float(low), float(high)
    return float(value)
