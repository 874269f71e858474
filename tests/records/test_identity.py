from __future__ import annotations

import pytest

from records.identity import CHECK_CHARACTERS, Pseudonyms, is_identity_code

KEY = b"sixteen bytes or more of secret"


def code(day: str, separator: str, individual: str) -> str:
    """An artificial code (individual numbers 900-999) with the right check character."""
    return f"{day}{separator}{individual}{CHECK_CHARACTERS[int(day + individual) % 31]}"


@pytest.mark.parametrize("separator", "+-YXWVUABCDEF")
def test_every_separator_is_read(separator: str) -> None:
    assert is_identity_code(code("010203", separator, "901"))


@pytest.mark.parametrize(
    "text",
    ["", "1", "010190-9990", "320190-900A", "010190Z9991", "010190-001S", "010190 900A", "٠١٠١٩٠-999X"],
)
def test_what_is_no_code_is_refused(text: str) -> None:
    assert not is_identity_code(text)


def test_a_leap_day_needs_a_leap_year() -> None:
    assert is_identity_code(code("290200", "A", "902"))
    assert not is_identity_code(code("290200", "-", "902"))


def test_one_code_has_one_pseudonym_for_each_key() -> None:
    one = code("010190", "-", "999")
    assert Pseudonyms(KEY).of(one) == Pseudonyms(KEY).of(f" {one.lower()} ")
    assert Pseudonyms(KEY).of(one) != Pseudonyms(KEY[::-1]).of(one)
    assert Pseudonyms(KEY).of(one) != Pseudonyms(KEY).of(code("010190", "Y", "999"))
    assert len(Pseudonyms(KEY).of(one)) == 32


def test_errors_and_representations_hold_neither_code_nor_key() -> None:
    with pytest.raises(ValueError, match="not a Finnish") as raised:
        Pseudonyms(KEY).of("010190-9990")
    assert "010190" not in str(raised.value)
    assert "secret" not in repr(Pseudonyms(KEY))
    with pytest.raises(ValueError, match="too short"):
        Pseudonyms(b"short")
