"""The gate: a good model passes, and an evaluation that breaks one rule is refused by that rule alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.training.made import CHECKS, POLICY, evaluation, performance, subgroup
from training.evaluation import Coverage, Evaluation, Rows
from training.gate import RULES, differences, judge

SIGNED = "Anna Esimerkki"


def failing(challenger: Evaluation, champion: Evaluation | None = None, signed_by: str = SIGNED) -> set[str]:
    verdict = judge(challenger, champion, POLICY, signed_by)
    return {finding.rule for finding in verdict.findings if finding.outcome == "failed"}


def thresholds(**scores: float) -> Evaluation:
    good = performance()
    return evaluation(thresholds={"moderate": good, "heavy": replace(good, scores=replace(good.scores, **scores))})


def checks(**changes: object) -> Evaluation:
    return evaluation(checks=replace(CHECKS, **changes))


def test_a_good_first_model_is_promoted() -> None:
    verdict = judge(evaluation(), None, POLICY, SIGNED)
    assert verdict.promote
    assert verdict.text() == "promoted: no objection"
    assert verdict.signed_by == SIGNED


def test_a_model_is_not_worse_than_itself() -> None:
    assert failing(evaluation(), evaluation()) == set()


BREAKS: dict[str, tuple[str, Callable[[], Evaluation], str]] = {
    "a fault of the examples": (
        "data_contract", lambda: checks(contract=("3 patients are on both sides",)), "3 patients are on both sides"),
    "a feature that saw the future": (
        "known_time", lambda: checks(known_time_differing=("visits_m24",)), "visits_m24 differs"),
    "too few moments computed again": ("known_time", lambda: checks(known_time_checked=3), "3 moments"),
    "a feature that reads the language": (
        "forbidden_inputs", lambda: checks(inputs=("patients.language",)), "reads patients.language"),
    "something learnt from dealt-out needs": (
        "permuted_needs", lambda: checks(permuted_auroc={"moderate": 0.5, "heavy": 0.71}), "AUROC 0.710"),
    "one feature that is the answer": (
        "strongest_feature", lambda: checks(strongest_auroc=0.93), "visits_m24 alone has AUROC 0.930"),
    "better than anyone has been": ("suspected_leak", lambda: thresholds(auroc=0.97), "AUROC 0.970"),
    "not a number": ("suspected_leak", lambda: thresholds(auroc=float("nan"), auroc_low=0.8), "nan"),
    "too few events tested on": ("sample_size", lambda: thresholds(events=60), "60 of the rarer outcome tested on"),
    "too few rows without an event": (
        "sample_size", lambda: thresholds(events=3990), "10 of the rarer outcome tested on"),
    "too few events learnt from": (
        "sample_size", lambda: evaluation(learnt=replace(evaluation().learnt, events={"moderate": 900, "heavy": 150})),
        "150 of the rarer outcome learnt from"),
    "may be no better than chance": ("discrimination", lambda: thresholds(auroc_low=0.55), "as low as 0.550"),
    "too extreme": ("calibration", lambda: thresholds(slope=0.7), "slope 0.70"),
    "too timid": ("calibration", lambda: thresholds(slope=1.4), "slope 1.40"),
    "too low": ("calibration", lambda: thresholds(intercept=0.3), "intercept 0.30"),
    "more happened than expected": (
        "calibration", lambda: thresholds(observed_to_expected=1.4), "observed to expected 1.40"),
    "a slope that is no number": ("calibration", lambda: thresholds(slope=float("nan")), "slope nan"),
    "not worth acting on": (
        "net_benefit",
        lambda: evaluation(thresholds={"moderate": performance(), "heavy": replace(performance(), net_benefit=tuple(
            replace(each, treat_all=0.2) for each in performance().net_benefit))}),
        "-0.1000 above the defaults"),
    "net benefit not measured": (
        "net_benefit",
        lambda: evaluation(thresholds={"moderate": performance(), "heavy": replace(performance(), net_benefit=())}),
        "nan"),
    "no better than the rule": (
        "gain_on_rule", lambda: evaluation(rule=dict.fromkeys(("moderate", "heavy"), performance(0.81))), "against"),
    "a subgroup ranked badly": (
        "worst_subgroup", lambda: evaluation(subgroups=(subgroup(), subgroup(auroc=(0.5, 0.4, 0.58)))), "language sv"),
    "a subgroup whose need is half seen": (
        "worst_subgroup",
        lambda: evaluation(subgroups=(subgroup(), subgroup("sex", "male", observed_to_expected=(2.0, 1.6, 2.4)))),
        "2.000 (1.600 to 2.400) in sex male"),
    "no subgroup assessable": ("worst_subgroup", lambda: evaluation(subgroups=()), "no subgroup could be assessed"),
    "sets that hold too little": (
        "coverage",
        lambda: evaluation(coverage=(Coverage("site", "Clinic A", "400", "heavy", 0.6, (0.55, 0.65), 1.4),)), "0.600"),
    "reasons that do not add up": ("additive_reasons", lambda: checks(additivity=0.01), "1.0e-02 log-odds"),
    "too slow": ("cost", lambda: evaluation(cost=replace(evaluation().cost, median_ms=500.0)), "500.0 ms"),
    "too large": ("cost", lambda: evaluation(cost=replace(evaluation().cost, size_bytes=10**9)), "1000.00 MB"),
    "a card with a hole": ("complete_card", lambda: evaluation(card_missing=("TRIPOD+AI 18a",)), "TRIPOD+AI 18a"),
    "no card": ("complete_card", lambda: evaluation(card_missing=None), "there is no card"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_an_evaluation_that_breaks_one_rule_is_refused_by_that_rule_alone(name: str) -> None:
    rule, made, sentence = BREAKS[name]
    verdict = judge(made(), None, POLICY, SIGNED)
    failed = [finding for finding in verdict.findings if finding.outcome == "failed"]
    assert {finding.rule for finding in failed} == {rule}
    assert any(sentence in objection for objection in verdict.objections)
    assert not verdict.promote
    assert verdict.text().startswith("not promoted:\n- ")


@pytest.mark.parametrize("by", ["", "   "])
def test_nobody_is_no_signature(by: str) -> None:
    assert failing(evaluation(), signed_by=by) == {"signature"}
    unsigned = judge(evaluation(), None, replace(POLICY, signature_required=False), by)
    assert unsigned.promote


WORSE = {
    "AUROC": performance(0.79), "log loss and net benefit": performance(shift=0.02),
}  # fmt: skip


@pytest.mark.parametrize("name", WORSE)
def test_worse_than_the_champion_is_an_objection(name: str) -> None:
    worse = evaluation(thresholds={"moderate": performance(), "heavy": WORSE[name]})
    assert failing(worse, evaluation()) == {"not_worse_than_champion"}
    assert failing(evaluation(), worse) == set()


def test_a_hair_worse_is_not_worse() -> None:
    hair = evaluation(thresholds=dict.fromkeys(("moderate", "heavy"), performance(0.815, 0.001)))
    assert failing(hair, evaluation()) == set()


def test_pairs_see_what_two_intervals_do_not() -> None:
    """The same noise in both: paired, a loss of .005 is certain and small; unpaired it could be large."""
    champion = evaluation(thresholds=dict.fromkeys(("moderate", "heavy"), performance(0.825)))
    assert failing(evaluation(), champion) == set()
    elsewhere = replace(champion, rows=Rows("other", 4000, 3000, "2023-01-01", "2024-12-31", 200, 1))
    assert failing(evaluation(), elsewhere) == {"not_worse_than_champion"}
    assert "on other rows (not paired)" in judge(evaluation(), elsewhere, POLICY, SIGNED).text()


def test_differences_are_of_every_replicated_figure() -> None:
    better = evaluation(thresholds=dict.fromkeys(("moderate", "heavy"), performance(0.83)))
    found = {(segment, figure): (middle, low, high) for segment, figure, middle, (low, high)
             in differences(better, evaluation())}  # fmt: skip
    assert found["heavy", "auroc"] == pytest.approx((0.01, 0.01, 0.01))
    assert len(found) == 2 * 5


def test_replicates_that_are_missing_prove_nothing() -> None:
    bare = evaluation(rule=dict.fromkeys(("moderate", "heavy"), replace(performance(0.7), replicates={})))
    assert failing(bare) == {"gain_on_rule"}


def test_what_was_not_measured_was_not_shown() -> None:
    bare = evaluation(checks=None, cost=None, learnt=None, card_missing=None, subgroups=())
    assert failing(bare) == {
        "data_contract", "known_time", "forbidden_inputs", "permuted_needs", "strongest_feature", "sample_size",
        "worst_subgroup", "additive_reasons", "cost", "complete_card",
    }  # fmt: skip


def test_sets_that_hold_what_they_promise_pass_and_slices_not_asked_about_do_not_count() -> None:
    good = Coverage("everyone", "", "400", "heavy", 0.88, (0.85, 0.91), 1.4)
    aside = Coverage("use so far", "0 visits", "100", "heavy", 0.5, (0.4, 0.6), 1.4)
    assert failing(evaluation(coverage=(good, aside))) == set()


def test_every_rule_is_told_with_its_figure() -> None:
    verdict = judge(evaluation(), None, POLICY, SIGNED)
    assert list(dict.fromkeys(finding.rule for finding in verdict.findings)) == list(RULES)
    assert all(finding.figure and finding.limit and finding.subject for finding in verdict.findings)
    assert len(verdict.table().splitlines()) == len(verdict.findings)
    said = json.loads(verdict.to_json())
    assert said["promote"] is True
    assert said["signed_by"] == SIGNED
    assert {finding["outcome"] for finding in said["findings"]} == {"passed", "not asked"}


def test_every_rule_is_broken_by_a_test() -> None:
    assert {rule for rule, _, _ in BREAKS.values()} | {"signature", "not_worse_than_champion"} == set(RULES)


def test_the_verdict_depends_on_its_arguments_alone() -> None:
    assert judge(evaluation(), evaluation(), POLICY, SIGNED) == judge(evaluation(), evaluation(), POLICY, SIGNED)
