"""The simulated population against what is published: every figure within its tolerance, but the known misses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import fidelity
from benchmarks.ceiling import UNTIL, ceiling, knowledge
from benchmarks.fidelity import Measured, discrimination, measure
from benchmarks.figures import FIGURES, Figure, Town
from records.simulate import Simulated, simulate
from training.cohort import CohortDefinition
from training.scores import Scores, auroc

KNOWN_MISSES = {"heavy users who stay heavy", "cost of ten years and of the next five"}


@pytest.fixture(scope="module")
def measured() -> list[Measured]:
    """All figures, measured on a moderate population."""
    return measure(Town.of(12_000))


@pytest.mark.parametrize("place", range(len(FIGURES)), ids=[figure.name for figure in FIGURES])
def test_a_figure_is_reached_unless_it_is_said_why_not(measured: list[Measured], place: int) -> None:
    row = measured[place]
    assert row.expected, f"{row.figure.name}: {row.value:.3f}, published {row.figure.published}"


def test_at_least_25_figures_are_declared_and_their_tolerance_holds_what_was_published() -> None:
    assert len(FIGURES) >= 25
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)
    for figure in FIGURES:
        assert figure.low <= figure.published <= figure.high
        assert figure.source


def test_the_known_misses_are_these() -> None:
    assert {figure.name for figure in FIGURES if figure.not_reached} == KNOWN_MISSES


@pytest.mark.nightly
def test_another_and_larger_population_says_the_same() -> None:
    for row in measure(Town.of(40_000, seed=2)):
        assert row.expected, f"{row.figure.name}: {row.value:.3f}"


@pytest.mark.nightly
def test_the_models_discrimination_is_that_of_real_data_and_below_the_ceiling() -> None:
    scores = ceiling(20_000)
    assert all(row.reached for row in discrimination(scores))
    for segment, found in scores["records"].items():
        assert found.auroc + 0.02 < scores["truth"][segment].auroc < scores["need"][segment].auroc
        assert found.log_loss > scores["truth"][segment].log_loss > scores["need"][segment].log_loss


def test_an_episode_drawn_anew_from_the_truth_ranks_the_need_that_came() -> None:
    simulated = Simulated.joined(list(simulate(3_000, 10, 1, UNTIL)))
    known = knowledge(simulated, CohortDefinition(horizon_days=365), draws=10)
    heavy = known.truth.visits.sum(axis=1) >= 6
    drawn = known.truth.x[:, known.truth.names.index("drawn_visits")]
    visits_before = known.records.x[:, known.records.names.index("visits_m24")]
    assert auroc(visits_before, heavy) + 0.05 < auroc(drawn, heavy) < 0.95
    assert drawn.mean() == pytest.approx(known.truth.visits.sum(axis=1).mean(), rel=0.3)


def figure(measures: float, *, reason: str = "") -> Figure:
    return Figure("teeth", 28.0, 20.0, 32.0, "teeth", "an atlas", lambda _: measures, reason)


@pytest.mark.parametrize(
    ("value", "reason", "expected"),
    [(20.0, "", True), (32.0, "", True), (19.9, "", False), (19.9, "none are left", True), (25.0, "of late", False)],
)
def test_a_miss_is_expected_only_with_a_reason(value: float, reason: str, *, expected: bool) -> None:
    assert Measured(figure(value, reason=reason), value).expected is expected


def test_the_command_writes_the_table_and_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Scores(1_000, 99, 0.8, 0.78, 0.82, 0.3, 0.1, 1.0, 0.0)
    scores = {name: {"heavy": found} for name in ("records", "truth", "need")}
    monkeypatch.setattr(fidelity, "ceiling", lambda _: scores)
    monkeypatch.setattr(fidelity, "measure", lambda _: [Measured(figure(5.0, reason="they are few"), 5.0)])
    assert fidelity.main(["--patients", "50", "--docs", str(tmp_path)]) == 0
    text = (tmp_path / "fidelity.md").read_text(encoding="utf-8")
    assert "| teeth | 28.0 | 20.0 to 32.0 | **5.00** (not reached) | teeth | an atlas |" in text
    assert "- teeth: not reached, because they are few" in text
    assert "1 of 2 figures" in text
    assert text.strip() == capsys.readouterr().out.strip()
    assert (tmp_path / "fidelity.png").stat().st_size > 5_000


def test_a_figure_off_its_tolerance_without_a_reason_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "ceiling", lambda _: {"records": {}, "truth": {}, "need": {}})
    monkeypatch.setattr(fidelity, "measure", lambda _: [Measured(figure(np.inf), 99.0)])
    assert fidelity.main(["--patients", "50", "--docs", str(tmp_path)]) == 1
