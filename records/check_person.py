"""The rules of `records.check` for one person: what one assessment takes.

The rules, their order and their sentences are the same, and a test holds both to the same outcome. Nearly every table
of nearly everybody is in order, which is seen by looking at whole columns; only where something is not is every row
looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from operator import lt
from typing import Any, Self

import numpy as np

from records import check
from records.clock import EPOCH_DAY, date_of, day_at, microsecond
from records.codes import Meaning, meaning
from records.person import TIMES, UNKNOWN, Columns, Person
from records.schema import EVENTS, TABLES

DAY = 86_400_000_000


@dataclass(frozen=True)
class CheckedPerson:
    """The outcome of `check_person`.

    Attributes:
        person: the row of the patient, and the events that may be used, in the order of a history.
        fault: why the row of the patient may not be used; None where it may.
        set_aside: number of events that may not be used, by (table, reason).
        notices: by (table, sentence), how many events are used although something about them is odd.
    """

    person: Person
    fault: str | None
    set_aside: Mapping[tuple[str, str], int]
    notices: Mapping[tuple[str, str], int]


def check_person(given: Person, moment: datetime | None = None) -> CheckedPerson:
    """Tell usable events from those to be set aside; see `records.check`.

    Args:
        given: unchecked.
        moment: aware; events that happened or were recorded at it or later are set aside. None keeps them.
    """
    bounds = _Bounds.of(given.row.get("birth_date"), moment)
    events: dict[str, Columns] = {}
    aside: Counter[tuple[str, str]] = Counter()
    for name in EVENTS:
        if name in given.events:
            events[name], reasons = _usable(name, _canonical(name, given[name]), bounds)
            if reasons:
                aside.update((name, reason) for reason in reasons)
    row = given.row
    fault = next((found for rule in _rules("patients") if (found := rule.fault(row.get(rule.column)))), None)
    return CheckedPerson(Person(row, events), fault, aside, _notices(events.get("procedures")))


@dataclass(frozen=True)
class _Rule:
    """What a column asks of its values."""

    column: str
    nullable: bool
    one_of: frozenset[str]
    least: float | None
    most: float | None

    @property
    def asks(self) -> bool:
        """Whether there is a value that it would not take."""
        return not self.nullable or bool(self.one_of) or self.least is not None or self.most is not None

    def fault(self, value: Any) -> str | None:
        """The first thing that is wrong with a value."""
        if value is None and not self.nullable:
            return f"{self.column} is missing"
        if self.one_of and value not in self.one_of:
            return f"{self.column} is not an allowed value"
        if value is None:
            return None
        if self.least is not None and value < self.least:
            return f"{self.column} is below {self.least:g}"
        if self.most is not None and value > self.most:
            return f"{self.column} is above {self.most:g}"
        return None

    @property
    def is_span(self) -> bool:
        """Whether it asks for a number within a span."""
        return not self.one_of and (self.least is not None or self.most is not None)

    def spans(self, values: Sequence[Any]) -> bool:
        """Whether it is plain that no number is missing that may not be, or out of its span."""
        if None in values:
            if not self.nullable:
                return False
            values = [value for value in values if value is not None]
            if not values:
                return True
        return (self.least is None or min(values) >= self.least) and (self.most is None or max(values) <= self.most)


@cache
def _rules(name: str) -> tuple[_Rule, ...]:
    """What every column of a table asks; columns that ask for nothing are left out."""
    rules = (
        _Rule(column, rule.nullable, frozenset(rule.one_of), rule.at_least, rule.at_most)
        for column, rule in TABLES[name].columns().items()
        if name == "patients" or column != "patient_id"
    )
    return tuple(rule for rule in rules if rule.asks)


@dataclass(frozen=True)
class _Columns:
    """The rules of a table of events by what they ask; those of the two times stand apart.

    Attributes:
        one_of: the columns that hold allowed values only, and these.
        within: the rules of numbers within a span.
        there: all other columns in which nothing may be missing.
    """

    one_of: tuple[tuple[str, frozenset[str]], ...]
    within: tuple[_Rule, ...]
    there: tuple[str, ...]

    def hold(self, values: Mapping[str, Sequence[Any]]) -> bool:
        """Whether it is plain that no value is wrong; not where a column is absent."""
        try:
            return (
                all(None not in values[column] for column in self.there)
                and all(allowed.issuperset(values[column]) for column, allowed in self.one_of)
                and all(rule.spans(values[rule.column]) for rule in self.within)
            )
        except KeyError:
            return False


@cache
def _columns(name: str) -> _Columns:
    rules = [rule for rule in _rules(name) if rule.column not in TIMES]
    return _Columns(
        one_of=tuple((rule.column, rule.one_of) for rule in rules if rule.one_of),
        within=tuple(rule for rule in rules if rule.is_span),
        there=tuple(rule.column for rule in rules if not rule.one_of and not rule.is_span),
    )


@dataclass(frozen=True)
class _Bounds:
    """Between what events must have happened.

    Attributes:
        born: Helsinki day of the birth since 1970; None where it is not known.
        surely: microseconds from which on an event certainly happened after the birth.
        moment: microseconds before which it must have happened and been recorded.
    """

    born: int | None
    surely: int
    moment: int

    @classmethod
    def of(cls, birth: date | None, moment: datetime | None) -> Self:
        """The bounds of one person at one moment."""
        born = None if birth is None else birth.toordinal() - EPOCH_DAY
        # A day of Helsinki begins within two days of the same day of UTC, however its clocks stood.
        surely = UNKNOWN + 1 if born is None else (born + 2) * DAY
        return cls(born, surely, int(np.iinfo(np.int64).max) if moment is None else microsecond(moment))

    def hold(self, happened: Sequence[int], recorded: Sequence[int]) -> bool:
        """Whether it is plain that no event is out of bounds, or lacks a time."""
        if min(happened) < self.surely or min(recorded) <= UNKNOWN:
            return False
        return max(happened) < self.moment and max(recorded) < self.moment

    def fault(self, happened: int, recorded: int) -> str | None:
        """Why an event is out of bounds."""
        if self.born is not None and day_at(happened) < self.born:
            return "it happened before the patient was born"
        if happened >= self.moment:
            return "it happened at or after the moment"
        return "it was recorded at or after the moment" if recorded >= self.moment else None


def _usable(name: str, rows: Columns, bounds: _Bounds) -> tuple[Columns, Sequence[str]]:
    """The events that may be used, in order, and why the others may not."""
    if not len(rows) or _is_plainly_good(name, rows, bounds):
        return _in_order(rows), ()
    reasons = list(_reasons(name, rows, bounds))
    good = [at for at, reason in enumerate(reasons) if reason is None]
    return _in_order(rows.take(good)), [reason for reason in reasons if reason is not None]


def _is_plainly_good(name: str, rows: Columns, bounds: _Bounds) -> bool:
    ids = rows["event_id"]
    return len(set(ids)) == len(ids) and bounds.hold(*rows.times) and _columns(name).hold(rows.values)


def _reasons(name: str, rows: Columns, bounds: _Bounds) -> Iterator[str | None]:
    """Why each event may not be used; None for those that may."""
    seen: set[str] = set()
    times = dict(zip(TIMES, rows.times, strict=True))
    columns = [(rule, times.get(rule.column) or rows[rule.column]) for rule in _rules(name)]
    for at, event_id in enumerate(rows["event_id"]):
        found = (rule.fault(None if column[at] == UNKNOWN else column[at]) for rule, column in columns)
        reason = next((fault for fault in found if fault), None)
        reason = reason or bounds.fault(times["event_time"][at], times["recorded_at"][at])
        if reason is None and event_id in seen:
            reason = "duplicate event id"
        if reason is None:
            seen.add(event_id)
        yield reason


def _in_order(rows: Columns) -> Columns:
    """The events by time, then event id: by code points, which is how Arrow sorts text too."""
    times, _ = rows.times
    if all(map(lt, times, times[1:])):
        return rows
    keys = list(zip(times, rows["event_id"], strict=True))
    if keys == sorted(keys):
        return rows
    return rows.take(sorted(range(len(keys)), key=keys.__getitem__))


def _canonical(name: str, rows: Columns) -> Columns:
    """Codes as the schema writes them."""
    codes = rows.values.get("code")
    if codes is None or all(map(_is_canonical, set(codes))):
        return rows
    written = [None if code is None else check.canonical_code(name, code) for code in codes]
    return Columns({**rows.values, "code": written}, rows.happened, rows.recorded)


def _is_canonical(code: str | None) -> bool:
    """Whether a code is plainly as the schema writes it."""
    return code is not None and code.isalnum() and code.isascii() and code.upper() == code


def _notices(procedures: Columns | None) -> dict[tuple[str, str], int]:
    if procedures is None:
        return {}
    codes = procedures["code"]
    means = {code: meaning(code) for code in set(codes)}
    unknown = sum(codes.count(code) for code, says in means.items() if says.group is None)
    dated = {code: says for code, says in means.items() if says.rule.is_dated}
    late = _out_of_date(procedures, dated) if dated else 0
    found = {check.UNKNOWN_CODE: unknown, check.OUT_OF_DATE: late}
    return {("procedures", says): count for says, count in found.items() if count}


def _out_of_date(procedures: Columns, dated: Mapping[str, Meaning]) -> int:
    """How many events have a code before or after the classification has it."""
    happened = zip(procedures["code"], procedures.times[0], strict=True)
    return sum(not dated[code].rule.holds(date_of(day_at(at))) for code, at in happened if code in dated)
