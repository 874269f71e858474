"""What is normal: how the model behaved on the rows it was judged on, against which its service is held."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.profile import Published
from training.monitor.served import Served

Floats = NDArray[np.float64]
LEAST = 5
"""People below whom no average is kept."""


class NoReferenceError(ValueError):
    """A file holds no reference of a model."""


@dataclass(frozen=True)
class Reference:
    """Figures of the rows that a model was judged on.

    Attributes:
        without_history: share of assessments without history; None of rows that were chosen for having one.
        suggested: share of each segment among the suggestions.
        ranking: AUROC that the model's own probabilities expect, one a threshold.
        early: mean visits in the first days, by suggested segment; None where it is not known.
        early_sd: their standard deviation.
        coverage: share of prediction sets that hold the truth; None for a model without sets.
        overridden: share of suggestions that people override; None before the model has served.
        profile: published profile of the features.
    """

    without_history: float | None
    suggested: tuple[float, ...]
    ranking: tuple[float, ...]
    early: tuple[float | None, ...]
    early_sd: tuple[float | None, ...]
    coverage: float | None
    overridden: float | None
    profile: Published

    @classmethod
    def of(cls, quiet: Served, profile: Published) -> Self:
        """From a quiet time: the rows that the model was judged on, or a first stretch of service.

        Raises:
            NoReferenceError: nothing was suggested in that time.
        """
        rows = quiet.take(quiet.suggested >= 0)
        if not len(rows):
            raise NoReferenceError("nothing was suggested: there is no normal to hold a service against")
        segments = rows.members.shape[1]
        early = [rows.early[(rows.suggested == at) & ~np.isnan(rows.early)] for at in range(segments)]
        with_set = rows.members.any(1) & (rows.truth >= 0)
        decided = rows.decided >= 0
        return cls(
            without_history=1 - len(rows) / len(quiet) if len(rows) < len(quiet) else None,
            suggested=tuple(float((rows.suggested == at).mean()) for at in range(segments)),
            ranking=tuple(expected_auroc(column) for column in rows.at_least.T),
            early=tuple(float(visits.mean()) if len(visits) >= LEAST else None for visits in early),
            early_sd=tuple(float(visits.std()) if len(visits) >= LEAST else None for visits in early),
            coverage=float(rows.members[with_set, rows.truth[with_set]].mean()) if with_set.any() else None,
            overridden=float((rows.decided != rows.suggested)[decided].mean()) if decided.any() else None,
            profile=profile,
        )

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(vars(self), indent=1) + "\n"

    def write(self, path: Path) -> None:
        """Write it as JSON, complete or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f"{path.name}.part")
        staged.write_text(self.to_json(), encoding="utf-8")
        staged.replace(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote.

        Raises:
            NoReferenceError: the file is missing or holds something else.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise NoReferenceError(f"{path} holds no reference of a model") from error
        return cls.from_json(text, str(path))

    @classmethod
    def from_json(cls, text: str, where: str) -> Self:
        """Read what `to_json` made; `where` names it in an error.

        Raises:
            NoReferenceError: the text is something else.
        """
        try:
            said: dict[str, Any] = json.loads(text)
            lists: dict[str, Any] = {
                name: tuple(said.pop(name)) for name in ("suggested", "ranking", "early", "early_sd")
            }
            return cls(**lists, **said)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NoReferenceError(f"{where} holds no reference of a model") from error


def expected_auroc(probability: Floats | Sequence[float]) -> float:
    """The AUROC to expect of calibrated probabilities, before any outcome is known; NaN for none.

    Every row counts as an event with its probability and as none with the rest.
    """
    p = np.sort(np.asarray(probability, np.float64))
    events, others = p.sum(), (1 - p).sum()
    if not events or not others:
        return float("nan")
    values, first = np.unique(p, return_index=True)
    counts = np.diff(np.append(first, len(p)))
    without = (1 - values) * counts
    below = np.cumsum(without) - without
    return float((values * counts * (below + without / 2)).sum() / (events * others))
