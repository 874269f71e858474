"""Interviews for made-up releases."""

from __future__ import annotations

import shutil
from pathlib import Path

from features.dental import DENTAL
from models.interview import Item, Likely, Limits, Plan, read_items

ITEMS = {item.name: item for item in read_items() if f"answer_{item.name}" in DENTAL.names}
"""The questions whose answers the features read."""
ALWAYS = Limits(unsettled=-1.0, least_effect=0.0)
"""Ask everything that the record leaves open."""


def levels(item: Item) -> tuple[float, ...]:
    """Answers that stand for all."""
    if item.number is not None:
        return item.number.least, item.number.most
    return tuple(choice.value for choice in item.choices)


def planned(folder: Path, to: Path, names: tuple[str, ...] = tuple(ITEMS), limits: Limits = ALWAYS) -> Path:
    """A copy of a release with an interview of some questions."""
    shutil.copytree(folder, to)
    values = tuple(levels(ITEMS[name]) for name in names)
    even = tuple((tuple(1 / len(each) for _ in each),) for each in values)
    likely = Likely(values, ((), (), ()), (1.0,), (*even, ((1.0,),), ((1.0,),), ((1.0,),)))
    Plan(DENTAL.version, names, likely, limits).save(to)
    return to
