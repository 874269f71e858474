"""Who is in the cohort, what their need was, and who was left out and why."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from records.clock import instant
from records.schema import PROFESSIONS
from tests.rows import event, history, patient
from training.cohort import (
    ABSENT,
    DEFAULT,
    LEFT,
    OBSERVED,
    Cohort,
    CohortDefinition,
    CohortError,
    build,
    definition_on,
    eligible,
)

END = instant("2025-12-31T12:00")
PAST = event("visits", "2018-05-01T10:00")


def cohort(*patients: dict[str, Any], **events: list[dict[str, Any]]) -> Cohort:
    return build(history(*patients, **events), CohortDefinition(), END)


def contact(when: str = "2020-03-01T09:00", **more: Any) -> dict[str, Any]:
    return event("contacts", when, **more)


def test_the_need_is_what_the_year_after_the_contact_took() -> None:
    found = cohort(
        contacts=[contact()],
        visits=[
            PAST,
            event("visits", "2020-03-10T10:00", minutes=40),
            event("visits", "2020-05-10T10:00", profession="hygienist", minutes=50),
            event("visits", "2020-06-10T10:00", minutes=None),
            event("visits", "2020-06-11T10:00", mode="remote"),
            event("visits", "2021-03-02T10:00"),
        ],
    )
    assert dict(zip(PROFESSIONS, found.visits[0], strict=True)) == {
        "dentist": 2, "specialist": 0, "hygienist": 1, "assistant": 0, "other": 0}  # fmt: skip
    assert found.minutes[0].tolist() == [40, 0, 50, 0, 0]
    assert found.attrition["kept"] == 1


def test_the_year_begins_with_the_contact_and_ends_365_days_later() -> None:
    at = {"2020-03-01T09:00": 1, "2020-03-01T09:01": 1, "2021-03-01T08:59": 1, "2021-03-01T09:00": 0}
    for when, counted in at.items():
        visits = [PAST, event("visits", when), event("visits", "2020-06-01T10:00")]
        assert cohort(contacts=[contact()], visits=visits).visits.sum() == 1 + counted


COMES = event("visits", "2020-04-01T10:00")
LEFT_OUT: dict[str, tuple[str, dict[str, Any]]] = {
    "a visit in the washout": ("continues an episode", {"visits": [PAST, COMES, event("visits", "2020-02-01T10:00")]}),
    "an earlier booking contact": ("continues an episode", {"contacts": [contact(), contact("2020-01-15T09:00")]}),
    "too near the end of the data": (
        "horizon reaches beyond the data",
        {"contacts": [contact("2025-03-01T09:00")], "visits": [PAST, event("visits", "2025-04-01T10:00")]},
    ),
    "nobody came": ("nobody came", {"visits": [PAST]}),
    "nothing recorded before": ("nothing recorded before", {"visits": [COMES]}),
    "recorded too late to be known": (
        "nothing recorded before",
        {"visits": [event("visits", "2018-05-01T10:00", known="2020-03-05T10:00"), COMES]},
    ),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_who_is_left_out_is_counted_by_reason(name: str) -> None:
    reason, events = LEFT_OUT[name]
    found = cohort(**{"contacts": [contact()], "visits": [PAST, COMES], **events})
    assert found.attrition[reason] >= 1
    assert found.attrition["kept"] + found.attrition[reason] == found.attrition["booking contacts"]


def test_people_who_die_or_move_within_the_year_are_not_called_light() -> None:
    gone = cohort(patient(left_at=instant("2020-09-01")), contacts=[contact()], visits=[PAST, COMES])
    assert gone.attrition["died or moved within the horizon"] == 1
    later = cohort(patient(left_at=instant("2021-09-01")), contacts=[contact()], visits=[PAST, COMES])
    assert later.attrition["kept"] == 1


def test_contacts_that_book_nothing_are_no_moments() -> None:
    found = cohort(contacts=[contact(service="advice")], visits=[PAST, COMES])
    assert found.attrition["booking contacts"] == 0
    assert len(found.moments.as_of) == 0


def test_patients_are_kept_apart() -> None:
    people = [patient(name) for name in "abc"]
    found = cohort(
        *people,
        contacts=[contact(patient=name) for name in "abc"],
        visits=[
            event("visits", when, patient=name) for name in "ac" for when in ("2018-01-01T10:00", "2020-04-01T10:00")
        ],
    )
    assert found.moments.patient_ids.to_pylist() == ["a", "c"]
    assert found.visits.sum(1).tolist() == [1, 1]
    assert found.attrition["nothing recorded before"] == 1


def test_attrition_adds_up_on_a_simulated_population() -> None:

    from records.simulate import simulate

    block = next(simulate(2_000, 6, 3, date(2025, 12, 31)))
    found = build(block.history, CohortDefinition(), END)
    assert sum(found.attrition.values()) == 2 * found.attrition["booking contacts"]
    assert (found.visits.sum(1) > 0).all()
    assert np.isfinite(found.minutes).all()


def test_the_length_of_the_first_appointment_is_that_of_the_first_visit() -> None:
    first = event("visits", "2020-03-10T10:00", minutes=55)
    later = event("visits", "2020-04-10T10:00", minutes=20)
    assert cohort(contacts=[contact()], visits=[PAST, first, later]).first_minutes.tolist() == [55]
    unknown = event("visits", "2020-03-09T10:00", minutes=None)
    assert np.isnan(cohort(contacts=[contact()], visits=[PAST, unknown, later]).first_minutes[0])


def test_what_is_not_observed_is_kept_with_what_was_seen() -> None:
    people = [patient("a", left_at=instant("2020-09-01")), patient("b"), patient("c")]
    found = eligible(
        history(
            *people,
            contacts=[contact(patient=name) for name in "abc"],
            visits=[
                *(event("visits", "2018-01-01T10:00", patient=name) for name in "abc"),
                *(event("visits", "2020-04-01T10:00", patient=name) for name in "ac"),
            ],
        ),
        CohortDefinition(),
        END,
    )
    assert found.fate.tolist() == [LEFT, ABSENT, OBSERVED]
    assert found.visits.sum(1).tolist() == [1, 0, 1]
    assert found.attrition["kept"] == 1
    assert np.isnan(found.first_minutes[1])


def test_the_definition_is_dated(tmp_path: Path) -> None:
    assert definition_on(date(2025, 1, 1), 365).washout_days == 180
    text = DEFAULT.read_text(encoding="utf-8")
    (tmp_path / "two.toml").write_text(
        text + text.replace("2000-01-01", "2030-01-01").replace("washout_days = 180", "washout_days = 90"),
        encoding="utf-8",
    )
    assert definition_on(date(2029, 12, 31), 100, tmp_path / "two.toml").washout_days == 180
    later = definition_on(date(2030, 1, 1), 100, tmp_path / "two.toml")
    assert (later.washout_days, later.horizon_days, later.valid_from) == (90, 100, date(2030, 1, 1))
    with pytest.raises(CohortError, match="no definition of the cohort holds on 1999-12-31"):
        definition_on(date(1999, 12, 31), 365)
    for broken in ("[[definition]]\nfrom = 2000-01-01", "[[definition"):
        (tmp_path / "broken.toml").write_text(broken, encoding="utf-8")
        with pytest.raises(CohortError, match=r"broken.toml defines no cohort"):
            definition_on(date(2025, 1, 1), 365, tmp_path / "broken.toml")
