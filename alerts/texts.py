"""What a message says: a template with named variables in the reader's language, and its length as a text message.

A text is made at the moment it is sent and then forgotten: neither the database nor a log ever holds one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

LANGUAGES = ("fi", "sv", "en")
OTHERWISE = "en"
"""Who speaks neither Finnish nor Swedish gets English, as in Ostrobothnia's messages (sttinfo.fi 71189747)."""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet of text messages, one septet a sign (3GPP TS 23.038, 6.2.1)."""
EXTENDED = frozenset("\f^{}\\[~]|€")
"""Its extension table: an escape and a sign, two septets that no part may divide (3GPP TS 23.038, 6.2.1.1)."""
SEPTETS, SEPTETS_OF_PART = 160, 153
"""How long one message may be, and one part of several, which begins with a header (3GPP TS 23.040, 9.2.3.24.1)."""
UNITS, UNITS_OF_PART = 70, 67
"""The same in UTF-16 units, for texts with any other sign."""


class TextError(ValueError):
    """A template that cannot be read, or a variable that has no value. The message quotes no value."""


@dataclass(frozen=True)
class Length:
    """How long a text is as a text message.

    Attributes:
        encoding: `GSM-7`, or `UCS-2` when a sign is outside the default alphabet.
        units: septets, or UTF-16 units.
        parts: messages that it is divided into, and that are paid for; an empty text is one.
    """

    encoding: str
    units: int
    parts: int


def language_of(service_language: str | None) -> str:
    """The language to write in: the client's if it is Finnish or Swedish, else English.

    Args:
        service_language: ISO 639-1, possibly with a region (`sv-FI`); None when it is not known.

    Examples:
        >>> language_of("sv-FI"), language_of("so"), language_of(None)
        ('sv', 'en', 'en')
    """
    primary = (service_language or "").partition("-")[0].lower()
    return primary if primary in LANGUAGES else OTHERWISE


def names(template: str) -> frozenset[str]:
    """The variables that a template names in braces: `{valid_until}`; doubled braces are braces.

    Raises:
        TextError: a brace has no partner, or there is anything but a name between two.
    """
    try:
        fields = [(name, form, how) for _, name, form, how in Formatter().parse(template) if name is not None]
    except ValueError:
        raise TextError("a brace has no partner; write {{ or }} for a brace itself") from None
    for name, form, how in fields:
        if not name.isidentifier() or form or how:
            raise TextError("between braces stands something that is not the plain name of a variable")
    return frozenset(name for name, _, _ in fields)


def render(template: str, values: Mapping[str, str]) -> str:
    """A template with its variables filled in.

    Raises:
        TextError: the template cannot be read, or a variable has no value.

    Examples:
        >>> render("Palvelusetelisi on voimassa {valid_until} asti.", {"valid_until": "31.1.2027"})
        'Palvelusetelisi on voimassa 31.1.2027 asti.'
    """
    missing = sorted(names(template) - set(values))
    if missing:
        raise TextError(f"no value for {', '.join(missing)}")
    return template.format_map(values)


def sms_length(text: str) -> Length:
    """How many messages a text takes.

    Examples:
        >>> sms_length("Hyvää päivää!")
        Length(encoding='GSM-7', units=13, parts=1)
        >>> sms_length("Šakki")
        Length(encoding='UCS-2', units=5, parts=1)
    """
    if set(text) <= BASIC | EXTENDED:
        return _length("GSM-7", [2 if sign in EXTENDED else 1 for sign in text], SEPTETS, SEPTETS_OF_PART)
    return _length("UCS-2", [2 if ord(sign) > 0xFFFF else 1 for sign in text], UNITS, UNITS_OF_PART)


def _length(encoding: str, sizes: list[int], alone: int, part: int) -> Length:
    units = sum(sizes)
    return Length(encoding, units, 1 if units <= alone else _parts(sizes, part))


def _parts(sizes: list[int], part: int) -> int:
    """Into how many parts signs of these sizes go, in order, when no sign is divided."""
    parts, room = 1, part
    for size in sizes:
        if size > room:
            parts, room = parts + 1, part
        room -= size
    return parts
