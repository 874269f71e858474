"""The wire: an answer is written as its types declare it, and read again as it was written."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from datetime import UTC
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from records.clock import instant
from records.person import Person
from serving import examples
from serving.answers import answer
from serving.house import House
from serving.release import Release
from serving.wire import (
    Amount,
    Answer,
    AnswerNumber,
    Appointment,
    DecisionOut,
    FollowUpOut,
    GivenAnswer,
    HistoryOut,
    IntervalOut,
    ModelOut,
    NextQuestion,
    NothingToAsk,
    Notice,
    PathwayOut,
    PostedHistory,
    PostedPatient,
    ReasonOut,
    SegmentOut,
    SetAside,
    Settled,
    Span,
    WayOut,
    Words,
    as_json,
    read_answer,
)
from serving.wire.interview import AnswerChoice
from tests.serving.asker import asker, posted
from tests.serving.interviews import planned

TEXT, FLAG, MOMENT = st.text(max_size=12), st.booleans(), st.datetimes(timezones=st.just(UTC))
NUMBER, COUNT = st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53)
WORDS = st.builds(Words, TEXT, TEXT, TEXT)


def some(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(one, max_size=3).map(tuple)


SHARES = st.dictionaries(TEXT, NUMBER, max_size=3)
AMOUNTS = st.builds(Amount, NUMBER, SHARES, st.none() | st.builds(Span, *[NUMBER] * 3))
QUESTIONS = st.builds(
    NextQuestion,
    name=TEXT,
    text=WORDS,
    why=WORDS,
    choices=some(st.builds(AnswerChoice, NUMBER, WORDS)),
    number=st.none() | st.builds(AnswerNumber, NUMBER, NUMBER, NUMBER, WORDS),
    settles=some(st.builds(Settled, NUMBER, TEXT)),
)
ANSWERS = st.builds(
    Answer,
    id=TEXT,
    status=st.sampled_from(["assessed", "no_history", "too_little_history"]),
    as_of=MOMENT,
    segment=st.none() | st.builds(SegmentOut, TEXT, WORDS),
    probabilities=st.none() | SHARES,
    prediction_set=st.none() | some(TEXT),
    visits=st.none() | AMOUNTS,
    minutes=st.none() | AMOUNTS,
    first_appointment=st.builds(Appointment, TEXT, TEXT, COUNT, WORDS),
    follow_ups=st.none() | some(st.builds(FollowUpOut, TEXT, COUNT, COUNT, NUMBER)),
    special_needs=FLAG,
    pathway=st.builds(PathwayOut, TEXT, WORDS, some(st.builds(WayOut, TEXT, WORDS)), TEXT),
    examination_interval=st.none() | st.builds(IntervalOut, st.tuples(COUNT, COUNT), WORDS, TEXT),
    reasons=some(st.builds(ReasonOut, TEXT, st.sampled_from(["raises", "lowers"]), NUMBER, FLAG, TEXT, WORDS)),
    next_question=st.none() | QUESTIONS,
    nothing_to_ask=st.none() | st.builds(NothingToAsk, st.sampled_from(["one_segment", "settled"]), WORDS),
    answers=some(st.builds(GivenAnswer, TEXT, st.none() | NUMBER)),
    follows=st.none() | TEXT,
    history=st.builds(HistoryOut, COUNT, st.none() | MOMENT, st.none() | COUNT),
    set_aside=some(st.builds(SetAside, TEXT, TEXT, COUNT)),
    notices=some(st.builds(Notice, TEXT, TEXT, COUNT)),
    model=st.builds(ModelOut, *[TEXT] * 5),
    says=WORDS,
)
DECISIONS = st.builds(
    DecisionOut,
    id=TEXT,
    decided_at=MOMENT,
    outcome=st.sampled_from(["accepted", "overridden"]),
    suggested=st.none() | TEXT,
    decided=TEXT,
    reason_code=st.none() | TEXT,
    holds=FLAG,
)


@given(ANSWERS)
def test_an_answer_is_written_as_the_documented_types_write_it(said: Answer) -> None:
    assert as_json(said) == TypeAdapter(Answer).dump_json(said)


@given(DECISIONS)
def test_a_decision_is_written_as_the_documented_type_writes_it(decision: DecisionOut) -> None:
    assert as_json(decision) == TypeAdapter(DecisionOut).dump_json(decision)


@given(ANSWERS)
def test_an_answer_is_read_as_it_was_written(said: Answer) -> None:
    assert read_answer(as_json(said)) == said


@given(ANSWERS)
def test_an_answer_of_before_there_were_interviews_is_read(said: Answer) -> None:
    later = {member.name: member.default for member in fields(Answer) if member.default is not MISSING}
    assert set(later) == {"next_question", "nothing_to_ask", "answers", "follows"}
    kept = {name: value for name, value in orjson.loads(as_json(said)).items() if name not in later}
    for amount in (kept["visits"], kept["minutes"]):
        if amount is not None:
            del amount["interval"]
    bare = [amount and replace(amount, interval=None) for amount in (said.visits, said.minutes)]
    assert read_answer(orjson.dumps(kept)) == replace(said, visits=bare[0], minutes=bare[1], **later)


@pytest.mark.parametrize("name", ["pain", "missing_teeth_self"])
def test_the_service_writes_every_member_in_its_declared_type(
    release_folder: Path, house: House, tmp_path: Path, name: str
) -> None:
    """Reading makes a whole number a decimal where one is declared, so that it would be written otherwise."""
    api = asker(Release.read(planned(release_folder, tmp_path / "release", (name,))), house)
    odd = posted()
    odd["history"]["findings"] += [{"event_time": "2026-10-06", "kind": "cpi", "value": 99}]
    odd["history"]["procedures"] += [{"event_time": "2026-10-06", "code": "ZZZ99"}]
    told = {"answers": [{"question": name, "value": 1}]}
    written = [api.ask(question).content for question in (posted(), odd, examples.EMPTY, {"patient_id": "P000123"})]
    written += [api.post(f"/v1/assessments/{read_answer(one).id}/answers", told).content for one in written]
    for one in written:
        assert as_json(read_answer(one)) == one
    assert {read_answer(one).status for one in written} == {"assessed", "no_history"}


def test_what_the_tables_say_is_worded_once_and_stands_in_every_answer(release: Release) -> None:
    patient, history = (PostedPatient.model_validate(posted()["patient"]),
                        PostedHistory.model_validate(posted()["history"]))  # fmt: skip
    person = Person.from_rows({"patients": [patient.row()], **history.rows()})
    one, other = (answer(release, person, instant(examples.AS_OF), name).answer for name in ("1", "2"))
    assert one == replace(other, id="1")
    for member in ("segment", "first_appointment", "examination_interval", "model", "says"):
        assert getattr(one, member) is getattr(other, member)
    assert all(mine is yours for mine, yours in zip(one.pathway.ways, other.pathway.ways, strict=True))
