"""Behaviours that SQL-on-FHIR declares shareable, on the subset that the views use."""

from __future__ import annotations

from typing import Any

import pytest

from records.sources.fhir.paths import PathError, compile_path, reference_key
from records.sources.fhir.views import ViewError, compile_view, load

PATIENT = {
    "resourceType": "Patient",
    "id": "1",
    "active": True,
    "name": [{"use": "official", "given": ["Anna", "Maria"], "family": "A"}, {"use": "old", "given": ["M"]}],
    "extension": [{"url": "urn:x", "valueCode": "F"}, {"url": "urn:y", "extension": [{"url": "in", "valueCode": "g"}]}],
    "managingOrganization": {"reference": "Organization/9"},
    "deceasedDateTime": "2020-01-01",
    "multipleBirthInteger": 2,
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("id", ["1"]),
        ("name.given", ["Anna", "Maria", "M"]),
        ("name.given.first()", ["Anna"]),
        ("name[1].given", ["M"]),
        ("name[7].given", []),
        ("name.where(use = 'old').given", ["M"]),
        ("name.where(use != 'old').family", ["A"]),
        ("name.where(given.where($this = 'M').exists()).use", ["old"]),
        ("name.where(use = 'old' or use = 'official').use", ["official", "old"]),
        ("name.where(use = 'old' and family = 'A').use", []),
        ("name.given.join(', ')", ["Anna, Maria, M"]),
        ("name.given.join()", ["AnnaMariaM"]),
        ("name.exists()", [True]),
        ("photo.exists()", [False]),
        ("name.exists(use = 'maiden')", [False]),
        ("photo.empty()", [True]),
        ("active.not()", [False]),
        ("active = true", [True]),
        ("multipleBirth.ofType(integer) = 2", [True]),
        ("photo = 'x'", []),
        ("deceased.ofType(dateTime)", ["2020-01-01"]),
        ("deceased.ofType(boolean)", []),
        ("extension('urn:x').value.ofType(code)", ["F"]),
        ("extension('urn:y').extension('in').value.ofType(code)", ["g"]),
        ("getResourceKey()", ["1"]),
        ("managingOrganization.getReferenceKey()", ["9"]),
        ("managingOrganization.getReferenceKey(Organization)", ["9"]),
        ("managingOrganization.getReferenceKey(Patient)", []),
        ("$this.id", ["1"]),
        ("(id = '1') and active", [True]),
        ("name.where(use = %use).given", ["M"]),
    ],
)
def test_paths(path: str, values: list[Any]) -> None:
    assert compile_path(path, {"use": "old"})([PATIENT]) == values


def test_true_is_not_one() -> None:
    assert compile_path("active = 1")([PATIENT]) == [False]


@pytest.mark.parametrize("odd", [None, 3, "text", [], {}, [[]], [None], {"name": 3}, {"name": [3, None, {"given": 1}]}])
@pytest.mark.parametrize(
    "path", ["name.given.first()", "name.where(use = 'old').use", "extension('x').value.ofType(id)"]
)
def test_an_unexpected_json_type_yields_nothing(path: str, odd: object) -> None:
    assert compile_path(path)([odd]) in ([], [1])


@pytest.mark.parametrize(
    "path",
    ["", "name.", "name..given", "name.given)", "name.where(", "name.lower()", "%unknown", "a ~ b", "name.first(1)"],
)
def test_what_is_no_path_of_the_subset_does_not_compile(path: str) -> None:
    with pytest.raises(PathError):
        compile_path(path)


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("Patient/1", "1"),
        ("https://example.org/fhir/Patient/1", "1"),
        ("https://example.org/fhir/Patient/1/_history/3", "1"),
        ("urn:uuid:0bc48549-d706", "0bc48549-d706"),
        ("#p", None),
        ("Patient?identifier=x|1", None),
        ("Practitioner/1", None),
        ("Patient/", None),
        ("", None),
        (["Patient/1"], None),
    ],
)
def test_references(reference: object, key: str | None) -> None:
    assert reference_key(reference, "Patient") == key


def rows(select: list[dict[str, Any]], resource: object = PATIENT, **more: Any) -> list[dict[str, Any]]:
    return compile_view({"resource": "Patient", "select": select, **more}).rows(resource)


def column(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "path": path, **more}


def test_for_each_makes_a_row_of_every_node() -> None:
    select = [{"column": [column("id", "id")]}, {"forEach": "name", "column": [column("use", "use")]}]
    assert rows(select) == [{"id": "1", "use": "official"}, {"id": "1", "use": "old"}]


def test_for_each_drops_a_resource_without_nodes_and_for_each_or_null_keeps_it() -> None:
    one = [{"column": [column("id", "id")]}]
    assert rows([*one, {"forEach": "photo", "column": [column("url", "url")]}]) == []
    assert rows([*one, {"forEachOrNull": "photo", "column": [column("url", "url")]}]) == [{"id": "1", "url": None}]


def test_selects_nest() -> None:
    inner = {"forEach": "given", "column": [column("given", "$this")]}
    select = [{"forEach": "name", "column": [column("use", "use")], "select": [inner]}]
    assert [tuple(row.values()) for row in rows(select)] == [("official", "Anna"), ("official", "Maria"), ("old", "M")]


def test_union_all_appends_branches_in_order() -> None:
    union = [{"forEach": "name", "column": [column("v", "use")]}, {"column": [column("v", "id")]}]
    assert [row["v"] for row in rows([{"unionAll": union}])] == ["official", "old", "1"]


def test_where_chooses_resources_and_constants_have_names() -> None:
    select = [{"column": [column("id", "id")]}]
    constant = [{"name": "use", "valueCode": "old"}]
    assert rows(select, where=[{"path": "name.where(use = %use).exists()"}], constant=constant) == [{"id": "1"}]
    assert rows(select, where=[{"path": "active = false"}]) == []
    assert rows(select, where=[{"path": "photo.url = 'x'"}]) == []


def test_a_collection_keeps_all_values_and_a_column_without_it_is_null_when_there_are_several() -> None:
    select = [{"column": [column("all", "name.given", collection=True), column("one", "name.given")]}]
    assert rows(select) == [{"all": ["Anna", "Maria", "M"], "one": None}]


def test_a_value_of_another_type_is_null() -> None:
    select = [{"column": [column("id", "id", type="integer"), column("active", "active", type="boolean")]}]
    assert rows(select) == [{"id": None, "active": True}]


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"resource": "Patient", "select": [{}]},
        {"resource": "Patient", "select": [{"column": [column("a", "id"), column("a", "id")]}]},
        {
            "resource": "Patient",
            "select": [{"unionAll": [{"column": [column("a", "id")]}, {"column": [column("b", "id")]}]}],
        },
        {"resource": "Patient", "constant": [{"name": "x"}], "select": [{"column": [column("a", "id")]}]},
    ],
)
def test_a_wrong_view_does_not_compile(view: dict[str, Any]) -> None:
    with pytest.raises(ViewError):
        compile_view(view)


@pytest.mark.parametrize("name", ["patient", "encounter", "procedure", "condition", "observation", "appointment"])
def test_lazy_rows_equal_whole_rows(name: str) -> None:
    view = load(name)
    (whole,) = view.rows({**PATIENT, "subject": {"reference": "Patient/1"}})
    (seen,) = view.seen({**PATIENT, "subject": {"reference": "Patient/1"}})
    assert {column: seen[column] for column in view.columns} == whole
