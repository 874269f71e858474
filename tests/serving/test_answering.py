"""The interview: the next question, answers that update an assessment, and when nothing is worth asking."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from models.interview import Limits, Stop
from models.interview.plan import FILE
from records.check_person import check_person
from records.clock import instant
from records.database import DatabaseError
from records.person import Person
from serving import examples
from serving.house import House
from serving.questions import Conversation, with_answers
from serving.release import Release, ReleaseError
from serving.reviews import reproduce, verify
from serving.storage.tables import AUDIT
from serving.wire import PostedHistory, PostedPatient
from tests.rows import event, history, patient
from tests.serving.asker import KNOWN, NOW, Asker, asker, bearer, posted
from tests.serving.interviews import ITEMS, levels, planned


def told(api: Asker, name: str, *answers: tuple[str, float | None]) -> dict[str, Any]:
    body = {"answers": [{"question": question, "value": value} for question, value in answers]}
    given = api.post(f"/v1/assessments/{name}/answers", body)
    assert given.status_code == 200, given.text
    return dict(given.json())


def first_answer(question: dict[str, Any]) -> float:
    number = question["number"]
    return float(number["least"] if number else question["choices"][0]["value"])


def no_history() -> dict[str, Any]:
    return {"patient": {"birth_date": "1980-01-31"}, "history": {}, "as_of": examples.AS_OF}


@pytest.mark.parametrize("kind", ["choices", "number"])
@pytest.mark.parametrize("asked_about", [posted(), {"patient_id": "P000124"}])
def test_an_answer_asks_the_next_question(
    release_folder: Path, house: House, tmp_path: Path, kind: str, asked_about: dict[str, object]
) -> None:
    item = ITEMS["pain" if kind == "choices" else "missing_teeth_self"]
    release = Release.read(planned(release_folder, tmp_path / "release", (item.name,)))
    answer = asker(release, house).answer(asked_about)
    asked = answer["next_question"]
    assert answer["nothing_to_ask"] is None
    assert asked["name"] == item.name
    assert set(asked["text"]) == set(asked["why"]) == {"fi", "sv", "en"}
    assert bool(asked["choices"]) == (kind == "choices")
    assert (asked["number"] is None) == (kind == "choices")
    assert [one["value"] for one in asked["settles"]] == list(levels(item))
    assert {one["segment"] for one in asked["settles"]} <= {"light", "moderate", "heavy"}


def test_an_answer_makes_a_new_assessment_that_names_the_one_it_follows(interview: Asker) -> None:
    first = interview.answer(posted())
    second = told(interview, first["id"], ("pain", 2))
    assert (first["follows"], first["answers"]) == (None, [])
    assert second["follows"] == first["id"] != second["id"]
    assert second["answers"] == [{"question": "pain", "value": 2.0}]
    assert "what the patient answered" in second["says"]["en"]
    assert second["history"] == first["history"]
    assert second["as_of"] == first["as_of"]
    for answer in (first, second):
        again = interview.get(f"/v1/assessments/{answer['id']}").json()
        assert again == answer | {"made_at": "2026-11-22T08:00:00Z", "decisions": []}


def test_an_answer_weighs_as_if_it_had_been_recorded_right_before(interview: Asker, asking: Release) -> None:
    first = interview.answer(posted())
    recorded = posted()
    at = (instant(examples.AS_OF) - timedelta(microseconds=1)).isoformat()
    recorded["history"]["answers"] = [{"event_time": at, "question": "pain", "value": 2}]
    one, other = told(interview, first["id"], ("pain", 2)), interview.answer(recorded)
    for member in ("segment", "probabilities", "visits", "minutes", "first_appointment", "reasons", "status"):
        assert one[member] == other[member]


def test_answers_are_written_as_the_interview_writes_them(asking: Release) -> None:
    assert asking.interview is not None
    question, values = posted(), {"pain": 2.0, "missing_teeth_self": 3.0, "fear": None}
    patient, history = (PostedPatient.model_validate(question["patient"]),
                        PostedHistory.model_validate(question["history"]))  # fmt: skip
    as_of = instant(examples.AS_OF)
    person = check_person(Person.from_rows({"patients": [patient.row()], **history.rows()}), as_of).person

    def row(some: Person) -> Any:
        return evaluate(DENTAL, some.history, Moments.of(["posted"], [as_of])).values[0]

    written = asking.interview.measured.answered(row(person), values)
    assert row(with_answers(person, values, as_of)).tobytes() == written.tobytes()


def test_a_model_by_site_is_asked_with_the_site_of_the_patient(asking: Release) -> None:
    assert asking.interview is not None
    visits = [event("visits", "2020-01-01", unit="North"), event("visits", "2021-01-01", unit="South")]
    person, as_of = Person.of(history(patient(), visits=visits)), instant(examples.AS_OF)
    sites = []

    class Listening:
        items = ()

        def next(self, row: Any, answers: Any, site: str | None) -> Stop:
            sites.append(site)
            return Stop("settled")

    for by_site in (True, False):
        interviewer = replace(asking.interview, measured=Listening(), by_site=by_site)
        Conversation(interviewer, person, as_of, {}).next(3)
    assert sites == ["South", None]


def test_an_interview_asks_each_question_once_and_ends(interview: Asker) -> None:
    answer, asked = interview.answer(posted()), []
    while answer["next_question"] is not None:
        asked.append(answer["next_question"]["name"])
        answer = told(
            interview, answer["id"], (asked[-1], None if len(asked) % 3 else first_answer(answer["next_question"]))
        )
    assert len(asked) == len(set(asked)) > 5
    assert answer["nothing_to_ask"]["reason"] == "nothing_left"
    assert [one["question"] for one in answer["answers"]] == asked


def test_what_the_record_or_the_caller_answered_is_not_asked(interview: Asker) -> None:
    question = posted()
    first = interview.answer(question)["next_question"]["name"]
    question["history"]["answers"] = [{"event_time": "2026-11-01", "question": first, "value": 1}]
    assert interview.answer(question)["next_question"]["name"] != first


def test_an_answer_on_record_holds_for_a_time_only(interview: Asker) -> None:
    question = posted()
    for day, asked in (("2026-05-24", False), ("2026-05-20", True)):
        question["history"]["answers"] = [{"event_time": day, "question": "pain", "value": 1}]
        assert (interview.answer(question)["next_question"]["name"] == "pain") == asked


def test_an_answer_that_no_question_allows_any_more_does_not_count(interview: Asker) -> None:
    question = posted()
    question["history"]["answers"] = [{"event_time": "2026-11-01", "question": name, "value": 9}
                                      for name in ("pain", "colour")]  # fmt: skip
    assert interview.answer(question)["next_question"]["name"] == "pain"


def test_an_interview_goes_on_with_a_model_that_asks_otherwise(
    interview: Asker, release_folder: Path, house: House, tmp_path: Path
) -> None:
    other = asker(Release.read(planned(release_folder, tmp_path / "release", ("fear",))), house)
    first = told(interview, interview.answer(posted())["id"], ("pain", 2))
    second = told(other, first["id"], ("fear", 1))
    assert [one["question"] for one in second["answers"]] == ["pain", "fear"]
    assert second["nothing_to_ask"]["reason"] == "nothing_left"


def test_what_somebody_would_not_say_is_not_asked_again_and_changes_nothing(interview: Asker) -> None:
    first = interview.answer(posted())
    second = told(interview, first["id"], (first["next_question"]["name"], None))
    assert second["next_question"]["name"] != first["next_question"]["name"]
    assert second["probabilities"] == first["probabilities"]
    assert second["answers"] == [{"question": first["next_question"]["name"], "value": None}]


def test_an_answer_can_be_corrected_and_both_stay(interview: Asker) -> None:
    first = interview.answer(posted())
    wrong = told(interview, first["id"], ("pain", 0), ("fear", 1))
    right = told(interview, wrong["id"], ("pain", 2))
    assert right["answers"] == [{"question": "pain", "value": 2.0}, {"question": "fear", "value": 1.0}]
    assert interview.get(f"/v1/assessments/{wrong['id']}").json()["answers"][0]["value"] == 0.0
    assert right["probabilities"] == told(interview, first["id"], ("fear", 1), ("pain", 2))["probabilities"]


def test_answers_are_records_of_the_time_when_they_were_given(interview: Asker, house: House) -> None:
    first = interview.answer({"patient_id": KNOWN, "as_of": "2026-11-20", "unit": "Keskusta"})
    second = told(interview, first["id"], ("pain", 1), ("smoking", None))
    history = house.ledger.database.read_patient(KNOWN)
    assert history is not None
    [event] = [row for row in history["answers"].to_pylist() if row["event_id"].startswith(second["id"])]
    assert (event["question"], event["value"], event["source"]) == ("pain", 1.0, "tarve/demo")
    assert event["event_time"] == event["recorded_at"] == NOW
    assessments = {row["event_id"]: row for row in history["assessments"].to_pylist()}
    assert assessments[second["id"]]["unit"] == "Keskusta"
    assert assessments[second["id"]]["event_time"] == assessments[first["id"]]["event_time"]


def test_answers_are_audited_and_the_update_can_be_made_again(
    asking: Release, release_folder: Path, own_house: House, tmp_path: Path
) -> None:
    folder = planned(release_folder, tmp_path / "release")
    api = asker(Release.read(folder), own_house)
    first = api.answer(posted())
    second = told(api, first["id"], ("pain", 2), ("smoking", None))
    with own_house.ledger.database.snapshot() as connection:
        line = orjson.loads(connection.scalars(select(AUDIT.c.line).order_by(AUDIT.c.number.desc())).first() or "")
    assert line["subtype"][0]["code"] == "answer"
    details = {one["type"]: one["valueString"] for one in line["entity"][-1]["detail"]}
    assert (details["follows"], details["answers"]) == (first["id"], "pain=2 smoking=?")
    assert verify(own_house.settings).is_whole
    for answer in (first, second):
        review = reproduce(own_house.settings, answer["id"], NOW, folder)
        assert review.is_whole, review.sentences


def test_without_a_history_the_interview_goes_on_until_a_need_can_be_estimated(interview: Asker) -> None:
    answer, asked = interview.answer(no_history()), 0
    while answer["status"] != "assessed":
        assert answer["status"] == "no_history"
        assert answer["segment"] is None
        asked += 1
        question = answer["next_question"]
        answer = told(interview, answer["id"], (question["name"], first_answer(question)))
    assert asked == 6
    assert answer["segment"] is not None
    assert answer["history"] == {"events_seen": 0, "latest_event": None, "age_days": None}


def test_an_interview_on_record_counts_as_one_just_held(interview: Asker) -> None:
    question = no_history()
    five = ("pain", "bleeding", "self_rated", "smoking", "diabetes")
    rows = [{"event_time": "2026-11-22T09:58+02:00", "question": name, "value": 1} for name in five]
    question["history"] = {"answers": rows}
    answer = interview.answer(question)
    assert answer["status"] == "too_little_history"
    assert told(interview, answer["id"], ("fear", 2))["status"] == "assessed"


def test_answers_do_not_make_an_old_history_young(interview: Asker) -> None:
    old = interview.answer(posted() | {"as_of": "2033-01-01"})
    assert old["status"] == "too_little_history"
    answer = told(interview, old["id"], ("pain", 2))
    assert (answer["status"], answer["history"]) == ("too_little_history", old["history"])


def test_without_an_interview_nothing_is_asked(api: Asker, release: Release) -> None:
    assert release.interview is None
    answer = api.answer(posted())
    assert (answer["next_question"], answer["nothing_to_ask"]["reason"]) == (None, "no_interview")
    given = api.post(f"/v1/assessments/{answer['id']}/answers", {"answers": [{"question": "pain", "value": 1}]})
    assert given.status_code == 422
    assert given.json()["errors"] == [{"where": "answers[0].question", "what": "the model in use asks no questions"}]


def test_when_nothing_is_worth_asking_the_answer_says_so(release_folder: Path, house: House, tmp_path: Path) -> None:
    never = Limits(unsettled=1.0, least_effect=1e9, large_effect=1e9)
    release = Release.read(planned(release_folder, tmp_path / "release", limits=never))
    answer = asker(release, house).answer(posted())
    assert answer["next_question"] is None
    assert answer["nothing_to_ask"]["reason"] == "settled"
    assert set(answer["nothing_to_ask"]["text"]) == {"fi", "sv", "en"}


def test_a_set_of_one_segment_leaves_nothing_to_ask(
    asking: Release, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving import answers

    def sure(*said: Any, **more: Any) -> Any:
        found = assess(*said, **more)
        return replace(found, prediction_set=(found.segment,))

    assess = answers.assess_person
    monkeypatch.setattr(answers, "assess_person", sure)
    answer = asker(asking, house).answer(posted())
    assert (answer["next_question"], answer["nothing_to_ask"]["reason"]) == (None, "one_segment")


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        ({"answers": [{"question": "pain", "value": 1}, {"question": "Zq7Sentinel", "value": 1}]},
         "answers[1].question", "must be one of pain, bleeding,"),
        ({"answers": [{"question": "pain", "value": 7}]}, "answers[0].value", "must be one of 0, 1, 2"),
        ({"answers": [{"question": "missing_teeth_self", "value": 0.5}]}, "answers[0].value",
         "0 to 32 in steps of 1"),
        ({"answers": [{"question": "pain", "value": 1}, {"question": "pain", "value": 2}]}, "answers[1].question",
         "twice"),
        ({"answers": [{"question": "pain"}]}, "answers[0].value", "is missing"),
        ({"answers": [{"question": "pain", "value": "1"}]}, "answers[0].value", "must be a number"),
        ({"answers": [{"question": 1, "value": 1}]}, "answers[0].question", "must be text"),
        ({"answers": []}, "answers", "is empty"),
        ({"answers": [{"question": "pain", "value": 1}] * 101}, "answers", "holds too many"),
        ({"answers": {"pain": 1}}, "answers", "must be a list"),
        ({}, "answers", "is missing"),
        ([], "body", "must be a JSON object"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_refused(interview: Asker, body: Any, where: str, what: str) -> None:
    name = interview.answer(posted())["id"]
    given = interview.post(f"/v1/assessments/{name}/answers", body)
    assert given.status_code == 422
    [fault] = given.json()["errors"]
    assert fault["where"] == where
    assert what in fault["what"]
    assert "Zq7Sentinel" not in given.text


def test_only_who_sees_an_assessment_may_answer(interview: Asker, house: House) -> None:
    name = interview.answer(posted())["id"]
    body = {"answers": [{"question": "pain", "value": 1}]}
    clinician = interview.of(bearer(house, "clinician", patient="77"))
    assert clinician.post(f"/v1/assessments/{name}/answers", body).status_code == 404
    assert interview.post(f"/v1/assessments/{examples.ID}/answers", body).status_code == 404


def test_an_assessment_whose_inputs_are_gone_cannot_be_updated(
    asking: Release, own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = asker(asking, own_house)
    name = api.answer(posted())["id"]
    body = {"answers": [{"question": "pain", "value": 1}]}
    monkeypatch.setattr(own_house.ledger.vault, "content", lambda _: None)
    given = api.post(f"/v1/assessments/{name}/answers", body)
    assert (given.status_code, given.json()["errors"][0]["where"]) == (404, "assessment_id")

    def away(_: str) -> bytes:
        raise DatabaseError("away")

    monkeypatch.setattr(own_house.ledger.vault, "content", away)
    assert api.post(f"/v1/assessments/{name}/answers", body).status_code == 503


def test_a_plan_that_does_not_fit_is_refused(release_folder: Path, tmp_path: Path) -> None:
    folder = planned(release_folder, tmp_path / "release")
    (folder / FILE).write_text((folder / FILE).read_text().replace(DENTAL.version, "another"))
    with pytest.raises(ReleaseError, match="the plan reads features another"):
        Release.read(folder)


def test_the_document_shows_an_updated_assessment(interview: Asker) -> None:
    document = interview.get("/openapi.json").json()
    operation = document["paths"]["/v1/assessments/{assessment_id}/answers"]["post"]
    shown = operation["responses"]["200"]["content"]["application/json"]["examples"]["updated"]["value"]
    first = interview.answer(posted())["id"]
    ids = {"id": examples.UPDATED_ID, "follows": examples.ID}
    assert told(interview, first, *examples.TOLD.items()) | ids == shown
    for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
        assert interview.post(f"/v1/assessments/{first}/answers", example["value"]).status_code == 200
    assert "#answer" in interview.get("/docs").text
