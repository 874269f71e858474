"""The evaluator inside Spark: features of histories that live in Spark DataFrames or in Parquet files.

Every table is turned into rows of one long table, that table is shuffled once by patient and sorted, and the
evaluator answers block by block in `mapInArrow`. A patient's numbers do not depend on who else is in a block, so the
values are the evaluator's own, whatever the number of partitions; the order of the rows is Spark's.

This module needs the extra `spark`; nothing else in `features` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sql
from pyspark.sql.types import DoubleType, StructField, StructType, TimestampType

from features.catalogue import Catalogue
from features.evaluate import Moments
from features.evaluate import evaluate as evaluate_here
from features.events import prepare
from features.plan import plan_of
from records.schema import EVENTS, INSTANT, TABLES

BLOCK = 50_000
"""Rows of the long table that are evaluated at a time, give or take a patient; larger blocks took more memory and no
less time (10,000 simulated patients, ten years, five moments each: 280 MB a worker; 460 MB with four times this)."""

LONG = ("patient_id", "table", "event_time", "event_id")
"""Keys of the long table, in the order in which it is sorted; a row of a table holds what is read of that table as one
value in a column of the table's name."""

Batches = Iterable[pa.RecordBatch]


class FrameError(ValueError):
    """A DataFrame is no table of a history, or no moments."""


def read(spark: SparkSession, folder: str, catalogue: Catalogue) -> dict[str, DataFrame]:
    """The tables that a catalogue reads, from a folder or URL with one Parquet file (or folder) a table."""
    return {name: spark.read.parquet(f"{folder}/{name}.parquet") for name in plan_of(catalogue).columns}


def evaluate(
    catalogue: Catalogue, tables: Mapping[str, DataFrame], moments: DataFrame, partitions: int | None = None
) -> DataFrame:
    """Compute every feature of the catalogue at every moment.

    Args:
        catalogue: the features.
        tables: by name, the tables of the record schema; one that is not given is empty, `patients` must be.
        moments: rows with `patient_id` and `as_of` (TIMESTAMP), and whatever else names them.
        partitions: into how many parts the shuffle divides; Spark decides where it is not given.

    Returns:
        The columns of `moments`, then one DOUBLE a feature, null where missing. A moment of a patient that
        `patients` does not hold fails the job.

    Raises:
        FrameError: `patients` or a column is missing, an instant is no TIMESTAMP, or a feature and a column of
            `moments` share a name.
    """
    _check(catalogue, tables, moments)
    long = _rows("moments", moments, moments.columns)
    for name, columns in plan_of(catalogue).columns.items():
        if name in tables:
            long = long.unionByName(_rows(name, tables[name], columns), allowMissingColumns=True)
    by_patient = long.repartition(partitions, "patient_id") if partitions else long.repartition("patient_id")
    features = [StructField(name, DoubleType()) for name in catalogue.names]
    schema = StructType([*moments.schema.fields, *features])
    found: DataFrame = by_patient.sortWithinPartitions(*LONG).mapInArrow(answers(catalogue), schema)
    return found


def answers(catalogue: Catalogue, block: int = BLOCK) -> Callable[[Batches], Batches]:
    """The function that Spark runs on each partition: rows of the long table in, answered moments out."""

    def answer(batches: Batches) -> Batches:
        for rows in _blocks(batches, block):
            yield from _answered(catalogue, rows)

    return answer


def _check(catalogue: Catalogue, tables: Mapping[str, DataFrame], moments: DataFrame) -> None:
    if "patients" not in tables:
        raise FrameError("the table patients is missing: it says whose features there are")
    if shared := sorted(set(catalogue.names) & set(moments.columns)):
        raise FrameError(f"moments has a column {shared[0]!r}, and so have the features")
    _check_frame("moments", moments, [pa.field("patient_id", pa.string(), False), pa.field("as_of", INSTANT, False)])
    for name, columns in plan_of(catalogue).columns.items():
        if name in tables:
            keys = ("patient_id", "event_id") if name in EVENTS else ("patient_id",)
            _check_frame(name, tables[name], [TABLES[name].arrow().field(column) for column in (*keys, *columns)])


def _check_frame(name: str, frame: DataFrame, fields: list[pa.Field]) -> None:
    found = {field.name: field.dataType for field in frame.schema.fields}
    for field in fields:
        if field.name not in found and not field.nullable:
            raise FrameError(f"{name} has no column {field.name!r}")
        if field.type == INSTANT and not isinstance(found.get(field.name, TimestampType()), TimestampType):
            raise FrameError(f"{name}.{field.name} is no TIMESTAMP but {found[field.name].simpleString()}")


def _rows(name: str, frame: DataFrame, columns: Iterable[str]) -> DataFrame:
    """One table as rows of the long table; a column that it lacks is null."""
    time, event_id = ("event_time", "event_id") if name in EVENTS else (None, None)
    keys = [_column(time).cast("timestamp").alias("event_time"), _column(event_id).cast("string").alias("event_id")]
    own = [_column(column if column in frame.columns else None).alias(column) for column in columns]
    return frame.select("patient_id", sql.lit(name).alias("table"), *keys, sql.struct(*own).alias(name))


def _column(name: str | None) -> Column:
    return sql.lit(None).cast("string") if name is None else sql.col(f"`{name}`")


def _blocks(batches: Batches, rows: int) -> Iterator[pa.Table]:
    """Whole patients, about so many rows at a time; the batches come sorted by patient."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) < rows:
            continue
        table = pa.Table.from_batches(held)
        ids = table["patient_id"]
        last = pc.index(ids, ids[-1]).as_py()
        if last:
            yield table.slice(0, last)
        held = table.slice(last).to_batches()
    if held:
        yield pa.Table.from_batches(held)


def _answered(catalogue: Catalogue, rows: pa.Table) -> Iterator[pa.RecordBatch]:
    """The answered moments of a block; patients whom no moment asks about are left out before anything is computed."""
    moments = pa.Table.from_struct_array(_of(rows, "moments")["moments"].combine_chunks())
    if not moments.num_rows:
        return
    rows = rows.filter(pc.is_in(rows["patient_id"], moments["patient_id"].combine_chunks()))
    events = prepare(catalogue, {name: _table(rows, name, read) for name, read in plan_of(catalogue).columns.items()})
    asked = Moments(moments["patient_id"].combine_chunks(), moments["as_of"].combine_chunks().cast(INSTANT))
    values = evaluate_here(catalogue, events, asked).values
    for name, column in zip(catalogue.names, values.T, strict=True):
        moments = moments.append_column(name, pa.array(column, from_pandas=True))
    yield from moments.combine_chunks().to_batches()


def _table(rows: pa.Table, name: str, columns: tuple[str, ...]) -> pa.Table:
    """The rows of one table: whose they are, and the columns that are read."""
    schema = pa.schema([TABLES[name].arrow().field(column) for column in ("patient_id", *columns)])
    if name not in rows.column_names:
        return schema.empty_table()
    found = _of(rows, name)
    own = pa.Table.from_struct_array(found[name].combine_chunks())
    return own.add_column(0, "patient_id", found["patient_id"]).cast(schema)


def _of(rows: pa.Table, name: str) -> pa.Table:
    return rows.filter(pc.equal(rows["table"], name))
