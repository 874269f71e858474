from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.calendar import Window, WindowError, is_holiday, next_permitted, permitted
from records.clock import HELSINKI

MINUTE = timedelta(minutes=1)
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)


def helsinki(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HELSINKI, fold=fold).astimezone(UTC)


hours = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    opens, closes = sorted(draw(st.tuples(hours, hours).filter(lambda pair: pair[0] != pair[1])))
    days = draw(st.frozensets(st.integers(1, 7), min_size=1))
    return Window(days, opens, draw(st.sampled_from([closes, time(0)])), draw(st.booleans()))


moments = st.one_of(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.builds(lambda change, late: change + late * MINUTE, st.sampled_from([SPRING, AUTUMN]), st.integers(-1600, 1600)),
)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("2026-11-23T10:00", "2026-11-23T10:00"),  # a Monday morning: now
        ("2026-11-23T08:59:59.999999", "2026-11-23T09:00"),
        ("2026-11-23T16:59:59.999999", "2026-11-23T16:59:59.999999"),
        ("2026-11-23T17:00", "2026-11-24T09:00"),  # the closing hour is shut
        ("2026-11-20T18:00", "2026-11-23T09:00"),  # a weekend
        ("2026-06-18T18:00", "2026-06-22T09:00"),  # Midsummer Eve is a Friday
        ("2026-12-23T18:00", "2026-12-28T09:00"),  # Christmas Eve, two holidays of Christmas, and a Sunday
        ("2026-04-02T18:00", "2026-04-07T09:00"),  # Easter
        ("2026-12-31T18:00", "2027-01-04T09:00"),
    ],
)
def test_a_message_waits_for_the_next_working_hour(asked: str, answer: str) -> None:
    assert next_permitted(Window(), helsinki(asked)) == helsinki(answer)


def test_where_holidays_do_not_count_only_the_weekday_does() -> None:
    assert next_permitted(Window(holidays=True), helsinki("2026-06-18T18:00")) == helsinki("2026-06-19T09:00")


def test_the_clock_of_helsinki_counts_in_summer_and_in_winter() -> None:
    for day, hour in (("2026-03-27", 7), ("2026-03-30", 6), ("2026-10-23", 6), ("2026-10-26", 7)):
        opened = next_permitted(Window(), helsinki(f"{day}T00:00"))
        assert opened == datetime.combine(date.fromisoformat(day), time(hour), UTC)


def test_a_window_in_the_hour_that_spring_leaps_over_opens_at_the_change() -> None:
    window = Window(frozenset(range(1, 8)), time(3, 30), time(5), holidays=True)
    assert next_permitted(window, SPRING - MINUTE) == SPRING


def test_a_window_that_spring_leaps_over_whole_opens_the_next_day() -> None:
    window = Window(frozenset(range(1, 8)), time(3, 15), time(3, 45), holidays=True)
    assert next_permitted(window, SPRING - MINUTE) == helsinki("2026-03-30T03:15")


def test_a_window_in_the_hour_that_autumn_repeats_opens_twice() -> None:
    window = Window(frozenset(range(1, 8)), time(3, 15), time(3, 45), holidays=True)
    first = next_permitted(window, AUTUMN - 60 * MINUTE)
    assert first == helsinki("2026-10-25T03:15")
    assert next_permitted(window, first + 30 * MINUTE) == helsinki("2026-10-25T03:15", fold=1)


def test_a_window_may_last_all_day() -> None:
    always = Window(frozenset(range(1, 8)), time(0), time(0), holidays=True)
    for text in ("2026-01-01T00:00", "2026-06-19T23:59:59.999999"):
        assert next_permitted(always, helsinki(text)) == helsinki(text)


@given(windows(), moments)
def test_the_answer_is_permitted_and_not_before_the_moment(window: Window, moment: datetime) -> None:
    found = next_permitted(window, moment)
    assert found >= moment
    assert permitted(window, found)


@given(windows(), moments, st.floats(0, 1, exclude_max=True))
def test_nothing_before_the_answer_is_permitted(window: Window, moment: datetime, share: float) -> None:
    found = next_permitted(window, moment)
    between = moment + share * (found - moment)
    assert between >= found or not permitted(window, between)
    assert found == moment or not permitted(window, found - timedelta(microseconds=1))


@given(windows(), moments, moments)
def test_a_later_moment_never_has_an_earlier_answer(window: Window, one: datetime, other: datetime) -> None:
    earlier, later = sorted([one, other])
    assert next_permitted(window, earlier) <= next_permitted(window, later)


@given(windows(), moments)
def test_asking_for_the_answer_gives_the_answer(window: Window, moment: datetime) -> None:
    found = next_permitted(window, moment)
    assert next_permitted(window, found) == found
    assert next_permitted(window, moment.astimezone(HELSINKI)) == found


def test_the_two_eves_are_holidays_and_a_plain_friday_is_not() -> None:
    assert is_holiday(date(2026, 6, 19))
    assert is_holiday(date(2026, 12, 24))
    assert not is_holiday(date(2026, 11, 20))


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": frozenset()},
        {"days": frozenset({0, 1})},
        {"opens": time(17), "closes": time(9)},
        {"opens": time(9), "closes": time(9)},
        {"opens": time(9, tzinfo=UTC)},
    ],
)
def test_a_window_that_never_opens_is_refused(wrong: dict) -> None:
    with pytest.raises(WindowError):
        Window(**wrong)


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        next_permitted(Window(), datetime(2026, 1, 1))  # noqa: DTZ001
