"""The words around an answer, in Finnish, Swedish and English; what the answer itself says comes from the service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from features.families import LANGUAGES, Label, Language
from serving.preferences import preferences

Texts: TypeAlias = Mapping[str, Label]
"""Texts of the service by name."""

TEXTS: Texts = {
    "suggestion": Label("Ehdotus", "Förslag", "Suggestion"),
    "no_estimate": Label(
        "Ei arviota: ei kirjattuja tietoja",
        "Ingen uppskattning: inga registrerade uppgifter",
        "No estimate: nothing recorded",
    ),
    "too_little": Label(
        "Ei arviota: liian vähän tai liian vanhoja tietoja",
        "Ingen uppskattning: för få eller för gamla uppgifter",
        "No estimate: too little or too old records",
    ),
    "topic": Label("hammashoidon tarve", "behov av tandvård", "need for dental care"),
    "as_of": Label("Hetki", "Tidpunkt", "As of"),
    "need": Label("Arvioitu hoito", "Uppskattad vård", "Expected care"),
    "visits": Label("käyntiä", "besök", "visits"),
    "minutes": Label("min", "min", "min"),
    "book": Label("Varaa ensin", "Boka först", "Book first"),
    "follow_ups": Label("Varaa jatkokäynneiksi", "Reservera för återbesök", "Reserve for follow-ups"),
    "pathway": Label("Hoitopolku", "Vårdväg", "Pathway"),
    "interval": Label(
        "Suositeltu tutkimusväli hoidon jälkeen",
        "Rekommenderat undersökningsintervall efter vården",
        "Recommended interval between examinations after care",
    ),
    "months": Label("kk", "mån", "months"),
    "special_needs": Label(
        "Hoito vaatii erityisjärjestelyjä.", "Vården kräver särskilda arrangemang.", "Care needs special arrangements."
    ),
    "reasons": Label("Perusteet", "Orsaker", "Reasons"),
    "ask": Label("Kysy seuraavaksi", "Fråga härnäst", "Ask next"),
    "history": Label("Historia", "Historik", "History"),
    "events": Label("kirjattua tapahtumaa", "registrerade händelser", "recorded events"),
    "latest": Label("viimeisin {days} pv sitten", "den senaste för {days} dagar sedan", "the latest {days} days ago"),
    "set_aside": Label("Sivuun jätetyt rivit", "Rader som lämnats åt sidan", "Rows set aside"),
    "notices": Label("Huomautukset", "Anmärkningar", "Notices"),
    "model": Label(
        "Malli {name}, versio {version}", "Modell {name}, version {version}", "Model {name}, version {version}"
    ),
}

SEGMENTS: Texts = {
    "light": Label("kevythoitoinen", "lätt vårdbehov", "light"),
    "moderate": Label("keskihoitoinen", "måttligt vårdbehov", "moderate"),
    "heavy": Label("suurihoitoinen", "stort vårdbehov", "heavy"),
}
PROFESSIONS: Texts = {
    "dentist": Label("hammaslääkäri", "tandläkare", "dentist"),
    "specialist": Label("erikoishammaslääkäri", "specialisttandläkare", "specialist"),
    "hygienist": Label("suuhygienisti", "munhygienist", "hygienist"),
    "assistant": Label("hammashoitaja", "tandskötare", "assistant"),
    "other": Label("muu", "annan", "other"),
}
TABLES: Texts = {
    "contacts": Label("yhteydenotot", "kontakter", "contacts"),
    "visits": Label("käynnit", "besök", "visits"),
    "procedures": Label("toimenpiteet", "åtgärder", "procedures"),
    "diagnoses": Label("diagnoosit", "diagnoser", "diagnoses"),
    "findings": Label("löydökset", "fynd", "findings"),
    "appointments": Label("ajanvaraukset", "tidsbokningar", "appointments"),
    "answers": Label("haastattelun vastaukset", "intervjusvar", "interview answers"),
    "vouchers": Label("palvelusetelit", "servicesedlar", "vouchers"),
    "history": Label("historia", "historik", "history"),
}
RECORDS: Texts = {
    "patient": Label("potilaan tiedot", "patientuppgifter", "patient"),
    "encounters": Label("käynnit", "besök", "visits"),
    "procedures": Label("toimenpiteet", "åtgärder", "procedures"),
    "conditions": Label("diagnoosit", "diagnoser", "diagnoses"),
    "observations": Label("löydökset", "fynd", "observations"),
    "appointments": Label("ajanvaraukset", "tidsbokningar", "appointments"),
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


def word(words: Texts, name: str, language: Language) -> str:
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
