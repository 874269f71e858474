"""Each rule at its edges: Helsinki days, whole days, half open."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from alerts.definitions import Definition
from alerts.evaluate import evaluate, unwatched
from alerts.known import of_history
from alerts.rule import Rule
from alerts.rules import rules
from alerts.schema import LANGUAGES
from alerts.times import NEVER, as_days, as_instants, day_of, start_of
from alerts.why import why
from records.clock import instant
from records.history import History
from tests.alerts.worlds import DEFINITIONS, change, tiny, visit, world

EXAMPLES = Path(__file__).parents[2] / "alerts" / "examples"


def subjects(history: History, now: str, definition: Definition | None = None) -> dict[str, tuple[str, str | None]]:
    """The alerts of one voucher at a moment: their first day and why they ended, by subject."""
    definitions = {"tiny-1": definition} if definition else DEFINITIONS
    rows = evaluate(of_history(history, instant(now)), definitions, instant(now)).to_pylist()
    return {f"{row['subject']} {row['breached_on']:%d.%m.}": row["ended_why"] for row in rows}


# Granted at the last moment of 1 June; two days to activate: 2 and 3 June are in time, 4 June is late.
GRANTED = change("granted", "2026-06-01T23:59:59.999999")


@pytest.mark.parametrize(
    ("now", "late"),
    [("2026-06-03T23:59:59.999999", False), ("2026-06-04T00:00", True), ("2026-06-04T12:00", True)],
)
def test_not_activated_begins_with_the_first_instant_of_the_day_after_the_limit(now: str, late: bool) -> None:
    assert subjects(world([GRANTED]), now) == ({"not_activated 04.06.": None} if late else {})


@pytest.mark.parametrize("day", ["2026-03-27", "2026-03-28", "2026-10-23", "2026-10-24"])
def test_days_of_23_and_25_hours_are_days(day: str) -> None:
    granted = world([change("granted", f"{day}T00:00")])
    first = date.fromisoformat(day) + timedelta(days=3)
    before = f"{first - timedelta(days=1)}T23:59:59.999999"
    assert subjects(granted, before) == {}
    assert subjects(granted, f"{first}T00:00") == {f"not_activated {first:%d.%m.}": None}


@pytest.mark.parametrize(
    ("activated", "found"),
    [
        ("2026-06-03T23:59:59.999999", {}),
        ("2026-06-04T00:00", {"not_activated 04.06.": "activated", "activated_late 04.06.": None}),
        ("2026-06-05T09:00", {"not_activated 04.06.": "activated", "activated_late 05.06.": None}),
    ],
)
def test_activated_on_the_last_day_is_in_time_and_an_instant_later_is_late(
    activated: str, found: dict[str, str | None]
) -> None:
    history = world([GRANTED, change("activated", activated)])
    assert subjects(history, "2026-06-06T12:00") == found


def test_activated_late_ends_with_the_first_visit() -> None:
    history = world(
        [GRANTED, change("activated", "2026-06-05T09:00")], [visit("2026-06-06T09:00"), visit("2026-06-07T09:00")]
    )
    assert subjects(history, "2026-06-07T12:00")["activated_late 05.06."] == "visited"


@pytest.mark.parametrize(
    ("state", "why_ended"), [("ended", "ended"), ("withdrawn", "withdrawn"), ("activated", "activated")]
)
def test_an_alert_ends_by_itself(state: str, why_ended: str) -> None:
    history = world([GRANTED, change(state, "2026-06-05T09:00")])
    assert subjects(history, "2026-06-05T08:59")["not_activated 04.06."] is None
    assert subjects(history, "2026-06-05T09:01")["not_activated 04.06."] == why_ended


def test_an_alert_ends_when_the_voucher_is_no_longer_valid() -> None:
    granted = world([change("granted", "2026-06-01T10:00")])  # valid for 12 days: until 13 June
    assert subjects(granted, "2026-06-13T23:59:59.999999") == {"not_activated 04.06.": None}
    assert subjects(granted, "2026-06-14T00:00") == {"not_activated 04.06.": "expired"}


def test_what_a_voucher_says_of_its_last_day_goes_before_the_definition() -> None:
    granted = world([change("granted", "2026-06-01T10:00", valid_until=date(2026, 6, 3))])
    assert subjects(granted, "2026-06-10T10:00") == {}  # it was not valid any more when it would have been late


ACTIVE = [change("granted", "2026-06-01T10:00"), change("activated", "2026-06-02T10:00")]


@pytest.mark.parametrize(
    ("visits", "now", "found"),
    [
        ([], "2026-06-05T23:59:59.999999", {}),
        ([], "2026-06-06T00:00", {"visit_interval 06.06.": None}),
        (["2026-06-04T00:00"], "2026-06-07T23:59:59.999999", {}),
        (["2026-06-04T00:00"], "2026-06-08T00:00", {"visit_interval 08.06.": None}),
        (["2026-06-04T00:00", "2026-06-07T23:59:59.999999"], "2026-06-08T00:00", {}),
        (["2026-06-04T00:00", "2026-06-08T00:00"], "2026-06-08T00:00:01", {"visit_interval 08.06.": "visited"}),
        (
            ["2026-06-08T10:00", "2026-06-08T15:00"],
            "2026-06-12T00:00",
            {"visit_interval 06.06.": "visited", "visit_interval 12.06.": None},
        ),
    ],
)
def test_each_interval_that_is_too_long_is_one_alert(visits: list[str], now: str, found: dict[str, str | None]) -> None:
    assert subjects(world(ACTIVE, [visit(when) for when in visits]), now) == found


def test_a_definition_may_begin_to_count_with_the_first_visit() -> None:
    watches = [{"rule": "visit_interval", "settings": {"first_visit": False}}]
    definition = tiny(watches=watches)
    assert subjects(world(ACTIVE), "2026-06-10T10:00", definition) == {}
    visited = world(ACTIVE, [visit("2026-06-03T10:00")])
    assert subjects(visited, "2026-06-10T10:00", definition) == {"visit_interval 07.06.": None}


def test_care_that_ended_is_told_of_for_some_days_and_then_over() -> None:
    history = world([*ACTIVE, change("ended", "2026-06-04T15:00")], [visit("2026-06-04T10:00")])
    assert subjects(history, "2026-06-04T14:59") == {}
    assert subjects(history, "2026-06-04T15:01") == {"care_ended 04.06.": None}
    assert subjects(history, "2026-06-06T23:59:59.999999") == {"care_ended 04.06.": None}
    assert subjects(history, "2026-06-07T00:00") == {"care_ended 04.06.": "over"}


def test_the_end_of_care_may_be_told_of_after_the_voucher_expired() -> None:
    history = world([*ACTIVE, change("ended", "2026-06-14T15:00")], [visit("2026-06-04T10:00")])
    assert subjects(history, "2026-06-15T10:00")["care_ended 14.06."] is None


@pytest.mark.parametrize(
    "events",
    [
        [*ACTIVE, change("ended", "2026-06-04T15:00")],  # no visit: no care was given
        [*ACTIVE, change("withdrawn", "2026-06-04T15:00")],
        [change("granted", "2026-06-01T10:00"), change("ended", "2026-06-03T15:00")],
    ],
)
def test_nobody_is_asked_about_care_that_was_not_given(events: list[dict[str, object]]) -> None:
    visits = [visit("2026-06-03T10:00")] if "withdrawn" in str(events) else []
    assert not any(name.startswith("care_ended") for name in subjects(world(events, visits), "2026-06-05T10:00"))


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"days": -3, "of": "valid_until", "state": "activated"}, {"own 10.06.": None}),
        ({"days": -30, "of": "valid_until"}, {"own 01.06.": None}),  # not before the grant
        ({"days": -30, "of": "valid_until", "state": "granted"}, {"own 01.06.": "activated"}),
        ({"days": 1, "of": "granted", "state": "granted"}, {"own 02.06.": "activated"}),
        ({"days": 2, "of": "granted", "state": "granted"}, {}),  # it was activated before
        ({"days": 2, "of": "activated"}, {"own 04.06.": None}),
        ({"days": 1, "of": "last_visit"}, {"own 05.06.": "visited", "own 10.06.": None}),
        ({"days": 0, "of": "last_visit", "state": "activated"}, {"own 04.06.": "visited", "own 09.06.": None}),
    ],
)
def test_a_definition_may_have_messages_of_its_own(settings: dict[str, object], found: dict[str, str | None]) -> None:
    definition = tiny(watches=[{"rule": "cycle", "name": "own", "settings": settings}])
    history = world(ACTIVE, [visit("2026-06-04T10:00"), visit("2026-06-09T10:00")])
    assert subjects(history, "2026-06-10T12:00", definition) == found


def test_a_voucher_that_is_opened_again_is_open() -> None:
    history = world([*ACTIVE, change("ended", "2026-06-03T10:00"), change("activated", "2026-06-04T10:00")])
    assert subjects(history, "2026-06-03T12:00") == {}
    assert subjects(history, "2026-06-06T12:00") == {"visit_interval 06.06.": None}


def test_a_visit_counts_for_every_voucher_that_was_active_on_its_day() -> None:
    other = [change("granted", "2026-06-01T10:00", voucher="k2"), change("activated", "2026-06-05T18:00", voucher="k2")]
    history = world([*ACTIVE, *other], [visit("2026-06-05T10:00"), visit("2026-06-05T10:00", patient="b")])
    now = instant("2026-06-08T23:00")
    assert np.diff(of_history(history, now).first_visit).tolist() == [1, 1]
    assert np.diff(of_history(world([*ACTIVE, *other], [visit("2026-06-04T10:00")]), now).first_visit).tolist() == [
        1,
        0,
    ]


def test_old_versions_hold_for_old_vouchers() -> None:
    strict, lenient = (
        tiny(),
        tiny(version="2", limits={"activation_days": 8, "validity_days": 12, "visit_interval_days": 3}),
    )
    vouchers = [
        change("granted", "2026-06-01T10:00"),
        change("granted", "2026-06-01T10:00", "k2", definition_id="tiny-2"),
    ]
    now = instant("2026-06-05T10:00")
    alerts = evaluate(of_history(world(vouchers), now), {"tiny-1": strict, "tiny-2": lenient}, now)
    assert alerts["voucher_id"].to_pylist() == ["k"]


def test_a_voucher_of_an_unknown_definition_is_left_alone_and_counted() -> None:
    now = instant("2026-06-05T10:00")
    vouchers = of_history(world([change("granted", "2026-06-01T10:00", definition_id="other-1")]), now)
    assert evaluate(vouchers, DEFINITIONS, now).num_rows == 0
    assert unwatched(vouchers, DEFINITIONS) == {"other-1": 1}


def test_a_voucher_whose_grant_is_not_known_is_left_alone() -> None:
    history = world([change("activated", "2026-06-02T10:00", definition_id="tiny-2")], [visit("2026-06-03T10:00")])
    assert subjects(history, "2026-06-10T10:00") == {}


def test_a_rule_says_why_in_three_languages() -> None:
    assert why("not_activated", '{"granted_on": "2026-06-01", "limit_days": 2, "breached_on": "2026-06-04"}') == {
        "fi": "Palveluseteli myönnettiin 1.6.2026, eikä sitä aktivoitu 2 päivän kuluessa.",
        "sv": "Servicesedeln beviljades 1.6.2026 och aktiverades inte inom 2 dagar.",
        "en": "The voucher was granted on 1 June 2026 and was not activated within 2 days.",
    }


def test_whatever_a_rule_finds_it_can_say() -> None:
    late = [change("granted", "2026-06-01T10:00", "k2"), change("activated", "2026-06-07T10:00", "k2")]
    own = [one | {"event_id": one["event_id"] + "3", "voucher_id": "k3", "definition_id": "tiny-2"} for one in ACTIVE]
    changes = [*ACTIVE, change("ended", "2026-06-10T10:00"), *late, *own]
    history = world(changes, [visit("2026-06-08T10:00")])
    now = instant("2026-06-13T10:00")
    alerts = evaluate(of_history(history, now), DEFINITIONS, now).to_pylist()
    assert {alert["rule"] for alert in alerts} == set(rules())
    for alert in alerts:
        assert set(why(alert["rule"], alert["variables"])) == set(LANGUAGES)


def test_no_limit_stands_in_the_code() -> None:
    """Another definition, other alerts: nothing is found but by what the definition says."""
    history = world([change("granted", "2026-01-01T10:00")])
    for days in (0, 1, 17, 200):
        definition = tiny(limits={"activation_days": days, "validity_days": 300, "visit_interval_days": 3})
        first = date(2026, 1, 1) + timedelta(days=days + 1)
        assert subjects(history, "2026-12-31T10:00", definition) == {f"not_activated {first:%d.%m.}": "expired"}


def test_to_add_a_rule_is_to_add_a_file(tmp_path: Path) -> None:
    """A rule that is put among the others is found, checked and run, and nothing else was touched."""
    source = Path(rules.__wrapped__.__code__.co_filename).parent / "not_activated.py"
    (tmp_path / "unlucky.py").write_text(source.read_text().replace("limit + 1", "13"))
    script = f"""
import alerts.rules
alerts.rules.__path__.append({str(tmp_path)!r})
from tests.alerts.test_rules import *
limits = {{"validity_days": 20, "activation_days": 1}}
found = subjects(world([GRANTED]), "2026-06-14T10:00", tiny(watches=[{{"rule": "unlucky"}}], limits=limits))
assert found == {{"unlucky 14.06.": None}}, found
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_a_rule_without_one_of_the_languages_is_refused() -> None:
    with pytest.raises(ValueError, match="a rule says why in fi, sv, en"):
        Rule(version=1, find=lambda *_: None, why={"fi": "Myöhässä."}, variables=lambda _: ())


def test_never_stays_never() -> None:
    some = np.array([0, NEVER])
    assert day_of(some).tolist() == [0, NEVER]
    assert start_of(some).tolist() == [-7_200_000_000, NEVER]
    assert as_days(some).to_pylist() == [date(1970, 1, 1), None]
    assert as_instants(some).null_count == 1
