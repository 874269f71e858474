from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.clock import (
    HELSINKI,
    day,
    days,
    days_of,
    end_of_day,
    instant,
    microsecond,
    microseconds,
    start_of_day,
    utc,
)
from records.schema import INSTANT


def test_a_time_with_an_offset_is_that_moment() -> None:
    assert instant("2026-11-22T10:00:00+02:00") == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert instant("2026-11-22T10:00:00Z") == datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_a_time_without_an_offset_is_helsinki_time_in_summer_and_winter() -> None:
    assert instant("2026-07-01T10:00") == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert instant("2026-12-01T10:00") == datetime(2026, 12, 1, 8, tzinfo=UTC)


def test_a_bare_date_is_known_when_the_day_is_over() -> None:
    assert instant("2026-07-01") == datetime(2026, 7, 1, 20, 59, 59, 999_999, tzinfo=UTC)
    assert instant(date(2026, 7, 1)) == end_of_day(date(2026, 7, 1))


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "", "22.11.2026", "20261122", "2026-W47-7", "20261122T1000", "2026-02-30T10:00"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        instant(text)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2024, 2, 29), date(1969, 12, 31)])
def test_a_day_runs_from_its_start_to_its_end_also_when_clocks_change(day: date) -> None:
    assert start_of_day(day).astimezone(HELSINKI).date() == day
    assert end_of_day(day) + timedelta(microseconds=1) == start_of_day(day + timedelta(days=1))


@given(
    st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), min_size=1)  # noqa: DTZ001 - Hypothesis asks for naive bounds
)
def test_the_day_of_an_instant_is_the_calendar_day_in_helsinki(moments: list[datetime]) -> None:
    aware = [moment.replace(tzinfo=UTC) for moment in moments]
    expected = [(moment.astimezone(HELSINKI).date() - date(1970, 1, 1)).days for moment in aware]
    assert days(pa.array(aware, INSTANT)).tolist() == expected


def test_days_of_plain_microseconds_are_the_same_beyond_the_years_that_are_looked_up() -> None:
    moments = [datetime(year, 6, 1, 21, 30, tzinfo=UTC) for year in (1901, 1921, 1970, 2099, 2100)]
    for some in (moments, moments[:2], moments[2:4], moments[4:]):
        assert days_of(np.array([microsecond(moment) for moment in some])).tolist() == [day(moment) for moment in some]


def test_days_of_no_instants_are_none() -> None:
    assert days(pa.array([], INSTANT)).tolist() == []


def test_microseconds_count_from_1970() -> None:
    moments = pa.array([datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, tzinfo=UTC)], INSTANT)
    assert microseconds(moments).tolist() == [1_000_000, -3_600_000_000]


@given(st.integers(-1_500_000_000, 4_000_000_000) | st.integers(1_711_846_800, 1_711_857_600))
def test_wall_clock_times_are_read_as_the_time_zone_database_reads_them(seconds: int) -> None:
    local = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    moment = instant(local) - datetime(1970, 1, 1, tzinfo=UTC)
    assert utc(np.array([seconds * 1_000_000], np.int64))[0] == moment // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("local", "moment"),
    [
        ("2024-03-31T03:30", "2024-03-31T01:30"),
        ("2024-10-27T03:30", "2024-10-27T00:30"),
        ("2040-07-01T10:00", "2040-07-01T07:00"),
    ],
)
def test_a_repeated_hour_is_the_first_and_a_missing_one_is_an_hour_later(local: str, moment: str) -> None:
    found = utc(np.array([local], "datetime64[us]").astype(np.int64))
    assert found.astype("datetime64[us]")[0] == np.datetime64(moment)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_day_of_one_moment_is_that_of_many(moment: datetime) -> None:
    assert day(moment) == days(pa.array([moment], INSTANT))[0]
    assert day(moment.astimezone(HELSINKI)) == day(moment)
