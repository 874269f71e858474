from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fhir import main, write
from records.sources.fhir import read_fhir


def test_every_made_up_resource_becomes_a_row(tmp_path: Path) -> None:
    (batch,) = read_fhir([write(tmp_path, 100)])
    assert not batch.left_out
    assert sum(table.num_rows for table in batch.tables.values()) == batch.rows_read


def test_the_figures_are_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is measured on Linux only")
    assert main(["--resources", "200", "--rounds", "1"]) == 0
    assert "read_fhir takes ... times the bare parse" in capsys.readouterr().out
    assert main(["--data", str(tmp_path)]) == 2
