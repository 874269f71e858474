"""What an assessment answers: the same for a posted and a stored history, and never an estimate out of nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from records import store
from records.schema import EVENTS
from serving import examples
from serving.house import House
from serving.known import Known
from serving.release import Release
from serving.wire import READ
from tests.serving.asker import KNOWN, NOW, Asker, asker, posted


def test_a_posted_history_is_assessed(api: Asker) -> None:
    answer = api.answer(posted())
    assert answer["status"] == "assessed"
    assert answer["segment"]["name"] in {"light", "moderate", "heavy"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert answer["visits"]["total"] == pytest.approx(sum(answer["visits"]["by_profession"].values()))
    assert set(answer["minutes"]["by_profession"]) == {"dentist", "hygienist"}
    assert answer["first_appointment"]["minutes"] > 0
    assert answer["history"] == {"events_seen": 11, "latest_event": "2026-10-06T09:00:00Z", "age_days": 47}
    assert answer["set_aside"] == answer["notices"] == []
    assert answer["model"]["features"] == DENTAL.version
    assert all(set(reason["text"]) == {"fi", "sv", "en"} for reason in answer["reasons"])
    assert "A person decides" in answer["says"]["en"]


def test_the_answer_is_that_of_the_batch_to_the_last_bit(api: Asker, release: Release, records: Path) -> None:
    as_of = datetime.fromisoformat(examples.AS_OF)
    matrix = evaluate(DENTAL, store.read(records), Moments.of([KNOWN, "P000124"], [as_of, as_of]))
    predicted = release.model.predict(matrix.values)
    assert list(api.answer(posted())["probabilities"].values()) == predicted.probabilities[0].tolist()


def test_posted_and_stored_history_give_the_same_answer(api: Asker) -> None:
    assert api.told(posted()) == api.told({"patient_id": KNOWN, "as_of": examples.AS_OF})


@pytest.mark.parametrize("as_of", ["2024-03-05T12:00+02:00", "2026-10-06", "2026-10-07T00:00"])
def test_they_agree_at_earlier_moments_too(api: Asker, as_of: str) -> None:
    assert api.told(posted() | {"as_of": as_of}) == api.told({"patient_id": KNOWN, "as_of": as_of})


def test_the_moment_is_now_when_none_is_named(api: Asker) -> None:
    assert datetime.fromisoformat(api.answer({"patient_id": KNOWN})["as_of"]) == NOW


def test_no_history_is_no_estimate(api: Asker) -> None:
    for question in (examples.EMPTY, {"patient_id": "P000124"}):
        answer = api.answer(question)
        assert answer["status"] == "no_history"
        assert [answer[name] for name in ("segment", "probabilities", "visits", "minutes")] == [None] * 4
        assert answer["reasons"] == []
        assert answer["first_appointment"]["kind"] == "examination"
        assert answer["history"] == {"events_seen": 0, "latest_event": None, "age_days": None}
        assert "Ask about the need" in answer["says"]["en"]


def test_a_history_of_the_future_is_no_history(api: Asker) -> None:
    question = posted()
    question["history"] = {"visits": question["history"]["visits"]}
    answer = api.answer(question | {"as_of": "2024-01-01"})
    assert answer["status"] == "no_history"
    assert answer["set_aside"] == [{"table": "visits", "reason": "it happened at or after the moment", "rows": 3}]


def test_what_the_poster_leaves_out_is_filled(api: Asker) -> None:
    question = posted()
    for rows in question["history"].values():
        for row in rows:
            row |= {"recorded_at": row["event_time"], "event_id": None}
            row.setdefault("nobody_knows_this_member", 1)
    assert api.told(question) == api.told(posted())


def test_a_visit_recorded_later_is_not_seen_before(api: Asker) -> None:
    question = posted()
    question["history"]["visits"][2]["recorded_at"] = "2026-12-01"
    answer = api.answer(question)
    assert answer["set_aside"] == [{"table": "visits", "reason": "it was recorded at or after the moment", "rows": 1}]


def test_numbered_events_never_collide_with_given_ids(api: Asker) -> None:
    question = posted()
    question["history"]["findings"][1]["event_id"] = "000001"
    assert api.answer(question)["set_aside"] == []


def test_a_table_that_nobody_reads_is_noticed(api: Asker) -> None:
    question = posted()
    question["history"]["visit"] = question["history"].pop("visits")
    notices = api.answer(question)["notices"]
    assert [(notice["table"], notice["rows"]) for notice in notices] == [("history", 1)]


def test_an_unknown_date_of_birth_is_allowed_but_must_be_said(api: Asker) -> None:
    question = posted()
    question["patient"]["birth_date"] = None
    assert api.answer(question)["status"] == "assessed"
    del question["patient"]["birth_date"]
    assert api.faults(question) == [{"where": "patient.birth_date", "what": "is missing"}]


def test_special_needs_stand_beside_the_segment(api: Asker) -> None:
    question = posted()
    question["patient"]["special_needs"] = True
    assert api.answer(question)["special_needs"] is True


def test_an_unknown_patient_is_not_found_and_not_named(api: Asker) -> None:
    given = api.ask({"patient_id": "P-nobody"})
    assert given.status_code == 404
    assert "nobody" not in given.text


def test_without_a_record_store_only_posted_histories_are_assessed(bare_api: Asker) -> None:
    assert bare_api.faults({"patient_id": KNOWN}, 503)[0]["where"] == "patient_id"
    assert bare_api.answer(posted())["status"] == "assessed"


def test_a_broken_record_store_is_unavailable(release: Release, house: House, tmp_path: Path) -> None:
    broken = asker(release, replace(house, known=Known(tmp_path)))
    assert "post the history instead" in broken.faults({"patient_id": KNOWN}, 503)[0]["what"]


def test_extreme_moments_are_answered(api: Asker) -> None:
    question: dict[str, Any] = posted()
    question["patient"]["birth_date"] = "0001-01-01"
    question["history"]["findings"][0]["event_time"] = "0001-01-02"
    assert api.answer(question | {"as_of": "9999-12-31T23:59:59+00:00"})["status"] == "too_little_history"


def test_every_whole_number_of_a_row_is_bounded_by_the_schema() -> None:
    """The wire clamps a number to its type, which only stays out of bounds when the schema has bounds."""
    for table in READ:
        for name, column in EVENTS[table].columns().items():
            if str(column.type).startswith("int"):
                limits = np.iinfo(column.type.to_pandas_dtype())
                assert column.at_least is not None, name
                assert column.at_most is not None, name
                assert limits.min < column.at_least <= column.at_most < limits.max


def test_a_moment_before_all_tables_is_refused_for_a_known_patient_too(api: Asker) -> None:
    assert api.faults({"patient_id": KNOWN, "as_of": "1990-01-01"})[0]["where"] == "as_of"
