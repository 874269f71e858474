"""A table of codes: the longest beginning wins, on the days on which it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from records.sources.batch import SourceError
from records.sources.meanings import Meanings

HEAD = "field,code,meaning,since,until,source\n"


def test_the_longest_beginning_that_holds_on_the_day_wins(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(HEAD + "job,2,other,,,x\njob,22,dentist,1970-01-03,,x\njob,221,specialist,,1970-01-05,x\n")
    found = Meanings.read(path)
    codes = pa.chunked_array([["221", "221", "221", "222", "3", None]])
    meanings = found.of("job", codes, np.array([0, 4, 5, 0, 0, 0], np.int32))
    assert meanings.to_pylist() == ["specialist", "specialist", "dentist", "other", None, None]
    assert found.is_dated("job")
    assert found.of("nothing", codes, np.zeros(6, np.int32)).null_count == 6


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("field,code\na,b\n", r"codes\.csv, line 2: the column meaning is missing"),
        (HEAD + "a,b,c,yesterday,,x\n", r"codes\.csv, line 2: since and until are days"),
        (HEAD + "a,b,c,,,\xe4\n", r"codes\.csv cannot be read as a table of codes in UTF-8"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "codes.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceError, match=sentence):
        Meanings.read(tmp_path / "codes.csv")
