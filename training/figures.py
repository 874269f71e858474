"""The figures of a report, as SVG text that stands in a page by itself: no script, no font file, no outside asset.

Each is so narrow that its letters stay readable when a page of 320 pixels shrinks it, and each says nothing by colour
alone. The numbers behind a figure stand in a table beside it, made by the report.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.evaluation import Curves, Subgroup

Floats = NDArray[np.float64]
WIDTH, HEIGHT, SMALL = 3.6, 2.8, 8
INK, MODEL, OTHER, SOFT, BAND = "#1b1f24", "#0b5fa5", "#b3420b", "#6b7580", "#cfe0ee"
DASHES: Sequence[str | tuple[int, tuple[int, ...]]] = ("-", "--", ":", "-.", (0, (6, 1, 1, 1)))
STYLE: Any = {
    "font.family": "sans-serif", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
    "svg.fonttype": "none", "svg.hashsalt": "tarve", "axes.edgecolor": INK, "text.color": INK,
    "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "legend.frameon": False,
}  # fmt: skip
_IDS = re.compile(r'(id="|href="#|url\(#)([^")]+)')


@dataclass(frozen=True)
class Drawing:
    """A drawn figure: its SVG, and what it shows in words for those who do not see it."""

    svg: str
    alt: str


@contextmanager
def _drawn(name: str, into: list[str], height: float = HEIGHT) -> Iterator[Axes]:
    """Axes to draw on; at the end the SVG is appended, its ids made the figure's own."""
    with mpl.rc_context(STYLE):
        picture = Figure(figsize=(WIDTH, height), layout="constrained")
        yield picture.add_subplot()
        text = io.StringIO()
        picture.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = text.getvalue()
    body = svg[svg.index("<svg") :]
    into.append(_IDS.sub(lambda found: f"{found[1]}{name}-{found[2]}", body))


def calibration(name: str, curves: Curves, segment: str) -> Drawing:
    """Observed share against predicted probability, in tenths and smoothed."""
    made: list[str] = []
    with _drawn(name, made, WIDTH) as axes:
        top = max(0.1, *(each.high for each in curves.bins), *(each.predicted for each in curves.bins)) * 1.05
        axes.plot([0, top], [0, top], color=SOFT, linewidth=1, linestyle="--", label="ideal")
        x, y = np.array(curves.smooth).T
        axes.plot(x, y, color=MODEL, linewidth=2, label="smoothed")
        for each in curves.bins:
            axes.plot([each.predicted] * 2, [each.low, each.high], color=INK, linewidth=1)
        axes.plot([each.predicted for each in curves.bins], [each.observed for each in curves.bins], "o", color=INK,
                  markersize=4, label="tenths, 95 %")  # fmt: skip
        axes.set(xlim=(0, top), ylim=(0, top), xlabel="predicted probability", ylabel="observed share")
        axes.legend(loc="upper left")
    last = curves.bins[-1]
    alt = (
        f"Calibration plot of at least {segment}: {len(curves.bins)} tenths of the predicted probability against the "
        f"observed share. The highest tenth is predicted {last.predicted:.2f} and observed {last.observed:.2f}. The "
        f"smoothed curve is {curves.calibration_error:.3f} from the diagonal on average."
    )
    return Drawing(made[0], alt)


def decision(name: str, lines: Mapping[str, Curves], segment: str) -> Drawing:
    """Net benefit of models, of acting on everyone and of acting on nobody, over threshold probabilities."""
    made: list[str] = []
    first = next(iter(lines.values())).decision
    at, everyone = np.array([row[0] for row in first]), np.array([row[2] for row in first])
    with _drawn(name, made) as axes:
        for style, (who, curves) in zip(DASHES, lines.items(), strict=False):
            colour = MODEL if style == "-" else INK
            axes.plot(at, [row[1] for row in curves.decision], color=colour, linestyle=style, linewidth=1.8, label=who)
        axes.plot(at, everyone, color=OTHER, linewidth=1, label="everyone")
        axes.axhline(0, color=SOFT, linewidth=1, label="nobody")
        peak = max(everyone.max(), *(row[1] for row in first))
        axes.set(ylim=(-0.25 * peak, 1.05 * peak), xlabel="threshold probability", ylabel="net benefit")
        axes.legend(loc="upper right")
    better = [f"{row[0]:.2f}" for row in first if row[1] > max(row[2], 0)]
    where = f"from {better[0]} to {better[-1]}" if better else "nowhere"
    alt = f"Decision curve of at least {segment}: the model is worth more than acting on everyone or nobody {where}."
    return Drawing(made[0], alt)


def risk(name: str, curves: Curves, segment: str) -> Drawing:
    """Distribution of the predicted probability by outcome: above the line those who reached it, below the others."""
    made: list[str] = []
    edges = np.array([row[0] for row in curves.risk] + [1.0])
    with _drawn(name, made) as axes:
        for at, sign, colour, hatch, who in ((1, 1, OTHER, "", "reached"), (2, -1, MODEL, "//", "not reached")):
            counts = np.array([row[at] for row in curves.risk], np.float64)
            density = sign * counts / max(counts.sum(), 1) / np.diff(edges)
            axes.bar(edges[:-1], density, np.diff(edges), align="edge", color=colour, hatch=hatch, edgecolor="white",
                     label=who)  # fmt: skip
        axes.axhline(0, color=INK, linewidth=1)
        axes.set(xlabel="predicted probability", ylabel="density", yticks=[], xlim=(0, 1))
        axes.legend(loc="upper right")
    alt = f"Predicted probability of at least {segment}, by whether it was reached: {_middles(curves)}."
    return Drawing(made[0], alt)


def _middles(curves: Curves) -> str:
    def middle(at: int) -> float:
        counts = np.array([row[at] for row in curves.risk])
        return curves.risk[int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))][0]

    return (
        f"the median lies in the band from {middle(1):.2f} among those who reached it, {middle(2):.2f} among the others"
    )


def forest(name: str, groups: Sequence[Subgroup], segment: str, whole: float) -> Drawing:
    """AUROC with its interval in every assessable subgroup, beside that of everyone."""
    made: list[str] = []
    shown = [each for each in groups if segment in each.figures]
    with _drawn(name, made, 0.9 + 0.17 * max(len(shown), 1)) as axes:
        for place, each in enumerate(reversed(shown)):
            value, low, high = each.figures[segment].auroc
            axes.plot([low, high], [place, place], color=INK, linewidth=1)
            axes.plot(value, place, "o", color=MODEL, markersize=4)
        axes.axvline(whole, color=SOFT, linestyle="--", linewidth=1)
        axes.set_yticks(range(len(shown)), [_short(each) for each in reversed(shown)], fontsize=SMALL)
        axes.tick_params(left=False)
        axes.set(xlabel="AUROC, 95 %", ylim=(-0.7, len(shown) - 0.3))
    worst = min(shown, key=lambda each: each.figures[segment].auroc[0], default=None)
    said = f"lowest in {_short(worst)}: {worst.figures[segment].auroc[0]:.3f}" if worst else "no subgroup is assessable"
    return Drawing(made[0], f"AUROC of at least {segment} in {len(shown)} subgroups; {said}.")


def _short(group: Subgroup) -> str:
    return (
        group.level
        if group.dimension in ("district", "site", "period", "use so far")
        else (f"{group.dimension.removesuffix(' (true, simulated)')} {group.level}")
    )


def beeswarm(name: str, labels: Sequence[str], contributions: Floats, values: Floats, segment: str) -> Drawing:
    """How features moved the margin: one dot a row and feature, spread where many lie together.

    Args:
        name: of the figure, unique in the page.
        labels: of the features, the one that matters most first.
        contributions: log-odds, shape (rows, features). `values`: of the features, the same shape.
        segment: that the threshold leads into.
    """
    made: list[str] = []
    with _drawn(name, made, 0.9 + 0.3 * len(labels)) as axes:
        for at, label in enumerate(labels):
            x, middle = contributions[:, at], len(labels) - 1.3 - at
            dots = axes.scatter(x, middle + 0.24 * _spread(x), c=ranks(values[:, at]), cmap="cividis",
                                vmin=0, vmax=1, s=2.5, linewidths=0, rasterized=True)  # fmt: skip
            axes.text(0, middle + 0.3, label, transform=axes.get_yaxis_transform(), fontsize=SMALL,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})  # fmt: skip
        axes.axvline(0, color=INK, linewidth=0.8, zorder=0)
        axes.spines["left"].set_visible(False)
        axes.set(xlabel="log-odds added to the margin", ylim=(-0.7, len(labels) - 0.6), yticks=[])
        bar = axes.figure.colorbar(dots, ax=axes, ticks=[0, 1], location="bottom", aspect=40, pad=0.02)
        bar.ax.set_xticklabels(["low value", "high value"])
    size = np.abs(contributions[:, 0]).mean()
    alt = (
        f"Beeswarm of the {len(labels)} features that moved the margin of at least {segment} most, over "
        f"{len(contributions):,} rows; first {labels[0]}, {size:.2f} log-odds on average."
    )
    return Drawing(made[0], alt)


def tuning(name: str, columns: Mapping[str, Sequence[Any]], settings: Sequence[str]) -> Drawing:
    """Loss of every trial in its order, and against each setting that was tried; trials given up are crosses.

    Args:
        name: of the figure, unique in the page.
        columns: of the trials: `loss`, `state`, and each setting.
        settings: names of the settings.
    """
    loss, complete = np.array(columns["loss"], np.float64), np.array(columns["state"]) == "complete"
    best, text = np.minimum.accumulate(np.where(complete, loss, np.inf)), io.StringIO()
    with mpl.rc_context(STYLE):
        picture = Figure(figsize=(2 * WIDTH, 1.6 * HEIGHT), layout="constrained")
        panels = picture.subplots(2, -(-(len(settings) + 1) // 2), sharey=True).ravel()
        for axes, setting in zip(panels, ("number", *settings), strict=False):
            values = np.array(columns[setting], np.float64)
            axes.plot(values[complete], loss[complete], "o", color=MODEL, markersize=3)
            axes.plot(values[~complete], loss[~complete], "x", color=OTHER, markersize=4)
            axes.set_xlabel("trial" if setting == "number" else setting.replace("_", " "), fontsize=SMALL)
        panels[0].step(range(len(best)), best, where="post", color=INK, linewidth=1)
        panels[0].set_ylabel("log loss on later rows")
        for axes in panels[len(settings) + 1 :]:
            axes.set_axis_off()
        picture.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = text.getvalue()
    alt = (
        f"Log loss on later rows of {len(loss)} trials: {loss[0]:.4f} with the settings in use, {best[-1]:.4f} at best."
    )
    return Drawing(_IDS.sub(lambda found: f"{found[1]}{name}-{found[2]}", svg[svg.index("<svg") :]), alt)


def _spread(x: Floats) -> Floats:
    """Heights from -1 to 1 that keep dots of crowded places apart."""
    edges = np.linspace(x.min(), x.max() + 1e-9, 60)
    place = np.digitize(x, edges)
    counts = np.bincount(place, minlength=62)
    order = np.argsort(place, kind="stable")
    rank = np.empty(len(x))
    rank[order] = np.arange(len(x)) - (np.cumsum(counts) - counts)[place[order]]
    return np.asarray((rank - (counts[place] - 1) / 2) / max(counts.max() / 2, 1))


def ranks(values: Floats) -> Floats:
    """Ranks from 0 to 1 of values, equal for equal ones; missing values stand in the middle."""
    known = ~np.isnan(values)
    ranks = np.full(len(values), 0.5)
    different, place = np.unique(values[known], return_inverse=True)
    ranks[known] = place / max(len(different) - 1, 1)
    return ranks
