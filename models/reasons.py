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
from math import isnan

import numpy as np
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.compiled import ANY_ROWS, compiled
from features.families import LANGUAGES, Feature, Label, Language

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_WEIGHT = 0.02
"""Log-odds below which a group is not worth a sentence: it moves a probability by at most half a percentage point."""
MOST = 3
"""Reasons that matter; more are not read."""

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
ENDS: Mapping[Language, tuple[str, str]] = {
    language: (f" – {LOWERS[language]}.", f" – {RAISES[language]}.")  # noqa: RUF001 - the dash is typography
    for language in LANGUAGES
}
"""How a sentence ends, by whether the estimate rises."""
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
    sums = groups.sums(contributions)
    group = np.argsort(-np.abs(sums), axis=1, kind="stable")[:, :most]
    weight, feature, value = np.empty(group.shape), np.empty(group.shape, np.int64), np.empty(group.shape)
    _name(sums, values, contributions, groups.order, groups.starts, group, weight, feature, value)
    return Strongest(groups.names, group, weight, feature, value)


def sentences(catalogue: Catalogue, found: Strongest, language: Language) -> NDArray[np.object_]:
    """The sentence of each reason, shape (n, most); None where the group is not worth one."""
    said = np.full(found.group.shape, None, object)
    rising = found.weight > 0
    said_at = found.feature * 2 + rising
    worth = np.abs(found.weight) >= LEAST_WEIGHT
    for key in np.unique(said_at[worth]).tolist():
        rows = worth & (said_at == key)
        values, place = np.unique(found.value[rows], return_inverse=True)
        wording = _wordings(catalogue)[key // 2]
        texts = [wording.sentence(value, language, rises=bool(key % 2)) for value in values.tolist()]
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
    columns, wordings = (found.group[0], found.weight[0], found.feature[0], found.value[0]), _wordings(catalogue)
    for group, weight, at, value in zip(*(column.tolist() for column in columns), strict=True):
        if abs(weight) >= LEAST_WEIGHT:
            wording = wordings[at]
            text = Label(*[wording.sentence(value, language, rises=weight > 0) for language in LANGUAGES])
            yield Reason(found.names[group], weight, wording.feature.name, wording.modifiable, text)


@dataclass(frozen=True)
class _Groups:
    """The reason groups of a catalogue, by name: the features in the groups' order, and where each group starts."""

    names: tuple[str, ...]
    order: Ints
    starts: Ints

    def sums(self, contributions: Floats) -> Floats:
        """Sums of each row's contributions by group, shape (n, groups)."""
        return np.asarray(np.add.reduceat(np.take(contributions, self.order, axis=1), self.starts[:-1], axis=1))


@lru_cache(maxsize=8)
def _groups(catalogue: Catalogue) -> _Groups:
    about = [feature.about for feature in catalogue]
    names = tuple(sorted(set(about)))
    place = np.array([names.index(name) for name in about])
    order = np.argsort(place, kind="stable")
    return _Groups(names, order, np.searchsorted(place[order], np.arange(len(names) + 1)))


@compiled(f"void(f8[:, ::1], {ANY_ROWS}, {ANY_ROWS}, i8[::1], i8[::1], i8[:, :], f8[:, ::1], i8[:, ::1], f8[:, ::1])")
def _name(  # noqa: PLR0917 - compiled code takes plain arrays
    sums: Floats, values: Floats, contributions: Floats, order: Ints, starts: Ints, group: Ints, weight: Floats,
    feature: Ints, value: Floats,
) -> None:  # fmt: skip
    """Find the member of each group that pushed most its way; one with a value unless it pushed less than half."""
    for row in range(len(group)):
        for at in range(group.shape[1]):
            mine = group[row, at]
            members = order[starts[mine] : starts[mine + 1]]
            weight[row, at] = sums[row, mine]
            sign = np.sign(weight[row, at])
            best, most, named, push = members[0], -np.inf, -1, -np.inf
            for member in members:
                if contributions[row, member] * sign > most:
                    best, most = member, contributions[row, member] * sign
            for member in members:
                mine_too = contributions[row, member] * sign
                if not np.isnan(values[row, member]) and mine_too >= most / 2 and mine_too > push:
                    named, push = member, mine_too
            feature[row, at] = best if named < 0 else named
            value[row, at] = values[row, feature[row, at]]


@dataclass(frozen=True)
class _Wording:
    """What all sentences about one feature have in common.

    Attributes:
        feature: the feature.
        modifiable: whether a person can change what it measures.
        subject: how they begin, by language.
    """

    feature: Feature
    modifiable: bool
    subject: Mapping[Language, str]

    def sentence(self, value: float, language: Language, *, rises: bool) -> str:
        return f"{self.subject[language]}: {shown(value, self.feature, language)}{ENDS[language][rises]}"


@lru_cache(maxsize=8)
def _wordings(catalogue: Catalogue) -> tuple[_Wording, ...]:
    return tuple(_Wording(feature, feature.modifiable, _subject(feature)) for feature in catalogue)


def _subject(feature: Feature) -> Mapping[Language, str]:
    return {
        language: f"{feature.label(language)} {WITHIN[feature.window][language]}".rstrip() for language in LANGUAGES
    }


def shown(value: float, feature: Feature, language: Language) -> str:
    """A value as a person reads it: with its unit, long times in months or years, a decimal comma in fi and sv."""
    unit = feature.family.unit
    if isnan(value):
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
