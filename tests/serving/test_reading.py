"""What is read at once means what the documented types say it means, and whatever they refuse is left to them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from records.person import Person
from records.schema import EVENTS, INSTANT
from serving import examples
from serving.reading import Posted, posted, read
from serving.wire import READ, Question

TIMES = [
    "2025-03-04T10:00:00+02:00", "2025-03-04T10:00Z", "2025-03-04 10:00:00.5+02", "2025-03-04T10:00:00.1234567Z",
    "2025-03-04T10:00", "2025-10-26T03:30", "2025-03-30T03:30:00", "2025-03-04", "0001-01-01T00:00+02:00",
    "0000-01-01T00:00Z", "9999-12-31T23:59-02:00", "1899-12-31T00:00", "2150-07-01T00:00", "2025-03-04T24:00Z",
    "2025-02-30T10:00Z", "20250304T1000Z", "2025-03-04t10:00z", "2025-03-04T10:00:00,5Z", "", "x",
]  # fmt: skip
ODD: list[Any] = [
    None,
    True,
    0,
    -0.0,
    1.0,
    1.5,
    30,
    -40_000,
    2**40,
    2**63,
    2**70,
    1e300,
    "",
    "dentist",
    "SFA20",
    "é",
    [],
    {},
]


def columns(table: str) -> dict[str, st.SearchStrategy[Any]]:
    """Values that the columns of a table may be posted with: mostly good ones."""
    found: dict[str, st.SearchStrategy[Any]] = {}
    for name, column in EVENTS[table].columns().items():
        if column.type == INSTANT:
            found[name] = st.sampled_from(TIMES[:3] * 4 + TIMES)
        elif column.one_of:
            found[name] = st.sampled_from([*column.one_of] * 3 + ["x"])
        else:
            found[name] = st.sampled_from(
                [30, 16, 4] if str(column.type) in {"int16", "int32", "double"} else ["a", "b"]
            )
    return found


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Questions that are right, nearly right and wrong."""
    history: dict[str, Any] = {}
    for table in draw(st.sets(st.sampled_from(READ), max_size=3)):
        rows = draw(
            st.lists(
                st.fixed_dictionaries({}, optional=columns(table)) | st.fixed_dictionaries(columns(table)), max_size=4
            )
        )
        history[table] = [row | {f"{table}-{at}": 1} if at == 3 else row for at, row in enumerate(rows)]
    person = {"birth_date": "1971-05-17"} | draw(
        st.fixed_dictionaries({}, optional={"sex": st.sampled_from(["female", "?"]), "special_needs": st.booleans(),
                                            "language": st.sampled_from(["fi", "FI", "fi\n"]),
                                            "reference": st.sampled_from(["abc", "", "å" * 257])}))  # fmt: skip
    question: dict[str, Any] = {"patient": person, "history": history}
    if draw(st.booleans()):
        question["as_of"] = draw(st.sampled_from(TIMES))
    if draw(st.booleans()):
        question["unit"] = draw(st.sampled_from(["North clinic", "-", "x" * 65, "ä1\n"]))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        _spoil(draw, question)
    return question


def _spoil(draw: st.DrawFn, question: dict[str, Any]) -> None:
    places = [question, question.get("patient"), question.get("history")]
    if isinstance(question.get("history"), dict):
        places += [row for rows in question["history"].values() if isinstance(rows, list) for row in rows]
    at = draw(st.sampled_from([place for place in places if isinstance(place, dict)]))
    at[draw(st.sampled_from([*at, "more"]))] = draw(st.sampled_from(ODD))


def by_documented_types(question: dict[str, Any]) -> Posted | None:
    try:
        found = posted(Question.model_validate(question))
    except ValidationError:
        return None
    return found if isinstance(found, Posted) else None


def told(found: Posted) -> Any:
    """All that was read, to compare."""
    person = {name: value for name, value in found.person.row.items() if value is not None}
    tables = {
        name: (
            rows.happened.tolist(),
            rows.recorded.tolist(),
            sorted((key, [*column]) for key, column in rows.values.items()),
        )
        for name, rows in found.person.events.items()
        if len(rows)
    }
    return repr((person, sorted(tables.items()), found.reference, found.as_of, found.unit, found.unread))


@settings(max_examples=600)
@given(bodies())
@example(examples.POSTED)
@example(examples.EMPTY)
def test_what_is_read_at_once_means_what_the_documented_types_say(question: dict[str, Any]) -> None:
    try:
        found = read(orjson.dumps(question))
    except orjson.JSONEncodeError:  # a number that this writer cannot write
        return
    documented = by_documented_types(question)
    assert found is None or (documented is not None and told(found) == told(documented))


@pytest.mark.parametrize("time", TIMES[:6] + TIMES[7:8])
def test_the_usual_forms_of_times_are_read_at_once(time: str) -> None:
    row = {"event_time": time, "code": "SFA20"}
    question = {"patient": {"birth_date": None}, "history": {"procedures": [row]}}
    found, documented = read(orjson.dumps(question)), by_documented_types(question)
    assert found is not None
    assert documented is not None
    assert told(found) == told(documented)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"patient_id": "a"}', b'{"patient": {"birth_date": null}}', b"\xef\xbb\xbf{}",
     b'{"patient": {"birth_date": null}, "history": {"visits": [{"event_time": "\\ud800"}]}}',
     b'{"patient": {"birth_date": null}, "history": {"findings": [{"value": NaN}]}}',
     b'{"patient": {"birth_date": null}, "history": {}, "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
     b'{"patient": {"birth_date": null}, "history": {"more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"],
)  # fmt: skip
def test_what_is_of_no_usual_form_is_left_to_the_documented_types(body: bytes) -> None:
    assert read(body) is None


def test_a_history_that_is_too_long_is_left_to_the_documented_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.reading.MOST_ROWS", 1)
    assert read(orjson.dumps(examples.POSTED)) is None


def test_the_example_of_the_document_is_read_at_once() -> None:
    found = read(orjson.dumps(examples.POSTED))
    assert found is not None
    assert found.size == sum(map(len, examples.POSTED["history"].values()))
    assert isinstance(found.person, Person)
