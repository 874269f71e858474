"""One text of the service in its three languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One text in Finnish, Swedish and English."""

    fi: str
    sv: str
    en: str
