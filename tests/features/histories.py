"""Record histories drawn to be difficult, and what may become of them.

A history is put together from one choice after the other, so that Hypothesis can draw it, a counterexample shrinks,
and a seeded random generator can make a long one (`random.Random(seed).choice`). What is chosen among is listed here:
days at the edges of every window, instants a microsecond around midnight and around both clock changes, leap days,
records made late or at the very moment asked about, codes that nobody knows, and nulls wherever the schema has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pprint import pformat
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st

from features.dental import DENTAL
from features.evaluate import Moments
from features.families import EPISODE_GAP, RECALL_GRACE, RETREATMENT_DAYS, WINDOWS
from records.codes import NEED_GROUPS
from records.history import History
from records.schema import EVENTS, TABLES, Column

HELSINKI = ZoneInfo("Europe/Helsinki")
MICROSECOND = timedelta(microseconds=1)
Choose = Callable[[Sequence[Any]], Any]
Row = dict[str, Any]

SOURCES = tuple(name for name in EVENTS if name not in ("assessments", "decisions", "messages"))
"""Tables whose events are drawn: those that features read."""

DAYS = [
    date(2025, 6, 11),
    date(2024, 2, 29),
    date(2025, 2, 28),
    date(2025, 3, 1),
    date(2024, 3, 31),  # summer time begins
    date(2024, 4, 1),
    date(2024, 10, 27),  # summer time ends
    date(2024, 10, 28),
    date(2024, 12, 31),
    date(2025, 1, 1),
    date(2041, 7, 1),  # beyond the reach of 32-bit clocks
]
CLOCKS = [
    time(12),
    time(0),
    time(0, 0, 0, 1),
    time(23, 59, 59, 999_999),
    time(8, 30),
    time(0, 30),
    time(2),
    time(2, 59, 59, 999_999),
    time(3),
    time(3, 30),
    time(3, 59, 59, 999_999),
    time(4),
    time(22),
]
LIMITS = [days for days in WINDOWS.values() if days]
EDGES = sorted({days + more for days in LIMITS for more in (-1, 0, 1)})
BACK = [0, 1, *EDGES, 0, 0, 2, 14, 40, 180, 900, 4_000, 11_000, -1, -40]
"""How many days before the day asked about an event is; a few are after it."""
APART = [0, 0, 1, 30, EPISODE_GAP, EPISODE_GAP + 1, 365, RETREATMENT_DAYS, RETREATMENT_DAYS + 1,
         365 + RECALL_GRACE, 365 + RECALL_GRACE + 1]  # fmt: skip
"""How many days from another event an event is."""
DELAYS = [
    *(timedelta(0), timedelta(0), timedelta(0), MICROSECOND, timedelta(minutes=1), timedelta(hours=11)),
    *(timedelta(days=1), timedelta(days=40), timedelta(days=400), timedelta(hours=-9)),
]
SIZES = [5, 0, 1, 2, 12, 30]
LONG = 5_000
UNKNOWN = ["", "?", "VALMI", 'O\'Neill "%" _', "ÄÖ", "é😀", "sfa10"]
VALUES: dict[str, list[Any]] = {
    "procedures.code": [*("SFA10", "SFA10", "SAA01", "SAA01", "SAD01", "WYA01", "WYA01", "WYA02"),
                        *("SGB20", "EBA00", "EBA15", "WYA30", "D2740", "D2391", "D0190", "55162003", "S"),
                        *{group: code for code, group in NEED_GROUPS.prefixes.items()}.values(), *UNKNOWN],
    "diagnoses.code": ["K021", "K021", "K0531", "E119", "Z012", *UNKNOWN],
    "diagnoses.tooth": [None, 36],
    "answers.question": ["pain", "unheard_of", *UNKNOWN],
    "answers.value": [0.0, 1.0, 2.0, 3.0, 10.0, -1.0, 0.5],
    "findings.value": [0, 1, 3, 4, 17, 28, 100],
    "charges.cents": [0, 1, 4_550, 1_000_000],
    "appointments.appointment_id": ["1", "2", "3"],
    "appointments.starts_at": [datetime(2025, 6, 1, tzinfo=UTC)],
    "procedures.tooth": [None, 11, 11, 16, 36, 55],
    "procedures.surfaces": [None, "O", "MOD", ""],
    "visits.minutes": [None, 0, 15, 30, 45, 1440],
    "visits.unit": [None, "A", "B", "C", "Ö"],
}  # fmt: skip
"""What columns are drawn from beside the values that the dental catalogue asks for."""
FOLLOWS = {"procedures.code": ["SAA01", "WYA01"]}
"""What often follows upon another event: an examination, or the recommendation of the next one."""
BIRTHS = [None, date(1950, 2, 28), date(1992, 2, 29), date(2000, 3, 1), date(2020, 12, 31), date(1999, 10, 27)]


@dataclass(frozen=True, repr=False)
class Population:
    """Patients with their events, and what is asked about them."""

    history: History
    patient_ids: list[str]
    as_of: list[datetime]

    def __repr__(self) -> str:
        """The rows that there are, for a counterexample to be read."""
        rows = {name: self.history[name].to_pylist() for name in SOURCES if self.history[name].num_rows}
        return pformat({"asked": list(zip(self.patient_ids, self.as_of, strict=True)), **rows}, width=200)

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(repr(self))

    @property
    def moments(self) -> Moments:
        """What is asked, as the evaluator takes it."""
        return Moments.of(self.patient_ids, self.as_of)

    def alone(self, name: str) -> History:
        """The history of one patient."""
        tables = self.history.tables.items()
        return History.of({table: rows.filter(pc.equal(rows["patient_id"], name)) for table, rows in tables})


def population(choose: Choose, patients: int, sizes: Sequence[int] = SIZES) -> Population:
    """Patients with as many events each as `sizes` has to choose from, and up to three moments each."""
    rows: dict[str, list[Row]] = {name: [] for name in ("patients", *SOURCES)}
    ids: list[str] = []
    as_of: list[datetime] = []
    for number in range(patients):
        name = f"{choose('aZä')}{number}"
        asked = _moments(choose)
        rows["patients"].append(_person(choose, name))
        own: dict[str, list[Row]] = {table: [] for table in SOURCES}
        for _ in range(choose(sizes)):
            table = choose((*SOURCES, "procedures", "procedures", "visits", "findings"))
            event_id = f"{choose('1Bbö')}{len(rows[table]) + len(own[table])}"
            make = _again if own[table] and choose((False, True)) else _event
            own[table].append(make(choose, table, choose(own[table] or [{"patient_id": name}]), asked, event_id))
        for table, events in own.items():
            rows[table] += events
        ids += [name] * len(asked)
        as_of += asked
    return Population(History.from_rows(rows), ids, as_of)


def populations(patients: int, sizes: Sequence[int] = SIZES) -> st.SearchStrategy[Population]:
    """Populations as Hypothesis draws them."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Population:
        return population(lambda options: options[draw(_index(len(options)))], patients, sizes)

    return drawn()


def long_history(seed: int) -> Population:
    """One patient with 5,000 events."""
    return population(Random(seed).choice, 1, [LONG])  # noqa: S311 - no secret


@cache
def _index(options: int) -> st.SearchStrategy[int]:
    return st.integers(0, options - 1)


def _instant(choose: Choose, day: date) -> datetime:
    """An instant of a Helsinki day, also one of the hour that the clock shows twice, or skips."""
    return datetime.combine(day, choose(CLOCKS), HELSINKI).replace(fold=choose((0, 1))).astimezone(UTC)


def _moments(choose: Choose) -> list[datetime]:
    first = _instant(choose, choose(DAYS))
    others = [first, first + MICROSECOND, first - timedelta(days=1), first + timedelta(days=400)]
    return [first, *(choose(others) for _ in range(choose((0, 1, 2))))]


def _person(choose: Choose, name: str) -> Row:
    columns = {key: column for key, column in TABLES["patients"].columns().items() if key != "patient_id"}
    person = {key: choose(values("patients", key, column)) for key, column in columns.items()}
    return person | {"patient_id": name, "birth_date": choose(BIRTHS)}


def _event(choose: Choose, table: str, like: Row, asked: list[datetime], event_id: str) -> Row:
    """An event of the patient of another one, at the edge of what a moment sees."""
    moment = choose(asked)
    when = _instant(choose, moment.astimezone(HELSINKI).date() - timedelta(days=choose(BACK)))
    when = choose((when, when, when, when, moment, moment - MICROSECOND))
    row = {key: choose(values(table, key, column)) for key, column in _own(table).items()}
    return row | _stamped(choose, like, when, moment, event_id)


def _again(choose: Choose, table: str, like: Row, asked: list[datetime], event_id: str) -> Row:
    """Much the same as an earlier event, so many days away from it that it matters: the same tooth, the next visit."""
    days = timedelta(days=choose((1, -1)) * choose(APART))
    local = like["event_time"].astimezone(HELSINKI).replace(tzinfo=None) + days
    when = local.replace(tzinfo=HELSINKI).astimezone(UTC)
    row = {
        key: choose((like[key], like[key], choose(values(table, key, column)), *FOLLOWS.get(f"{table}.{key}", ())))
        for key, column in _own(table).items()
    }
    return row | _stamped(choose, like, when, choose(asked), event_id)


def _stamped(choose: Choose, like: Row, when: datetime, moment: datetime, event_id: str) -> Row:
    known = when + choose(DELAYS)
    known = choose((known, known, known, known, moment, moment - MICROSECOND))
    patient_id = like["patient_id"]
    return {"patient_id": patient_id, "event_id": event_id, "event_time": when, "recorded_at": known, "source": "x"}


@cache
def _own(table: str) -> dict[str, Column]:
    """The columns of a table that not every event has."""
    return {key: column for key, column in TABLES[table].columns().items() if key not in COMMON}


COMMON = ("patient_id", "event_id", "event_time", "recorded_at", "source")


@cache
def values(table: str, name: str, column: Column) -> list[Any]:
    """What a column can hold in a drawn history."""
    if column.one_of:
        return [*column.one_of, *([None] if column.nullable else [])]
    found = VALUES.get(f"{table}.{name}") or [*_plain(column.type), *([None] if column.nullable else [])]
    return [*found, *_asked_for(table, name)]


def _asked_for(table: str, name: str) -> list[Any]:
    """What the dental catalogue compares a column to; a beginning becomes a value that has it."""
    found: dict[Any, None] = {}
    for family in DENTAL.families:
        if family.source == table:
            found |= dict.fromkeys(family.levels or () if family.by == name else ())
            found |= dict.fromkeys(value for column, wanted in family.where if column == name for value in wanted)
    return [value.replace("*", "9") if isinstance(value, str) else value for value in found]


def _plain(kind: pa.DataType) -> list[Any]:
    if pa.types.is_boolean(kind):
        return [False, True]
    if pa.types.is_string(kind):
        return ["x", "y"]
    if pa.types.is_timestamp(kind):
        return [datetime(2025, 6, 1, tzinfo=UTC)]
    if pa.types.is_date(kind):
        return [date(2025, 6, 1)]
    return [0, 1, 30]


def one_moment_each(asked: Population) -> Population:
    """The same patients, each asked about once."""
    first = dict(reversed(list(zip(asked.patient_ids, asked.as_of, strict=True))))
    return replace(asked, patient_ids=list(first), as_of=list(first.values()))


def together(one: Population, other: Population) -> Population:
    """Both populations as one, one after the other, so that a query answers for both at once."""
    tables = {}
    for name, rows in other.history.tables.items():
        ids = pc.binary_join_element_wise(rows["patient_id"], "other", "-")
        tables[name] = pa.concat_tables([one.history[name], rows.set_column(0, rows.schema.field(0), ids)])
    ids = [*one.patient_ids, *(f"{name}-other" for name in other.patient_ids)]
    return Population(History.of(tables), ids, [*one.as_of, *other.as_of])


def with_another_future(choose: Choose, asked: Population) -> Population:
    """The same patients, asked about once each, with all that their moments may not see lost, altered or invented."""
    moments = dict(zip(asked.patient_ids, asked.as_of, strict=True))
    rows: dict[str, list[Row]] = {"patients": asked.history["patients"].to_pylist()}
    for table in SOURCES:
        known: list[Row] = []
        for row in asked.history[table].to_pylist():
            moment = moments[row["patient_id"]]
            seen = row["event_time"] < moment and row["recorded_at"] < moment
            known += [row] if seen else _altered(choose, table, row, moment)
        for name in asked.patient_ids[:: choose((1, 2, 3))]:
            invented = _event(choose, table, {"patient_id": name}, [moments[name]], f"{choose('0~')}new-{name}")
            known.append(_unseen(choose, invented, moments[name]))
        rows[table] = known
    return replace(asked, history=History.from_rows(rows))


def _altered(choose: Choose, table: str, row: Row, moment: datetime) -> list[Row]:
    if choose((True, False)):
        return []
    other = _event(choose, table, row, [moment], choose((row["event_id"], f"~{row['event_id']}")))
    return [_unseen(choose, other, moment)]


def _unseen(choose: Choose, row: Row, moment: datetime) -> Row:
    """A row moved to where the moment may not see it: happened then or later, recorded then or later, or both."""
    column = choose(("event_time", "recorded_at"))
    return row | {column: moment + choose((timedelta(0), MICROSECOND, timedelta(days=3)))}
