"""The document of the API: true, whole, and free of outside assets; and the numbers for the operator."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from records.schema import EVENTS, FINDINGS
from serving import examples
from serving.house import House
from serving.release import Release
from serving.wire import READ
from tests.serving.asker import Asker, asker

VOID = {"meta", "link", "br", "hr", "img", "input"}


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_reference_of_the_document_resolves(api: Asker) -> None:
    document = api.get("/openapi.json").json()
    found = set(references(document))
    assert "#/components/schemas/PostedHistory" in found
    for reference in found:
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert isinstance(place, dict)


def test_the_examples_of_the_document_work(api: Asker) -> None:
    operation = api.get("/openapi.json").json()["paths"]["/v1/assess"]["post"]
    questions = operation["requestBody"]["content"]["application/json"]["examples"]
    answers = operation["responses"]["200"]["content"]["application/json"]["examples"]
    for question, answer in (
        ("posted_history", "assessed"),
        ("known_patient", "assessed"),
        ("no_history", "no_history"),
    ):
        given = api.answer(questions[question]["value"])
        assert given | {"id": examples.ID} == answers[answer]["value"]


def test_every_refusal_is_documented_in_one_shape(api: Asker) -> None:
    responses = api.get("/openapi.json").json()["paths"]["/v1/assess"]["post"]["responses"]
    assert set(responses) == {"200", "400", "401", "403", "404", "413", "422", "429", "500", "503"}
    for status in set(responses) - {"200", "401", "403"}:
        content = responses[status]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Faults"}
        assert set(content["example"]["errors"][0]) == {"where", "what"}


def test_the_rows_are_documented_from_the_schema(api: Asker) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    for table in READ:
        members = schemas[f"{table.capitalize()}Row"]["properties"]
        assert set(members) == set(EVENTS[table].columns()) - {"patient_id", "source"}
    assert schemas["FindingsRow"]["properties"]["kind"]["enum"] == list(FINDINGS)
    assert schemas["FindingsRow"]["properties"]["value"]["maximum"] == 100
    assert "event_id" not in schemas["VisitsRow"]["required"]
    assert "recorded_at" not in schemas["VisitsRow"]["required"]
    assert schemas["PostedPatient"]["required"] == ["birth_date"]
    assert schemas["Question"]["oneOf"]


def test_the_model_card_says_what_runs_and_what_it_is_not(api: Asker) -> None:
    card = api.get("/v1/model").json()
    assert (card["name"], card["version"], card["estimator"]) == ("tarve-need", "1", "lightgbm")
    assert [segment["name"] for segment in card["segments"]["segments"]] == ["light", "moderate", "heavy"]
    assert "no diagnosis" in card["says"]["en"]


class Page(HTMLParser):
    """Checks nesting; collects ids, links and headings."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        said = dict(attrs)
        if tag == "html":
            assert said["lang"] == "en"
        self.ids += [said["id"] or ""] if "id" in said else []
        self.links += [said[name] or "" for name in ("href", "src", "action") if name in said]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_is_whole_and_loads_nothing(api: Asker, path: str) -> None:
    given = api.get(path)
    assert "default-src 'none'" in given.headers["content-security-policy"]
    page = Page()
    page.feed(given.text)
    assert page.open == []
    assert page.tags["h1"] == page.tags["main"] == page.tags["title"] == 1
    assert page.tags["script"] == page.tags["img"] == page.tags["iframe"] == 0
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert link in {"/openapi.json", "/pages", "data:,"} or link.removeprefix("#") in page.ids


def test_no_outside_host_is_named(api: Asker) -> None:
    for path in ("/", "/docs", "/openapi.json"):
        assert set(re.findall(r"https?://[^/\s\"']+", api.get(path).text)) <= {"http://localhost:3000"}


def test_labels_of_metrics_are_bounded(release: Release, house: House) -> None:
    api = asker(release, house)
    for path in ("/P000123", "/v1/assess/P000123", "/v1/model?patient=P000123", "/..%2f", "/v1/model", "/nope" * 50):
        api.get(path)
    api.answer({"patient_id": "P000123"})
    api.request("BREW", "/v1/assess")
    lines = [line for line in api.get("/metrics").text.splitlines() if line.startswith("tarve_requests_total{")]
    routes = {match for line in lines for match in re.findall(r'route="([^"]*)"', line)}
    assert routes <= {"/v1/assess", "/v1/model", "other"}
    assert "P000123" not in api.get("/metrics").text
    assert 'tarve_requests_total{route="other",status="404"} 4.0' in lines
    assert re.search(r'tarve_assessments_total\{segment="\w+",status="assessed"\} 1\.0', api.get("/metrics").text)
