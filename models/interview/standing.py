"""Answers that stand: those on record that still hold, and in their place those of the interview at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.interview.questions import Item

Answers = dict[str, float | None]


def standing(
    items: Mapping[str, Item], recorded: Iterable[tuple[str, float, int]], told: Mapping[str, float | None]
) -> Answers:
    """Answers that need not be asked for.

    Args:
        items: the questions by name.
        recorded: answers on record in the order of time, each with its question, its value and the days since it was
            given: the last one to a question stays.
        told: answers of this interview; None where somebody would not or could not say.

    Returns:
        Answers by question. Without those that no question allows: older records and other models may have had others.
    """
    held = {name: value for name, value, age in recorded if name in items and age <= items[name].holds}
    return {
        name: value
        for name, value in {**held, **told}.items()
        if name in items and (value is None or items[name].allows(value))
    }
