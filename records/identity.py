"""Finnish personal identity codes at the edge: checked, turned into pseudonyms, and never kept.

An identity code never leaves this module: no attribute, message or exception holds one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import date

CENTURIES = {"+": 1800, **dict.fromkeys("-YXWVU", 1900), **dict.fromkeys("ABCDEF", 2000)}
"""Separator -> century; the letters beside - and A came in 2023."""

CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
"""The check character is the one at (ddmmyy and the individual number, as one number) modulo 31."""

LEAST_KEY_BYTES = 16
_CODE = re.compile(r"(\d{2})(\d{2})(\d{2})([-+A-FU-Y])(\d{3})([0-9A-Y])", re.ASCII)


def is_identity_code(text: str) -> bool:
    """Whether a text is a well-formed identity code: a real date, an individual number from 002, the right check.

    Individual numbers 900-999 are temporary codes, which are well-formed too. Small letters and spaces around the
    code are tolerated; the separator is part of the identity.

    Examples:
        >>> is_identity_code("010190-999W"), is_identity_code("010190-9990")
        (True, False)
    """
    found = _CODE.fullmatch(text.strip().upper())
    if found is None:
        return False
    day, month, year, separator, individual, check = found.groups()
    try:
        date(CENTURIES[separator] + int(year), int(month), int(day))
    except ValueError:
        return False
    number = int(day + month + year + individual)
    return int(individual) >= 2 and CHECK_CHARACTERS[number % 31] == check


def looks_like_identity_code(text: str) -> bool:
    """Whether a text has the form of an identity code, right or mistyped: such a text is no opaque key."""
    return _CODE.fullmatch(text.strip().upper()) is not None


class Pseudonyms:
    """Identity codes to pseudonyms by a keyed hash: the same code and key give the same pseudonym everywhere.

    A pseudonym is the first 128 bits of HMAC-SHA-256 in hexadecimal (32 characters). Without the key it can be
    neither computed nor undone; whoever holds the key can test every possible code, so the key is a secret.
    """

    def __init__(self, key: bytes) -> None:
        """Take the secret key.

        Raises:
            ValueError: the key is shorter than 16 bytes.
        """
        if len(key) < LEAST_KEY_BYTES:
            raise ValueError(f"the key of the pseudonyms is too short; give at least {LEAST_KEY_BYTES} random bytes")
        self._key = key

    def of(self, code: str) -> str:
        """The pseudonym of an identity code.

        Raises:
            ValueError: the text is no identity code (the message does not repeat it).
        """
        if not is_identity_code(code):
            raise ValueError("this is not a Finnish personal identity code")
        return hmac.new(self._key, code.strip().upper().encode("ascii"), hashlib.sha256).hexdigest()[:32]
