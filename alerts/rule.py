"""What a rule is: which breaches it finds among vouchers, under which limits, and what it says about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from alerts.schema import ENDINGS, LANGUAGES
from alerts.times import NEVER, Ints, day_of
from alerts.vouchers import Vouchers


class Settings(BaseModel):
    """What a definition may set for a rule; a rule that has any declares a subclass."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Limits(Settings):
    """A definition's limits in whole days, None where it has none.

    Attributes:
        validity_days: the last day of validity is so many days after that of the grant, where the voucher names none.
        activation_days: the voucher is to be activated on this many-th day after the day of the grant at the latest.
        visit_interval_days: the next visit is to be on this many-th day after the day of the last one at the latest.
    """

    validity_days: int = Field(ge=0)
    activation_days: int | None = Field(default=None, ge=0)
    visit_interval_days: int | None = Field(default=None, ge=1)


@dataclass(frozen=True)
class Breaches:
    """Breaches that vouchers may have committed; arrays of one length, instants and days as in `alerts.times`.

    Attributes:
        voucher: place of the voucher.
        since: first day on which it is so.
        ended: instant at which it is no longer so.
        why: why, as a place in `ENDINGS`.
        variables: what the texts may name, days or numbers.
    """

    voucher: Ints
    since: Ints
    ended: Ints
    why: Ints
    variables: Mapping[str, Ints] = field(default_factory=dict)

    def known(self, vouchers: Vouchers, *, while_valid: bool = True) -> Breaches:
        """Those that have come to be by the vouchers' moment, ended or not: a rule's last step.

        What ended before its first day never was, nor what would begin when the voucher is valid no more. Vouchers of
        whose grant nothing is known are left alone.
        """
        ended = np.where(self.ended <= vouchers.now, self.ended, NEVER)
        been = (self.since <= vouchers.today) & (self.since <= day_of(ended))
        been &= vouchers.granted[self.voucher] < NEVER
        if while_valid:
            been &= self.since <= vouchers.valid_until[self.voucher]
        return Breaches(
            voucher=self.voucher[been],
            since=self.since[been],
            ended=ended[been],
            why=self.why[been],
            variables={name: values[been] for name, values in self.variables.items()},
        )


SettingsT = TypeVar("SettingsT", bound=Settings)


@dataclass(frozen=True)
class Rule(Generic[SettingsT]):
    """A rule, pure: of vouchers as known at a moment, and of what their definition says.

    Attributes:
        version: to be raised when it begins to find anything else.
        find: the breaches among vouchers of one definition, open or over.
        why: the finding in a sentence, by language; it may name the variables.
        variables: names (in `alerts.variables`) of what it tells of each breach, under given settings.
        limits: names of the limits that a definition must give to use it.
        settings: what a definition may set for it.
        after_end: whether its alerts are about vouchers that are closed.
        overdue: whether its alerts say that the client is late, and belong on an officer's list.
    """

    version: int
    find: Callable[[Vouchers, Limits, SettingsT], Breaches]
    why: Mapping[str, str]
    variables: Callable[[SettingsT], Sequence[str]]
    limits: Sequence[str] = ()
    settings: type[SettingsT] = Settings  # type: ignore[assignment]
    after_end: bool = False
    overdue: bool = False

    def __post_init__(self) -> None:
        if set(self.why) != set(LANGUAGES):
            raise ValueError(f"a rule says why in {', '.join(LANGUAGES)}")


AnyRule = Rule[Any]


def earliest(**endings: Ints) -> tuple[Ints, Ints]:
    """When the first of several endings came, and which it was, as a place in `ENDINGS`; of a tie the first named.

    Args:
        endings: by the word for why, instants, `NEVER` where it did not come.
    """
    instants = np.stack(list(endings.values()))
    words = np.array([ENDINGS.index(word) for word in endings])
    return instants.min(axis=0), words[instants.argmin(axis=0)]


def closing(vouchers: Vouchers, at: Ints) -> dict[str, Ints]:
    """The endings that all open vouchers share (ended, withdrawn, expired), of the vouchers at some places."""
    closed, withdrawn = vouchers.closed[at], vouchers.withdrawn[at]
    return {
        "ended": np.where(withdrawn, NEVER, closed),
        "withdrawn": np.where(withdrawn, closed, NEVER),
        "expired": vouchers.expiry[at],
    }


def plus(days: Ints, more: int) -> Ints:
    """Days so many days later; `NEVER` stays."""
    return np.where(days < NEVER, days + more, NEVER)
