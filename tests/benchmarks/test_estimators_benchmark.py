"""The estimators side by side, on made-up rows in which treated people look as if decay lowered the need."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import estimators
from benchmarks.estimators import FREE, Ground, contradicted, grounds, main, makers, measure, table_text
from benchmarks.forms import Data
from models.estimators import PointsRule
from tests.records.test_studies import creighton_rows

RNG = np.random.default_rng(3)
N = 700
NAMES = ("decay", "other", "silent")
X = np.column_stack([RNG.integers(0, 6, N), RNG.normal(size=N), np.full(N, np.nan)]).astype(float)
REACHED = (RNG.random(N) < 0.7 - 0.1 * X[:, 0] + 0.1 * X[:, 1])[:, None]
GROUPS = np.array([f"p{at:04d}" for at in range(N)])
ROWS = (X, REACHED, GROUPS)
GROUND = Ground(Data("made up", ("much",), ROWS, ROWS), NAMES, (1, 0, 1))


def test_bound_models_contradict_nobody_and_free_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimators, "SHALLOW", {**estimators.SHALLOW, "learning_rate": 0.3})
    monkeypatch.setattr(estimators, "ADDITIVE", {**estimators.ADDITIVE, "max_rounds": 50, "outer_bags": 1})
    found = {line.model: line for line in measure(GROUND)}
    assert list(found) == list(makers(GROUND))
    assert found["lightgbm bound"].contradicted == found["ebm bound"].contradicted == 0
    assert found[FREE].contradicted is not None
    assert found[FREE].contradicted > 0.5
    assert found[FREE].difference is None
    bound = found["lightgbm bound"].difference
    assert bound is not None
    assert bound.low <= bound.value <= bound.high < 0
    assert all(line.fit_s > 0 for line in found.values())
    assert table_text([*found.values()]).splitlines()[1].split()[:4] == ["made", "up", "much", "lightgbm"]


def test_a_falling_scale_is_turned_round() -> None:
    rule = PointsRule(NAMES, {"decay": -1.0})
    assert contradicted(rule, X, (-1, 0, 0)) == 0
    assert contradicted(rule, X, (1, 0, 0)) == 1
    assert contradicted(rule, X, (0, 0, 1)) is None


def test_a_public_study_is_measured_from_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    creighton_rows(200).to_parquet(tmp_path / "creighton_teeth.parquet")
    (ground,) = grounds(None, tmp_path)
    assert dict(zip(ground.names, ground.signs, strict=True))["highest_x1"] == 1
    asked = ["--data", str(tmp_path), "--only", "logistic", "--json", str(tmp_path / "found.json")]
    assert main(asked) == 0
    assert [row["model"] for row in json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))] == [
        FREE, "logistic",
    ]  # fmt: skip
    assert "contradicted" in capsys.readouterr().out


def test_nothing_to_measure_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "name a file with --examples, a folder with --data, or both" in capsys.readouterr().err
    assert main(["--examples", str(tmp_path / "none.parquet")]) == 1
    assert "none.parquet is no readable file of examples" in capsys.readouterr().err
