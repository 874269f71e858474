"""The benchmark of the import, on a small made-up extract: it measures what it says it measures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.imports import main


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """The benchmark takes one core; what comes after it gets them all back."""
    compute, io = pa.cpu_count(), pa.io_thread_count()
    yield
    pa.set_cpu_count(compute)
    pa.set_io_thread_count(io)


def test_the_figures_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rows", "3000", "--rounds", "1", "--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert all(figures[f"{stage}: times the bare parse"] > 0 for stage in ("read", "import", "import again"))
    for stage in ("parse", "read", "import", "import again"):
        ratio = figures[f"{stage}: rows of all files a second"] / figures[f"{stage}: main rows a second"]
        assert 2 < ratio < 4
    assert "highest memory, MB" in capsys.readouterr().out
