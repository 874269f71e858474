"""Times read many at once: what is read means what `records.clock.instant` says, and nothing else is read."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from records.clock import instant, microsecond
from serving import times
from serving.times import plainly_read

OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIRST, LAST = map(datetime.fromisoformat, ("1900-01-01T00:00:00", "2099-12-31T23:59:59.999999"))
MOMENTS = st.datetimes(FIRST, LAST, timezones=OFFSETS)
READ = [
    "2026-11-22T10:00Z",
    "2026-11-22T10:00:00Z",
    "2026-11-22 10:00:59.5+02:00",
    "2024-02-29T23:59:59.999999-23:59",
    "1900-01-01T00:00+00:00",
    "2099-12-31T23:59:59.000001Z",
    "2000-02-29T12:00-00:00",
]
NOT_READ = [
    "", "\n", "2026-11-22", "2026-11-22T10:00", "2026-11-22T10:00:00", "2026-02-29T10:00Z", "1900-02-29T10:00Z",
    "2026-00-22T10:00Z", "2026-13-22T10:00Z", "2026-11-00T10:00Z", "2026-11-31T10:00Z", "2026-12-32T10:00Z",
    "1899-12-31T10:00Z", "2100-01-01T00:00Z", "2026-11-22T24:00Z", "2026-11-22T10:60Z", "2026-11-22T10:00:60Z",
    "2026-11-22T10:00:00.Z", "2026-11-22T10:00:00.1234567Z", "2026-11-22T10:00:00,5Z", "2026-11-22t10:00Z",
    "2026-11-22T10:00z", "2026/11/22T10:00Z", "2026-11/22T10:00Z", "2026-11-22T10.00Z", "20261122T1000Z",
    "2026-11-22T10:00+2", "2026-11-22T10:00+02", "2026-11-22T10:00+0200", "2026-11-22T10:00+02:0",
    "2026-11-22T10:00+24:00", "2026-11-22T10:00+02:60", "2026-11-22T10:00Zx", "2026-11-22T10:00Z\n",
    "2026-11-22T10:00Z\n2026-11-22T10:00Z", "2026-11-22T10:00:", "2026-11-22T10:00:0", "2026-11-22T10:0", "x" * 40,
    "\u0662026-11-22T10:00Z", "-026-11-22T10:00Z", " 2026-11-22T10:00Z", "2026-11-22T10:00 Z",
]  # fmt: skip


@pytest.fixture(params=["compiled", "written"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both what is compiled and what is written."""
    if request.param == "written":
        for name in ("_number", "_day", "_date", "_minutes", "_seconds", "_offset", "_read"):
            monkeypatch.setattr(times, name, getattr(times, name).py_func)


@pytest.mark.usefixtures("_way")
class TestForms:
    @pytest.mark.parametrize("text", READ)
    def test_what_is_read_means_what_the_clock_says(self, text: str) -> None:
        found = plainly_read([text])
        assert found is not None
        assert found.tolist() == [microsecond(instant(text))]

    @pytest.mark.parametrize("text", NOT_READ)
    def test_everything_else_is_left(self, text: str) -> None:
        assert plainly_read([text]) is None
        assert plainly_read([READ[0], text]) is None
        assert plainly_read([text, READ[0]]) is None

    def test_many_are_read_in_their_order(self) -> None:
        found = plainly_read(READ)
        assert found is not None
        assert found.tolist() == [microsecond(instant(text)) for text in READ]

    def test_every_day_is_the_calendar_s(self) -> None:
        days = np.arange("1900-01-01", "2100-01-01", 61, dtype="datetime64[D]")
        found = plainly_read([f"{day}T00:00Z" for day in days.astype(str)])
        assert found is not None
        assert found.tolist() == days.astype("datetime64[us]").astype(np.int64).tolist()


def test_nothing_is_nothing() -> None:
    assert plainly_read([]) is None


def test_what_is_no_text_is_an_error() -> None:
    with pytest.raises(TypeError):
        plainly_read([None])  # type: ignore[list-item]
    with pytest.raises(UnicodeEncodeError):
        plainly_read(["\ud800"])


@settings(max_examples=300)
@given(st.lists(st.tuples(MOMENTS, st.sampled_from(["auto", "minutes", "seconds", "milliseconds"])), min_size=1))
def test_times_as_python_writes_them_are_read(written: list[tuple[datetime, str]]) -> None:
    texts = [moment.isoformat(timespec=spec) for moment, spec in written]
    found = plainly_read(texts)
    assert found is not None
    assert found.tolist() == [microsecond(instant(text)) for text in texts]


@settings(max_examples=600)
@given(st.sampled_from(READ), st.integers(0, 40), st.text("0123456789-+:.TZtz \nä", max_size=3), st.integers(0, 3))
@example(READ[0], 17, "\n", 0)
def test_what_is_read_of_a_broken_text_is_what_the_clock_reads(text: str, at: int, put: str, gone: int) -> None:
    broken = text[:at] + put + text[at + gone :]
    found = plainly_read([broken])
    assert found is None or found.tolist() == [microsecond(instant(broken))]
