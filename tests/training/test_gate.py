from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from training.gate import Policy, PolicyError, judge
from training.scores import Scores

POLICY = Policy.read()
GOOD = Scores(4000, 800, 0.82, 0.80, 0.84, 0.40, 0.13, 1.0, 0.0)
RULE = {"heavy": replace(GOOD, auroc=0.70)}


def objections(champion: Scores | None = None, **changes: float) -> tuple[str, ...]:
    challenger = {"heavy": replace(GOOD, **changes)}
    return judge(challenger, RULE, None if champion is None else {"heavy": champion}, POLICY).objections


def test_a_good_first_model_is_promoted() -> None:
    assert objections() == ()
    assert judge({"heavy": GOOD}, RULE, None, POLICY).text() == "promoted: no objection"


def test_a_model_is_not_worse_than_itself() -> None:
    assert objections(champion=GOOD) == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"auroc": 0.96}, "look for a leak"),
        ({"auroc_low": 0.55}, "AUROC may be as low as 0.550"),
        ({"auroc": 0.71}, "against today's rule"),
        ({"slope": 0.7}, "calibration slope 0.70 is outside"),
        ({"slope": 1.4}, "calibration slope 1.40 is outside"),
        ({"intercept": 0.3}, "calibration intercept 0.30 is outside"),
        ({"slope": float("nan")}, "calibration slope nan is outside"),
        ({"auroc": float("nan")}, "AUROC nan is above"),
    ],
)
def test_each_fault_is_an_objection_with_its_figures(changes: dict[str, float], sentence: str) -> None:
    found = objections(**changes)
    assert any(sentence in objection and objection.startswith("heavy: ") for objection in found)


def test_worse_than_the_champion_is_an_objection() -> None:
    assert "0.015 under the champion's" in objections(champion=replace(GOOD, auroc=0.835))[0]
    assert objections(champion=replace(GOOD, auroc=0.829)) == ()
    assert "log loss is 0.0100 above the champion's" in objections(champion=replace(GOOD, log_loss=0.39))[0]


def test_one_objection_at_one_threshold_is_enough() -> None:
    verdict = judge(
        {"moderate": GOOD, "heavy": replace(GOOD, slope=2.0)}, {"moderate": RULE["heavy"], **RULE}, None, POLICY
    )
    assert not verdict.promote
    assert verdict.text().startswith("not promoted:\n- heavy: calibration slope")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[absolute]\nauroc_at_most = 0.9", "missing"),
        (Path("training/policy.toml").read_text(encoding="utf-8") + "magic = 1", "unexpected keyword"),
        (Path("training/policy.toml").read_text(encoding="utf-8").replace("0.95", '"high"'), "could not convert"),
        ("[absolute", "Expected"),
        ("auroc_at_most = 1", "no attribute"),
    ],
)
def test_a_policy_that_is_none_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=sentence):
        Policy.read(path)
