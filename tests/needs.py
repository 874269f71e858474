"""What some tests need beside Python: skipped where it is missing, with a line that says so; in CI a failure."""

from __future__ import annotations

import os
import shutil

import pytest

PROGRAMS = {"java": ("java",), "chromium": ("chromium", "chromium-browser", "google-chrome")}


def needs(program: str) -> str:
    """The path of a program; where it is missing, the calling test or fixture is skipped, or fails where CI=true."""
    found = next(filter(None, map(shutil.which, PROGRAMS.get(program, (program,)))), None)
    if found is None:
        missing = f"{program} is not installed: sh tests/provide.sh installs it where apt may be used"
        if os.environ.get("CI") == "true":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    return found
