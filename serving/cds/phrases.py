"""What cards say, in Finnish, Swedish and English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from serving.words import Language

MOST_LETTERS = 139
"""Of a summary: CDS Hooks wants it shorter than 140."""

PHRASES: Mapping[str, Mapping[Language, str]] = {
    "assessed": {
        "fi": "{segment} ({percent}): varaa {appointment}, {who}, {minutes} min",
        "sv": "{segment} ({percent}): boka {appointment}, {who}, {minutes} min",
        "en": "{segment} ({percent}): book {appointment}, {who}, {minutes} min",
    },
    "no_history": {
        "fi": "Ei kirjattua hoitohistoriaa: varaa {appointment}, {who}, {minutes} min",
        "sv": "Ingen registrerad vårdhistorik: boka {appointment}, {who}, {minutes} min",
        "en": "No care on record: book {appointment}, {who}, {minutes} min",
    },
    "too_little_history": {
        "fi": "Liian vähän tai liian vanhaa historiaa: varaa {appointment}, {who}, {minutes} min",
        "sv": "För kort eller för gammal historik: boka {appointment}, {who}, {minutes} min",
        "en": "Too little or too old records: book {appointment}, {who}, {minutes} min",
    },
    "for_patient": {
        "fi": "Suosittelemme sinulle aikaa: {appointment}, {who}, {minutes} min",
        "sv": "Vi rekommenderar en tid för dig: {appointment}, {who}, {minutes} min",
        "en": "We recommend this appointment for you: {appointment}, {who}, {minutes} min",
    },
    "suggestion": {
        "fi": "Varaa {minutes} min, {who}",
        "sv": "Boka {minutes} min, {who}",
        "en": "Book {minutes} min, {who}",
    },
    "change": {
        "fi": "Aika: {appointment}, {who}, {minutes} min",
        "sv": "Tid: {appointment}, {who}, {minutes} min",
        "en": "Appointment: {appointment}, {who}, {minutes} min",
    },
    "fits": {
        "fi": "Ehdotettu aika vastaa suositusta.",
        "sv": "Den föreslagna tiden motsvarar rekommendationen.",
        "en": "The proposed appointment is as recommended.",
    },
    "need": {
        "fi": "Arvioitu hoito: {visits} käyntiä, {minutes} min",
        "sv": "Uppskattad vård: {visits} besök, {minutes} min",
        "en": "Expected care: {visits} visits, {minutes} min",
    },
    "history": {
        "fi": "Historia: {events} kirjattua tapahtumaa",
        "sv": "Historik: {events} registrerade händelser",
        "en": "History: {events} recorded events",
    },
    "look": {
        "fi": "Hoidontarpeen arvio: avaa perusteet",
        "sv": "Bedömning av vårdbehovet: öppna motiveringen",
        "en": "Assessment of need: open the reasons",
    },
    "open": {"fi": "Avaa perusteet", "sv": "Öppna motiveringen", "en": "Open the reasons"},
}

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~>-])")


def phrase(name: str, language: Language, **values: object) -> str:
    """A phrase with its values."""
    return PHRASES[name][language].format(**values)


def summary(text: str) -> str:
    """A summary that is not too long; what is cut is marked."""
    text = text[:1].upper() + text[1:]
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1].rstrip()}…"


def plain(text: str) -> str:
    """A text as Markdown that shows it letter by letter: no mark-up, no HTML, no link and no new line in it.

    A client that renders raw HTML, as some do, meets none.
    """
    one_line = " ".join(text.split()).replace("://", ": //").replace("www.", "www .")
    return _SPECIAL.sub(r"\\\1", escape(one_line, quote=True))
