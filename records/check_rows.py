"""The rules of `records.check` for plain rows: what one history of a request takes, without a table until the end.

For a million rows Arrow's columns are the way; for the hundred that a booking system posts, making them and asking
sixty questions of each costs ten times what a look at every row does. The rules, their order and their sentences are
the same, and a test holds both to the same outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, TypeAlias

import pyarrow as pa

from records import check
from records.check import Checked
from records.clock import day
from records.codes import NEED_GROUPS
from records.history import History, raw_table
from records.schema import TABLES

Row: TypeAlias = Mapping[str, Any]
Limit: TypeAlias = tuple[str, bool, frozenset[str], float | None, float | None]

EPOCH_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class _Moment:
    """The moment before which things must have happened; None for no limit."""

    at: datetime | None

    def faults(self, row: Row) -> str | None:
        """Why a row is of a later time."""
        if self.at is None:
            return None
        if row["event_time"] >= self.at:
            return "it happened at or after the moment"
        return "it was recorded at or after the moment" if row["recorded_at"] >= self.at else None


def check_rows(rows: Mapping[str, Sequence[Row]], moment: datetime | None = None) -> Checked:
    """Split plain rows, with values of the schema's types, into usable rows and rows set aside; see `records.check`.

    Args:
        rows: rows by table; an absent column is missing.
        moment: aware; rows that happened or were recorded at it or later are set aside. None keeps them.
    """
    patients, odd = _split("patients", rows.get("patients", ()), {}, _Moment(None))
    born = {row["patient_id"]: row.get("birth_date") for row in patients}
    usable, aside = {"patients": patients}, {"patients": odd} if odd else {}
    for name in TABLES:
        if name != "patients" and name in rows:
            usable[name], odd = _split(name, rows[name], born, _Moment(moment))
            if odd:
                aside[name] = odd
    history = History({name: _table(name, usable.get(name, ())) for name in TABLES})
    return Checked(history, {name: _aside(name, some) for name, some in aside.items()}, _notices(usable))


def _split(
    name: str, rows: Sequence[Row], born: Mapping[str, date | None], moment: _Moment
) -> tuple[list[Row], list[tuple[Row, str]]]:
    """Usable rows in the order of a history, and the others with their reasons in the order given."""
    key = "event_id" if TABLES[name].is_event() else "patient_id"
    good: list[Row] = []
    odd: list[tuple[Row, str]] = []
    seen: set[str] = set()
    limits, has_code = _limits(name), "code" in TABLES[name].columns()
    for given in rows:
        row = _canonical(name, given) if has_code else given
        reason = _fault(limits, row)
        if reason is None and name != "patients":
            reason = _event_fault(row, born) or moment.faults(row)
        if reason is None and row[key] in seen:
            reason = f"duplicate {key.replace('_', ' ')}"
        if reason is None:
            seen.add(row[key])
            good.append(row)
        else:
            odd.append((row, reason))
    good.sort(key=_of_patient if name == "patients" else _in_order)
    return good, odd


def _of_patient(row: Row) -> bytes:
    return bytes(row["patient_id"], "utf-8")


def _in_order(row: Row) -> tuple[bytes, datetime, bytes]:
    # As bytes, because that is how Arrow sorts text.
    return bytes(row["patient_id"], "utf-8"), row["event_time"], bytes(row["event_id"], "utf-8")


def _canonical(name: str, row: Row) -> Row:
    code = row.get("code")
    if code is None:
        return row
    written = check.canonical_code(name, code)
    return row if written == code else {**row, "code": written}


@cache
def _limits(name: str) -> tuple[Limit, ...]:
    """What every column of a table asks of its values; columns that ask for nothing are left out."""
    asked = (
        (column, rule.nullable, frozenset(rule.one_of), rule.at_least, rule.at_most)
        for column, rule in TABLES[name].columns().items()
    )
    return tuple(one for one in asked if one[1:] != (True, frozenset(), None, None))


def _fault(limits: tuple[Limit, ...], row: Row) -> str | None:
    """The first thing that is wrong with a row's own values."""
    for column, nullable, one_of, least, most in limits:
        value = row.get(column)
        if value is None and not nullable:
            return f"{column} is missing"
        if one_of and value not in one_of:
            return f"{column} is not an allowed value"
        if value is None:
            continue
        if least is not None and value < least:
            return f"{column} is below {least:g}"
        if most is not None and value > most:
            return f"{column} is above {most:g}"
    return None


def _event_fault(row: Row, born: Mapping[str, date | None]) -> str | None:
    if row["patient_id"] not in born:
        return "the patient is unknown"
    birth, happened = born[row["patient_id"]], row["event_time"]
    # Wherever the clock stood, a date later than the birth is no earlier day in Helsinki; so few need to be counted.
    if birth is not None and happened.date() <= birth and day(happened) + EPOCH_DAY < birth.toordinal():
        return "it happened before the patient was born"
    return None


def _notices(usable: Mapping[str, Sequence[Row]]) -> dict[tuple[str, str], int]:
    rows = usable.get("procedures", ())
    counts = Counter(row["code"] for row in rows)
    unknown = sum(count for code, count in counts.items() if not NEED_GROUPS.knows(code))
    dated = {code: NEED_GROUPS.rule(code) for code in counts}
    late = sum(
        not (rule.valid_from or date.min).toordinal() <= day(row["event_time"]) + EPOCH_DAY
        <= (rule.valid_until or date.max).toordinal()
        for row in rows
        if (rule := dated[row["code"]]).valid_from is not None or rule.valid_until is not None
    )  # fmt: skip
    found = {check.UNKNOWN_CODE: unknown, check.OUT_OF_DATE: late}
    return {("procedures", says): count for says, count in found.items() if count}


def _aside(name: str, odd: Sequence[tuple[Row, str]]) -> pa.Table:
    return raw_table(name, [row for row, _ in odd]).append_column(
        "reason", pa.array([reason for _, reason in odd], pa.string())
    )


@cache
def _empty(name: str) -> pa.Table:
    return TABLES[name].arrow().empty_table()


def _table(name: str, rows: Sequence[Row]) -> pa.Table:
    if not rows:
        return _empty(name)
    columns = pa.array(rows, _struct(name)).flatten()
    return pa.Table.from_arrays(columns, schema=TABLES[name].arrow())


@cache
def _struct(name: str) -> pa.StructType:
    """A row of a table; all columns at once take half the time of one after another."""
    return pa.struct([field.with_nullable(True) for field in TABLES[name].arrow()])
