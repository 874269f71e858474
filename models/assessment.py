"""An assessment: need, segment, what to book and why, for one patient as of one moment. A person decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from features.catalogue import Catalogue
from features.evaluate import Matrix
from features.one import evaluate_person
from models.differences import Lighter, lighter
from models.need import ModelError, NeedModel, Predictions, Reading
from models.reasons import Reason, reasons
from models.segments import FirstAppointment, Segment, SegmentTable
from models.sites import site_of
from records.clock import microsecond
from records.history import History
from records.person import Person

Status = Literal["assessed", "no_history"]
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Expected:
    """An expected amount, in all and by profession."""

    total: float
    by_profession: Mapping[str, float]


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both included: at least `confidence` of patients like this one lie inside."""

    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class Assessment:
    """What the service says about one patient.

    With status `no_history` nothing is predicted: segment, probabilities, visits and minutes are None, there are no
    reasons, and the first appointment is the one for patients about whom nothing is recorded.

    Attributes:
        status: `assessed` or `no_history`.
        as_of: the moment, aware.
        segment: the suggested segment.
        probabilities: of each segment, summing to 1.
        visits: expected visits of the episode.
        minutes: expected chair minutes of the episode.
        first_appointment: what to book.
        special_needs: whether care needs special arrangements, on record.
        reasons: why, strongest first.
        events_seen: number of events known at the moment, of the tables that features read.
        latest_event: when the latest of them happened.
        prediction_set: segments that cannot be ruled out, in rising order without a gap; it holds the suggested and the
            most probable one. None without history, and where the model has no calibration rows.
        visits_interval: how many visits, at that confidence; None as the set. It holds what is expected.
        minutes_interval: how many chair minutes; None as the set. It holds what is expected.
        lighter: what would have to differ for a lighter segment; None unless asked for, and for the lightest.
    """

    status: Status
    as_of: datetime
    segment: Segment | None
    probabilities: Mapping[str, float] | None
    visits: Expected | None
    minutes: Expected | None
    first_appointment: FirstAppointment
    special_needs: bool
    reasons: tuple[Reason, ...]
    events_seen: int
    latest_event: datetime | None
    prediction_set: tuple[Segment, ...] | None = None
    visits_interval: Interval | None = None
    minutes_interval: Interval | None = None
    lighter: Lighter | None = None


def assess(
    model: NeedModel, catalogue: Catalogue, segments: SegmentTable, history: History, as_of: datetime, *,
    matrix: Matrix | None = None, differences: bool = False,
) -> Assessment:  # fmt: skip
    """Assess the one patient of a history: `assess_person` of tables.

    Raises:
        ModelError: the model was made for another version of the catalogue.
        ValueError: the history does not hold exactly one patient.
    """
    person = Person.of(history)
    return assess_person(model, catalogue, segments, person, as_of, matrix=matrix, differences=differences)


def assess_person(
    model: NeedModel, catalogue: Catalogue, segments: SegmentTable, person: Person, as_of: datetime, *,
    matrix: Matrix | None = None, differences: bool = False,
) -> Assessment:  # fmt: skip
    """Assess one patient, by the limits of the patient's site where the model has some.

    Args:
        model: the need model.
        catalogue: the features that it reads.
        segments: the dated table that its labels were cut by.
        person: the patient's history.
        as_of: the moment, aware.
        matrix: the patient's features as of the moment, where they were computed already.
        differences: whether to search for what would have to differ for a lighter segment; some milliseconds more.

    Raises:
        ModelError: the model was made for another version of the catalogue.
    """
    if model.catalogue != catalogue.version:
        raise ModelError(f"the model reads features {model.catalogue}, the catalogue is {catalogue.version}")
    special_needs, moment = bool(person.row.get("special_needs")), microsecond(as_of)
    seen, latest = _known(catalogue, person, moment)
    if not seen:
        return Assessment(
            "no_history", as_of, None, None, None, None, segments.without_history, special_needs, (), 0, None
        )
    matrix = evaluate_person(catalogue, person, as_of) if matrix is None else matrix
    site = site_of(person, moment) if model.by_site else None
    rows = model.read(matrix.values)
    predicted = model.needs(rows, None if site is None else [site])
    at = int(segments.suggest(predicted.at_least)[0])
    return Assessment(
        status="assessed",
        as_of=as_of,
        segment=segments.segments[at],
        probabilities=dict(zip(segments.names, predicted.probabilities[0].tolist(), strict=True)),
        visits=_expected(model, predicted.visits[0]),
        minutes=_expected(model, predicted.minutes[0]),
        first_appointment=segments.segments[at].first,
        special_needs=special_needs,
        reasons=tuple(_reasons(model, catalogue, rows, at)),
        events_seen=seen,
        latest_event=latest,
        prediction_set=_set(segments, predicted, at),
        visits_interval=_interval(model, predicted.visits_interval, "visits"),
        minutes_interval=_interval(model, predicted.minutes_interval, "minutes"),
        lighter=lighter(model, catalogue, segments, matrix.values[0], site) if differences else None,
    )


def _known(catalogue: Catalogue, person: Person, moment: int) -> tuple[int, datetime | None]:
    """How many events that features read the moment sees, and when the latest of them happened."""
    seen, latest = 0, None
    for name in catalogue.sources:
        # A person's one row of `patients` is no event, and no table of events either.
        happened, recorded = person[name].times
        if not happened or happened[0] >= moment:
            continue
        found = happened
        # Events are sorted by time. Nearly always the moment is later than all of them.
        if happened[-1] >= moment or max(recorded) >= moment:
            found = [at for at, known in zip(happened, recorded, strict=True) if at < moment and known < moment]
        if found:
            seen, latest = seen + len(found), found[-1] if latest is None else max(found[-1], latest)
    return seen, None if latest is None else EPOCH + timedelta(microseconds=latest)


def _expected(model: NeedModel, amounts: np.ndarray) -> Expected:
    by_profession = dict(zip(model.need.professions, amounts.tolist(), strict=True))
    return Expected(float(amounts.sum()), by_profession)


def _set(segments: SegmentTable, predicted: Predictions, at: int) -> tuple[Segment, ...] | None:
    """The segments that cannot be ruled out, with the suggested one and all between."""
    if predicted.prediction_set is None:
        return None
    inside = [*np.flatnonzero(predicted.prediction_set[0]).tolist(), at]
    return segments.segments[min(inside) : max(inside) + 1]


def _interval(model: NeedModel, found: np.ndarray | None, what: Literal["visits", "minutes"]) -> Interval | None:
    if found is None or model.uncertainty is None:
        return None
    return Interval(float(found[0, 0]), float(found[0, 1]), getattr(model.uncertainty, what).confidence)


def _reasons(model: NeedModel, catalogue: Catalogue, rows: Reading, at: int) -> list[Reason]:
    """Reasons speak of the threshold into the suggested segment; for the lowest, of the one it stays under."""
    contributions = model.contributions(rows, max(at - 1, 0))[0]
    return reasons(catalogue, rows.x[0], contributions)
