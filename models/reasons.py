"""Reasons as sentences: what in the record raised or lowered the estimate, in Finnish, Swedish and English.

A reason is a group of features that a clinician calls one thing. Its weight is the sum of the features'
contributions to one margin, in log-odds; all groups and the base add up to the margin. The sentence names the
feature of the group that weighed most in the group's direction, with the patient's own number; one that is recorded
rather than one that is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.families import LANGUAGES, Feature, Label, Language

Floats = NDArray[np.float64]

LEAST_WEIGHT = 0.02
"""Log-odds below which a group is not worth a sentence: it moves a probability by at most half a percentage point."""

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


def group_weights(catalogue: Catalogue, contributions: Floats) -> dict[str, float]:
    """Sum one row's contributions (one a feature, without the base) by reason group."""
    weights: dict[str, float] = {}
    for feature, weight in zip(catalogue, contributions.tolist(), strict=True):
        weights[feature.about] = weights.get(feature.about, 0.0) + weight
    return weights


def reasons(catalogue: Catalogue, values: Floats, contributions: Floats, most: int = 3) -> list[Reason]:
    """The groups that matter most for one patient, strongest first.

    Args:
        catalogue: what the columns mean.
        values: the patient's feature values, shape (features,).
        contributions: contributions to one margin, shape (features,), without the base.
        most: how many reasons at the most; groups under `LEAST_WEIGHT` are left out.
    """
    weights = group_weights(catalogue, contributions)
    strongest = sorted(weights, key=lambda group: (-abs(weights[group]), group))[:most]
    return [
        _reason(catalogue, group, weights[group], values, contributions)
        for group in strongest
        if abs(weights[group]) >= LEAST_WEIGHT
    ]


def _reason(catalogue: Catalogue, group: str, weight: float, values: Floats, contributions: Floats) -> Reason:
    members = [at for at, feature in enumerate(catalogue) if feature.about == group]
    named = _named(members, values, contributions * np.sign(weight))
    feature = catalogue.features[named]
    texts = {language: _sentence(feature, float(values[named]), weight, language) for language in LANGUAGES}
    return Reason(group, weight, feature.name, feature.modifiable, Label(**texts))


def _named(members: list[int], values: Floats, pushes: Floats) -> int:
    """The member that pushed most; one with a value rather than one without, unless it pushed less than half."""
    strongest = max(members, key=lambda at: pushes[at])
    recorded = [at for at in members if not np.isnan(values[at]) and pushes[at] >= pushes[strongest] / 2]
    return max(recorded, key=lambda at: pushes[at], default=strongest)


def _sentence(feature: Feature, value: float, weight: float, language: Language) -> str:
    window = WITHIN[feature.window][language]
    subject = f"{feature.label(language)} {window}".rstrip()
    moves = (RAISES if weight > 0 else LOWERS)[language]
    return f"{subject}: {shown(value, feature, language)} – {moves}."  # noqa: RUF001 - the dash is typography


def shown(value: float, feature: Feature, language: Language) -> str:
    """A value as a person reads it: with its unit, long times in months or years, a decimal comma in fi and sv."""
    unit = feature.family.unit
    if np.isnan(value):
        return NOTHING[language]
    if feature.family.aggregate == "attribute":
        return (YES if value else NO)[language]
    if unit == "d":
        return _duration(value, language)
    if unit == "%":
        return f"{_number(100 * value, 0, language)}{'%' if language == 'en' else ' %'}"
    places = 0 if float(value).is_integer() else 1
    return f"{_number(value, places, language)} {UNITS[unit][language]}".rstrip()


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
