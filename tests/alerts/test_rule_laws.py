"""What holds for the rules whatever the vouchers' histories are."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.evaluate import evaluate
from alerts.known import as_of, of_history
from alerts.rules import rules
from alerts.times import NEVER
from benchmarks.row_by_row import Alert, Record, alerts_of, definition_of
from records.history import History
from tests.alerts.worlds import DEFINITIONS, STARTS, comparable, events_of, histories, moments, told

starts = st.sampled_from(STARTS)
few = settings(max_examples=settings.default.max_examples // 5)
worlds = starts.flatmap(lambda start: st.tuples(histories(start), moments(start)))


def found_one_by_one(history: History, now: datetime) -> dict[str, set[Alert]]:
    changes = [SimpleNamespace(**row) for row in history["vouchers"].to_pylist()]
    visits = [SimpleNamespace(**row) for row in history["visits"].to_pylist()]
    found = {}
    for voucher_id in {one.voucher_id for one in changes}:
        own = [one for one in changes if one.voucher_id == voucher_id]
        of_patient = [one for one in visits if one.patient_id == own[0].patient_id]
        definition = DEFINITIONS.get(definition_of(own, now) or "")
        alerts = alerts_of(Record(own, (), of_patient), definition, now) if definition else set()
        if alerts:
            found[voucher_id] = alerts
    return found


@given(worlds)
def test_all_at_once_finds_what_one_by_one_finds(drawn: tuple[History, datetime]) -> None:
    history, now = drawn
    assert told(evaluate(of_history(history, now), DEFINITIONS, now)) == found_one_by_one(history, now)


@few
@given(worlds, st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(drawn: tuple[History, datetime], random: Random) -> None:
    history, now = drawn
    events, visits = events_of(history)
    in_order = evaluate(as_of(events, visits, now), DEFINITIONS, now)
    shuffled = [
        table.take(pa.array(random.sample(range(len(table)), len(table)), pa.int64())) for table in (events, visits)
    ]
    assert comparable(evaluate(as_of(*shuffled, now), DEFINITIONS, now)).equals(comparable(in_order))


@few
@given(worlds)
def test_no_alert_is_open_about_a_closed_voucher_but_that_its_care_ended(drawn: tuple[History, datetime]) -> None:
    history, now = drawn
    vouchers = of_history(history, now)
    alerts = evaluate(vouchers, DEFINITIONS, now)
    closed = vouchers.voucher_id.filter(pa.array(vouchers.closed < NEVER))
    about_closed = alerts.filter(pc.and_(pc.is_in(alerts["voucher_id"], closed), pc.equal(alerts["state"], "open")))
    assert {rules()[rule].after_end for rule in about_closed["rule"].to_pylist()} <= {True}
    withdrawn = vouchers.voucher_id.filter(pa.array(vouchers.withdrawn))
    assert not pc.any(pc.is_in(about_closed["voucher_id"], withdrawn)).as_py()


@few
@given(worlds)
def test_what_is_not_known_yet_changes_nothing(drawn: tuple[History, datetime]) -> None:
    history, now = drawn
    later = pc.or_(
        pc.greater_equal(history["vouchers"]["event_time"], now),
        pc.greater_equal(history["vouchers"]["recorded_at"], now),
    )
    known = History.of({**history.tables, "vouchers": history["vouchers"].filter(pc.invert(later))})
    one, other = (evaluate(of_history(some, now), DEFINITIONS, now) for some in (history, known))
    assert comparable(one).equals(comparable(other))


@few
@given(worlds)
def test_a_patient_alone_gets_the_same_alerts(drawn: tuple[History, datetime]) -> None:
    history, now = drawn
    everyone = evaluate(of_history(history, now), DEFINITIONS, now)
    alone = []
    for person in history.patient_ids.to_pylist():
        part = {name: table.filter(pc.equal(table["patient_id"], person)) for name, table in history.tables.items()}
        alone.append(evaluate(of_history(History.of(part), now), DEFINITIONS, now))
    assert comparable(pa.concat_tables(alone)).equals(comparable(everyone))


@few
@given(worlds)
def test_a_breach_keeps_its_name_as_time_goes_by(drawn: tuple[History, datetime]) -> None:
    history, now = drawn
    later = now + timedelta(days=1)
    recorded = History.of(
        {
            **history.tables,
            "vouchers": history["vouchers"].filter(pc.less(history["vouchers"]["recorded_at"], now)),
            "visits": history["visits"].filter(pc.less(history["visits"]["recorded_at"], now)),
        }
    )
    before, after = (
        set(evaluate(of_history(recorded, at), DEFINITIONS, at)["alert_id"].to_pylist()) for at in (now, later)
    )
    assert before <= after
