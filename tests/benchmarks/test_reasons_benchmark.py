"""The benchmark of reasons, on few made-up rows: what it prints, and what it takes for kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import reasons
from benchmarks.reasons import Cost, kept, main

GOOD = Cost(8, 300, 50, 30, 3000, 3100, 40, 20, 2000, 2100, 1e-14, 3, 0.2)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SIZES": ((4, 9, -1),), "MADE_UP": 700, "LEARNT": 700, "BATCH": 300, "REFERENCE_ROWS": 20,
                        "TURNS": 1}.items():  # fmt: skip
        monkeypatch.setattr(reasons, name, value)


def test_reasons_are_exact_and_every_step_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reasons, "kept", lambda cost: cost.difference <= reasons.EXACT)
    monkeypatch.setattr(reasons, "loading", lambda model, cache: (0.5, 0.1))
    assert main(["--rows", "1500", "--rounds", "5", "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    (cost,) = found["models"]
    assert (cost["leaves"], cost["rounds"]) == (4, 5)
    assert all(cost[name] > 0 for name in ("predict_one", "reasons_one", "lightgbm_one", "shap_one", "shap_batch"))
    assert cost["difference"] <= 1e-9
    assert set(found["told"]) == {"predict", "contributions", "strongest", "sentences"}
    assert found["scored"] > 0
    assert "1,500 rows as `score --reasons`, with sets and intervals" in capsys.readouterr().out


def test_reasons_that_differ_or_cost_more_than_the_prediction_are_not_kept() -> None:
    assert kept(GOOD)
    assert not kept(replace(GOOD, difference=1e-8))
    assert not kept(replace(GOOD, reasons_one=51))
    assert not kept(replace(GOOD, reasons_batch=41))


@pytest.mark.nightly
def test_a_model_is_loaded_in_a_process_of_its_own(tmp_path: Path) -> None:
    rows = reasons.rows_of(None)
    model = reasons.maker(4, 3, -1)().fit(rows.x, rows.visits[:, :1] > np.array([1.0, 2.0]))
    assert all(spent > 0 for spent in reasons.loading(model, tmp_path))


def test_a_file_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--examples", str(tmp_path / "none.parquet")]) == 1
    assert "none.parquet is no readable file of examples" in capsys.readouterr().err
