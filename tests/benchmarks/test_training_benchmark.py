"""The benchmark of training: what it runs, what it measures, and what it calls kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import training
from benchmarks.training import Step, StepError, apart, main, step


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    rows = pa.table({"patient_id": ["a"] * 30 + ["b"] * 20, "x": range(50)})
    path = tmp_path / "examples.parquet"
    said = {"tarve": json.dumps({"features": ["x"]})}
    pq.write_table(rows.replace_schema_metadata(said), path, row_group_size=20)
    return path


def test_every_moment_becomes_a_patient_of_its_own(examples: Path, tmp_path: Path) -> None:
    assert apart(examples, tmp_path / "out.parquet", 45) == 45
    found = pq.read_table(tmp_path / "out.parquet")
    assert found["x"].to_pylist() == list(range(45))
    assert len(set(found["patient_id"].to_pylist())) == 45
    assert found.schema.metadata[b"tarve"] == b'{"features": ["x"]}'
    assert apart(examples, tmp_path / "all.parquet", 99) == 50


def test_a_command_is_measured_whole(tmp_path: Path) -> None:
    found = step("sum", ["timeit", "-n", "1", "sum(range(10**6))"], tmp_path)
    assert found.wall >= found.cpu * 0.5 > 0
    assert found.memory > 0.005
    with pytest.raises(StepError, match="`python -m no_such_module` ended with status 1"):
        step("nothing", ["no_such_module"], tmp_path)


def test_the_commands_are_those_that_anybody_types(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run: list[list[str]] = []

    def fake(name: str, words: Sequence[str], folder: Path) -> Step:
        run.append(list(words))
        if name == "features":
            (folder / "made.parquet").write_bytes(examples.read_bytes())
        return Step(name, 61.0 if name == "train" else 1.0, 2.0, 3.0, 0.5)

    monkeypatch.setattr(training, "step", fake)
    out = tmp_path / "found.json"
    assert main(["--patients", "40", "--trials", "20", "--json", str(out)]) == 4
    assert [words[:2] for words in run] == [["records", "simulate"], ["training", "features"], ["training", "train"]]
    assert run[-1][-2:] == ["--tune-trials", "20"]
    assert "40 patients x 1 features, 20 trials: beyond 60 minutes and 12 GB" in capsys.readouterr().out
    assert [one["name"] for one in json.loads(out.read_text(encoding="utf-8"))["steps"]] == [
        "simulate", "features", "train",
    ]  # fmt: skip
    run.clear()
    assert main(["--examples", str(examples), "--trials", "0"]) == 4
    assert len(run) == 1
    assert "--tune-trials" not in run[0]


def test_a_command_that_fails_ends_the_benchmark(
    examples: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(name: str, words: Sequence[str], folder: Path) -> Step:
        raise StepError("it failed")

    monkeypatch.setattr(training, "step", fails)
    assert main(["--examples", str(examples)]) == 1
    assert "training: it failed" in capsys.readouterr().err
