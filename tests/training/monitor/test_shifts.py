"""Each shift that can befall a service is found within the stated months; a quiet year raises nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.training.monitor.service import FIRST, ONSET, UNTIL, Shift, World, service
from training.monitor.report import Judged
from training.monitor.watch import watch

Rows = np.ndarray
HORIZON_MONTHS = 12


def source_stops(people: World, rows: Rows) -> None:
    people["x"][rows, 2] = np.nan


def minutes_become_seconds(people: World, rows: Rows) -> None:
    people["x"][rows, 1] *= 60


def older_people_call(people: World, rows: Rows) -> None:
    people["x"][rows, 0] = np.clip(people["x"][rows, 0] + 15, 18, 100)


def need_rises(people: World, rows: Rows) -> None:
    people["true"][rows] += 0.6


def ranking_is_lost(people: World, rows: Rows) -> None:
    people["true"][rows] = people["true"][rows].mean(0) + 0.3 * (people["true"][rows] - people["true"][rows].mean(0))


def a_new_model_says_too_much(people: World, rows: Rows) -> None:
    people["model"][rows] = "2"
    people["said"][rows] += 1.2


def one_site_overrides(people: World, rows: Rows) -> None:
    people["accepts"][rows & (people["unit"] == "Kallio")] = False


def one_site_needs_more(people: World, rows: Rows) -> None:
    people["true"][rows & (people["unit"] == "Pasila")] += 1.2


def features_of_another_version(people: World, rows: Rows) -> None:
    people["version"][rows] = "v2"


def histories_are_not_found(people: World, rows: Rows) -> None:
    people["known"][rows & (people["draw"] < 0.3)] = False


def the_model_flattens(people: World, rows: Rows) -> None:
    people["said"][rows] = people["said"][rows].mean(0) + 0.4 * (people["said"][rows] - people["said"][rows].mean(0))


@dataclass(frozen=True)
class Expected:
    """The kind of figure that must speak, the action it must name, and within how many months of the onset."""

    shift: Shift
    kind: str
    action: str
    months: int
    group: str = "all"


SHIFTS = (
    Expected(source_stops, "missing", "mend the source", 1),
    Expected(minutes_become_seconds, "broken", "mend the source", 1),
    Expected(older_people_call, "drift", "retrain", 1),
    Expected(features_of_another_version, "schema", "roll back", 1),
    Expected(histories_are_not_found, "no_history", "mend the source", 1),
    Expected(a_new_model_says_too_much, "suggested", "roll back", 1),
    Expected(the_model_flattens, "estimated_ranking", "retrain", 1),
    Expected(one_site_overrides, "overridden", "retrain", 1, "unit: Kallio"),
    # Early visits are known after three months, and the month in which they become known must be over.
    Expected(need_rises, "early", "recalibrate", 5),
    Expected(need_rises, "calibration", "recalibrate", HORIZON_MONTHS + 2),
    Expected(ranking_is_lost, "ranking", "retrain", HORIZON_MONTHS + 2),
    Expected(one_site_needs_more, "coverage", "recalibrate", HORIZON_MONTHS + 2, "unit: Pasila"),
)


def judged(shift: Shift | None, seed: int = 1) -> list[Judged]:
    found = service(shift, seed)
    return watch(found.served, found.standard, FIRST, UNTIL)


@pytest.mark.parametrize("expected", SHIFTS, ids=lambda one: f"{one.shift.__name__}-{one.kind}")
def test_a_shift_is_found_within_the_stated_months_with_its_action(expected: Expected) -> None:
    months = judged(expected.shift)
    onset = f"{ONSET:%Y-%m}"
    before = [month for month in months if month.month < onset]
    after = [month for month in months if month.month >= onset][: expected.months]
    assert len(before) == 12
    assert not [breach.sentence() for month in before for breach in month.breaches]
    found = [breach for month in after for breach in month.breaches
             if (breach.figure.kind, breach.figure.group) == (expected.kind, expected.group)]  # fmt: skip
    assert found
    assert {breach.action for breach in found} == {expected.action}


@pytest.mark.parametrize("seed", range(4))
def test_a_quiet_stretch_of_two_and_a_half_years_raises_nothing(seed: int) -> None:
    months = judged(None, seed)
    assert len(months) == 30
    assert all(len(month.figures) > 20 for month in months)
    assert not [breach.sentence() for month in months for breach in month.breaches]


def test_a_breach_says_what_where_how_far_and_what_to_do() -> None:
    months = judged(one_site_overrides)
    found = (breach for month in months for breach in month.breaches if breach.figure.group != "all")
    breach = next(found)
    assert breach.sentence().startswith("retrain: share of suggestions overridden (unit: Kallio) is 0.99")
    assert "standard errors off" in breach.sentence()
