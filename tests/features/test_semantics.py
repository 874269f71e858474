"""What the numbers mean, law by law.

Every test shows the rows of one patient's history and what the features are as of given moments. Times are Helsinki
time; `recorded` is left out where a record was made at once. Every engine is held to every table: the evaluator, the
evaluator with one patient at a time, compiled code for one person, the SQL on DuckDB, and plain Python.
"""

from __future__ import annotations

from datetime import date

import pytest

from features.families import (
    EPISODE_GAP,
    RECALL_GRACE,
    RETREATMENT_DAYS,
    WINDOWS,
    Family,
    Label,
    age,
    attribute,
    count,
    distinct,
    highest,
    last,
    lowest,
    mean,
    oldest,
    repeated,
    share,
    since,
    slope,
    total,
    usual,
    whether,
)
from tests.features.spec import check

L = Label("x", "x", "x")
VISITS = count("visits", "visits", L, "x")
SINCE = since("visits", "since", L, "x")


class TestWhatAMomentSees:
    """A moment sees an event that happened before it and was recorded before it."""

    def test_half_open_in_time(self) -> None:
        check(
            [VISITS],
            """
            as of                   | visits
            2025-03-10 09:00        | 0
            2025-03-10 09:00:00.000001 | 1
            """,
            visits="""
            time
            2025-03-10 09:00
            """,
        )

    def test_half_open_in_knowledge(self) -> None:
        check(
            [VISITS],
            """
            as of                      | visits
            2025-03-01 12:00           | 0
            2025-03-10 14:00           | 0
            2025-03-10 14:00:00.000001 | 1
            """,
            visits="""
            time             | recorded
            2025-01-01 09:00 | 2025-03-10 14:00
            """,
        )

    def test_a_record_made_ahead_is_seen_when_it_has_happened(self) -> None:
        check(
            [VISITS],
            """
            as of            | visits
            2025-03-10 09:00 | 0
            2025-03-10 09:01 | 1
            """,
            visits="""
            time             | recorded
            2025-03-10 09:00 | 2025-03-01 12:00
            """,
        )

    def test_what_is_known_to_the_day_counts_when_the_day_is_over(self) -> None:
        check(
            [VISITS],
            """
            as of            | visits
            2025-03-10 23:59 | 0
            2025-03-11 00:00 | 1
            """,
            visits="""
            time
            2025-03-10
            """,
        )

    def test_an_event_of_the_same_day_is_no_days_old(self) -> None:
        check(
            [SINCE],
            """
            as of            | since
            2025-03-10 09:01 | 0
            2025-03-10 23:59 | 0
            2025-03-11 00:00 | 1
            """,
            visits="""
            time
            2025-03-10 09:00
            """,
        )


class TestWindows:
    """A window of n days holds the events of the moment's day and of the n days before it."""

    @pytest.mark.parametrize(("window", "days"), [(name, days) for name, days in WINDOWS.items() if days])
    def test_the_last_day_is_inside_and_the_day_before_it_is_not(self, window: str, days: int) -> None:
        noon = date(2026, 6, 15)
        inside, outside = (date.fromordinal(noon.toordinal() - back) for back in (days, days + 1))
        check(
            [count("visits", "n", L, "x", windows=f"{window} ever")],
            f"""
            as of        | n_{window} | n_ever
            {noon} 12:00 | 1          | 2
            """,
            visits=f"""
            time
            {outside} 23:59
            {inside} 00:00
            """,
        )

    def test_the_hour_does_not_matter_only_the_day(self) -> None:
        check(
            [count("visits", "n", L, "x", windows="m12 ever")],
            """
            as of            | n_m12 | n_ever
            2025-03-10 00:00 | 1     | 1
            2025-03-10 23:59 | 1     | 1
            2025-03-11 00:00 | 0     | 1
            """,
            visits="""
            time
            2024-03-10 12:00
            """,
        )


class TestHelsinkiDays:
    """A day is a calendar day in Helsinki, whatever the clock does."""

    def test_midnight_is_that_of_helsinki(self) -> None:
        check(
            [SINCE],
            """
            as of            | since
            2025-03-10 12:00 | 1
            """,
            visits="""
            time
            2025-03-09 21:59+00:00
            """,
        )
        check(
            [SINCE],
            """
            as of            | since
            2025-03-10 12:00 | 0
            """,
            visits="""
            time
            2025-03-09 22:00+00:00
            """,
        )

    def test_midnight_comes_an_hour_earlier_by_universal_time_in_summer(self) -> None:
        check(
            [SINCE],
            """
            as of                  | since
            2025-07-10 20:59+00:00 | 0
            2025-07-10 21:00+00:00 | 1
            """,
            visits="""
            time
            2025-07-09 21:00+00:00
            """,
        )

    def test_the_day_on_which_summer_time_begins_has_23_hours(self) -> None:
        check(
            [SINCE],
            """
            as of                  | since
            2025-03-30 00:59+00:00 | 1
            2025-03-30 01:00+00:00 | 1
            2025-03-30 20:59+00:00 | 1
            2025-03-30 21:00+00:00 | 2
            """,
            visits="""
            time
            2025-03-29 22:30+02:00
            """,
        )

    def test_the_day_on_which_summer_time_ends_has_25_hours(self) -> None:
        check(
            [SINCE],
            """
            as of                  | since
            2025-10-26 00:30+00:00 | 1
            2025-10-26 01:30+00:00 | 1
            2025-10-26 21:59+00:00 | 1
            2025-10-26 22:00+00:00 | 2
            """,
            visits="""
            time
            2025-10-25 12:00
            """,
        )

    def test_in_the_hour_that_comes_twice_order_is_by_universal_time(self) -> None:
        check(
            [last("visits.minutes", "last", L, "x")],
            """
            as of            | last
            2025-10-27 12:00 | 10
            """,
            visits="""
            time                   | minutes
            2025-10-26 03:10+02:00 | 10
            2025-10-26 03:50+03:00 | 50
            """,
        )

    def test_leap_days_are_days(self) -> None:
        check(
            [count("visits", "n", L, "x", windows="m12"), SINCE],
            """
            as of            | n_m12 | since
            2025-02-28 12:00 | 1     | 365
            2025-03-01 12:00 | 0     | 366
            """,
            visits="""
            time
            2024-02-29 12:00
            """,
        )


class TestThePatient:
    """Age and attributes are of the patient, not of events."""

    def test_a_year_older_on_the_birthday(self) -> None:
        check(
            [age("age", L, "x")],
            """
            as of                  | age
            2025-06-14 23:59       | 39
            2025-06-15 00:00       | 40
            2025-06-14 21:00+00:00 | 40
            """,
            person={"birth_date": date(1985, 6, 15)},
        )

    def test_who_was_born_on_a_leap_day_is_older_on_1_march_of_other_years(self) -> None:
        check(
            [age("age", L, "x")],
            """
            as of            | age
            2024-02-28 12:00 | 43
            2024-02-29 12:00 | 44
            2025-02-28 12:00 | 44
            2025-03-01 12:00 | 45
            """,
            person={"birth_date": date(1980, 2, 29)},
        )

    def test_age_is_missing_without_a_date_of_birth(self) -> None:
        check(
            [age("age", L, "x")],
            """
            as of            | age
            2025-06-14 12:00 | missing
            """,
            person={"birth_date": None},
        )

    def test_an_attribute_is_one_or_zero(self) -> None:
        families = [attribute("patients.special_needs", "special", L, "x")]
        for is_special, number in ((True, 1), (False, 0)):
            check(
                families,
                f"""
                as of            | special
                2025-06-14 12:00 | {number}
                """,
                person={"special_needs": is_special},
            )


YEARLY = count("visits", "count", L, "x", windows="m12 ever")
EVERY = [
    YEARLY,
    count("visits", "measured", L, "x", windows="m12 ever", never="missing"),
    whether("visits", "any", L, "x", windows="m12 ever"),
    total("visits.minutes", "total", L, "x", windows="m12 ever"),
    distinct("visits.unit", "distinct", L, "x", windows="m12 ever"),
    repeated("visits.unit", "repeated", L, "x", windows="m12 ever"),
    last("visits.minutes", "last", L, "x", windows="m12 ever"),
    mean("visits.minutes", "mean", L, "x", windows="m12 ever"),
    share(YEARLY, YEARLY, "share", L, "x"),
]


class TestZeroNoneAndNever:
    """Zero, no event in the window, and never seen are three different things."""

    def test_zero_was_measured(self) -> None:
        check(
            [last("findings.value", "last", L, "x"), total("findings.value", "total", L, "x")],
            """
            as of            | last | total
            2025-01-01 12:00 | 0    | 0
            """,
            findings="""
            time             | kind | value
            2024-06-01 12:00 | dmft | 0
            """,
        )

    def test_never_seen(self) -> None:
        check(
            [*EVERY, SINCE, oldest("visits", "oldest", L, "x")],
            """
            as of            | count_m12 | measured_m12 | any_m12 | total_m12 | distinct_m12 | repeated_m12 | last_m12
            2025-01-01 12:00 | 0         | missing      | 0       | 0         | 0            | 0            | missing
            """,
        )
        check(
            [*EVERY, SINCE, oldest("visits", "oldest", L, "x")],
            """
            as of            | mean_m12 | share_m12 | mean_ever | since   | oldest
            2025-01-01 12:00 | missing  | missing   | missing   | missing | missing
            """,
        )

    def test_no_event_in_the_window(self) -> None:
        visits = """
            time             | minutes | unit
            2020-01-01 12:00 | 30      | A
            """
        check(
            EVERY,
            """
            as of            | count_m12 | measured_m12 | any_m12 | total_m12 | distinct_m12 | repeated_m12 | last_m12
            2025-01-01 12:00 | 0         | 0            | 0       | 0         | 0            | 0            | missing
            """,
            visits=visits,
        )
        check(
            EVERY,
            """
            as of            | mean_m12 | share_m12 | mean_ever | share_ever | last_ever | any_ever
            2025-01-01 12:00 | missing  | missing   | 30        | 1          | 30        | 1
            """,
            visits=visits,
        )

    def test_never_is_of_the_table_whatever_the_filter_says(self) -> None:
        check(
            [count("findings", "deep", L, "x", where={"kind": "ppd"}, never="missing")],
            """
            as of            | deep
            2024-06-01 12:00 | missing
            2024-06-02 12:00 | 0
            """,
            findings="""
            time             | kind | value
            2024-06-01 12:00 | dmft | 4
            """,
        )

    def test_a_share_of_what_is_missing_is_missing(self) -> None:
        none = count("visits", "none", L, "x", never="missing")
        phoned = count("contacts", "phoned", L, "x")
        check(
            [none, phoned, share(phoned, none, "a", L, "x"), share(none, phoned, "b", L, "x")],
            """
            as of            | none    | phoned | a       | b
            2025-01-01 12:00 | missing | 1      | missing | missing
            """,
            contacts="""
            time
            2024-12-01 12:00
            """,
        )  # fmt: skip


class TestAggregates:
    """How events become one value; an event without a value to measure does not take part."""

    VISITS = """
        time             | minutes | unit | urgency
        2024-01-10 09:00 | 30      | A    | routine
        2024-01-10 09:00 | 20      | B    | emergency
        2024-02-20 09:00 |         | A    | emergency
        2024-03-05 09:00 | 45      |      | routine
        """

    @pytest.mark.parametrize(
        ("family", "value"),
        [
            pytest.param(count("visits", "n", L, "x"), 4, id="count counts events"),
            pytest.param(count("visits.minutes", "n", L, "x"), 3, id="count of a column counts those with a value"),
            pytest.param(whether("visits", "n", L, "x"), 1, id="any is 1 where there is an event"),
            pytest.param(total("visits.minutes", "n", L, "x"), 95, id="total adds up"),
            pytest.param(distinct("visits.unit", "n", L, "x"), 2, id="distinct counts values once"),
            pytest.param(distinct("visits.minutes", "n", L, "x"), 3, id="distinct takes limited whole numbers too"),
            pytest.param(repeated("visits.unit", "n", L, "x"), 1, id="repeated counts values of two days or more"),
            pytest.param(usual("visits.unit", "n", L, "x"), 2 / 3, id="usual is the share of the most common value"),
            pytest.param(since("visits", "n", L, "x"), 5, id="since counts days from the latest event"),
            pytest.param(since("visits.unit", "n", L, "x"), 19, id="since of a column, from the latest with a value"),
            pytest.param(oldest("visits", "n", L, "x"), 60, id="oldest counts days from the first event"),
            pytest.param(last("visits.minutes", "n", L, "x"), 45, id="last is the latest value"),
            pytest.param(highest("visits.minutes", "n", L, "x"), 45, id="highest"),
            pytest.param(lowest("visits.minutes", "n", L, "x"), 20, id="lowest"),
            pytest.param(mean("visits.minutes", "n", L, "x"), 95 / 3, id="mean divides once, by the known values"),
        ],
    )
    def test_an_aggregate(self, family: Family, value: float) -> None:
        check(
            [family],
            f"""
            as of            | n
            2024-03-10 12:00 | {value!r}
            """,
            visits=self.VISITS,
        )

    def test_a_share_divides_once(self) -> None:
        emergencies = count("visits", "emergencies", L, "x", where={"urgency": "emergency"})
        check(
            [VISITS, emergencies, share(emergencies, VISITS, "share", L, "x")],
            """
            as of            | share
            2024-01-10 09:00 | missing
            2024-02-20 12:00 | 0.6666666666666666
            2024-03-10 12:00 | 0.5
            """,
            visits=self.VISITS,
        )

    def test_a_value_on_the_same_day_twice_is_not_repeated(self) -> None:
        check(
            [repeated("procedures.tooth", "repeated", L, "x")],
            """
            as of            | repeated
            2024-01-11 12:00 | 0
            2024-01-12 12:00 | 1
            """,
            procedures="""
            time             | tooth
            2024-01-10 09:00 | 11
            2024-01-10 15:00 | 11
            2024-01-12 09:00 | 11
            2024-01-12 09:00 | 12
            """,
        )

    def test_a_slope_is_the_least_squares_change_of_365_days(self) -> None:
        check(
            [slope("findings.value", "slope", L, "x", where={"kind": "dmft"})],
            """
            as of            | slope
            2023-06-01 12:00 | missing
            2024-06-01 12:00 | 2.0
            2025-06-01 12:00 | 1.0
            """,
            findings="""
            time             | kind | value
            2023-01-01 12:00 | dmft | 3
            2023-01-01 12:00 | cpi  | 4
            2024-01-01 12:00 | dmft | 5
            2024-12-31 12:00 | dmft | 5
            """,
        )

    def test_a_slope_needs_two_days(self) -> None:
        check(
            [slope("findings.value", "slope", L, "x")],
            """
            as of            | slope
            2024-06-01 12:00 | missing
            """,
            findings="""
            time             | kind | value
            2024-01-01 09:00 | dmft | 3
            2024-01-01 15:00 | dmft | 5
            """,
        )

    def test_large_sums_are_exact(self) -> None:
        check(
            [total("charges.cents", "cents", L, "x"), mean("charges.cents", "mean", L, "x")],
            """
            as of            | cents            | mean
            2024-06-01 12:00 | 9007199254740991 | 3002399751580330.5
            """,
            charges="""
            time             | cents
            2024-01-01 09:00 | 9007199254740989
            2024-01-02 09:00 | 1
            2024-01-03 09:00 | 1
            """,
        )


class TestTies:
    """Events of the same time stand in the order of their event ids."""

    def test_the_last_of_two_values_is_that_of_the_higher_event_id(self) -> None:
        check(
            [last("findings.value", "last", L, "x")],
            """
            as of            | last
            2024-06-01 12:00 | 7
            """,
            findings="""
            time             | id | value
            2024-01-01 09:00 | b  | 7
            2024-01-01 09:00 | a  | 3
            2024-01-01 09:00 | B  | 5
            2024-01-01 08:59 | z  | 1
            """,
        )

    def test_ids_compare_by_code_point(self) -> None:
        check(
            [last("findings.value", "last", L, "x")],
            """
            as of            | last
            2024-06-01 12:00 | 4
            """,
            findings="""
            time             | id | value
            2024-01-01 09:00 | 10 | 1
            2024-01-01 09:00 | 9  | 2
            2024-01-01 09:00 | Z  | 3
            2024-01-01 09:00 | ä  | 4
            """,
        )

    def test_the_last_value_is_that_of_the_latest_event_with_a_value(self) -> None:
        check(
            [last("visits.minutes", "last", L, "x")],
            """
            as of            | last
            2024-06-01 12:00 | 30
            """,
            visits="""
            time             | minutes
            2024-01-01 09:00 | 30
            2024-02-01 09:00 |
            """,
        )


class TestFilters:
    """Only events whose column has one of the values."""

    def test_a_beginning_is_written_with_an_asterisk(self) -> None:
        check(
            [count("diagnoses", "n", L, "x", where={"code": ("E11*", "Z720")})],
            """
            as of            | n
            2024-06-01 12:00 | 3
            """,
            diagnoses="""
            time             | code
            2024-01-01 09:00 | E11
            2024-01-01 09:00 | E119
            2024-01-01 09:00 | Z720
            2024-01-01 09:00 | Z7201
            2024-01-01 09:00 | E1
            2024-01-01 09:00 | XE11
            """,
        )

    def test_a_null_is_none_of_the_values(self) -> None:
        check(
            [count("visits", "half", L, "x", where={"minutes": (30, 0)}),
             count("visits", "in_a", L, "x", where={"unit": "A"})],
            """
            as of            | half | in_a
            2024-06-01 12:00 | 1    | 1
            """,
            visits="""
            time             | minutes | unit
            2024-01-01 09:00 | 30      |
            2024-01-02 09:00 |         | A
            """,
        )  # fmt: skip

    def test_filters_hold_together_and_levels_apart(self) -> None:
        check(
            [count("visits", "n", L, "x", by="profession", levels={"dentist": L, "hygienist": L, "other": L},
                   where={"urgency": ("urgent", "emergency"), "mode": "office"})],
            """
            as of            | n_dentist | n_hygienist | n_other
            2024-06-01 12:00 | 1         | 1           | 0
            """,
            visits="""
            time             | profession | urgency   | mode
            2024-01-01 09:00 | dentist    | urgent    | office
            2024-01-02 09:00 | dentist    | urgent    | remote
            2024-01-03 09:00 | hygienist  | emergency | office
            2024-01-04 09:00 | other      | routine   | office
            2024-01-05 09:00 | assistant  | urgent    | office
            """,
        )  # fmt: skip


class TestGaps:
    """The gap of a visit is the whole days since the previous visit that the moment sees."""

    FAMILIES = (
        highest("visits.gap", "longest", L, "x"),
        last("visits.gap", "latest", L, "x"),
        count("visits", "episodes", L, "x", where={"starts_episode": 1}),
    )

    def test_the_first_visit_has_no_gap_and_starts_an_episode(self) -> None:
        check(
            [*self.FAMILIES],
            """
            as of            | longest | latest  | episodes
            2024-01-01 12:00 | missing | missing | 1
            2024-06-01 12:00 | 31      | 0       | 1
            """,
            visits="""
            time
            2024-01-01 09:00
            2024-02-01 23:59
            2024-02-01 23:59
            """,
        )

    def test_an_episode_starts_after_more_than_the_limit(self) -> None:
        second = date.fromordinal(date(2023, 1, 1).toordinal() + EPISODE_GAP)
        third = date.fromordinal(second.toordinal() + EPISODE_GAP + 1)
        check(
            [*self.FAMILIES],
            """
            as of            | longest | episodes
            2024-12-01 12:00 | 181     | 2
            """,
            visits=f"""
            time
            2023-01-01 09:00
            {second} 09:00
            {third} 09:00
            """,
        )

    def test_a_visit_recorded_later_does_not_show_in_a_gap(self) -> None:
        check(
            [*self.FAMILIES],
            """
            as of            | longest | episodes
            2025-09-01 12:00 | 212     | 2
            2025-12-02 12:00 | 151     | 1
            """,
            visits="""
            time             | recorded
            2025-01-01 09:00 |
            2025-06-01 09:00 | 2025-12-01 09:00
            2025-08-01 09:00 |
            """,
        )


class TestCodes:
    """What the code of a procedure means."""

    def test_the_longest_beginning_decides_and_unknown_codes_are_other(self) -> None:
        groups = ("examination", "assessment", "restorative", "prosthetic", "extraction", "other")
        check(
            [count("procedures", "n", L, "x", by="group", levels=dict.fromkeys(groups, L))],
            """
            as of            | n_examination | n_assessment | n_restorative | n_prosthetic | n_extraction | n_other
            2024-06-01 12:00 | 1             | 1            | 2             | 1            | 1            | 3
            """,
            procedures="""
            time             | code     | code_system
            2024-01-01 09:00 | SAA01    | thl
            2024-01-01 09:00 | SAD01    | thl
            2024-01-01 09:00 | SFA10    | thl
            2024-01-01 09:00 | D2391    | cdt
            2024-01-01 09:00 | D2740    | cdt
            2024-01-01 09:00 | 55162003 | snomed
            2024-01-01 09:00 | 5516200  | snomed
            2024-01-01 09:00 | VALMI    | local
            2024-01-01 09:00 | S        | local
            """,
        )

    def test_surfaces_are_counted(self) -> None:
        check(
            [total("procedures.surface_count", "surfaces", L, "x"), count("procedures.surface_count", "known", L, "x")],
            """
            as of            | surfaces | known
            2024-06-01 12:00 | 4        | 2
            """,
            procedures="""
            time             | surfaces
            2024-01-01 09:00 | MOD
            2024-01-01 09:00 | O
            2024-01-01 09:00 |
            """,
        )


class TestTeethTreatedAgain:
    """Care counts as done again when the same tooth had care of the same group on an earlier day, not too long ago."""

    AGAIN = distinct("procedures.tooth", "again", L, "x", where={"retreated": 1})
    KNOWN = count("procedures.retreated", "known", L, "x")

    @pytest.mark.parametrize(("days", "again"), [(0, 0), (1, 1), (RETREATMENT_DAYS, 1), (RETREATMENT_DAYS + 1, 0)])
    def test_the_limit_is_inside(self, days: int, again: int) -> None:
        second = date.fromordinal(date(2020, 1, 1).toordinal() + days)
        check(
            [self.AGAIN],
            f"""
            as of            | again
            2024-06-01 12:00 | {again}
            """,
            procedures=f"""
            time             | code  | tooth
            2020-01-01 09:00 | SFA10 | 36
            {second} 15:00   | SFA20 | 36
            """,
        )

    def test_another_tooth_another_group_or_no_tooth_is_nothing_done_again(self) -> None:
        check(
            [self.AGAIN, self.KNOWN],
            """
            as of            | again | known
            2024-06-01 12:00 | 0     | 3
            """,
            procedures="""
            time             | code  | tooth
            2024-01-01 09:00 | SFA10 | 36
            2024-02-01 09:00 | SFA10 | 37
            2024-03-01 09:00 | SGA01 | 36
            2024-04-01 09:00 | SFA10 |
            2024-05-01 09:00 | SFA10 |
            """,
        )

    def test_care_recorded_later_is_not_done_again_yet(self) -> None:
        check(
            [self.AGAIN],
            """
            as of            | again
            2024-04-01 12:00 | 0
            2024-06-01 12:00 | 1
            """,
            procedures="""
            time             | recorded         | code  | tooth
            2024-01-01 09:00 | 2024-05-01 09:00 | SFA10 | 36
            2024-03-01 09:00 |                  | SFA10 | 36
            """,
        )


class TestRecalls:
    """A recall code recommends an examination; an examination on a later day answers it."""

    FAMILIES = (
        count("procedures", "answered", L, "x", where={"recall_kept": (0, 1)}),
        count("procedures", "kept", L, "x", where={"recall_kept": 1}),
        last("procedures.recall", "days", L, "x"),
        last("procedures.overdue", "overdue", L, "x"),
    )

    def test_open_then_overdue_then_answered(self) -> None:
        check(
            [*self.FAMILIES],
            """
            as of            | days | answered | kept | overdue
            2024-03-01 12:00 | 365  | 0        | 0    | 0
            2025-01-01 12:00 | 365  | 0        | 0    | 1
            2025-02-01 12:00 | 365  | 1        | 1    | missing
            """,
            procedures="""
            time             | code
            2024-01-01 09:00 | SAA01
            2024-01-01 09:00 | WYA01
            2025-02-01 09:00 | SAA01
            """,
        )

    @pytest.mark.parametrize(("late", "kept"), [(RECALL_GRACE, 1), (RECALL_GRACE + 1, 0)])
    def test_kept_within_the_grace_and_not_after(self, late: int, kept: int) -> None:
        examined = date.fromordinal(date(2024, 1, 1).toordinal() + 365 + late)
        check(
            [*self.FAMILIES],
            f"""
            as of            | answered | kept
            2026-06-01 12:00 | 1        | {kept}
            """,
            procedures=f"""
            time             | code
            2024-01-01 09:00 | WYA01
            {examined} 09:00 | SAA01
            """,
        )

    def test_only_the_first_examination_on_a_later_day_answers(self) -> None:
        check(
            [*self.FAMILIES],
            """
            as of            | answered | kept | overdue
            2024-01-01 12:00 | 0        | 0    | 0
            2024-06-01 12:00 | 1        | 1    | missing
            """,
            procedures="""
            time             | code
            2024-01-01 09:00 | WYA01
            2024-01-01 11:00 | SAA01
            2024-03-01 09:00 | SAA01
            2024-03-01 10:00 | SAA01
            2024-04-01 09:00 | SAA01
            """,
        )

    def test_of_two_recalls_of_a_day_the_last_holds_and_a_later_one_replaces_it(self) -> None:
        check(
            [*self.FAMILIES],
            """
            as of            | days | answered | kept
            2023-06-01 12:00 | 365  | 0        | 0
            2025-12-02 12:00 | 730  | 1        | 1
            """,
            procedures="""
            time             | id | code
            2023-01-01 09:00 | b  | WYA01
            2023-01-01 09:00 | a  | WYA03
            2024-01-01 09:00 | c  | WYA02
            2025-12-01 09:00 | d  | SAA01
            """,
        )
