from __future__ import annotations

import pyarrow as pa
import pytest

from records.history import History, is_sorted, raw_table
from records.schema import TABLES, Event, Table
from tests.rows import event, history, patient


def test_every_table_and_column_of_the_schema_says_what_it_is() -> None:
    for table in TABLES.values():
        assert table.__doc__
        assert table.__doc__.startswith("One row is")
        assert all(column.says.endswith(".") for column in table.columns().values())


def test_rows_are_sorted_by_patient_time_and_event_id() -> None:
    found = history(
        patient("b"),
        patient("a"),
        visits=[
            event("visits", "2020-02-01", patient="b"),
            event("visits", "2020-02-01", event_id="2"),
            event("visits", "2020-02-01", event_id="1"),
            event("visits", "2020-01-01", event_id="3"),
        ],
    )
    assert found.patient_ids.to_pylist() == ["a", "b"]
    assert found["visits"]["event_id"].to_pylist()[:3] == ["3", "1", "2"]
    assert all(is_sorted(found[name]) for name in found)


def test_tables_not_given_are_empty_and_typed() -> None:
    found = history()
    assert sum(found.rows().values()) == 1
    assert found["visits"].schema == TABLES["visits"].arrow()
    assert found.rows()["patients"] == 1


def test_absent_nullable_columns_become_null() -> None:
    found = history(visits=[event("visits", "2020-01-01")])
    assert found["visits"]["unit"].to_pylist() == [None]


def test_unknown_tables_missing_columns_and_wrong_types_are_named() -> None:
    with pytest.raises(KeyError, match="no such table in the schema: visit"):
        History.of({"visit": pa.table({})})
    with pytest.raises(ValueError, match="table visits: column event_id is missing"):
        History.of({"visits": raw_table("visits", []).drop_columns(["event_id"])})
    with pytest.raises(ValueError, match="column sex has 1 missing"):
        History.from_rows({"patients": [{"patient_id": "a", "special_needs": False, "non_disclosure": False}]})
    rows = raw_table("visits", [event("visits", "2020-01-01")])
    text = rows.set_column(rows.column_names.index("minutes"), "minutes", pa.array(["half an hour"]))
    with pytest.raises(ValueError, match="column minutes cannot be read as int32"):
        History.of({"visits": text})


def test_order_is_recognised_without_sorting() -> None:
    one, two = event("visits", "2020-01-01", event_id="1"), event("visits", "2020-01-02", event_id="0")
    assert is_sorted(raw_table("visits", [one, two]))
    assert not is_sorted(raw_table("visits", [two, one]))
    assert not is_sorted(raw_table("visits", [{**one, "event_id": "2"}, one]))


def test_every_table_that_the_module_declares_is_in_the_schema() -> None:
    declared = {kind.name for kind in (*Table.__subclasses__(), *Event.__subclasses__()) if kind is not Event}
    assert set(TABLES) == declared
