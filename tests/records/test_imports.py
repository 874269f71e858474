"""An import adds what is new, replaces what has changed, keeps bad rows aside, and loses nothing."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import store
from records.history import History, raw_table
from records.imports import Summary, import_batches
from records.imports.owners import hashes
from records.imports.quarantine import QuarantineError
from records.sources.batch import Batch, SourceError
from tests.rows import event, patient

Rows = list[dict[str, Any]]


def batch(**tables: Rows) -> Batch:
    return Batch({name: raw_table(name, rows) for name, rows in tables.items()}, sum(map(len, tables.values())))


def run(folder: Path, *batches: Batch, patients: int = 20_000) -> Summary:
    return import_batches(folder / "store", batches, folder / "aside", origin="test", patients=patients)


def visit(key: str, name: str = "a", when: str = "2020-01-01T10:00", **more: Any) -> dict[str, Any]:
    return event("visits", when, patient=name, event_id=key, **more)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def aside(folder: Path, table: str) -> Rows:
    rows: Rows = pq.read_table(folder / "aside" / f"{table}.parquet").to_pylist()
    return rows


def test_a_first_import_makes_the_store(tmp_path: Path) -> None:
    summary = run(tmp_path, batch(visits=[visit("1"), visit("2")]), batch(patients=[patient()]))
    assert summary.rows_read == 3
    assert (summary.new, summary.aside) == (Counter(patients=1, visits=2), Counter())
    assert store.read(tmp_path / "store").rows()["visits"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_row_of_a_patient_who_is_only_in_the_store_is_used(tmp_path: Path) -> None:
    run(tmp_path, batch(patients=[patient()]))
    assert run(tmp_path, batch(visits=[visit("1"), visit("2", "nobody")])).new == Counter(visits=1)
    assert [(row["patient_id"], row["reason"], row["origin"]) for row in aside(tmp_path, "visits")] == [
        ("nobody", "the patient is unknown", "test")
    ]


def test_a_changed_row_replaces_the_stored_one(tmp_path: Path) -> None:
    run(tmp_path, batch(patients=[patient()], visits=[visit("1", minutes=10), visit("2")]))
    summary = run(tmp_path, batch(visits=[visit("1", minutes=20, when="2021-01-01T10:00"), visit("2")]))
    assert (summary.changed, summary.unchanged["visits"], summary.new.total()) == (Counter(visits=1), 1, 0)
    assert store.read(tmp_path / "store")["visits"]["minutes"].to_pylist() == [30, 20]


def test_what_a_patients_row_does_not_say_stays_as_it_is(tmp_path: Path) -> None:
    run(tmp_path, batch(patients=[patient(non_disclosure=True, language="fi")]))
    known_less = patient(sex="unknown", birth_date=None, non_disclosure=None, special_needs=None, municipality="091")
    assert run(tmp_path, batch(patients=[known_less])).changed == Counter(patients=1)
    row = store.read(tmp_path / "store")["patients"].to_pylist()[0]
    assert (row["sex"], row["birth_date"], row["non_disclosure"]) == ("female", date(1980, 2, 29), True)
    assert (row["language"], row["municipality"]) == ("fi", "091")


def test_a_new_patient_of_whom_little_is_said_is_of_unknown_sex_and_counted(tmp_path: Path) -> None:
    summary = run(tmp_path, batch(patients=[{"patient_id": "a"}]))
    assert summary.notices["patients", "non_disclosure is not given, taken as false"] == 1
    assert store.read(tmp_path / "store")["patients"]["sex"].to_pylist() == ["unknown"]


@pytest.mark.parametrize("size", [1, 20_000])
def test_an_event_id_belongs_to_one_patient_however_the_ranges_fall(tmp_path: Path, size: int) -> None:
    people = batch(patients=[patient("a"), patient("b"), patient("c")])
    summary = run(tmp_path, people, batch(visits=[visit("1", "b"), visit("1", "a"), visit("2", "c")]), patients=size)
    assert summary.aside == {("visits", "duplicate event id"): 1}
    held = store.read(tmp_path / "store")["visits"]
    assert held.select(["patient_id", "event_id"]).to_pylist() == [
        {"patient_id": "a", "event_id": "1"},
        {"patient_id": "c", "event_id": "2"},
    ]
    moved = [visit("2", "a"), visit("1", "b", minutes=1), visit("3", "b")]
    summary = run(tmp_path, batch(visits=moved), patients=size)
    assert summary.aside == {("visits", "duplicate event id"): 2}
    assert summary.new == Counter(visits=1)


def test_ids_of_which_all_claims_but_one_are_unusable_go_to_that_one(tmp_path: Path) -> None:
    rows = [visit("1", "a", minutes=-1), visit("1", "b", minutes=20), visit("1", "c", profession="barber")]
    summary = run(tmp_path, batch(patients=[patient(name) for name in "abc"], visits=rows), patients=1)
    assert summary.new["visits"] == 1
    assert store.read(tmp_path / "store")["visits"]["patient_id"].to_pylist() == ["b"]


def test_the_same_import_twice_changes_no_byte(tmp_path: Path) -> None:
    some = batch(patients=[patient("a"), patient("b")], visits=[visit("1"), visit("1"), visit("2", "nobody")])
    run(tmp_path, some, patients=1)
    before = contents(tmp_path)
    summary = run(tmp_path, some, patients=1)
    assert summary.changes_nothing()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("fault", [SourceError("line 3"), KeyboardInterrupt()])
def test_a_failure_leaves_store_and_quarantine_as_they_were(tmp_path: Path, fault: BaseException) -> None:
    run(tmp_path, batch(patients=[patient()], visits=[visit("1"), visit("2", "nobody")]))
    before = contents(tmp_path)

    def broken() -> Iterator[Batch]:
        yield batch(visits=[visit("3"), visit("4", "nobody")])
        raise fault

    with pytest.raises(type(fault)):
        import_batches(tmp_path / "store", broken(), tmp_path / "aside", origin="x")
    assert contents(tmp_path) == before


def test_a_failure_while_merging_leaves_store_and_quarantine_as_they_were(tmp_path: Path) -> None:
    run(tmp_path, batch(patients=[patient()], visits=[visit("1"), visit("2", "nobody")]))
    (tmp_path / "aside" / "visits.parquet").write_bytes(b"half a file")
    before = contents(tmp_path)
    with pytest.raises(QuarantineError, match=r"visits\.parquet is not a readable quarantine"):
        run(tmp_path, batch(visits=[visit("3"), visit("4", "nobody")]))
    assert contents(tmp_path) == before


def test_the_quarantine_is_for_its_owner_alone_and_keeps_what_it_has(tmp_path: Path) -> None:
    nowhere = visit("9", "nobody") | {"patient_id": None}
    run(tmp_path, batch(visits=[visit("1", "nobody"), nowhere]))
    run(tmp_path, batch(visits=[visit("2", "zz")]), patients=1)
    assert [row["event_id"] for row in aside(tmp_path, "visits")] == ["1", "2", "9"] or len(
        aside(tmp_path, "visits")
    ) == 3
    assert stat.S_IMODE((tmp_path / "aside").stat().st_mode) == 0o700


def test_tables_that_the_store_does_not_keep_are_counted(tmp_path: Path) -> None:
    summary = run(tmp_path, Batch({"dreams": pa.table({"patient_id": ["a"]})}, 1))
    assert summary.left_out == {("dreams", "the store keeps no such table"): 1}


def test_the_summary_says_what_happened_and_why(tmp_path: Path) -> None:
    left = Counter({("rows", "not oral health"): 2})
    some = batch(patients=[patient()], visits=[visit("1"), visit("2", "SECRET")])
    text = "\n".join(run(tmp_path, some, Batch({}, 2, left)).lines())
    assert "5 rows read" in text
    assert "kept aside: 1 visits: the patient is unknown" in text
    assert "left out: 2 rows: not oral health" in text
    assert "SECRET" not in text


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    people = batch(patients=[patient("a"), patient("b")])
    import_batches(
        tmp_path / "store",
        [people],
        tmp_path / "aside",
        origin="x",
        patients=1,
        watch=lambda stage, done, total: told.append((stage, done, total)),
    )
    assert told == [("read", 2, None), ("merge", 1, 2), ("merge", 2, 2)]


visits = st.builds(
    visit,
    st.sampled_from(["1", "2", "3", "4", None]),
    st.sampled_from("abcd"),
    st.sampled_from(["1975-01-01T10:00", "2020-01-01T10:00", "2020-01-02T10:00"]),
    minutes=st.sampled_from([None, -1, 30]),
)
people = st.lists(st.builds(patient, st.sampled_from("abc"), sex=st.sampled_from(["female", "unknown", "x", None])))


@settings(max_examples=60)
@given(st.lists(st.tuples(people, st.lists(visits)), max_size=3), st.integers(1, 4))
def test_nothing_is_lost_and_the_same_again_changes_nothing(imports: list[tuple[Rows, Rows]], size: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for some_people, some_visits in imports:
            given_rows = batch(patients=some_people, visits=some_visits)
            summary = run(folder, given_rows, patients=size)
            for table, rows in given_rows.tables.items():
                used = summary.new[table] + summary.changed[table] + summary.unchanged[table]
                assert used + summary.aside_of(table) == rows.num_rows == summary.arrived[table]
            before = contents(folder)
            assert run(folder, given_rows, patients=size).changes_nothing()
            assert contents(folder) == before
        held = store.read(folder / "store") if imports else History.of({})
        assert len(set(held["visits"]["event_id"].to_pylist())) == held["visits"].num_rows


@settings(max_examples=60)
@given(st.lists(visits, max_size=8), st.randoms(), st.integers(1, 4))
def test_neither_ranges_nor_the_order_of_batches_matter(rows: Rows, chance: Any, size: int) -> None:
    distinct = [row | {"event_id": f"{at}"} for at, row in enumerate(rows)]
    parts = [batch(visits=[row]) for row in distinct] + [batch(patients=[patient(name)]) for name in "abc"]
    shuffled = chance.sample(parts, len(parts))
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        run(Path(one), *parts)
        run(Path(other), *shuffled, patients=size)
        assert same(store.read(Path(one) / "store"), store.read(Path(other) / "store"))


def same(one: History, other: History) -> bool:
    return all(one[name].equals(other[name]) for name in one)


@given(st.lists(st.text(max_size=40)))
def test_equal_texts_have_equal_hashes_and_others_do_not(texts: list[str]) -> None:
    found = hashes(pa.chunked_array([texts[:3], texts[3:]], pa.string()))
    assert len(np.unique(found)) == len(set(texts))
    assert hashes(pa.chunked_array([texts[::-1]], pa.string())).tolist() == found[::-1].tolist()


def test_many_small_batches_are_split_in_larger_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("records.imports.spool.GATHERED", 3)
    rows = [batch(visits=[visit(str(at), "abc"[at % 3])]) for at in range(10)]
    assert run(tmp_path, batch(patients=[patient(name) for name in "abc"]), *rows, patients=1).new["visits"] == 10
    assert store.read(tmp_path / "store")["visits"].num_rows == 10
