from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import calendar, texts
from alerts.texts import BASIC, EXTENDED, Length, TextError, language_of, names, render, sms_length


@pytest.mark.parametrize(
    ("spoken", "written"),
    [("fi", "fi"), ("sv", "sv"), ("en", "en"), ("SV", "sv"), ("fi-FI", "fi"), ("ar", "en"), ("", "en"), (None, "en")],
)
def test_finnish_and_swedish_are_written_to_their_speakers_and_english_to_all_others(spoken, written) -> None:
    assert language_of(spoken) == written


def test_a_template_names_its_variables() -> None:
    assert names("{a} and {b}, {a} again, {{not this}}") == {"a", "b"}


@pytest.mark.parametrize("template", ["{", "a } b", "{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>10}", "{a b}"])
def test_anything_but_a_plain_name_between_braces_is_refused(template: str) -> None:
    with pytest.raises(TextError):
        names(template)


def test_a_variable_without_a_value_is_named_and_no_value_is_quoted() -> None:
    with pytest.raises(TextError, match=r"^no value for days, until$"):
        render("{known} {until} {days}", {"known": "secret"})


def test_a_value_is_text_and_never_a_template() -> None:
    assert render("{a}", {"a": "{b} {{"}) == "{b} {{"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", Length("GSM-7", 0, 1)),
        ("ä" * 160, Length("GSM-7", 160, 1)),
        ("ä" * 161, Length("GSM-7", 161, 2)),
        ("ä" * 306, Length("GSM-7", 306, 2)),
        ("ä" * 307, Length("GSM-7", 307, 3)),
        ("€" * 80, Length("GSM-7", 160, 1)),
        ("€" * 81, Length("GSM-7", 162, 2)),
        ("a" * 152 + "€" + "a" * 152, Length("GSM-7", 306, 3)),  # the euro may not be divided, and moves on whole
        ("š" * 70, Length("UCS-2", 70, 1)),
        ("š" * 71, Length("UCS-2", 71, 2)),
        ("š" * 134, Length("UCS-2", 134, 2)),
        ("š" * 135, Length("UCS-2", 135, 3)),
        ("🦷" * 35, Length("UCS-2", 70, 1)),
        ("š" * 66 + "🦷" + "š" * 66, Length("UCS-2", 134, 3)),
    ],
)
def test_length_follows_the_alphabet_and_the_parts(text: str, length: Length) -> None:
    assert sms_length(text) == length


def test_the_alphabet_has_127_signs_and_an_escape_and_the_letters_of_finnish_and_swedish() -> None:
    assert len(BASIC) == 127
    assert len(EXTENDED) == 10
    assert set("abcdefghijklmnopqrstuvwxyzåäöABCDEFGHIJKLMNOPQRSTUVWXYZÅÄÖé§") <= BASIC


@given(st.text(max_size=400))
def test_parts_lie_between_what_fits_and_what_fits_when_signs_are_never_divided(text: str) -> None:
    found = sms_length(text)
    alone, part = (160, 153) if found.encoding == "GSM-7" else (70, 67)
    if found.units <= alone:
        assert found.parts == 1
    else:
        assert math.ceil(found.units / part) <= found.parts <= math.ceil(found.units / (part - 1))


@given(st.text(max_size=300))
def test_units_are_what_the_encoding_takes(text: str) -> None:
    found = sms_length(text)
    if found.encoding == "UCS-2":
        assert found.units == len(text.encode("utf-16-le", "surrogatepass")) // 2
    else:
        assert found.units == len(text) + sum(text.count(sign) for sign in EXTENDED)


@given(st.text(max_size=300), st.characters(exclude_categories=["Cs"]))
def test_a_longer_text_never_takes_fewer_parts(text: str, sign: str) -> None:
    assert sms_length(text + sign).parts >= sms_length(text).parts


@pytest.mark.parametrize("module", [calendar, texts])
def test_examples_hold(module) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted
    assert not tried.failed
