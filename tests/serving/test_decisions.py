"""A decision is made once; another one must name the one that it supersedes, and both are kept."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest

from serving.house import House
from serving.storage.ledger import comment_name
from serving.wire import MOST_COMMENT
from tests.serving.asker import Asker, kept_bytes, posted

OTHERS = ("light", "moderate", "heavy")


def other_than(segment: str) -> str:
    return next(name for name in OTHERS if name != segment)


def assessed(api: Asker) -> tuple[str, str]:
    answer = api.answer(posted())
    return answer["id"], answer["segment"]["name"]


def decide(api: Asker, name: str, **chosen: Any) -> httpx.Response:
    key = {"Idempotency_Key": chosen.pop("key")} if "key" in chosen else {}
    return api.post(f"/v1/assessments/{name}/decision", chosen, **key)


def overridden(segment: str, **more: Any) -> dict[str, Any]:
    return {"outcome": "overridden", "decided": other_than(segment), "reason_code": "patient-told-more"} | more


def test_a_suggestion_is_accepted(api: Asker, house: House) -> None:
    name, segment = assessed(api)
    given = decide(api, name, outcome="accepted")
    assert given.status_code == 201
    made = given.json()
    assert (made["outcome"], made["suggested"], made["decided"]) == ("accepted", segment, segment)
    assert (made["reason_code"], made["holds"]) == (None, True)
    assert api.get(f"/v1/assessments/{name}").json()["decisions"] == [made]
    kept = house.ledger.find(name)
    assert kept is not None
    [event] = house.ledger.decisions(kept)
    assert (event["event_id"], event["assessment_id"], event["source"]) == (made["id"], name, "tarve/demo")


def test_the_same_again_changes_nothing(api: Asker) -> None:
    name, segment = assessed(api)
    first = decide(api, name, **overridden(segment, comment="x"))
    again = decide(api, name, **overridden(segment, comment="x"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(api.get(f"/v1/assessments/{name}").json()["decisions"]) == 1


def test_a_contradiction_is_refused_and_names_the_decision_that_holds(api: Asker) -> None:
    name, segment = assessed(api)
    first = decide(api, name, outcome="accepted").json()
    refused = decide(api, name, **overridden(segment))
    assert refused.status_code == 409
    assert first["id"] in refused.json()["errors"][0]["what"]


def test_another_comment_is_another_decision(api: Asker) -> None:
    name, segment = assessed(api)
    decide(api, name, **overridden(segment, comment="x"))
    assert decide(api, name, **overridden(segment, comment="y")).status_code == 409


def test_a_later_decision_supersedes_and_both_are_kept(api: Asker) -> None:
    name, segment = assessed(api)
    first = decide(api, name, outcome="accepted").json()
    chosen = overridden(segment, supersedes=first["id"])
    second = decide(api, name, **chosen)
    assert second.status_code == 201
    assert decide(api, name, **chosen).json() == second.json()
    decisions = api.get(f"/v1/assessments/{name}").json()["decisions"]
    assert [(one["id"], one["holds"]) for one in decisions] == [(first["id"], False), (second.json()["id"], True)]
    first_at, second_at = (datetime.fromisoformat(one["decided_at"]) for one in decisions)
    assert first_at < second_at
    stale = overridden(segment, supersedes=first["id"], reason_code="other")
    assert decide(api, name, **stale).status_code == 409


def test_nothing_can_be_superseded_before_the_first(api: Asker) -> None:
    name, _ = assessed(api)
    refused = decide(api, name, outcome="accepted", supersedes="nothing")
    assert refused.json()["errors"] == [{"where": "supersedes", "what": "there is no decision to supersede"}]


def test_an_idempotency_key_is_one_decision_for_ever(api: Asker) -> None:
    name, segment = assessed(api)
    first = decide(api, name, outcome="accepted", key="k1")
    decide(api, name, **overridden(segment, supersedes=first.json()["id"]), key="k2")
    again = decide(api, name, outcome="accepted", key="k1")
    assert again.status_code == 200
    assert again.json() == first.json() | {"holds": False}
    reused = decide(api, name, **overridden(segment), key="k1")
    assert reused.status_code == 422
    assert reused.json()["errors"][0]["where"] == "Idempotency-Key"
    elsewhere, _ = assessed(api)
    assert decide(api, elsewhere, outcome="accepted", key="k1").status_code == 201
    assert decide(api, elsewhere, outcome="accepted", key="k" * 300).status_code == 422


@pytest.mark.parametrize(
    ("chosen", "where"),
    [
        ({"outcome": "perhaps"}, "outcome"),
        ({}, "outcome"),
        ({"outcome": "overridden", "reason_code": "other"}, "decided"),
        ({"outcome": "overridden", "decided": "enormous", "reason_code": "other"}, "decided"),
        ({"outcome": "overridden", "decided": "OTHER"}, "reason_code"),
        ({"outcome": "overridden", "decided": "OTHER", "reason_code": "a-whim"}, "reason_code"),
        ({"outcome": "overridden", "decided": "SAME", "reason_code": "other"}, "decided"),
        ({"outcome": "accepted", "decided": "OTHER"}, "decided"),
        ({"outcome": "accepted", "comment": "x" * (MOST_COMMENT + 1)}, "comment"),
        ({"outcome": "accepted", "comment": ["x"]}, "comment"),
    ],
)
def test_what_contradicts_itself_is_refused(api: Asker, chosen: dict[str, Any], where: str) -> None:
    name, segment = assessed(api)
    meant = {"SAME": segment, "OTHER": other_than(segment)}
    refused = decide(api, name, **{key: meant.get(str(value), value) for key, value in chosen.items()})
    assert refused.status_code == 422
    assert [fault["where"] for fault in refused.json()["errors"]] == [where]


def test_without_a_suggestion_there_is_nothing_to_accept(api: Asker) -> None:
    name = api.answer({"patient_id": "P000124"})["id"]
    assert decide(api, name, outcome="accepted").json()["errors"][0]["where"] == "outcome"
    made = decide(api, name, outcome="overridden", decided="light", reason_code="no-suggestion").json()
    assert (made["suggested"], made["decided"]) == (None, "light")


def test_of_many_at_once_one_is_made(api: Asker) -> None:
    name, segment = assessed(api)
    others = [segment, *(one for one in OTHERS if one != segment)] * 3
    chosen = [
        {"outcome": "accepted"} if one == segment else {"outcome": "overridden", "decided": one, "reason_code": "other"}
        for one in others
    ]
    with ThreadPoolExecutor(9) as pool:
        statuses = list(pool.map(lambda one: decide(api, name, **one).status_code, chosen))
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
    assert len(api.get(f"/v1/assessments/{name}").json()["decisions"]) == 1


def test_a_comment_is_kept_apart_sealed_and_never_logged(
    api: Asker, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    name, segment = assessed(api)
    made = decide(api, name, **overridden(segment, comment="Zq7Sentinel sanoi niin")).json()
    assert house.ledger.vault.content(comment_name(made["id"])) == b"Zq7Sentinel sanoi niin"
    assert "Zq7Sentinel" not in api.get(f"/v1/assessments/{name}").text
    assert b"Zq7Sentinel" not in kept_bytes(house)
    assert "Zq7Sentinel" not in caplog.text
