"""The evaluation of one model: every figure that the report shows and the gate reads, as data that JSON can hold.

Nothing here is computed; `training.examine` fills it. An evaluation holds aggregates only: no row, and no count of
fewer than five people that is shown to anyone (`training.slices.shown`). It keeps the bootstrap replicates of the
figures that models are compared by, so that two evaluations of the same rows can be compared in pairs later, without
the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pydantic import ConfigDict, TypeAdapter, ValidationError

from training.scores import Scores

Bounds: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Rows:
    """The rows on which something was measured.

    Attributes:
        digest: twelve hexadecimal digits over patients, moments and needs; equal digests mean the same rows.
        n: moments. `patients`: people.
        first, last: the days of the first and the last moment, ISO 8601.
        resamples, seed: of the bootstrap; replicates pair up when these and the digest are equal.
    """

    digest: str
    n: int
    patients: int
    first: str
    last: str
    resamples: int
    seed: int

    def pairs_with(self, other: Rows) -> bool:
        """Whether replicates of the two are of the same samples of the same rows."""
        return (self.digest, self.resamples, self.seed) == (other.digest, other.resamples, other.seed)


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit at one declared threshold probability, in true positives per person.

    Attributes:
        at: the threshold probability.
        model: acting on the model. `treat_all`: acting on everyone; acting on nobody is worth 0.
        bounds: 95 % interval of the model's.
    """

    at: float
    model: float
    treat_all: float
    bounds: Bounds

    @property
    def gain(self) -> float:
        """What the model adds to the better of acting on everyone and on nobody."""
        return self.model - max(self.treat_all, 0.0)


@dataclass(frozen=True)
class Performance:
    """A model at one threshold between segments.

    Attributes:
        scores: the figures.
        bounds: 95 % intervals of `slope`, `intercept`, `observed_to_expected`, `brier_scaled`.
        net_benefit: at the declared threshold probabilities.
        replicates: bootstrap replicates by figure: `auroc`, `log_loss`, `net_benefit <threshold>` and
            `gain <threshold>` (net benefit above the better default).
    """

    scores: Scores
    bounds: dict[str, Bounds]
    net_benefit: tuple[NetBenefit, ...]
    replicates: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Bin:
    """A tenth of the rows by predicted probability: mean predicted, share observed with its 95 % interval, rows."""

    predicted: float
    observed: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Curves:
    """What is drawn of a model at one threshold.

    Attributes:
        bins: of the calibration plot. `smooth`: predicted and smoothed observed probability.
        calibration_error: mean distance of the smoothed curve from the diagonal (integrated calibration index).
        decision: threshold probability, net benefit of the model, of acting on everyone.
        risk: lower edge of each band of predicted probability, rows that reached the threshold, rows that did not.
    """

    bins: tuple[Bin, ...]
    smooth: tuple[tuple[float, float], ...]
    calibration_error: float
    decision: tuple[tuple[float, float, float], ...]
    risk: tuple[tuple[float, int, int], ...]


@dataclass(frozen=True)
class Booking:
    """What booking by a strategy does to first appointments.

    Attributes:
        strategy: `model`, `rule`, ... who suggests the segment.
        over, under: minutes booked too many and too few, per 100 bookings, held against the appointment that the
            segment calls for which the episode turned out to be.
        over_recorded, under_recorded: the same, held against the chair minutes of the first visit.
        too_short: share of bookings that were too short, by segment, 0-1.
    """

    strategy: str
    over: float
    under: float
    over_recorded: float
    under_recorded: float
    too_short: float


@dataclass(frozen=True)
class Confusion:
    """Suggested segments against those the episodes turned out to be.

    Attributes:
        segments: names, in rising order.
        rows: text counts (small ones hidden), by suggested and turned-out segment.
        minutes: booked less called for, of each pair of segments.
    """

    segments: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    minutes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Amount:
    """Expected care beside the care that episodes took.

    Attributes:
        what: `visits` or `minutes`. `profession`: who gives it, or `all`.
        expected, taken: means of the model and of the record.
        ratio: taken for each expected, with its 95 % interval.
        error: mean absolute error.
    """

    what: Literal["visits", "minutes"]
    profession: str
    expected: float
    taken: float
    ratio: tuple[float, float, float]
    error: float


@dataclass(frozen=True)
class Captured:
    """Care that went to the tenth of the people whom a model ranked highest, as shares of all care, 0-1."""

    strategy: str
    visits: float
    minutes: float
    bounds: Bounds


@dataclass(frozen=True)
class SubgroupFigures:
    """A model at one threshold in one subgroup; figures with 95 % intervals as (figure, low, high)."""

    events: str
    auroc: tuple[float, float, float]
    observed_to_expected: tuple[float, float, float]
    slope: float
    brier_scaled: float
    gain: float


@dataclass(frozen=True)
class Subgroup:
    """One level of one dimension.

    Attributes:
        dimension, level: such as `language`, `sv`.
        rows: how many moments, as text (small counts are hidden).
        figures: by segment; a segment with too few rows or events is missing: not assessable.
        over, under: minutes booked too many and too few per 100 bookings; None where not assessable.
    """

    dimension: str
    level: str
    rows: str
    figures: dict[str, SubgroupFigures]
    over: float | None
    under: float | None


@dataclass(frozen=True)
class Fold:
    """A model fitted anew without a site, or without what came later, and measured there.

    Attributes:
        kind: `site` or `origin`.
        name: the site, or the first day of the period.
        learnt, tested: rows. `figures`: AUROC with its interval, slope, and observed to expected, by segment.
    """

    kind: Literal["site", "origin"]
    name: str
    learnt: int
    tested: int
    figures: dict[str, tuple[float, float, float, float, float]]


@dataclass(frozen=True)
class WhatIf:
    """Figures at one threshold if the needs that were not observed had been as assumed."""

    assumption: str
    segment: str
    n: int
    share: float
    auroc: float
    observed_to_expected: float


@dataclass(frozen=True)
class LabelBias:
    """What the records show of the true need, in one subgroup of simulated people.

    Attributes:
        dimension, level: of the subgroup. `rows`: eligible moments, as text.
        never_came: share to whom nobody came, 0-1. `never_came_of_heavy`: of those who truly needed heavy care.
        truly, recorded: share with heavy need in truth (of all) and by the record (of the observed), 0-1.
        visits_recorded: recorded visits for each visit that was needed, those who never came counting none.
        predicted: expected visits by the model for each visit that was needed.
    """

    dimension: str
    level: str
    rows: str
    never_came: float
    never_came_of_heavy: float
    truly: float
    recorded: float
    visits_recorded: float
    predicted: float


@dataclass(frozen=True)
class Ceiling:
    """AUROC at one threshold of the same estimator if it knew the true state, on the same rows."""

    segment: str
    auroc: float
    bounds: Bounds


@dataclass(frozen=True)
class Coverage:
    """How often a prediction set holds the segment that the episode turned out to be, in one subgroup, 0-1."""

    dimension: str
    level: str
    rows: str
    segment: str
    coverage: float
    bounds: Bounds
    size: float


@dataclass(frozen=True)
class Checks:
    """What was looked for beyond figures.

    Attributes:
        contract: what is wrong with the examples, as sentences.
        inputs: every `table.column` that the features read.
        known_time_checked: moments computed a second time from a cut-off history; `known_time_differing`: features
            that then differed.
        permuted_auroc: AUROC when every patient is given another's need, by segment.
        strongest_feature, strongest_auroc: the feature that ranks best alone, at any threshold.
        additivity: largest distance between a margin and the sum of its reasons, log-odds.
    """

    contract: tuple[str, ...]
    inputs: tuple[str, ...]
    known_time_checked: int
    known_time_differing: tuple[str, ...]
    permuted_auroc: dict[str, float]
    strongest_feature: str
    strongest_auroc: float
    additivity: float


@dataclass(frozen=True)
class Cost:
    """What a model costs: one row with reasons in milliseconds (median and 95th percentile), files in bytes."""

    median_ms: float
    p95_ms: float
    size_bytes: int


@dataclass(frozen=True)
class Learnt:
    """What a model was fitted on: rows, people, days, rows that reached each segment, and when it was fitted from."""

    n: int
    patients: int
    first: str
    last: str
    events: dict[str, int]


@dataclass(frozen=True)
class Evaluation:
    """Everything measured of one model.

    Attributes:
        model: kind of the estimator. `version`: in the registry, empty before it is registered.
        rows: what it was measured on. `thresholds`: by the segment that a threshold leads into.
        rule: today's rule on the same rows.
        Everything else may be missing where it was not measured.
    """

    __pydantic_config__ = ConfigDict(ser_json_inf_nan="constants", extra="forbid")

    model: str
    version: str
    rows: Rows
    thresholds: dict[str, Performance]
    rule: dict[str, Performance]
    curves: dict[str, Curves] = field(default_factory=dict)
    learnt: Learnt | None = None
    bookings: tuple[Booking, ...] = ()
    confusion: Confusion | None = None
    captured: tuple[Captured, ...] = ()
    amounts: tuple[Amount, ...] = ()
    subgroups: tuple[Subgroup, ...] = ()
    folds: tuple[Fold, ...] = ()
    what_ifs: tuple[WhatIf, ...] = ()
    label_bias: tuple[LabelBias, ...] = ()
    ceiling: tuple[Ceiling, ...] = ()
    coverage: tuple[Coverage, ...] | None = None
    checks: Checks | None = None
    cost: Cost | None = None
    card_missing: tuple[str, ...] | None = None

    def to_json(self) -> str:
        """As JSON text."""
        return _ADAPTER.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """Read what `to_json` wrote.

        Raises:
            EvaluationError: it was written by another version, or is something else.
        """
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise EvaluationError(f"no evaluation of this version: {where}: {first['msg']}") from error


class EvaluationError(ValueError):
    """A text is no evaluation."""


_ADAPTER = TypeAdapter(Evaluation)
