from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.check import check
from records.clock import instant
from records.identity import Pseudonyms
from records.schema import TABLES, Appointments
from records.sources.batch import Batch, SourceError
from records.sources.fhir import from_resources, read_fhir

SNOMED, CDT, NUCC = "http://snomed.info/sct", "http://www.ada.org/cdt", "http://nucc.org/provider-taxonomy"
UNIVERSAL = "http://terminology.hl7.org/CodeSystem/ADAUniversalToothDesignationSystem"
FDI, SURFACE = "http://terminology.hl7.org/CodeSystem/ex-tooth", "http://terminology.hl7.org/CodeSystem/FDI-surface"
HETU = "010190-999W"
"""An artificial identity code: individual numbers from 900 on belong to nobody."""
KEY = Pseudonyms(b"a key of the tests, not a secret")


def concept(system: str | None, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} if system else {"code": code}], "text": "free text"}


def resource(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": name, **more}


def to(reference: str) -> dict[str, Any]:
    return {"reference": reference, "display": "Somebody"}


def synthea() -> list[dict[str, Any]]:
    """General medical care with a dental visit in it; references are urn:uuid."""
    who = {"subject": to("urn:uuid:p")}
    period = {"period": {"start": "2020-10-09T12:00:00+00:00", "end": "2020-10-09T13:00:00+00:00"}}
    visit = {"status": "finished", "class": {"code": "EMER"}, **who, **period}
    done = {"status": "completed", "performedDateTime": "2020-10-09T12:30:00+00:00", **who}
    return [
        resource("Patient", "p", gender="female", birthDate="1980-02-29", deceasedDateTime="2024-01-01T00:00:00Z",
                 communication=[{"language": concept("urn:ietf:bcp:47", "en-US")}]),
        resource("Encounter", "dental", type=[concept(SNOMED, "698314001")], **visit),
        resource("Encounter", "general", type=[concept(SNOMED, "162673000")], **visit),
        resource("Procedure", "x", code=concept(SNOMED, "65546002"), encounter=to("urn:uuid:dental"), **done),
        resource("Procedure", "y", code=concept(SNOMED, "73761001"), encounter=to("urn:uuid:general"), **done),
        resource("Condition", "c", code=concept(SNOMED, "66383009"), onsetDateTime="2020-10-09T12:10:00+00:00",
                 encounter=to("urn:uuid:dental"), **who),
        resource("Condition", "d", code=concept(SNOMED, "44054006"), onsetDateTime="2020-10-09", **who),
    ]  # fmt: skip


def american() -> list[dict[str, Any]]:
    """CDT codes, Universal teeth in the body site or in a contained BodyStructure, a provider taxonomy."""
    who = {"subject": to("https://example.org/fhir/Patient/1")}
    visit = "https://example.org/fhir/Encounter/e/_history/2"
    structure = {"resourceType": "BodyStructure", "id": "b",
                 "location": {"coding": [{"system": SNOMED, "code": "424877001"}, {"system": UNIVERSAL, "code": "7"}]},
                 "locationQualifier": [concept(SURFACE, "B")]}  # fmt: skip
    return [
        resource("Patient", "1", gender="male", birthDate="1970"),
        resource("Encounter", "e", status="finished", **who, participant=[{"type": [concept(NUCC, "124Q00000X")]}],
                 period={"start": "2024-08-10T09:00:00-05:00"}, length={"value": 0.75, "code": "h"},
                 serviceType=concept("http://terminology.hl7.org/CodeSystem/service-type", "88"),
                 serviceProvider=to("Organization/o")),
        resource("Procedure", "1", status="completed", **who, code=concept(CDT, "D2330"), encounter=to(visit),
                 performedDateTime="2024-08-10", contained=[structure]),
        resource("Procedure", "2", status="completed", **who, code=concept("http://ada.org/cdt", "D7140"),
                 performedPeriod={"start": "2024-08-10T09:00:00-05:00", "end": "2024-08-10T09:20:00-05:00"},
                 bodySite=[concept(UNIVERSAL, "T"), concept(None, "MOD")]),
        resource("Procedure", "3", status="not-done", **who, code=concept(CDT, "D7140")),
    ]  # fmt: skip


def finnish() -> list[dict[str, Any]]:
    """OIDs in three spellings, an identity code, a security label, THL and ICD-10 codes without a system's urn."""
    who = {"subject": {"reference": "Patient/p1"}}
    municipality = "https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/municipality-code"
    return [
        resource("Patient", "p1", gender="female", birthDate="1990-01-01",
                 meta={"security": [{"code": "TURVAKIELTO"}]},
                 identifier=[{"system": "urn:oid:1.2.246.21", "value": HETU}],
                 communication=[{"language": concept(None, "sv")},
                                {"language": concept(None, "fi"), "preferred": True}],
                 extension=[{"url": municipality, "valueCoding": {"code": "091"}}]),
        resource("Procedure", "t", status="completed", **who, code=concept("1.2.246.537.6.33.2013", "SFA20"),
                 performedDateTime="2023-05-05", bodySite=[concept(FDI, "36"), concept(SURFACE, "DO")],
                 encounter=to("Encounter/k")),
        resource("Condition", "t", **who, code=concept("1.2.246.537.6.1.1999", "K02.1"), recordedDate="2023-05-05",
                 onsetDateTime="2023", bodySite=[concept(None, "36")]),
        resource("Encounter", "k", status="finished", **who, period={"start": "2023-05-05T09:00:00"}),
        resource("Appointment", "a", status="noshow", created="2023-04-01", start="2023-05-05T09:00:00+03:00",
                 minutesDuration=30, specialty=[concept("1.2.246.537.6.24.2003", "58")],
                 participant=[{"actor": {"identifier": {"system": "1.2.246.21", "value": HETU}}},
                              {"actor": to("Location/l")}]),
    ]  # fmt: skip


def older() -> list[dict[str, Any]]:
    """STU3 names and odd JSON in fields that are not used: nulls, lists for objects, numbers for texts."""
    odd = {
        "text": 3,
        "identifier": {"value": None},
        "note": "not a list",
        "extension": None,
        "meta": [],
        "photo": [None],
    }
    return [
        resource("Patient", "1", **odd, gender=["male"], birthDate=19800101, communication={"language": None}),
        resource("Encounter", "1", **odd, status="finished", subject=to("Patient/1"),
                 reason=[concept(SNOMED, "66383009")], location="here", type={"coding": {"code": 3}},
                 period={"start": "2015", "end": None}),
        resource("Procedure", "1", **odd, status="completed", subject=to("Patient/1"), context=to("Encounter/1"),
                 code={"coding": {"system": CDT, "code": "D0120"}}, performedDateTime="2015", reasonCode=[None]),
        resource("Condition", "1", **odd, subject=to("Patient/1"), context=to("Encounter/1"), assertedDate="2015-02",
                 verificationStatus="confirmed", code=concept("http://hl7.org/fhir/sid/icd-10", "K04.1")),
        resource("Condition", "2", subject=to("Patient/1"), verificationStatus="entered-in-error"),
        resource("Appointment", "1", **odd, status="fulfilled", start="2015-02-01T10:00:00Z",
                 end="2015-02-01T10:30:00Z", reason=[concept(CDT, "D0120")],
                 participant=[{"actor": to("Patient/1")}, None]),
    ]  # fmt: skip


def rows(batch: Batch, table: str) -> list[dict[str, Any]]:
    return batch.tables[table].to_pylist() if table in batch.tables else []


def resources_used(batches: Iterable[Batch]) -> int:
    """Resources that became a row: an event id begins with its resource's type and id."""
    return sum(
        len({"/".join(str(row.get("event_id", row["patient_id"])).split("/")[:2]) for row in rows(batch, table)})
        for batch in batches
        for table in batch.tables
    )


@pytest.mark.parametrize("dialect", [synthea, american, finnish, older])
def test_nothing_is_lost(dialect: Any) -> None:
    batch = from_resources(dialect(), KEY)
    assert batch.rows_read == len(dialect())
    assert resources_used([batch]) + sum(batch.left_out.values()) == batch.rows_read
    checked = check({name: table for name, table in batch.tables.items() if name in TABLES})
    assert not checked.counts()


def test_a_general_record_keeps_its_dental_part_only() -> None:
    batch = from_resources(synthea())
    assert [row["event_id"] for row in rows(batch, "visits")] == ["Encounter/dental"]
    assert [row["event_id"] for row in rows(batch, "procedures")] == ["Procedure/x"]
    assert rows(batch, "procedures")[0]["visit_id"] == "Encounter/dental"
    assert [row["code"] for row in rows(batch, "diagnoses")] == ["K051"]
    assert batch.left_out == {
        ("Encounter", "not dental"): 1,
        ("Procedure", "not dental"): 1,
        ("Condition", "no code that is known to be dental"): 1,
    }
    (visit,) = rows(batch, "visits")
    assert (visit["minutes"], visit["urgency"], visit["recorded_at"]) == (
        60,
        "emergency",
        instant("2020-10-09T13:00:00Z"),
    )
    (patient,) = rows(batch, "patients")
    assert (patient["language"], patient["left_at"]) == ("en", datetime(2024, 1, 1, tzinfo=UTC))


def test_a_dental_source_keeps_what_does_not_say_so() -> None:
    batch = from_resources(synthea(), all_dental=True)
    assert len(rows(batch, "visits")) == 2
    assert len(rows(batch, "procedures")) == 2


def test_an_american_record() -> None:
    batch = from_resources(american())
    (visit,) = rows(batch, "visits")
    assert (visit["minutes"], visit["profession"], visit["unit"]) == (45, "hygienist", "o")
    first, second = rows(batch, "procedures")
    assert (first["tooth"], first["surfaces"], first["visit_id"]) == (12, "B", "Encounter/e")
    assert (second["tooth"], second["surfaces"]) == (85, "MOD")
    assert second["recorded_at"] == datetime(2024, 8, 10, 14, 20, tzinfo=UTC)
    assert batch.left_out == {("Procedure", "status not-done"): 1}
    assert rows(batch, "patients")[0]["birth_date"] == date(1970, 1, 1)


def test_a_finnish_record() -> None:
    batch = from_resources(finnish(), KEY)
    (patient,) = rows(batch, "patients")
    assert (patient["language"], patient["municipality"], patient["non_disclosure"]) == ("fi", "091", True)
    (procedure,) = rows(batch, "procedures")
    assert (procedure["code"], procedure["code_system"], procedure["tooth"]) == ("SFA20", "thl", 36)
    assert procedure["surfaces"] == "OD"
    assert procedure["event_time"] == instant("2023-05-05")
    (diagnosis,) = rows(batch, "diagnoses")
    assert (diagnosis["code"], diagnosis["event_time"], diagnosis["tooth"]) == ("K021", instant("2023-05-05"), 36)
    assert [row["event_time"] for row in rows(batch, "visits")] == [instant("2023-05-05T09:00:00")]
    booked, missed = rows(batch, "appointments")
    assert (booked["state"], booked["event_time"]) == ("booked", instant("2023-04-01"))
    assert (missed["state"], missed["event_time"]) == ("no_show", instant("2023-05-05T09:30:00+03:00"))
    assert batch.tables["appointments"].schema.names == list(Appointments.columns())


def test_one_person_has_one_pseudonym_everywhere_and_the_code_is_nowhere() -> None:
    batch = from_resources(finnish(), KEY)
    assert {row["patient_id"] for table in batch.tables for row in rows(batch, table)} == {KEY.of(HETU)}
    for used in (batch, from_resources(finnish())):
        assert HETU not in str([rows(used, table) for table in used.tables])


def test_a_resource_id_that_is_an_identity_code_is_never_stored() -> None:
    own = [resource("Patient", HETU), resource("Condition", "1", subject=to(f"Patient/{HETU}"), recordedDate="2020",
           code=concept(SNOMED, "66383009"))]  # fmt: skip
    assert {row["patient_id"] for row in rows(from_resources(own), "diagnoses")} == {None}
    assert {row["patient_id"] for row in rows(from_resources(own, KEY), "diagnoses")} == {KEY.of(HETU)}
    mistyped = resource("Condition", "1", subject=to("Patient/010190-9990"), recordedDate="2020",
                        code=concept(SNOMED, "66383009"))  # fmt: skip
    assert rows(from_resources(mistyped, KEY), "diagnoses")[0]["patient_id"] is None


def test_older_names_and_odd_unused_fields() -> None:
    batch = from_resources(older())
    assert {name: table.num_rows for name, table in batch.tables.items()} == {
        "patients": 1, "visits": 1, "procedures": 1, "diagnoses": 1, "appointments": 1,
    }  # fmt: skip
    assert rows(batch, "patients")[0]["sex"] == "male"
    assert rows(batch, "procedures")[0]["visit_id"] == "Encounter/1"
    assert rows(batch, "procedures")[0]["event_time"] == instant("2015-12-31")
    assert rows(batch, "diagnoses")[0]["event_time"] == instant("2015-02-28")
    assert batch.left_out == {("Condition", "status says that it is not so"): 1}


@pytest.mark.parametrize(
    ("period", "length", "minutes"),
    [
        ({"end": "2020-01-01T10:30:00Z"}, None, 30),
        ({"end": "2020-01-01T10:04:00Z"}, None, None),
        ({"end": "2020-01-01T14:01:00Z"}, None, None),
        ({"end": "2019-01-01T10:30:00Z"}, None, None),
        ({"end": "2020-01-01T10:30:00Z"}, {"value": 20, "unit": "min"}, 20),
        ({"end": "2020-01-01T10:30:00Z"}, {"value": 20, "unit": "moons"}, 30),
        ({}, {"value": True, "unit": "min"}, None),
        ({}, None, None),
    ],
)
def test_minutes_are_the_length_or_a_likely_period(period: Any, length: Any, minutes: int | None) -> None:
    visit = resource("Encounter", "1", status="finished", subject=to("Patient/1"), length=length,
                     type=[concept(CDT, "D0120")], period={"start": "2020-01-01T10:00:00Z", **period})  # fmt: skip
    assert rows(from_resources(visit), "visits")[0]["minutes"] == minutes


@pytest.mark.parametrize("status", ["planned", "cancelled", "entered-in-error", "in-progress", "Smith 010190", None, 3])
def test_visits_that_did_not_take_place_are_left_out_without_repeating_unknown_words(status: object) -> None:
    batch = from_resources(resource("Encounter", "1", status=status, type=[concept(CDT, "D0120")]))
    assert not batch.tables
    ((kind, reason),) = batch.left_out
    assert kind == "Encounter"
    assert "Smith" not in reason


def test_findings_of_an_observation_and_its_components() -> None:
    local = "urn:tarve:findings"
    panel = resource(
        "Observation", "1", status="final", subject=to("Patient/1"), effectiveDateTime="2020-01-01T10:00:00Z",
        issued="2020-01-02T10:00:00Z", code=concept("http://loinc.org", "54570-7"),
        component=[
            {"code": concept(local, "dmft"), "valueInteger": 7},
            {"code": concept(local, "ppd"), "valueQuantity": {"value": 5.0, "unit": "mm"}},
            {"code": concept(local, "ppd"), "valueQuantity": {"value": 0.5, "unit": "cm"}},
            {"code": concept(local, "ppd"), "valueQuantity": {"value": 3, "code": "mm"}},
            {"code": concept(local, "bop"), "valueQuantity": {"value": "many"}},
        ],
    )  # fmt: skip
    batch = from_resources(
        [panel, resource("Observation", "2", status="final", code=concept("http://loinc.org", "8302-2"))]
    )
    found = rows(batch, "findings")
    assert [(row["kind"], row["value"], row["event_id"]) for row in found] == [
        ("dmft", 7, "Observation/1/dmft"),
        ("ppd", 5, "Observation/1/ppd"),
    ]
    assert found[0]["recorded_at"] == instant("2020-01-02T10:00:00Z")
    assert batch.left_out == {("Observation", "no code of a finding"): 1}


def test_an_ambiguous_tooth_is_null_and_noticed() -> None:
    done = resource("Procedure", "1", status="completed", subject=to("Patient/1"), performedDateTime="2020",
                    code=concept(CDT, "D7140"), bodySite=[concept(None, "11")])  # fmt: skip
    batch = from_resources(done)
    assert rows(batch, "procedures")[0]["tooth"] is None
    assert batch.notices == {("Procedure", "a tooth that its coding does not tell"): 1}


def test_prefetch_of_every_shape_is_met() -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in synthea()]}
    odd = {"resourceType": "Bundle", "entry": [None, {}, {"resource": None}, 3]}
    outcome = {"resourceType": "OperationOutcome", "issue": []}
    batch = from_resources([bundle, None, odd, outcome, {"resourceType": "Bundle"}, "text", resource("CarePlan", "1")])
    assert {name: table.num_rows for name, table in batch.tables.items()} == {
        "patients": 1, "visits": 1, "procedures": 1, "diagnoses": 1,
    }  # fmt: skip
    unused = {kind: count for (kind, why), count in batch.left_out.items() if why == "resource type not used"}
    assert unused == {"OperationOutcome": 1, "CarePlan": 1, "no type": 1}
    assert from_resources(None) == Batch({}, 0)


def test_in_a_transaction_the_address_is_the_identity() -> None:
    entries = [{"fullUrl": "urn:uuid:p", "resource": {"resourceType": "Patient"}},
               {"fullUrl": "urn:uuid:c", "resource": resource("Condition", "other", subject=to("urn:uuid:p"),
                recordedDate="2020", code=concept(SNOMED, "66383009"))}]  # fmt: skip
    batch = from_resources({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert rows(batch, "patients")[0]["patient_id"] == rows(batch, "diagnoses")[0]["patient_id"] == "p"
    assert rows(batch, "diagnoses")[0]["event_id"] == "Condition/c"


def lines(resources: Iterable[object]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in resources)


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [one for one in synthea() if one["resourceType"] == kind]


def together(batches: Iterable[Batch]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for batch in batches:
        for table in batch.tables:
            found.setdefault(table, []).extend(rows(batch, table))
    return {table: sorted(some, key=str) for table, some in found.items()}


def test_files_of_an_export_and_memory_give_the_same_rows(tmp_path: Path) -> None:
    for kind in ("Condition", "Encounter", "Patient"):
        (tmp_path / f"{kind}.ndjson").write_bytes(lines(of_kind(kind)))
    (tmp_path / "Procedure.ndjson.gz").write_bytes(gzip.compress(lines(of_kind("Procedure"))))
    (tmp_path / "Observation.ndjson").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"not read")
    assert together(read_fhir([tmp_path])) == together([from_resources(synthea())])


@pytest.mark.parametrize("identity", [None, KEY])
@pytest.mark.parametrize("size", [1, 3, 50_000])
def test_order_batches_and_kind_of_file_do_not_matter(tmp_path: Path, size: int, identity: Pseudonyms | None) -> None:
    everything = [*finnish(), *synthea()]
    mixed, document = tmp_path / "mixed.ndjson", tmp_path / "bundle.json"
    mixed.write_bytes(b"\xef\xbb\xbf" + lines(reversed(everything)) + b"\n \n")
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in everything]}
    document.write_text(json.dumps(bundle, indent=2), encoding="utf-8")
    expected = together([from_resources(everything, identity)])
    for path in (mixed, document):
        batches = list(read_fhir([path], identity, size))
        assert together(batches) == expected
        assert sum(batch.rows_read for batch in batches) == len(everything)
        assert all(batch.rows_read <= size for batch in batches)


def test_lines_in_a_file_named_json_and_a_single_resource(tmp_path: Path) -> None:
    (tmp_path / "lines.json").write_bytes(lines(synthea()))
    assert together(read_fhir([tmp_path / "lines.json"])) == together([from_resources(synthea())])
    (tmp_path / "one.json").write_bytes(json.dumps(synthea()[0]).encode())
    assert [batch.rows_read for batch in read_fhir([tmp_path / "one.json"])] == [1]
    (tmp_path / "empty.json").write_bytes(b"")
    assert list(read_fhir([tmp_path / "empty.json"])) == []


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.ndjson", lines(synthea()[:2]) + b'{"resourceType": "Patient", "name": "Secret', "line 3"),
        ("a.ndjson", lines(synthea()[:1]) + b'["Secret"]\n', "line 2"),
        ("a.ndjson", b"\xff\xfe{}", "line 1"),
        ("a.ndjson.gz", gzip.compress(lines(synthea()))[:-9], "after line"),
        ("a.ndjson.gz", b"Secret, and not gzip", "after line 0"),
        ("a.json", b'{\n"resourceType": "Bundle",\n"entry": ["Secret', "line 3"),
        ("a.json", lines(synthea()[:2]) + b'{"name": "Secret', "line 3"),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_never_quoted(
    tmp_path: Path, name: str, content: bytes, place: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as raised:
        list(read_fhir([tmp_path / name]))
    assert f"{name}, {place}" in str(raised.value)
    chain: BaseException | None = raised.value
    while chain is not None:
        assert "Secret" not in repr(vars(chain)) + str(chain)
        chain = chain.__cause__ or chain.__context__


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no\.ndjson does not exist"):
        list(read_fhir([tmp_path / "no.ndjson"]))


@pytest.mark.parametrize(
    "odd",
    [
        resource("Observation", "o", status="final", code=concept("urn:tarve:findings", "ppd"),
                 valueQuantity={"value": 1e308, "unit": ["mm"]}),
        resource("Observation", "o", status="final", code=concept("urn:tarve:findings", "ppd"),
                 valueQuantity={"value": float("inf")}),
        resource("Encounter", "\ud800", status="finished", type=[concept(CDT, "D0120")],
                 length={"value": 1, "code": []}),
        resource("Appointment", "a", status="noshow", start="9999-12-31T21:50:00Z", minutesDuration=10**12,
                 specialty=[concept(CDT, "D0120")]),
        resource("Appointment", "a", status="booked", start="0002-01-01T00:00:00Z", end="9999-01-01T00:00:00Z",
                 specialty=[concept(CDT, "D0120")]),
    ],
)  # fmt: skip
def test_values_beyond_all_bounds_fail_nothing(odd: dict[str, Any]) -> None:
    batch = from_resources(odd, KEY)
    assert bool(batch.tables) != bool(batch.left_out)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEASURED = resource("Observation", "o", status="final", subject=to("Patient/p1"), effectiveDateTime="2023-05-05",
                    code=concept("urn:tarve:findings", "ppd"), valueQuantity={"value": 5, "unit": "mm", "code": "mm"},
                    component=[{"code": concept("urn:tarve:findings", "dmft"), "valueInteger": 7}])  # fmt: skip
EVERYTHING = [*synthea(), *american(), *finnish(), *older(), MEASURED]
UNUSED = ("text", "implicitRules", "note", "basedOn", "partOf", "reasonReference", "outcome", "photo", "evidence")


@given(st.sampled_from(EVERYTHING), st.dictionaries(st.sampled_from(UNUSED), JSON))
def test_unused_fields_change_nothing(one: dict[str, Any], more: dict[str, Any]) -> None:
    assert together([from_resources(one | more)]) == together([from_resources(one)])


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A resource with anything put in the place of anything."""
    one = json.loads(json.dumps(draw(st.sampled_from(EVERYTHING))))
    for _ in range(draw(st.integers(1, 3))):
        node = one
        while isinstance(node, dict | list) and node:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = draw(st.sampled_from(keys))
            if draw(st.booleans()) or not isinstance(node[key], dict | list):
                node[key] = draw(JSON)
                break
            node = node[key]
    return one


@given(st.lists(mutated(), max_size=4))
def test_no_resource_fails_and_none_is_lost(some: list[Any]) -> None:
    batch = from_resources(some, KEY)
    assert batch.rows_read == len(some)
    for one in some:
        alone = from_resources(one, KEY)
        assert bool(alone.tables) != bool(alone.left_out), "a resource becomes a row or is counted, never both"
    checked = check({name: table for name, table in batch.tables.items() if name in TABLES})
    kept = Counter(checked.history.rows()) + Counter({name: odd.num_rows for name, odd in checked.set_aside.items()})
    assert kept == Counter({name: table.num_rows for name, table in batch.tables.items() if name in TABLES})


def test_a_diagnosis_of_another_field_is_left_out_unless_all_is_dental() -> None:
    icd10 = "http://hl7.org/fhir/sid/icd-10"
    fever = resource(
        "Condition", "c", code=concept(icd10, "J06.9"), subject=to("Patient/p"), onsetDateTime="2020-10-09"
    )
    assert from_resources([fever]).left_out == {("Condition", "not dental"): 1}
    assert from_resources([fever], all_dental=True).tables["diagnoses"]["code"].to_pylist() == ["J069"]


def test_resource_types_that_the_schema_has_no_place_for_are_counted() -> None:
    found = from_resources([resource("Medication", "m"), resource("Device", "d"), {"resourceType": 7}])
    assert sum(found.left_out.values()) == 3
    assert {reason for _, reason in found.left_out} == {"resource type not used"}
