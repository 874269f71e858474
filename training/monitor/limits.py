"""The limits beyond which the monitor speaks up, read from a file that a person can change."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

DEFAULT = Path(__file__).parent / "limits.toml"
Action = Literal["recalibrate", "retrain", "roll back", "mend the source"]
Side = Literal["above", "below", "both"]
KINDS = (
    "schema", "missing", "drift", "broken", "no_history", "suggested", "overridden", "early", "calibration", "ranking",
    "estimated_ranking", "coverage",
)  # fmt: skip


class LimitsError(ValueError):
    """A file of limits cannot mean anything."""


@dataclass(frozen=True)
class Limit:
    """How far a kind of figure may lie from what was expected, which way counts, and what to do beyond."""

    margin: float
    side: Side
    action: Action


@dataclass(frozen=True)
class Limits:
    """All limits.

    Attributes:
        false_alarm: chance of any breach in one report when nothing has changed.
        served: assessments below which nothing is said of a group.
        matured: known outcomes below which nothing is said of a group.
        change_days: days after a change of model within which a breach is answered by rolling back.
        of: limits by kind of figure.
    """

    false_alarm: float
    served: int
    matured: int
    change_days: int
    of: Mapping[str, Limit]

    @classmethod
    def read(cls, path: Path = DEFAULT) -> Self:
        """Read a file of limits.

        Raises:
            LimitsError: it is missing or not TOML, a figure is missing or unknown, or a value cannot be used.
        """
        try:
            said = tomllib.loads(path.read_text(encoding="utf-8"))
            figures = said.pop("figure")
            found = cls(of={kind: Limit(**figure) for kind, figure in figures.items()}, **said)
        except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise LimitsError(f"{path.name} holds no limits: {error}") from error
        for problem in found.problems():
            raise LimitsError(f"{path.name}: {problem}")
        return found

    def problems(self) -> list[str]:
        """What cannot be meant."""
        wrong = [f"figure {kind!r} is unknown" for kind in self.of if kind not in KINDS]
        wrong += [f"figure {kind!r} is missing" for kind in KINDS if kind not in self.of]
        for kind, limit in self.of.items():
            if limit.action not in get_args(Action):
                wrong.append(f"action of {kind!r} must be one of {', '.join(get_args(Action))}")
            if limit.side not in get_args(Side):
                wrong.append(f"side of {kind!r} must be one of {', '.join(get_args(Side))}")
            if not limit.margin >= 0:
                wrong.append(f"margin of {kind!r} must be 0 or more")
        if not 0 < self.false_alarm < 1:
            wrong.append("false_alarm must lie between 0 and 1")
        return wrong
