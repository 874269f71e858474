"""The demo's users: made once, shown by a command, and refused to those who may not read the keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serving.__main__ import main
from serving.access import DEMO_ROLES
from serving.house import House
from serving.keys import DEMO_USERS, KeyFolderError, Secrets, demo_passwords, derived


def test_passwords_are_made_once_and_differ_between_houses(house: House, own_house: House) -> None:
    first = demo_passwords(house.settings.keys, ["agent", "clinician"])
    assert first == demo_passwords(house.settings.keys, ["agent", "clinician"])
    assert len({*first.values(), *demo_passwords(own_house.settings.keys, ["agent"]).values()}) == 3
    assert all(re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", password) for password in first.values())
    assert (house.settings.keys / DEMO_USERS).stat().st_mode & 0o077 == 0


def test_a_command_shows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TARVE_KEYS", str(tmp_path / "keys"))
    assert main(["users"]) == 0
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert shown == demo_passwords(tmp_path / "keys", DEMO_ROLES)


@pytest.mark.parametrize("content", ["{", "[]", '{"agent": "x"}'])
def test_a_file_that_lacks_users_is_named(tmp_path: Path, content: str) -> None:
    Secrets.open(tmp_path / "keys")
    (tmp_path / "keys" / DEMO_USERS).write_text(content, encoding="utf-8")
    with pytest.raises(KeyFolderError, match="lacks passwords of the demo's users"):
        demo_passwords(tmp_path / "keys", ["agent", "clinician"])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    Secrets.open(tmp_path / "keys")
    (tmp_path / "keys" / DEMO_USERS).mkdir()
    with pytest.raises(KeyFolderError, match="cannot be read"):
        demo_passwords(tmp_path / "keys", ["agent"])


def test_a_derived_key_is_another_one() -> None:
    assert len({b"k" * 32, derived(b"k" * 32, "a"), derived(b"k" * 32, "b"), derived(b"j" * 32, "a")}) == 4
