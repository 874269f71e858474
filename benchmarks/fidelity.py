"""Hold the simulator against published figures, and say how well need could be predicted at best.

    python -m benchmarks.fidelity [--patients N] [--docs FOLDER]

Prints the table and writes it, with a picture, to `fidelity.md` and `fidelity.png`. The exit status is 1 when a figure
is off its tolerance without a reason given, or is reached although a reason for missing it is given.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Picture
from tqdm import tqdm

from benchmarks.ceiling import ceiling
from benchmarks.figures import FIGURES, Figure, Town
from training.scores import ScoresBySegment

PUBLISHED_AUROC = (0.75, 0.88)
"""What models of use of care reach on real data (ACG 0.75-0.85, caries 0.77-0.88); 0.95 would be a leak."""

_KNOWLEDGE = {
    "records": "the project's features",
    "truth": "the true state: the ceiling",
    "need": "the need itself, after the examination",
}


@dataclass(frozen=True)
class Measured:
    """A figure and what the simulated population shows."""

    figure: Figure
    value: float

    @property
    def reached(self) -> bool:
        """Whether the value lies within the tolerance."""
        return self.figure.low <= self.value <= self.figure.high

    @property
    def expected(self) -> bool:
        """Whether it is reached exactly when no reason for missing it is given."""
        return self.reached != bool(self.figure.not_reached)


def measure(town: Town, figures: Sequence[Figure] = FIGURES) -> list[Measured]:
    """Measure figures on a population."""
    return [Measured(figure, figure.measured(town)) for figure in tqdm(figures, "figures", disable=None)]


def discrimination(scores: Mapping[str, ScoresBySegment]) -> list[Measured]:
    """The discrimination of the project's model as figures of their own."""
    return [_auroc(segment, found.auroc) for segment, found in scores["records"].items()]


def _auroc(segment: str, value: float) -> Measured:
    low, high = PUBLISHED_AUROC
    name = f"AUROC of the project's model, {segment} or more"
    figure = Figure(name, (low + high) / 2, low, high, "", "middle of 0.75 to 0.88 on real data", lambda _: value)
    return Measured(figure, value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; returns the exit status."""
    options = _parser().parse_args(arguments)
    scores = ceiling(options.patients)
    rows = measure(Town.of(options.patients)) + discrimination(scores)
    text = report(rows, scores, options.patients)
    print(text)
    options.docs.mkdir(parents=True, exist_ok=True)
    (options.docs / "fidelity.md").write_text(text, encoding="utf-8")
    draw(rows, options.docs / "fidelity.png")
    return int(not all(row.expected for row in rows))


def report(rows: Sequence[Measured], scores: Mapping[str, ScoresBySegment], patients: int) -> str:
    """The tables as Markdown."""
    reached = sum(row.reached for row in rows)
    head = [
        "# How close the simulated population is to what is published",
        "",
        f"Measured on {patients:,} simulated people, seed 1; {reached} of {len(rows)} figures lie within their",
        "tolerance. Made by `python -m benchmarks.fidelity`.",
        "",
        "![Published figures with their tolerance, and the simulated ones](fidelity.png)",
        "",
        "| figure | published | tolerance | simulated | unit | source |",
        "|---|--:|--:|--:|---|---|",
    ]
    return "\n".join([*head, *map(_line, rows), *_misses(rows), *_ceiling(scores)]) + "\n"


def _line(row: Measured) -> str:
    figure = row.figure
    simulated = _number(row.value) if row.reached else f"**{_number(row.value)}** (not reached)"
    tolerance = f"{_number(figure.low)} to {_number(figure.high)}"
    cells = (figure.name, _number(figure.published), tolerance, simulated, figure.unit, figure.source)
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _misses(rows: Sequence[Measured]) -> list[str]:
    missed = [row for row in rows if row.figure.not_reached]
    if not missed:
        return []
    reasons = [f"- {row.figure.name}: not reached, because {row.figure.not_reached}" for row in missed]
    return ["", "## Not reached", "", *reasons]


def _ceiling(scores: Mapping[str, ScoresBySegment]) -> list[str]:
    lines = [
        "",
        "## The best reachable score",
        "",
        "The same estimator on the same later moments of other patients, knowing more and more. The ceiling is what",
        "someone would reach who knew every person's true state and traits at the contact; what is left is chance:",
        "what the mouth turns out to need, pain in between, giving up, and later episodes within the year.",
        "",
        "| at least | known | moments | with it | AUROC | 95 % | log loss | Brier |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for segment in scores["records"]:
        for knowledge, says in _KNOWLEDGE.items():
            found = scores[knowledge][segment]
            lines.append(
                f"| {segment} | {says} | {found.n:,} | {found.events:,} | {found.auroc:.3f} "
                f"| {found.auroc_low:.3f}-{found.auroc_high:.3f} | {found.log_loss:.4f} | {found.brier:.4f} |"
            )
    return lines


def draw(rows: Sequence[Measured], path: Path) -> None:
    """Draw every figure on a scale of its own: the tolerance as a band from 0 to 1, the simulated value as a point."""
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False,
                         "axes.spines.right": False, "axes.spines.left": False}):  # fmt: skip
        picture = Picture(figsize=(9.5, 0.235 * len(rows) + 1.1), layout="constrained")
        axes = picture.add_subplot()
        for place, row in enumerate(reversed(rows)):
            _draw_row(axes, place, row)
        axes.set_yticks(range(len(rows)), [row.figure.name for row in reversed(rows)])
        axes.tick_params(left=False)
        axes.text(1.5, len(rows) - 0.25, "published  /  simulated", va="bottom", weight="bold")
        axes.set_ylim(-0.7, len(rows) + 0.6)
        axes.set_xlim(-0.75, 2.6)
        axes.set_xticks([0, 1], ["lowest\ntolerated", "highest\ntolerated"])
        axes.set_title("Published (line, with its tolerance) and simulated (dot); a ring misses", loc="left")
        picture.savefig(path, dpi=120, metadata={"Software": None})


def _draw_row(axes: mpl.axes.Axes, place: int, row: Measured) -> None:
    figure = row.figure

    def at(value: float) -> float:
        return (value - figure.low) / (figure.high - figure.low)

    axes.barh(place, 1, height=0.62, color="#cfe0ee", zorder=1)
    axes.plot([at(figure.published)] * 2, [place - 0.31, place + 0.31], color="#1f4e79", linewidth=2, zorder=2)
    shown = min(max(at(row.value), -0.68), 1.38)
    colour, face = ("#222222", "#222222") if row.reached else ("#b3261e", "white")
    axes.plot(shown, place, "o", markersize=5.5, markeredgewidth=1.6, color=colour, markerfacecolor=face, zorder=3)
    words = f"{_number(figure.published)}  /  {_number(row.value)} {figure.unit}"
    axes.text(1.5, place, words, va="center", color=colour)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--patients", type=int, default=20_000, help="people to simulate (default %(default)s)")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder to write to (default %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
