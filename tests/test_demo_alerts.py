from __future__ import annotations

import socket
from pathlib import Path

import pytest

import demo_alerts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(demo_alerts, "FOLDER", tmp_path / "demo")
    monkeypatch.setattr(demo_alerts, "VOUCHERS", 500)
    return tmp_path / "demo"


def test_the_week_keeps_what_it_promises_and_leaves_a_report(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert demo_alerts.main(["--check"]) == 0
    told = capsys.readouterr().out
    assert "Checked: all is well." in told
    assert "Hoitopalautteen voi perua itse vain lähetyspäivänä (17.6.2026)." in told
    assert "messages wait for Monday" in told
    assert {file.name for file in folder.glob("report*")} == {
        "report.json",
        "report-fi.html",
        "report-sv.html",
        "report-en.html",
    }


def test_a_promise_that_is_not_kept_is_told_of(folder: Path, monkeypatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(demo_alerts, "_show", lambda week: None)
    assert demo_alerts.main(["--check"]) == 1
    assert "hardly a message was sent" in capsys.readouterr().err


def test_a_port_that_is_in_use_is_told_of(folder: Path, capsys: pytest.CaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert demo_alerts.main(["--port", str(port)]) == 1
    assert f"port {port} is in use" in capsys.readouterr().err


def test_the_demo_can_be_stopped(folder: Path, monkeypatch, capsys: pytest.CaptureFixture) -> None:
    def stop(_week) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_alerts, "_show", stop)
    assert demo_alerts.main([]) == 130
    assert capsys.readouterr().out.endswith("Stopped.\n")
