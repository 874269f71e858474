"""Scoring through Spark: the registered model as a function over a table of features.

Any Spark will do that can reach the registry and has the model's packages; `session` starts a local one. The
function is MLflow's own (`mlflow.pyfunc.spark_udf`), so what runs is the logged model with its own code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - what everybody calls it
from pyspark.sql.types import StructType

KEYS = ("patient_id", "as_of", "status")


@contextmanager
def session() -> Iterator[SparkSession]:
    """A Spark session on this machine's cores, with a progress bar on the console, stopped at the end."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    made = (
        SparkSession.builder.master("local[*]").appName("tarve-score").config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "true").config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    )  # fmt: skip
    try:
        yield made
    finally:
        made.stop()


def score(spark: SparkSession, features: Path, model_uri: str, out: Path) -> None:
    """Predict for a Parquet table of keys and features; writes keys and predictions as a folder of Parquet files.

    Rows without history keep their keys and get no prediction.

    Args:
        spark: the session.
        features: `patient_id`, `as_of`, `status`, and every feature of the model as a column.
        model_uri: such as `models:/tarve-need@champion`.
        out: folder to write; it must not exist.
    """
    rows = spark.read.parquet(str(features))
    predict = mlflow.pyfunc.spark_udf(spark, model_uri, env_manager="local")
    names = [name for name in rows.columns if name not in KEYS]
    predicted = rows.withColumn("predicted", predict(F.struct(*(F.col(f"`{name}`") for name in names))))
    kind = predicted.schema["predicted"].dataType
    if not isinstance(kind, StructType):
        raise TypeError(f"{model_uri} predicts {kind.simpleString()}, not named columns")
    said = [
        F.when(F.col("status") == "assessed", F.col(f"predicted.`{name}`")).alias(name) for name in kind.fieldNames()
    ]
    predicted.select(*KEYS, *said).write.parquet(str(out))
