"""Times as systems write them, read many at once in compiled code.

Arrow reads more forms, and `records.clock.instant` says what each means. To call either costs more than to read the
hundreds of times of one question, nearly all of which are written in one way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled, part

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
END, SPACE, PLUS, DASH, POINT, COLON, LETTER_T, LETTER_Z = b"\n +-.:TZ"
SHORTEST = len("2026-11-22T10:00Z\n")
FIRST_YEAR, LAST_YEAR = 1900, 2099
NONE = -(10**9)
"""Stands for a number that is none."""


def plainly_read(texts: Sequence[str]) -> Ints | None:
    """Microseconds since 1970 UTC of times as 2026-11-22T10:00:00.5+02:00, from 1900 to 2099.

    Seconds, their fraction of at most six digits, and Z for no offset are as ISO 8601 has them; a space may stand for
    the T.

    Returns:
        None where one of them is of another form.

    Raises:
        TypeError: one is no text.
        UnicodeEncodeError: one holds half of a character.
    """
    found = np.empty(len(texts), np.int64)
    written = np.frombuffer(("\n".join(texts) + "\n").encode(), np.uint8)
    return found if len(texts) and _read(written, found) else None


@part
def _number(text: Bytes, first: int, digits: int) -> int:
    """A number of so many digits, which must not begin behind the last end of a line."""
    found = 0
    for at in range(first, first + digits):
        digit: Any = np.int64(text[at]) - 48
        if digit < 0 or digit > 9:
            return NONE
        found = found * 10 + digit
    return found


@part
def _day(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar; a year that begins in March ends with its leap day."""
    shifted = year - (month <= 2)
    leap_days = shifted // 4 - shifted // 100 + shifted // 400
    return 365 * shifted + leap_days + (153 * ((month + 9) % 12) + 2) // 5 + day - 719_469


@part
def _date(text: Bytes, at: int) -> int:
    """The day of 2026-11-22, of which there are so many letters."""
    year, month, day = _number(text, at, 4), _number(text, at + 5, 2), _number(text, at + 8, 2)
    if text[at + 4] != DASH or text[at + 7] != DASH or year < FIRST_YEAR or year > LAST_YEAR:
        return NONE
    if month < 1 or month > 12 or day < 1:
        return NONE
    found = _day(year, month, day)
    return NONE if day > 28 and found >= _day(year + month // 12, month % 12 + 1, 1) else found


@part
def _minutes(text: Bytes, at: int) -> int:
    """The minutes of 10:00, which must not begin behind the last end of a line."""
    hours = _number(text, at, 2)
    if hours < 0 or hours > 23 or text[at + 2] != COLON:
        return NONE
    minutes = _number(text, at + 3, 2)
    return NONE if minutes < 0 or minutes > 59 else hours * 60 + minutes


@part
def _seconds(text: Bytes, at: int) -> tuple[int, int]:
    """The microseconds of :00.5, and where what follows begins; none where there is no colon."""
    if text[at] != COLON:
        return 0, at
    seconds, found, digit = _number(text, at + 1, 2), 0, 100_000
    if seconds < 0 or seconds > 59:
        return NONE, at
    at += 3
    if text[at] == POINT:
        at += 1
        if _number(text, at, 1) < 0:
            return NONE, at
        while digit and _number(text, at, 1) >= 0:
            found, digit, at = found + digit * _number(text, at, 1), digit // 10, at + 1
    return seconds * 1_000_000 + found, at


@part
def _offset(text: Bytes, at: int) -> tuple[int, int]:
    """Minutes east of UTC, and where what follows begins."""
    if text[at] == LETTER_Z:
        return 0, at + 1
    if text[at] != PLUS and text[at] != DASH:
        return NONE, at
    minutes = _minutes(text, at + 1)
    return (minutes if text[at] == PLUS or minutes == NONE else -minutes), at + 6


@compiled("b1(Array(u1, 1, 'C', True), i8[::1])")
def _read(text: Bytes, found: Ints) -> bool:
    """Read as many times as there is room for, each with the end of a line behind it; False at the first other form.

    That the first letters of a time are there is seen at once. What follows is read letter by letter, and no letter
    behind one that is out of place, as the last end of a line would be.
    """
    at = 0
    for each in range(len(found)):
        if len(text) - at < SHORTEST:
            return False
        day, minutes = _date(text, at), _minutes(text, at + 11)
        micros, behind = _seconds(text, at + 16)
        if NONE in (day, minutes, micros) or (text[at + 10] != LETTER_T and text[at + 10] != SPACE):
            return False
        east, behind = _offset(text, behind)
        if east == NONE or text[behind] != END:
            return False
        found[each] = ((day * 24 * 60 + minutes - east) * 60) * 1_000_000 + micros
        at = behind + 1
    return at == len(text)
