"""Which question is asked next, and when an interview stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import Catalogue
from features.evaluate import Moments, evaluate
from features.families import last, since
from models.interview import (
    AnswerColumns,
    AnswerError,
    Interview,
    InterviewError,
    Limits,
    Plan,
    Question,
    Stop,
    of_rows,
)
from records.clock import instant
from tests.models.interview.made import ITEMS, NAMES, TABLE, catalogue, interview, label, model, row
from tests.rows import event, history

STRONG = {"pain": 4.0, "broken": 4.0, "smoking": 4.0, "missing": 0.5}


def asked(found: Question | Stop) -> str:
    assert isinstance(found, Question), found
    return found.name


def reason(found: Question | Stop) -> str:
    assert isinstance(found, Stop), found
    return found.reason


def test_questions_come_in_the_order_of_the_plan() -> None:
    assert asked(interview(weights=STRONG).next(row(), {})) == "pain"
    assert asked(interview(weights=STRONG, order=("broken", "pain", "smoking", "missing")).next(row(), {})) == "broken"
    assert asked(interview(weights=STRONG).next(row(), {"pain": 0.0})) == "broken"


def test_a_question_that_hardly_moves_the_estimate_is_passed_over() -> None:
    assert asked(interview(weights={"pain": 0.01, "broken": 4.0}).next(row(), {})) == "broken"


def test_an_answer_on_record_is_not_asked_for_again() -> None:
    assert asked(interview(weights=STRONG).next(row(answer_pain_m6=0.0), {})) == "broken"


def test_an_answer_on_record_that_no_longer_holds_is_asked_for_again() -> None:
    assert asked(interview("ever", weights=STRONG).next(row("ever", answer_pain=0.0), {})) == "pain"
    assert asked(interview("m12", weights=STRONG).next(row("m12", answer_pain_m12=0.0), {})) == "pain"


def test_a_question_that_another_feature_answers_is_not_asked() -> None:
    only = {"smoking": 4.0}
    assert asked(interview(weights=only).next(row(), {})) == "smoking"
    assert reason(interview(weights=only).next(row(tobacco=2), {})) == "settled"


def test_a_question_for_adults_is_not_asked_of_children() -> None:
    only = {"smoking": 4.0}
    assert reason(interview(weights=only).next(row(age=14), {})) == "settled"
    assert asked(interview(weights=only).next(row(age=15), {})) == "smoking"
    assert asked(interview(weights=only).next(row(age=np.nan), {})) == "smoking"


def test_it_stops_when_no_answer_left_would_change_what_is_booked() -> None:
    assert reason(interview(base=-9.0, weights=STRONG).next(row(), {})) == "settled"
    assert reason(interview(weights={"pain": 4.0}).next(row(), {"pain": 1.0})) == "settled"


def test_it_goes_on_when_only_two_answers_together_would_change_what_is_booked() -> None:
    both = {"pain": 2.0, "broken": 2.0}
    found = interview(base=-1.5, weights=both).next(row(), {})
    assert isinstance(found, Question)
    assert set(found.settles.values()) == {"light"}
    assert "together" not in found.why.en
    assert (
        found.why.en == "why en The answer sharpens the assessment and can, with other answers, change what is booked."
    )


def test_once_the_booking_is_settled_only_an_answer_of_large_effect_is_asked_for() -> None:
    far = {"pain": 1.0}
    assert reason(interview(base=-9.0, weights=far).next(row(), {})) == "settled"
    assert asked(interview(base=-9.0, weights=far, limits=Limits(large_effect=0.9)).next(row(), {})) == "pain"
    assert reason(interview(base=-9.0, weights=far, limits=Limits(large_effect=1.1)).next(row(), {})) == "settled"


def test_it_stops_when_the_prediction_set_is_one_segment() -> None:
    def sure_of_heavy(at_least: np.ndarray, sites: Sequence[str] | None) -> np.ndarray:
        del sites
        return np.column_stack([at_least[:, 0] < 0.5, np.zeros(len(at_least), bool), at_least[:, 0] >= 0.5])

    def never_sure(at_least: np.ndarray, sites: Sequence[str] | None) -> np.ndarray:
        del sites
        return np.ones((len(at_least), 3), bool)

    assert reason(interview(weights=STRONG, sets=sure_of_heavy).next(row(), {})) == "one_segment"
    assert asked(interview(weights=STRONG, sets=never_sure).next(row(), {})) == "pain"


def test_probabilities_and_sets_are_those_of_the_patients_site() -> None:
    seen = []

    def by_site(patient: np.ndarray, columns: np.ndarray, values: np.ndarray, site: str | None) -> np.ndarray:
        at_least = of_rows(model("m6", -9.0 if site == "quiet" else 0.0, **STRONG))(patient, columns, values, site)
        return np.asarray(at_least)

    def sets(at_least: np.ndarray, sites: Sequence[str] | None) -> np.ndarray:
        seen.append(sites)
        return np.ones((len(at_least), 3), bool)

    held = interview(at_least=by_site, sets=sets)
    assert asked(held.next(row(), {})) == "pain"
    assert reason(held.next(row(), {}, "quiet")) == "settled"
    assert seen == [None, ["quiet"]]


def test_it_stops_when_nothing_is_left_to_ask() -> None:
    everything: dict[str, float | None] = {"pain": 1.0, "broken": None, "smoking": 0.0, "missing": 2.5}
    assert reason(interview(weights=STRONG).next(row(), everything)) == "nothing_left"


def test_who_would_not_say_is_not_asked_again() -> None:
    assert asked(interview(weights=STRONG).next(row(), {"pain": None})) == "broken"


def test_every_reason_to_stop_has_words() -> None:
    for name in ("one_segment", "settled", "nothing_left"):
        assert all(Stop(name).text[language] for language in ("fi", "sv", "en"))


def test_a_question_says_what_its_answer_decides() -> None:
    found = interview(weights={"pain": 8.0}).next(row(), {})
    assert isinstance(found, Question)
    assert found.settles == {0.0: "light", 1.0: "heavy"}
    assert found.text == label("pain")
    assert [choice.value for choice in found.choices] == [0, 1]
    assert found.number is None
    assert found.why.fi == "why fi Vastaus ratkaisee, mitä varataan: short fi (20 min) tai long fi (60 min)."
    assert found.why.sv == "why sv Svaret avgör vad som bokas: short sv (20 min) eller long sv (60 min)."
    assert found.why.en == "why en The answer decides what is booked: short en (20 min) or long en (60 min)."


def test_three_appointments_are_named_as_a_list() -> None:
    found = interview(base=-2.0, weights={"missing": 1.4}).next(row(), {"pain": 0.0, "broken": 0.0, "smoking": 0.0})
    assert isinstance(found, Question)
    assert found.number is not None
    assert found.settles == {0.0: "light", 2.0: "moderate", 8.0: "heavy"}
    assert "short en (20 min), medium en (45 min) or long en (60 min)." in found.why.en


def test_the_same_patient_is_asked_the_same_every_time() -> None:
    one, other = interview(weights=STRONG), interview(weights=STRONG)
    other.next(row(tobacco=3), {"pain": 1.0})
    assert one.next(row(), {}) == other.next(row(), {}) == one.next(row(), {})


def test_the_row_that_is_given_stays_as_it_is() -> None:
    patient = row()
    interview(weights=STRONG).next(patient, {"pain": 1.0})
    assert np.array_equal(patient, row(), equal_nan=True)


ANSWERS = {
    "pain": st.sampled_from([0.0, 1.0]),
    "broken": st.sampled_from([0.0, 1.0]),
    "smoking": st.sampled_from([0.0, 1.0]),
    "missing": st.integers(0, 64).map(lambda half: half / 2),
}


@given(
    given=st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in ANSWERS.items()}),
    recorded=st.fixed_dictionaries({}, optional=dict(ANSWERS)),
    base=st.floats(-4, 4),
    weights=st.fixed_dictionaries({name: st.floats(0, 4) for name in NAMES}),
)
def test_an_interview_ends_and_asks_nothing_twice_or_that_the_record_answers(
    given: dict[str, float | None], recorded: dict[str, float], base: float, weights: dict[str, float]
) -> None:
    held = interview(base=base, weights=weights, limits=Limits(large_effect=0.3))
    patient = row(**{f"answer_{name}_m6": value for name, value in recorded.items()})
    answers = dict(given)
    for _ in range(len(NAMES) + 1):
        found = held.next(patient, answers)
        if isinstance(found, Stop):
            break
        assert found.name not in answers
        assert found.name not in recorded
        answers[found.name] = None
    assert isinstance(found, Stop)


WHEN = st.integers(0, 400)


@settings(max_examples=settings().max_examples // 3)
@given(
    before=st.lists(st.tuples(st.sampled_from(NAMES), WHEN, st.floats(0, 9)), max_size=6),
    given=st.fixed_dictionaries({}, optional=dict(ANSWERS)),
    window=st.sampled_from(["m6", "m12", "ever"]),
)
def test_writing_an_answer_gives_the_bits_of_a_history_that_holds_it(
    before: list[tuple[str, int, float]], given: dict[str, float], window: str
) -> None:
    as_of, known = instant("2024-06-01T12:00"), catalogue(window)

    def answer(before: timedelta, name: str, value: float, event_id: str) -> dict[str, object]:
        when = (as_of - before).isoformat()
        return event("answers", when, question=name, value=value, event_id=event_id)

    past = [answer(timedelta(days=days, hours=1), name, value, f"{n}") for n, (name, days, value) in enumerate(before)]
    now = [answer(timedelta(microseconds=1), name, value, f"z{name}") for name, value in given.items()]
    without, with_them = (
        evaluate(known, history(answers=rows), Moments.of(["a"], [as_of])).values[0] for rows in (past, past + now)
    )
    written = interview(window).answered(without, given)
    assert written.tobytes() == with_them.tobytes()


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"colour": 1.0}, "there is no question 'colour'"),
        ({"pain": 2.0}, "the answer to 'pain' must be one of 0, 1"),
        ({"pain": float("nan")}, "the answer to 'pain' must be one of 0, 1"),
        ({"missing": 33.0}, "the answer to 'missing' must be 0 to 32 in steps of 0.5"),
        ({"missing": 1.3}, "the answer to 'missing' must be 0 to 32 in steps of 0.5"),
        ({"missing": float("nan")}, "the answer to 'missing' must be 0 to 32 in steps of 0.5"),
    ],
)
def test_an_answer_that_is_not_allowed_is_refused(answers: dict[str, float | None], sentence: str) -> None:
    with pytest.raises(AnswerError, match=f"^{sentence}$"):
        interview().next(row(), answers)


def test_a_plan_that_was_saved_asks_the_same(tmp_path: Path) -> None:
    held = interview(weights=STRONG)
    held.plan.save(tmp_path)
    again = Interview(Plan.load(tmp_path), items=ITEMS, catalogue=catalogue(), at_least=held.at_least, table=TABLE)
    assert again.plan == held.plan
    assert again.next(row(), {"pain": 0.0}) == held.next(row(), {"pain": 0.0})


UNREADABLE = ["", "[]", '{"catalogue": "x"}', '{"catalogue": "x", "order": 3, "likely": {}, "limits": {}}']


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_plan_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InterviewError, match="holds no plan of an interview"):
        Plan.load(tmp_path)
    (tmp_path / "interview.json").write_text(text, encoding="utf-8")
    with pytest.raises(InterviewError, match="holds no plan of an interview"):
        Plan.load(tmp_path)


def test_parts_that_do_not_fit_each_other_are_refused() -> None:
    held, parts = interview(), {"catalogue": catalogue(), "at_least": of_rows(model()), "table": TABLE}
    with pytest.raises(InterviewError, match="the plan reads features other, the catalogue is"):
        Interview(replace(held.plan, catalogue="other"), items=ITEMS, **parts)
    with pytest.raises(InterviewError, match="the plan asks 'pain', which is no question of the table"):
        Interview(held.plan, items=ITEMS[1:], **parts)
    odd = (*ITEMS[:3], replace(ITEMS[3], recorded={"teeth": (0, 32)}))
    with pytest.raises(InterviewError, match="answered by 'teeth', which is no feature"):
        Interview(held.plan, items=odd, **parts)


def test_a_catalogue_must_have_a_place_for_every_answer() -> None:
    with pytest.raises(InterviewError, match="no column for answers to 'colour'"):
        AnswerColumns.of(catalogue(), ["pain", "colour"])


def test_a_feature_of_answers_that_a_fresh_one_cannot_be_written_into_is_refused() -> None:
    mixed = last("answers.value", "any", label("any"), "self", where={"question": ("pain", "broken")})
    with pytest.raises(InterviewError, match="cannot be written into the feature any"):
        AnswerColumns.of(Catalogue(mixed), ["pain", "broken"])


def test_a_time_since_some_answers_is_reset_by_those_alone() -> None:

    known = Catalogue(
        last("answers.value", "answer", label("a"), "self", by="question", levels={n: label(n) for n in NAMES}),
        since("answers", "since_pain", label("s"), "self", where={"question": "pain"}),
        since("answers", "since", label("s"), "self", by="question", levels={"broken": label("b")}),
    )
    columns = AnswerColumns.of(known, NAMES)
    written = columns.written(np.full((1, len(known)), 9.0), np.array([[np.nan, 1.0, np.nan, np.nan]]))[0]
    found = dict(zip(known.names, written.tolist(), strict=True))
    assert (found["answer_broken"], found["since_broken"]) == (1, 0)
    assert {found[name] for name in known.names if "broken" not in name} == {9.0}
