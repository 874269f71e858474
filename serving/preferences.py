"""Preferences: what a header such as Accept or Accept-Language asks for, and how much."""

from __future__ import annotations

from collections.abc import Iterator


def preferences(header: str) -> Iterator[tuple[str, float]]:
    """The names in a header, in lower case and in their order, each with its weight from 0 to 1.

    A weight that cannot be read makes its name go unheard.
    """
    for part in header.lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        weight = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            found = min(float(weight), 1.0)
        except ValueError:
            continue
        if found >= 0:
            yield name, found
