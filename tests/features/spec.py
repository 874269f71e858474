"""Laws written as tables: rows of a history, and what the features are as of given moments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa

from features.catalogue import Catalogue
from features.families import Family
from records.clock import instant
from records.schema import TABLES
from tests.features.engines import ENGINES, bits
from tests.features.histories import Population
from tests.rows import event, history, patient


def check(families: list[Family], expected: str, person: dict[str, Any] | None = None, **tables: str) -> None:
    """Hold every engine to a table of expected values.

    Args:
        families: what is computed.
        expected: a table whose first column, `as of`, is the moment; the others are columns of the families.
        person: what is special about the patient.
        tables: by name, rows of the history. `time` and `recorded` are `event_time` and `recorded_at` (the same where
            left out), in Helsinki time without an offset; an empty cell is a null. Rows have event ids in the order
            in which they are written unless `id` gives others.
    """
    catalogue = Catalogue(*families)
    rows = {table: [_row(table, cells, at) for at, cells in enumerate(_read(text))] for table, text in tables.items()}
    wanted = _read(expected)
    moments = [instant(_iso(cells.pop("as of"))) for cells in wanted]
    asked = Population(history(patient("a", **(person or {})), **rows), ["a"] * len(moments), moments)
    for engine in ENGINES:
        found = engine(catalogue, asked)
        for cells, values in zip(wanted, found, strict=True):
            said = {name: values[catalogue.names.index(name)] for name in cells}
            meant = {name: math.nan if cell == "missing" else float(cell) for name, cell in cells.items()}
            assert np.array_equal(bits(list(said.values())), bits(list(meant.values()))), (engine.__name__, said, meant)


def _read(text: str) -> list[dict[str, str]]:
    """Rows of a table with a header; cells are separated by bars."""
    header, *body = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return [dict(zip(header, cells, strict=True)) for cells in body]


def _row(table: str, cells: dict[str, str], at: int) -> dict[str, Any]:
    when = _iso(cells.pop("time"))
    known = _iso(cells.pop("recorded", "") or when)
    event_id = cells.pop("id", f"{at:03}")
    columns = TABLES[table].columns()
    own = {name: _value(cell, columns[name].type) for name, cell in cells.items()}
    return event(table, when, known, event_id=event_id, **own)


def _iso(text: str) -> str:
    return text.replace(" ", "T")


def _value(cell: str, kind: pa.DataType) -> Any:
    if not cell:
        return None
    return cell if pa.types.is_string(kind) else pa.scalar(cell).cast(kind).as_py()
