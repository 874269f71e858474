"""Columns of a stored history are read a stretch of patients at a time, and say what the whole store says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import scan as scanning
from records import store
from records.history import OrderError
from records.scan import all_patients, scan
from records.schema import TABLES
from records.store import StoreError
from tests.rows import event, history, patient

COLUMNS = {"patients": ["birth_date"], "visits": ["event_time", "recorded_at", "profession", "minutes"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty patients, the fourth with 900 visits, every third without any."""
    folder = tmp_path_factory.mktemp("scan") / "records"
    names = [f"p{at:02}" for at in range(40)]
    visits = [
        event("visits", f"2024-01-{1 + at % 28:02}", patient=name, event_id=f"{name}-{at:04}")
        for place, name in enumerate(names)
        for at in range(900 if place == 4 else place % 3)
    ]
    store.write(history(*map(patient, names), visits=visits), folder)
    return folder


def rewritten(folder: Path, to: Path, rows: pa.Table, **options: Any) -> Path:
    """A copy of a store with another file of visits."""
    to.mkdir()
    for name in TABLES:
        pq.write_table(pq.read_table(folder / f"{name}.parquet"), to / f"{name}.parquet")
    pq.write_table(rows, to / "visits.parquet", **options)
    return to


@settings(max_examples=25)
@given(st.sets(st.integers(0, 40), max_size=4), st.sampled_from([64, 65_536]))
def test_stretches_hold_what_the_store_holds_of_their_patients(folder: Path, edges: set[int], batch: int) -> None:
    ids = all_patients(folder).to_pylist()
    cuts = sorted({0, *edges, 40})
    stretches = [(ids[start], ids[stop - 1]) for start, stop in pairwise(cuts)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scanning, "ROWS_AT_ONCE", batch)
        found = list(scan(folder, COLUMNS, stretches))
    whole = store.read(folder)
    for name, columns in COLUMNS.items():
        rows = whole[name].select(["patient_id", *columns]).to_pylist()
        assert [row for tables in found for row in tables[name].to_pylist()] == rows
        for (first, last), tables in zip(stretches, found, strict=True):
            assert all(first <= owner <= last for owner in tables[name]["patient_id"].to_pylist())


def test_row_groups_before_a_stretch_are_passed_over(folder: Path, tmp_path: Path) -> None:
    visits = pq.read_table(folder / "visits.parquet")
    other = rewritten(folder, tmp_path / "groups", visits, row_group_size=50)
    cursor = scanning._Cursor(other, "visits", ["event_time"])
    with pytest.MonkeyPatch.context() as patched:
        read: list[int] = []
        patched.setattr(cursor, "_read", lambda group, real=cursor._read: read.append(group) or real(group))
        assert cursor.take("p38", "p39").num_rows == 2
    assert len(read) == 1


def test_patients_that_nobody_asks_about_are_left_out(folder: Path) -> None:
    (tables,) = scan(folder, COLUMNS, [("p05", "p06")])
    assert tables["patients"]["patient_id"].to_pylist() == ["p05", "p06"]
    assert list(scan(folder, COLUMNS, [])) == []


def test_text_comes_as_dictionaries(folder: Path) -> None:
    (tables,) = scan(folder, COLUMNS, [("p00", "p39")])
    assert tables["visits"].schema.field("profession").type == scanning.TEXT


class TestFilesOfOthers:
    def test_a_file_that_does_not_declare_its_order_is_checked_and_read(self, folder: Path, tmp_path: Path) -> None:
        visits = pq.read_table(folder / "visits.parquet")
        other = rewritten(folder, tmp_path / "undeclared", visits, row_group_size=100)
        (tables,) = scan(other, COLUMNS, [("p00", "p39")])
        assert tables["visits"].num_rows == visits.num_rows

    @pytest.mark.parametrize("swapped", [(0, 1), (99, 100)])
    def test_rows_out_of_order_are_refused_also_between_row_groups(
        self, folder: Path, tmp_path: Path, swapped: tuple[int, int]
    ) -> None:
        visits = pq.read_table(folder / "visits.parquet")
        order = list(range(visits.num_rows))
        first, second = swapped
        order[first], order[second] = order[second], order[first]
        other = rewritten(folder, tmp_path / "swapped", visits.take(order), row_group_size=100)
        with pytest.raises(OrderError, match="is not sorted by patient and time"):
            list(scan(other, COLUMNS, [("p00", "p39")]))

    def test_large_strings_and_other_time_units_are_read(self, folder: Path, tmp_path: Path) -> None:
        visits = pq.read_table(folder / "visits.parquet")
        changed = visits.set_column(0, "patient_id", visits["patient_id"].cast(pa.large_string()))
        changed = changed.set_column(2, "event_time", changed["event_time"].cast(pa.timestamp("ns", "UTC")))
        other = rewritten(folder, tmp_path / "large", changed)
        (tables,) = scan(other, COLUMNS, [("p00", "p39")])
        assert tables["visits"].to_pylist() == next(scan(folder, COLUMNS, [("p00", "p39")]))["visits"].to_pylist()

    def test_a_file_without_statistics_is_read_from_its_start(self, folder: Path, tmp_path: Path) -> None:
        visits = pq.read_table(folder / "visits.parquet")
        other = rewritten(folder, tmp_path / "bare", visits, row_group_size=50, write_statistics=False)
        (tables,) = scan(other, COLUMNS, [("p38", "p39")])
        assert tables["visits"].num_rows == 2

    def test_a_missing_file_column_or_value_is_named(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match=r"patients\.parquet does not exist; write a history there first"):
            all_patients(tmp_path / "nowhere")
        visits = pq.read_table(folder / "visits.parquet")
        short = rewritten(folder, tmp_path / "short", visits.drop_columns(["minutes"]))
        with pytest.raises(StoreError, match=r"visits\.parquet has no column minutes"):
            list(scan(short, COLUMNS, [("p00", "p39")]))
        holes = visits.set_column(2, "event_time", pa.nulls(visits.num_rows, visits["event_time"].type))
        empty = rewritten(folder, tmp_path / "holes", holes)
        with pytest.raises(StoreError, match="has rows without event_time"):
            list(scan(empty, COLUMNS, [("p00", "p39")]))

    def test_what_is_no_parquet_is_refused(self, folder: Path, tmp_path: Path) -> None:
        other = rewritten(folder, tmp_path / "text", pq.read_table(folder / "visits.parquet"))
        (other / "visits.parquet").write_text("no")
        with pytest.raises(StoreError, match="is not a readable Parquet file of table visits"):
            list(scan(other, COLUMNS, [("p00", "p39")]))
