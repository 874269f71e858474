"""The gate: whether a challenger may become champion.

One pure function of the challenger's evaluation, the champion's, and a policy. It asks every rule, and every rule
answers with its figure and its limit, passed or failed; one failure is enough to refuse. What a rule needs and the
evaluation lacks is a failure, never a pass: what was not measured was not shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from training.bootstrap import interval
from training.evaluation import Bounds, Checks, Evaluation, Performance
from training.policy import Band, Policy

Outcome = Literal["passed", "failed", "not asked"]


@dataclass(frozen=True)
class Finding:
    """What one rule says of one subject.

    Attributes:
        rule: its name, that of the function.
        subject: a segment, a subgroup, or the model.
        figure: what was found. `limit`: what is asked.
        outcome: whether it holds; `not asked` where the rule does not apply, as without a champion.
    """

    rule: str
    subject: str
    figure: str
    limit: str
    outcome: Outcome

    def sentence(self) -> str:
        """In one line."""
        return f"{self.rule.replace('_', ' ')} ({self.subject}): {self.figure}; asked: {self.limit}"


@dataclass(frozen=True)
class Verdict:
    """What the gate says: every rule's finding, and who signs.

    The verdict is to promote exactly when no finding has failed.
    """

    findings: tuple[Finding, ...]
    signed_by: str

    @property
    def promote(self) -> bool:
        """Whether the challenger may become champion."""
        return not self.objections

    @property
    def objections(self) -> tuple[str, ...]:
        """Every failed finding as a sentence with its figures."""
        return tuple(finding.sentence() for finding in self.findings if finding.outcome == "failed")

    def text(self) -> str:
        """The objections as lines of text."""
        if self.promote:
            return "promoted: no objection"
        return "\n".join(["not promoted:", *(f"- {objection}" for objection in self.objections)])

    def table(self) -> str:
        """Every finding as lines of text."""
        return "\n".join(f"{finding.outcome:<10}{finding.sentence()}" for finding in self.findings)

    def to_json(self) -> str:
        """As JSON text."""
        said = {
            "promote": self.promote,
            "signed_by": self.signed_by,
            "findings": [asdict(each) for each in self.findings],
        }
        return json.dumps(said, indent=1, ensure_ascii=False)


@dataclass(frozen=True)
class _Case:
    """What rules judge."""

    challenger: Evaluation
    champion: Evaluation | None
    policy: Policy
    signed_by: str

    @property
    def checks(self) -> Checks | None:
        return self.challenger.checks


Said = tuple[str, str, str, bool | None]
"""Subject, figure, limit, and whether the rule holds (None: not asked)."""
Rule = Callable[[_Case], Iterator[Said]]


def judge(challenger: Evaluation, champion: Evaluation | None, policy: Policy, signed_by: str = "") -> Verdict:
    """Decide.

    Args:
        challenger: the model that asks to be promoted, with today's rule measured on the same rows.
        champion: the model in use; None when there is none yet.
        policy: the limits.
        signed_by: the person who answers for the promotion.

    Raises:
        KeyError: the evaluations are not of the same thresholds.
    """
    case = _Case(challenger, champion, policy, signed_by.strip())
    findings = [
        Finding(name, subject, figure, limit, _outcome(holds))
        for name, rule in RULES.items()
        for subject, figure, limit, holds in rule(case)
    ]
    return Verdict(tuple(findings), case.signed_by)


def _outcome(holds: bool | None) -> Outcome:  # noqa: FBT001 - what a rule said
    if holds is None:
        return "not asked"
    return "passed" if holds else "failed"


def data_contract(case: _Case) -> Iterator[Said]:
    """The examples are what they must be."""
    faults = case.checks.contract if case.checks else ("not checked",)
    yield "examples", "; ".join(faults) or "no fault", "no fault", not faults


def known_time(case: _Case) -> Iterator[Said]:
    """No feature sees what was not known yet."""
    least = case.policy.known_time_checked_at_least
    checked = case.checks.known_time_checked if case.checks else 0
    differing = case.checks.known_time_differing if case.checks else ()
    figure = f"{checked:,} moments computed again from what was known, {', '.join(differing) or 'no feature'} differs"
    yield "features", figure, f"at least {least} moments, no feature", checked >= least and not differing


def forbidden_inputs(case: _Case) -> Iterator[Said]:
    """No feature reads what must not be read."""
    read = case.checks.inputs if case.checks else None
    found = sorted(set(read or ()) & set(case.policy.forbidden_inputs))
    figure = "not checked" if read is None else f"reads {', '.join(found) or 'none of them'}"
    yield "features", figure, f"none of {', '.join(case.policy.forbidden_inputs)}", read is not None and not found


def permuted_needs(case: _Case) -> Iterator[Said]:
    """Nothing is learnt from needs that were dealt out to other patients."""
    most = case.policy.permuted_auroc_at_most
    found = case.checks.permuted_auroc if case.checks else {}
    for segment in case.challenger.thresholds:
        value = found.get(segment, float("nan"))
        yield segment, f"AUROC {value:.3f} with needs dealt out to others", f"at most {most}", value <= most


def strongest_feature(case: _Case) -> Iterator[Said]:
    """No single feature is the answer."""
    most = case.policy.strongest_feature_at_most
    name = case.checks.strongest_feature if case.checks else "no feature"
    value = case.checks.strongest_auroc if case.checks else float("nan")
    yield "features", f"{name} alone has AUROC {value:.3f}", f"at most {most}", value <= most


def suspected_leak(case: _Case) -> Iterator[Said]:
    """The model is not better than anyone has been."""
    most = case.policy.auroc_at_most
    for segment, found in case.challenger.thresholds.items():
        value = found.scores.auroc
        yield segment, f"AUROC {value:.3f}", f"at most {most}; above it look for a leak", value <= most


def sample_size(case: _Case) -> Iterator[Said]:
    """There are enough events to learn from and to test on."""
    learnt = case.challenger.learnt
    for segment, found in case.challenger.thresholds.items():
        tested = min(found.scores.events, found.scores.n - found.scores.events)
        least = case.policy.test_events_at_least
        yield segment, f"{tested:,} of the rarer outcome tested on", f"at least {least}", tested >= least
        count = learnt.events.get(segment, 0) if learnt else 0
        some = min(count, learnt.n - count) if learnt else 0
        least = case.policy.learn_events_at_least
        yield segment, f"{some:,} of the rarer outcome learnt from", f"at least {least}", some >= least


def discrimination(case: _Case) -> Iterator[Said]:
    """The model ranks better than chance, with room."""
    least = case.policy.auroc_low_at_least
    for segment, found in case.challenger.thresholds.items():
        value = found.scores.auroc_low
        yield segment, f"AUROC may be as low as {value:.3f}", f"at least {least}", value >= least


def calibration(case: _Case) -> Iterator[Said]:
    """Probabilities mean what they say."""
    policy = case.policy
    for segment, found in case.challenger.thresholds.items():
        scores = found.scores
        for name, value, band in (
            ("slope", scores.slope, policy.slope_between),
            ("intercept", scores.intercept, policy.intercept_between),
            ("observed to expected", scores.observed_to_expected, policy.observed_to_expected_between),
        ):
            yield segment, f"calibration {name} {value:.2f}", _between(band), _within(value, band)


def net_benefit(case: _Case) -> Iterator[Said]:
    """Acting on the model is worth more than acting on everyone or on nobody."""
    least = case.policy.net_benefit_gain_at_least
    for segment, found in case.challenger.thresholds.items():
        measured = {each.at: each.gain for each in found.net_benefit}
        for at in case.policy.net_benefit_at:
            value = measured.get(at, float("nan"))
            yield segment, f"net benefit at {at:g} {value:+.4f} above the defaults", f"at least {least}", value >= least


def gain_on_rule(case: _Case) -> Iterator[Said]:
    """The model ranks better than today's rule."""
    least = case.policy.auroc_gain_at_least
    for segment, found in case.challenger.thresholds.items():
        low, high = _paired("auroc", found, case.challenger.rule[segment])
        figure = f"AUROC {low:+.3f} to {high:+.3f} against today's rule"
        yield segment, figure, f"at least {least:+}", low >= least


def not_worse_than_champion(case: _Case) -> Iterator[Said]:
    """The model loses nothing that matters against the champion."""
    policy, champion = case.policy, case.champion
    for segment, found in case.challenger.thresholds.items():
        if champion is None:
            yield segment, "there is no champion", "not worse than the champion", None
            continue
        before, paired = champion.thresholds[segment], case.challenger.rows.pairs_with(champion.rows)
        how = "on the same rows" if paired else "on other rows (not paired)"
        losses = (
            ("AUROC", "auroc", policy.auroc_loss_at_most, 1),
            ("log loss", "log_loss", policy.log_loss_gain_at_most, -1),
            *((f"net benefit at {at:g}", f"net_benefit {at}", policy.net_benefit_loss_at_most, 1)
              for at in policy.net_benefit_at),
        )  # fmt: skip
        for name, figure, most, sign in losses:
            low, high = _difference(figure, found, before, paired=paired)
            worst = low if sign > 0 else -high
            said = f"{name} {low:+.4f} to {high:+.4f} against the champion, {how}"
            yield segment, said, f"a loss of at most {most}", worst >= -most


def worst_subgroup(case: _Case) -> Iterator[Said]:
    """No subgroup is clearly served badly."""
    policy = case.policy
    least, band = policy.subgroup_auroc_at_least, policy.subgroup_observed_to_expected_between
    for segment in case.challenger.thresholds:
        asked = [
            (f"{group.dimension} {group.level}", group.figures[segment])
            for group in case.challenger.subgroups
            if group.dimension in policy.asked and segment in group.figures
        ]
        if not asked:
            yield segment, "no subgroup could be assessed", "at least one", False
            continue
        name, found = min(asked, key=lambda each: each[1].auroc[2])
        yield segment, f"AUROC {_range(found.auroc)} in {name}", f"not all below {least}", found.auroc[2] >= least
        name, found = max(asked, key=lambda each: _gap(each[1].observed_to_expected[1:], band))
        figure = f"observed to expected {_range(found.observed_to_expected)} in {name}"
        holds = _gap(found.observed_to_expected[1:], band) <= 0
        yield segment, figure, f"not all outside {band[0]} to {band[1]}", holds


def coverage(case: _Case) -> Iterator[Said]:
    """Prediction sets hold what they promise, for every segment."""
    found, least = case.challenger.coverage, case.policy.coverage_at_least
    if found is None:
        yield "sets", "the model gives no sets", f"coverage of at least {least}", None
        return
    for each in found:
        if each.dimension in case.policy.covered:
            where = f"{each.segment}, {each.dimension} {each.level}".rstrip()
            figure = f"{each.coverage:.3f} ({each.bounds[0]:.3f} to {each.bounds[1]:.3f}) held"
            yield where, figure, f"not all below {least}", each.bounds[1] >= least


def additive_reasons(case: _Case) -> Iterator[Said]:
    """Reasons add up to the margin."""
    most = case.policy.additivity_at_most
    value = case.checks.additivity if case.checks else float("nan")
    yield "reasons", f"{value:.1e} log-odds between a margin and its reasons", f"at most {most:.0e}", value <= most


def cost(case: _Case) -> Iterator[Said]:
    """The model answers while somebody waits, and is small enough to carry."""
    slowest, largest = case.policy.median_ms_at_most, case.policy.size_mb_at_most
    found = case.challenger.cost
    median = found.median_ms if found else float("nan")
    size = found.size_bytes / 1e6 if found else float("nan")
    yield "one patient", f"{median:.1f} ms with reasons", f"at most {slowest:g} ms", median <= slowest
    yield "files", f"{size:.2f} MB", f"at most {largest:g} MB", size <= largest


def complete_card(case: _Case) -> Iterator[Said]:
    """The model card says all that it must."""
    missing = case.challenger.card_missing
    figure = "there is no card" if missing is None else f"missing: {', '.join(missing) or 'nothing'}"
    yield "model card", figure, "complete", missing == ()


def signature(case: _Case) -> Iterator[Said]:
    """A named person answers for it."""
    if not case.policy.signature_required:
        yield "promotion", f"signed by {case.signed_by or 'nobody'}", "a named person", None
        return
    yield "promotion", f"signed by {case.signed_by or 'nobody'}", "a named person (--signed-by)", bool(case.signed_by)


RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        data_contract,
        known_time,
        forbidden_inputs,
        permuted_needs,
        strongest_feature,
        suspected_leak,
        sample_size,
        discrimination,
        calibration,
        net_benefit,
        gain_on_rule,
        not_worse_than_champion,
        worst_subgroup,
        coverage,
        additive_reasons,
        cost,
        complete_card,
        signature,
    )
}
"""Every rule by its name, in the order in which findings are told."""


def differences(first: Evaluation, second: Evaluation) -> Iterator[tuple[str, str, float, Bounds]]:
    """Segment, figure, difference (first less second) and its 95 % interval, of every replicated figure."""
    paired = first.rows.pairs_with(second.rows)
    for segment, one in first.thresholds.items():
        other = second.thresholds[segment]
        for figure in one.replicates:
            middle = float(np.nanmedian(np.subtract(one.replicates[figure], other.replicates[figure])))
            yield segment, figure, middle, _difference(figure, one, other, paired=paired)


def _paired(figure: str, first: Performance, second: Performance) -> Bounds:
    return _difference(figure, first, second, paired=True)


def _difference(figure: str, first: Performance, second: Performance, *, paired: bool) -> Bounds:
    """The 95 % interval of first less second; without pairs the replicates of one are taken in another order."""
    one, other = (np.array(each.replicates.get(figure, ())) for each in (first, second))
    if not paired:
        rng = np.random.default_rng(1)
        one, other = rng.choice(one, 4000), rng.choice(other, 4000)
    if len(one) != len(other):
        return float("nan"), float("nan")
    return interval(one - other)


def _within(value: float, band: Band) -> bool:
    return band[0] <= value <= band[1]


def _between(band: Band) -> str:
    return f"{band[0]} to {band[1]}"


def _gap(bounds: tuple[float, ...], band: Band) -> float:
    """How far an interval lies beyond a band; below zero when they meet."""
    return max(bounds[0] - band[1], band[0] - bounds[1])


def _range(figure: tuple[float, float, float]) -> str:
    return f"{figure[0]:.3f} ({figure[1]:.3f} to {figure[2]:.3f})"
