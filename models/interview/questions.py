"""The questions of an interview: their words, the answers allowed, and when the record already answers them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from features.families import Label

TOLERANCE = 1e-6
"""A number may be so far from a whole number of steps: 0.3 is three steps of 0.1."""
DEFAULT = Path(__file__).parent.parent / "tables" / "questions.toml"


class QuestionTableError(ValueError):
    """A table of questions cannot mean anything."""


class AnswerError(ValueError):
    """An answer that its question does not allow, or to a question that there is not."""


@dataclass(frozen=True)
class Choice:
    """One answer allowed: the number that is recorded, and its words."""

    value: float
    label: Label


@dataclass(frozen=True)
class Number:
    """A number as an answer: from `least` to `most`, both allowed, in steps of `step`."""

    least: float
    most: float
    step: float
    unit: Label


@dataclass(frozen=True)
class Item:
    """One entry of the table of questions.

    Attributes:
        name: stable name, as in the table `answers` of a record history.
        text: the question in words.
        why: what an answer tells, for whoever asks.
        holds: days for which an answer on record still stands.
        choices: the answers allowed; none when the answer is a number.
        number: the numbers allowed; None when there are choices.
        from_age: whole years from which it is asked.
        recorded: features that answer it when each lies within its lowest and highest value.
    """

    name: str
    text: Label
    why: Label
    holds: int
    choices: tuple[Choice, ...] = ()
    number: Number | None = None
    from_age: int = 0
    recorded: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an entry that cannot be asked or answered."""
        values = [choice.value for choice in self.choices]
        if (self.number is None) != bool(values):
            raise QuestionTableError(f"question {self.name!r} needs either choices or a number")
        if len(set(values)) < len(values) or len(values) == 1:
            raise QuestionTableError(f"question {self.name!r} needs choices of different values, two or more")
        if self.number and not (self.number.least < self.number.most and self.number.step > 0):
            raise QuestionTableError(f"question {self.name!r}: {self.number} allows no number")
        if self.holds < 0:
            raise QuestionTableError(f"question {self.name!r}: an answer cannot hold for {self.holds} days")

    @cached_property
    def _values(self) -> frozenset[float]:
        return frozenset(choice.value for choice in self.choices)

    def allows(self, value: float) -> bool:
        """Whether an answer is allowed."""
        try:
            self.check(value)
        except AnswerError:
            return False
        return True

    def check(self, value: float) -> None:
        """Refuse an answer that is not allowed.

        Raises:
            AnswerError: it is none of the choices, or no number allowed. The value is not repeated.
        """
        if self.number is None:
            if value not in self._values:
                allowed = ", ".join(f"{choice.value:g}" for choice in self.choices)
                raise AnswerError(f"the answer to {self.name!r} must be one of {allowed}")
            return
        steps = (value - self.number.least) / self.number.step
        if not (self.number.least <= value <= self.number.most and abs(steps - round(steps)) < TOLERANCE):
            raise AnswerError(
                f"the answer to {self.name!r} must be {self.number.least:g} to {self.number.most:g} "
                f"in steps of {self.number.step:g}"
            )


def read_items(path: Path = DEFAULT) -> tuple[Item, ...]:
    """Read and check a table of questions.

    Raises:
        QuestionTableError: the file is no TOML, an entry lacks a field or cannot mean anything, or two share a name.
    """
    try:
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
        items = tuple(_item(entry) for entry in parsed["question"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise QuestionTableError(f"{path.name}: {error}") from error
    names = [item.name for item in items]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise QuestionTableError(f"{path.name}: question {repeated[0]!r} stands there twice")
    return items


def _item(entry: Mapping[str, Any]) -> Item:
    choices = tuple(Choice(float(one["value"]), _label(one)) for one in entry.get("choice", ()))
    number = entry.get("number")
    return Item(
        name=entry["name"],
        text=_label(entry["text"]),
        why=_label(entry["why"]),
        holds=entry["holds"],
        choices=choices,
        number=number and Number(number["least"], number["most"], number["step"], _label(number["unit"])),
        from_age=entry.get("from_age", 0),
        recorded={name: (float(low), float(high)) for name, (low, high) in entry.get("recorded", {}).items()},
    )


def _label(entry: Mapping[str, Any]) -> Label:
    return Label(entry["fi"], entry["sv"], entry["en"])
