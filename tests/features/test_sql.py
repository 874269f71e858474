"""The compiled SQL: readable one feature at a time, whatever names and values a catalogue has."""

from __future__ import annotations

import ast
import inspect
from datetime import datetime
from itertools import pairwise
from random import Random
from types import ModuleType
from typing import Any, get_args

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from features.__main__ import main
from features.catalogue import Catalogue
from features.dental import DENTAL
from features.families import DERIVED, Aggregate, CatalogueError, Family, Label, count, last, share
from features.sql import aggregates, card, columns, statement, words
from features.sql.statement import ASKED
from records.clock import HELSINKI, days
from records.codes import NEED_GROUPS
from records.schema import INSTANT
from tests.features.engines import bits, by_evaluator, by_sql
from tests.features.histories import Population, population
from tests.rows import event, history

L = Label("x", "x", "x")


def test_each_feature_alone_has_the_bits_that_it_has_among_all() -> None:
    asked = population(Random(1).choice, 4)  # noqa: S311 - no secret
    whole = by_sql(DENTAL, asked)
    for name in DENTAL.names[::11]:
        assert (bits(by_sql(DENTAL, asked, name)[:, 0]) == bits(whole[:, DENTAL.names.index(name)])).all(), name


def test_columns_come_in_the_order_asked_for() -> None:
    asked = population(Random(2).choice, 4)  # noqa: S311 - no secret
    names = ("since_visit", "no_show_share_m24", "age")
    whole = by_sql(DENTAL, asked)
    found = by_sql(DENTAL, asked, *names)
    assert (bits(found) == bits(whole[:, [DENTAL.names.index(name) for name in names]])).all()


def test_nothing_asked_is_nothing_answered() -> None:
    assert by_sql(DENTAL, Population(history(), [], [])).shape == (0, len(DENTAL))


def test_the_text_is_read_whatever_names_and_values_hold() -> None:
    odd = 'O\'Neill "the {x}"; --'
    catalogue = Catalogue(
        count("visits", "group", L, "x", by="unit", levels={odd: L, "select": L}, windows="m12"),
        part := count("visits", 'a "b" {c}', L, "x", where={"unit": odd}),
        share(part, part, "left", L, "x"),
        last("findings.value", "row_", L, "x"),
    )
    found = history(visits=[event("visits", "2024-12-01", unit=odd), event("visits", "2024-12-02", unit="select")])
    asked = Population(found, ["a"], [event("visits", "2025-01-01")["event_time"]])
    assert by_sql(catalogue, asked)[0, :4].tolist() == [1, 1, 1, 1]
    assert np.isnan(by_sql(catalogue, asked)[0, 4])
    assert (bits(by_sql(catalogue, asked)) == bits(by_evaluator(catalogue, asked))).all()


def test_days_are_those_of_helsinki_around_every_clock_change_from_1900_to_2100() -> None:
    months = [datetime(year, month, 1, tzinfo=HELSINKI) for year in range(1900, 2101) for month in range(1, 13)]
    changed = [later for one, later in pairwise(months) if one.utcoffset() != later.utcoffset()]
    until = np.array([month.timestamp() * 1e6 for month in changed], np.int64)
    hours = np.arange(32 * 24) * 3_600_000_000
    near = pa.array((until[:, None, None] - hours[:, None] - [0, 1]).ravel(), INSTANT)
    rows = pa.table({"row": np.arange(len(near)), "patient_id": pa.nulls(len(near), pa.string()), "as_of": near})
    with duckdb.connect(config={"threads": 1}) as connection:
        asked = connection.register("moments", rows).sql(ASKED).order("row").to_arrow_table()
    assert len(changed) > 200
    assert (asked["today"].cast(pa.int32()).to_numpy() == days(near)).all()


@pytest.mark.parametrize("group", NEED_GROUPS.groups)
def test_the_short_reading_of_one_need_group_is_that_of_the_whole_table(group: str) -> None:
    beginnings = [*NEED_GROUPS.prefixes, *NEED_GROUPS.exact]
    codes = [code for known in beginnings for code in (known, known + "0", known[:-1], known[:2])]
    found = history(procedures=[event("procedures", "2024-12-01", code=code or "?") for code in codes])
    families = [count("procedures", "n", L, "x", by="group", levels={group: L})]
    asked = Population(found, ["a"], [event("visits", "2025-01-01")["event_time"]])
    assert by_sql(Catalogue(*families), asked)[0, 0] == sum(NEED_GROUPS.group(code or "?") == group for code in codes)


def test_a_feature_reads_on_one_screen() -> None:
    text = card(DENTAL, "emergencies_m24")
    assert text.splitlines()[0] == "-- emergencies_m24: Emergency visits, 730 days"
    assert "count(e.age) FILTER (WHERE e.urgency = 'emergency' AND e.age <= 730)" in text
    assert "visits.event_time < asked.as_of AND visits.recorded_at < asked.as_of" in text
    assert len(text.splitlines()) < 30


def test_every_aggregate_and_derived_column_has_a_reading() -> None:
    assert {*aggregates.RECIPES, *aggregates.PERSONAL, *aggregates.COMBINED} == set(get_args(Aggregate))
    for table, names in DERIVED.items():
        for name in names:
            assert columns.find(table, name).says(None)


def test_an_aggregate_without_a_reading_is_refused_by_name() -> None:
    family = Family("n", "median", "visits", L, "x", measure="minutes")  # type: ignore[arg-type]
    with pytest.raises(CatalogueError, match="family 'n': the aggregate 'median' has no reading in SQL"):
        statement(Catalogue(family))


def test_a_derived_column_without_a_reading_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DERIVED, "contacts", ("weekday",))  # type: ignore[arg-type]
    with pytest.raises(CatalogueError, match="table contacts: the derived column 'weekday' has no reading in SQL"):
        statement(Catalogue(count("contacts", "n", L, "x", where={"weekday": "Monday"})))


def _imported(module: ModuleType) -> set[str]:
    tree = ast.parse(inspect.getsource(module))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return named | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_nothing_of_the_evaluator_is_used() -> None:
    modules: list[Any] = [aggregates, columns, words, inspect.getmodule(statement)]
    used = {name for module in modules for name in _imported(module) if name.startswith("features")}
    own = {"features.sql.aggregates", "features.sql.columns", "features.sql.words"}
    assert used - own == {"features.catalogue", "features.families"}
    assert not used & {"features.evaluate", "features.events", "features.seen"}


def test_the_command_prints_one_feature_or_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "no_show_share_m24"]) == 0
    assert capsys.readouterr().out.strip() == card(DENTAL, "no_show_share_m24")
    assert main(["sql"]) == 0
    assert capsys.readouterr().out.strip() == statement(DENTAL)
    assert main(["sql", "nothing"]) == 1
    assert "features sql: there is no feature 'nothing'" in capsys.readouterr().err
