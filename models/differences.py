"""What would have to differ for the next lighter segment: a search over what a person can change.

The model itself answers: it is asked about the same patient with other values of the features that the patient or the
clinic can change, each in the direction that anybody would recommend and within what is usual among patients. What it
answers is an association in records of the past. It is no advice: nothing says that changing a value changes the need.
That no such change is found is an answer too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.catalogue import Catalogue
from features.families import LANGUAGES, Feature, Label, Language
from models.need import NeedModel
from models.reasons import WITHIN, shown
from models.segments import Segment, SegmentTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BETTER: Mapping[str, int | Mapping[str, int]] = {
    "no_shows": -1,
    "late_cancels": -1,
    "recalls_kept": 1,
    "found": {"bop": -1, "plaque": -1},
    "tobacco": -1,
    "answer": {"bleeding": -1, "smoking": -1, "brushing": 1},
    # With other times between visits the whole history would be another one: nothing is asked about these.
    "since_visit": 0,
    "since_visit_by": 0,
    "gap_longest": 0,
    "recall_overdue": 0,
}
"""The direction that anybody would recommend, for every feature that can be changed: by family, or by its levels."""

USUAL = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of the patients with a value: what lies outside of them is not proposed."""
LEAST_ROWS = 100
"""With fewer rows a quantile would say something of fewer than five people."""
MOST = 3
"""Differences at the most; with more of them it would be another patient."""

WOULD_BE = Label(
    "Ehdotus olisi ”{segment}”, jos tämä olisi toisin: {differences}. "
    "Tämä on yhteys aiemmissa tiedoissa, ei hoito-ohje.",
    "Förslaget skulle vara ”{segment}” om detta vore annorlunda: {differences}. "
    "Detta är ett samband i tidigare uppgifter, inte ett råd.",
    "The suggestion would be “{segment}” if this were different: {differences}. "
    "This is an association in past records, not advice.",
)
INSTEAD = Label("{what}: {then} (nyt {now})", "{what}: {then} (nu {now})", "{what}: {then} (now {now})")
NOTHING_FOUND = Label(
    "Muutettavissa olevista tiedoista ei löytynyt sellaista, joka tekisi ehdotuksesta kevyemmän.",
    "Bland det som går att påverka hittades inget som skulle göra förslaget lättare.",
    "Nothing was found among what can be changed that would make the suggestion lighter.",
)


@dataclass(frozen=True)
class Difference:
    """One thing that would have to differ: the feature that names it, its value now and what it would be."""

    feature: str
    now: float
    then: float


@dataclass(frozen=True)
class Lighter:
    """What would have to differ for a lighter segment.

    Attributes:
        segment: the segment that would then be suggested; None where nothing was found.
        differences: all that would have to differ together; empty where nothing was found.
        text: that as a sentence.
    """

    segment: Segment | None
    differences: tuple[Difference, ...]
    text: Label


def better(feature: Feature) -> int:
    """The direction that anybody would recommend: 1 more, -1 less, 0 nothing is asked about it."""
    said = BETTER.get(feature.family.name, 0)
    return said if isinstance(said, int) else said.get(feature.level or "", 0)


def usual_values(catalogue: Catalogue, x: Floats) -> dict[str, tuple[float, ...]]:
    """Values of usual patients, for every feature that can be asked about and that enough rows hold."""
    found = {}
    for at, feature in enumerate(catalogue):
        known = x[~np.isnan(x[:, at]), at] if better(feature) else np.empty(0)
        if len(known) >= LEAST_ROWS:
            found[feature.name] = tuple(np.quantile(known, USUAL, method="inverted_cdf").tolist())
    return found


def lighter(
    model: NeedModel, catalogue: Catalogue, segments: SegmentTable, values: Floats, group: str | None = None
) -> Lighter | None:
    """Search for what would have to differ.

    Args:
        model: the model; it must keep the usual values (`NeedModel.ranges`).
        catalogue: what the columns mean.
        segments: the dated table.
        values: the patient's feature values, shape (features,).
        group: site of the patient, for models that are calibrated by it.

    Returns:
        None where the suggestion is the lowest segment already, or the model keeps no usual values.
    """
    search = _Search(model, catalogue, segments, values, group)
    if not model.ranges or search.suggested(values[None])[0] == 0:
        return None
    row = search.run()
    if row is None:
        return Lighter(None, (), NOTHING_FOUND)
    segment = segments.segments[search.suggested(row[None])[0]]
    differences = tuple(search.differences(row))
    return Lighter(segment, differences, Label(**{
        language: _sentence(catalogue, segment, differences, language) for language in LANGUAGES
    }))  # fmt: skip


@dataclass(frozen=True)
class _Search:
    """One patient's search. A thing is a family at one level, whose windows change together."""

    model: NeedModel
    catalogue: Catalogue
    segments: SegmentTable
    values: Floats
    group: str | None

    def run(self) -> Floats | None:
        """The patient's row with as little as possible changed, or None.

        Things are changed one after another, each time the one that lowers the chance most, until one more change is
        enough; of those that are, the smallest is taken, and what has become idle is taken back.
        """
        now, row = self.suggested(self.values[None])[0], self.values
        for _ in range(MOST):
            rows = self.candidates(row)
            enough = np.flatnonzero(self.suggested(rows) < now)
            if len(enough):
                return self.without_idle(rows[min(enough, key=lambda at: (self.size(rows[at]), at))])
            chance = self.at_least(np.vstack([rows, row]))[:, now - 1]
            if chance.argmin() == len(rows):
                return None
            row = rows[chance.argmin()]
        return None

    def at_least(self, x: Floats) -> Floats:
        """Probabilities of needing at least each segment but the first."""
        groups = None if self.group is None else [self.group] * len(x)
        return self.model.calibrator.at_least(self.model.estimator.margins(x), groups)

    def suggested(self, x: Floats) -> Ints:
        """Position of the suggested segment of each row."""
        return self.segments.suggest(self.at_least(x))

    def things(self) -> dict[tuple[str, str | None], list[int]]:
        """Positions of the features of each thing that the patient has a value of and that can be asked about."""
        found: dict[tuple[str, str | None], list[int]] = {}
        for at, feature in enumerate(self.catalogue):
            if feature.name in self.model.ranges and not np.isnan(self.values[at]):
                found.setdefault((feature.family.name, feature.level), []).append(at)
        return found

    def candidates(self, row: Floats) -> Floats:
        """The row with one more thing at another usual value, for every thing that is still as it was."""
        rows = []
        for members in self.things().values():
            if (row[members] == self.values[members]).all():
                for rank in range(len(USUAL)):
                    changed = self.changed(row, members, rank)
                    if (changed[members] != row[members]).any():
                        rows.append(changed)
        return np.array(rows).reshape(-1, len(row))

    def changed(self, row: Floats, members: list[int], rank: int) -> Floats:
        """The row with features at one of their usual values, where that is better than now."""
        changed = row.copy()
        for at in members:
            feature = self.catalogue.features[at]
            usual = self.model.ranges[feature.name][rank]
            changed[at] = max(row[at], usual) if better(feature) > 0 else min(row[at], usual)
        self.share_again(changed)
        return changed

    def share_again(self, row: Floats) -> None:
        """Bring shares in line with their numerators, and keep these at most as large as what they are a share of."""
        place = {feature.name: at for at, feature in enumerate(self.catalogue)}
        for at, feature in enumerate(self.catalogue):
            if feature.family.of is None:
                continue
            suffix = feature.name.removeprefix(feature.family.name)
            top, bottom = (place[name + suffix] for name in feature.family.of)
            if np.isnan(row[at]) or not row[bottom] > 0:
                continue
            row[top] = min(row[top], max(row[bottom], self.values[top]))
            row[at] = self.values[at] if row[top] == self.values[top] else row[top] / row[bottom]

    def without_idle(self, row: Floats) -> Floats:
        """The row with every thing as it was whose change turns out not to be needed."""
        now = self.suggested(self.values[None])[0]
        for members in self.things().values():
            kept = row.copy()
            kept[members] = self.values[members]
            self.share_again(kept)
            if self.suggested(kept[None])[0] < now:
                row = kept
        return row

    def size(self, row: Floats) -> int:
        """How many usual values lie between the patient's values and the row's."""
        usual = self.model.ranges
        return sum(
            abs(int(np.searchsorted(usual[name], row[at])) - int(np.searchsorted(usual[name], self.values[at])))
            for at, name in enumerate(self.catalogue.names) if name in usual and not np.isnan(self.values[at])
        )  # fmt: skip

    def differences(self, row: Floats) -> Iterator[Difference]:
        """What differs, each thing by its feature of the longest window that does."""
        for members in self.things().values():
            differing = [at for at in members if row[at] != self.values[at]]
            if differing:
                at = differing[-1]
                yield Difference(self.catalogue.features[at].name, float(self.values[at]), float(row[at]))


def _sentence(catalogue: Catalogue, segment: Segment, differences: tuple[Difference, ...], language: Language) -> str:
    said = []
    for one in differences:
        feature = catalogue[one.feature]
        what = f"{feature.label(language)} {WITHIN[feature.window][language]}".rstrip()
        now, then = (shown(value, feature, language) for value in (one.now, one.then))
        said.append(INSTEAD[language].format(what=what, now=now, then=then))
    return WOULD_BE[language].format(segment=segment.label[language], differences="; ".join(said))
