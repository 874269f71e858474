"""The words around an answer, in Finnish, Swedish and English; what the answer itself says comes from the service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from serving.preferences import preferences

Language = Literal["fi", "sv", "en"]
LANGUAGES: tuple[Language, ...] = ("fi", "sv", "en")

TEXTS: Mapping[str, Mapping[Language, str]] = {
    "suggestion": {"fi": "Ehdotus", "sv": "Förslag", "en": "Suggestion"},
    "no_estimate": {
        "fi": "Ei arviota: ei kirjattuja tietoja",
        "sv": "Ingen uppskattning: inga registrerade uppgifter",
        "en": "No estimate: nothing recorded",
    },
    "too_little": {
        "fi": "Ei arviota: liian vähän tai liian vanhoja tietoja",
        "sv": "Ingen uppskattning: för få eller för gamla uppgifter",
        "en": "No estimate: too little or too old records",
    },
    "topic": {
        "fi": "hammashoidon tarve",
        "sv": "behov av tandvård",
        "en": "need for dental care",
    },
    "as_of": {"fi": "Hetki", "sv": "Tidpunkt", "en": "As of"},
    "need": {"fi": "Arvioitu hoito", "sv": "Uppskattad vård", "en": "Expected care"},
    "visits": {"fi": "käyntiä", "sv": "besök", "en": "visits"},
    "minutes": {"fi": "min", "sv": "min", "en": "min"},
    "book": {"fi": "Varaa ensin", "sv": "Boka först", "en": "Book first"},
    "follow_ups": {
        "fi": "Varaa jatkokäynneiksi",
        "sv": "Reservera för återbesök",
        "en": "Reserve for follow-ups",
    },
    "pathway": {"fi": "Hoitopolku", "sv": "Vårdväg", "en": "Pathway"},
    "interval": {
        "fi": "Suositeltu tutkimusväli hoidon jälkeen",
        "sv": "Rekommenderat undersökningsintervall efter vården",
        "en": "Recommended interval between examinations after care",
    },
    "months": {"fi": "kk", "sv": "mån", "en": "months"},
    "special_needs": {
        "fi": "Hoito vaatii erityisjärjestelyjä.",
        "sv": "Vården kräver särskilda arrangemang.",
        "en": "Care needs special arrangements.",
    },
    "reasons": {"fi": "Perusteet", "sv": "Orsaker", "en": "Reasons"},
    "ask": {"fi": "Kysy seuraavaksi", "sv": "Fråga härnäst", "en": "Ask next"},
    "history": {"fi": "Historia", "sv": "Historik", "en": "History"},
    "events": {"fi": "kirjattua tapahtumaa", "sv": "registrerade händelser", "en": "recorded events"},
    "latest": {
        "fi": "viimeisin {days} pv sitten",
        "sv": "den senaste för {days} dagar sedan",
        "en": "the latest {days} days ago",
    },
    "set_aside": {"fi": "Sivuun jätetyt rivit", "sv": "Rader som lämnats åt sidan", "en": "Rows set aside"},
    "notices": {"fi": "Huomautukset", "sv": "Anmärkningar", "en": "Notices"},
    "model": {
        "fi": "Malli {name}, versio {version}",
        "sv": "Modell {name}, version {version}",
        "en": "Model {name}, version {version}",
    },
}

SEGMENTS: Mapping[str, Mapping[Language, str]] = {
    "light": {"fi": "kevythoitoinen", "sv": "lätt vårdbehov", "en": "light"},
    "moderate": {"fi": "keskihoitoinen", "sv": "måttligt vårdbehov", "en": "moderate"},
    "heavy": {"fi": "suurihoitoinen", "sv": "stort vårdbehov", "en": "heavy"},
}
PROFESSIONS: Mapping[str, Mapping[Language, str]] = {
    "dentist": {"fi": "hammaslääkäri", "sv": "tandläkare", "en": "dentist"},
    "specialist": {"fi": "erikoishammaslääkäri", "sv": "specialisttandläkare", "en": "specialist"},
    "hygienist": {"fi": "suuhygienisti", "sv": "munhygienist", "en": "hygienist"},
    "assistant": {"fi": "hammashoitaja", "sv": "tandskötare", "en": "assistant"},
    "other": {"fi": "muu", "sv": "annan", "en": "other"},
}
TABLES: Mapping[str, Mapping[Language, str]] = {
    "contacts": {"fi": "yhteydenotot", "sv": "kontakter", "en": "contacts"},
    "visits": {"fi": "käynnit", "sv": "besök", "en": "visits"},
    "procedures": {"fi": "toimenpiteet", "sv": "åtgärder", "en": "procedures"},
    "diagnoses": {"fi": "diagnoosit", "sv": "diagnoser", "en": "diagnoses"},
    "findings": {"fi": "löydökset", "sv": "fynd", "en": "findings"},
    "appointments": {"fi": "ajanvaraukset", "sv": "tidsbokningar", "en": "appointments"},
    "answers": {"fi": "haastattelun vastaukset", "sv": "intervjusvar", "en": "interview answers"},
    "vouchers": {"fi": "palvelusetelit", "sv": "servicesedlar", "en": "vouchers"},
    "history": {"fi": "historia", "sv": "historik", "en": "history"},
}
RECORDS: Mapping[str, Mapping[Language, str]] = {
    "patient": {"fi": "potilaan tiedot", "sv": "patientuppgifter", "en": "patient"},
    "encounters": {"fi": "käynnit", "sv": "besök", "en": "visits"},
    "procedures": {"fi": "toimenpiteet", "sv": "åtgärder", "en": "procedures"},
    "conditions": {"fi": "diagnoosit", "sv": "diagnoser", "en": "diagnoses"},
    "observations": {"fi": "löydökset", "sv": "fynd", "en": "observations"},
    "appointments": {"fi": "ajanvaraukset", "sv": "tidsbokningar", "en": "appointments"},
}
"""What is read from a record system, by its key."""
_SAID: Mapping[str, Mapping[Language, str]] = {
    r"the patient is unknown": {"fi": "potilas on tuntematon", "sv": "patienten är okänd"},
    r"it happened before the patient was born": {
        "fi": "tapahtunut ennen potilaan syntymää", "sv": "inträffade före patientens födelse"},
    r"it happened at or after the moment": {
        "fi": "tapahtunut arviointihetkellä tai sen jälkeen", "sv": "inträffade vid eller efter tidpunkten"},
    r"it was recorded at or after the moment": {
        "fi": "kirjattu arviointihetkellä tai sen jälkeen", "sv": "registrerades vid eller efter tidpunkten"},
    r"duplicate event id": {"fi": "sama tapahtumatunnus toiseen kertaan", "sv": "samma händelse-id en andra gång"},
    r"(\w+) is missing": {"fi": r"\1 puuttuu", "sv": r"\1 saknas"},
    r"(\w+) is not an allowed value": {"fi": r"\1 ei ole sallittu arvo", "sv": r"\1 är inte ett tillåtet värde"},
    r"(\w+) is below (\S+)": {"fi": r"\1 on alle \2", "sv": r"\1 är under \2"},
    r"(\w+) is above (\S+)": {"fi": r"\1 on yli \2", "sv": r"\1 är över \2"},
    r"unknown code, counted in the group other": {
        "fi": "tuntematon koodi, laskettu ryhmään muu", "sv": "okänd kod, räknad i gruppen annat"},
    r"code used outside the dates of its validity": {
        "fi": "koodi, joka ei ollut voimassa", "sv": "kod som inte var i kraft"},
    r"members that are no table which the service reads were ignored": {
        "fi": "kentät, joita palvelu ei lue, jätettiin huomiotta",
        "sv": "fält som tjänsten inte läser lämnades utan avseende"},
    r"was not given and could not be fetched": {
        "fi": "ei annettu eikä voitu hakea", "sv": "gavs inte och kunde inte hämtas"},
    r"rows of another patient were left out": {
        "fi": "toisen potilaan tietoja jätettiin pois", "sv": "uppgifter om en annan patient lämnades bort"},
    r"a tooth that its coding does not tell": {
        "fi": "hammas, jota koodi ei kerro", "sv": "en tand som koden inte anger"},
    r"several teeth": {"fi": "useita hampaita", "sv": "flera tänder"},
    r"a site that is no known tooth": {
        "fi": "kohta, joka ei ole tunnettu hammas", "sv": "ett ställe som inte är en känd tand"},
}  # fmt: skip
"""Sentences of the checks, as patterns; the service says them in English."""


def word(words: Mapping[str, Mapping[Language, str]], name: str, language: Language) -> str:
    """A word in a language; a name that nobody translated stays as it is."""
    return words[name][language] if name in words else name


def source(table: str, language: Language) -> str:
    """The name of a table, or of a part of a record system."""
    return word(RECORDS if table in RECORDS else TABLES, table, language)


def said(sentence: str, language: Language) -> str:
    """A sentence of the checks in a language; one that nobody translated stays English."""
    for pattern, translated in _SAID.items():
        if language in translated and (match := re.fullmatch(pattern, sentence)):
            return match.expand(translated[language])
    return sentence


def number(value: float, places: int, language: Language) -> str:
    """A number with the language's decimal mark."""
    text = f"{value:.{places}f}"
    return text if language == "en" else text.replace(".", ",")


def language_of(accepted: str, default: Language) -> Language:
    """The language that an Accept-Language header asks for; `default` when it asks for none that is spoken here."""
    wishes = [(-weight, at, tag.partition("-")[0]) for at, (tag, weight) in enumerate(preferences(accepted))]
    spoken = [tag for weight, _, tag in sorted(wishes) if tag in LANGUAGES and weight < 0]
    return next((language for language in LANGUAGES if spoken[:1] == [language]), default)
