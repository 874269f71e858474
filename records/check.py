"""What may be used of a history, and what is kept aside with its reason: nothing is silently used, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from records.clock import days
from records.codes import NEED_GROUPS
from records.history import History
from records.schema import TABLES, Column, Table

Mask: TypeAlias = pa.ChunkedArray | pa.Array

UNKNOWN_CODE = "unknown code, counted in the group other"
OUT_OF_DATE = "code used outside the dates of its validity"


@dataclass(frozen=True)
class Checked:
    """The outcome of `check`.

    Attributes:
        history: the rows that may be used.
        set_aside: by table, the rows that may not, with one more column `reason` (a sentence without any value).
        notices: by (table, sentence), how many rows are used although something about them is odd.
    """

    history: History
    set_aside: Mapping[str, pa.Table]
    notices: Mapping[tuple[str, str], int]

    def counts(self) -> dict[tuple[str, str], int]:
        """Number of rows set aside, by (table, reason)."""
        found: Counter[tuple[str, str]] = Counter()
        for table, rows in self.set_aside.items():
            found.update((table, reason) for reason in rows.column(-1).to_pylist())  # messages have one of their own
        return dict(found)


def check(tables: Mapping[str, pa.Table], moment: datetime | None = None) -> Checked:
    """Split unchecked tables of the schema's types into usable rows and rows set aside.

    Args:
        tables: Arrow tables by name, as `records.history.raw_table` makes them; columns may hold nulls.
        moment: aware; rows that happened or were recorded at it or later are set aside. None keeps them.

    Codes are first written as the schema writes them (K021 for k02.1). A row is set aside for the first reason that
    holds, in this order: a required value is missing, a value is not allowed, the patient is unknown, it happened
    before the patient was born, it happened or was recorded at or after the moment, its event id was seen before.
    """
    tables = {name: _canonical(name, rows) for name, rows in tables.items()}
    patients, odd_patients = _split(tables.get("patients", _empty("patients")), TABLES["patients"], ())
    usable: dict[str, pa.Table] = {"patients": patients}
    set_aside: dict[str, pa.Table] = {"patients": odd_patients} if odd_patients.num_rows else {}
    for name, table in TABLES.items():
        if name == "patients" or name not in tables:
            continue
        usable[name], odd = _split(tables[name], table, tuple(_event_faults(tables[name], patients, moment)))
        if odd.num_rows:
            set_aside[name] = odd
    history = History.of(usable)
    return Checked(history, set_aside, _notices(history))


def _canonical(name: str, rows: pa.Table) -> pa.Table:
    """Codes as the schema writes them: upper case, without spaces around, diagnoses without the dot."""
    if "code" not in rows.column_names:
        return rows
    code = pc.utf8_upper(pc.utf8_trim_whitespace(rows["code"]))
    if name == "diagnoses":
        code = pc.replace_substring(code, ".", "")
    return rows.set_column(rows.column_names.index("code"), "code", code)


def canonical_code(table: str, code: str) -> str:
    """One code as the schema writes it."""
    if not code.isascii():  # Python knows capitals of several letters, which Arrow does not
        written: str = pc.utf8_upper(pc.utf8_trim_whitespace(pa.scalar(code))).as_py()
    else:
        written = code.strip().upper()
    return written.replace(".", "") if table == "diagnoses" else written


def _split(rows: pa.Table, table: type[Table], faults: tuple[tuple[str, Mask], ...]) -> tuple[pa.Table, pa.Table]:
    if not rows.num_rows:
        return rows, rows.append_column("reason", pa.nulls(0, pa.string()))
    reason: pa.Array = pa.nulls(rows.num_rows, pa.string())
    for sentence, mask in (*_value_faults(rows, table), *faults):
        reason = _first_reason(reason, sentence, mask)
    key = "event_id" if table.is_event() else "patient_id"
    reason = _first_reason(reason, f"duplicate {key.replace('_', ' ')}", _repeated(rows[key], reason))
    good = reason.is_null()
    return rows.filter(good), rows.append_column("reason", reason).filter(pc.invert(good))


def _first_reason(reason: pa.Array, sentence: str, mask: Mask) -> pa.Array:
    mask = pc.fill_null(mask, False)
    if isinstance(mask, pa.ChunkedArray):
        mask = mask.combine_chunks()
    return pc.if_else(pc.and_(reason.is_null(), mask), sentence, reason)


def _value_faults(rows: pa.Table, table: type[Table]) -> Iterator[tuple[str, Mask]]:
    for name, column in table.columns().items():
        if name not in rows.column_names:
            continue
        values = rows[name]
        if not column.nullable and values.null_count:
            yield f"{name} is missing", values.is_null()
        yield from _range_faults(name, column, values)


def _range_faults(name: str, column: Column, values: pa.ChunkedArray) -> Iterator[tuple[str, Mask]]:
    if column.one_of:
        yield f"{name} is not an allowed value", pc.invert(pc.is_in(values, pa.array(column.one_of)))
    if column.at_least is not None:
        yield f"{name} is below {column.at_least:g}", pc.less(values, column.at_least)
    if column.at_most is not None:
        yield f"{name} is above {column.at_most:g}", pc.greater(values, column.at_most)


def _event_faults(rows: pa.Table, patients: pa.Table, moment: datetime | None) -> Iterator[tuple[str, Mask]]:
    if not rows.num_rows:
        return
    owner = pc.index_in(rows["patient_id"], patients["patient_id"].combine_chunks())
    yield "the patient is unknown", owner.is_null()
    born = patients["birth_date"].take(owner)
    day = pa.array(days(pc.fill_null(rows["event_time"], 0))).cast(pa.date32())
    yield "it happened before the patient was born", pc.less(day, born)
    if moment is not None:
        limit = pa.scalar(moment, pa.timestamp("us", tz="UTC"))
        yield "it happened at or after the moment", pc.greater_equal(rows["event_time"], limit)
        yield "it was recorded at or after the moment", pc.greater_equal(rows["recorded_at"], limit)


def _repeated(keys: pa.ChunkedArray, reason: pa.Array) -> pa.Array:
    """True where a usable row's key stands in an earlier usable row."""
    usable = np.flatnonzero(reason.is_null().to_numpy(zero_copy_only=False))
    repeated = np.zeros(len(keys), bool)
    encoded = keys.combine_chunks().take(pa.array(usable)).dictionary_encode()
    if len(encoded.dictionary) < len(usable):
        again = np.ones(len(usable), bool)
        again[np.unique(encoded.indices.to_numpy(), return_index=True)[1]] = False
        repeated[usable] = again
    return pa.array(repeated)


def _notices(history: History) -> dict[tuple[str, str], int]:
    rows = history["procedures"]
    counts = {pair["values"]: pair["counts"] for pair in rows["code"].value_counts().to_pylist()}
    found = {
        UNKNOWN_CODE: sum(n for code, n in counts.items() if not NEED_GROUPS.knows(code)),
        OUT_OF_DATE: sum(_out_of_date(rows, code) for code in counts),
    }
    return {("procedures", says): count for says, count in found.items() if count}


def _out_of_date(rows: pa.Table, code: str) -> int:
    """How many rows use a code before or after the classification has it."""
    rule = NEED_GROUPS.rule(code)
    if rule.valid_from is None and rule.valid_until is None:
        return 0
    day = pa.array(days(rows["event_time"].filter(pc.equal(rows["code"], code)))).cast(pa.date32())
    early = pc.less(day, rule.valid_from or date.min)
    late = pc.greater(day, rule.valid_until or date.max)
    return int(pc.sum(pc.or_(early, late)).as_py() or 0)


def _empty(name: str) -> pa.Table:
    return TABLES[name].arrow().empty_table()
