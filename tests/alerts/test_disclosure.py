from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from alerts.disclosure import LIMIT, Cell, Counts, Published, publish

DEFINITIONS = ["ordinary", "whole"]
PROVIDERS = ["a", "b", "c"]
MONTHS = ["2026-01", "2026-02", "2026-03", "2026-04"]
OUTCOMES = ["unactivated", "late", "other"]

facts = st.lists(
    st.tuples(
        st.sampled_from(DEFINITIONS),
        st.sampled_from(PROVIDERS),
        st.sampled_from(MONTHS),
        st.sampled_from(OUTCOMES),
        st.integers(0, 15),
    ),
    max_size=60,
)


def cells(found: list[tuple], row: int, column: int = 3) -> dict[tuple[str, str], Cell]:
    keys = {(fact[row], fact[column]) for fact in found}
    of_key = {key: [fact for fact in found if (fact[row], fact[column]) == key] for key in keys}
    return {key: Cell.of(len(some), {fact[4] for fact in some}) for key, some in of_key.items()}


def counts(found: list[tuple], row: int, rows: list[str], **more) -> Counts:
    return Counts(rows, OUTCOMES, cells(found, row), **more)


def people(found: list[tuple], row: int, rows: tuple[str, ...], columns: tuple[str, ...]) -> set[int]:
    return {fact[4] for fact in found if fact[row] in rows and fact[3] in columns}


def table(*rows: str) -> Counts:
    """Rows as `name 12 3 0`: that many vouchers of as many people by outcome."""
    made = {}
    for name, *numbers in (row.split() for row in rows):
        for outcome, number in zip(OUTCOMES, map(int, numbers), strict=True):
            made[name, outcome] = Cell.of(number, {f"{name}{outcome}{one}" for one in range(number)})
    return Counts([row.split()[0] for row in rows], OUTCOMES, made, ordered=True)


def test_what_concerns_enough_people_is_shown_as_it_is() -> None:
    assert publish(table("01 9 5 7", "02 0 6 8")) == Published(
        rows=(("01",), ("02",)), columns=(("unactivated",), ("late",), ("other",)), counts=((9, 5, 7), (0, 6, 8))
    )


def test_a_month_with_a_small_number_is_counted_with_its_neighbour() -> None:
    some = table("01 9 5 7", "02 8 2 7", "03 9 3 8", "04 7 6 9")
    shown = publish(Counts(some.rows, some.columns, some.cells, ordered=True, kept={"late"}))
    assert shown.rows == (("01",), ("02", "03"), ("04",))
    assert shown.counts == ((9, 5, 7), (17, 5, 15), (7, 6, 9))


def test_a_rare_outcome_is_counted_with_another_where_that_shows_more() -> None:
    shown = publish(table("01 9 1 7", "02 8 1 7", "03 9 2 8", "04 7 1 9"))
    assert shown.rows == (("01",), ("02",), ("03",), ("04",))
    assert shown.columns == (("unactivated",), ("late", "other"))


def test_an_outcome_that_matters_is_counted_with_others_last() -> None:
    rare = table("01 6 1 1", "02 7 1 2", "03 8 1 1")
    shown = publish(Counts(rare.rows, rare.columns, rare.cells, ordered=True, kept={"unactivated"}))
    assert shown.columns == (("unactivated",), ("late", "other"))
    assert shown.rows == (("01", "02", "03"),)


def test_small_providers_are_counted_together_and_take_another_along_if_they_must() -> None:
    small = table("a 9 9 9", "b 2 0 0", "c 6 5 5", "d 0 7 7")
    shown = publish(Counts(small.rows, small.columns, small.cells))
    assert shown.rows == (("a",), ("d",), ("b", "c"))
    assert shown.counts[-1] == (8, 5, 5)


def test_nothing_is_shown_of_fewer_than_five_people_and_zeros_of_none() -> None:
    assert publish(table("01 2 1 1")).rows == ()
    assert publish(table("01 0 0 0")).counts == ((0, 0, 0),)
    assert publish(Counts([], OUTCOMES, {})).counts == ()


def test_many_vouchers_of_few_people_are_a_small_number() -> None:
    assert not Cell.of(40, {"a", "b"}).safe
    assert Cell.of(5, set("abcde")).safe


def test_a_cell_names_nobody() -> None:
    assert "patient" not in repr(Cell.of(1, {"patient"}))


BREAKDOWNS = [(0, DEFINITIONS, False), (1, PROVIDERS, False), (2, MONTHS, True)]


@given(facts, st.sampled_from(BREAKDOWNS), st.sets(st.sampled_from(OUTCOMES)))
def test_every_number_is_zero_or_about_five_people(found, breakdown, kept) -> None:
    row, names, ordered = breakdown
    shown = publish(counts(found, row, names, ordered=ordered, kept=kept))
    for group, numbers in zip(shown.rows, shown.counts, strict=True):
        for column, number in zip(shown.columns, numbers, strict=True):
            assert number == 0 or len(people(found, row, group, column)) >= LIMIT


@given(facts, st.sampled_from(BREAKDOWNS))
def test_what_is_shown_is_complete_and_adds_up(found, breakdown) -> None:
    row, names, ordered = breakdown
    shown = publish(counts(found, row, names, ordered=ordered))
    assert sorted(name for group in shown.columns for name in group) == sorted(OUTCOMES)
    if shown.rows:
        assert sorted(name for group in shown.rows for name in group) == sorted(names)
        assert sum(map(sum, shown.counts)) == len(found)
    else:
        assert 0 < len({fact[4] for fact in found}) < LIMIT


@given(facts)
def test_only_neighbouring_months_are_counted_together_and_in_order(found) -> None:
    shown = publish(counts(found, 2, MONTHS, ordered=True))
    assert [month for group in shown.rows for month in group] in (MONTHS, [])


@given(facts, st.sampled_from(BREAKDOWNS))
def test_whom_the_numbers_concern_does_not_depend_on_the_order_of_what_is_counted(found, breakdown) -> None:
    row, names, ordered = breakdown
    assert publish(counts(found, row, names, ordered=ordered)) == publish(
        counts(found[::-1], row, names, ordered=ordered)
    )


def derivable(published: list[Published]) -> list[tuple[tuple[str, ...], float]]:
    """Every number by definition, provider, month and outcome that the tables together leave only one value for.

    An adversary's view: whole tables as linear equations over the finest cells, each cell's least and greatest value.
    """
    finest = list(product(DEFINITIONS, PROVIDERS, MONTHS, OUTCOMES))
    equations, totals = [], []
    for row, shown in enumerate(published):
        for group, numbers in zip(shown.rows, shown.counts, strict=True):
            for column, number in zip(shown.columns, numbers, strict=True):
                equations.append([cell[row] in group and cell[3] in column for cell in finest])
                totals.append(number)
    found = []
    for cell in range(len(finest)):
        goal = np.eye(len(finest))[cell]
        least, most = (
            linprog(sign * goal, A_eq=np.array(equations, float), b_eq=totals, method="highs").fun * sign
            for sign in (1, -1)
        )
        if most - least < 0.5:
            found.append((finest[cell], round(most)))
    return found


@settings(max_examples=12)
@given(facts.filter(lambda found: len(found) > 15))
def test_three_tables_together_give_away_no_number_about_few(found) -> None:
    tables = [publish(counts(found, row, names, ordered=ordered)) for row, names, ordered in BREAKDOWNS]
    if not all(shown.rows for shown in tables):
        return
    for cell, number in derivable(tables):
        assert number == 0 or len({fact[4] for fact in found if fact[:4] == cell}) >= LIMIT


def test_the_adversary_does_find_what_is_struck_out_without_more() -> None:
    """The test of the test: with a table of single months beside its total, the struck-out month is found."""
    found = [("ordinary", "a", month, "late", one) for month in MONTHS for one in range(6)]
    found += [("ordinary", "a", "2026-01", "other", one) for one in range(3)]
    careless = Published(
        tuple((month,) for month in MONTHS),
        tuple((outcome,) for outcome in OUTCOMES),
        ((0, 6, 3), (0, 6, 0), (0, 6, 0), (0, 6, 0)),
    )
    whole = [publish(counts(found, row, names)) for row, names, _ in BREAKDOWNS[:2]]
    assert (("ordinary", "a", "2026-01", "other"), 3) in derivable([*whole, careless])


@pytest.mark.parametrize("size", [120])
def test_ten_years_of_months_are_cut_in_no_time(size: int) -> None:
    months = [f"{number:03} {number % 7 + 3} {number % 5} {number % 9}" for number in range(size)]
    shown = publish(table(*months))
    assert sum(map(len, shown.rows)) == size
