"""A message of a definition's own cycle: due some days before or after an event, while the voucher is in a state."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from alerts.intervals import intervals
from alerts.rule import Breaches, Limits, Rule, Settings, closing, earliest, plus
from alerts.times import NEVER, Ints, day_of
from alerts.vouchers import Vouchers


class CycleSettings(Settings):
    """Settings of the rule.

    Attributes:
        days: due so many days after the day of the event; before that of `valid_until` if it is negative.
        of: the event.
        state: due only while the voucher is so: granted and not activated yet, activated, or either of them.
    """

    days: int = Field(ge=-3660, le=3660)
    of: Literal["granted", "activated", "last_visit", "valid_until"]
    state: Literal["granted", "activated", "open"] = "open"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.of in {"activated", "last_visit"} and self.state == "granted":
            raise ValueError(f"a voucher that is not activated yet has no day of {self.of}")
        if self.days < 0 and self.of != "valid_until":
            raise ValueError(f"nobody knows the day of {self.of} before it; days may be negative of valid_until only")
        return self


def find(vouchers: Vouchers, _limits: Limits, settings: CycleSettings) -> Breaches:
    """From the day on which it is due, or on which the voucher came to be in the state if that is later."""
    voucher, event, next_visit = _events(vouchers, settings.of)
    granted, activated = day_of(vouchers.granted)[voucher], day_of(vouchers.activated)[voucher]
    endings = {"visited": next_visit, **closing(vouchers, voucher)}
    if settings.state == "granted":
        endings |= {"activated": vouchers.activated[voucher]}
    ended, why = earliest(**endings)
    told = {
        "granted_on": granted,
        "activated_on": activated,
        "last_visit_on": event,
        "valid_until": vouchers.valid_until[voucher],
    }
    return Breaches(
        voucher=voucher,
        since=np.maximum(plus(event, settings.days), activated if settings.state == "activated" else granted),
        ended=ended,
        why=why,
        variables={name: told[name] for name in _named(settings)},
    ).known(vouchers)


def _events(vouchers: Vouchers, of: str) -> tuple[Ints, Ints, Ints]:
    """The vouchers, the day of the event, and the visit after which the event is no longer the last of its kind."""
    everyone, never = np.arange(len(vouchers)), np.full(len(vouchers), NEVER)
    if of == "valid_until":
        return everyone, vouchers.valid_until, never
    if of != "last_visit":
        return everyone, day_of(getattr(vouchers, of)), never
    found = intervals(vouchers)
    return found.voucher[found.after_visit], found.begun[found.after_visit], found.next_visit[found.after_visit]


def _named(settings: CycleSettings) -> tuple[str, ...]:
    """What is known of every voucher for which the message can be due."""
    activated = settings.state == "activated" or settings.of in {"activated", "last_visit"}
    some = {"activated_on": activated, "last_visit_on": settings.of == "last_visit"}
    return ("granted_on", "valid_until", *(name for name, known in some.items() if known))


RULE = Rule(
    version=1,
    find=find,
    why={
        "fi": "Palvelusetelin määritelmässä sovittu viesti tuli ajankohtaiseksi {breached_on}.",
        "sv": "Ett meddelande enligt servicesedelns definition blev aktuellt {breached_on}.",
        "en": "A message set by the voucher's definition became due on {breached_on}.",
    },
    variables=_named,
    settings=CycleSettings,
)
