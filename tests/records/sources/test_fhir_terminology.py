from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from records.codes import NEED_GROUPS, table_rows
from records.sources.fhir.terminology import (
    dental_marks,
    diagnosis_code,
    procedure_code,
    system_name,
    tooth_and_surfaces,
    tooth_number,
)
from records.sources.fhir.times import birth_day, instant_of

THL, CDT, SNOMED = "urn:oid:1.2.246.537.6.33", "http://www.ada.org/cdt", "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("system", "name"),
    [
        ("1.2.246.537.6.33", "thl_dental"),
        ("urn:oid:1.2.246.537.6.33", "thl_dental"),
        ("URN:OID:1.2.246.537.6.33.2013", "thl_dental"),
        ("urn:1.2.246.537.6.33.201801", "thl_dental"),
        ("1.2.246.537.6.33|201801", "thl_dental"),
        ("1.2.246.537.6.2.2007", "thl_procedure"),
        ("1.2.246.537.6.202.2008", None),
        ("1.2.246.537.6.331", None),
        ("1.2.246.537.6.1.1999", "icd10"),
        ("https://ada.org/cdt/", "cdt"),
        ("http://www.ada.org/cdt", "cdt"),
        ("http://snomed.info/sct|http://snomed.info/sct/731000124108", "snomed"),
        ("urn:oid:1.2.246.21", "hetu"),
        ("", None),
        (None, None),
    ],
)
def test_a_code_system_has_one_name_however_it_is_written(system: str | None, name: str | None) -> None:
    assert system_name(system) == name


@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("D0120", "examination"),
        ("D0191", "assessment"),
        ("D0274", "imaging"),
        ("D1110", "prevention"),
        ("D2392", "restorative"),
        ("D2740", "prosthetic"),
        ("D3221", "emergency"),
        ("D3330", "endodontic"),
        ("D4341", "periodontal"),
        ("D4260", "surgery"),
        ("D5110", "prosthetic"),
        ("D6010", "surgery"),
        ("D7140", "extraction"),
        ("D7240", "extraction"),
        ("D8080", "orthodontic"),
        ("D9110", "emergency"),
        ("D9230", "anaesthesia"),
        ("D9986", "paper"),
        ("65546002", "extraction"),
        ("655460023", "other"),
        ("225362009", "other"),
    ],
)
def test_cdt_is_grouped_by_range_and_snomed_by_code(code: str, group: str) -> None:
    assert NEED_GROUPS.group(code) == group


def test_every_group_of_the_tables_is_a_need_group() -> None:
    assert {row["group"] for row in table_rows("need_group_codes")} <= set(NEED_GROUPS.groups)


@pytest.mark.parametrize("digit", range(10))
def test_every_chapter_of_cdt_has_a_group(digit: int) -> None:
    assert NEED_GROUPS.knows(f"D{digit}777")


def coding(system: str | None, code: object) -> dict[str, object]:
    return {"code": code} if system is None else {"system": system, "code": code}


@pytest.mark.parametrize(
    ("codings", "found"),
    [
        ([coding(THL, "sfa20")], ("thl", "SFA20", True)),
        ([coding(THL, "XYZ99")], ("thl", "XYZ99", True)),
        ([coding("1.2.246.537.6.2", "EBA00")], ("thl", "EBA00", True)),
        ([coding("1.2.246.537.6.2", "NFB30")], ("thl", "NFB30", False)),
        ([coding(SNOMED, "73761001")], ("snomed", "73761001", False)),
        ([coding(SNOMED, "65546002"), coding(CDT, "D7240")], ("cdt", "D7240", True)),
        ([coding(SNOMED, "65546002"), coding("urn:own", "P1")], ("snomed", "65546002", True)),
        ([coding(None, "P1")], ("local", "P1", False)),
        ([coding(THL, 3), coding(THL, " ")], None),
        ([], None),
    ],
)
def test_the_best_coding_of_a_procedure_is_kept(codings: list[dict[str, object]], found: object) -> None:
    assert procedure_code(codings) == found


@pytest.mark.parametrize(
    ("codings", "found"),
    [
        ([coding("1.2.246.537.6.1.1999", "k02.1")], ("K021", True)),
        ([coding("http://hl7.org/fhir/sid/icd-10-cm", "K05.312")], ("K05312", True)),
        ([coding("http://hl7.org/fhir/sid/icd-10", "E11.3")], ("E113", False)),
        ([coding(SNOMED, "66383009")], ("K051", True)),
        ([coding(SNOMED, "44054006")], None),
        ([coding("http://hl7.org/fhir/sid/icd-10", "E11.3"), coding(SNOMED, "66383009")], ("K051", True)),
        ([coding("http://hl7.org/fhir/sid/icd-10", "caries?")], None),
    ],
)
def test_a_diagnosis_is_icd10(codings: list[dict[str, object]], found: object) -> None:
    assert diagnosis_code(codings) == found


UNIVERSAL = [*range(18, 10, -1), *range(21, 29), *range(38, 30, -1), *range(41, 49)]
MILK = [*range(55, 50, -1), *range(61, 66), *range(75, 70, -1), *range(81, 86)]


def test_universal_numbers_go_clockwise() -> None:
    assert [tooth_number("universal_tooth", str(number)) for number in range(1, 33)] == UNIVERSAL
    assert [tooth_number("universal_tooth", letter) for letter in "ABCDEFGHIJKLMNOPQRST"] == MILK


@pytest.mark.parametrize(
    ("name", "code", "tooth"),
    [
        ("fdi_tooth", "11", 11),
        ("fdi_tooth", "85", 85),
        ("fdi_tooth", "19", None),
        ("fdi_tooth", "56", None),
        ("fdi_tooth", "7", None),
        ("universal_tooth", "11", 23),
        ("universal_tooth", "33", None),
        ("universal_tooth", "AS", None),
        (None, "48", 48),
        (None, "7", 12),
        (None, "T", 85),
        (None, "11", None),
        (None, "B", None),
        (None, "²", None),
    ],
)
def test_a_tooth_is_told_by_its_numbering(name: str | None, code: str, tooth: int | None) -> None:
    assert tooth_number(name, code) == tooth


FDI, SURFACE = "urn:iso:std:iso:3950", "http://terminology.hl7.org/CodeSystem/FDI-surface"


@pytest.mark.parametrize(
    ("codings", "found"),
    [
        ([coding(FDI, "36"), coding(SURFACE, "DO"), coding(SURFACE, "V")], (36, "ODB", None)),
        ([coding(FDI, "36"), coding(None, "MOD")], (36, "MOD", None)),
        ([coding(FDI, "36"), coding(SNOMED, "424877001")], (36, None, None)),
        ([coding(SNOMED, "424877001")], (None, None, "a site that is no known tooth")),
        ([coding(None, "21")], (None, None, "a tooth that its coding does not tell")),
        ([coding(FDI, "36"), coding(FDI, "37")], (None, None, "several teeth")),
    ],
)
def test_tooth_and_surfaces(codings: list[dict[str, object]], found: object) -> None:
    assert tooth_and_surfaces(codings) == found


def test_marks_of_dental_care_may_name_a_profession() -> None:
    assert dental_marks([coding("http://nucc.org/provider-taxonomy", "124Q00000X")]) == (True, "hygienist")
    assert dental_marks([coding("http://nucc.org/provider-taxonomy", "1223E0200X")]) == (True, "specialist")
    assert dental_marks([coding("http://nucc.org/provider-taxonomy", "207Q00000X")]) == (False, None)
    assert dental_marks([], [coding(THL, "SAA01")]) == (True, None)
    assert dental_marks([coding(SNOMED, "103697008")]) == (False, None), "a referral is not dental care"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T10:00:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T08:00:00Z", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T08:00:00.123456789Z", datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-22T10:00:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, 21, 59, 59, 999_999, tzinfo=UTC)),
        ("2024-02", datetime(2024, 2, 29, 21, 59, 59, 999_999, tzinfo=UTC)),
        ("2015", datetime(2015, 12, 31, 21, 59, 59, 999_999, tzinfo=UTC)),
        ("2015-13", None),
        ("0000", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("20150101", None),
        ("yesterday", None),
        ("not a date at all", None),
        (None, None),
    ],
)
def test_what_is_vague_is_known_when_the_period_is_over(text: str | None, moment: datetime | None) -> None:
    assert instant_of(text) == moment


@pytest.mark.parametrize(
    ("text", "day"),
    [("1980-02-29", date(1980, 2, 29)), ("1980", date(1980, 1, 1)), ("1980-05", date(1980, 5, 1)),
     ("1981-02-29", None), ("x", None), (None, None)],
)  # fmt: skip
def test_a_vague_birth_date_is_the_first_day(text: str | None, day: date | None) -> None:
    assert birth_day(text) == day
