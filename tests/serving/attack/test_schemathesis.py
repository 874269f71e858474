"""Schemathesis over the service's own document: what it says is what is answered, to right and to wrong requests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serving.house import House
from serving.release import Release
from tests.serving.attack.callers import Attack
from tests.serving.attack.mutations import CANARIES, MARK
from tests.serving.attack.witness import Overheard

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ORDINARY, NIGHTLY = 6, 100
"""Examples of each operation, of right and of wrong requests; one example may be several requests."""
OPERATIONS = (
    *("model", "metrics", "assess", "assess_batch", "read_assessment", "answer", "decide"),
    *("portal_messages", "mark_read", "send_treatment_feedback", "read_treatment_feedback"),
    *("cancel_treatment_feedback", "voucher_report", "voucher_report_csv", "voucher_report_page", "overdue"),
    *("overdue_page", "dead_letters", "send_again", "cancel_as_officer", "receipt"),
)


@pytest.fixture(scope="module")
def attack(asking: Release, house: House) -> Iterator[Attack]:
    attack = Attack(asking, house)
    yield attack
    attack.close()


@pytest.fixture(scope="module")
def operations(attack: Attack) -> dict[str, Any]:
    document = attack.send("GET", "/openapi.json").json()
    found = (one.ok() for one in schemathesis.openapi.from_dict(document).get_all_operations())
    return {one.definition.raw["operationId"]: one for one in found}


def test_every_documented_operation_is_attacked(operations: dict[str, Any]) -> None:
    assert set(operations) == set(OPERATIONS)


def marked(value: Any, marks: Iterator[str]) -> Any:
    """Names of patients in the place of texts that anybody may choose."""
    if isinstance(value, dict):
        free = {"patient_id", "reference", "comment", "event_id", "visit_id", "question", "code"}
        free |= {"voucher_id", "reason", "corrects", "key", "id"}
        return {
            key: next(marks) if key in free and isinstance(one, str) else marked(one, marks)
            for key, one in value.items()
        }
    return [marked(one, marks) for one in value] if isinstance(value, list) else value


def ask(attack: Attack, case: Any, marks: list[str]) -> None:
    """One request of Schemathesis, with patients' names in it, to an assessment that is there or not."""
    if "assessment_id" in (case.path_parameters or {}) and len(marks) % 2:
        case.path_parameters["assessment_id"] = attack.assessment
    if isinstance(case.body, (dict, list)):
        case.body = marked(case.body, iter(marks * 1000))
    said = case.as_transport_kwargs(base_url="http://test", headers=dict(attack.headers))
    said = {name: one for name, one in said.items() if name in {"params", "json", "data", "headers", "url"}}
    method, url, headers = case.method, said.pop("url"), dict(said.pop("headers") or {})
    content = {"content": said.pop("data")} if isinstance(said.get("data"), (str, bytes)) else {}
    given = attack.send(method, url, headers=headers, **said, **content)
    case.validate_response(given, checks=CHECKS)
    if given.status_code >= 400:
        assert not MARK.search(given.text)


def attacked(attack: Attack, operation: Any, examples: int) -> None:
    modes = [operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)]
    marks = st.lists(st.sampled_from(CANARIES), min_size=1, max_size=3)

    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(*modes), marks=marks)
    def one(case: Any, marks: list[str]) -> None:
        ask(attack, case, marks)

    handler, root = Overheard(), logging.getLogger()
    root.addHandler(handler)
    try:
        one()
    finally:
        root.removeHandler(handler)
    assert not MARK.search("\n".join(handler.lines))


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_document_holds_under_attack(attack: Attack, operations: dict[str, Any], name: str) -> None:
    attacked(attack, operations[name], ORDINARY)


@pytest.mark.nightly
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_document_holds_under_attack_for_a_night(attack: Attack, operations: dict[str, Any], name: str) -> None:
    attacked(attack, operations[name], NIGHTLY)
