"""Treatment feedback: what it makes, who may take it back until when, and what is as it was afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, func, select

from alerts import tables
from alerts.feedback import (
    AlreadyCancelledError,
    Feedback,
    FeedbackError,
    KeyReusedError,
    ProcedureDone,
    TooLateError,
    UnknownFeedbackError,
    UnknownVoucherError,
    VisitMade,
    cancel,
    cancel_as_officer,
    submit,
    taken,
)
from alerts.run import run
from records.clock import instant
from records.database import Database
from records.history import History
from tests.alerts.worlds import change, keep, stored, world

ACTIVE = [change("granted", "2026-06-01T10:00"), change("activated", "2026-06-02T10:00")]
BY_PROVIDER: dict[str, Any] = {"provider_id": "p", "who": "u1"}


def report(*days: int, ends_care: bool = False, corrects: str | None = None, voucher: str = "k") -> Feedback:
    """Visits on some days of June, at noon."""
    visits = [
        VisitMade(
            at=instant(f"2026-06-{day:02}T12:00"),
            minutes=40,
            profession="dentist",
            procedures=[ProcedureDone(code="SFA20", tooth=36, surfaces="MO"), ProcedureDone(code="WX110")],
        )
        for day in days
    ]
    return Feedback(voucher_id=voucher, visits=visits, ends_care=ends_care, corrects=corrects)


def history(database: Engine) -> History:
    found = Database(database).read_patient("a")
    assert found is not None
    return found


def audit(database: Engine) -> list[tuple[str, str | None, str]]:
    """Role, user and deed, in order."""
    rows = tables.alert_audit
    with database.connect() as connection:
        found = connection.execute(select(rows).order_by(rows.c.number)).all()
    return [(row.role, row.who, row.action) for row in found]


def open_alerts(database: Engine) -> dict[str, str]:
    return {row["subject"]: str(row["breached_on"]) for row in stored(database).to_pylist() if row["state"] == "open"}


def messages(database: Engine) -> dict[str, int]:
    outbox = tables.messages_outbox
    with database.connect() as connection:
        counted = connection.execute(select(outbox.c.state, func.count()).group_by(outbox.c.state)).all()
    return {row[0]: row[1] for row in counted}


@pytest.fixture
def active(database: Engine) -> Engine:
    keep(database, world(ACTIVE))
    return database


def test_a_feedback_becomes_events_of_the_history(active: Engine) -> None:
    now = instant("2026-06-05T15:00")
    submit(active, report(3, 5, ends_care=True), now=now, **BY_PROVIDER)
    found = history(active)
    assert found["visits"]["event_time"].to_pylist() == [instant("2026-06-03T12:00"), instant("2026-06-05T12:00")]
    assert set(found["visits"]["recorded_at"].to_pylist()) == {now}
    assert set(found["visits"]["producer"].to_pylist()) == {"voucher"}
    assert found["procedures"]["code"].to_pylist() == ["SFA20", "WX110"] * 2
    assert set(found["procedures"]["visit_id"].to_pylist()) == set(found["visits"]["event_id"].to_pylist())
    assert found["vouchers"]["state"].to_pylist() == ["granted", "activated", "ended"]
    assert audit(active) == [("provider", "u1", "feedback_sent")]


def test_cancelling_takes_back_every_event(active: Engine) -> None:
    before = history(active)
    feedback_id = submit(active, report(3, 5, ends_care=True), now=instant("2026-06-05T15:00"), **BY_PROVIDER)
    assert cancel(active, feedback_id, now=instant("2026-06-05T16:00"), **BY_PROVIDER) == 7
    after = history(active)
    assert all(after[name].equals(before[name]) for name in before)
    assert audit(active)[-1] == ("provider", "u1", "feedback_cancelled")


def test_the_last_visit_is_again_what_it_was(active: Engine) -> None:
    submit(active, report(3), now=instant("2026-06-03T15:00"), **BY_PROVIDER)
    run(active, instant("2026-06-07T08:00"))
    assert open_alerts(active) == {"visit_interval": "2026-06-07"}
    second = submit(active, report(7), now=instant("2026-06-07T15:00"), **BY_PROVIDER)
    run(active, instant("2026-06-07T16:00"))
    assert open_alerts(active) == {}
    cancel(active, second, now=instant("2026-06-07T17:00"), **BY_PROVIDER)
    assert open_alerts(active) == {}  # a corrected feedback may come at once: only a run opens
    run(active, instant("2026-06-08T08:00"))
    assert open_alerts(active) == {"visit_interval": "2026-06-07"}


def test_alerts_and_unsent_messages_that_rested_on_it_are_withdrawn_at_once(active: Engine) -> None:
    feedback_id = submit(active, report(3, ends_care=True), now=instant("2026-06-04T09:00"), **BY_PROVIDER)
    run(active, instant("2026-06-04T10:00"))
    assert open_alerts(active) == {"care_ended": "2026-06-04"}
    assert messages(active) == {"queued": 1}
    cancel(active, feedback_id, now=instant("2026-06-04T11:00"), **BY_PROVIDER)
    assert [row["state"] for row in stored(active, withdrawn=True).to_pylist()] == ["withdrawn"]
    assert messages(active) == {"withdrawn": 1}
    assert audit(active)[-2:] == [("system", None, "alert_withdrawn"), ("provider", "u1", "feedback_cancelled")]


def test_a_feedback_ends_an_alert_and_its_messages_at_once(active: Engine) -> None:
    run(active, instant("2026-06-06T08:00"))
    assert open_alerts(active) == {"visit_interval": "2026-06-06"}
    assert messages(active) == {"queued": 2}
    submit(active, report(6), now=instant("2026-06-06T15:00"), **BY_PROVIDER)
    assert open_alerts(active) == {}
    assert messages(active) == {"withdrawn": 2}
    assert ("system", None, "alert_ended") in audit(active)


def test_a_corrected_feedback_can_be_sent(active: Engine) -> None:
    first = submit(active, report(3), now=instant("2026-06-04T09:00"), **BY_PROVIDER)
    with pytest.raises(FeedbackError, match="is in force; cancel it first"):
        submit(active, report(4, corrects=first), now=instant("2026-06-04T13:00"), **BY_PROVIDER)
    cancel(active, first, now=instant("2026-06-04T13:00"), reason="wrong day", **BY_PROVIDER)
    second = submit(active, report(4, corrects=first), now=instant("2026-06-04T13:01"), **BY_PROVIDER)
    assert history(active)["visits"]["event_time"].to_pylist() == [instant("2026-06-04T12:00")]
    with active.connect() as connection:
        rows = {row.feedback_id: row for row in connection.execute(select(tables.feedbacks))}
    assert (rows[first].state, rows[first].cancelled_by, rows[first].cancel_reason) == (
        "cancelled",
        "provider",
        "wrong day",
    )
    assert (rows[second].state, rows[second].corrects) == ("active", first)


MIDNIGHTS = [
    ("2026-06-05T00:00", "2026-06-05T23:59:59.999999", True),
    ("2026-06-05T23:59:59", "2026-06-06T00:00", False),
    ("2026-03-29T00:30", "2026-03-29T23:59:59.999999", True),  # a day of 23 hours
    ("2026-03-29T00:00", "2026-03-30T00:00", False),
    ("2026-10-25T00:00", "2026-10-25T23:59:59.999999", True),  # a day of 25 hours
    ("2026-10-25T23:00", "2026-10-26T00:00", False),
    ("2026-06-06T00:00", "2026-06-05T23:59:59", True),  # the clock of another machine is behind
]


@pytest.mark.parametrize(("sent", "asked", "granted"), MIDNIGHTS)
def test_the_day_on_which_it_was_sent_is_a_day_in_helsinki(
    database: Engine, sent: str, asked: str, granted: bool
) -> None:
    day = instant(sent)
    changes = [
        change("granted", (day - timedelta(days=9)).isoformat()),
        change("activated", (day - timedelta(days=8)).isoformat()),
    ]
    keep(database, world(changes))
    feedback_id = submit(database, Feedback(voucher_id="k", ends_care=True), now=day, **BY_PROVIDER)
    if granted:
        assert cancel(database, feedback_id, now=instant(asked), **BY_PROVIDER) == 1
        return
    with pytest.raises(TooLateError):
        cancel(database, feedback_id, now=instant(asked), **BY_PROVIDER)
    assert history(database)["vouchers"]["state"].to_pylist()[-1] == "ended"


def test_a_day_later_the_provider_is_told_whom_to_ask_and_an_officer_can(active: Engine) -> None:
    feedback_id = submit(active, report(3), now=instant("2026-06-04T09:00"), **BY_PROVIDER)
    later = instant("2026-06-05T00:00")
    with pytest.raises(TooLateError) as raised:
        cancel(active, feedback_id, now=later, **BY_PROVIDER)
    assert raised.value.sentences == {
        "fi": "Hoitopalautteen voi perua itse vain lähetyspäivänä (4.6.2026). Perumista voi pyytää: setelitiimi.",
        "sv": "Avsändaren kan återkalla en vårdrespons bara på sändningsdagen (4.6.2026)."
        " Be om återkallelse: sedelteamet.",
        "en": "A sender can cancel a treatment feedback only on the day it was sent (4 June 2026)."
        " Ask the voucher team to do it.",
    }
    with pytest.raises(FeedbackError, match="for a reason; give it"):
        cancel_as_officer(active, feedback_id, who="o1", reason=" ", now=later)
    assert cancel_as_officer(active, feedback_id, who="o1", reason="sent of the wrong client", now=later) == 3
    assert history(active)["visits"].num_rows == 0
    assert audit(active) == [
        ("provider", "u1", "feedback_sent"),
        ("provider", "u1", "feedback_cancel_refused"),
        ("officer", "o1", "feedback_cancelled"),
    ]


def test_without_the_definition_the_contact_is_whoever_granted_the_voucher(database: Engine) -> None:
    keep(database, world([one | {"definition_id": "old-1"} for one in ACTIVE]))
    feedback_id = submit(database, report(3), now=instant("2026-06-04T09:00"), **BY_PROVIDER)
    with pytest.raises(TooLateError, match="Ask whoever granted the voucher to do it"):
        cancel(database, feedback_id, now=instant("2026-06-05T09:00"), **BY_PROVIDER)


def test_anothers_feedback_is_not_there(active: Engine) -> None:
    feedback_id = submit(active, report(3), now=instant("2026-06-04T09:00"), **BY_PROVIDER)
    now = instant("2026-06-04T10:00")
    told = []
    for asked in (feedback_id, "none such"):
        with pytest.raises(UnknownFeedbackError) as raised:
            cancel(active, asked, provider_id="q", who="u2", now=now)
        told.append((type(raised.value), raised.value.args))
    assert told[0] == told[1]
    with pytest.raises(UnknownFeedbackError):
        cancel_as_officer(active, "none such", who="o1", reason="asked to", now=now)
    assert history(active)["visits"].num_rows == 1
    assert audit(active)[1:3] == [("provider", "u2", "feedback_cancel_refused")] * 2


def test_anothers_voucher_is_not_there(active: Engine) -> None:
    now = instant("2026-06-04T10:00")
    told = []
    for voucher, provider in (("k", "q"), ("none such", "p")):
        with pytest.raises(UnknownVoucherError) as raised:
            submit(active, report(3, voucher=voucher), now=now, provider_id=provider, who="u2")
        told.append(raised.value.args)
    assert told[0] == told[1]
    assert audit(active) == [("provider", "u2", "feedback_refused")] * 2


def test_a_voucher_that_was_not_activated_is_nobodys(database: Engine) -> None:
    keep(database, world(ACTIVE[:1]))
    with pytest.raises(UnknownVoucherError):
        submit(database, report(3), now=instant("2026-06-04T10:00"), **BY_PROVIDER)


def test_what_was_cancelled_cannot_be_cancelled_again(active: Engine) -> None:
    feedback_id = submit(active, report(3), now=instant("2026-06-04T09:00"), **BY_PROVIDER)
    cancel(active, feedback_id, now=instant("2026-06-04T10:00"), **BY_PROVIDER)
    with pytest.raises(AlreadyCancelledError):
        cancel(active, feedback_id, now=instant("2026-06-04T10:01"), **BY_PROVIDER)


REFUSED = [
    (report(), "neither a visit nor the end of the care is reported"),
    (report(9), "a visit lies in the future"),
    (report(1), "a visit lies before the activation of the voucher"),
    (report(4, 4), "two visits begin at one time"),
    (report(3), "a visit was reported before"),
    (report(4, corrects="none such"), "the feedback to be corrected is none of this voucher's"),
]


@pytest.mark.parametrize(("feedback", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_cannot_be_is_refused_and_changes_nothing(active: Engine, feedback: Feedback, says: str) -> None:
    submit(active, report(3), now=instant("2026-06-04T09:00"), **BY_PROVIDER)
    with pytest.raises(FeedbackError, match=says):
        submit(active, feedback, now=instant("2026-06-05T09:00"), **BY_PROVIDER)
    assert history(active)["visits"].num_rows == 1


@pytest.mark.parametrize(
    ("state", "feedback", "says"),
    [
        ("ended", report(4, ends_care=True), "the care on this voucher has ended already"),
        ("ended", report(6), "after the end or the validity"),
        ("withdrawn", report(4), "the voucher was withdrawn"),
        ("activated", report(14), "after the end or the validity"),  # valid until 13 June
    ],
)
def test_care_is_reported_of_a_valid_voucher_only(database: Engine, state: str, feedback: Feedback, says: str) -> None:
    keep(database, world([*ACTIVE, change(state, "2026-06-05T09:00")]))
    with pytest.raises(FeedbackError, match=says):
        submit(database, feedback, now=instant("2026-06-20T09:00"), **BY_PROVIDER)


def test_a_forgotten_visit_may_be_reported_after_the_end(database: Engine) -> None:
    keep(database, world([*ACTIVE, change("ended", "2026-06-05T09:00")]))
    submit(database, report(4), now=instant("2026-06-06T09:00"), **BY_PROVIDER)
    assert history(database)["visits"].num_rows == 1


def test_what_is_sent_under_one_key_is_taken_once_also_at_once(active: Engine) -> None:
    now = instant("2026-06-05T15:00")

    def send(key: str) -> str:
        return submit(active, report(3), key=key, now=now, **BY_PROVIDER)

    with ThreadPoolExecutor(4) as pool:
        names = set(pool.map(send, ["one"] * 8))
    assert len(names) == 1
    assert len(history(active)["visits"]) == 1
    assert [deed for _, _, deed in audit(active)] == ["feedback_sent"]
    with pytest.raises(FeedbackError, match="a visit was reported before"):
        send("two")
    with pytest.raises(KeyReusedError, match="another treatment feedback was sent under this key"):
        submit(active, report(4), key="one", now=now, **BY_PROVIDER)
    [name] = names
    cancel(active, name, now=now, **BY_PROVIDER)
    assert send("one") == name
    with active.connect() as connection:
        assert taken(connection, name, "p").state == "cancelled"
        with pytest.raises(UnknownFeedbackError):
            taken(connection, name, "q")
    assert len(history(active)["visits"]) == 0
    assert "one" not in stored_keys(active)


def stored_keys(database: Engine) -> set[str]:
    with database.connect() as connection:
        return set(connection.scalars(select(tables.feedback_keys.c.key)))


def test_a_clock_behind_the_last_run_withdraws_nothing_that_the_run_found(active: Engine) -> None:
    """At 23:59 of the day before, the interval is not too long yet: the run of another machine already knew better."""
    run(active, instant("2026-06-06T00:00"))
    submit(active, report(2), now=instant("2026-06-05T23:59:59"), **BY_PROVIDER)
    assert open_alerts(active) == {"visit_interval": "2026-06-06"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": -1},
        {"at": "2026-06-04T10:00"},
        {"profession": "plumber"},
        {"procedures": [{"code": "sfa20"}]},
        {"pain": 1},
    ],
)
def test_what_has_the_wrong_form_is_refused(wrong: dict[str, object]) -> None:
    visit = {"at": "2026-06-04T10:00+03:00", "minutes": 30, "profession": "dentist"}
    VisitMade.model_validate(visit)
    with pytest.raises(ValidationError):
        VisitMade.model_validate(visit | wrong)
