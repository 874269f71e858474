"""Whether the answer has leaked into the question: checks that look for it from several sides.

- *Known time*: features of real moments are computed a second time from a history cut off at each moment. Anything
  that differs has seen what was not known yet.
- *Inputs*: the columns that a catalogue reads, to be held against those that must never be read.
- *Contract*: what every file of examples must satisfy, and every split of it.
- *Permutation*: training on needs that were dealt out to other patients must find nothing.
- *Strongest feature*: one feature that alone ranks as well as the best published models is no feature.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.evaluate import Moments, evaluate
from models.estimators import Estimator
from records.history import History
from training.scores import auroc

if TYPE_CHECKING:
    from training.compare import Split

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SAMPLED = 200
"""Moments of each block that are computed a second time."""
PERMUTED_ROWS = 20_000
"""At most so many rows are learnt from with needs dealt out anew."""


@dataclass(frozen=True)
class KnownTime:
    """How many moments were computed a second time, and which features differed then."""

    checked: int
    differing: tuple[str, ...]

    @classmethod
    def none(cls) -> KnownTime:
        """Nothing checked yet."""
        return cls(0, ())

    def __add__(self, other: KnownTime) -> KnownTime:
        return KnownTime(self.checked + other.checked, tuple(sorted({*self.differing, *other.differing})))

    def said(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"checked": self.checked, "differing": list(self.differing)}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> KnownTime:
        """From what `said` gave."""
        return cls(int(said["checked"]), tuple(said["differing"]))


def known_time(catalogue: Catalogue, history: History, moments: Moments, sampled: int = SAMPLED) -> KnownTime:
    """Compute features of some moments, at most one a patient, with and without what was not known yet."""
    some = _sample(moments, sampled)
    if not len(some.as_of):
        return KnownTime.none()
    whole = evaluate(catalogue, history, some).values
    cut = evaluate(catalogue, cut_off(history, some), some).values
    same = (whole == cut) | (np.isnan(whole) & np.isnan(cut))
    differing = sorted(catalogue.names[at] for at in np.flatnonzero(~same.all(axis=0)))
    return KnownTime(len(some.as_of), tuple(differing))


def _sample(moments: Moments, sampled: int) -> Moments:
    """Moments spread evenly over the patients, the last one of each chosen patient."""
    ids = moments.patient_ids.to_numpy(zero_copy_only=False)
    last = np.flatnonzero(np.append(ids[1:] != ids[:-1], len(ids) > 0))
    chosen = pa.array(last[np.unique(np.linspace(0, len(last) - 1, min(sampled, len(last))).astype(np.int64))])
    return Moments(moments.patient_ids.take(chosen), moments.as_of.take(chosen))


def cut_off(history: History, moments: Moments) -> History:
    """The history of the moments' patients as it was known at each one's moment; one moment a patient."""
    tables = {"patients": _of(history["patients"], moments)}
    for name in history:
        if name == "patients":
            continue
        rows = _of(history[name], moments)
        until = moments.as_of.take(pc.index_in(rows["patient_id"], moments.patient_ids))
        known = pc.and_(pc.less(rows["event_time"], until), pc.less(rows["recorded_at"], until))
        tables[name] = rows.filter(known)
    return History.of(tables)


def _of(rows: pa.Table, moments: Moments) -> pa.Table:
    return rows.filter(pc.is_in(rows["patient_id"], moments.patient_ids)).combine_chunks()


def inputs(catalogue: Catalogue) -> tuple[str, ...]:
    """Every `table.column` that decides a value of the catalogue, sorted."""
    read: set[str] = set()
    for family in catalogue.families:
        named = {"age": "birth_date"}.get(family.aggregate, family.measure)
        columns = [named, family.by, *(column for column, _ in family.where)]
        read |= {f"{family.source}.{column}" for column in columns if column is not None}
    return tuple(sorted(read))


def contract(
    parts: Split, catalogue: Catalogue, horizon_days: int, may_be_empty: Collection[str] = ()
) -> tuple[str, ...]:
    """What is wrong with the examples of a split, as sentences; empty when nothing is.

    `may_be_empty` are columns that may be missing throughout.
    """
    return tuple(_faults(parts, catalogue, horizon_days, may_be_empty))


def _faults(parts: Split, catalogue: Catalogue, horizon_days: int, may_be_empty: Collection[str]) -> Iterator[str]:
    for name, side in (("learn", parts.learn), ("test", parts.test)):
        if side.names != catalogue.names or side.catalogue != catalogue.version:
            yield f"{name}: the columns are not those of catalogue {catalogue.version}"
        if not (np.isfinite(side.visits).all() and (side.visits >= 0).all() and (side.minutes >= 0).all()):
            yield f"{name}: a need is missing or below zero"
        if (side.visits.sum(1) == 0).any():
            yield f"{name}: {int((side.visits.sum(1) == 0).sum())} rows have no visit: nobody came"
        if np.isinf(side.x).any():
            yield f"{name}: a feature is infinite"
        never = [side.names[at] for at in np.flatnonzero(np.isnan(side.x).all(axis=0))]
        empty = [column for column in never if column not in may_be_empty]
        if empty:
            yield f"{name}: {', '.join(empty)} is always missing"
        keys = np.char.add(np.char.add(side.patient_ids, " "), side.as_of.astype(np.str_))
        if len(np.unique(keys)) < len(keys):
            yield f"{name}: {len(keys) - len(np.unique(keys))} moments stand twice"
    shared = len(np.intersect1d(parts.learn.patient_ids, parts.test.patient_ids))
    if shared:
        yield f"{shared} patients are on both sides of the split"
    if parts.learn.as_of.max() + horizon_days * 86_400_000_000 >= parts.test.as_of.min():
        yield "a learnt need was not over before the first test moment"


@dataclass(frozen=True)
class Strongest:
    """The feature that ranks best alone, with its AUROC (0.5 to 1, whichever way it ranks)."""

    feature: str
    auroc: float


def strongest(x: Floats, reached: Bools, names: Sequence[str]) -> Strongest:
    """Look at every feature alone; missing values rank lowest."""
    alone = [auroc(np.nan_to_num(x[:, at], nan=-np.inf), reached) for at in range(x.shape[1])]
    either_way = np.maximum(alone, 1 - np.array(alone))
    best = int(either_way.argmax())
    return Strongest(names[best], float(either_way[best]))


def permuted_auroc(parts: Split, goal: Callable[[Any], Bools], make: Callable[[], Estimator]) -> tuple[float, ...]:
    """AUROC at each threshold when every patient is given another's need, in the learnt and in the tested rows alike.

    About .5 where nothing leaks, for then nothing of a tested patient is known from the learnt rows; above it where
    patients stand on both sides and can be told by their features.

    Args:
        parts: the split.
        goal: whether the need of some rows reached each threshold, shape (n, thresholds).
        make: makes an unfitted estimator that can learn rows by heart.
    """
    rng = np.random.default_rng(1)
    needs = np.concatenate([goal(parts.learn), goal(parts.test)])
    names = np.unique(np.concatenate([parts.learn.patient_ids, parts.test.patient_ids]))
    given = needs[rng.integers(0, len(needs), len(names))]
    learnt, tested = (given[np.searchsorted(names, side.patient_ids)] for side in (parts.learn, parts.test))
    some = rng.permutation(len(parts.learn))[:PERMUTED_ROWS]
    margins = make().fit(parts.learn.x[some], learnt[some]).margins(parts.test.x)
    return tuple(auroc(margins[:, k], tested[:, k]) for k in range(tested.shape[1]))
