"""Spark in local mode gives the evaluator's bits; the job that runs is the one of docs/spark.md."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as sql

from features import spark
from features.catalogue import Catalogue
from features.dental import DENTAL
from features.families import Label, count
from features.plan import plan_of
from records import store
from records.schema import INSTANT
from tests.features.engines import bits, by_evaluator
from tests.features.histories import LONG as MANY
from tests.features.histories import Population, population
from tests.needs import needs
from tests.rows import event, history, patient

PATIENTS = 4_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 400
JOB = Path(__file__).parents[2] / "docs" / "spark.md"
L = Label("x", "x", "x")


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    """A local Spark: few threads, small batches, and a time zone that is not UTC."""
    needs("java")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        "spark.sql.session.timeZone": "America/St_Johns",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "777",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        made = builder.getOrCreate()
        made.sparkContext.setLogLevel("ERROR")
        yield made
        made.stop()


def drawn(patients: int, seed: int = 11) -> Population:
    """A population that is the same in every run."""
    return population(Random(seed).choice, patients)  # noqa: S311 - no secret


def moments_of(asked: Population) -> pa.Table:
    """The moments, with a number each."""
    numbers = pa.array(range(len(asked.as_of)), pa.int64())
    return pa.table({"row": numbers, "patient_id": asked.patient_ids, "as_of": pa.array(asked.as_of, INSTANT)})


def values_of(found: pa.Table) -> np.ndarray:
    """The features of an answer, in the order of the moments."""
    rows = found.sort_by("row")
    return np.stack([rows[name].to_numpy() for name in DENTAL.names], axis=1)


def test_the_documented_job_gives_the_bits_of_the_evaluator(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = drawn(PATIENTS)
    store.write(asked.history, tmp_path / "history")
    pq.write_table(moments_of(asked), tmp_path / "moments.parquet")
    paths = [str(tmp_path / name) for name in ("history", "moments.parquet", "values")]
    (job,) = re.findall(r"```python\n(.*?)```", JOB.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.setattr(sys, "argv", ["job.py", *paths])
    exec(compile(job, "job.py", "exec"), {})  # noqa: S102 - the job of our own page
    found = pq.read_table(tmp_path / "values")
    assert found.column_names == ["row", "patient_id", "as_of", *DENTAL.names]
    assert found.sort_by("row")["as_of"].to_pylist() == asked.as_of
    assert (bits(values_of(found)) == bits(by_evaluator(DENTAL, asked))).all()
    assert len(list((tmp_path / "values").glob("*.parquet"))) == 3


def test_frames_that_are_no_history_are_refused(session: SparkSession) -> None:
    asked = drawn(3)
    catalogue = Catalogue(count("visits", "n", L, "x", where={"urgency": "urgent"}))
    frames = {name: session.createDataFrame(asked.history[name]) for name in ("patients", "visits")}
    moments = session.createDataFrame(moments_of(asked))
    refused = [
        ({"visits": frames["visits"]}, moments, "the table patients is missing"),
        (frames | {"visits": frames["visits"].drop("urgency")}, moments, "visits has no column 'urgency'"),
        (frames, moments.drop("as_of"), "moments has no column 'as_of'"),
        (frames, moments.withColumn("n", sql.lit(1)), "moments has a column 'n', and so have the features"),
        (
            frames,
            moments.withColumn("as_of", sql.col("as_of").cast("timestamp_ntz")),
            "moments.as_of is no TIMESTAMP but timestamp_ntz",
        ),
    ]
    for tables, wanted, sentence in refused:
        with pytest.raises(spark.FrameError, match=re.escape(sentence)):
            spark.evaluate(catalogue, tables, wanted)


def test_one_shuffle_serves_tables_that_lack_what_may_be_null(session: SparkSession, tmp_path: Path) -> None:
    catalogue = Catalogue(
        count("visits", "n", L, "x"), count("visits.minutes", "k", L, "x"), count("contacts", "m", L, "x")
    )
    found = history(visits=[event("visits", "2024-12-01", unit="A")])
    frames = {name: session.createDataFrame(found[name]) for name in ("patients", "visits")}
    frames["visits"] = frames["visits"].drop("unit", "minutes")
    moments = session.createDataFrame(
        moments_of(Population(found, ["a"], [event("visits", "2025-01-01")["event_time"]]))
    )
    answered = spark.evaluate(catalogue, frames, moments, partitions=2)
    plan = answered._jdf.queryExecution().executedPlan().toString()
    assert re.findall(r"Exchange (\w+)", plan) == ["hashpartitioning"]
    answered.write.parquet(str(tmp_path / "values"))  # collecting would leave sockets open
    assert pq.read_table(tmp_path / "values").select(["n", "k", "m"]).to_pylist() == [{"n": 1, "k": 0, "m": 0}]


class TestBlocks:
    """What a worker does with the rows of its partition, without Spark."""

    def long(self, asked: Population) -> pa.Table:
        """The long table as Spark would sort it."""
        parts = []
        for name, read in {"moments": ("row", "patient_id", "as_of"), **plan_of(DENTAL).columns}.items():
            rows = moments_of(asked) if name == "moments" else asked.history[name]
            whole = pa.StructArray.from_arrays([rows[column].combine_chunks() for column in read], read)
            event_keys = [rows[key] if key in rows.column_names else pa.nulls(len(rows), kind)
                          for key, kind in (("event_time", INSTANT), ("event_id", pa.string()))]  # fmt: skip
            keys = [rows["patient_id"], pa.repeat(name, len(rows)), *event_keys]
            parts.append(pa.table([*keys, whole], names=[*spark.LONG, name]))
        return pa.concat_tables(parts, promote_options="default").sort_by([(key, "ascending") for key in spark.LONG])

    def answered(self, asked: Population, block: int, batch: int) -> np.ndarray:
        """The values in blocks and batches of so many rows."""
        answer = spark.answers(DENTAL, block)
        batches = self.long(asked).to_batches(batch)
        return values_of(pa.Table.from_batches(answer(iter(batches))))

    @pytest.mark.parametrize(("block", "batch"), [(1, 1), (1, 1_000), (60, 7), (300, 50), (10**9, 100)])
    def test_values_do_not_depend_on_where_blocks_and_batches_end(self, block: int, batch: int) -> None:
        asked = drawn(12)
        assert (bits(self.answered(asked, block, batch)) == bits(by_evaluator(DENTAL, asked))).all()

    def test_a_patient_larger_than_a_block_stays_whole(self) -> None:
        asked = population(Random(5).choice, 2, [MANY // 10])  # noqa: S311 - no secret
        assert (bits(self.answered(asked, 50, 30)) == bits(by_evaluator(DENTAL, asked))).all()

    def test_nobody_is_evaluated_whom_no_moment_asks_about(self) -> None:
        asked = drawn(6)
        one = Population(asked.history, asked.patient_ids[:1], asked.as_of[:1])
        assert (bits(self.answered(one, 20, 20)) == bits(by_evaluator(DENTAL, one))).all()
        answer = spark.answers(DENTAL)
        assert list(answer(iter(self.long(Population(asked.history, [], [])).to_batches()))) == []
        assert list(answer(iter(()))) == []

    def test_an_unknown_patient_stops_the_job_without_a_name(self) -> None:
        asked = Population(history(patient("b")), ["nobody"], [event("visits", "2025-01-01")["event_time"]])
        with pytest.raises(ValueError, match="1 of 1 moments ask about a patient that the history does not hold"):
            self.answered(asked, 20, 20)
