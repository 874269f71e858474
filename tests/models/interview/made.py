"""A small interview to test with: three yes-or-no questions and a number, over a model that can be read at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
from scipy.special import expit

from features.catalogue import Catalogue
from features.families import Label, age, count, last, since
from models.interview import Choice, Interview, Item, Likely, Limits, Number, Plan, of_rows
from models.segments import FirstAppointment, Segment, SegmentTable


def label(text: str) -> Label:
    return Label(f"{text} fi", f"{text} sv", f"{text} en")


def yes_no(name: str, **more: object) -> Item:
    choices = (Choice(0, label("no")), Choice(1, label("yes")))
    return Item(**{"name": name, "text": label(name), "why": label("why"), "holds": 183, "choices": choices, **more})


ITEMS = (
    yes_no("pain"),
    yes_no("broken"),
    yes_no("smoking", holds=730, from_age=15, recorded={"tobacco": (1, 9)}),
    Item("missing", label("missing"), label("why"), 183, number=Number(0, 32, 0.5, label("teeth"))),
)
NAMES = tuple(item.name for item in ITEMS)
LEVELS = {name: label(name) for name in NAMES}


def catalogue(window: str = "m6") -> Catalogue:
    return Catalogue(
        age("age", label("age"), "age"),
        count("diagnoses", "tobacco", label("tobacco"), "habits"),
        last("answers.value", "answer", label("answer"), "self", by="question", levels=LEVELS, windows=window),
        since("answers", "since_answer", label("since"), "self"),
    )


def first(name: str, minutes: int) -> FirstAppointment:
    return FirstAppointment(name, "dentist", minutes, label(name))


TABLE = SegmentTable(
    date(2000, 1, 1), "made", 365,
    (Segment("light", 0, 0.0, label("light"), first("short", 20)),
     Segment("moderate", 4, 0.5, label("moderate"), first("medium", 45)),
     Segment("heavy", 6, 0.5, label("heavy"), first("long", 60))),
    first("short", 20),
)  # fmt: skip


def model(window: str = "m6", base: float = 0.0, **weights: float):  # type: ignore[no-untyped-def]
    """Log-odds of moderate or more: `base` and each answer, less its middle, times its weight; heavy is 3 further."""
    names = catalogue(window).names
    suffix = "" if window == "ever" else f"_{window}"
    at = {name: names.index(f"answer_{name}{suffix}") for name in weights}

    def at_least(x: np.ndarray) -> np.ndarray:
        odds = np.full(len(x), base)
        for name, weight in weights.items():
            odds += np.where(np.isnan(x[:, at[name]]), 0.0, weight * (x[:, at[name]] - 0.5))
        return expit(np.column_stack([odds, odds - 3.0]))

    return at_least


def likely(order: tuple[str, ...] = NAMES) -> Likely:
    """Everything is as likely as anything, in one class."""
    sizes = {"pain": (0.0, 1.0), "broken": (0.0, 1.0), "smoking": (0.0, 1.0), "missing": (0.0, 2.0, 8.0)}
    levels = tuple(sizes[name] for name in order)
    chances = tuple((tuple(1 / len(values) for _ in values),) for values in levels)
    anchors = (((1.0,),), ((1.0,),), ((1.0,),))
    return Likely(levels, ((), (), ()), (1.0,), (*chances, *anchors))


def interview(
    window: str = "m6",
    base: float = 0.0,
    limits: Limits | None = None,
    weights: Mapping[str, float] | None = None,
    order: tuple[str, ...] = NAMES,
    **more: object,
) -> Interview:
    known = catalogue(window)
    plan = Plan(known.version, order, likely(order), limits or Limits(large_effect=np.inf))
    parts = {
        "items": ITEMS,
        "catalogue": known,
        "at_least": of_rows(model(window, base, **(weights or {}))),
        "table": TABLE,
    }
    return Interview(plan, **{**parts, **more})


def row(window: str = "m6", **values: float) -> np.ndarray:
    """A patient of 40 without answers on record, but for these features."""
    names = catalogue(window).names
    found = np.full(len(names), np.nan)
    found[names.index("age")], found[names.index("tobacco")] = 40, 0
    for name, value in values.items():
        found[names.index(name)] = value
    return found
