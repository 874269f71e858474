"""The kernel: how the events of one person become feature values, in compiled code.

It means what `features.evaluate` means, to the last bit, for one person and one moment: the same windows and classes,
sums of whole numbers, and one division at the end. What a catalogue asks for comes as rows of whole numbers
(`features.program`), and so do the conventions: what is compiled here is renewed only when this file changes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled, part

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

COUNT, ANY, TOTAL, MEAN, SLOPE, SINCE, OLDEST, LAST, HIGHEST, LOWEST, DISTINCT, REPEATED, USUAL = range(13)
GAP, STARTS_EPISODE, RETREATED, RECALL_KEPT, OVERDUE = range(5)
ADD, LEAST, GREATEST = range(3)
MICROSECONDS_A_DAY = 86_400_000_000
AGE, WINDOW, STORED = range(3)
"""The first columns of seen events: whole days since, the shortest window that holds them, and then what is stored."""


class Source(NamedTuple):
    """A table of events; what belongs to it lies from a first place to an end, side by side.

    Attributes:
        stored: columns that are read of the person.
        columns: all columns: `AGE`, `WINDOW`, from `STORED` on those that are read, and those that look back.
    """

    stored: int
    columns: int
    first_limit: int
    end_limit: int
    first_derived: int
    end_derived: int
    first_selection: int
    end_selection: int


class Derived(NamedTuple):
    """A column that looks back: its kind, its place, and the places of the columns that it is made of."""

    kind: int
    column: int
    group: int
    other: int


class Selection(NamedTuple):
    """Events that pass conditions and have a value in the measured column (-1: in none)."""

    measure: int
    first_condition: int
    end_condition: int
    first_ask: int
    end_ask: int


class Condition(NamedTuple):
    """The events that have one of a few numbers in a column."""

    column: int
    first_number: int
    end_number: int


class Ask(NamedTuple):
    """A family: how pairs become its columns.

    Attributes:
        kind: the aggregate.
        split: the column whose classes are aggregated apart; -1 for none.
        classes: how many classes that column tells apart.
        place: first column in the matrix.
        width: number of columns.
        first_plane: where the positions of the planes of each column begin, one row of columns for every class that is
            merged with others.
        merged: number of such rows.
        never: whether it is missing when nothing was ever seen in the table.
    """

    kind: int
    split: int
    classes: int
    place: int
    width: int
    first_plane: int
    merged: int
    never: int


class Share(NamedTuple):
    """One column that is another one divided by a third."""

    place: int
    top: int
    bottom: int


class Rules(NamedTuple):
    """Conventions, the number of the group of examinations, and the most columns and planes that there are."""

    episode_gap: int
    retreatment_days: int
    recall_grace: int
    examination: int
    columns: int
    planes: int


class Room(NamedTuple):
    """Room to work in, made once: for numbering values, and for counting them by window."""

    number: Ints
    of: Ints
    table: Ints
    counts: Floats


class Pairs(NamedTuple):
    """The seen events of one source by column, of which `kept` pass the conditions; the number of windows."""

    columns: Floats
    kept: Ints
    measure: int
    windows: int
    room: Room


@part
def _known(happened: Ints, recorded: Ints, as_of: int, seen: Ints) -> int:
    """Note the places of the events that the moment sees; returns their number."""
    found = 0
    for at in range(len(happened)):
        if happened[at] < as_of and recorded[at] < as_of:
            seen[found] = at
            found += 1
    return found


@part
def _gaps(age: Floats, out: Floats) -> None:
    """Whole days since the previous event; NaN for the first."""
    for at in range(len(age)):
        out[at] = age[at - 1] - age[at] if at else np.nan


@part
def _starts(age: Floats, episode_gap: int, out: Floats) -> None:
    """1 where there is no previous event, or a gap that is long enough; else 0."""
    for at in range(len(age)):
        out[at] = 1.0 if at == 0 or age[at - 1] - age[at] > episode_gap else 0.0


@part
def _retreated(age: Floats, group: Floats, tooth: Floats, days: int, out: Floats) -> None:
    """1 where the same tooth had care of the same group on an earlier day not too long ago; NaN without a tooth."""
    for at in range(len(age)):
        out[at] = np.nan if np.isnan(tooth[at]) else 0.0
        for before in range(at - 1, -1, -1):
            if np.isnan(tooth[at]) or age[before] - age[at] > days:
                break
            if age[before] > age[at] and tooth[before] == tooth[at] and group[before] == group[at]:
                out[at] = 1.0
                break


@part
def _kept(age: Floats, group: Floats, recall: Floats, examination: int, grace: int, out: Floats) -> None:  # noqa: PLR0917
    """1 or 0 on the first examination of a day that answers a recall of an earlier day; NaN elsewhere.

    A day's recalls wait until it is over: its examinations do not answer them.
    """
    waiting, given = -1, -1
    first_of_day = True
    for at in range(len(age)):
        out[at] = np.nan
        if at and age[at] != age[at - 1]:
            waiting, given, first_of_day = (given if given >= 0 else waiting), -1, True
        if not np.isnan(recall[at]):
            given = at
        elif group[at] == examination and first_of_day:
            if waiting >= 0:
                out[at] = 1.0 if age[waiting] - age[at] - recall[waiting] <= grace else 0.0
            waiting, first_of_day = -1, False


@part
def _overdue(age: Floats, group: Floats, recall: Floats, examination: int, out: Floats) -> None:
    """On a recall without an examination on a later day: days past the recommended day, at least 0; NaN elsewhere."""
    latest = -1.0
    for at in range(len(age)):
        if group[at] == examination and np.isnan(recall[at]):
            latest = age[at]
    for at in range(len(age)):
        out[at] = np.nan
        if not np.isnan(recall[at]) and (latest < 0 or age[at] <= latest):
            out[at] = max(age[at] - recall[at], 0.0)


@part
def _look_back(derived: Ints, columns: Floats, rules: Rules) -> None:
    """Fill in the columns that depend on what else the moment sees."""
    age = columns[AGE]
    for row in range(len(derived)):
        each = Derived(derived[row, 0], derived[row, 1], derived[row, 2], derived[row, 3])
        out, group, other = columns[each.column], columns[each.group], columns[each.other]
        if each.kind == GAP:
            _gaps(age, out)
        elif each.kind == STARTS_EPISODE:
            _starts(age, rules.episode_gap, out)
        elif each.kind == RETREATED:
            _retreated(age, group, other, rules.retreatment_days, out)
        elif each.kind == RECALL_KEPT:
            _kept(age, group, other, rules.examination, rules.recall_grace, out)
        else:
            _overdue(age, group, other, rules.examination, out)


@part
def _passes(condition: Condition, numbers: Floats, found: float) -> bool:
    for at in range(condition.first_number, condition.end_number):  # noqa: SIM110 - compiled code has no generators
        if numbers[at] == found:
            return True
    return False


@part
def _select(selection: Selection, conditions: Ints, numbers: Floats, columns: Floats, kept: Ints) -> int:
    """Note the places of the pairs that pass all conditions and have a value; returns their number."""
    found = 0
    for at in range(columns.shape[1]):
        passes = selection.measure < 0 or not np.isnan(columns[selection.measure, at])
        for row in range(selection.first_condition, selection.end_condition):
            if not passes:
                break
            condition = Condition(conditions[row, 0], conditions[row, 1], conditions[row, 2])
            passes = _passes(condition, numbers, columns[condition.column, at])
        if passes:
            kept[found] = at
            found += 1
    return found


@part
def _class(ask: Ask, pairs: Pairs, at: int) -> int:
    return int(pairs.columns[ask.split, at]) if ask.split >= 0 else 0


@part
def _slot(ask: Ask, pairs: Pairs, at: int) -> int:
    """Class and window of a pair as one number."""
    return _class(ask, pairs, at) * pairs.windows + int(pairs.columns[WINDOW, at])


@part
def _clear(planes: Floats, size: int, value: float) -> None:
    for at in range(size):
        planes[at] = value


@part
def _widen(planes: Floats, size: int, windows: int) -> None:
    """Let every window hold the shorter ones of its class."""
    for first in range(0, size, windows):
        for slot in range(first + 1, first + windows):
            planes[slot] += planes[slot - 1]


@part
def _merged(planes: Floats, first: int, places: Ints, ask: Ask, column: int, how: int) -> float:  # noqa: PLR0917
    """The plane of a column; where it is made of several classes, merged of theirs. A missing one adds nothing."""
    found: float = planes[first + places[ask.first_plane + column]]
    for row in range(1, ask.merged):
        other = planes[first + places[ask.first_plane + row * ask.width + column]]
        if how == ADD:
            found += other
        elif np.isnan(found) or (other < found if how == LEAST else other > found):
            found = other
    return found


@part
def _divided(top: float, bottom: float) -> float:
    """One division; missing where there is nothing to divide by."""
    return np.nan if bottom == 0 else top / bottom


@part
def _add(ask: Ask, pairs: Pairs, size: int, planes: Floats) -> None:
    """Sum 1, the value, and for a slope the age, its product with the value and with itself, by class and window."""
    for pair in pairs.kept:
        slot = _slot(ask, pairs, pair)
        planes[slot] += 1.0
        if ask.kind > ANY:
            planes[size + slot] += pairs.columns[pairs.measure, pair]
        if ask.kind == SLOPE:
            age = pairs.columns[AGE, pair]
            planes[2 * size + slot] += age
            planes[3 * size + slot] += age * pairs.columns[pairs.measure, pair]
            planes[4 * size + slot] += age * age


@part
def _sums(ask: Ask, pairs: Pairs, places: Ints, planes: Floats, out: Floats) -> None:
    size = ask.classes * pairs.windows
    used = size * (5 if ask.kind == SLOPE else 1 if ask.kind <= ANY else 2)
    _clear(planes, used, 0.0)
    _add(ask, pairs, size, planes)
    _widen(planes, used, pairs.windows)
    for column in range(ask.place, ask.place + ask.width):
        n = _merged(planes, 0, places, ask, column - ask.place, ADD)
        y = x = xy = xx = 0.0
        if ask.kind > ANY:
            y = _merged(planes, size, places, ask, column - ask.place, ADD)
        if ask.kind == SLOPE:
            x = _merged(planes, 2 * size, places, ask, column - ask.place, ADD)
            xy = _merged(planes, 3 * size, places, ask, column - ask.place, ADD)
            xx = _merged(planes, 4 * size, places, ask, column - ask.place, ADD)
        out[column] = _of_sums(ask.kind, n, y, x, xy, xx)


@part
def _of_sums(kind: int, n: float, y: float, x: float, xy: float, xx: float) -> float:  # noqa: PLR0917
    """What follows from the sums of 1, the value, the age, and products of them."""
    if kind == COUNT:
        return n
    if kind == ANY:
        return 1.0 if n > 0 else 0.0
    if kind == TOTAL:
        return y
    if kind == MEAN:
        return _divided(y, n)
    return _divided(365.0 * (x * y - n * xy), n * xx - x * x)


@part
def _ends(ask: Ask, pairs: Pairs, places: Ints, days: Floats, planes: Floats, out: Floats) -> None:  # noqa: PLR0917
    """The latest or first event of every class, whatever the window; the latest value of all must be young enough."""
    _clear(planes, 2 * ask.classes, np.nan)
    for pair in pairs.kept:
        at = _class(ask, pairs, pair)
        if ask.kind != OLDEST or np.isnan(planes[at]):
            planes[at] = pairs.columns[AGE, pair]
            if ask.kind == LAST:
                planes[ask.classes + at] = pairs.columns[pairs.measure, pair]
    how = GREATEST if ask.kind == OLDEST else LEAST
    for column in range(ask.place, ask.place + ask.width):
        out[column] = _merged(planes, 0, places, ask, column - ask.place, how)
        if ask.kind == LAST:
            young = not out[column] > days[column]
            value = _merged(planes, ask.classes, places, ask, column - ask.place, how)
            out[column] = value if young else np.nan


@part
def _extremes(ask: Ask, pairs: Pairs, places: Ints, planes: Floats, out: Floats) -> None:
    """The highest value, or the lowest as the highest of what has the other sign. Infinite ones are missing."""
    sign, size = 1.0 if ask.kind == HIGHEST else -1.0, ask.classes * pairs.windows
    _clear(planes, size, -np.inf)
    for pair in pairs.kept:
        slot, value = _slot(ask, pairs, pair), sign * pairs.columns[pairs.measure, pair]
        planes[slot] = max(value, planes[slot])
    for first in range(0, size, pairs.windows):
        for slot in range(first + 1, first + pairs.windows):
            planes[slot] = max(planes[slot], planes[slot - 1])
    for slot in range(size):
        if np.isinf(planes[slot]):
            planes[slot] = np.nan
    for column in range(ask.place, ask.place + ask.width):
        out[column] = sign * _merged(planes, 0, places, ask, column - ask.place, GREATEST)


@part
def _number_values(ask: Ask, pairs: Pairs) -> int:
    """Number the different values of every class, by open addressing; returns how many there are."""
    size = 1
    while size < 2 * len(pairs.kept):
        size *= 2
    number, table, found = pairs.room.number, pairs.room.table, 0
    for slot in range(size):
        table[slot] = -1
    for at in range(len(pairs.kept)):
        of, value = _class(ask, pairs, pairs.kept[at]), pairs.columns[pairs.measure, pairs.kept[at]]
        slot = (int(value) + 31 * of) % size
        while table[slot] >= 0:
            like = pairs.kept[table[slot]]
            if pairs.columns[pairs.measure, like] == value and _class(ask, pairs, like) == of:
                break
            slot = (slot + 1) % size
        if table[slot] < 0:
            table[slot], number[at] = at, found
            found += 1
        else:
            number[at] = number[table[slot]]
    return found


@part
def _different(ask: Ask, pairs: Pairs, places: Ints, planes: Floats, out: Floats) -> None:
    """How many different values there are; or how many on two days, each from the second nearest day on."""
    size, nearest = ask.classes * pairs.windows, pairs.room.counts
    _clear(planes, size, 0.0)
    _clear(nearest, _number_values(ask, pairs), np.nan)
    for at in range(len(pairs.kept) - 1, -1, -1):
        pair, value = pairs.kept[at], pairs.room.number[at]
        age, first = pairs.columns[AGE, pair], np.isnan(nearest[value])
        if first if ask.kind == DISTINCT else age > nearest[value]:
            planes[_slot(ask, pairs, pair)] += 1.0
            nearest[value] = np.inf
        elif first:
            nearest[value] = age
    _widen(planes, size, pairs.windows)
    for column in range(ask.place, ask.place + ask.width):
        out[column] = _merged(planes, 0, places, ask, column - ask.place, ADD)


@part
def _usual(ask: Ask, pairs: Pairs, places: Ints, planes: Floats, out: Floats) -> None:
    """The share of the most common value among all."""
    size, windows, counts, of = ask.classes * pairs.windows, pairs.windows, pairs.room.counts, pairs.room.of
    values = _number_values(ask, pairs)
    _clear(planes, 2 * size, 0.0)
    _clear(counts, values * windows, 0.0)
    for at in range(len(pairs.kept)):
        pair, value = pairs.kept[at], pairs.room.number[at]
        of[value] = _class(ask, pairs, pair)
        counts[value * windows + int(pairs.columns[WINDOW, pair])] += 1.0
        planes[_slot(ask, pairs, pair)] += 1.0
    _widen(planes, size, windows)
    _widen(counts, values * windows, windows)
    for value in range(values):
        for window in range(windows):
            most = size + of[value] * windows + window
            planes[most] = max(planes[most], counts[value * windows + window])
    for column in range(ask.place, ask.place + ask.width):
        most_common = _merged(planes, size, places, ask, column - ask.place, GREATEST)
        out[column] = _divided(most_common, _merged(planes, 0, places, ask, column - ask.place, ADD))


@part
def _answer(ask: Ask, pairs: Pairs, places: Ints, days: Floats, planes: Floats, out: Floats) -> None:  # noqa: PLR0917
    """Fill in the columns of one family."""
    if ask.never and not pairs.columns.shape[1]:
        _clear(out[ask.place :], ask.width, np.nan)
    elif ask.kind <= SLOPE:
        _sums(ask, pairs, places, planes, out)
    elif ask.kind <= LAST:
        _ends(ask, pairs, places, days, planes, out)
    elif ask.kind <= LOWEST:
        _extremes(ask, pairs, places, planes, out)
    elif ask.kind <= REPEATED:
        _different(ask, pairs, places, planes, out)
    else:
        _usual(ask, pairs, places, planes, out)


@part
def _count_days(happened: Ints, since: Ints, offset: Ints, day: Ints) -> None:
    """Helsinki days since 1970 of instants; best in the order of time, as each offset is looked for near the last."""
    at = 0
    for each in range(len(happened)):
        while happened[each] < since[at]:
            at -= 1
        while at + 1 < len(since) and happened[each] >= since[at + 1]:
            at += 1
        day[each] = (happened[each] + offset[at]) // MICROSECONDS_A_DAY


@part
def _read(  # noqa: PLR0917 - compiled code takes plain arrays
    seen: Ints, values: Floats, many: int, stored: int, today: int, day: Ints, limits: Ints, columns: Floats,
) -> None:  # fmt: skip
    """Take over what the moment sees of one source: ages, the shortest windows that hold them, and stored columns."""
    for at in range(len(seen)):
        age, window = today - day[seen[at]], 0
        while window < len(limits) and age > limits[window]:
            window += 1
        columns[AGE, at], columns[WINDOW, at] = age, window
    for column in range(stored):
        for at in range(len(seen)):
            columns[STORED + column, at] = values[column * many + seen[at]]


@part
def _answer_source(  # noqa: PLR0917 - compiled code takes plain arrays
    source: Source, columns: Floats, kept: Ints, room: Room, planes: Floats, selections: Ints, conditions: Ints,
    asks: Ints, places: Ints, numbers: Floats, days: Floats, out: Floats,
) -> None:  # fmt: skip
    """Fill in the columns of all families that look at one source."""
    windows = source.end_limit - source.first_limit + 1
    for row in range(source.first_selection, source.end_selection):
        chosen = selections[row]
        selection = Selection(chosen[0], chosen[1], chosen[2], chosen[3], chosen[4])
        many = _select(selection, conditions, numbers, columns, kept)
        pairs = Pairs(columns, kept[:many], selection.measure, windows, room)
        for at in range(selection.first_ask, selection.end_ask):
            said = asks[at]
            ask = Ask(said[0], said[1], said[2], said[3], said[4], said[5], said[6], said[7])
            _answer(ask, pairs, places, days, planes, out)


_EVENTS = "i8[::1], i8[::1], i8[::1], f8[::1], i8, i8, i8[::1], i8[::1]"
_PROGRAM = "i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[::1], i8[::1], f8[::1], f8[::1]"


@compiled(f"void({_EVENTS}, {_PROGRAM}, i8[::1], f8[::1])")
def fill(  # noqa: PLR0917 - compiled code takes plain arrays
    happened: Ints, recorded: Ints, counts: Ints, values: Floats, as_of: int, today: int, since: Ints, offset: Ints,
    sources: Ints, derived: Ints, selections: Ints, conditions: Ints, asks: Ints, shares: Ints, places: Ints,
    limits: Ints, numbers: Floats, days: Floats, conventions: Ints, out: Floats,
) -> None:  # fmt: skip
    """Compute all columns that are made of events, and then the shares.

    Args:
        happened: microseconds since 1970 in UTC, source after source, each sorted by time and event id.
        recorded: the same of when it became known.
        counts: the number of events of each source.
        values: the stored columns of each source, one after another; NaN for missing.
        as_of: the moment, in microseconds since 1970 in UTC.
        today: the Helsinki day of the moment.
        since, offset: as `records.clock.offsets` gives them.
        sources, derived, selections, conditions, asks, shares: rows of the classes of this module.
        places: positions of planes.
        limits: lengths of windows in days, rising within a source.
        numbers: what conditions want.
        days: by column of the matrix, the length of its window.
        conventions: one of `Rules`.
        out: by column of the matrix, its value; columns of the patient are there already.
    """
    rules = Rules(conventions[0], conventions[1], conventions[2], conventions[3], conventions[4], conventions[5])
    most = max(counts.max(), 1) if len(counts) else 1
    seen, kept, space = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(rules.columns * most)
    number, of, table = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(4 * most, np.int64)
    room, planes = Room(number, of, table, np.empty(most * (1 + len(limits)))), np.empty(5 * rules.planes)
    day = np.empty(len(happened), np.int64)
    _count_days(happened, since, offset, day)
    first, value = 0, 0
    for at in range(len(sources)):
        row, many = sources[at], counts[at]
        source = Source(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7])
        found = _known(happened[first : first + many], recorded[first : first + many], as_of, seen)
        columns = space[: source.columns * found].reshape(source.columns, found)
        limit = limits[source.first_limit : source.end_limit]
        _read(seen[:found], values[value:], many, source.stored, today, day[first:], limit, columns)
        _look_back(derived[source.first_derived : source.end_derived], columns, rules)
        _answer_source(source, columns, kept, room, planes, selections, conditions, asks, places, numbers, days, out)
        first, value = first + many, value + source.stored * many
    for at in range(len(shares)):
        share = Share(shares[at, 0], shares[at, 1], shares[at, 2])
        out[share.place] = _divided(out[share.top], out[share.bottom])
