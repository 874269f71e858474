"""Whether a text message may go to a client: consent, non-disclosure, age and telephone number, at this moment."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

LEFT = "left"
NON_DISCLOSURE = "non_disclosure"
NEVER_ASKED = "never_asked"
NO_CONSENT = "no_consent"
AGE_NOT_KNOWN = "age_not_known"
UNDER_AGE = "under_age"
NO_NUMBER = "no_number"
UNUSABLE_NUMBER = "unusable_number"
SEVERAL_NUMBERS = "several_numbers"

OBSTACLES = (
    LEFT,
    NON_DISCLOSURE,
    NEVER_ASKED,
    NO_CONSENT,
    AGE_NOT_KNOWN,
    UNDER_AGE,
    NO_NUMBER,
    UNUSABLE_NUMBER,
    SEVERAL_NUMBERS,
)
"""Why a text message does not go to a client, in the order in which they are looked at: the first one is recorded."""

_NATIONAL = re.compile(r"0[1-9]\d{3,12}")
_INTERNATIONAL = re.compile(r"\+[1-9]\d{5,14}")
_SPACING = re.compile(r"[\s()./\-\u2010-\u2015]")


class NumberError(ValueError):
    """No telephone number; the message does not quote it."""


@dataclass(frozen=True)
class Client:
    """What is known of a client at the moment of sending.

    Attributes:
        sms_consent: None when never asked.
        in_care: False for who has died or moved away.
    """

    birth_date: date | None
    language: str | None
    sms_consent: bool | None
    non_disclosure: bool
    in_care: bool = True


def obstacle(client: Client, numbers: Collection[str], minimum_age: int | None, today: date) -> str | None:
    """Why no text message may go to a client today, one of `OBSTACLES`; None when it may.

    Args:
        client: what is known of the client now.
        numbers: the client's telephone numbers; one number written in two ways is one number.
        minimum_age: age in whole years from which messages go, by the voucher definition; None for any age.
        today: the Helsinki day.
    """
    found = {_readable(number) for number in numbers}
    looked_at = {
        LEFT: not client.in_care,
        NON_DISCLOSURE: client.non_disclosure,
        NEVER_ASKED: client.sms_consent is None,
        NO_CONSENT: client.sms_consent is False,
        AGE_NOT_KNOWN: minimum_age is not None and client.birth_date is None,
        UNDER_AGE: _is_under(minimum_age, client.birth_date, today),
        NO_NUMBER: not found,
        UNUSABLE_NUMBER: found == {None},
        SEVERAL_NUMBERS: len(found) > 1,
    }
    return next((reason for reason in OBSTACLES if looked_at[reason]), None)


def age_on(birth_date: date, today: date) -> int:
    """Age in whole years; who is born on 29 February is a year older from 1 March in common years."""
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))


def normalised(number: str) -> str:
    """A telephone number in the international form (ITU-T E.164); one without a country code is Finnish.

    Raises:
        NumberError: it is no telephone number.

    Examples:
        >>> normalised("040 123 4567"), normalised("00358-40-1234567")
        ('+358401234567', '+358401234567')
    """
    bare = _SPACING.sub("", number)
    if bare.startswith("00"):
        bare = f"+{bare[2:]}"
    if _NATIONAL.fullmatch(bare):
        bare = f"+358{bare[1:]}"
    bare = bare.replace("+3580", "+358", 1)  # +358 (0)40 is a common way to write it
    if not _INTERNATIONAL.fullmatch(bare):
        raise NumberError(
            "no telephone number: digits with the country code, beginning with +, or a Finnish one beginning with 0"
        )
    return bare


def _readable(number: str) -> str | None:
    try:
        return normalised(number)
    except NumberError:
        return None


def _is_under(minimum_age: int | None, birth_date: date | None, today: date) -> bool:
    return minimum_age is not None and birth_date is not None and age_on(birth_date, today) < minimum_age
