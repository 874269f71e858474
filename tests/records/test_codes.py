from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from records.codes import NEED_GROUPS, Rule


@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("SAA01", "examination"),
        ("SAD01", "assessment"),
        ("SCA02", "prevention"),
        ("SDA05", "periodontal"),
        ("SFA20", "restorative"),
        ("SGA01", "emergency"),
        ("SGB10", "endodontic"),
        ("EBA00", "extraction"),
        ("EB1AA", "imaging"),
        ("WX110", "anaesthesia"),
        ("WYA30", "special"),
        ("SPF00", "prosthetic"),
        ("VALMI", "other"),
        ("-1", "other"),
        ("", "other"),
        ("S", "other"),
    ],
)
def test_the_longest_prefix_names_the_group(code: str, group: str) -> None:
    assert NEED_GROUPS.group(code) == group
    assert NEED_GROUPS.knows(code) == (group != "other")


def test_numbers_point_into_the_groups() -> None:
    numbers = NEED_GROUPS.numbers(pa.chunked_array([["SFA10", "VALMI"], ["SFA10"]]))
    assert [NEED_GROUPS.groups[number] for number in numbers] == ["restorative", "other", "restorative"]


def test_no_codes_have_no_numbers() -> None:
    assert len(NEED_GROUPS.numbers(pa.chunked_array([], pa.string()))) == 0


def test_a_rule_says_from_when_until_when_and_how_long_at_least() -> None:
    assert NEED_GROUPS.rule("SDE02").valid_until == date(2016, 12, 31)
    assert NEED_GROUPS.rule("EBA16").valid_from == date(2024, 1, 1)
    assert NEED_GROUPS.rule("SDA05").least_minutes == 45
    assert NEED_GROUPS.rule("SFA10") == Rule()


def test_every_rule_is_of_a_code_that_has_a_group() -> None:
    assert all(NEED_GROUPS.knows(code) for code in NEED_GROUPS.rules)
