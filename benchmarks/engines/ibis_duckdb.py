"""Ibis on DuckDB, folded: events are grouped by moment and level with a sum a window, then by moment alone.

Folding costs a second grouping, of far fewer rows, and saves most of the filtered aggregates of plain SQL. Aggregates
that cannot be folded (the latest value, different values) are filtered ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import Any

import duckdb
import ibis

from benchmarks.engines import columns, expressed, parts
from features.catalogue import Catalogue
from features.families import EPISODE_GAP, Family
from records.codes import NEED_GROUPS, RECALLS

SUMS = {"count": ("n",), "any": ("n",), "total": ("y",), "mean": ("n", "y"), "slope": ("n", "x", "y", "xy", "xx")}
EXTREMES = ("since", "oldest", "highest", "lowest")


def run(catalogue: Catalogue, folder: Path, moments: Path, out: Path) -> None:
    """Compute the matrix."""
    database = duckdb.connect(config={"threads": 1})
    connection = ibis.duckdb.from_connection(database)
    connection.raw_sql("SET TimeZone = 'Europe/Helsinki'")
    asked = connection.read_parquet(moments)
    asked = asked.mutate(today=asked.as_of.date())
    families = expressed(catalogue)
    codes = database.execute(f"SELECT DISTINCT code FROM '{folder / 'procedures.parquet'}'").fetchall()  # noqa: S608
    group = {code: NEED_GROUPS.group(code) for (code,) in codes}
    whole = _of_patients(families, connection.read_parquet(folder / "patients.parquet"), asked)
    for source in dict.fromkeys(family.source for family in families if family.source != "patients"):
        events = connection.read_parquet(folder / f"{source}.parquet")
        some = [family for family in families if family.source == source]
        for number, found in enumerate(_of_events(some, _seen(source, events, asked, group))):
            whole = whole.left_join(found.rename({f"row {source} {number}": "row"}), whole.row == found.row)
    whole = whole.mutate(**dict(_filled(families, whole)))
    whole = whole.mutate(**dict(_shares(catalogue, families, whole)))
    names = [name for family in families for _, _, name in columns(family)]
    whole.order_by("row").select(**{name: whole[name].cast("float64") for name in names}).to_parquet(out)


def _of_patients(families: list[Family], people: Any, asked: Any) -> Any:
    both = asked.left_join(people, "patient_id")
    today, born = both.today, both.birth_date
    before = (today.month() * 32 + today.day()) < (born.month() * 32 + born.day())
    made = {
        family.name: today.year() - born.year() - before.cast("int32")
        if family.aggregate == "age"
        else both[family.measure].fill_null(False).cast("int8")
        for family in families
        if family.source == "patients"
    }
    return both.select("row", **made)


def _seen(source: str, events: Any, asked: Any, group: dict[str, str]) -> Any:
    seen = events.inner_join(asked, "patient_id")
    seen = seen.filter(seen.event_time < seen.as_of, seen.recorded_at < seen.as_of)
    seen = seen.mutate(age=seen.today.delta(seen.event_time.date(), unit="day").cast("int32"))
    if source == "procedures":
        size = seen.surfaces.length()
        seen = seen.mutate(
            group=seen.code.cases(*group.items(), else_="other"),
            recall=seen.code.cases(*RECALLS.items()),
            surface_count=(size > 0).ifelse(size, ibis.null()),
        )
    in_order = ibis.window(group_by="row", order_by=["event_time", "event_id"])
    if source == "visits":
        seen = seen.mutate(gap=seen.age.lag().over(in_order) - seen.age)
        seen = seen.mutate(starts_episode=(seen.gap.isnull() | (seen.gap > EPISODE_GAP)).cast("int8"))
    if source in ("visits", "procedures", "findings", "answers"):
        seen = seen.mutate(place=ibis.row_number().over(in_order))
    return seen


def _of_events(families: list[Family], seen: Any) -> Iterator[Any]:
    flat = {name: made for family in families for name, made in _flat(family, seen)}
    yield seen.group_by("row").agg(**{f"{families[0].source} seen": seen.count()}, **flat)
    for split in dict.fromkeys(_split(family) for family in families if _folds(family)):
        some = [family for family in families if _folds(family) and _split(family) == split]
        yield _folded(some, split, seen)
    for family in families:
        if family.aggregate in ("repeated", "usual"):
            yield _by_value(family, seen)


def _folds(family: Family) -> bool:
    return family.aggregate in (*SUMS, *EXTREMES)


def _split(family: Family) -> str | None:
    """The column that a family is folded by: its levels', or that of its only condition on a text."""
    if family.by:
        return family.by
    return family.where[0][0] if len(family.where) == 1 and isinstance(family.where[0][1][0], str) else None


def _folded(families: list[Family], split: str | None, seen: Any) -> Any:
    made: dict[str, Any] = {}
    for family in families:
        where = [] if split and not family.by else [_among(seen, *each) for each in family.where]
        for days in dict.fromkeys(days for _, days, _ in columns(family)):
            made |= dict(_partial(family, days, where, seen))
    fold = seen.group_by([key for key in ("row", split) if key]).agg(**made)
    found = {name: made for family in families for name, made in _unfolded(family, split, fold)}
    return fold.group_by("row").agg(**found)


def _key(family: Family, days: int | None, part: str) -> str:
    where = "" if family.by is None and _split(family) else str(family.where)
    return f"{part} {family.measure or ''} {days} {where}"


def _partial(family: Family, days: int | None, where: list[Any], seen: Any) -> Iterator[tuple[str, Any]]:
    x = seen.age.cast("int64")
    y = seen[family.measure] if family.measure else seen.age
    masks = where + ([seen.age <= days] if days is not None else []) + ([y.notnull()] if family.measure else [])
    mask = reduce(and_, masks) if masks else None
    whole = {"n": seen.age.count(where=mask), "x": x, "y": y, "xy": x * y, "xx": x * x}
    for part in SUMS.get(family.aggregate, ()):
        yield _key(family, days, part), whole[part] if part == "n" else whole[part].sum(where=mask)
    if family.aggregate in EXTREMES:
        low = family.aggregate in ("since", "lowest")
        yield _key(family, days, family.aggregate), y.min(where=mask) if low else y.max(where=mask)


def _unfolded(family: Family, split: str | None, fold: Any) -> Iterator[tuple[str, Any]]:
    for level, days, name in columns(family):
        mask = None if split is None else (fold[split] == level if family.by else _among(fold, *family.where[0]))

        def summed(part: str, days: int | None = days, mask: Any = mask) -> Any:
            return fold[_key(family, days, part)].sum(where=mask)

        match family.aggregate:
            case "count":
                yield name, summed("n")
            case "any":
                yield name, (summed("n") > 0).cast("int8")
            case "total":
                yield name, summed("y")
            case "mean":
                yield name, summed("y").cast("float64") / summed("n").nullif(0)
            case "slope":
                n, x, y, xy, xx = (summed(part) for part in SUMS["slope"])
                yield name, (365 * (x * y - n * xy)).cast("float64") / (n * xx - x * x).nullif(0)
            case _:
                found = fold[_key(family, days, family.aggregate)]
                yield name, (found.min if family.aggregate in ("since", "lowest") else found.max)(where=mask)


def _flat(family: Family, seen: Any) -> Iterator[tuple[str, Any]]:
    if family.aggregate not in ("last", "distinct"):
        return
    value = seen[family.measure]
    for level, days, name in columns(family):
        masks = [value.notnull(), *(_among(seen, *each) for each in family.where)]
        masks += [seen[family.by] == level] if level else []
        masks += [seen.age <= days] if days is not None else []
        mask = reduce(and_, masks)
        yield name, value.argmax(seen.place, where=mask) if family.aggregate == "last" else value.nunique(where=mask)


def _by_value(family: Family, seen: Any) -> Any:
    value = seen[family.measure]
    kept = seen.filter(value.notnull(), *(_among(seen, *each) for each in family.where))
    if family.aggregate == "repeated":
        dated = kept.select("row", family.measure, "age").distinct()
        place = ibis.row_number().over(ibis.window(group_by=["row", family.measure], order_by="age"))
        second = dated.mutate(place=place).filter(lambda each: each.place == 1)
        return second.group_by("row").agg(
            **{name: second.count(where=_within(second, days)) for _, days, name in columns(family)}
        )
    each = kept.group_by(["row", family.measure]).agg(
        **{name: kept.count(where=_within(kept, days)) for _, days, name in columns(family)}
    )
    return each.group_by("row").agg(
        **{name: each[name].max().cast("float64") / each[name].sum().nullif(0) for _, _, name in columns(family)}
    )


def _within(table: Any, days: int | None) -> Any:
    return table.age >= 0 if days is None else table.age <= days


def _among(table: Any, column: str, values: tuple[str | int, ...]) -> Any:
    exact = [value for value in values if not str(value).endswith("*")]
    found = [table[column].isin(exact)] if exact else []
    found += [table[column].startswith(str(value)[:-1]) for value in values if str(value).endswith("*")]
    return reduce(or_, found)


def _filled(families: list[Family], whole: Any) -> Iterator[tuple[str, Any]]:
    for family in families:
        if family.aggregate in ("count", "any", "total", "distinct", "repeated"):
            for _, _, name in columns(family):
                filled = whole[name].fill_null(0)
                seen = whole[f"{family.source} seen"]
                yield name, filled if family.never == "zero" else (seen > 0).ifelse(filled, ibis.null())


def _shares(catalogue: Catalogue, families: list[Family], whole: Any) -> Iterator[tuple[str, Any]]:
    for family in families:
        if family.of:
            for name, top, bottom in parts(catalogue, family):
                yield name, whole[top].cast("float64") / whole[bottom].nullif(0)
