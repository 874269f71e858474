"""Polars, lazily: one query a table, every feature an expression in one grouping by moment.

Grouping once by moment beats folding (grouping by moment and level, then turning levels into columns) for all but the
aggregates of different values, which are folded.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import and_
from pathlib import Path

import polars as pl

from benchmarks.engines import columns, expressed, parts
from features.catalogue import Catalogue
from features.families import EPISODE_GAP, Family
from records.codes import NEED_GROUPS, RECALLS

HELSINKI = "Europe/Helsinki"
FOLDED = ("repeated", "usual")
EVERY = pl.col("age") >= 0


def run(catalogue: Catalogue, folder: Path, moments: Path, out: Path) -> None:
    """Compute the matrix."""
    asked = pl.read_parquet(moments).with_columns(today=_day("as_of"))
    families = expressed(catalogue)
    sources = dict.fromkeys(family.source for family in families if family.source != "patients")
    by_source = [[family for family in families if family.source == source] for source in sources]
    found = [_of_patients(families, folder, asked), *(_of_events(some, folder, asked) for some in by_source)]
    tables = pl.collect_all(found)
    whole = reduce(lambda one, other: one.join(other, on="row", how="left", maintain_order="left"), tables)
    whole = whole.with_columns(_filled(families)).with_columns(_shares(catalogue, families))
    names = [name for family in families for _, _, name in columns(family)]
    whole.sort("row").select(pl.col(names).cast(pl.Float64)).write_parquet(out)


def _day(column: str) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone(HELSINKI).dt.date()


def _of_patients(families: list[Family], folder: Path, asked: pl.DataFrame) -> pl.LazyFrame:
    people = pl.scan_parquet(folder / "patients.parquet").select("patient_id", "birth_date", "special_needs")
    today, born = pl.col("today"), pl.col("birth_date")
    today_in_year, born_in_year = (day.dt.month().cast(pl.Int32) * 32 + day.dt.day() for day in (today, born))
    made = {
        family.name: today.dt.year() - born.dt.year() - (today_in_year < born_in_year).cast(pl.Int32)
        if family.aggregate == "age"
        else pl.col(family.measure or "").fill_null(value=False).cast(pl.Int8)
        for family in families
        if family.source == "patients"
    }
    return asked.lazy().join(people, on="patient_id", how="left").select("row", **made)


def _of_events(families: list[Family], folder: Path, asked: pl.DataFrame) -> pl.LazyFrame:
    source = families[0].source
    seen = (
        pl.scan_parquet(folder / f"{source}.parquet")
        .join(asked.lazy(), on="patient_id", maintain_order="left")
        .filter((pl.col("event_time") < pl.col("as_of")) & (pl.col("recorded_at") < pl.col("as_of")))
        .with_columns(age=(pl.col("today") - _day("event_time")).dt.total_days().cast(pl.Int32))
        .with_columns(**_derived(source))
    )
    if source == "visits":
        seen = seen.with_columns(gap=pl.col("age").shift().over("row") - pl.col("age"))
        seen = seen.with_columns(starts_episode=(pl.col("gap").is_null() | (pl.col("gap") > EPISODE_GAP)).cast(pl.Int8))
    flat = [expression for family in families if family.aggregate not in FOLDED for expression in _flat(family)]
    found = seen.group_by("row").agg(pl.len().alias(f"{source} seen"), *flat)
    for family in families:
        if family.aggregate in FOLDED:
            found = found.join(_folded(family, seen), on="row", how="left")
    return found


def _derived(source: str) -> dict[str, pl.Expr]:
    if source != "procedures":
        return {}
    return {
        "group": pl.col("code").map_batches(_group, return_dtype=pl.Categorical),
        "recall": pl.col("code").replace_strict(RECALLS, default=None, return_dtype=pl.Int32),
        "surface_count": pl.col("surfaces").str.len_chars().replace(0, None),
    }


def _group(codes: pl.Series) -> pl.Series:
    different = codes.unique().drop_nulls().to_list()
    return codes.replace_strict({code: NEED_GROUPS.group(code) for code in different}, default=None).cast(
        pl.Categorical
    )


def _passes(family: Family, level: str | None, days: int | None) -> pl.Expr:
    masks = [_among(column, values) for column, values in family.where]
    if level is not None:
        masks.append(pl.col(family.by or "") == level)
    if days is not None:
        masks.append(pl.col("age") <= days)
    return reduce(and_, masks) if masks else EVERY


def _among(column: str, values: tuple[str | int, ...]) -> pl.Expr:
    exact = [value for value in values if not str(value).endswith("*")]
    found = [pl.col(column) == value for value in exact] if column == "group" else [pl.col(column).is_in(exact)]
    found += [pl.col(column).str.starts_with(str(value)[:-1]) for value in values if str(value).endswith("*")]
    return reduce(lambda one, other: one | other, found)


def _flat(family: Family) -> Iterator[pl.Expr]:
    if family.aggregate == "share":
        return
    for level, days, name in columns(family):
        yield _aggregate(family, _passes(family, level, days)).alias(name)


def _aggregate(family: Family, passes: pl.Expr) -> pl.Expr:  # noqa: C901, PLR0911 - one case an aggregate
    value, age = pl.col(family.measure or "age"), pl.col("age")
    kept = value.filter(passes)
    match family.aggregate:
        case "count":
            return ((passes & value.is_not_null()) if family.measure else passes).cast(pl.Int32).sum()
        case "any":
            return passes.any().cast(pl.Int8)
        case "total":
            return kept.sum()
        case "distinct":
            return kept.drop_nulls().n_unique()
        case "since":
            return age.filter(passes).min()
        case "oldest":
            return age.filter(passes).max()
        case "last":
            return kept.drop_nulls().last()
        case "highest":
            return kept.max()
        case "lowest":
            return kept.min()
        case "mean":
            return kept.sum() / kept.count()
    known = passes & value.is_not_null()
    x, y = age.filter(known).cast(pl.Int64), value.filter(known).cast(pl.Int64)
    n = known.sum().cast(pl.Int64)
    below = n * (x * x).sum() - x.sum() * x.sum()
    top = 365 * (x.sum() * y.sum() - n * (x * y).sum())
    return pl.when(below != 0).then(top / below)


def _folded(family: Family, seen: pl.LazyFrame) -> pl.LazyFrame:
    measure, passes = family.measure or "", _passes(family, None, None)
    kept = seen.filter(passes & pl.col(measure).is_not_null())
    windows = [(name, pl.col("age") <= days if days is not None else EVERY) for _, days, name in columns(family)]
    if family.aggregate == "repeated":
        second = pl.col("age").unique().bottom_k(2).max().filter(pl.col("age").n_unique() > 1)
        again = kept.group_by("row", measure).agg(age=second.first()).drop_nulls("age")
        return again.group_by("row").agg(mask.sum().alias(name) for name, mask in windows)
    each = kept.group_by("row", measure).agg(mask.sum().alias(name) for name, mask in windows)
    return each.group_by("row").agg(
        pl.when(pl.col(name).sum() > 0).then(pl.col(name).max() / pl.col(name).sum()).alias(name) for name, _ in windows
    )


def _filled(families: list[Family]) -> Iterator[pl.Expr]:
    """Zero where nothing is counted; missing where nothing was ever seen, for families that say so."""
    for family in families:
        if family.aggregate in ("count", "any", "total", "distinct", "repeated"):
            zero = (
                pl.lit(0) if family.never == "zero" else pl.when(pl.col(f"{family.source} seen").is_not_null()).then(0)
            )
            yield from (pl.col(name).fill_null(zero).alias(name) for _, _, name in columns(family))


def _shares(catalogue: Catalogue, families: list[Family]) -> Iterator[pl.Expr]:
    for family in families:
        if family.of:
            for name, top, bottom in parts(catalogue, family):
                yield pl.when(pl.col(bottom) != 0).then(pl.col(top) / pl.col(bottom)).alias(name)
