"""The features of one person; what the numbers mean is in `test_semantics.py`, and that they are the evaluator's own in
`test_engines.py`."""

from __future__ import annotations

import itertools
from datetime import date, datetime
from random import Random
from typing import Any

import numpy as np
import pytest

from features import kernel, program
from features.catalogue import Catalogue
from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from features.families import (
    WINDOWS,
    Family,
    Label,
    age,
    count,
    distinct,
    highest,
    last,
    lowest,
    oldest,
    repeated,
    share,
    slope,
    total,
    usual,
    whether,
)
from features.one import evaluate_person
from records.clock import instant
from records.history import History
from records.person import Person
from tests.features.engines import bits, by_evaluator, by_person
from tests.features.histories import Population, population
from tests.rows import event, history, patient

L = Label("x", "x", "x")
ALL = " ".join(WINDOWS)
AS_OF = instant("2025-06-01")


def same(catalogue: Catalogue, found: History, as_of: datetime = AS_OF) -> list[float]:
    """The values of patient a, which are those of the evaluator to the last bit."""
    values = evaluate_person(catalogue, Person.of(found), as_of).values
    assert (bits(values) == bits(evaluate(catalogue, found, Moments.of(["a"], [as_of])).values)).all()
    return list(values[0].tolist())


def wide() -> Catalogue:
    """The dental catalogue, and what it does not use: classes merged by every rule, different values by level."""
    levels = {"A": L, "B": L, "C": L}
    several: dict[str, Any] = {"where": {"unit": ("A", "B*", "C")}, "windows": ALL}
    return Catalogue(
        *DENTAL.families,
        lowest("visits.minutes", "x1", L, "x", **several),
        highest("visits.minutes", "x2", L, "x", **several),
        slope("visits.minutes", "x3", L, "x", **several),
        oldest("visits", "x4", L, "x", where=several["where"]),
        total("visits.minutes", "x5", L, "x", by="unit", levels=levels, windows=ALL, never="missing"),
        distinct("visits.minutes", "x6", L, "x", by="unit", levels=levels, windows=ALL),
        repeated("visits.unit", "x7", L, "x", by="urgency", levels={"routine": L}, windows="m12 ever"),
        usual("visits.minutes", "x8", L, "x", by="unit", levels=levels, windows=ALL),
        last("visits.minutes", "x9", L, "x", where={"starts_episode": (0, 1), "unit": ("A", "B")}, windows=ALL),
        whether("visits.gap", "x10", L, "x", windows=ALL),
        count("procedures.overdue", "x11", L, "x", where={"retreated": (0, 1)}),
    )


def test_nobody_ever_seen_has_no_events_and_an_age() -> None:
    nothing = Person({"birth_date": patient()["birth_date"]}, {})
    values = evaluate_person(DENTAL, nothing, AS_OF).values
    assert (bits(values) == bits(evaluate(DENTAL, history(), Moments.of(["a"], [AS_OF])).values)).all()
    assert values[0, DENTAL.names.index("age")] == 45
    assert np.isnan(values[0, DENTAL.names.index("since_visit")])


def test_a_catalogue_of_the_patient_alone_and_one_of_nothing_ask_for_no_events() -> None:
    found = history(visits=[event("visits", "2025-01-01")])
    assert same(Catalogue(age("age", L, "x")), found) == [45]
    assert same(Catalogue(), found) == []


def test_an_unknown_date_of_birth_is_no_age() -> None:
    assert np.isnan(same(Catalogue(age("age", L, "x")), history(patient(birth_date=None)))[0])


def test_what_is_known_at_the_moment_or_later_is_not_seen() -> None:
    catalogue = Catalogue(count("visits", "n", L, "x"))
    for when, known, seen in (
        ("2025-05-31T23:59:59.999999", "2025-05-31T23:59:59.999998", [0]),
        ("2025-05-31T23:59:59.999998", "2025-05-31T23:59:59.999999", [0]),
        ("2025-05-31T23:59:59.999998", "2025-05-31T23:59:59.999998", [1]),
    ):
        assert same(catalogue, history(visits=[event("visits", when, known)]), instant("2025-05-31")) == seen


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(TypeError, match="offset-naive"):
        evaluate_person(DENTAL, Person.of(history()), datetime(2025, 6, 1))  # noqa: DTZ001 - that is the point


def test_infinite_and_negative_zero_answers_are_what_they_are_to_the_evaluator() -> None:
    catalogue = Catalogue(
        last("answers.value", "last", L, "x"),
        highest("answers.value", "highest", L, "x", windows="m6 ever"),
        lowest("answers.value", "lowest", L, "x", windows="m6 ever"),
    )
    rows = [
        event("answers", when, value=value)
        for when, value in (("2024-01-01", float("inf")), ("2025-05-01", 2.0), ("2025-05-02", -0.0))
    ]
    values = same(catalogue, history(answers=rows))
    assert np.signbit(values[0])
    assert values[1] == 2
    assert np.isnan(values[2])
    assert values[3:] == [0, 0]


def test_values_far_apart_are_told_apart_as_well_as_near_ones() -> None:
    catalogue = Catalogue(
        distinct("visits.minutes", "different", L, "x"), usual("visits.minutes", "usual", L, "x", windows="m12 ever")
    )
    rows = [
        event("visits", f"2025-01-{day:02}", minutes=minutes)
        for day, minutes in zip(range(1, 20), itertools.cycle((0, 16, 1440, 32, 1440)), strict=False)
    ]
    assert same(catalogue, history(visits=rows)) == [4, 7 / 19, 7 / 19]


def test_a_share_of_a_share_of_windows_is_one_division() -> None:
    catalogue = Catalogue(
        all_ := count("visits", "n", L, "x", windows="m12 ever"),
        few := count("visits", "k", L, "x", where={"unit": "A"}, windows="m12"),
        share(few, all_, "s", L, "x"),
        share(few, few, "t", L, "x"),
    )
    rows = [event("visits", f"2025-01-0{day}", unit=unit) for day, unit in enumerate("BAB", 1)]
    assert same(catalogue, history(visits=rows))[-2:] == [1 / 3, 1]
    assert np.isnan(same(catalogue, history())[-1])


def test_what_is_compiled_is_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = population(Random(8).choice, 12, [40])  # noqa: S311 - no secret
    compiled = by_person(wide(), asked)
    assert (bits(compiled) == bits(by_evaluator(wide(), asked))).all()
    written = {name: found.py_func for name, found in vars(kernel).items() if hasattr(found, "py_func")}
    assert len(written) > 20
    for name, function in written.items():
        monkeypatch.setattr(kernel, name, function)
    monkeypatch.setattr("features.one.fill", kernel.fill)
    nobody = Population(history(), ["a"], [AS_OF])
    with np.errstate(all="raise"):
        assert (bits(by_person(wide(), asked)) == bits(compiled)).all()
        assert (bits(by_person(wide(), nobody)) == bits(by_evaluator(wide(), nobody))).all()


def test_texts_are_remembered_up_to_a_limit_and_say_the_same_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "REMEMBERED", 3)
    asked: list[str] = []
    texts = program.Texts(lambda text: asked.append(text) or {"a": 1.0}.get(text), np.nan)
    assert texts["a"] == texts["a"] == 1
    assert asked == ["a"]
    assert np.isnan([texts["b"], texts["c"], texts["d"], texts[None]]).all()
    assert len(texts) <= 4
    assert texts["a"] == 1


def test_every_aggregate_and_column_that_looks_back_has_a_number_of_its_own() -> None:
    for numbers in (program.KINDS, program.LOOKING_BACK):
        assert sorted(numbers.values()) == list(range(len(numbers)))
    assert {family.aggregate for family in wide().families} == {*program.KINDS, "share", "age", "attribute"}


def test_a_catalogue_is_read_into_a_program_once() -> None:
    catalogue = Catalogue(Family("n", "count", "visits", L, "x"))
    assert program.program_of(catalogue) is program.program_of(catalogue)


@pytest.mark.parametrize("as_of", ["9999-12-31T23:30+00:00", "9999-12-31T21:00+00:00", "0001-01-01T00:00+00:00"])
def test_age_is_told_to_both_ends_of_the_calendar(as_of: str) -> None:
    found = history(patient(birth_date=date(1, 1, 1)))
    assert same(Catalogue(age("age", L, "x")), found, datetime.fromisoformat(as_of)) == [
        float(int(as_of[:4]) - 1 + (as_of == "9999-12-31T23:30+00:00"))
    ]
