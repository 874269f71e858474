from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from models.segments import SegmentTableError, read_tables, table_on

TABLE = read_tables()[-1]


def test_the_default_cut_offs_are_the_published_ones() -> None:
    assert TABLE.names == ("light", "moderate", "heavy")
    assert TABLE.of_visits([0, 1, 3, 4, 5, 6, 40]).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert TABLE.horizon_days == 365


def test_a_segment_is_suggested_once_its_probability_is_above_its_limit() -> None:
    limit = TABLE.segments[1].suggest_above
    at_least = np.array([[0.0, 0.0], [limit, 0.1], [limit + 0.01, 0.1], [0.9, limit + 0.01], [0.9, limit]])
    assert TABLE.suggest(at_least).tolist() == [0, 0, 1, 2, 1]


def test_the_table_of_a_day_is_the_latest_that_holds() -> None:
    assert table_on(read_tables(), date(2026, 1, 1)) == TABLE
    with pytest.raises(SegmentTableError, match="no table of segments holds on 1999-12-31"):
        table_on(read_tables(), date(1999, 12, 31))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("visits_at_least = 4", "visits_at_least = 9"), "must rise from 0"),
        (("visits_at_least = 0", "visits_at_least = 1"), "must rise from 0"),
        (('name = "light"', ""), "'name'"),
        (("[[table]]", "[[table"), "Expected"),
    ],
)
def test_a_table_that_means_nothing_is_refused(change: tuple[str, str], sentence: str, tmp_path: Path) -> None:
    text = (Path("models/tables/segments.toml")).read_text(encoding="utf-8")
    path = tmp_path / "segments.toml"
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(SegmentTableError, match=sentence):
        read_tables(path)
