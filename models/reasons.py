"""Reasons as sentences: what in the record raised or lowered the estimate, in Finnish, Swedish and English.

A reason is a group of features that a clinician calls one thing. Its weight is the sum of the features'
contributions to one margin, in log-odds; all groups and the base add up to the margin. The sentence names the
feature of the group that weighed most in the group's direction, with the patient's own number; one that is recorded
rather than one that is not. One patient and a million take the same way: `strongest` finds the groups and the features,
`sentences` says them, each different sentence once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.families import LANGUAGES, Feature, Label, Language

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_WEIGHT = 0.02
"""Log-odds below which a group is not worth a sentence: it moves a probability by at most half a percentage point."""
MOST = 3
"""Reasons that matter; more are not read."""
BLOCK = 4096
"""Rows whose features are compared in memory at a time."""

DAYS_A_MONTH = 30.4375
DAYS_A_YEAR = 365.25

RAISES = Label(
    "lisää arvioitua hoidon tarvetta", "ökar det uppskattade vårdbehovet", "raises the estimated need for care"
)
LOWERS = Label(
    "vähentää arvioitua hoidon tarvetta", "minskar det uppskattade vårdbehovet", "lowers the estimated need for care"
)
WITHIN: Mapping[str, Label] = {
    "m6": Label("6 kk:n aikana", "under 6 månader", "in 6 months"),
    "m12": Label("12 kk:n aikana", "under 12 månader", "in 12 months"),
    "m24": Label("24 kk:n aikana", "under 24 månader", "in 24 months"),
    "m36": Label("36 kk:n aikana", "under 36 månader", "in 36 months"),
    "m60": Label("5 vuoden aikana", "under 5 år", "in 5 years"),
    "ever": Label("", "", ""),
}
NOTHING = Label("ei kirjattua tietoa", "ingen uppgift", "nothing recorded")
YES = Label("kyllä", "ja", "yes")
NO = Label("ei", "nej", "no")
YES_OR_NO = ("attribute", "any")
"""Aggregates whose values are 1 and 0 for yes and no."""
ASKED_YES_OR_NO = ("smoking", "diabetes")
"""Questions whose answers are."""
DAY = Label("pv", "dag", "day")
UNITS: Mapping[str, Label] = {
    "min": Label("min", "min", "min"),
    "y": Label("v", "år", "years"),
    "1/y": Label("vuodessa", "per år", "a year"),
    "": Label("", "", ""),
    "days": Label("pv", "dagar", "days"),
    "months": Label("kk", "månader", "months"),
}


@dataclass(frozen=True)
class Reason:
    """One group of features and how it moved the margin.

    Attributes:
        group: the reason group.
        weight: log-odds; above zero raises the estimate.
        feature: the feature that the sentence names.
        modifiable: whether a person can change what that feature measures.
        text: the sentence.
    """

    group: str
    weight: float
    feature: str
    modifiable: bool
    text: Label

    @property
    def direction(self) -> str:
        """`raises` or `lowers`."""
        return "raises" if self.weight > 0 else "lowers"


@dataclass(frozen=True)
class Strongest:
    """The groups that matter most for n patients, strongest first.

    Attributes:
        names: all groups of the catalogue.
        group: positions in `names`, shape (n, most).
        weight: log-odds of the groups, the same shape; those below `LEAST_WEIGHT` are not worth a sentence.
        feature: position of the feature that a sentence names, the same shape.
        value: the patient's value of it, the same shape.
    """

    names: tuple[str, ...]
    group: Ints
    weight: Floats
    feature: Ints
    value: Floats


def group_weights(catalogue: Catalogue, contributions: Floats) -> dict[str, float]:
    """Sum one row's contributions (one a feature, without the base) by reason group."""
    groups = _groups(catalogue)
    return dict(zip(groups.names, groups.sums(contributions[None])[0].tolist(), strict=True))


def strongest(catalogue: Catalogue, values: Floats, contributions: Floats, most: int = MOST) -> Strongest:
    """Find the groups that matter most, and the feature to name in each.

    Args:
        catalogue: what the columns mean.
        values: feature values, shape (n, features).
        contributions: to one margin of each row, without the base, the same shape.
        most: how many groups; fewer where the catalogue has fewer.
    """
    groups = _groups(catalogue)
    most = min(most, len(groups.names))
    group, feature = np.empty((2, len(values), most), np.int64)
    weight = np.empty((len(values), most))
    for first in range(0, len(values), BLOCK):
        rows = slice(first, first + BLOCK)
        sums = groups.sums(contributions[rows])
        group[rows] = np.argsort(-np.abs(sums), axis=1, kind="stable")[:, :most]
        weight[rows] = np.take_along_axis(sums, group[rows], 1)
        for at in range(most):
            mine = groups.place == group[rows, at, None]
            pushes = np.where(mine, contributions[rows] * np.sign(weight[rows, at, None]), -np.inf)
            feature[rows, at] = _named(pushes, values[rows])
    return Strongest(groups.names, group, weight, feature, np.take_along_axis(values, feature, 1))


def sentences(catalogue: Catalogue, found: Strongest, language: Language) -> NDArray[np.object_]:
    """The sentence of each reason, shape (n, most); None where the group is not worth one."""
    said = np.full(found.group.shape, None, object)
    rising = found.weight > 0
    said_at = found.feature * 2 + rising
    worth = np.abs(found.weight) >= LEAST_WEIGHT
    for key in np.unique(said_at[worth]).tolist():
        rows = worth & (said_at == key)
        values, place = np.unique(found.value[rows], return_inverse=True)
        feature = catalogue.features[key // 2]
        texts = [_sentence(feature, value, language, rises=bool(key % 2)) for value in values.tolist()]
        said[rows] = np.array(texts, object)[place]
    return said


def reasons(catalogue: Catalogue, values: Floats, contributions: Floats, most: int = MOST) -> list[Reason]:
    """The groups that matter most for one patient, strongest first.

    Args:
        catalogue: what the columns mean.
        values: the patient's feature values, shape (features,).
        contributions: contributions to one margin, shape (features,), without the base.
        most: how many reasons at the most; groups under `LEAST_WEIGHT` are left out.
    """
    return list(_reasons(catalogue, strongest(catalogue, values[None], contributions[None], most)))


def apart(found: Sequence[Reason]) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """Reasons that a person can change, and those that nobody can, each in their order."""
    return tuple(one for one in found if one.modifiable), tuple(one for one in found if not one.modifiable)


def _reasons(catalogue: Catalogue, found: Strongest) -> Iterator[Reason]:
    columns = (found.group[0], found.weight[0], found.feature[0], found.value[0])
    for group, weight, at, value in zip(*(column.tolist() for column in columns), strict=True):
        if abs(weight) >= LEAST_WEIGHT:
            feature = catalogue.features[at]
            texts = {language: _sentence(feature, value, language, rises=weight > 0) for language in LANGUAGES}
            yield Reason(found.names[group], weight, feature.name, feature.modifiable, Label(**texts))


@dataclass(frozen=True)
class _Groups:
    """The reason groups of a catalogue, by name: where each feature belongs, and the features in the groups' order."""

    names: tuple[str, ...]
    place: Ints
    order: Ints
    starts: Ints

    def sums(self, contributions: Floats) -> Floats:
        """Sums of each row's contributions by group, shape (n, groups)."""
        return np.asarray(np.add.reduceat(np.take(contributions, self.order, axis=1), self.starts, axis=1))


@lru_cache(maxsize=8)
def _groups(catalogue: Catalogue) -> _Groups:
    about = [feature.about for feature in catalogue]
    names = tuple(sorted(set(about)))
    place = np.array([names.index(name) for name in about])
    order = np.argsort(place, kind="stable")
    return _Groups(names, place, order, np.searchsorted(place[order], np.arange(len(names))))


def _named(pushes: Floats, values: Floats) -> Ints:
    """The member that pushed most; one with a value rather than one without, unless it pushed less than half."""
    best = pushes.argmax(1)
    half = np.take_along_axis(pushes, best[:, None], 1) / 2
    recorded = np.where(~np.isnan(values) & (pushes >= half), pushes, -np.inf)
    return np.asarray(np.where(np.isneginf(recorded).all(1), best, recorded.argmax(1)), np.int64)


def _sentence(feature: Feature, value: float, language: Language, *, rises: bool) -> str:
    window = WITHIN[feature.window][language]
    subject = f"{feature.label(language)} {window}".rstrip()
    moves = (RAISES if rises else LOWERS)[language]
    return f"{subject}: {shown(value, feature, language)} – {moves}."  # noqa: RUF001 - the dash is typography


def shown(value: float, feature: Feature, language: Language) -> str:
    """A value as a person reads it: with its unit, long times in months or years, a decimal comma in fi and sv."""
    unit = feature.family.unit
    if np.isnan(value):
        return NOTHING[language]
    if _yes_or_no(feature):
        return (YES if value else NO)[language]
    if unit == "d":
        return _duration(value, language)
    if unit == "%":
        return f"{_number(100 * value, 0, language)}{'%' if language == 'en' else ' %'}"
    places = 0 if float(value).is_integer() else 1
    return f"{_number(value, places, language)} {UNITS[unit][language]}".rstrip()


def _yes_or_no(feature: Feature) -> bool:
    family = feature.family
    return family.aggregate in YES_OR_NO or (family.source == "answers" and feature.level in ASKED_YES_OR_NO
                                             and family.aggregate == "last")  # fmt: skip


def _duration(days: float, language: Language) -> str:
    if days == 1:
        return f"1 {DAY[language]}"
    if days < 2 * DAYS_A_MONTH:
        return f"{_number(days, 0, language)} {UNITS['days'][language]}"
    if days < 2 * DAYS_A_YEAR:
        return f"{_number(days / DAYS_A_MONTH, 0, language)} {UNITS['months'][language]}"
    return f"{_number(days / DAYS_A_YEAR, 1, language)} {UNITS['y'][language]}"


def _number(value: float, places: int, language: Language) -> str:
    text = f"{value:.{places}f}"
    return text if language == "en" else text.replace(".", ",").replace("-", "\u2212")
