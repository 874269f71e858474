"""`python -m records import` and `export`: a summary on success, one sentence and status 1 when a source is bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from records import store
from records.__main__ import main
from records.database import Database
from records.identity import Pseudonyms, is_identity_code
from tests.rows import event, history, patient

FOUND = history(patient(), visits=[event("visits", "2020-01-01T10:00")])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    store.write(FOUND, tmp_path / "source")
    return tmp_path / "source"


def test_a_source_is_imported_and_summed_up(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["import", "tarve", str(source), "--store", str(tmp_path / "store")]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert "2 rows read" in shown.out
    assert "merge: 100%" in shown.err
    assert main(arguments) == 0
    assert store.read(tmp_path / "store")["visits"].equals(FOUND["visits"])


def test_rows_kept_aside_lie_beside_the_store(source: Path, tmp_path: Path) -> None:
    store.write(history(patient("z")), tmp_path / "other")
    (source / "patients.parquet").unlink()
    assert main(["import", "tarve", str(source), "--store", str(tmp_path / "store")]) == 0
    assert [path.name for path in (tmp_path / "store-quarantine").iterdir()] == ["visits.parquet"]
    assert (
        main(["import", "tarve", str(source), "--store", str(tmp_path / "new"), "--quarantine", str(tmp_path / "q")])
        == 0
    )
    assert (tmp_path / "q" / "visits.parquet").exists()


def test_a_store_goes_out_as_meds_and_comes_back(source: Path, tmp_path: Path) -> None:
    assert main(["export", "meds", "--store", str(source), "--out", str(tmp_path / "meds")]) == 0
    assert main(["import", "meds", str(tmp_path / "meds"), "--store", str(tmp_path / "again")]) == 0
    assert store.read(tmp_path / "again")["visits"].equals(FOUND["visits"])


def test_fhir_files_are_imported_under_pseudonyms_of_identity_codes(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_text(
        '{"resourceType": "Patient", "id": "1", "birthDate": "1930-01-01",'
        ' "identifier": [{"system": "urn:oid:1.2.246.21", "value": "010130-905C"}]}\n',
        encoding="utf-8",
    )
    (tmp_path / "Procedure.ndjson").write_text(
        '{"resourceType": "Procedure", "id": "2", "status": "completed", "subject": {"reference": "Patient/1"},'
        ' "performedDateTime": "2020-05-05T10:00:00+03:00",'
        ' "code": {"coding": [{"system": "urn:oid:1.2.246.537.6.33", "code": "SFA10"}]}}\n',
        encoding="utf-8",
    )
    (tmp_path / "key").write_bytes(b"0123456789abcdef")
    arguments = ["import", "fhir", str(tmp_path / "Patient.ndjson"), str(tmp_path / "Procedure.ndjson")]
    assert is_identity_code("010130-905C")
    assert main([*arguments, "--store", str(tmp_path / "store"), "--option", f"key_file={tmp_path / 'key'}"]) == 0
    found = store.read(tmp_path / "store")
    assert found.patient_ids.to_pylist() == [Pseudonyms(b"0123456789abcdef").of("010130-905C")]
    assert found["procedures"]["patient_id"].to_pylist() == found.patient_ids.to_pylist()
    (tmp_path / "key").write_bytes(b"short")
    assert main([*arguments, "--store", str(tmp_path / "other"), "--option", f"key_file={tmp_path / 'key'}"]) == 1


def test_a_database_is_imported_by_its_url(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tarve.db"
    with Database.open(url) as database:
        database.write(FOUND)
    assert main(["import", "database", "--option", f"url={url}", "--store", str(tmp_path / "store")]) == 0
    again = store.read(tmp_path / "store")
    assert all(again[name].equals(FOUND[name]) for name in FOUND)


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["import", "tarve", "nowhere.csv"], 1, "nowhere.csv is no table of the schema"),
        (["import", "avohilmo", "nowhere.csv"], 1, "nowhere.csv cannot be opened"),
        (["import", "omop", "x"], 1, "the format omop needs the option concepts"),
        (["import", "tarve", "x", "--option", "a=b"], 1, "the format tarve has no option a; it has none"),
        (["import", "tarve", "x", "--option", "a"], 2, "a is not of the form NAME=VALUE"),
        (["import", "excel", "x"], 2, "invalid choice"),
        (["import", "fhir"], 1, "name the files or folders to read as fhir"),
        (["import", "fhir", "nowhere.ndjson"], 1, "nowhere.ndjson does not exist"),
        (["import", "fhir", "x", "--option", "all_dental=perhaps"], 1, "all_dental is yes or no"),
        (["import", "fhir", "x", "--option", "key_file=nowhere.key"], 1, "the key file nowhere.key cannot be read"),
        (["import", "database"], 1, "the format database needs the option url"),
        (["import", "database", "x", "--option", "url=sqlite:///x.db"], 1, "a database has no paths"),
        (["export", "meds", "--out", "meds"], 1, "does not exist"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, sentence: str
) -> None:
    given = [*arguments, "--store", str(tmp_path / "store")]
    if "--out" in given:
        given[given.index("--out") + 1] = str(tmp_path / "meds")
    if status == 1:
        assert main(given) == 1
    else:
        with pytest.raises(SystemExit) as stopped:
            main(given)
        assert stopped.value.code == status
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("python -m records")]
    assert len(said) == 1
    assert sentence in said[0]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_not_replaced(source: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "letter.txt").touch()
    with pytest.raises(SystemExit):
        main(["import", "tarve", str(source), "--store", str(tmp_path / "store")])
    assert (tmp_path / "store" / "letter.txt").exists()
