"""pandas: events are grouped once by moment, level and window, and the windows are summed up afterwards.

One grouping answers all levels and windows of a family; texts are categories, so that comparing them is cheap.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.engines import columns, expressed, parts
from features.catalogue import Catalogue
from features.families import EPISODE_GAP, WINDOWS, Family
from features.plan import plan_of
from records.codes import NEED_GROUPS, RECALLS

HELSINKI = "Europe/Helsinki"
EDGES = sorted(days for days in WINDOWS.values() if days is not None)
Frame = Any


def run(catalogue: Catalogue, folder: Path, moments: Path, out: Path) -> None:
    """Compute the matrix."""
    asked = pd.read_parquet(moments)
    asked["today"] = _day(asked["as_of"])
    families = expressed(catalogue)
    found: dict[str, Any] = {}
    for source in dict.fromkeys(family.source for family in families if family.source != "patients"):
        stored = ["patient_id", *plan_of(catalogue).columns[source]]
        seen = _seen(source, folder / f"{source}.parquet", stored, asked)
        counts = seen.groupby("row").size()
        for family in families:
            if family.source == source and family.of is None:
                for name, column in _columns(family, seen):
                    found[name] = _filled(family, column.reindex(asked["row"]), counts)
    matrix = pd.DataFrame(found, index=asked["row"]).assign(**_of_patients(families, folder, asked))
    for family in families:
        for name, top, bottom in parts(catalogue, family) if family.of else ():
            matrix[name] = matrix[top] / matrix[bottom].where(matrix[bottom] != 0)
    names = [name for family in families for _, _, name in columns(family)]
    matrix[names].astype("float64").to_parquet(out, index=False, compression="zstd")


def _day(instants: Frame) -> Frame:
    return instants.dt.tz_convert(HELSINKI).dt.tz_localize(None).dt.floor("D")


def _of_patients(families: list[Family], folder: Path, asked: Frame) -> dict[str, Any]:
    people = pd.read_parquet(folder / "patients.parquet", columns=["patient_id", "birth_date", "special_needs"])
    both = asked[["patient_id", "today"]].merge(people, on="patient_id", how="left")
    born, today = pd.to_datetime(both["birth_date"]).dt, both["today"].dt
    age = today.year - born.year - (today.month * 32 + today.day < born.month * 32 + born.day)
    return {
        family.name: (age if family.aggregate == "age" else both[family.measure].fillna(value=False)).to_numpy()
        for family in families
        if family.source == "patients"
    }


def _seen(source: str, path: Path, stored: list[str], asked: Frame) -> Frame:
    texts = [field.name for field in pq.read_schema(path) if field.type == "string" and field.name != "patient_id"]
    events = pq.read_table(path, columns=stored, read_dictionary=[text for text in texts if text in stored]).to_pandas()
    seen = events.merge(asked, on="patient_id")
    seen = seen[(seen["event_time"] < seen["as_of"]) & (seen["recorded_at"] < seen["as_of"])]
    seen = seen.sort_values("row", kind="stable").drop(columns=["patient_id", "recorded_at", "as_of"])
    seen["age"] = (seen["today"] - _day(seen["event_time"])).dt.days.astype("int32")
    seen["bucket"] = np.searchsorted(EDGES, seen["age"])
    if source == "procedures":
        code, surfaces = seen["code"].astype("category"), seen["surfaces"]
        seen["group"] = code.map({each: NEED_GROUPS.group(each) for each in code.cat.categories}).astype("category")
        seen["recall"] = code.map(RECALLS).astype("float64")
        seen["surface_count"] = surfaces.astype("string").str.len().astype("float64").replace(0, np.nan)
    if source == "visits":
        seen["gap"] = seen["age"].groupby(seen["row"]).shift() - seen["age"]
        seen["starts_episode"] = (seen["gap"].isna() | (seen["gap"] > EPISODE_GAP)).astype("int8")
    return seen


def _columns(family: Family, seen: Frame) -> Iterator[tuple[str, Any]]:
    mask = np.ones(len(seen), bool)
    for column, values in family.where:
        mask &= _among(seen[column], values).to_numpy()
    if family.measure:
        mask &= seen[family.measure].notna().to_numpy()
    if family.by:
        mask &= seen[family.by].isin(list(family.levels or ())).to_numpy()
    names = list(dict.fromkeys(["row", "age", "bucket", *(name for name in (family.measure, family.by) if name)]))
    kept = seen.loc[mask, names]
    if family.by:
        kept[family.by] = kept[family.by].astype("category").cat.set_categories(list(family.levels or ()))
    for (level, bucket), column in _aggregated(family, kept).items():
        for each, days, name in columns(family):
            if each == level and (len(EDGES) if days is None else EDGES.index(days)) == bucket:
                yield name, column


def _among(column: Frame, values: tuple[str | int, ...]) -> Frame:
    exact = [value for value in values if not str(value).endswith("*")]
    if len(exact) < len(values):
        starts = tuple(str(value)[:-1] for value in values if str(value).endswith("*"))
        exact += [each for each in column.astype("category").cat.categories if each.startswith(starts)]
    return column.isin(exact)


def _aggregated(family: Family, kept: Frame) -> dict[tuple[str | None, int], Any]:  # noqa: PLR0911 - one case each
    """Columns by level and number of the window."""
    value = family.measure or "age"
    match family.aggregate:
        case "count" | "any":
            n = _widened(family, kept, kept["age"].gt(-1).astype("int64"), "sum")
            return {
                key: (column > 0).where(column.notna()) if family.aggregate == "any" else column
                for key, column in n.items()
            }
        case "total":
            return _widened(family, kept, kept[value], "sum")
        case "mean":
            n = _widened(family, kept, kept["age"].gt(-1).astype("int64"), "sum")
            return {key: y / n[key] for key, y in _widened(family, kept, kept[value], "sum").items()}
        case "slope":
            return _slope(family, kept)
        case "highest" | "lowest":
            return _widened(family, kept, kept[value], "max" if family.aggregate == "highest" else "min")
        case "since" | "oldest" | "last":
            ever = len(EDGES)
            keys = _keys(family)
            rows = kept.drop_duplicates(keys, keep="first" if family.aggregate == "oldest" else "last")
            column = rows.set_index(keys)["age" if family.aggregate != "last" else value]
            return {(level, ever): each for level, each in _levels(family, column)}
    return _by_value(family, kept)


def _keys(family: Family) -> list[str]:
    return ["row", family.by] if family.by else ["row"]


def _levels(family: Family, column: Frame) -> Iterator[tuple[str | None, Any]]:
    if family.by is None:
        yield None, column
        return
    wide = column.unstack(family.by)
    yield from ((level, wide[level]) for level in family.levels or () if level in wide)


def _widened(family: Family, kept: Frame, weight: Frame, how: str) -> dict[tuple[str | None, int], Any]:
    keys = [kept[key] for key in (*_keys(family), "bucket")]
    found = weight.groupby(keys, observed=True).agg(how)
    wide = found.unstack("bucket").reindex(columns=range(len(EDGES) + 1))
    wide = wide.fillna(0).cumsum(axis=1) if how == "sum" else getattr(wide.T.ffill(), f"cum{how}")().T
    return {(level, bucket): each for bucket in wide for level, each in _levels(family, wide[bucket])}


def _slope(family: Family, kept: Frame) -> dict[tuple[str | None, int], Any]:
    x, y = kept["age"].astype("int64"), kept[family.measure].astype("int64")
    weights = {"n": x * 0 + 1, "x": x, "y": y, "xy": x * y, "xx": x * x}
    sums = {name: _widened(family, kept, weight, "sum") for name, weight in weights.items()}
    found = {}
    for key in sums["n"]:
        n, sx, sy, sxy, sxx = (sums[name][key] for name in weights)
        below = n * sxx - sx * sx
        found[key] = 365 * (sx * sy - n * sxy) / below.where(below != 0)
    return found


def _by_value(family: Family, kept: Frame) -> dict[tuple[str | None, int], Any]:
    keys = ["row", family.measure]
    if family.aggregate == "usual":
        each = _widened(family, kept.assign(age=0), kept["age"].gt(-1).astype("int64"), "sum")
        n = {bucket: column for (_, bucket), column in each.items()}
        counts = kept.groupby([*keys, "bucket"], observed=True).size().unstack("bucket")
        counts = counts.reindex(columns=range(len(EDGES) + 1)).fillna(0).cumsum(axis=1)
        most = counts.groupby(level="row").max()
        return {(None, bucket): most[bucket] / n[bucket].where(n[bucket] > 0) for bucket in most}
    dated = kept.sort_values([*keys, "age"]).drop_duplicates([*keys, "age"])
    nth = dated[dated.groupby(keys, observed=True).cumcount() == (family.aggregate == "repeated")]
    return _widened(family, nth, nth["age"].gt(-1).astype("int64"), "sum")


def _filled(family: Family, column: Frame, counts: Frame) -> Frame:
    if family.aggregate not in ("count", "any", "total", "distinct", "repeated"):
        return column
    filled = column.fillna(0)
    return filled if family.never == "zero" else filled.where(filled.index.isin(counts.index))
