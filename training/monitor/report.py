"""The monitor's report: month by month as JSON, a page, and metrics for Prometheus."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from training.monitor.figures import Figure
from training.monitor.judge import TITLES, Breach
from training.monitor.limits import Action

LISTED = ("schema", "no_history", "suggested", "overridden", "early", "calibration", "ranking", "estimated_ranking",
          "coverage")  # fmt: skip
"""Kinds of figures that the page lists one by one; of features it names those beyond their limits."""


@dataclass(frozen=True)
class Judged:
    """One month with its figures and breaches."""

    month: str
    figures: Sequence[Figure]
    breaches: Sequence[Breach]


def as_json(months: Sequence[Judged]) -> str:
    """Everything, for machines."""

    def month(judged: Judged) -> dict[str, Any]:
        breaches = [asdict(each.figure) | {"action": each.action} for each in judged.breaches]
        return {"month": judged.month, "breaches": breaches, "figures": [asdict(each) for each in judged.figures]}

    return json.dumps([month(judged) for judged in months], indent=1) + "\n"


def as_metrics(months: Sequence[Judged]) -> str:
    """The latest month in the text format of Prometheus, for a textfile collector."""
    lines = [
        "# HELP tarve_monitor_figure A figure of the latest month of service.",
        "# TYPE tarve_monitor_figure gauge",
    ]
    latest = months[-1]
    lines += [f"tarve_monitor_figure{{{_labels(each)}}} {each.value:.6g}" for each in latest.figures]
    lines += ["# HELP tarve_monitor_breaches Figures beyond their limits, by the action that they call for.",
              "# TYPE tarve_monitor_breaches gauge"]  # fmt: skip
    counts = dict.fromkeys(get_args(Action), 0)
    for breach in latest.breaches:
        counts[breach.action] += 1
    lines += [f'tarve_monitor_breaches{{action="{action}"}} {count}' for action, count in counts.items()]
    return "\n".join(lines) + "\n"


def _labels(figure: Figure) -> str:
    said = {"kind": figure.kind, "about": figure.about, "group": figure.group}
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in said.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


STYLE = """
:root { color-scheme: light dark; --line: #8886; --alarm: #b3261e; --calm: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --alarm: #ffb4ab; --calm: #8fd8a8; } }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding: .3rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; text-align: right; }
.alarm { color: var(--alarm); font-weight: 600; } .calm { color: var(--calm); font-weight: 600; }
"""


def as_page(months: Sequence[Judged], title: str = "How the model is doing") -> str:
    """A page without outside assets; the latest month first."""
    body = "\n".join(line for judged in reversed(months) for line in _month(judged))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><main><h1>{html.escape(title)}</h1>\n{body}\n</main></body></html>\n"
    )


def _month(judged: Judged) -> Iterator[str]:
    yield f"<section><h2>{html.escape(judged.month)}</h2>"
    if judged.breaches:
        yield f'<p class="alarm">{len(judged.breaches)} figures beyond their limits.</p><ul>'
        yield from (f"<li>{html.escape(breach.sentence())}</li>" for breach in judged.breaches)
        yield "</ul>"
    elif judged.figures:
        yield '<p class="calm">Every figure is within its limits.</p>'
    else:
        yield "<p>Too few people to say anything.</p>"
    listed = [figure for figure in judged.figures if figure.kind in LISTED]
    if listed:
        yield f'<div class="wide" tabindex="0"><table><caption>Figures of {html.escape(judged.month)}</caption>'
        yield "<thead><tr>"
        yield "".join(f'<th scope="col">{name}</th>' for name in ("Figure", "Group", "Found", "Expected", "People"))
        yield "</tr></thead><tbody>"
        yield from (_row(figure) for figure in listed)
        yield "</tbody></table></div>"
    yield "</section>"


def _row(figure: Figure) -> str:
    name = f"{TITLES[figure.kind]}{f' of {figure.about}' if figure.about else ''}"
    numbers = "".join(
        f'<td class="number">{text}</td>' for text in (f"{figure.value:.3f}", f"{figure.expected:.3f}", str(figure.n))
    )
    return f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(figure.group)}</td>{numbers}</tr>'
