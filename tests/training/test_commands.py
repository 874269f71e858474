"""The commands of training, from a stored history to a promoted model, in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import mlflow
import pyarrow.parquet as pq
import pytest

from models.need import NeedModel
from models.segments import read_tables
from records import store
from records.simulate import simulate
from tests.rows import history, patient
from training import commands, tracking
from training.__main__ import main
from training.examples import ExamplesError, last_recorded, read

ANYTHING = """[all]
auroc_low_at_least = 0.0
auroc_at_most = 1.0
slope_between = [-100.0, 100.0]
intercept_between = [-100.0, 100.0]
auroc_gain_at_least = -1.0
auroc_loss_at_most = 1.0
log_loss_gain_at_most = 10.0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Records of a few people and a tracking store, both in a new folder."""
    folder = tmp_path_factory.mktemp("training")
    with store.Writer(folder / "records") as writer:
        for block in simulate(3000, 8, 9, date(2025, 12, 31)):
            writer.write(block.history)
    (folder / "anything.toml").write_text(ANYTHING, encoding="utf-8")
    (folder / "nothing.toml").write_text(
        ANYTHING.replace("auroc_low_at_least = 0.0", "auroc_low_at_least = 0.99"), encoding="utf-8"
    )
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    assert main(["features", "--records", str(folder / "records"), "--out", str(folder / "examples.parquet")]) == 0
    yield folder
    mlflow.set_tracking_uri(None)


def promote(folder: Path, policy: str) -> int:
    return main(["promote", "--examples", str(folder / "examples.parquet"), "--policy", str(folder / policy)])


def test_from_records_to_a_champion(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert promote(folder, "anything.toml") == 1
    assert "no tarve-need@challenger is registered; run: python -m training train" in capsys.readouterr().err

    assert main(["train", "--examples", str(folder / "examples.parquet")]) == 0
    printed = capsys.readouterr().out
    assert "logistic" in printed
    assert "version 1 is challenger" in printed
    assert tracking.version_of("champion") is None

    assert promote(folder, "nothing.toml") == 3
    assert "not promoted" in capsys.readouterr().out
    assert tracking.version_of("champion") is None

    assert promote(folder, "anything.toml") == 0
    assert tracking.version_of("champion") == "1"
    assert promote(folder, "anything.toml") == 0


def test_a_champion_of_other_features_is_compared_by_what_its_run_logged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load = tracking.load

    def with_other_features(version: str) -> NeedModel:
        return replace(load(version), catalogue="another")

    evaluation = tracking.logged_evaluation("1", "lightgbm", ("moderate", "heavy"))
    assert (
        evaluation["heavy"].auroc
        == mlflow.search_runs(experiment_names=["tarve"])["metrics.lightgbm.heavy.auroc"].dropna().iloc[0]
    )
    monkeypatch.setattr(tracking, "load", with_other_features)
    assert promote(folder, "anything.toml") == 0
    assert (
        "champion version 1 reads other features: its figures are those that its own run logged"
        in capsys.readouterr().out
    )


def test_examples_hold_what_the_catalogue_says(folder: Path) -> None:
    found = read(folder / "examples.parquet")
    assert found.x.shape == (len(found), len(found.names))
    assert found.attrition["kept"] == len(found)
    assert (found.visits.sum(1) > 0).all()


def test_segments_are_those_that_hold_at_the_data_and_not_a_later_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = read_tables()[-1]
    later = replace(now, valid_from=date(2999, 1, 1), segments=now.segments[:2])
    monkeypatch.setattr(commands, "read_tables", lambda: [now, later])
    assert promote(folder, "anything.toml") == 0
    monkeypatch.setattr(commands, "read_tables", lambda: [later])
    assert promote(folder, "anything.toml") == 1
    assert "no table of segments holds on 20" in capsys.readouterr().err


def test_no_examples_are_said_to_be_none(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pq.read_table(folder / "examples.parquet").slice(0, 0), tmp_path / "none.parquet")
    assert main(["train", "--examples", str(tmp_path / "none.parquet")]) == 1
    assert "no booking contact was kept" in capsys.readouterr().err


def test_a_missing_or_foreign_file_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--examples", str(tmp_path / "nothing.parquet")]) == 1
    assert "nothing.parquet is no readable file of examples" in capsys.readouterr().err
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pq.read_table(folder / "records" / "visits.parquet"), foreign)
    assert main(["train", "--examples", str(foreign)]) == 1
    assert "foreign.parquet was not made by: python -m training features" in capsys.readouterr().err
    assert main(["features", "--records", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x.parquet")]) == 1
    assert not (tmp_path / "x.parquet").exists()


def test_examples_of_another_catalogue_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pq.read_table(folder / "examples.parquet")
    said = rows.schema.metadata[b"tarve"].replace(b'"catalogue": "', b'"catalogue": "0')
    pq.write_table(rows.replace_schema_metadata({"tarve": said}), tmp_path / "old.parquet")
    assert main(["train", "--examples", str(tmp_path / "old.parquet")]) == 1
    assert "make them anew: python -m training features" in capsys.readouterr().err


def test_a_history_without_care_teaches_nothing(tmp_path: Path) -> None:
    store.write(history(patient()), tmp_path / "records")
    with pytest.raises(ExamplesError, match="holds neither contacts nor visits"):
        last_recorded(tmp_path / "records")
