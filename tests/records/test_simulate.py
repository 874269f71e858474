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
from records.__main__ import main, survey_path, truth_path
from records.check import check
from records.clock import days, end_of_day, microseconds, start_of_day
from records.history import is_sorted
from records.schema import EVENTS, TABLES, Appointments, Vouchers
from records.simulate import CHUNK, SURVEY, TRUTH, Simulated, TruthFile, simulate
from records.simulate.coding import ENDED, LOCAL_CODES
from records.simulate.interview import QUESTIONS
from records.simulate.window import is_closed

UNTIL = date(2025, 12, 31)
CODED = ("procedures", "diagnoses", "findings")


def population(patients: int, years: int = 10, seed: int = 1, until: date = UNTIL, block: int = 10_000) -> Simulated:
    """All blocks of a simulation as one."""
    return Simulated.joined(list(simulate(patients, years, seed, until, block)))


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


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        main(["simulate", "--out", str(tmp_path / name), "--patients", "150", "--years", "3", "--seed", "7"])
    files = [path.name for path in (tmp_path / "one").iterdir()]
    assert sorted(files) == sorted(f"{name}.parquet" for name in TABLES)
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    for path in (truth_path, survey_path):
        assert path(tmp_path / "one").read_bytes() == path(tmp_path / "two").read_bytes()


def test_another_seed_gives_another_population() -> None:
    one, two = population(100, years=2, seed=1), population(100, years=2, seed=2)
    assert not one.history["visits"].equals(two.history["visits"])


@pytest.mark.parametrize("block", [700, CHUNK, 2_500])
def test_the_block_size_does_not_matter(block: int) -> None:
    whole, parts = population(2_600, years=2), population(2_600, years=2, block=block)
    assert whole.truth.equals(parts.truth)
    assert whole.survey.equals(parts.survey)
    for name in (*TABLES, "appointments", "vouchers"):
        assert whole[name].equals(parts[name])


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
    assert simulated["charges"].num_rows == 0
    assert simulated["answers"].num_rows > 0


def test_unknown_codes_are_local_ones_only(town: Simulated) -> None:
    codes = town.history["procedures"]
    local = pc.is_in(codes["code"], pa.array(sorted(LOCAL_CODES)))
    assert pc.all(pc.equal(pc.equal(codes["code_system"], "local"), local)).as_py()
    assert 0.01 < pc.mean(local.cast(pa.int8())).as_py() < 0.04
    assert sum(check(town.history.tables).notices.values()) == pc.sum(local).as_py()


@pytest.mark.parametrize("table", ["contacts", "visits", "appointments", "answers", "vouchers", *CODED])
def test_events_lie_in_the_window_and_in_the_persons_stay(town: Simulated, table: str) -> None:
    events, patients = town[table], town.history["patients"]
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


def test_some_contacts_are_of_people_without_history(town: Simulated) -> None:
    truth, visits = town.truth, town.history["visits"]
    key = np.sort(numbers(visits["patient_id"]) * 10**17 + microseconds(visits["event_time"]))
    person = numbers(truth["patient_id"]) * 10**17
    before = np.searchsorted(key, person + microseconds(truth["event_time"])) - np.searchsorted(key, person)
    assert 0.08 < (before == 0).mean() < 0.35


def test_some_records_come_late(town: Simulated) -> None:
    visits = town.history["visits"]
    delay = microseconds(visits["recorded_at"]) - microseconds(visits["event_time"])
    late = delay > 86_400_000_000 * 1.01
    slow = np.asarray(pc.equal(visits["unit"], "Voucher clinic 5"))
    assert late[~slow].mean() == pytest.approx(0.02, abs=0.005)
    assert late[slow].mean() == pytest.approx(0.6, abs=0.06)


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


def test_people_who_need_care_and_never_come_stand_in_the_survey(town: Simulated) -> None:
    survey = town.survey
    assert survey.schema.equals(SURVEY)
    assert survey["patient_id"].equals(town.history["patients"]["patient_id"])
    silent = pc.and_(pc.invert(survey["came"]), pc.greater(survey["caries"], 0))
    assert 0.005 < pc.mean(silent.cast(pa.int8())).as_py() < 0.1
    with_visits = town.history["visits"]["patient_id"].unique()
    assert pc.all(pc.is_in(with_visits, survey.filter(survey["came"])["patient_id"].combine_chunks())).as_py()


def test_every_visit_is_an_appointment_that_was_kept(town: Simulated) -> None:
    kept = town["appointments"].filter(pc.equal(town["appointments"]["state"], "fulfilled"))
    visits = town.history["visits"]
    assert kept["patient_id"].equals(visits["patient_id"])
    assert kept["starts_at"].equals(visits["event_time"])
    assert kept["minutes"].equals(visits["minutes"])
    assert kept["profession"].equals(visits["profession"])


def test_an_appointment_is_booked_and_then_comes_out_once(town: Simulated) -> None:
    rows = town["appointments"].select(["appointment_id", "state", "event_time", "starts_at"]).to_pylist()
    booked = {row["appointment_id"]: row for row in rows if row["state"] == "booked"}
    outcomes = [row for row in rows if row["state"] != "booked"]
    assert {row["state"] for row in outcomes} == {"fulfilled", "cancelled", "late_cancelled", "no_show"}
    assert len({row["appointment_id"] for row in outcomes}) == len(outcomes)
    for row in outcomes:
        before = booked[row["appointment_id"]]
        assert before["event_time"] < row["event_time"]
        assert before["starts_at"] == row["starts_at"]
        if row["state"] in {"cancelled", "late_cancelled"}:
            assert row["event_time"] < row["starts_at"]
        if row["state"] == "no_show":
            assert row["event_time"] > row["starts_at"]


def test_answers_are_numbers_of_their_question_and_known_at_their_contact(town: Simulated) -> None:
    answers, contacts = town["answers"], town.history["contacts"]
    place = pc.index_in(answers["contact_id"], contacts["event_id"].combine_chunks())
    assert place.null_count == 0
    assert contacts["event_time"].take(place).equals(answers["event_time"])
    most = {"pain": 2, "bleeding": 2, "self_rated": 5, "smoking": 1, "diabetes": 1, "fear": 4, "brushing": 3,
            "broken": 1, "swelling": 1, "loose": 1, "sugar": 5, "dry_mouth": 2, "medicines": 15}  # fmt: skip
    for question in QUESTIONS:
        values = answers.filter(pc.equal(answers["question"], question))["value"]
        assert len(values) > 1_000
        assert pc.min(values).as_py() == (1 if question == "self_rated" else 0)
        assert pc.max(values).as_py() <= most.get(question, 32)
        assert not np.signbit(np.asarray(values)).any()
    assert 0.4 < len(answers["contact_id"].unique()) / len(town.truth) < 0.9


def test_answers_are_noisy_readings_of_the_truth(town: Simulated) -> None:
    truth = town.truth.select(["contact_id", "caries", "perio", "fear", "missing", "caries_rate"])
    for question, trait, least, most in (("bleeding", "perio", 0.4, 0.9), ("fear", "fear", 0.6, 0.95),
                                         ("missing_teeth_self", "missing", 0.8, 0.995),
                                         ("self_rated", "caries", -0.7, -0.2), ("loose", "perio", 0.2, 0.6),
                                         ("sugar", "caries_rate", 0.3, 0.7)):  # fmt: skip
        told = town["answers"].filter(pc.equal(town["answers"]["question"], question))
        known = truth.take(pc.index_in(told["contact_id"], truth["contact_id"].combine_chunks()))
        assert least < np.corrcoef(told["value"], known[trait].cast("float64"))[0, 1] < most


def test_an_answer_is_missing_because_of_what_it_would_be(town: Simulated) -> None:
    answers, truth = town["answers"], town.truth

    def told(question: str) -> set[str]:
        return set(answers.filter(pc.equal(answers["question"], question))["contact_id"].to_pylist())

    interviewed = set(answers["contact_id"].to_pylist())
    people = town.survey.select(["patient_id", "smokes", "life"]).to_pandas().set_index("patient_id")
    rows = truth.select(["patient_id", "contact_id", "cause", "age"]).to_pandas().join(people, on="patient_id")
    rows = rows[rows["contact_id"].isin(interviewed) & (rows["age"] >= 20)]
    smoking, pain = rows["contact_id"].isin(told("smoking")), rows["contact_id"].isin(told("pain"))
    assert smoking[rows["smokes"]].mean() < smoking[~rows["smokes"]].mean() - 0.08
    assert smoking[rows["cause"] == "emergency"].mean() < smoking[rows["cause"] == "examination"].mean() - 0.15
    assert pain[rows["cause"] == "emergency"].mean() == pytest.approx(0.86, abs=0.03)
    assert smoking[rows["life"] > 0.5].mean() < smoking[rows["life"] < 0.1].mean() - 0.03


def test_a_voucher_is_granted_then_activated_or_not_then_over(town: Simulated) -> None:
    vouchers = town["vouchers"]
    ways: dict[str, list[str]] = {}
    for voucher, state in zip(vouchers["voucher_id"].to_pylist(), vouchers["state"].to_pylist(), strict=True):
        ways.setdefault(voucher, []).append(state)
    full = (["granted", "activated", "ended"], ["granted", "ended"], ["granted", "withdrawn"])
    assert all(way in [known[: len(way)] for known in full] for way in ways.values())
    chosen = pc.filter(vouchers["state"], vouchers["provider_id"].is_valid())
    assert set(chosen.to_pylist()) == {"activated", "ended"}
    activated = vouchers.filter(pc.equal(vouchers["state"], "activated"))
    assert activated["provider_id"].null_count == 0


def test_the_values_of_appointments_and_vouchers_are_those_of_the_schema(town: Simulated) -> None:
    for table in (Appointments, Vouchers):
        rows = town[table.name]
        assert rows.schema.equals(table.arrow())
        assert is_sorted(rows)
        assert len(rows["event_id"].unique()) == len(rows)
        for name, column in table.columns().items():
            assert column.nullable or rows[name].null_count == 0
            assert not column.one_of or set(rows[name].unique().to_pylist()) <= set(column.one_of)


def test_an_extracted_tooth_is_not_treated_again(town: Simulated) -> None:
    codes = town.history["procedures"]
    codes = codes.filter(codes["tooth"].is_valid())
    key = numbers(codes["patient_id"]) * 100 + np.asarray(codes["tooth"])
    moment = microseconds(codes["event_time"])
    removed = np.asarray(pc.is_in(codes["code"], pa.array(["EBA00", "EBA05", "EBA10"])))
    gone = dict(zip(key[removed].tolist(), moment[removed].tolist(), strict=True))
    assert len(gone) == removed.sum()
    assert all(moment[n] <= gone.get(key[n], moment[n]) for n in range(len(key)))


def test_a_filled_tooth_is_filled_again(town: Simulated) -> None:
    codes = town.history["procedures"]
    codes = codes.filter(pc.and_(pc.starts_with(codes["code"], "SFA"), codes["tooth"].is_valid()))
    key = numbers(codes["patient_id"]) * 100 + np.asarray(codes["tooth"])
    assert 0.1 < 1 - len(np.unique(key)) / len(key) < 0.5


def test_clinics_record_differently(town: Simulated) -> None:
    visits = town.history["visits"].select(["event_id", "unit", "event_time"])
    for table, silent in (("diagnoses", "Voucher clinic 3"), ("procedures", "Purchased clinic")):
        visit = pc.index_in(town.history[table]["visit_id"], visits["event_id"].combine_chunks())
        notes = np.bincount(np.asarray(visit), minlength=len(visits))
        here = np.asarray(pc.equal(visits["unit"], silent))
        assert notes[here].mean() < 0.75 * notes[~here].mean()
    house = town.history["procedures"].filter(pc.is_in(town.history["procedures"]["code"], pa.array(["TARK", "PUUD"])))
    place = pc.index_in(house["visit_id"], visits["event_id"].combine_chunks())
    assert pc.unique(visits["unit"].take(place)).to_pylist() == ["Clinic Pohjoinen"]
    assert pc.max(pc.year(house["event_time"])).as_py() == 2021


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        (date(2024, 3, 29), True),  # Good Friday
        (date(2024, 4, 1), True),  # Easter Monday
        (date(2024, 5, 9), True),  # Ascension Day
        (date(2024, 6, 21), True),  # Midsummer Eve
        (date(2024, 12, 6), True),  # Independence Day
        (date(2024, 4, 2), False),
        (date(2024, 6, 20), False),
        (date(2000, 4, 24), True),
        (date(2038, 4, 26), True),  # the latest Easter there is
    ],
)
def test_clinics_are_closed_on_finnish_holidays(day: date, *, closed: bool) -> None:
    assert is_closed(day) is closed


def test_the_command_writes_what_the_store_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "var" / "records"
    assert main(["simulate", "--out", str(out), "--patients", "120", "--years", "2", "--until", "2020-05-31"]) == 0
    expected = population(120, years=2, until=date(2020, 5, 31))
    history = store.read(out)
    assert all(history[name].equals(expected.history[name]) for name in EVENTS)
    assert pq.read_table(truth_path(out)).equals(expected.truth)
    summary = capsys.readouterr().out
    assert pq.read_table(survey_path(out)).equals(expected.survey)
    assert [line.split()[0] for line in summary.splitlines()] == [*TABLES, "truth", "survey"]
    names = ["records", "records-survey.parquet", "records-truth.parquet"]
    assert sorted(path.name for path in out.parent.iterdir()) == names


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


def test_a_truth_that_is_not_finished_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), TruthFile(tmp_path / "truth.parquet"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "records").write_text("a letter", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["simulate", "--out", str(tmp_path / "records"), "--patients", "10"])
    assert "is a file; give a folder to write to" in capsys.readouterr().err
    assert (tmp_path / "records").read_text(encoding="utf-8") == "a letter"
