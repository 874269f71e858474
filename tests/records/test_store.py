from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from records import store
from records.history import History, OrderError
from tests.rows import event, history, patient


@pytest.fixture
def found() -> History:
    visits = [event("visits", f"2020-01-0{day}T10:00", patient=name) for name in "abc" for day in (1, 2)]
    return history(*map(patient, "abcd"), visits=visits)


def test_what_is_written_is_read_again(found: History, tmp_path: Path) -> None:
    store.write(found, tmp_path / "records")
    again = store.read(tmp_path / "records")
    assert all(again[name].equals(found[name]) for name in found)


def test_one_patient_is_read_alone(found: History, tmp_path: Path) -> None:
    store.write(found, tmp_path / "records")
    one = store.read_patient(tmp_path / "records", "b")
    assert one is not None
    assert one.rows()["visits"] == 2
    assert one["visits"]["patient_id"].unique().to_pylist() == ["b"]
    assert store.read_patient(tmp_path / "records", "nobody") is None


def test_a_folder_written_before_the_schema_gained_a_table_has_no_rows_of_it(found: History, tmp_path: Path) -> None:
    store.write(found, tmp_path)
    for name in store.LATER:
        (tmp_path / f"{name}.parquet").unlink()
    again = store.read(tmp_path)
    assert all(again[name].equals(found[name]) for name in found)


def test_blocks_are_the_whole_history_in_order(found: History, tmp_path: Path) -> None:
    store.write(found, tmp_path / "records")
    blocks = list(store.blocks(tmp_path / "records", patients=3))
    assert [block.patient_ids.to_pylist() for block in blocks] == [["a", "b", "c"], ["d"]]
    assert sum(block.rows()["visits"] for block in blocks) == 6


def test_a_failure_leaves_what_was_there(found: History, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    store.write(found, folder)

    def half_write() -> None:
        with store.Writer(folder) as writer:
            writer.write(history(patient("x")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_write()
    assert store.read(folder).patient_ids.to_pylist() == list("abcd")
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_a_new_history_replaces_the_old_one_whole(found: History, tmp_path: Path) -> None:
    store.write(found, tmp_path / "records")
    store.write(history(patient("x")), tmp_path / "records")
    assert store.read(tmp_path / "records").rows()["visits"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_an_empty_block_and_an_empty_history_are_written(tmp_path: Path) -> None:
    with store.Writer(tmp_path / "records") as writer:
        writer.write(History.of({}))
    assert store.read(tmp_path / "records").rows()["patients"] == 0
    assert list(store.blocks(tmp_path / "records")) == []


def test_blocks_out_of_order_are_refused(tmp_path: Path) -> None:
    def write() -> None:
        with store.Writer(tmp_path / "records") as writer:
            writer.write(history(patient("b")))
            writer.write(history(patient("a")))

    with pytest.raises(OrderError, match="does not follow"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_readers_assert_the_order(found: History, tmp_path: Path) -> None:
    store.write(found, tmp_path / "records")
    path = tmp_path / "records" / "visits.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.take(list(reversed(range(rows.num_rows)))), path)
    with pytest.raises(OrderError, match=r"visits\.parquet is not sorted"):
        store.read(tmp_path / "records")


def test_a_missing_or_broken_file_is_named(found: History, tmp_path: Path) -> None:
    store.write(found, tmp_path / "records")
    (tmp_path / "records" / "visits.parquet").write_bytes(b"half a file")
    with pytest.raises(store.StoreError, match=r"visits\.parquet is not a readable Parquet file"):
        store.read(tmp_path / "records")
    (tmp_path / "records" / "visits.parquet").unlink()
    with pytest.raises(store.StoreError, match=r"visits\.parquet does not exist"):
        store.read(tmp_path / "records")
