"""The simulated population: reproducible, in order, inside its window, and close to what is published."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from records import store
from records.__main__ import main, truth_path
from records.check import check
from records.clock import days, end_of_day, microseconds, start_of_day
from records.history import is_sorted
from records.schema import EVENTS, TABLES
from records.simulate import CHUNK, TRUTH, Simulated, simulate
from records.simulate.coding import ENDED, LOCAL_CODES

UNTIL = date(2025, 12, 31)
CODED = ("procedures", "diagnoses", "findings")


def population(patients: int, years: int = 10, seed: int = 1, until: date = UNTIL, block: int = 10_000) -> Simulated:
    """All blocks of a simulation as one."""
    blocks = list(simulate(patients, years, seed, until, block))
    histories = [block.history for block in blocks]
    tables = {name: pa.concat_tables([history[name] for history in histories]) for name in TABLES}
    return Simulated(type(histories[0])(tables), pa.concat_tables([block.truth for block in blocks]))


@pytest.fixture(scope="module")
def town() -> Simulated:
    """A moderate population over ten years."""
    return population(6_000)


@pytest.fixture(scope="module")
def old_town() -> Simulated:
    """A small population whose window holds the end of 2016, when several codes ended."""
    return population(1_000, years=12, until=date(2023, 6, 15))


def numbers(ids: pa.ChunkedArray) -> np.ndarray:
    """Patient numbers of patient ids."""
    return np.asarray(pc.utf8_slice_codeunits(ids, 1).cast(pa.int64()))


def visits_in_the_year_after(town: Simulated) -> np.ndarray:
    """Visits in the 12 months after every contact that starts an episode and is followed for so long."""
    moment = days(town.truth["event_time"]).astype(np.int64)
    person = numbers(town.truth["patient_id"])
    visits = town.history["visits"]
    key = numbers(visits["patient_id"]) * 100_000 + days(visits["event_time"])
    counts = np.searchsorted(key, person * 100_000 + moment + 366) - np.searchsorted(key, person * 100_000 + moment)
    left = pc.fill_null(town.history["patients"]["left_at"], end_of_day(UNTIL))
    return np.asarray(counts[moment + 366 <= days(left)[person - 1]])


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        main(["simulate", "--out", str(tmp_path / name), "--patients", "150", "--years", "3", "--seed", "7"])
    files = [path.name for path in (tmp_path / "one").iterdir()]
    assert sorted(files) == sorted(f"{name}.parquet" for name in TABLES)
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert truth_path(tmp_path / "one").read_bytes() == truth_path(tmp_path / "two").read_bytes()


def test_another_seed_gives_another_population() -> None:
    one, two = population(100, years=2, seed=1), population(100, years=2, seed=2)
    assert not one.history["visits"].equals(two.history["visits"])


@pytest.mark.parametrize("block", [700, CHUNK, 2_500])
def test_the_block_size_does_not_matter(block: int) -> None:
    whole, parts = population(2_600, years=2), population(2_600, years=2, block=block)
    assert whole.truth.equals(parts.truth)
    for name in TABLES:
        assert whole.history[name].equals(parts.history[name])


def test_a_patient_does_not_depend_on_how_many_follow() -> None:
    few, many = population(50, years=2), population(2_100, years=2)
    first = pc.is_in(many.history["visits"]["patient_id"], few.history.patient_ids.combine_chunks())
    assert few.history["visits"].equals(many.history["visits"].filter(first))


@pytest.mark.parametrize("years", [1, 12])
def test_nothing_is_set_aside_and_all_tables_are_in_order(years: int) -> None:
    simulated = population(2_000, years=years, until=date(2024, 2, 29))
    checked = check(simulated.history.tables, end_of_day(date(2024, 2, 29)) + timedelta(microseconds=1))
    assert checked.counts() == {}
    assert all(is_sorted(simulated.history[name]) for name in TABLES)
    assert simulated.history.rows()["answers"] == simulated.history.rows()["charges"] == 0


def test_unknown_codes_are_local_ones_only(town: Simulated) -> None:
    codes = town.history["procedures"]
    local = pc.is_in(codes["code"], pa.array(sorted(LOCAL_CODES)))
    assert pc.all(pc.equal(pc.equal(codes["code_system"], "local"), local)).as_py()
    assert 0.005 < pc.mean(local.cast(pa.int8())).as_py() < 0.04
    assert sum(check(town.history.tables).notices.values()) == pc.sum(local).as_py()


@pytest.mark.parametrize("table", ["contacts", "visits", *CODED])
def test_events_lie_in_the_window_and_in_the_persons_stay(town: Simulated, table: str) -> None:
    events, patients = town.history[table], town.history["patients"]
    owner = numbers(events["patient_id"]) - 1
    moment = microseconds(events["event_time"])
    assert moment.min() >= start_of_day(date(2016, 1, 1)).timestamp() * 1e6
    assert microseconds(events["recorded_at"]).max() <= end_of_day(UNTIL).timestamp() * 1e6
    assert (microseconds(events["recorded_at"]) >= moment).all()
    assert (days(events["event_time"]) >= np.asarray(patients["birth_date"].cast(pa.int32()))[owner]).all()
    left = np.asarray(pc.fill_null(patients["left_at"].cast(pa.int64()), 2**62))
    assert (moment < left[owner]).all()
    assert 0.1 < patients["left_at"].drop_null().length() / len(patients) < 0.4


@pytest.mark.parametrize("table", ["contacts", "visits"])
def test_contacts_and_visits_fall_in_office_hours(town: Simulated, table: str) -> None:
    local = town.history[table]["event_time"].cast(pa.timestamp("us", tz="Europe/Helsinki"))
    assert pc.max(pc.day_of_week(local)).as_py() <= 4
    assert pc.min(pc.hour(local)).as_py() == 8
    assert pc.max(pc.hour(local)).as_py() == 15


@pytest.mark.parametrize("table", CODED)
def test_what_is_coded_belongs_to_a_visit_of_the_same_patient(town: Simulated, table: str) -> None:
    visits, coded = town.history["visits"], town.history[table]
    place = pc.index_in(coded["visit_id"], visits["event_id"].combine_chunks())
    assert place.null_count == 0
    for column in ("patient_id", "event_time"):
        assert visits[column].take(place).equals(coded[column])


def test_no_visit_has_two_codes_of_periodontal_care(town: Simulated) -> None:
    codes = town.history["procedures"]
    visits = codes.filter(pc.starts_with(codes["code"], "SDA"))["visit_id"]
    assert len(visits.unique()) == len(visits)


def test_retired_codes_are_not_used_after_their_end(old_town: Simulated) -> None:
    codes = old_town.history["procedures"]
    years = pc.year(codes["event_time"].cast(pa.timestamp("us", tz="Europe/Helsinki")))
    for code, last in ENDED.items():
        used = pc.filter(years, pc.equal(codes["code"], code))
        assert len(used) > 0
        assert pc.max(used).as_py() <= last


def test_findings_agree_with_each_other(town: Simulated) -> None:
    rows = town.history["findings"].select(["visit_id", "kind", "value"])
    value = {
        kind: dict(
            zip(
                *(rows.filter(pc.equal(rows["kind"], kind))[column].to_pylist() for column in ("visit_id", "value")),
                strict=True,
            )
        )
        for kind in ("decayed", "missing", "filled", "dmft", "teeth")
    }
    assert value["dmft"]
    for visit, total in value["dmft"].items():
        assert total == sum(value[kind][visit] for kind in ("decayed", "missing", "filled")) <= 32
        assert value["decayed"][visit] + value["filled"][visit] <= value["teeth"][visit]


def test_visits_a_client_year_are_as_published(town: Simulated) -> None:
    """THL 33/2023: 4.7 million visits of 1.847 million clients in 2022 are 2.54 a client-year."""
    visits = town.history["visits"]
    years = numbers(visits["patient_id"]) * 10_000 + np.asarray(pc.year(visits["event_time"]))
    assert len(years) / len(np.unique(years)) == pytest.approx(2.54, abs=0.15)


def test_professions_share_the_visits_as_published(town: Simulated) -> None:
    """FinnGen AvoHilmo 2018-2023, office visits: dentist 75.7 %, hygienist 16.4 %, assistant 3.2 %."""
    counts = {row["values"]: row["counts"] for row in town.history["visits"]["profession"].value_counts().to_pylist()}
    share = {name: count / sum(counts.values()) for name, count in counts.items()}
    assert share["dentist"] == pytest.approx(0.757, abs=0.03)
    assert share["hygienist"] == pytest.approx(0.164, abs=0.03)
    assert share["assistant"] == pytest.approx(0.032, abs=0.015)


def test_procedures_a_visit_are_as_published(town: Simulated) -> None:
    """FinnGen AvoHilmo 2018-2023: about 3.0 codes a dentist's visit, 2.0 a hygienist's."""
    visits, codes = town.history["visits"], town.history["procedures"]
    of = visits["profession"].take(pc.index_in(codes["visit_id"], visits["event_id"].combine_chunks()))
    for profession, published in (("dentist", 3.0), ("hygienist", 2.0)):
        n = pc.sum(pc.equal(visits["profession"], profession)).as_py()
        assert pc.sum(pc.equal(of, profession)).as_py() / n == pytest.approx(published, abs=0.3)


def test_light_and_heavy_use_are_as_published(town: Simulated) -> None:
    """Espoo 2004 (BMC Oral Health 2013;13:18): of adult attenders at most 12.2 % had six visits or more."""
    counts = visits_in_the_year_after(town)
    came = counts[counts > 0]
    assert 0.03 < 1 - len(came) / len(counts) < 0.09
    assert 0.75 <= (came <= 3).mean() <= 0.82
    assert 0.08 <= ((came == 4) | (came == 5)).mean() <= 0.13
    assert 0.07 <= (came >= 6).mean() <= 0.122


def test_heavy_use_mostly_passes(town: Simulated) -> None:
    """Espoo: of those with six visits or more in a year, 61.6 % became low users and 11.2 % stayed heavy."""
    visits = town.history["visits"]
    year = np.asarray(pc.year(visits["event_time"])) - 2016
    a_year = np.zeros((6_000, 11), int)
    np.add.at(a_year, (numbers(visits["patient_id"]) - 1, year), 1)
    stayed = np.asarray(town.history["patients"]["left_at"].is_null())
    later = np.concatenate([a_year[stayed & (a_year[:, y] >= 6), y + 1 : y + 6].mean(axis=1) for y in range(5)])
    assert 0.5 < (later <= 3).mean() < 0.8
    assert (later >= 6).mean() < 0.2


def test_some_contacts_are_of_people_without_history(town: Simulated) -> None:
    truth, visits = town.truth, town.history["visits"]
    key = np.sort(numbers(visits["patient_id"]) * 10**17 + microseconds(visits["event_time"]))
    person = numbers(truth["patient_id"]) * 10**17
    before = np.searchsorted(key, person + microseconds(truth["event_time"])) - np.searchsorted(key, person)
    assert 0.08 < (before == 0).mean() < 0.35


def test_some_records_come_late(town: Simulated) -> None:
    visits = town.history["visits"]
    delay = microseconds(visits["recorded_at"]) - microseconds(visits["event_time"])
    assert (delay > 86_400_000_000 * 1.01).mean() == pytest.approx(0.02, abs=0.005)


def test_the_truth_stands_for_contacts_that_exist(town: Simulated) -> None:
    truth, contacts = town.truth, town.history["contacts"]
    assert truth.schema.equals(TRUTH)
    place = pc.index_in(truth["contact_id"], contacts["event_id"].combine_chunks())
    assert place.null_count == 0
    for column in ("patient_id", "event_time"):
        assert contacts[column].take(place).equals(truth[column])
    assert set(contacts["service"].take(place).to_pylist()) == {"examination", "emergency", "treatment"}
    assert pc.min(truth["need_visits"]).as_py() >= 1
    assert 0.9 < pc.mean(truth["came"].cast(pa.int8())).as_py() < 0.98
    assert len(contacts) > len(truth)


def test_the_command_writes_what_the_store_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "var" / "records"
    assert main(["simulate", "--out", str(out), "--patients", "120", "--years", "2", "--until", "2020-05-31"]) == 0
    expected = population(120, years=2, until=date(2020, 5, 31))
    history = store.read(out)
    assert all(history[name].equals(expected.history[name]) for name in EVENTS)
    assert pq.read_table(truth_path(out)).equals(expected.truth)
    summary = capsys.readouterr().out
    assert [line.split()[0] for line in summary.splitlines()] == [*TABLES, "truth"]
    assert sorted(path.name for path in out.parent.iterdir()) == ["records", "records-truth.parquet"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--patients", "0"], "patients must be between 1 and 9999999, not 0"),
        (["--years", "0"], "years must be between 1 and 60, not 0"),
        (["--until", "soon"], "soon is not a date like 2025-12-31"),
        (["--until", "1066-10-14"], "the year of until must be between 1980 and 2100, not 1066"),
        (["--seed", "-1"], "seed must be between 0 and 4294967295, not -1"),
    ],
)
def test_a_wrong_argument_gives_one_sentence_and_status_2(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["simulate", "--out", str(tmp_path / "records"), *arguments])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert sentence in message
    assert message.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["simulate", "--out", str(tmp_path), "--patients", "10"])
    assert "holds something other than a history" in capsys.readouterr().err
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
