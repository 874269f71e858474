"""The words of the pages: there in all languages, with the same gaps, and sentences that read well."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path

import pytest

from features.families import LANGUAGES, Language
from serving.access import DEMO_ROLES
from serving.cds.discovery import WANTED
from serving.pages.timeline import LANES
from serving.pages.words import FAULTS, PAGE, ROLES, ago, listed
from serving.pages.words import LANES as LANE_WORDS
from serving.words import RECORDS, Texts

TEMPLATES = Path("serving/templates")
ALL: Mapping[str, Texts] = {"PAGE": PAGE, "FAULTS": FAULTS, "ROLES": ROLES, "RECORDS": RECORDS, "LANES": LANE_WORDS}


@pytest.mark.parametrize("name", ALL)
def test_every_text_is_there_in_all_languages_with_the_same_gaps(name: str) -> None:
    for key, label in ALL[name].items():
        texts = [label[language] for language in LANGUAGES]
        gaps = {frozenset(gap for _, gap, *_ in string.Formatter().parse(text) if gap) for text in texts}
        assert len(gaps) == 1, key
        for text in texts:
            assert text == text.strip() != "", key
            assert "  " not in text


def test_every_text_is_used_and_every_one_that_is_used_is_there() -> None:
    said = "".join(file.read_text(encoding="utf-8") for file in TEMPLATES.glob("*.html"))
    used = set(re.findall(r"\bt\.(\w+)", said)) | {"decided_accepted", "decided_overridden"}
    code = "".join(
        file.read_text(encoding="utf-8") for file in Path("serving/pages").glob("*.py") if file.name != "words.py"
    )
    for name in PAGE.keys() - used:
        assert f'"{name}"' in code, f"{name} is said nowhere"
    assert used <= PAGE.keys()


def test_all_names_that_need_words_have_them() -> None:
    assert set(ROLES) == set(DEMO_ROLES)
    assert set(LANE_WORDS) == set(LANES)
    assert set(WANTED) <= set(RECORDS)


@pytest.mark.parametrize(
    ("days", "fi", "sv", "en"),
    [(365, "12 kuukauden takaa", "12 månader gammal", "12 months old"),
     (729, "23 kuukauden takaa", "23 månader gammal", "23 months old"),
     (1100, "3 vuoden takaa", "3 år gammal", "3 years old")],
)  # fmt: skip
def test_an_age_is_said_in_whole_months_or_years(days: int, fi: str, sv: str, en: str) -> None:
    assert (ago(days, "fi"), ago(days, "sv"), ago(days, "en")) == (fi, sv, en)


@pytest.mark.parametrize(("names", "said"), [(["a"], "a"), (["a", "b"], "a ja b"), (["a", "b", "c"], "a, b ja c")])
def test_names_are_listed_as_a_sentence_lists_them(names: list[str], said: str) -> None:
    language: Language = "fi"
    assert listed(names, language) == said
