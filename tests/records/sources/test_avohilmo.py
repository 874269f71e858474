"""AvoHilmo files become contacts, appointments, visits, findings, procedures and diagnoses; all else is counted."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import store
from records.clock import instant
from records.imports import import_batches
from records.sources import csvfile
from records.sources.avohilmo import KEY, TEETH, TEXTS, TIMES, read_avohilmo
from records.sources.batch import Batch, SourceError

COLUMNS = ["LISÄTIETO", KEY, "TNRO", *TIMES, *TEXTS, *TEETH.values()]
VISIT = {
    "LISÄTIETO": "Töölö å",
    "TNRO": "p1",
    "KAYNTI_ALKOI": "15.01.2024 10:00",
    "KAYNTI_LOPPUI": "15.01.2024 10:45",
    "KAYNTI_PALVELUMUOTO": "T60",
    "KAYNTI_YHTEYSTAPA": "R10",
    "KAYNTI_AMMATTI": "22221",
    "KAYNTI_KIIREELLISYYS": "E",
    "ASIAKAS_KOTIKUNTA": "091",
}


def written(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> Path:
    lines = [";".join(columns), *(";".join(str(row.get(name, "")) for name in columns) for row in rows)]
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode("latin-1"))
    return path


def main_file(folder: Path, *rows: dict[str, Any], name: str = "main.csv") -> Path:
    numbered = [{KEY: at, **VISIT, **row} for at, row in enumerate(rows, start=1)]
    return written(folder / name, COLUMNS, numbered)


def read(*paths: Path, **options: Any) -> tuple[dict[str, list[dict[str, Any]]], Counter[Any], Counter[Any]]:
    """Rows by table, what was left out, and notices."""
    tables: dict[str, list[dict[str, Any]]] = {}
    left_out: Counter[Any] = Counter()
    notices: Counter[Any] = Counter()
    for batch in read_avohilmo(paths, **options):
        assert isinstance(batch, Batch)
        left_out.update(batch.left_out)
        notices.update(batch.notices)
        for name, rows in batch.tables.items():
            tables.setdefault(name, []).extend(rows.to_pylist())
    return tables, left_out, notices


def test_a_visit_is_read_with_its_time_in_utc(tmp_path: Path) -> None:
    tables, left_out, notices = read(main_file(tmp_path, {"PALVELUNTUOTTAJA_YKSIKKO": "Käpylä"}))
    assert tables["visits"] == [
        {
            "patient_id": "p1",
            "event_id": "avohilmo/1",
            "event_time": instant("2024-01-15T10:00"),
            "recorded_at": instant("2024-01-15T10:45"),
            "source": "avohilmo",
            "minutes": 45,
            "profession": "dentist",
            "urgency": "routine",
            "mode": "office",
            "unit": "Käpylä",
            "producer": "own",
        }
    ]
    assert tables["patients"] == [
        {"patient_id": "p1", "birth_date": None, "sex": "unknown", "municipality": "091", "special_needs": None}
    ]
    assert (left_out, notices) == (Counter(), Counter())


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        ({"KAYNTI_AMMATTI": "22225"}, "profession", "specialist"),
        ({"KAYNTI_AMMATTI": "32250"}, "profession", "hygienist"),
        ({"KAYNTI_AMMATTI": "51325"}, "profession", "assistant"),
        ({"KAYNTI_AMMATTI": "A40"}, "profession", "dentist"),
        ({"KAYNTI_AMMATTI": "99999"}, "profession", "other"),
        ({"KAYNTI_YHTEYSTAPA": "R52"}, "mode", "remote"),
        ({"KAYNTI_YHTEYSTAPA": "R90"}, "mode", None),
        ({"KAYNTI_KIIREELLISYYS": "?"}, "urgency", "routine"),
        ({"KAYNTI_LOPPUI": ""}, "minutes", None),
        ({"KAYNTI_LOPPUI": "15.01.2024 18:00"}, "minutes", 480),
        ({"KAYNTI_LOPPUI": "15.01.2024 18:01"}, "minutes", None),
        ({"KAYNTI_LOPPUI": "15.01.2024 09:00"}, "minutes", None),
    ],
)
def test_codes_and_times_get_their_meaning(tmp_path: Path, row: dict[str, str], column: str, value: object) -> None:
    tables, _, _ = read(main_file(tmp_path, row))
    assert tables["visits"][0][column] == value


def test_what_is_not_known_is_counted(tmp_path: Path) -> None:
    odd = {"KAYNTI_AMMATTI": "99999", "KAYNTI_YHTEYSTAPA": "R90", "KAYNTI_LOPPUI": "16.01.2024 10:00"}
    _, _, notices = read(main_file(tmp_path, odd))
    assert notices == {
        ("main", "KAYNTI_AMMATTI is missing or unknown, taken as other"): 1,
        ("main", "KAYNTI_YHTEYSTAPA is missing or unknown"): 1,
        ("visits", "minutes are not 1 to 480, not used"): 1,
    }


def test_what_is_not_oral_health_is_left_out(tmp_path: Path) -> None:
    other = [{"KAYNTI_PALVELUMUOTO": "T11"}, {"KAYNTI_PALVELUMUOTO": ""}, {"TNRO": ""}, {"KAYNTI_ALKOI": ""}]
    tables, left_out, _ = read(main_file(tmp_path, *other, {}))
    assert len(tables["visits"]) == 1
    assert left_out == {
        ("main", "not oral health"): 2,
        ("main", "no AVOHILMO_ID or no person"): 1,
        ("main", "neither contact, booking, cancellation nor visit"): 1,
    }


def test_a_contact_and_a_booking_that_was_kept(tmp_path: Path) -> None:
    row = {
        "YHTEYDENOTTO_AJANKOHTA": "02.01.2024 08:10",
        "HTA_KIIREELLISYYS": "P",
        "AJANVARAUS_AJANKOHTA": "02.01.2024 08:15",
        "AJANVARAUS_VARATTU": "15.01.2024 10:00",
        "AJANVARAUS_AMMATTI": "32251",
    }
    tables, _, _ = read(main_file(tmp_path, row))
    assert tables["contacts"][0]["event_time"] == instant("2024-01-02T08:10")
    assert (tables["contacts"][0]["urgency"], tables["contacts"][0]["service"]) == ("emergency", "emergency")
    states = [(one["event_id"], one["state"], one["event_time"], one["minutes"]) for one in tables["appointments"]]
    assert states == [
        ("avohilmo/1-booked", "booked", instant("2024-01-02T08:15"), None),
        ("avohilmo/1-fulfilled", "fulfilled", instant("2024-01-15T10:45"), 45),
    ]
    assert tables["appointments"][0]["profession"] == "hygienist"


def test_a_cancelled_booking_is_no_visit(tmp_path: Path) -> None:
    row = {"PERUUTUS_AJANKOHTA": "14.01.2024 12:00", "AJANVARAUS_VARATTU": "15.01.2024 10:00"}
    missed = {**row, "PERUUTUS_SYY": "4", "KAYNTI_PALVELUMUOTO": "", "AJANVARAUS_PALVELUMUOTO": "T60"}
    tables, _, _ = read(main_file(tmp_path, row, missed))
    assert tables["visits"] == []
    assert [one["state"] for one in tables["appointments"]] == ["cancelled", "no_show"]


def test_the_state_of_the_teeth_becomes_findings(tmp_path: Path) -> None:
    whole = dict(zip(TEETH.values(), (2, 1, 4), strict=True))
    tables, _, _ = read(main_file(tmp_path, whole, {"HH_PYSYVA_PUUTTUVAT": 0}))
    found = sorted((one["visit_id"], one["kind"], one["value"]) for one in tables["findings"])
    assert found == [
        ("avohilmo/1", "decayed", 2),
        ("avohilmo/1", "dmft", 7),
        ("avohilmo/1", "filled", 4),
        ("avohilmo/1", "missing", 1),
        ("avohilmo/2", "missing", 0),
    ]


def test_child_files_are_joined(tmp_path: Path) -> None:
    main = main_file(
        tmp_path, {}, {"KAYNTI_ALKOI": "", "YHTEYDENOTTO_AJANKOHTA": "02.01.2024 08:10", "HTA_KIIREELLISYYS": "K"}
    )
    columns = [KEY, "TOIMENPIDE", "TOIMENPIDE_HAMMAS"]
    codes = [(1, "SFA10", "36"), (1, "SFA10", "36"), (1, "valmi", ""), (1, "-1", "99"), (1, "", ""), (2, "SAA01", "")]
    oral = [dict(zip(columns, one, strict=True)) for one in [*codes, (77, "SAA01", "")]]
    procedures = written(tmp_path / "a.csv", columns, oral)
    other = written(tmp_path / "b.csv", columns[:2], [{KEY: 1, "TOIMENPIDE": "WYA30"}])
    icd = written(tmp_path / "c.csv", [KEY, "JARJESTYS", "ICD10"], [{KEY: 1, "ICD10": "K02.1"}])
    icpc = written(tmp_path / "d.csv", [KEY, "ICPC2"], [{KEY: 1, "ICPC2": "D82"}])
    tables, left_out, notices = read(icpc, icd, other, procedures, main)
    found = [(one["event_id"], one["code"], one["code_system"], one["tooth"]) for one in tables["procedures"]]
    assert found == [
        ("avohilmo/1/SFA10-36", "SFA10", "thl", 36),
        ("avohilmo/1/SFA10-36-2", "SFA10", "thl", 36),
        ("avohilmo/1/VALMI-", "VALMI", "local", None),
        ("avohilmo/1/-1-", "-1", "local", None),
        ("avohilmo/1/other-WYA30-", "WYA30", "thl", None),
    ]
    assert [(one["code"], one["visit_id"]) for one in tables["diagnoses"]] == [("K021", "avohilmo/1")]
    assert tables["patients"][0]["special_needs"] is True
    assert left_out == {
        ("SUU_TOIMENPIDE", "its main row is missing or not oral health"): 1,
        ("SUU_TOIMENPIDE", "no visit took place"): 1,
        ("SUU_TOIMENPIDE", "there is no code"): 1,
        ("ICPC2", "diagnoses are ICD-10 only"): 1,
    }
    assert notices == {("SUU_TOIMENPIDE", "TOIMENPIDE_HAMMAS is no tooth, not used"): 1}


def test_a_table_of_persons_gives_dates_of_birth(tmp_path: Path) -> None:
    rows = [{"TNRO": "p1", "SYNTYMAPVM": "29.02.1980"}, {"TNRO": "p9", "SYNTYMAPVM": "01.01.1990"}]
    persons = written(tmp_path / "persons.csv", ["TNRO", "SYNTYMAPVM"], rows)
    tables, left_out, _ = read(persons, main_file(tmp_path, {}))
    assert tables["patients"][0]["birth_date"] == date(1980, 2, 29)
    assert left_out == {("persons", "nothing of oral health"): 1}


def test_a_person_lives_where_their_latest_row_says(tmp_path: Path) -> None:
    one = main_file(tmp_path, {"ASIAKAS_KOTIKUNTA": "049", "KAYNTI_LOPPUI": "20.01.2024 10:00"}, {}, name="b.csv")
    two = main_file(tmp_path, {KEY: 3, "ASIAKAS_KOTIKUNTA": "092"}, {KEY: 4, "TNRO": "p2"}, name="a.csv")
    tables, _, _ = read(one, two)
    assert {row["patient_id"]: row["municipality"] for row in tables["patients"]} == {"p1": "049", "p2": "091"}


def test_the_person_column_and_the_codes_are_the_users(tmp_path: Path) -> None:
    codes = tmp_path / "codes.table"
    codes.write_text("field,code,meaning,since,until,source\nmode,R10,home,2024-01-15,2024-01-15,x\n")
    columns = [name if name != "TNRO" else "FID" for name in COLUMNS]
    rows = [{KEY: 1, **VISIT, "FID": "p1"}, {KEY: 2, **VISIT, "FID": "p1", "KAYNTI_ALKOI": "16.01.2024 10:00"}]
    tables, _, _ = read(written(tmp_path / "m.csv", columns, rows), person_column="FID", codes=str(codes))
    assert [one["mode"] for one in tables["visits"]] == ["home", None]


@pytest.mark.parametrize("column", [KEY, "TNRO", "KAYNTI_ALKOI", "KAYNTI_PALVELUMUOTO", "HH_PYSYVA_PAIKATUT"])
def test_a_wrong_header_names_the_missing_column(tmp_path: Path, column: str) -> None:
    path = written(tmp_path / "main.csv", [name for name in COLUMNS if name != column], [{KEY: 1, **VISIT}])
    with pytest.raises(SourceError, match=rf"main\.csv, line 1: the column {column} is missing"):
        read(path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"15.01.2024 10:00", b"15.01.2024 SECRET", r"main\.csv, line 3: KAYNTI_ALKOI is no date or time"),
        (b"R10", b"R1\x000", r"main\.csv, column KAYNTI_YHTEYSTAPA, line 3: a byte is no text"),
        (b"091", b"0\x851", r"main\.csv, column ASIAKAS_KOTIKUNTA, line 3: a byte is no text"),
        (b";p1;", b";p1;;", r"main\.csv, line 3: too many or too few columns"),
        (b";2;p1", b";SECRET;p1", r"main\.csv, line 3: AVOHILMO_ID is no number"),
    ],
)
def test_a_bad_byte_names_file_and_line_but_no_content(tmp_path: Path, old: bytes, new: bytes, sentence: str) -> None:
    path = main_file(tmp_path, {}, {})
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second + third.replace(old, new))
    with pytest.raises(SourceError, match=sentence) as caught:
        read(path)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.999])
def test_a_file_cut_short_changes_nothing(tmp_path: Path, share: float) -> None:
    path = main_file(tmp_path, {}, {})
    import_batches(tmp_path / "store", read_avohilmo([path]), tmp_path / "aside", origin="x")
    before = {file.name: file.read_bytes() for file in (tmp_path / "store").iterdir()}
    path = main_file(tmp_path, *[{KEY: 100 + at} for at in range(50)])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(SourceError, match=r"main\.csv"):
        import_batches(tmp_path / "store", read_avohilmo([path]), tmp_path / "aside", origin="x")
    assert {file.name: file.read_bytes() for file in (tmp_path / "store").iterdir()} == before


def test_a_missing_or_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv cannot be opened"):
        read(tmp_path / "nowhere.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(SourceError, match=r"empty\.csv, line 1: there is no header"):
        read(tmp_path / "empty.csv")
    with pytest.raises(SourceError, match="no main file"):
        read(written(tmp_path / "icd.csv", [KEY, "ICD10"], []))


def test_rows_of_a_service_event_are_not_torn_apart_by_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = main_file(tmp_path, *[{}] * 20)
    columns = [KEY, "TOIMENPIDE", "TOIMENPIDE_HAMMAS"]
    rows = [{KEY: at, "TOIMENPIDE": "SFA10", "TOIMENPIDE_HAMMAS": 11} for at in range(1, 21) for _ in range(3)]
    child = written(tmp_path / "suu.csv", columns, rows)
    whole, _, _ = read(main, child)
    monkeypatch.setattr(csvfile, "BLOCK", 500)
    torn, _, _ = read(main, child)
    assert torn == whole
    assert len({one["event_id"] for one in torn["procedures"]}) == 60


moments = st.integers(1_577_836_800, 1_735_603_200).map(
    lambda one: datetime.fromtimestamp(one, UTC).strftime("%d.%m.%Y %H:%M")
)
rows_of_main = st.fixed_dictionaries(
    {"TNRO": st.sampled_from(["p1", "p2", "p3", ""]), "KAYNTI_ALKOI": moments | st.just("")},
    optional={
        "PERUUTUS_AJANKOHTA": moments,
        "KAYNTI_PALVELUMUOTO": st.sampled_from(["T60", "T11", ""]),
        "KAYNTI_YHTEYSTAPA": st.sampled_from(["R10", "R50", "R90"]),
        "ASIAKAS_KOTIKUNTA": st.sampled_from(["091", "049", ""]),
        "YHTEYDENOTTO_AJANKOHTA": moments,
    },
)


@settings(max_examples=25)
@given(st.lists(rows_of_main, max_size=8), st.data())
def test_the_order_and_number_of_files_do_not_matter(tmp_path_factory: Any, rows: list[Any], data: Any) -> None:
    folder: Path = tmp_path_factory.mktemp("order")
    numbered = [{KEY: at, **VISIT, **row} for at, row in enumerate(rows)]
    cut = data.draw(st.integers(0, len(rows)))
    one = [written(folder / "all.csv", COLUMNS, numbered)]
    two = [written(folder / "z.csv", COLUMNS, numbered[:cut]), written(folder / "y.csv", COLUMNS, numbered[cut:])]
    for name, paths in (("one", one), ("two", two)):
        import_batches(folder / name, read_avohilmo(paths), folder / "aside", origin="x")
    first, second = store.read(folder / "one"), store.read(folder / "two")
    assert all(pa.Table.equals(first[table], second[table]) for table in first)
    again = import_batches(folder / "one", read_avohilmo(two), folder / "aside", origin="x")
    assert again.changes_nothing()


@settings(max_examples=50)
@given(st.lists(rows_of_main, max_size=8))
def test_every_row_is_read_or_left_out_with_its_reason(tmp_path_factory: Any, rows: list[Any]) -> None:
    path = written(
        tmp_path_factory.mktemp("lost") / "main.csv",
        COLUMNS,
        [{KEY: at, **VISIT, **row, "AJANVARAUS_VARATTU": "15.01.2024 10:00"} for at, row in enumerate(rows)],
    )
    tables, left_out, _ = read(path)
    used = {
        row.get("appointment_id", row["event_id"])
        for name in ("contacts", "appointments", "visits")
        for row in tables.get(name, [])
    }
    assert len(used) + left_out.total() == len(rows)
