"""The ways to compute features that must agree to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from features.catalogue import Catalogue
from features.evaluate import Moments, evaluate
from features.events import prepare
from features.one import evaluate_person
from features.sql import statement
from records.person import Person
from records.schema import INSTANT
from tests.features.histories import Population
from tests.features.reference import Records


def by_evaluator(catalogue: Catalogue, asked: Population) -> np.ndarray:
    """Every value as the evaluator computes it for all patients at once."""
    return evaluate(catalogue, asked.history, asked.moments).values


def one_by_one(catalogue: Catalogue, asked: Population) -> np.ndarray:
    """Every value as the evaluator computes it online, with nobody's history but the patient's own."""
    alone = {name: prepare(catalogue, asked.alone(name)) for name in set(asked.patient_ids)}
    return np.concatenate([
        evaluate(catalogue, alone[name], Moments.of([name], [moment])).values
        for name, moment in zip(asked.patient_ids, asked.as_of, strict=True)
    ])  # fmt: skip


def by_person(catalogue: Catalogue, asked: Population) -> np.ndarray:
    """Every value as compiled code computes it for one person who waits."""
    alone = {name: Person.of(asked.alone(name)) for name in set(asked.patient_ids)}
    moments = zip(asked.patient_ids, asked.as_of, strict=True)
    return np.concatenate([evaluate_person(catalogue, alone[name], moment).values for name, moment in moments])


def by_reference(catalogue: Catalogue, asked: Population) -> np.ndarray:
    """Every value as plain Python computes it."""
    records = Records(asked.history)
    moments = zip(asked.patient_ids, asked.as_of, strict=True)
    return np.array([records.values(catalogue, name, moment) for name, moment in moments], np.float64)


def by_sql(catalogue: Catalogue, asked: Population, *names: str) -> np.ndarray:
    """Every value as DuckDB computes it from the compiled text."""
    rows = pa.table({
        "row": np.arange(len(asked.as_of)),
        "patient_id": pa.array(asked.patient_ids, pa.string()),
        "as_of": pa.array(asked.as_of, INSTANT),
    })  # fmt: skip
    text = f"SELECT COLUMNS(* EXCLUDE (row))::DOUBLE FROM ({statement(catalogue, *names)})"  # noqa: S608 - no input
    with duckdb.connect(config={"threads": 1}) as connection:
        for name in {*catalogue.sources, "patients"}:  # backwards: a query may not count on the order of rows
            connection.register(name, asked.history[name].take(np.arange(asked.history[name].num_rows)[::-1]))
        found = connection.register("moments", rows).sql(text).to_arrow_table()
    return np.stack([column.to_numpy() for column in found.columns], axis=1)


def bits(values: Any) -> np.ndarray:
    """Values as their bits, with one kind of NaN: equal means equal to the last bit, and 0.0 is not -0.0."""
    array = np.ascontiguousarray(values, np.float64)
    return np.where(np.isnan(array), np.nan, array).view(np.int64)


Engine = Callable[[Catalogue, Population], np.ndarray]
ENGINES: tuple[Engine, ...] = (by_evaluator, one_by_one, by_person, by_sql, by_reference)
