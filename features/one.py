"""The features of one person: what was known about them at one moment, computed in compiled code.

It is the evaluator's way for one patient who waits. What the numbers mean is said by `features.evaluate`, which
answers for many at once; both give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from itertools import chain
from typing import Any

import numpy as np

from features.catalogue import Catalogue
from features.evaluate import Matrix
from features.events import YEAR, Floats
from features.kernel import fill
from features.program import Program, program_of
from records.clock import EPOCH_DAY, day, microsecond, offsets
from records.person import Person


def evaluate_person(catalogue: Catalogue, person: Person, as_of: datetime) -> Matrix:
    """Compute every feature of the catalogue for one person.

    Args:
        catalogue: the features.
        person: the usable history; what the moment does not see may be in it.
        as_of: the moment, aware.

    Returns:
        One row, the bits that `features.evaluate.evaluate` gives.

    Raises:
        TypeError: the moment has no time zone.
    """
    program, today = program_of(catalogue), day(as_of)
    values = np.empty(len(catalogue))
    _fill_personal(program, person.row, today, values)
    fill(*_events(program, person), microsecond(as_of), today, *offsets(), *program.tables, values)
    return Matrix(catalogue.names, values.reshape(1, -1))


def _fill_personal(program: Program, row: Mapping[str, Any], today: int, values: Floats) -> None:
    for at in program.ages:
        values[at] = _age(row.get("birth_date"), EPOCH_DAY + today)
    for at, column in program.attributes:
        values[at] = 1.0 if row.get(column) else 0.0


def _age(born: date | None, today: int) -> float:
    """Whole years; a birthday of 29 February is 1 March in other years."""
    if born is None:
        return np.nan
    # Where Python's calendar ends, it is the first of January already in Helsinki.
    now = _calendar(date.fromordinal(today)) if today <= date.max.toordinal() else (date.max.year + 1) * YEAR + 33
    return (now - _calendar(born)) // YEAR


def _calendar(when: date) -> int:
    """One date as `features.events.calendar` numbers dates, give or take what all have in common."""
    return when.year * YEAR + when.month * 32 + when.day


def _events(program: Program, person: Person) -> tuple[np.ndarray, ...]:
    """The events as the kernel takes them."""
    happened, recorded, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)], []
    values: list[Iterable[float]] = []
    total = 0
    for table, reads in program.reads:
        rows = person[table]
        many = len(rows.happened)
        counts.append(many)
        if many:
            happened.append(rows.happened)
            recorded.append(rows.recorded)
            total += many * len(reads)
            for read in reads:
                found = rows[read.column]
                values.append(found if read.numbers is None else map(read.numbers().__getitem__, found))
    flat = np.fromiter(chain.from_iterable(values), np.float64, total)
    return np.concatenate(happened), np.concatenate(recorded), np.array(counts, np.int64), flat
