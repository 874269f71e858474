from __future__ import annotations

import pyarrow as pa
import pytest

from records.codes import NEED_GROUPS


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
