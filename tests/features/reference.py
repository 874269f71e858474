"""The meaning of every feature once more, in plain Python, one patient and one moment at a time.

It shares no code with the evaluator nor with the SQL: all must agree to the last bit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from features.catalogue import Catalogue
from features.families import EPISODE_GAP, RECALL_GRACE, RETREATMENT_DAYS, Family, Feature
from records.codes import NEED_GROUPS, RECALLS
from records.history import History

HELSINKI = ZoneInfo("Europe/Helsinki")
Row = dict[str, Any]


class Records:
    """A history as plain rows, by table and patient."""

    def __init__(self, history: History) -> None:
        self.rows: dict[str, dict[str, list[Row]]] = {}
        for table in history:
            by_patient = self.rows.setdefault(table, {})
            for row in history[table].to_pylist():
                by_patient.setdefault(row["patient_id"], []).append(row)

    def values(self, catalogue: Catalogue, name: str, as_of: datetime) -> list[float]:
        """All features of one patient as of one moment."""
        (person,) = self.rows["patients"][name]
        today = as_of.astimezone(HELSINKI).date()
        seen = {
            source: _seen(source, self.rows[source].get(name, []), as_of, today)
            for source in catalogue.sources
            if source != "patients"
        }
        found: dict[tuple[str, str | None, str], float] = {}
        for feature in catalogue:
            found[feature.family.name, feature.level, feature.window] = _value(feature, person, today, seen, found)
        return list(found.values())


def _value(
    feature: Feature,
    person: Row,
    today: date,
    seen: dict[str, list[Row]],
    found: dict[tuple[str, str | None, str], float],
) -> float:
    family = feature.family
    if family.aggregate == "age":
        return _age(person["birth_date"], today)
    if family.aggregate == "attribute":
        return float(bool(person[family.measure]))
    if family.of is not None:
        top, bottom = (found[other, None, feature.window] for other in family.of)
        return top / bottom if bottom else math.nan
    if family.never == "missing" and not seen[family.source]:
        return math.nan
    rows = [row for row in seen[family.source] if _matches(row, family, feature.level)]
    return _aggregate(family, [row for row in rows if feature.days is None or row["age"] <= feature.days])


def _seen(source: str, rows: list[Row], as_of: datetime, today: date) -> list[Row]:
    found = list(_rows(source, rows, as_of, today))
    if source == "procedures":
        _look_back_on_teeth(found)
        _look_back_on_recalls(found)
    return found


def _rows(source: str, rows: list[Row], as_of: datetime, today: date) -> Iterator[Row]:
    rows = [dict(row) for row in rows if row["event_time"] < as_of and row["recorded_at"] < as_of]
    previous = None
    for row in sorted(rows, key=lambda row: (row["event_time"], row["event_id"])):
        day = row["event_time"].astimezone(HELSINKI).date()
        row["age"] = (today - day).days
        row["gap"] = None if previous is None else (day - previous).days
        row["starts_episode"] = int(row["gap"] is None or row["gap"] > EPISODE_GAP)
        if source == "procedures":
            row["group"] = NEED_GROUPS.group(row["code"])
            row["recall"] = RECALLS.get(row["code"])
            row["surface_count"] = len(row["surfaces"]) if row["surfaces"] else None
        previous = day
        yield row


def _look_back_on_teeth(rows: list[Row]) -> None:
    for row in rows:
        earlier = [
            other["age"] - row["age"]
            for other in rows
            if other["age"] > row["age"] and (other["tooth"], other["group"]) == (row["tooth"], row["group"])
        ]
        row["retreated"] = None if row["tooth"] is None else int(bool(earlier) and min(earlier) <= RETREATMENT_DAYS)


def _look_back_on_recalls(rows: list[Row]) -> None:
    """Rows are in the order of time, then event id."""
    recalls = [row for row in rows if row["recall"] is not None]
    examinations = [row for row in rows if row["group"] == "examination" and row["recall"] is None]
    for row in rows:
        row["recall_kept"] = row["overdue"] = None
    first_of_day = {row["age"]: row for row in reversed(examinations)}
    for row in first_of_day.values():
        earlier = [recall for recall in recalls if recall["age"] > row["age"]]
        if not earlier:
            continue
        recall = earlier[-1]
        if not any(row["age"] < other["age"] < recall["age"] for other in examinations):
            row["recall_kept"] = int(recall["age"] - row["age"] - recall["recall"] <= RECALL_GRACE)
    for recall in recalls:
        if not any(other["age"] < recall["age"] for other in examinations):
            recall["overdue"] = max(recall["age"] - recall["recall"], 0)


def _matches(row: Row, family: Family, level: str | None) -> bool:
    wanted = all(any(_is(row[column], value) for value in allowed) for column, allowed in family.where)
    measured = family.measure is None or row[family.measure] is not None
    return wanted and measured and (level is None or row[family.by or ""] == level)


def _is(found: Any, wanted: str | int) -> bool:
    if isinstance(wanted, str) and wanted.endswith("*"):
        return found is not None and found.startswith(wanted[:-1])
    return bool(found == wanted)


def _age(born: date | None, today: date) -> float:
    if born is None:
        return math.nan
    return float(today.year - born.year - ((today.month, today.day) < (born.month, born.day)))


def _aggregate(family: Family, rows: list[Row]) -> float:  # noqa: C901, PLR0911, PLR0912 - one case an aggregate
    values = [row[family.measure] for row in rows] if family.measure else []
    ages = [row["age"] for row in rows]
    match family.aggregate:
        case "count":
            return float(len(rows))
        case "total":
            return float(sum(values))
        case "any":
            return float(bool(rows))
        case "distinct":
            return float(len(set(values)))
        case "repeated":
            days = {(value, age) for value, age in zip(values, ages, strict=True)}
            return float(sum(count >= 2 for count in Counter(value for value, _ in days).values()))
    if not rows:
        return math.nan
    match family.aggregate:
        case "since":
            return float(ages[-1])
        case "oldest":
            return float(ages[0])
        case "last":
            return float(values[-1])
        case "lowest":
            return float(min(values))
        case "usual":
            return max(Counter(values).values()) / len(values)
        case "highest":
            return float(max(values))
        case "mean":
            return sum(values) / len(values)
        case "slope":
            n, sx, sy = len(rows), sum(ages), sum(values)
            sxy, sxx = sum(x * y for x, y in zip(ages, values, strict=True)), sum(x * x for x in ages)
            below = n * sxx - sx * sx
            return 365 * (sx * sy - n * sxy) / below if below else math.nan
    raise AssertionError(family.aggregate)
