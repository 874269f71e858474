"""Of a hundred patients there are a hundred."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.pages.show import whole
from tests.serving.asker import KNOWN
from tests.serving.visitor import Visitor


@pytest.mark.parametrize(
    ("shares", "suggested", "shown"),
    [
        ({"light": 0.956, "moderate": 0.026, "heavy": 0.018}, "light", [96, 2, 2]),
        ({"light": 0.956, "moderate": 0.026, "heavy": 0.018}, None, [95, 3, 2]),
        ({"light": 0.335, "moderate": 0.335, "heavy": 0.33}, "moderate", [33, 34, 33]),
        ({"light": 1.0, "moderate": 0.0, "heavy": 0.0}, "light", [100, 0, 0]),
        ({}, None, []),
    ],
)
def test_whole_numbers_make_a_hundred(shares: dict[str, float], suggested: str | None, shown: list[int]) -> None:
    assert list(whole(shares, suggested).values()) == shown


@given(st.lists(st.integers(0, 1_000), min_size=2, max_size=5).filter(any), st.booleans())
def test_none_is_further_from_its_probability_than_one(counts: list[int], is_suggested: bool) -> None:
    shares = {str(at): count / sum(counts) for at, count in enumerate(counts)}
    shown = whole(shares, "0" if is_suggested else None)
    assert sum(shown.values()) == 100
    assert all(abs(shown[name] - 100 * share) <= 1 + 1e-9 for name, share in shares.items())
    assert not is_suggested or shown["0"] == round(100 * shares["0"])


def test_the_page_tells_a_hundred(visit: Callable[..., Visitor]) -> None:
    agent = visit("agent")
    numbers = re.findall(r'<td class="bar"><span>(\d+)</span>', agent.get(agent.find(KNOWN)).text)
    assert len(numbers) == 3
    assert sum(map(int, numbers)) == 100
