"""Scoring a population: the same numbers as one by one, in any blocks, here and in Spark, from the model alone."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.dental import DENTAL
from models.assessment import assess
from models.conformal import Conformal
from models.need import ModelError
from records import store
from records.clock import instant
from tests.needs import needs
from tests.training.conftest import Trained
from training import score, spark, tracking
from training.__main__ import main
from training.compare import predict
from training.examples import read_everyone
from training.score import Asked, Scorer

AS_OF = "2024-06-01T09:00"
WHEN: datetime = instant(AS_OF)


def run(trained: Trained, out: Path, *more: str) -> int:
    words = ["--history", str(trained.records), "--as-of", AS_OF, "--out", str(out), "--model", "1"]
    return main(["score", *words, *more])


@pytest.fixture(scope="module")
def scored(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    out = tmp_path_factory.mktemp("scores") / "new" / "scores.parquet"
    assert run(trained, out, "--block", "700", "--reasons") == 0
    return pq.read_table(out)


def test_a_population_is_scored_as_its_patients_one_by_one(trained: Trained, scored: pa.Table) -> None:
    scorer = Scorer.of(tracking.load("1"))
    rows = {row["patient_id"]: row for row in scored.to_pylist()}
    for name in list(rows)[::150]:
        history = store.read_patient(trained.records, name)
        assert history is not None
        said = assess(scorer.model, DENTAL, scorer.table, history, WHEN)
        row = rows[name]
        assert row["status"] == said.status
        assert row["as_of"] == WHEN
        if said.segment is None:
            assert row["segment"] is row["visits"] is row["p.heavy"] is row["reason_1"] is None
            continue
        assert row["segment"] == said.segment.name
        assert {segment: row[f"p.{segment}"] for segment in scorer.table.names} == said.probabilities
        assert {name: row[f"visits.{name}"] for name in said.visits.by_profession} == said.visits.by_profession
        assert said.prediction_set is not None
        inside = [segment for segment in scorer.table.names if row[f"set.{segment}"]]
        assert inside == [each.name for each in said.prediction_set]
        assert (row["visits_low"], row["visits_high"]) == (said.visits_interval.low, said.visits_interval.high)
        assert (row["minutes_low"], row["minutes_high"]) == (said.minutes_interval.low, said.minutes_interval.high)
        assert row["first_minutes"] == said.first_appointment.minutes
        assert [row[f"reason_{at + 1}"] for at in range(len(said.reasons))] == [each.group for each in said.reasons]
        assert row["reason_1_weight"] == pytest.approx(said.reasons[0].weight, abs=1e-12)


def test_the_file_holds_a_pseudonym_and_no_other_identifier(trained: Trained, scored: pa.Table) -> None:
    people = store.read(trained.records)["patients"].to_pandas()
    here = people[people["left_at"].isna() | (people["left_at"] > pd.Timestamp(WHEN))]
    assert scored["patient_id"].to_pylist() == here["patient_id"].tolist()
    assert {"assessed", "no_history"} == set(scored["status"].to_pylist())
    assert not {"sex", "language", "birth_date", "district"} & set(scored.column_names)
    assert scored.schema.metadata[b"model"] == b"tarve-need version 1"


def test_blocks_change_nothing(trained: Trained, scored: pa.Table, tmp_path: Path) -> None:
    out = tmp_path / "whole.parquet"
    assert run(trained, out) == 0
    whole = pq.read_table(out)
    assert whole.equals(scored.select(whole.column_names))


def test_a_file_is_complete_or_not_there(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, done = Scorer.rows, []

    def fails(self: Scorer, asked: Asked) -> pa.Table:
        if done:
            raise OSError("the disk is full")
        done.append(asked)
        return whole(self, asked)

    monkeypatch.setattr(Scorer, "rows", fails)
    assert run(trained, tmp_path / "x.parquet", "--block", "1000") == 1
    assert not (tmp_path / "x.parquet").exists()


def test_what_cannot_be_scored_is_refused(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.parquet"
    assert run(trained, out, "--block", "0") == 1
    assert main(["score", "--history", str(tmp_path), "--as-of", "yesterday", "--out", str(out)]) == 1
    assert main(["score", "--history", str(tmp_path), "--as-of", AS_OF, "--out", str(out), "--model", "9"]) == 1
    said = capsys.readouterr().err
    assert "--block must be at least 1, not 0" in said
    assert "no ISO 8601 date or time" in said
    assert "there is no version 9" in said
    with pytest.raises(ValueError, match="the history holds no patient"):
        score.write(iter(()), out, "1")
    model = tracking.load("1")
    object.__setattr__(model, "segments_from", "1900-01-01")
    with pytest.raises(ModelError, match="no table of segments of 1900-01-01"):
        Scorer.of(model)
    object.__setattr__(model, "catalogue", "another")
    with pytest.raises(ModelError, match="reads features another"):
        Scorer.of(model)


def test_spark_is_given_the_features_of_everyone(
    trained: Trained, scored: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[pa.Table, str, Path]] = []

    def fake(session: str, features: Path, model_uri: str, out: Path) -> None:
        assert session == "a session"
        given.append((pq.read_table(features), model_uri, out))

    monkeypatch.setattr(spark, "session", lambda: contextlib.nullcontext("a session"))
    monkeypatch.setattr(spark, "score", fake)
    assert run(trained, tmp_path / "out", "--spark") == 0
    (table, model_uri, out), *_ = given
    assert (model_uri, out) == ("models:/tarve-need/1", tmp_path / "out")
    assert table["patient_id"].equals(scored["patient_id"])
    assert table.column_names == [*spark.KEYS, "site", *DENTAL.names]


BARE = """
import builtins, sys
REFUSED = ("optuna", "interpret", "matplotlib", "training", "shap", "jinja2", "tqdm", "serving", "alerts")
whole = builtins.__import__
def guarded(name, *given, **more):
    if name.partition(".")[0] in REFUSED:
        raise ModuleNotFoundError(f"no {name} here", name=name)
    return whole(name, *given, **more)
builtins.__import__ = guarded
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/tarve-need/1")
rows = pd.read_parquet(sys.argv[2]).rename(columns={"about.site": "site"})
rows = rows[[column.name for column in model.metadata.signature.inputs]].head(200)
model.predict(rows).to_parquet(sys.argv[3])
nowhere = model.predict(rows.drop(columns="site"))
assert nowhere["at_least_1"].notna().all() and nowhere["in_set_0"].dtype == bool
assert not set(REFUSED) & set(sys.modules), set(REFUSED) & set(sys.modules)
"""


def test_the_logged_model_loads_without_the_code_of_training(trained: Trained, tmp_path: Path) -> None:
    words = [sys.executable, "-W", "ignore", "-c", BARE, trained.tracking, str(trained.examples), "said.parquet"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr
    said, model = pd.read_parquet(tmp_path / "said.parquet"), tracking.load("1")
    rows = pq.read_table(trained.examples).slice(0, 200).to_pandas()
    predicted = model.predict(rows[list(DENTAL.names)].to_numpy(np.float64), rows["about.site"].to_numpy(np.str_))
    assert {"in_set_2", "visits_low", "minutes_high"} < set(said.columns)
    for name, values in predicted.columns().items():
        assert np.array_equal(said[name].to_numpy(), values), name


def test_the_service_assesses_by_the_limits_that_the_report_evaluates(trained: Trained) -> None:
    """A report predicts for rows of examples by their site; the service finds the site in the history itself."""
    model, rows = tracking.load("1"), read_everyone(trained.examples)
    model = replace(model, uncertainty=replace(model.uncertainty, sets=odd_limits(rows.about["site"])))
    table, sizes = Scorer.of(model).table, set()
    for at in range(0, len(rows), len(rows) // 15):
        row = rows.take(np.arange(len(rows)) == at)
        history = store.read_patient(trained.records, str(row.patient_ids[0]))
        assert history is not None
        moment = datetime.fromtimestamp(int(row.as_of[0]) / 1e6, UTC)
        served, reported = assess(model, DENTAL, table, history, moment), predict(model, row)
        names = [segment.name for segment in served.prediction_set or ()]
        inside = np.flatnonzero(reported.prediction_set[0])
        assert {table.names[k] for k in inside} <= set(names)
        sizes.add(len(names))
        assert (served.visits_interval.low, served.visits_interval.high) == tuple(reported.visits_interval[0])
        assert list(served.probabilities.values()) == reported.probabilities[0].tolist()
    assert len(sizes) > 1


def odd_limits(site: np.ndarray) -> Conformal:
    """Limits of neighbouring sites differ: everything is possible in one, nothing but the likeliest in the next."""
    names = np.unique(site).tolist()
    return Conformal((0.0,) * 3, {name: (float(at % 2),) * 3 for at, name in enumerate(names)})


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
def test_spark_says_the_same(trained: Trained, scored: pa.Table, tmp_path: Path) -> None:
    needs("java")
    out = tmp_path / "scores"
    assert run(trained, out, "--spark") == 0
    found = pd.read_parquet(out).sort_values("patient_id")
    here = scored.to_pandas()
    assert found["patient_id"].tolist() == here["patient_id"].tolist()
    for name in ("visits", "minutes"):
        assert np.array_equal(found[name].to_numpy(), here[name].to_numpy(), equal_nan=True)
    assert np.array_equal(found["at_least_2"].to_numpy(), here["p.heavy"].to_numpy(), equal_nan=True)
    assert np.array_equal(found["visits_high"].to_numpy(), here["visits_high"].to_numpy(), equal_nan=True)
