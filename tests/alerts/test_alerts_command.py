"""`python -m alerts define` and `run`, as an operator types them."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from alerts import tables
from alerts.__main__ import main
from alerts.bulk import upsert
from alerts.city import simulate_city
from records.database.connection import engine
from records.database.tables import DATABASE_TABLES

ROOT = Path(__file__).parents[2]
COUNTS = r"^\d+ alerts opened, \d+ ended, 0 withdrawn, \d+ found that were over already$"
EXAMPLES = ROOT / "alerts" / "examples"


@pytest.fixture
def city_url(tmp_path: Path) -> str:
    """A city of vouchers, and the examples as its definitions."""
    url = f"sqlite:///{tmp_path}/city.db"
    assert main(["define", str(EXAMPLES), "--database", url]) == 0
    opened = engine(url)
    with opened.begin() as connection:
        for name, rows in simulate_city(300, date(2026, 6, 30), seed=2).items():
            upsert(connection, DATABASE_TABLES[name], rows, ["patient_id"])
    opened.dispose()
    return url


def alerts_in(url: str) -> int:
    opened = engine(url)
    with opened.connect() as connection:
        found = connection.scalar(select(func.count()).select_from(tables.alerts))
    opened.dispose()
    return found


def test_a_week_as_an_officer_sees_it(city_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for day in range(24, 31):
        assert main(["run", "--database", city_url, "--now", f"2026-06-{day}T08:00"]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"As of 2026-06-{day} 08:00:00 EEST:\n")
        assert re.search(r"^\d+ vouchers looked at$", out, re.MULTILINE)
        assert re.search(
            r"^\d+ alerts opened, \d+ ended, 0 withdrawn, \d+ found that were over already$", out, re.MULTILINE
        )
        assert "made up, as examples: chip-2020, ordinary-2020, whole-2021\n" in out
        assert not re.search(r"\b[ck]\d{8}\b", out), "a patient or a voucher in the output"
    assert main(["run", "--database", city_url, "--now", "2026-06-30T08:00"]) == 0
    assert "0 alerts opened, 0 ended, 0 withdrawn, 0 found that were over already" in capsys.readouterr().out


def test_a_dry_run_says_what_would_be_done(city_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["run", "--dry-run", "--database", city_url, "--now", "2026-06-30T08:00"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("As of 2026-06-30 08:00:00 EEST, nothing was changed; a run would do:\n")
    assert re.search(
        r"^  ordinary-2020 not_activated: \d+ opened; messages to client \d+; \d+ over already$", out, re.MULTILINE
    )
    assert alerts_in(city_url) == 0


def test_a_run_of_an_earlier_moment_is_refused(city_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--database", city_url, "--now", "2026-06-30T08:00"]) == 0
    assert main(["run", "--database", city_url, "--now", "2026-06-30T07:59"]) == 3
    assert "python -m alerts: the last run was as of 2026-06-30T05:00:00+00:00" in capsys.readouterr().err


def test_a_run_as_of_tomorrow_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(SystemExit) as raised:
        main(["run", "--database", f"sqlite:///{tmp_path}/a.db", "--now", tomorrow.isoformat()])
    assert raised.value.code == 2
    assert "the moment is still to come" in capsys.readouterr().err


def test_a_moment_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--now", "yesterday"])
    assert "no ISO 8601 date or time" in capsys.readouterr().err


def test_vouchers_without_a_definition_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/city.db"
    assert main(["define", str(EXAMPLES / "chip-2020.yaml"), "--database", url]) == 0
    opened = engine(url)
    with opened.begin() as connection:
        for name, rows in simulate_city(50, date(2026, 6, 30)).items():
            upsert(connection, DATABASE_TABLES[name], rows, ["patient_id"])
    opened.dispose()
    assert main(["run", "--database", url, "--now", "2026-06-30T08:00"]) == 4
    assert re.search(
        r"^whole-2021 is not defined: \d+ vouchers were left alone$", capsys.readouterr().out, re.MULTILINE
    )


def test_the_present_is_the_moment_unless_another_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--database", f"sqlite:///{tmp_path}/a.db"]) == 0
    assert "0 vouchers looked at" in capsys.readouterr().out


def test_definitions_are_kept_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    assert main(["define", str(EXAMPLES), "--database", url]) == 0
    assert main(["define", str(EXAMPLES), "--database", url]) == 0
    assert capsys.readouterr().out == "4 definitions are new, 0 were there\n0 definitions are new, 4 were there\n"


def test_definitions_can_be_checked_without_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["define", "--check", str(EXAMPLES)]) == 0
    assert capsys.readouterr().out == (
        "4 definitions are in order: chip-2020, ordinary-2010, ordinary-2020, whole-2021\n"
    )


def test_what_cannot_be_used_is_told_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["define", "--check", str(tmp_path)]) == 1
    assert main(["run", "--database", "mysql://nobody@nowhere/x"]) == 1
    assert "there is no .yaml file in this folder\n" in (told := capsys.readouterr().err)
    assert "mysql is not a kind of database that is supported" in told


def test_a_killed_run_leaves_nothing_behind(city_url: str) -> None:
    """Killed while it writes, on the first message: the next run does all of it."""
    script = f"""
import os, signal
from alerts import outbox
from alerts.__main__ import main
outbox.queue = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(["run", "--database", {city_url!r}, "--now", "2026-06-30T08:00"])
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, capture_output=True)
    assert killed.returncode == -9
    assert alerts_in(city_url) == 0
    assert main(["run", "--database", city_url, "--now", "2026-06-30T08:00"]) == 0
    assert alerts_in(city_url) > 100
