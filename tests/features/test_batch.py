"""The batch writes what one patient at a time would be told, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from features import batch, profile
from features.__main__ import main
from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from features.moments import MomentsError, read_moments
from records import store
from records.clock import instant
from records.schema import INSTANT
from records.simulate import simulate
from tests.records.test_simulate import UNTIL

PATIENTS = 60
WHEN = [instant(text) for text in ("2023-06-01", "2020-02-29T12:00", "2025-12-31T23:59")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of sixty simulated patients, in six row groups a table."""
    folder = tmp_path_factory.mktemp("batch") / "records"
    (block,) = simulate(PATIENTS, 8, 3, UNTIL)
    with pytest.MonkeyPatch.context() as patched, store.Writer(folder) as writer:
        patched.setattr(store, "ROWS_PER_GROUP", 200)
        writer.write(block.history)
    return folder


@pytest.fixture(scope="module")
def asked(folder: Path) -> Moments:
    """Every second patient at three moments, the last patient first; the others at none."""
    ids = store.patient_ids(folder)[::2]
    pairs = [(name, when) for name in reversed(ids) for when in WHEN]
    return Moments.of([name for name, _ in pairs], [when for _, when in pairs])


def bits(rows: pa.Table) -> np.ndarray:
    columns = [rows[name].to_numpy() for name in DENTAL.names]
    return np.where(np.isnan(columns), np.nan, columns).view(np.int64)


def leave_memory() -> None:
    """What stands for `batch.keep_memory` here: other tests share this process."""


def small_blocks(patched: pytest.MonkeyPatch) -> None:
    for name, size in {"BLOCK": 7, "ROWS_PER_GROUP": 20, "STRETCH": 25}.items():
        patched.setattr(batch, name, size)


def test_the_matrix_has_the_bits_of_one_patient_at_a_time(
    folder: Path, asked: Moments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    assert batch.compute(DENTAL, folder, asked, tmp_path / "m.parquet") == 3 * PATIENTS // 2
    rows = pq.read_table(tmp_path / "m.parquet")
    assert rows.column_names == ["patient_id", "as_of", *DENTAL.names]
    for at, row in enumerate(rows.select(["patient_id", "as_of"]).to_pylist()):
        history = store.read_patient(folder, row["patient_id"])
        assert history is not None
        alone = evaluate(DENTAL, history, Moments.of([row["patient_id"]], [row["as_of"]])).values
        assert np.array_equal(
            bits(rows.slice(at, 1)).ravel(), np.where(np.isnan(alone), np.nan, alone)[0].view(np.int64)
        )


def test_rows_come_by_patient_then_moment_in_whole_row_groups(
    folder: Path, asked: Moments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    batch.compute(DENTAL, folder, asked, tmp_path / "m.parquet")
    rows = pq.read_table(tmp_path / "m.parquet", columns=["patient_id", "as_of"]).to_pylist()
    keys = [(row["patient_id"], row["as_of"]) for row in rows]
    assert keys == sorted((name, when) for name in store.patient_ids(folder)[::2] for when in WHEN)
    file = pq.ParquetFile(tmp_path / "m.parquet")
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [20, 20, 20, 20, 10]
    said = json.loads(file.schema_arrow.metadata[b"tarve"])
    assert said == {"catalogue": DENTAL.version, "features": list(DENTAL.names)}


def test_several_processes_write_the_same_rows_and_profile(folder: Path, asked: Moments, tmp_path: Path) -> None:
    for jobs in (1, 2):
        batch.compute(DENTAL, folder, asked, tmp_path / f"{jobs}.parquet", jobs=jobs, profile=tmp_path / f"{jobs}.json")
    one, two = (pq.read_table(tmp_path / f"{jobs}.parquet") for jobs in (1, 2))
    assert one.schema.equals(two.schema, check_metadata=True)
    assert one.select(["patient_id", "as_of"]).equals(two.select(["patient_id", "as_of"]))
    assert np.array_equal(bits(one), bits(two))
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.json", "1.parquet", "2.json", "2.parquet"]


def test_the_profile_is_that_of_the_matrix(folder: Path, asked: Moments, tmp_path: Path) -> None:
    batch.compute(DENTAL, folder, asked, tmp_path / "m.parquet", profile=tmp_path / "p.json")
    found = profile.read(tmp_path / "p.json")
    assert found["rows"] == 3 * PATIENTS // 2
    assert found["unit"] == 15
    assert list(found["columns"]) == list(DENTAL.names)
    ages = pq.read_table(tmp_path / "m.parquet")["age"].to_numpy()
    assert found["columns"]["age"]["mean"] == pytest.approx(ages.mean(), rel=1e-5)


def test_no_moments_make_an_empty_matrix_with_a_profile(folder: Path, tmp_path: Path) -> None:
    for jobs in (1, 2):
        assert batch.compute(DENTAL, folder, Moments.of([], []), tmp_path / "m", jobs=jobs, profile=tmp_path / "p") == 0
        assert pq.read_table(tmp_path / "m").num_rows == 0
        assert profile.read(tmp_path / "p")["rows"] == 0


def test_an_unknown_patient_is_refused_without_naming_anyone(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"1 of 2 moments ask about a patient that .* does not hold"):
        batch.compute(DENTAL, folder, Moments.of(["p0000001", "nobody"], WHEN[:2]), tmp_path / "m.parquet")


@pytest.mark.parametrize("fails", ["_part", "Profile"])
def test_what_fails_leaves_the_old_file_and_nothing_else(
    folder: Path, asked: Moments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    (tmp_path / "m.parquet").write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(batch, fails, fail) if fails == "_part" else monkeypatch.setattr(batch.profiles, "write", fail)
    with pytest.raises(OSError, match="no space left"):
        batch.compute(DENTAL, folder, asked, tmp_path / "m.parquet", profile=tmp_path / "p.json")
    assert [path.name for path in tmp_path.iterdir()] == ["m.parquet"]
    assert (tmp_path / "m.parquet").read_text() == "old"


class TestMoments:
    def as_csv(self, path: Path, when: list[str]) -> None:
        pacsv.write_csv(pa.table({"patient_id": [f"p{at}" for at in range(len(when))], "as_of": when}), path)

    def as_parquet(self, path: Path, when: pa.Array) -> None:
        pq.write_table(pa.table({"patient_id": [f"p{at}" for at in range(len(when))], "as_of": when}), path)

    def test_a_text_is_read_as_elsewhere_and_a_bare_date_is_the_end_of_the_day(self, tmp_path: Path) -> None:
        self.as_csv(tmp_path / "m.csv", ["2025-01-01", "2025-01-01T10:00", "2025-01-01T10:00+00:00"])
        found = read_moments(tmp_path / "m.csv").as_of.to_pylist()
        assert found == [instant("2025-01-01"), instant("2025-01-01T08:00+00:00"), instant("2025-01-01T10:00+00:00")]

    def test_instants_wall_clock_times_and_dates_are_read_from_parquet(self, tmp_path: Path) -> None:
        moment = datetime(2025, 7, 1, 10)  # noqa: DTZ001 - what a file without a zone holds
        for kind, expected in {
            pa.timestamp("ms", "Europe/Helsinki"): instant("2025-07-01T10:00+00:00"),
            INSTANT: instant("2025-07-01T10:00+00:00"),
            pa.timestamp("us"): instant("2025-07-01T10:00"),
            pa.date32(): instant("2025-07-01"),
        }.items():
            self.as_parquet(tmp_path / "m.parquet", pa.array([moment], pa.timestamp("us")).cast(kind))
            value = moment.date() if kind == pa.date32() else moment
            self.as_parquet(tmp_path / "m.parquet", pa.array([value], kind))
            assert read_moments(tmp_path / "m.parquet").as_of.to_pylist() == [expected]

    @pytest.mark.parametrize(
        ("write", "says"),
        [
            (lambda path: path.write_text("patient_id,when\na,b\n"), "is no readable Parquet or CSV file"),
            (lambda path: path.write_text("patient_id,as_of\na,soon\n"), "holds what is no date or time"),
            (lambda path: pq.write_table(pa.table({"patient_id": ["a"], "as_of": [7]}), path), "no date or time"),
            (
                lambda path: pq.write_table(pa.table({"patient_id": ["a"], "as_of": pa.nulls(1, pa.string())}), path),
                "rows without a patient or a moment",
            ),
        ],
    )
    def test_what_holds_no_moments_is_refused(self, tmp_path: Path, write: Callable[[Path], object], says: str) -> None:
        for name in ("m.csv", "m.parquet"):
            write(tmp_path / name)
        name = "m.csv" if (tmp_path / "m.csv").read_bytes()[:4] != b"PAR1" else "m.parquet"
        with pytest.raises(MomentsError, match=says):
            read_moments(tmp_path / name)


class TestCommand:
    def run(self, *words: object) -> int:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(batch, "keep_memory", leave_memory)
            return main(["compute", *map(str, words)])

    def test_everybody_is_evaluated_at_one_date(
        self, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run("--history", folder, "--as-of", "2025-01-01", "--out", tmp_path / "m.parquet") == 0
        assert capsys.readouterr().out.startswith(f"{PATIENTS} moments of {len(DENTAL)} features in ")
        rows = pq.read_table(tmp_path / "m.parquet")
        assert rows["patient_id"].to_pylist() == store.patient_ids(folder)
        assert set(rows["as_of"].to_pylist()) == {instant("2025-01-01")}
        assert profile.read(tmp_path / "m.profile.json")["rows"] == PATIENTS

    def test_moments_are_read_from_a_file(self, folder: Path, tmp_path: Path) -> None:
        patient = store.patient_ids(folder)[3]
        (tmp_path / "moments.csv").write_text(f"patient_id,as_of\n{patient},2025-01-01\n{patient},2024-01-01\n")
        given = ("--history", folder, "--moments", tmp_path / "moments.csv", "--out", tmp_path / "m.parquet")
        assert self.run(*given, "--jobs", 2) == 0
        assert pq.read_table(tmp_path / "m.parquet")["as_of"].to_pylist() == [
            instant("2024-01-01"),
            instant("2025-01-01"),
        ]

    def test_what_is_wrong_is_said_in_a_sentence(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run("--history", tmp_path / "nowhere", "--as-of", "2025-01-01", "--out", tmp_path / "m") == 1
        assert "does not exist; write a history there first" in capsys.readouterr().err
        for wrong in (("--as-of", "soon"), ("--as-of", "2025-01-01", "--jobs", "0")):
            with pytest.raises(SystemExit, match="2"):
                self.run("--history", tmp_path, "--out", tmp_path / "m", *wrong)


def test_a_process_of_the_batch_keeps_its_memory_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[object] = []
    monkeypatch.setattr(batch.pa, "set_memory_pool", chosen.append)
    asked: list[tuple[int, int]] = []

    class Library:
        mallopt = staticmethod(lambda name, value: asked.append((name, value)))

    monkeypatch.setattr(batch.ctypes, "CDLL", lambda _: Library)
    batch.keep_memory()
    assert len(chosen) == 1
    assert [name for name, _ in asked] == [-1, -3, -2]
    monkeypatch.setattr(batch.ctypes, "CDLL", lambda _: object())
    batch.keep_memory()
    assert len(asked) == 3
