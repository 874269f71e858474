"""The plan of an interview: in which order to ask, when an answer matters, and what people are likely to answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from models.interview.columns import InterviewError
from models.interview.likely import Likely

FILE = "interview.json"


@dataclass(frozen=True)
class Limits:
    """When to ask and when to stop. What each limit costs and saves is measured in docs/interview.md.

    How much an answer moves an estimate is the standard deviation of the log-odds over its plausible values, summed
    over the thresholds between segments.

    Attributes:
        unsettled: the booking is settled once at most this share of the plausible sets of answers would change it.
        least_effect: while it is not settled, a question is passed over when its answer moves the estimate less.
        large_effect: once it is settled, a question is still asked when its answer moves the estimate this much: the
            probabilities, and with them the visits to reserve, would be others. Infinity stops at the booking.
        drawn: how many plausible sets of answers are looked at.
    """

    unsettled: float = 0.05
    least_effect: float = 0.1
    large_effect: float = 0.3
    drawn: int = 48


@dataclass(frozen=True)
class Plan:
    """What training settles about interviews, for one model.

    Attributes:
        catalogue: version of the feature catalogue.
        order: names of the questions, the one that tells most first.
        likely: what people are likely to answer; its questions are in the order of `order`.
        limits: when to ask and when to stop.
    """

    catalogue: str
    order: tuple[str, ...]
    likely: Likely
    limits: Limits = Limits()

    def save(self, folder: Path) -> None:
        """Write the plan as a text file into an existing folder."""
        said = {
            "catalogue": self.catalogue,
            "order": self.order,
            "likely": self.likely.said(),
            "limits": vars(self.limits),
        }
        (folder / FILE).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            InterviewError: the folder holds no plan that can be read.
        """
        try:
            said: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls(said["catalogue"], tuple(said["order"]), Likely.of(said["likely"]), Limits(**said["limits"]))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InterviewError(f"{folder} holds no plan of an interview that can be read: {error}") from error
