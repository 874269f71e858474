"""One range of patients: what arrived, checked and merged with what the store holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from records.check import check
from records.clock import microseconds
from records.history import History
from records.imports.owners import Owners
from records.imports.summary import Summary
from records.schema import EVENTS, TABLES

DUPLICATE = "duplicate event id"
FLAGS = ("special_needs", "non_disclosure")


@dataclass(frozen=True)
class Merged:
    """A range after the import.

    Attributes:
        history: what the store is to hold.
        aside: by table, rows kept aside, with one more column `reason`.
    """

    history: History
    aside: Mapping[str, pa.Table]


def merge(arrived: Mapping[str, pa.Table], stored: History, owners: Mapping[str, Owners], summary: Summary) -> Merged:
    """Check what arrived in a range of patients, merge it with what is stored there, and count.

    A row of a stored event id replaces the stored row; a missing value of a patient never replaces a known one.
    """
    if not any(rows.num_rows for rows in arrived.values()):
        return Merged(stored, {})
    aside: dict[str, list[pa.Table]] = {name: [] for name in arrived}
    patients = _patients(arrived, stored, aside, summary)
    events = {name: _ordered(arrived[name], stored[name], owners[name]) for name in EVENTS if name in arrived}
    checked = check({"patients": patients, **events})
    summary.notices.update(checked.notices)
    tables = {"patients": patients}
    for name in EVENTS:
        if name in checked.set_aside:
            aside[name].append(checked.set_aside[name])
        tables[name] = stored[name]
        if name in events:
            usable = _owned(checked.history[name], stored[name], owners[name], aside[name])
            tables[name] = _replace(name, usable, stored[name], "event_id", summary)
    joined = {name: pa.concat_tables(parts) for name, parts in aside.items() if parts}
    for name, rows in joined.items():
        counts = rows["reason"].value_counts().to_pylist()
        summary.aside.update({(name, pair["values"]): pair["counts"] for pair in counts})
    return Merged(History.of(tables), joined)


def _patients(
    arrived: Mapping[str, pa.Table], stored: History, aside: dict[str, list[pa.Table]], summary: Summary
) -> pa.Table:
    """The range's patients after the import."""
    if "patients" not in arrived:
        return stored["patients"]
    rows = _completed(arrived["patients"], stored["patients"], summary)
    checked = check({"patients": rows.append_column("place", pa.array(range(rows.num_rows), pa.int64()))})
    if "patients" in checked.set_aside:
        odd = checked.set_aside["patients"]
        as_arrived = arrived["patients"].take(odd["place"])  # completed, it would be another row at the next import
        aside["patients"].append(as_arrived.append_column("reason", odd["reason"]))
    return _replace("patients", checked.history["patients"], stored["patients"], "patient_id", summary)


def _completed(rows: pa.Table, stored: pa.Table, summary: Summary) -> pa.Table:
    """Patients whose missing values are those of the store; a new one's flags are then false, its sex unknown."""
    at = pc.index_in(rows["patient_id"], stored["patient_id"].combine_chunks(), skip_nulls=True)
    before = stored.take(at)
    columns = {name: pc.coalesce(rows[name], before[name]) for name in rows.column_names}
    known = pc.if_else(pc.equal(rows["sex"], "unknown"), before["sex"], rows["sex"])
    columns["sex"] = pc.fill_null(pc.coalesce(known, before["sex"]), "unknown")
    for name in FLAGS:
        if columns[name].null_count:
            summary.notices["patients", f"{name} is not given, taken as false"] += columns[name].null_count
            columns[name] = pc.fill_null(columns[name], False)
    return pa.table(columns, schema=rows.schema)


def _ordered(rows: pa.Table, stored: pa.Table, owners: Owners) -> pa.Table:
    """Rows by patient and time, in order of arrival where both are equal; those of another's event id last.

    By patient, so that which of two equal ids is the first does not depend on the ranges. Numbers sort ten times faster
    than texts, and what is sorted already need not be sorted when the history is made.
    """
    encoded = rows["patient_id"].combine_chunks().dictionary_encode()
    rank = np.append(_ranks(encoded.dictionary), len(encoded.dictionary))
    patient = rank[pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy()]
    time = microseconds(pc.fill_null(rows["event_time"], 0))
    order = np.lexsort((time, patient, _foreign(rows, stored, owners)))
    return rows if (np.diff(order) == 1).all() else rows.take(pa.array(order))


def _ranks(texts: pa.StringArray) -> NDArray[np.int64]:
    rank = np.empty(len(texts), np.int64)
    rank[pc.sort_indices(texts).to_numpy()] = np.arange(len(texts))
    return rank


def _foreign(rows: pa.Table, stored: pa.Table, owners: Owners) -> NDArray[np.bool_]:
    """Rows whose event id is another patient's in the store."""
    if not stored.num_rows:
        return owners.foreign(rows["event_id"], rows["patient_id"])
    at = pc.index_in(rows["event_id"], stored["event_id"].combine_chunks(), skip_nulls=True)
    here = pc.fill_null(pc.not_equal(stored["patient_id"].take(at), rows["patient_id"]), False)
    return np.asarray(here.to_numpy() | owners.foreign(rows["event_id"], rows["patient_id"]))


def _owned(rows: pa.Table, stored: pa.Table, owners: Owners, aside: list[pa.Table]) -> pa.Table:
    """Without the rows whose event id is another patient's: in the store, or from an earlier range of this import."""
    rows = _set_aside(rows, _foreign(rows, stored, owners), DUPLICATE, aside)
    return _set_aside(rows, owners.claim(rows["event_id"], rows["patient_id"]), DUPLICATE, aside)


def _set_aside(rows: pa.Table, mask: NDArray[np.bool_], reason: str, aside: list[pa.Table]) -> pa.Table:
    if not mask.any():
        return rows
    some = rows.filter(pa.array(mask))
    nullable = pa.schema([field.with_nullable(True) for field in some.schema])
    aside.append(some.cast(nullable).append_column("reason", pa.array([reason] * some.num_rows, pa.string())))
    return rows.filter(pa.array(~mask))


def _replace(name: str, rows: pa.Table, stored: pa.Table, key: str, summary: Summary) -> pa.Table:
    """Stored rows with those of the same key replaced and the new ones added, unsorted."""
    if not stored.num_rows:
        summary.new[name] += rows.num_rows
        return rows
    stored_keys = stored[key].combine_chunks()
    at = pc.index_in(rows[key], stored_keys)
    is_new = at.is_null().to_numpy()
    same = ~is_new & _equal(rows, stored.take(at))
    summary.new[name] += int(is_new.sum())
    summary.unchanged[name] += int(same.sum())
    summary.changed[name] += int((~is_new & ~same).sum())
    if same.all():
        return stored
    arriving = rows.filter(pa.array(~same))
    kept = stored.filter(pc.invert(pc.is_in(stored_keys, arriving[key].combine_chunks())))
    schema = TABLES[name].arrow()
    return pa.concat_tables([kept.cast(schema), arriving.cast(schema)])


def _equal(one: pa.Table, other: pa.Table) -> NDArray[np.bool_]:
    """Rows that are equal in every column; missing equals missing."""
    equal = np.ones(one.num_rows, bool)
    for name in one.column_names:
        a, b = one[name], other[name]
        both_missing = pc.and_(a.is_null(), b.is_null())
        equal &= pc.or_(pc.fill_null(pc.equal(a, b), False), both_missing).to_numpy()
    return equal
