"""Our own schema is read from Parquet and CSV; what is wrong is said with file, column and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from records import store
from records.history import raw_table
from records.imports import import_batches
from records.sources.batch import SourceError
from records.sources.own import read_own
from tests.rows import event, history, patient

FOUND = history(
    patient("a", left_at=None, language="fi"),
    patient("b"),
    visits=[event("visits", "2020-01-01T10:00", unit="Käpylä, 2"), event("visits", "2021-07-01", patient="b")],
    findings=[event("findings", "2020-01-01T10:00")],
    answers=[event("answers", "2020-01-01T10:00", value=0.1)],
)


def brought(folder: Path, *paths: Path) -> Any:
    return import_batches(folder / "again", read_own(paths), folder / "aside", origin="x")


def test_a_store_can_be_imported(tmp_path: Path) -> None:
    store.write(FOUND, tmp_path / "store")
    assert brought(tmp_path, tmp_path / "store").aside == {}
    again = store.read(tmp_path / "again")
    assert all(again[name].equals(FOUND[name]) for name in FOUND)


def test_csv_holds_the_same_as_parquet(tmp_path: Path) -> None:
    for name in FOUND:
        pacsv.write_csv(FOUND[name], tmp_path / f"{name}.csv")
    assert brought(tmp_path, *tmp_path.glob("*.csv")).rows_read == 6
    again = store.read(tmp_path / "again")
    assert all(again[name].equals(FOUND[name]) for name in FOUND)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("patient_id,sex\n", r"patients\.csv, line 1: the column special_needs is missing"),
        ("patient_id,sex,special_needs,non_disclosure\na,x,no,true\n", r"patients\.csv, line 2: special_needs is no"),
        ("patient_id,sex,special_needs,non_disclosure\na,\xff,true,true\n", r"column sex, line 2: a byte is no text"),
        ("patient_id,sex,special_needs,non_disclosure\na,x,true", r"the file was cut short"),
    ],
)
def test_a_bad_csv_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "patients.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceError, match=sentence):
        list(read_own([tmp_path]))


def test_a_bad_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "visits.parquet"
    rows = raw_table("visits", [event("visits", "2020-01-01T10:00")])
    cases = {
        r"the column event_time is missing": rows.drop_columns(["event_time"]),
        r"column minutes cannot be read as int32": rows.drop_columns(["minutes"]).append_column(
            "minutes", pa.array(["x"])
        ),
        r"column event_time has times without a time zone": rows.set_column(
            2, "event_time", rows["event_time"].cast(pa.timestamp("us"))
        ),
    }
    for sentence, table in cases.items():
        pq.write_table(table, path)
        with pytest.raises(SourceError, match=rf"visits\.parquet: {sentence}"):
            list(read_own([path]))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SourceError, match=r"visits\.parquet is not a readable Parquet file"):
        list(read_own([path]))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no file"):
        list(read_own([tmp_path]))
    with pytest.raises(SourceError, match="neither a folder nor a file"):
        list(read_own([tmp_path / "visits.xlsx"]))
    (tmp_path / "dreams.csv").write_text("a\n")
    with pytest.raises(SourceError, match=r"dreams\.csv is no table of the schema"):
        list(read_own([tmp_path]))
