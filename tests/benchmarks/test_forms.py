"""The forms side by side, on made-up rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.forms import FORMS, SHALLOW, main
from models.contributions import Tables
from models.trees import read_trees
from records.schema import INSTANT, PROFESSIONS
from tests.records.test_studies import nhanes_rows, rand_rows
from training.cohort import OBSERVED

RNG = np.random.default_rng(4)
N = 900
X = RNG.normal(size=(N, 3))
REACHED = (X[:, :1] + X[:, 1:2] * [0.0, 1.0] + RNG.normal(0, 0.5, (N, 2))) > [0.0, 1.0]
REACHED[:, 1] &= REACHED[:, 0]
QUIET = {**SHALLOW, "num_threads": 1, "learning_rate": 0.1}


@pytest.fixture
def example_file(tmp_path: Path) -> Path:
    visits = 1 + RNG.poisson(np.exp(X[:, 0]))
    days = np.array([14_600, 15_500, 17_600]).repeat(N // 3) + RNG.integers(0, 300, N)
    columns = {
        "patient_id": [f"p{at % (N // 3):04d}" for at in range(N)],
        "as_of": pa.array(days * 86_400_000_000, INSTANT),
        "fate": [OBSERVED] * N,
        "first_minutes": np.full(N, 30.0),
        **{f"{what}.{name}": visits * 1.0 if at == 0 else np.zeros(N) for what in ("visits", "minutes")
           for at, name in enumerate(PROFESSIONS)},
        "a": X[:, 0], "b": X[:, 1],
    }  # fmt: skip
    said = json.dumps({"catalogue": "made up", "features": ["a", "b"], "attrition": {}, "known time": {}})
    path = tmp_path / "examples.parquet"
    pq.write_table(pa.table(columns).replace_schema_metadata({"tarve": said}), path)
    return path


@pytest.mark.parametrize("name", FORMS)
def test_every_form_ranks_and_orders_its_margins(name: str) -> None:
    fitted = FORMS[name](QUIET, 30).fit(X, REACHED)
    margins = fitted.margins(X)
    assert all(np.corrcoef(margins[:, k], REACHED[:, k])[0, 1] > 0.5 for k in range(2))
    if name != "threshold":
        assert (margins[:, 0] >= margins[:, 1]).all()


def test_one_ordered_margin_explains_every_threshold_alike() -> None:
    fitted = FORMS["ordered"](QUIET, 30).fit(X, REACHED)
    found = Tables.of(read_trees(fitted.boosters), 3).contributions(X)
    np.testing.assert_allclose(found.sum(2) - fitted.cuts, fitted.margins(X), rtol=0, atol=1e-9)


def test_the_table_holds_every_source_and_form(
    example_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rand_rows(600).to_parquet(tmp_path / "rand_hie_person_year.parquet")
    nhanes_rows(900).to_parquet(tmp_path / "nhanes_oral_2011_2016.parquet")
    asked = ["--examples", str(example_file), "--data", str(tmp_path), "--json", str(tmp_path / "forms.json")]
    assert main([*asked, "--rounds", "3"]) == 0
    rows = json.loads((tmp_path / "forms.json").read_text(encoding="utf-8"))
    assert [(row["source"], row["form"]) for row in rows] == [
        (source, form) for source in ("simulated", "rand", "nhanes") for form in FORMS
    ]
    assert all(cost > 0 for row in rows for cost in row["costs"].values())
    printed = capsys.readouterr().out.splitlines()[1:]
    assert printed[0].split()[:2] == ["source", "form"]
    assert len(printed) == 1 + len(rows)


def test_nothing_to_measure_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "name a file with --examples, a folder with --data, or both" in capsys.readouterr().err
    assert main(["--examples", str(tmp_path / "none.parquet")]) == 1
    assert "none.parquet is no readable file of examples" in capsys.readouterr().err
