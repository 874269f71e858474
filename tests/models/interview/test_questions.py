"""The table of questions: what it must hold, and that the project's own can be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.families import LANGUAGES
from models.interview import Choice, Item, Number, QuestionTableError, read_items
from records.simulate.interview import QUESTIONS
from tests.models.interview.made import label

ENTRY = """
[[question]]
name = "pain"
holds = 183
text = { fi = "a", sv = "b", en = "c" }
why = { fi = "a", sv = "b", en = "c" }
choice = [{ value = 0, fi = "ei", sv = "nej", en = "no" }, { value = 1, fi = "kyllä", sv = "ja", en = "yes" }]
"""
UNANSWERABLE = ENTRY[: ENTRY.index("choice")]


def test_the_projects_own_questions_are_those_that_the_simulator_answers() -> None:
    items = read_items()
    assert {item.name for item in items} == set(QUESTIONS)
    for item in items:
        labels = [item.text, item.why, *(choice.label for choice in item.choices)]
        labels += [item.number.unit] if item.number else []
        assert all(text[language].strip() for text in labels for language in LANGUAGES)
        assert all(item.text[language].endswith("?") for language in LANGUAGES)


def test_answers_are_checked_against_what_is_allowed() -> None:
    number = Item("a", label("a"), label("a"), 1, number=Number(0, 1, 0.1, label("m")))
    for value in (0.0, 0.3, 0.7, 1.0):
        number.check(value)


def test_a_table_is_read_entry_by_entry(tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text(ENTRY, encoding="utf-8")
    (item,) = read_items(tmp_path / "q.toml")
    assert (item.name, item.holds, item.from_age, item.recorded) == ("pain", 183, 0, {})
    assert item.choices[1] == Choice(1.0, item.choices[1].label)
    assert item.choices[1].label.fi == "kyllä"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[question", r"q\.toml: "),
        (ENTRY.replace("holds = 183", ""), r"q\.toml: 'holds'"),
        (ENTRY.replace(', en = "c" }', " }"), r"q\.toml: 'en'"),
        (ENTRY * 2, r"q\.toml: question 'pain' stands there twice"),
        (ENTRY.replace("holds = 183", "holds = -1"), "an answer cannot hold for -1 days"),
        (UNANSWERABLE, "needs either choices or a number"),
        (ENTRY.replace("value = 1", "value = 0"), "needs choices of different values, two or more"),
        (UNANSWERABLE + 'number = { least = 3, most = 3, step = 1, unit = { fi = "", sv = "", en = "" } }',
         "allows no number"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_mean_anything_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "q.toml").write_text(text, encoding="utf-8")
    with pytest.raises(QuestionTableError, match=sentence):
        read_items(tmp_path / "q.toml")
