"""OMOP tables become patients, visits, procedures and diagnoses by a table of concepts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from records import store
from records.clock import instant
from records.imports import Summary, import_batches
from records.sources.batch import SourceError
from records.sources.omop import read_omop

PERSON = "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth\n1,8532,1980,2,29\n2,0,1990,,\n"
VISIT = (
    "visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_start_datetime,visit_end_datetime\n"
    "10,1,9202,2020-01-01,2020-01-01T10:00:00,2020-01-01T10:45:00\n"
    "11,2,5,2020-07-01,,\n"
    "12,2,5,2020-07-01,2020-07-01 08:00:00,2020-07-02 08:00:00\n"
)
PROCEDURE = (
    "procedure_occurrence_id,person_id,procedure_concept_id,procedure_date,visit_occurrence_id\n"
    "20,1,100,2020-01-01,10\n21,1,101,2020-01-01,\n22,1,999,2020-01-01,10\n"
)
CONDITION = "condition_occurrence_id,person_id,condition_concept_id,condition_start_date\n30,1,200,2020-01-01\n"
CONCEPTS = (
    "concept_id,system,code\n100,thl,SFA10\n101,snomed,80967001\n200,icd10,K02.1\n9202,mode,remote\n"
    "9202,profession,hygienist\n"
)
FILES = {
    "person": PERSON,
    "visit_occurrence": VISIT,
    "procedure_occurrence": PROCEDURE,
    "condition_occurrence": CONDITION,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cdm").mkdir()
    for name, text in FILES.items():
        (tmp_path / "cdm" / f"{name}.csv").write_text(text)
    (tmp_path / "concepts.csv").write_text(CONCEPTS)
    return tmp_path


def brought(folder: Path) -> Summary:
    batches = read_omop([folder / "cdm"], concepts=str(folder / "concepts.csv"))
    return import_batches(folder / "store", batches, folder / "aside", origin="x")


def test_the_tables_are_mapped(folder: Path) -> None:
    summary = brought(folder)
    found = store.read(folder / "store")
    assert found["patients"].select(["patient_id", "birth_date", "sex"]).to_pylist() == [
        {"patient_id": "1", "birth_date": date(1980, 2, 29), "sex": "female"},
        {"patient_id": "2", "birth_date": None, "sex": "unknown"},
    ]
    first, *others = found["visits"].to_pylist()
    assert (first["event_time"], first["recorded_at"]) == (instant("2020-01-01T10:00"), instant("2020-01-01T10:45"))
    assert (first["minutes"], first["mode"], first["profession"]) == (45, "remote", "hygienist")
    assert {(one["event_id"], one["event_time"], one["minutes"], one["mode"]) for one in others} == {
        ("omop/11", instant("2020-07-01"), None, "office"),
        ("omop/12", instant("2020-07-01T08:00"), None, "office"),
    }
    codes = {(one["code"], one["code_system"], one["visit_id"]) for one in found["procedures"].to_pylist()}
    assert codes == {("SFA10", "thl", "omop/10"), ("80967001", "snomed", None)}
    assert found["diagnoses"]["code"].to_pylist() == ["K021"]
    assert summary.left_out == {("procedures", "the concept has no code in the table of concepts"): 1}
    assert summary.notices["visits", "minutes are not 1 to 480, not used"] == 1
    assert not summary.aside


def test_parquet_holds_the_same_as_csv(folder: Path) -> None:
    brought(folder)
    for path in (folder / "cdm").glob("*.csv"):
        pq.write_table(pacsv.read_csv(path), path.with_suffix(".parquet"))
        path.unlink()
    assert brought(folder).changes_nothing()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("cdm/person.csv", "person_id\n", r"person\.csv, line 1: the column gender_concept_id is missing"),
        ("cdm/person.csv", PERSON.replace("8532", "SECRET"), r"person\.csv, line 2: gender_concept_id is no number"),
        ("concepts.csv", "concept_id,system,code\nx,thl,A\n", r"concepts\.csv, line 2: a concept is a number"),
        ("concepts.csv", "concept_id,code\n", r"concepts\.csv, line 1: the column system is missing"),
    ],
)
def test_a_bad_file_is_refused(folder: Path, name: str, text: str, sentence: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(SourceError, match=sentence):
        brought(folder)


def test_a_bad_parquet_file_or_an_empty_folder_is_refused(folder: Path) -> None:
    path = folder / "cdm" / "person.csv"
    pq.write_table(pa.table({"person_id": [1]}), path.with_suffix(".parquet"))
    with pytest.raises(SourceError, match=r"person\.parquet: the column gender_concept_id is missing"):
        brought(folder)
    path.with_suffix(".parquet").write_bytes(b"half")
    with pytest.raises(SourceError, match=r"person\.parquet is not a readable Parquet file"):
        brought(folder)
    (folder / "none").mkdir()
    with pytest.raises(SourceError, match="there is no file of the CDM"):
        list(read_omop([folder / "none"], concepts=folder / "concepts.csv"))
