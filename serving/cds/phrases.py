"""What cards say, in Finnish, Swedish and English."""

from __future__ import annotations

import re
from html import escape

from features.families import Label, Language
from serving.words import Texts

MOST_LETTERS = 139
"""Of a summary: CDS Hooks wants it shorter than 140."""

PHRASES: Texts = {
    "assessed": Label(
        "{segment} ({percent}): varaa {appointment}, {who}, {minutes} min",
        "{segment} ({percent}): boka {appointment}, {who}, {minutes} min",
        "{segment} ({percent}): book {appointment}, {who}, {minutes} min",
    ),
    "no_history": Label(
        "Ei kirjattua hoitohistoriaa: varaa {appointment}, {who}, {minutes} min",
        "Ingen registrerad vårdhistorik: boka {appointment}, {who}, {minutes} min",
        "No care on record: book {appointment}, {who}, {minutes} min",
    ),
    "too_little_history": Label(
        "Liian vähän tai liian vanhaa historiaa: varaa {appointment}, {who}, {minutes} min",
        "För kort eller för gammal historik: boka {appointment}, {who}, {minutes} min",
        "Too little or too old records: book {appointment}, {who}, {minutes} min",
    ),
    "for_patient": Label(
        "Suosittelemme sinulle aikaa: {appointment}, {who}, {minutes} min",
        "Vi rekommenderar en tid för dig: {appointment}, {who}, {minutes} min",
        "We recommend this appointment for you: {appointment}, {who}, {minutes} min",
    ),
    "suggestion": Label("Varaa {minutes} min, {who}", "Boka {minutes} min, {who}", "Book {minutes} min, {who}"),
    "change": Label(
        "Aika: {appointment}, {who}, {minutes} min",
        "Tid: {appointment}, {who}, {minutes} min",
        "Appointment: {appointment}, {who}, {minutes} min",
    ),
    "fits": Label(
        "Ehdotettu aika vastaa suositusta.",
        "Den föreslagna tiden motsvarar rekommendationen.",
        "The proposed appointment is as recommended.",
    ),
    "need": Label(
        "Arvioitu hoito: {visits} käyntiä, {minutes} min",
        "Uppskattad vård: {visits} besök, {minutes} min",
        "Expected care: {visits} visits, {minutes} min",
    ),
    "history": Label(
        "Historia: {events} kirjattua tapahtumaa",
        "Historik: {events} registrerade händelser",
        "History: {events} recorded events",
    ),
    "look": Label(
        "Hoidontarpeen arvio: avaa perusteet",
        "Bedömning av vårdbehovet: öppna motiveringen",
        "Assessment of need: open the reasons",
    ),
    "open": Label("Avaa perusteet", "Öppna motiveringen", "Open the reasons"),
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
