"""The report on a history counts what breaks a rule, is set aside, odd or implausible, and shows nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from records import store
from records.__main__ import main
from records.history import History
from records.imports.quarantine import QuarantineError
from records.quality import Quality, Report, as_text, measure
from records.schema import EVENTS
from tests.rows import event, history, patient

NOWHERE = Path("nowhere")


def found(*patients: dict[str, object], **events: list[dict[str, object]]) -> Report:
    counted = Quality()
    counted.add(history(*patients, **events))
    return counted.report()


def visits(many: int, day: str = "2024-05-05", **more: object) -> list[dict[str, object]]:
    return [event("visits", day, event_id=f"v{day}{at}", **more) for at in range(many)]


def test_stored_rows_that_break_a_rule_are_counted_by_table_and_rule() -> None:
    report = found(visits=[*visits(2, minutes=-5), event("visits", "1950-01-01", event_id="early")])
    assert report["broken"] == {
        "visits": {"it happened before the patient was born": 1, "minutes is below 0": 2},
    }
    assert report["rows"]["visits"] == 3


def test_messages_have_a_reason_of_their_own_and_are_counted_all_the_same() -> None:
    made = {"message_id": "1", "kind": "late", "recipient": "nobody", "channel": "sms", "state": "sent", "reason": "x"}
    row = {name: value for name, value in event("visits", "2024-01-01").items() if name in EVENTS["messages"].columns()}
    assert found(messages=[row | made])["broken"] == {"messages": {"recipient is not an allowed value": 1}}


def test_what_is_used_although_odd_is_counted() -> None:
    report = found(procedures=[event("procedures", "2024-05-05", code="XX999")])
    assert report["noticed"] == {"procedures": {"unknown code, counted in the group other": 1}}


def test_events_are_counted_by_helsinki_year_from_five_on() -> None:
    report = found(visits=[*visits(5, "2024-12-31T22:30+00:00"), *visits(4, "2024-06-01")])
    assert report["events"] == {"visits": {"2024": None, "2025": 5}}


def test_shares_say_what_is_missing_late_or_lost() -> None:
    procedures = [event("procedures", f"2024-05-{at + 1:02}", visit_id="lost", tooth=11) for at in range(5)]
    report = found(
        *(patient(name) for name in "abcdef"),
        visits=[*visits(5, minutes=None), *visits(5, "2024-06-01", known="2024-06-09")],
        procedures=procedures,
    )
    shares = report["shares"]
    assert shares["patients without any event"] == pytest.approx(5 / 6, abs=1e-6)
    assert shares["patients without a date of birth"] == 0
    assert shares["visits without minutes"] == 0.5
    assert shares["visits without a procedure"] == 1
    assert shares["visits recorded more than a week later"] == 0.5
    assert shares["procedures of a visit that is not stored"] == 1
    assert shares["procedures with an unknown code"] == shares["procedures without a tooth"] == 0
    assert "diagnoses without a tooth" not in shares


def test_a_share_of_four_people_is_not_shown() -> None:
    report = found(*(patient(str(at), birth_date=None if at < 4 else patient()["birth_date"]) for at in range(20)))
    assert report["shares"]["patients without a date of birth"] is None
    assert any("below 5  patients without a date of birth" in line for line in as_text(report))


def test_blocks_of_patients_count_what_the_whole_does(tmp_path: Path) -> None:
    people = [patient(f"p{at}") for at in range(7)]
    rows = [event("visits", "2024-01-01", patient=f"p{at}", event_id=str(at)) for at in range(7)]
    store.write(history(*people, visits=rows), tmp_path / "records")
    reports = [measure(tmp_path / "records", NOWHERE, patients).report() for patients in (1, 3, 100)]
    assert reports[0] == reports[1] == reports[2]
    assert reports[0]["rows"] == {name: 7 if name in {"patients", "visits"} else 0 for name in reports[0]["rows"]}


def test_rows_of_unknown_patients_are_found_wherever_they_sort(tmp_path: Path) -> None:
    rows = [event("visits", "2024-01-01", patient=name) for name in ("a", "p0", "p5", "z")]
    store.write(history(patient("p0"), patient("p9"), visits=rows), tmp_path / "records")
    report = measure(tmp_path / "records", NOWHERE, 1).report()
    assert report["broken"] == {"visits": {"the patient is unknown": 3}}


class TestCommand:
    @pytest.fixture
    def imported(self, tmp_path: Path) -> Path:
        """A store whose import has set one visit aside."""
        found: History = history(visits=[event("visits", "2024-01-01", minutes=9_999), event("visits", "2024-01-02")])
        store.write(found, tmp_path / "source")
        assert main(["import", "tarve", str(tmp_path / "source"), "--store", str(tmp_path / "store")]) == 0
        return tmp_path / "store"

    def test_a_person_reads_it_and_a_program_too(
        self, imported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["quality", "--history", str(imported), "--json", str(tmp_path / "q.json")]) == 0
        shown = capsys.readouterr().out
        assert "stored rows that break a rule: none" in shown
        assert "         1  visits: minutes is above 1440" in shown
        assert "visits: 2024 below 5" in shown
        report = json.loads((tmp_path / "q.json").read_text())
        assert report["set_aside"] == {"visits": {"minutes is above 1440": 1}}

    def test_another_quarantine_can_be_named_and_must_be_one(self, imported: Path, tmp_path: Path) -> None:
        (tmp_path / "visits.parquet").write_text("no")
        with pytest.raises(QuarantineError):
            measure(imported, tmp_path)
        assert main(["quality", "--history", str(imported), "--quarantine", str(tmp_path)]) == 1
