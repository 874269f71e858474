"""Which answers stand: on record as long as they hold, told in their place, and only what a question allows."""

from __future__ import annotations

import pytest

from models.interview import standing
from tests.models.interview.made import ITEMS

BY_NAME = {item.name: item for item in ITEMS}


@pytest.mark.parametrize(("age", "stands"), [(0, True), (183, True), (184, False)])
def test_an_answer_on_record_holds_as_long_as_its_question_says(age: int, stands: bool) -> None:
    assert standing(BY_NAME, [("pain", 1.0, age)], {}) == ({"pain": 1.0} if stands else {})


def test_the_last_answer_on_record_stays_and_what_is_told_takes_its_place() -> None:
    twice = [("pain", 1.0, 9), ("pain", 0.0, 2), ("broken", 1.0, 1)]
    assert standing(BY_NAME, twice, {}) == {"pain": 0.0, "broken": 1.0}
    assert standing(BY_NAME, twice, {"pain": None}) == {"pain": None, "broken": 1.0}


@pytest.mark.parametrize("told", [{"colour": 1.0}, {"pain": 7.0}, {"missing": 1.3}, {"colour": None}])
def test_what_no_question_allows_does_not_stand(told: dict[str, float | None]) -> None:
    assert standing(BY_NAME, [("colour", 1.0, 0), ("broken", 5.0, 0)], told) == {}
