"""One patient alone gets the bits of the batch, and both those of the definitions written out in NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from models import amounts, conformal, intervals, reasons
from models.amounts import Amounts, Curve, drive
from models.calibration import Calibrator, Recalibrated, segment_probabilities
from models.conformal import Conformal, misfits
from models.estimators import Boosted, PointsRule
from models.groups import numbered, places
from models.intervals import Intervals
from models.interview import interview
from models.need import NeedModel, NeedTable, Predictions, Uncertainty
from tests.models.test_amounts import AT_LEAST, FITTED, PROFESSIONS, SEGMENT, VISITS, X
from tests.models.test_reasons import CATALOGUE

RNG = np.random.default_rng(5)
SITES = np.array(["north", "south", "nowhere"])[RNG.integers(0, 3, len(X))]
REACHED = SEGMENT[:, None] >= np.array([1, 2])
PROBABILITIES = segment_probabilities(AT_LEAST)
TOTAL = VISITS.sum(1)
VISITS_SPAN = Intervals.fit((SEGMENT, TOTAL), PROBABILITIES, TOTAL, SITES)
NEED = NeedTable(PROFESSIONS, ((1.0,) * 3,) * 3, ((9.0,) * 3,) * 3)
CURVES = Calibrator((1.0, 1.2), (0.1, -0.2))
SURE = Uncertainty(
    Conformal.fit(AT_LEAST, SEGMENT, SITES),
    VISITS_SPAN,
    Intervals.fit((SEGMENT, 30 * TOTAL), PROBABILITIES, 30 * TOTAL),
)


@pytest.fixture(scope="module")
def model() -> NeedModel:
    calibrator = Recalibrated(CURVES, {"north": Calibrator((0.9, 1.0), (0.3, 0.0)), "south": CURVES})
    return NeedModel(
        Boosted(("gums", "other"), rounds=20).fit(X, REACHED), calibrator, NEED, "catalogue",
        "2000-01-01", FITTED, SURE,
    )  # fmt: skip


def bits(found: Predictions) -> list[bytes]:
    return [np.asarray(value).tobytes() for value in vars(found).values()]


def one_by_one(made: NeedModel, rows: int) -> list[list[bytes]]:
    return [bits(made.predict(X[at : at + 1], SITES[at : at + 1])) for at in range(rows)]


def of_batch(made: NeedModel, rows: int) -> list[list[bytes]]:
    found = vars(made.predict(X, SITES))
    return [[value[at : at + 1].tobytes() for value in found.values()] for at in range(rows)]


def test_a_patient_alone_gets_the_bits_of_the_batch(model: NeedModel, tmp_path: Path) -> None:
    """By the tables of a model that is loaded, and by LightGBM where a model was just fitted."""
    model.save(tmp_path)
    loaded = NeedModel.load(tmp_path)
    fresh = NeedModel(
        Boosted(model.estimator.features, boosters=model.estimator.boosters), model.calibrator,  # type: ignore[attr-defined]
        model.need, model.catalogue, model.segments_from, model.amounts, model.uncertainty,
    )  # fmt: skip
    assert fresh.estimator.tabulated is None
    assert fresh.read(X[:1]).patterns is None
    assert loaded.read(X[:1]).patterns is not None
    assert one_by_one(loaded, 60) == of_batch(loaded, 60) == of_batch(fresh, 60) == one_by_one(fresh, 60)


def test_reasons_of_what_was_read_are_the_contributions(model: NeedModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded = NeedModel.load(tmp_path)
    for rows in (X[:2], X[:9]):
        for threshold in (0, 1):
            found = loaded.contributions(loaded.read(rows), threshold)
            assert found.tobytes() == model.estimator.contributions(rows)[:, threshold, :-1].tobytes()


def test_rows_that_are_one_row_but_for_some_columns_get_the_bits_of_any_rows(model: NeedModel) -> None:
    changed, columns = X[:9, 1:], np.array([1])
    rows = np.column_stack([np.full(9, X[0, 0]), changed[:, 0]])
    rule = NeedModel(PointsRule(("gums", "other"), {"other": 2.0}, thresholds=2), CURVES, model.need, "", "")
    fresh = NeedModel(Boosted(("gums", "other"), rounds=5).fit(X, REACHED), CURVES, model.need, "", "")
    for made in (model, rule, fresh):
        for site in (None, "north", "nowhere"):
            found = made.at_least_alike(X[0], columns, changed, site)
            assert found.tobytes() == made.predict(rows, None if site is None else [site] * 9).at_least.tobytes()


def amounts_in_numpy(made: Amounts) -> tuple[np.ndarray, np.ndarray]:
    shares = np.zeros((len(X), len(made.professions)))
    scores = np.zeros((len(X), 1)) if made.booster is None else np.asarray(made.booster.predict(X, raw_score=True))
    shares[:, list(made.shared)] = softmax(scores, axis=1)
    minutes = shares * np.array(made.minutes_a_visit)
    whole = minutes.sum(1, keepdims=True)
    minutes = np.where(whole > 0, minutes / np.where(whole > 0, whole, 1.0), shares)
    return shares * total_in_numpy(made.visits)[:, None], minutes * total_in_numpy(made.minutes)[:, None]


def total_in_numpy(curves: tuple[Curve, ...]) -> np.ndarray:
    drives = drive(AT_LEAST).T
    heights = np.column_stack([np.interp(at, curve.x, curve.y) for at, curve in zip(drives, curves, strict=True)])
    return np.asarray((PROBABILITIES * np.maximum.accumulate(heights, axis=1)).sum(1))


def test_amounts_have_the_bits_of_their_definition() -> None:
    one = Amounts.fit(X, AT_LEAST, VISITS * [1, 0, 0] + [1, 0, 0], VISITS * 0, SEGMENT, PROFESSIONS)
    for made in (FITTED, one):
        for found, expected in zip(made.expected(X, AT_LEAST), amounts_in_numpy(made), strict=True):
            assert found.tobytes() == expected.tobytes()


def test_curves_have_the_bits_of_interp_at_their_knots_and_outside() -> None:
    curve = FITTED.visits[2]
    knots, heights = np.array(curve.x), np.array(curve.y)
    for at in (-1.0, 0.0, 1.0, np.nan, *curve.x, *np.nextafter(knots, 2)):
        found = amounts._height(at, np.array([0, len(knots)]), knots, heights, 0)
        assert np.float64(found).tobytes() == np.interp(at, knots, heights).tobytes()


def test_sets_have_the_bits_of_their_definition() -> None:
    limits = np.array([SURE.sets.groups.get(site, SURE.sets.limits) for site in SITES])
    inside = misfits(AT_LEAST) <= limits
    inside[np.arange(len(X)), PROBABILITIES.argmax(1)] = True
    expected = np.logical_or.accumulate(inside, 1) & np.logical_or.accumulate(inside[:, ::-1], 1)[:, ::-1]
    assert (SURE.sets.sets(AT_LEAST, SITES) == expected).all()


def test_intervals_have_the_bits_of_their_definition() -> None:
    band = VISITS_SPAN.band(PROBABILITIES)
    own = [VISITS_SPAN.groups.get(site, VISITS_SPAN.reach) for site in SITES]
    reach = np.array(own)[np.arange(len(own)), band]
    mixture = sum(PROBABILITIES[:, k, None] * np.array(shares) for k, shares in enumerate(VISITS_SPAN.shares))
    low = (mixture < 0.5 - reach[:, None] - 1e-12).sum(1)
    high = np.minimum((mixture <= 0.5 + reach[:, None] + 1e-12).sum(1), len(VISITS_SPAN.values) - 1)
    expected = np.array(VISITS_SPAN.values)[np.column_stack([low, high])]
    assert VISITS_SPAN.of(PROBABILITIES, SITES).tobytes() == expected.tobytes()
    holding = TOTAL + 0.5
    widened = VISITS_SPAN.of(PROBABILITIES, SITES, holding)
    assert (widened[:, 0] == np.minimum(expected[:, 0], np.floor(holding))).all()
    assert (widened[:, 1] == np.maximum(expected[:, 1], np.ceil(holding))).all()


def test_groups_without_something_of_their_own_have_what_everybody_has() -> None:
    numbers = numbered({"a": None, "b": None})
    assert places(numbers, ["b", "", "c", "a"], 4).tolist() == [2, 0, 0, 1]
    assert places(numbers, None, 2).tolist() == places({}, ["a", "b"], 2).tolist() == [0, 0]


def results() -> list[bytes]:
    """What the compiled functions give for some patients."""
    values, weights = RNG_ROWS
    found = reasons.strongest(CATALOGUE, values, weights)
    spread = np.zeros(2)
    interview._spread(np.log(AT_LEAST[:5]), np.full(5, 0.4), np.array([1, 1, 1, 4, 4]), spread)
    held = (FITTED.expected(X[:7], AT_LEAST[:7]), SURE.sets.sets(AT_LEAST[:7], SITES[:7]),
            VISITS_SPAN.of(PROBABILITIES[:7], SITES[:7], TOTAL[:7]), found.weight, found.feature, spread)  # fmt: skip
    return [np.asarray(one).tobytes() for one in held]


RNG_ROWS = (np.where(RNG.random((9, 6)) < 0.3, np.nan, 1.0), RNG.normal(0, 1, (9, 6)))


def test_what_is_compiled_is_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = results()
    named: list[tuple[object, tuple[str, ...]]] = [
        (amounts, ("_height", "_total", "_divide")), (conformal, ("_sets",)), (intervals, ("_spans", "_widen")),
        (reasons, ("_name",)), (interview, ("_spread",)),
    ]  # fmt: skip
    for module, names in named:
        for name in names:
            function: Callable[..., object] = getattr(module, name).py_func
            monkeypatch.setattr(module, name, function)
    assert results() == compiled


def frozen(values: np.ndarray) -> np.ndarray:
    """A copy that may not be written to, as pandas and Arrow give arrays."""
    found = values.copy()
    found.flags.writeable = False
    return found


@pytest.mark.parametrize("rows", [1, 40])
def test_rows_that_may_not_be_written_to_are_read_all_the_same(model: NeedModel, tmp_path: Path, rows: int) -> None:
    model.save(tmp_path)
    loaded, x, at_least = NeedModel.load(tmp_path), X[:rows], AT_LEAST[:rows]
    assert bits(loaded.predict(frozen(x), SITES[:rows])) == bits(loaded.predict(x, SITES[:rows]))
    for kept in (loaded, model):
        read, other = kept.read(frozen(x)), kept.read(x)
        assert kept.contributions(read, 0).tobytes() == kept.contributions(other, 0).tobytes()
    columns, values = np.array([0]), np.linspace(0, 1, 9)[:, None]
    alike = loaded.at_least_alike(frozen(X[0]), columns, frozen(values))
    assert alike.tobytes() == loaded.at_least_alike(X[0], columns, values).tobytes()
    assert (SURE.sets.sets(frozen(at_least)) == SURE.sets.sets(at_least)).all()
    assert (FITTED.expected(frozen(x), frozen(at_least))[0] == FITTED.expected(x, at_least)[0]).all()
    said, weights = X[:rows, :1].repeat(len(CATALOGUE), 1), np.ones((rows, len(CATALOGUE)))
    found = reasons.strongest(CATALOGUE, frozen(said), frozen(weights))
    assert (found.group == reasons.strongest(CATALOGUE, said, weights).group).all()
