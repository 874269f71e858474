from __future__ import annotations

from pathlib import Path

import pytest

from features.__main__ import main
from features.dental import DENTAL
from features.dental.words import ABOUT
from features.families import Label, count, last
from features.page import AGGREGATES, meaning, page

DOCUMENT = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_page_in_docs_is_the_one_that_the_catalogue_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["page"]) == 0
    assert capsys.readouterr().out == DOCUMENT.read_text(encoding="utf-8"), (
        "make it anew: python -m features page > docs/features.md"
    )


def test_the_page_shows_every_column_once() -> None:
    text = page(DENTAL, ABOUT)
    assert all(text.count(f"`{feature.name}`, ") + text.count(f"`{feature.name}` |") >= 1 for feature in DENTAL)


def test_a_family_is_said_in_one_phrase() -> None:
    label = Label("x", "x", "x")
    crowded = count("visits", "n", label, "use", where={"urgency": ("emergency", "urgent"), "mode": "office"})
    assert meaning(crowded) == "number of visits where urgency is emergency or urgent and mode is office"
    found = last("findings.value", "f", label, "use", by="kind", levels={"cpi": label}, unit="mm")
    assert meaning(found) == "latest findings.value, by each kind, in mm"


def test_every_aggregate_has_a_phrase() -> None:
    assert {family.aggregate for family in DENTAL.families} <= set(AGGREGATES)
