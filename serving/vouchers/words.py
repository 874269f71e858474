"""The words of the officer's list of overdue clients, in Finnish, Swedish and English."""

from __future__ import annotations

from collections.abc import Mapping

from features.families import Label
from serving.words import Texts

LIST: Texts = {
    "need": Label(
        (
            "Järjestys: arvioitu hoidon tarve, sitten ylityksen päivät. Asiakkaat, joiden tarvetta ei tiedetä, ovat"
            " heti suurimman tarpeen jälkeen."
        ),
        (
            "Ordning: bedömt vårdbehov, sedan dagar över gränsen. Klienter vars behov inte är känt kommer genast"
            " efter dem med störst behov."
        ),
        (
            "Order: assessed need for care, then days overdue. Clients whose need is not known come right after those"
            " who need most."
        ),
    ),
    "no_champion": Label(
        "Hyväksyttyä mallia ei ole, joten hoidon tarvetta ei käytetä. Järjestys: ylityksen päivät.",
        "Det finns ingen godkänd modell, så vårdbehovet används inte. Ordning: dagar över gränsen.",
        "There is no champion model, so the need for care is not used. Order: days overdue.",
    ),
    "no_assessment": Label(
        "Kenenkään hoidon tarpeesta ei ole voimassa olevaa arviota. Järjestys: ylityksen päivät.",
        "Det finns ingen gällande bedömning av någons vårdbehov. Ordning: dagar över gränsen.",
        "There is no current assessment of anybody's need for care. Order: days overdue.",
    ),
}
"""How the order of the whole list came to be."""

ROW: Texts = {
    "suggested": Label(
        "Paikka mallin ehdottaman tarpeen mukaan.",
        "Plats enligt det behov som modellen föreslår.",
        "Placed by the need that the model suggests.",
    ),
    "decided": Label(
        "Paikka sen tarpeen mukaan, jonka ammattilainen on päättänyt.",
        "Plats enligt det behov som en yrkesperson har beslutat.",
        "Placed by the need that a professional decided on.",
    ),
    "no_assessment": Label(
        "Tarpeesta ei ole voimassa olevaa arviota: paikka ylityksen päivien mukaan.",
        "Ingen gällande bedömning av behovet: plats enligt dagar över gränsen.",
        "No current assessment of the need: placed by days overdue.",
    ),
    "no_champion": Label(
        "Hyväksyttyä mallia ei ole: paikka ylityksen päivien mukaan.",
        "Ingen godkänd modell: plats enligt dagar över gränsen.",
        "No champion model: placed by days overdue.",
    ),
}
"""How the place of one row came to be."""

PAGE: Mapping[str, Mapping[str, str]] = {
    "fi": {
        "title": "Palvelusetelit: myöhässä olevat asiakkaat",
        "as_of": "Tilanne {moment}",
        "run_at": "Säännöt on ajettu viimeksi {moment}.",
        "never_run": "Sääntöjä ei ole vielä ajettu.",
        "model": "Malli",
        "no_model": "ei hyväksyttyä mallia",
        "rules": "Säännöt",
        "version": "versio {version}",
        "segments": "Luokkarajat",
        "since": "{day} alkaen",
        "table": "Asiakkaat järjestyksessä",
        "position": "Sija",
        "client": "Asiakas",
        "voucher": "Palveluseteli",
        "provider": "Palveluntuottaja",
        "days": "Päiviä yli",
        "need": "Hoidon tarve",
        "why": "Miksi listalla",
        "order": "Miksi tässä kohdassa",
        "no_provider": "ei vielä valittu",
        "unknown": "ei tiedossa",
        "decided": "päätetty",
        "suggested": "ehdotettu",
        "shown": "Näytetään {many} / {total}.",
        "none": "Kukaan ei ole myöhässä.",
        "not_activated": "aktivointi",
        "visit_interval": "käyntiväli",
        "skip": "Siirry sisältöön",
    },
    "sv": {
        "title": "Servicesedlar: försenade klienter",
        "as_of": "Läget {moment}",
        "run_at": "Reglerna kördes senast {moment}.",
        "never_run": "Reglerna har inte körts ännu.",
        "model": "Modell",
        "no_model": "ingen godkänd modell",
        "rules": "Regler",
        "version": "version {version}",
        "segments": "Klassgränser",
        "since": "från {day}",
        "table": "Klienterna i ordning",
        "position": "Plats",
        "client": "Klient",
        "voucher": "Servicesedel",
        "provider": "Serviceproducent",
        "days": "Dagar över",
        "need": "Vårdbehov",
        "why": "Varför på listan",
        "order": "Varför på denna plats",
        "no_provider": "ännu inte vald",
        "unknown": "inte känt",
        "decided": "beslutat",
        "suggested": "föreslaget",
        "shown": "Visar {many} av {total}.",
        "none": "Ingen är försenad.",
        "not_activated": "aktivering",
        "visit_interval": "besöksintervall",
        "skip": "Gå till innehållet",
    },
    "en": {
        "title": "Vouchers: overdue clients",
        "as_of": "As of {moment}",
        "run_at": "The rules were last run on {moment}.",
        "never_run": "The rules have not been run yet.",
        "model": "Model",
        "no_model": "no champion",
        "rules": "Rules",
        "version": "version {version}",
        "segments": "Segments",
        "since": "from {day}",
        "table": "Clients in order",
        "position": "Place",
        "client": "Client",
        "voucher": "Voucher",
        "provider": "Provider",
        "days": "Days over",
        "need": "Need for care",
        "why": "Why on the list",
        "order": "Why in this place",
        "no_provider": "not chosen yet",
        "unknown": "not known",
        "decided": "decided",
        "suggested": "suggested",
        "shown": "{many} of {total} are shown.",
        "none": "Nobody is overdue.",
        "not_activated": "activation",
        "visit_interval": "visit interval",
        "skip": "Skip to content",
    },
}
"""The page's own words; braces are filled in."""
