"""What texts may name: the variables of alerts, their kinds, and how each is written in a language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

DAY, NUMBER, TEXT = "day", "number", "text"

KINDS: dict[str, str] = {
    "voucher": TEXT,  # name of the voucher's kind, in the reader's language
    "survey_url": TEXT,
    "granted_on": DAY,
    "activated_on": DAY,
    "ended_on": DAY,
    "last_visit_on": DAY,
    "counted_from": DAY,  # the last visit, or the activation while there is none
    "valid_until": DAY,
    "breached_on": DAY,  # first day on which the limit was exceeded, or on which the message was due
    "limit_days": NUMBER,
    "late_days": NUMBER,  # whole days over the limit
}
"""Every variable and its kind. An alert carries `breached_on` and those of its rule."""

OF_DEFINITION = ("voucher", "survey_url")
"""Those that come from the voucher definition instead."""


def written(variables: str, language: str) -> dict[str, str]:
    """An alert's variables as they stand in a text.

    Args:
        variables: the JSON object of an alert; days as ISO text, numbers as numbers. What is null is left out.
        language: fi, sv or en.

    Examples:
        >>> written('{"valid_until": "2027-01-31", "limit_days": 60}', "fi")
        {'valid_until': '31.1.2027', 'limit_days': '60'}
        >>> written('{"valid_until": "2027-01-31"}', "en")
        {'valid_until': '31 January 2027'}
    """
    values: Mapping[str, object] = json.loads(variables)
    return {name: _write(name, value, language) for name, value in values.items() if value is not None}


def _write(name: str, value: object, language: str) -> str:
    return write_day(date.fromisoformat(str(value)), language) if KINDS[name] == DAY else str(value)


def write_day(day: date, language: str) -> str:
    """A day as it stands in a text."""
    return f"{day.day} {day:%B %Y}" if language == "en" else f"{day.day}.{day.month}.{day.year}"
