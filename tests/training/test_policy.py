from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.made import policy_file
from training.policy import DEFAULT, Policy, PolicyError


def test_the_policy_of_the_project_is_read() -> None:
    policy = Policy.read()
    assert policy.slope_between == (0.80, 1.25)
    assert policy.assessable.events == 20
    assert policy.validation.sites == 3
    assert isinstance(policy.resamples, int)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("auroc_at_most = 0.95\n", "", "auroc_at_most is missing"),
        ("[cost]", "[cost]\nmagic = 1", "magic is unknown"),
        ("auroc_at_most = 0.95", 'auroc_at_most = "high"', "auroc_at_most = 'high'"),
        ("resamples = 1000", "resamples = 10.5", "resamples = 10.5"),
        ("signature_required = true", "signature_required = 1", "signature_required = 1"),
        ("resamples = 1000", "resamples = true", "resamples = True"),
        ("slope_between = [0.80, 1.25]", "slope_between = [1.25, 0.80]", "slope_between"),
        ("slope_between = [0.80, 1.25]", "slope_between = [0.8]", "slope_between"),
        ('asked = ["sex"', "asked = [1", "asked"),
        ("net_benefit_at = [0.25, 0.3333, 0.4]", "net_benefit_at = 0.3", "net_benefit_at"),
        ("[cost]", "[cost", "Expected"),
    ],
)
def test_a_policy_that_is_none_is_refused(old: str, new: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    text = DEFAULT.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PolicyError, match=f"policy.toml is no policy: .*{sentence}"):
        Policy.read(path)


def test_settings_outside_a_section_are_refused(tmp_path: Path) -> None:
    (tmp_path / "flat.toml").write_text("auroc_at_most = 1", encoding="utf-8")
    with pytest.raises(PolicyError, match="no attribute"):
        Policy.read(tmp_path / "flat.toml")


def test_a_changed_policy_is_read_as_changed(tmp_path: Path) -> None:
    assert Policy.read(policy_file(tmp_path, resamples=7, signature_required=False)).resamples == 7
