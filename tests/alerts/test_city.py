"""The simulated city of vouchers: reproducible, lawful, and as much unused as it is asked to be."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from alerts.city import simulate_city
from alerts.known import of_history
from alerts.times import NEVER
from records.check import check
from records.clock import HELSINKI
from records.history import History

UNTIL = date(2026, 6, 30)
END = datetime(2026, 7, 1, tzinfo=HELSINKI)


@pytest.fixture(scope="module")
def city() -> dict[str, pa.Table]:
    return simulate_city(3000, UNTIL, seed=5)


def test_the_same_seed_gives_the_same_city(city: dict[str, pa.Table]) -> None:
    assert simulate_city(3000, UNTIL, seed=5) == city
    assert simulate_city(3000, UNTIL, seed=6) != city


def test_nothing_in_it_would_be_set_aside(city: dict[str, pa.Table]) -> None:
    checked = check(city, END)
    assert {name: rows.num_rows for name, rows in checked.set_aside.items() if rows.num_rows} == {}
    assert checked.history.rows()["vouchers"] == city["vouchers"].num_rows


@pytest.mark.parametrize("share", [0.3, 0.55])
def test_as_many_are_unused_as_asked_for(share: float) -> None:
    vouchers = of_history(History.of(simulate_city(4000, UNTIL, unactivated=share)), END)
    old = vouchers.valid_until < vouchers.today
    unused = (vouchers.activated >= NEVER)[old].mean()
    assert share - 0.04 < unused < share + 0.1  # some would be activated only when they are valid no more


def test_all_happens_in_order_and_within_the_validity(city: dict[str, pa.Table]) -> None:
    vouchers = of_history(History.of(city), END)
    known = vouchers.granted < NEVER  # one in twenty grants is recorded days later
    assert known.mean() > 0.9
    assert (vouchers.granted < vouchers.activated)[known].all()
    first = vouchers.visits[vouchers.first_visit[:-1][vouchers.first_visit[1:] > vouchers.first_visit[:-1]]]
    assert len(first) > 500
    assert pc.all(pc.less(city["vouchers"]["recorded_at"], pa.scalar(END))).as_py()


@pytest.mark.parametrize(("vouchers", "more"), [(0, {}), (1, {"days": 0}), (1, {"unactivated": 1.2})])
def test_a_city_that_cannot_be_is_refused(vouchers: int, more: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least one voucher and one day"):
        simulate_city(vouchers, UNTIL, **more)


def test_the_smallest_city_has_one_voucher() -> None:
    assert simulate_city(1, UNTIL)["patients"].num_rows == 1
