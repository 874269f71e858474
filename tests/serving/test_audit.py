"""The audit: who did what for whom, in lines that nobody can change, move, remove or add unseen."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError as DriverError
from sqlalchemy.exc import DBAPIError

from records.database.connection import engine
from serving import reviews
from serving.__main__ import main
from serving.house import House
from serving.keys import Secrets
from serving.release import Release
from serving.settings import Settings
from serving.storage import chain
from serving.storage.chain import Chain, Head, faults, link, read_anchors
from serving.storage.ledger import Ledger
from serving.storage.tables import AUDIT
from serving.storage.writer import Write
from tests.serving.asker import KNOWN, NOW, Asker, asker, posted

ROOT = Path(__file__).resolve().parents[2]
LINES = 12
SAYS = "does not follow from the line before it"


def lines(house: House) -> list[dict[str, Any]]:
    with house.ledger.database.snapshot() as connection:
        return [json.loads(line) for (line,) in connection.execute(AUDIT.select().with_only_columns(AUDIT.c.line))]


def codes(event: dict[str, Any]) -> tuple[str, str, str]:
    return event["subtype"][0]["code"], event["action"], event["purposeOfEvent"][0]["coding"][0]["code"]


def test_every_deed_is_a_line_shaped_like_a_fhir_audit_event(release: Release, own_house: House) -> None:
    api = asker(release, own_house)
    name = api.answer({"patient_id": KNOWN})["id"]
    api.get(f"/v1/assessments/{name}")
    segment = api.get(f"/v1/assessments/{name}").json()["segment"]["name"]
    api.post(f"/v1/assessments/{name}/decision", {"outcome": "accepted"})
    api.post(f"/v1/assessments/{name}/decision", {"outcome": "accepted"})
    api.post("/v1/assess/batch", {"items": [posted()]})
    found = lines(own_house)
    assert [codes(event) for event in found] == [
        ("assess", "E", "TREAT"), ("read", "R", "TREAT"), ("read", "R", "TREAT"), ("decide", "C", "TREAT"),
        ("assess", "E", "HOPERAT"),
    ]  # fmt: skip
    first = found[0]
    assert first["resourceType"] == "AuditEvent"
    assert first["recorded"] == "2026-11-22T08:00:00.000+00:00"
    assert first["type"]["code"] == "rest"
    assert first["agent"] == [
        {"who": {"identifier": {"system": "urn:tarve:demo", "value": "tests"}}, "requestor": True}
    ]
    assert first["source"]["site"] == "demo"
    whom = own_house.secrets.patient("demo", KNOWN)
    for event in found[:4]:
        patient, assessment = event["entity"]
        assert patient["what"]["identifier"] == {"system": "urn:tarve:patient", "value": whom}
        assert assessment["what"]["identifier"] == {"system": "urn:tarve:assessment", "value": name}
    details = {one["type"]: one["valueString"] for one in first["entity"][1]["detail"]}
    assert (details["model"], details["status"], details["segment"]) == ("tarve-need 1", "assessed", segment)
    assert KNOWN not in json.dumps(found)


def test_a_subject_that_is_an_identity_code_is_hashed(own_house: House) -> None:
    from serving import audit

    actor = audit.Actor("urn:x", "010190-999W", "demo", "TREAT", user="Practitioner/7")
    line = audit.line("feedback", actor, audit.Object(), NOW, own_house.secrets)
    assert "999W" not in line
    agents = json.loads(line)["agent"]
    assert [one["requestor"] for one in agents] == [False, True]
    assert "entity" not in json.loads(line)


@pytest.fixture
def written(own_house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    # One anchor, also on a slow machine.
    monkeypatch.setattr(chain, "SECONDS_BETWEEN_ANCHORS", 30.0)
    for number in range(LINES):
        own_house.ledger.writer.put(Write(lines=[f'{{"line":{number}}}'])).result()
    return own_house


def tampered(house: House, *statements: str) -> list[str]:
    """What is found after somebody with all rights in the database, but without the key, changed it."""
    reached = engine(house.settings.database)
    with reached.begin() as connection:
        for trigger in ("audit_lines_no_update", "audit_lines_no_delete"):
            connection.execute(text(f"DROP TRIGGER {trigger}"))
        for statement in statements:
            connection.execute(text(statement))
    with reached.connect() as connection:
        found = list(faults(connection, house.secrets.audit, read_anchors(house.settings.anchors)))
    reached.dispose()
    return found


def test_nothing_is_found_where_nothing_was_done(written: House) -> None:
    assert tampered(written) == []


@pytest.mark.parametrize("at", [1, 5, LINES])
def test_a_changed_line_is_found(written: House, at: int) -> None:
    found = tampered(written, f"UPDATE audit_lines SET line = '{{}}' WHERE number = {at}")  # noqa: S608
    assert found == [f"line {at} {SAYS}: one of them was changed, moved or added"]


@pytest.mark.parametrize("at", [1, 5])
def test_a_changed_hash_is_found(written: House, at: int) -> None:
    found = tampered(written, f"UPDATE audit_lines SET hash = 'x' WHERE number = {at}")  # noqa: S608
    assert any(f"line {at} {SAYS}" in one for one in found)


@pytest.mark.parametrize("at", [1, 5, LINES - 1])
def test_a_removed_line_is_found(written: House, at: int) -> None:
    found = tampered(written, f"DELETE FROM audit_lines WHERE number = {at}")  # noqa: S608
    assert found[0] == f"line {at} is missing"


def test_removed_lines_are_found_also_when_the_rest_is_renumbered(written: House) -> None:
    moves = [f"UPDATE audit_lines SET number = {at - 1} WHERE number = {at}" for at in range(6, LINES + 1)]  # noqa: S608
    found = tampered(written, "DELETE FROM audit_lines WHERE number = 5", *moves)
    assert found[0].startswith(f"line 5 {SAYS}")
    assert f"line {LINES} is missing, at the end" in found


def test_exchanged_lines_are_found(written: House) -> None:
    swap = ["UPDATE audit_lines SET number = 99 WHERE number = 3", "UPDATE audit_lines SET number = 3 WHERE number = 4",
            "UPDATE audit_lines SET number = 4 WHERE number = 99"]  # fmt: skip
    assert [one.split(" does")[0] for one in tampered(written, *swap)] == ["line 3", "line 4", "line 5"]


def test_an_added_line_is_found(written: House) -> None:
    found = tampered(written, f"INSERT INTO audit_lines VALUES ({LINES + 1}, '{{}}', 'abc')")  # noqa: S608
    assert [f"line {LINES + 1} {SAYS}" in found[0], "lines were added" in found[1]] == [True, True]


def test_an_added_line_is_found_also_when_the_head_is_moved(written: House) -> None:
    found = tampered(
        written,
        f"INSERT INTO audit_lines VALUES ({LINES + 1}, '{{}}', 'abc')",  # noqa: S608
        f"UPDATE audit_head SET number = {LINES + 1}, hash = 'abc'",  # noqa: S608
    )
    assert found == [f"line {LINES + 1} {SAYS}: one of them was changed, moved or added"]


@pytest.mark.parametrize("left", [0, 1, LINES - 1])
def test_an_end_cut_off_is_found(written: House, left: int) -> None:
    found = tampered(written, f"DELETE FROM audit_lines WHERE number > {left}")  # noqa: S608
    assert found[0].endswith("missing, at the end")


def test_an_end_cut_off_together_with_its_head_is_found_by_the_anchors(written: House) -> None:
    written.ledger._chain.anchor(Head(LINES, "last"), at_once=True)
    before = next(iter(read_anchors(written.settings.anchors)))
    assert before == 1
    found = tampered(
        written,
        "DELETE FROM audit_lines WHERE number > 3",
        "UPDATE audit_head SET number = 3, hash = (SELECT hash FROM audit_lines WHERE number = 3)",
    )
    assert found == [f"line {LINES} was anchored, but the lines end with 3: the end was cut off"]


def test_a_whole_audit_replaced_is_found_by_the_anchors(written: House) -> None:
    other = b"another key"
    first = link(written.secrets.audit, Head(0, ""), "{}")
    assert first != link(other, Head(0, ""), "{}")
    found = tampered(
        written,
        "DELETE FROM audit_lines",
        f"INSERT INTO audit_lines VALUES (1, '{{}}', '{first}')",  # noqa: S608
        f"UPDATE audit_head SET number = 1, hash = '{first}'",  # noqa: S608
    )
    assert found == ["line 1 is not the one that was anchored"]


def test_the_database_itself_refuses_to_change_or_remove_lines(written: House) -> None:
    reached = engine(written.settings.database)
    for statement in ("UPDATE audit_lines SET line = 'x'", "DELETE FROM audit_lines", "DELETE FROM kept_feedback"):
        with reached.begin() as connection:
            if "feedback" in statement:
                connection.execute(text(FEEDBACK))
            with pytest.raises(DBAPIError, match="only added"):
                connection.execute(text(statement))
    reached.dispose()


FEEDBACK = (
    "INSERT INTO kept_feedback (id, tenant, card_id, received_at, outcome, suggestions) "
    "VALUES ('f', 'demo', 'c', 0, 'accepted', '')"
)


def test_anchors_that_a_crash_broke_off_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "anchors").write_text("1 aa\n2 bb cc\n\nx yy\n3 d")
    assert read_anchors(tmp_path / "anchors") == {1: "aa", 3: "d"}
    assert read_anchors(tmp_path / "none") == {}


def test_anchors_that_cannot_be_written_do_not_stop_the_service(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Chain(b"k", tmp_path / "none" / "anchors").anchor(Head(1, "h"))
    assert "cannot be copied to its anchors" in caplog.text


WORKER = """
import sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from serving.keys import Secrets
from serving.settings import Settings
from serving.storage.ledger import Ledger
from serving.storage.writer import Write

folder, *urls = sys.argv[1:]
for url in urls:
    settings = replace(Settings.under(Path(folder)), database=url)
    ledger = Ledger.open(settings, Secrets.open(settings.keys))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: ledger.writer.put(Write(lines=[str(number)])).result(), range(60)))
    ledger.close()
"""


def test_several_workers_write_one_chain(tmp_path: Path, postgres_url: str) -> None:
    settings = Settings.under(tmp_path / "house")
    urls = [settings.database, postgres_url]
    command = [sys.executable, "-c", WORKER, str(tmp_path / "house"), *urls]
    workers = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [worker.wait(240) for worker in workers] == [0, 0]
    for url in urls:
        found = reviews.verify(replace(settings, database=url, anchors=tmp_path / f"{len(url)}"))
        assert found.sentences[0] == "120 lines, all as they were written"


def test_postgres_refuses_changes_too(postgres_url: str, tmp_path: Path) -> None:
    settings = replace(Settings.under(tmp_path / "house"), database=postgres_url)
    ledger = Ledger.open(settings, Secrets.open(settings.keys))
    ledger.writer.put(Write(lines=["x"])).result()
    ledger.close()
    reached = engine(postgres_url)
    for statement in ("UPDATE audit_lines SET line = 'x'", "DELETE FROM audit_lines", "TRUNCATE audit_lines"):
        with pytest.raises(DriverError, match="only added"), reached.begin() as connection:
            connection.execute(text(statement))
    reached.dispose()


@pytest.fixture
def at_home(own_house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house whose settings are those of the environment."""
    said = own_house.settings
    for name in ("database", "vault", "keys", "anchors", "public_url"):
        monkeypatch.setenv(f"TARVE_{name.upper()}", str(getattr(said, name)))
    monkeypatch.delenv("TARVE_ACCESS", raising=False)
    return own_house


def test_the_command_verifies(at_home: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify"]) == 0
    assert capsys.readouterr().out.startswith("0 lines, all as they were written\nThere is no file of anchors at")
    for number in range(30):
        at_home.ledger.writer.put(Write(lines=[str(number)])).result()
    assert main(["audit", "verify"]) == 0
    assert capsys.readouterr().out == "30 lines, all as they were written\n"
    tampered(at_home, "UPDATE audit_lines SET hash = 'x' || hash")
    assert main(["audit", "verify"]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 21
    assert shown[-1].endswith("more faults")


def test_an_assessment_is_made_again_from_its_snapshot(
    release: Release, release_folder: Path, own_house: House
) -> None:
    api = asker(release, own_house)
    odd = posted()
    odd["history"] |= {"unknown": [], "visits": [*odd["history"]["visits"], {**odd["history"]["visits"][0]}]}
    for question in ({"patient_id": KNOWN}, posted(), odd, {"patient_id": "P000124"}):
        name = api.answer(question)["id"]
        found = reviews.reproduce(own_house.settings, name, NOW, release_folder)
        assert found.sentences == ["made again by tarve-need:v1-01234567: the same in every member"]
        assert found.is_whole
    assert codes(lines(own_house)[-1]) == ("reproduce", "R", "HCOMPL")


def test_what_is_another_one_now_is_named_without_its_value(
    release: Release, release_folder: Path, own_house: House
) -> None:
    name = asker(release, own_house).answer(posted())["id"]
    reached = engine(own_house.settings.database)
    with reached.begin() as connection:
        change(connection, name)
    reached.dispose()
    found = reviews.reproduce(own_house.settings, name, NOW, release_folder)
    assert not found.is_whole
    assert found.sentences[0] == "made again by tarve-need:v1-01234567: model.rules is another one"
    assert found.sentences[1] == "made again by tarve-need:v1-01234567: special_needs is another one"
    assert "use the code of that version" in found.sentences[2]


def change(connection: Connection, name: str) -> None:
    said = json.loads(connection.scalar(text("SELECT answer FROM kept_assessments")) or "")
    said["special_needs"], said["model"]["rules"] = "changed", "0"
    connection.execute(text("UPDATE kept_assessments SET answer = :said"), {"said": json.dumps(said)})


def test_an_assessment_of_another_model_is_not_compared(
    release: Release, release_folder: Path, own_house: House
) -> None:
    from serving.release import ReleaseError

    name = asker(release, own_house).answer(posted())["id"]
    reached = engine(own_house.settings.database)
    with reached.begin() as connection:
        connection.execute(text("UPDATE kept_assessments SET model = 'tarve-need:v9-99999999'"))
    reached.dispose()
    with pytest.raises(ReleaseError, match="was made by tarve-need:v9-99999999, this is tarve-need:v1-01234567"):
        reviews.reproduce(own_house.settings, name, NOW, release_folder)


def test_the_command_says_when_there_is_no_such_assessment(at_home: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert at_home
    assert main(["audit", "reproduce", "nothing"]) == 1
    assert capsys.readouterr().out == "there is no such assessment, or no snapshot of it\n"


def test_no_patient_is_in_the_audit(api: Asker, house: House) -> None:
    question = posted()
    question["patient"] |= {"reference": "Zq7Sentinel"}
    api.answer(question)
    api.get("/v1/assessments/Zq7Sentinel")
    assert "Zq7Sentinel" not in json.dumps(lines(house))
