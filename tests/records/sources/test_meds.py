"""A store written as MEDS and read again is the same store; of other datasets the known codes are read."""

from __future__ import annotations

import json
import stat
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import store
from records.history import History
from records.imports import import_batches
from records.simulate import simulate
from records.sources.batch import SourceError
from records.sources.meds import export_meds, read_meds
from tests.rows import event, history, patient

FOUND = history(
    patient("b", birth_date=None),
    patient("a", left_at=datetime(2023, 5, 5, tzinfo=UTC)),
    visits=[event("visits", "2020-01-01T10:00"), event("visits", "2019-07-01", patient="b", minutes=None)],
    procedures=[event("procedures", "2020-01-01T10:00", tooth=36)],
    charges=[event("charges", "2020-01-01T10:00", cents=2**24 + 1)],
)


def exported(folder: Path, found: History) -> Path:
    store.write(found, folder / "store")
    export_meds(folder / "store", folder / "meds")
    return folder / "meds"


def again(folder: Path) -> History:
    summary = import_batches(folder / "again", read_meds([folder / "meds"]), folder / "aside", origin="x")
    assert not summary.aside
    return store.read(folder / "again")


def test_the_dataset_is_of_the_standard(tmp_path: Path) -> None:
    folder = exported(tmp_path, FOUND)
    rows = pq.read_table(folder / "data" / "0.parquet")
    core = {"subject_id": pa.int64(), "time": pa.timestamp("us"), "code": pa.string(), "numeric_value": pa.float32()}
    assert {name: rows.schema.field(name).type for name in core} == core
    found = [(row["subject_id"], row["time"], row["code"], row["numeric_value"]) for row in rows.to_pylist()]
    assert found[:3] == [
        (1, None, "SEX//female", None),
        (1, datetime(1980, 2, 29), "MEDS_BIRTH", None),  # noqa: DTZ001 - MEDS times have no zone
        (1, datetime(2020, 1, 1, 8), "VISIT//dentist", 30.0),  # noqa: DTZ001
    ]
    assert {code for _, _, code, _ in found} >= {"THL//SFA10", "CHARGE//dental", "LEFT_CARE"}
    codes = pq.read_table(folder / "metadata" / "codes.parquet")
    assert set(codes["code"].to_pylist()) == {code for _, _, code, _ in found}
    assert codes.schema.field("parent_codes").type == pa.list_(pa.string())
    assert json.loads((folder / "metadata" / "dataset.json").read_text())["dataset_name"] == "tarve"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with pytest.raises(ValueError, match="exists"):
        export_meds(tmp_path / "store", folder)


def test_subjects_are_sorted_by_time_within_one_shard(tmp_path: Path) -> None:
    blocks = list(simulate(60, 3, 5, date(2020, 12, 31)))
    rows = pq.read_table(exported(tmp_path, blocks[0].history) / "data")
    times = pc.fill_null(rows["time"].cast(pa.int64()), -(2**62)).to_pylist()
    order = list(zip(rows["subject_id"].to_pylist(), times, strict=True))
    assert order == sorted(order)


def test_a_simulated_history_comes_back_as_it_was(tmp_path: Path) -> None:
    found = next(iter(simulate(60, 3, 5, date(2020, 12, 31)))).history
    exported(tmp_path, found)
    assert same(again(tmp_path), found)


def same(one: History, other: History) -> bool:
    return all(one[name].equals(other[name]) for name in one)


whens = st.sampled_from(["2020-01-01T10:00", "2021-07-01", "2020-03-29T03:30"])
names = st.sampled_from("ab")
events = {
    "visits": st.builds(
        lambda w, p, m: event("visits", w, patient=p, minutes=m), whens, names, st.none() | st.integers(0, 9)
    ),
    "answers": st.builds(
        lambda w, p, v: event("answers", w, patient=p, value=v), whens, names, st.floats(allow_nan=False)
    ),
    "charges": st.builds(lambda w, p, c: event("charges", w, patient=p, cents=c), whens, names, st.integers(0, 2**60)),
    "findings": st.builds(lambda w, p, v: event("findings", w, patient=p, value=v), whens, names, st.integers(0, 100)),
}


@settings(max_examples=25)
@given(
    st.fixed_dictionaries(
        {name: st.lists(one, max_size=4, unique_by=lambda row: row["event_id"]) for name, one in events.items()}
    )
)
def test_what_is_exported_and_imported_is_the_same(rows: Any) -> None:
    found = history(patient("a"), patient("b", language="sv"), **rows)
    with TemporaryDirectory() as name:
        exported(Path(name), found)
        assert same(again(Path(name)), found)


def foreign(folder: Path, rows: list[tuple[int, datetime | None, str]]) -> Path:
    (folder / "meds" / "data" / "train").mkdir(parents=True)
    columns = list(zip(*rows, strict=True))
    table = {"subject_id": columns[0], "time": pa.array(columns[1], pa.timestamp("us")), "code": columns[2]}
    pq.write_table(pa.table(table), folder / "meds" / "data" / "train" / "0.parquet")
    return folder / "meds"


def test_the_known_codes_of_another_dataset_are_read(tmp_path: Path) -> None:
    when = datetime(2020, 1, 1, 8)  # noqa: DTZ001
    coded = ["ICD10CM//K02.1", "CDT/D1110", "THL//SAA01", "THL//SAA01", "LAB//X", "LAB//Y", "SECRET TEXT"]
    rows = [(7, None, "GENDER//F"), (7, datetime(1980, 2, 29), "MEDS_BIRTH"), (7, None, "CDT//D1")]  # noqa: DTZ001
    folder = foreign(tmp_path, [*rows, *((7, when, code) for code in coded)])
    (batch,) = read_meds([folder])
    assert batch.tables["patients"].to_pylist() == [
        {"patient_id": "7", "birth_date": date(1980, 2, 29), "sex": "female"}
    ]
    assert batch.tables["diagnoses"]["code"].to_pylist() == ["K021"]
    procedures = batch.tables["procedures"]
    assert procedures["code"].to_pylist() == ["D1110", "SAA01", "SAA01"]
    assert procedures["code_system"].to_pylist() == ["cdt", "thl", "thl"]
    assert len(set(procedures["event_id"].to_pylist())) == 3
    assert batch.left_out == {
        ("meds", "no place for codes of LAB"): 2,
        ("meds", "no place for codes of others"): 1,
        ("procedures", "there is no time"): 1,
    }
    again(tmp_path)


def test_a_bad_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meds").mkdir()
    with pytest.raises(SourceError, match="has no data"):
        list(read_meds([tmp_path / "meds"]))
    shard = tmp_path / "shard.parquet"
    pq.write_table(pa.table({"subject_id": [1], "time": pa.nulls(1, pa.timestamp("us"))}), shard)
    with pytest.raises(SourceError, match=r"shard\.parquet: the column code is missing"):
        list(read_meds([shard]))
    shard.write_bytes(shard.read_bytes()[:50])
    with pytest.raises(SourceError, match=r"shard\.parquet is not a readable Parquet file"):
        list(read_meds([shard]))


def test_a_subject_without_a_patient_is_refused(tmp_path: Path) -> None:
    folder = exported(tmp_path, FOUND)
    subjects = pq.read_table(folder / "metadata" / "subjects.parquet")
    pq.write_table(subjects.slice(0, 1), folder / "metadata" / "subjects.parquet")
    with pytest.raises(SourceError, match="a subject is not in"):
        list(read_meds([folder]))
