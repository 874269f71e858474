"""Every notebook runs from its first cell to its last, and its two files say the same."""

from __future__ import annotations

import os
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TEXTS = sorted(NOTEBOOKS.glob("*.py"))


def cells(book: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source.strip()) for cell in book.cells]


def test_every_notebook_has_its_text_and_every_text_its_notebook() -> None:
    assert TEXTS
    assert [path.stem for path in TEXTS] == [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_text_and_notebook_say_the_same_and_hold_no_output(path: Path) -> None:
    book = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert cells(jupytext.read(path)) == cells(book), f"pair them anew: jupytext --to ipynb notebooks/{path.name}"
    assert not any(cell.get("outputs") for cell in book.cells)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)  # what other tests set must not send the runs of a notebook elsewhere
    for name, value in {
        "TARVE_NOTEBOOK_PATIENTS": "1500", "PYTHONPATH": str(NOTEBOOKS.parent), "MPLBACKEND": "agg",
        "MLFLOW_DISABLE_TELEMETRY": "true", "IPYTHONDIR": str(tmp_path / "ipython"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    book = jupytext.read(path)
    NotebookClient(book, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any(cell.get("outputs") for cell in book.cells)
