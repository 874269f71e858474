"""Words of the dental catalogue: what a clinician calls the levels and the reason groups."""

from __future__ import annotations

from features.families import Label

ABOUT = {
    "age": Label("Ikä", "Ålder", "Age"),
    "special_needs": Label("Erityisjärjestelyt", "Särskilda arrangemang", "Special arrangements"),
    "use": Label("Palvelujen käyttö", "Användning av vården", "Use of care"),
    "gap": Label("Käyntivälit", "Besöksintervall", "Time between visits"),
    "history": Label("Historian pituus", "Historikens längd", "Length of the history"),
    "emergency": Label("Päivystys", "Akutvård", "Emergency care"),
    "continuity": Label("Hoidon jatkuvuus", "Vårdens kontinuitet", "Continuity of care"),
    "attendance": Label("Ajanvarausten toteutuminen", "Hur bokade tider hålls", "Kept and missed appointments"),
    "recall": Label("Tutkimusväli", "Undersökningsintervall", "Examination interval"),
    "examination": Label("Tutkimukset ja kuvat", "Undersökningar och bilder", "Examinations and radiographs"),
    "prevention": Label("Ehkäisevä hoito", "Förebyggande vård", "Prevention"),
    "caries": Label("Karies ja paikkaukset", "Karies och fyllningar", "Caries and fillings"),
    "root_canal": Label("Hammasydin ja juurihoito", "Pulpa och rotbehandling", "Tooth pulp and root canals"),
    "periodontal": Label("Ikenet ja kiinnityskudos", "Tandkött och parodontium", "Gums and periodontium"),
    "tooth_loss": Label("Hampaiden menetys ja proteesit", "Tandförlust och proteser", "Tooth loss and prostheses"),
    "other_care": Label("Muu hoito", "Övrig vård", "Other care"),
    "plaque": Label("Plakki ja kotihoito", "Plack och egenvård", "Plaque and home care"),
    "medical": Label("Yleisterveys", "Allmänhälsa", "General health"),
    "self_report": Label("Omat vastaukset", "Egna svar", "The patient's own answers"),
}
"""Reason groups: what a clinician calls one thing."""

GROUPS = {
    "examination": Label("tutkimus", "undersökning", "examination"),
    "prevention": Label("ehkäisevä hoito", "förebyggande vård", "prevention"),
    "periodontal": Label("parodontologinen hoito", "parodontal behandling", "gum care"),
    "restorative": Label("paikkaushoito", "lagning", "fillings"),
    "endodontic": Label("juurihoito", "rotbehandling", "root canal care"),
    "extraction": Label("hampaan poisto", "tandextraktion", "extraction"),
    "prosthetic": Label("proteettinen hoito", "protetisk vård", "prosthetic care"),
    "imaging": Label("röntgenkuva", "röntgenbild", "radiographs"),
}
GROUPS_ABOUT = {
    "examination": "examination",
    "prevention": "prevention",
    "periodontal": "periodontal",
    "restorative": "caries",
    "endodontic": "root_canal",
    "extraction": "tooth_loss",
    "prosthetic": "tooth_loss",
    "imaging": "examination",
}
RARER_GROUPS = {
    "orthodontic": Label("oikomishoito", "tandreglering", "orthodontics"),
    "occlusion": Label("purentafysiologinen hoito", "bettfysiologisk vård", "care of the bite and the jaw joint"),
    "surgery": Label("ikenen ja leuan kirurgia", "tandkötts- och käkkirurgi", "gum and jaw surgery"),
    "anaesthesia": Label("puudutus tai sedaatio", "bedövning eller sedering", "anaesthesia or sedation"),
    "assessment": Label("hoidon tarpeen arvio", "bedömning av vårdbehovet", "assessment of the need for care"),
    "emergency": Label("ensiapu", "förstahjälp", "first aid"),
}
PROFESSIONS = {
    "dentist": Label("hammaslääkäri", "tandläkare", "dentist"),
    "specialist": Label("erikoishammaslääkäri", "specialisttandläkare", "specialist dentist"),
    "hygienist": Label("suuhygienisti", "munhygienist", "hygienist"),
    "assistant": Label("hammashoitaja", "tandskötare", "dental nurse"),
}
PRODUCERS = {
    "voucher": Label("palveluseteli", "servicesedel", "voucher"),
    "purchased": Label("ostopalvelu", "köptjänst", "purchased service"),
}
MEASURED = {
    "decayed": Label("reikiintyneet hampaat", "karierade tänder", "decayed teeth"),
    "missing": Label("puuttuvat hampaat", "saknade tänder", "missing teeth"),
    "filled": Label("paikatut hampaat", "lagade tänder", "filled teeth"),
    "dmft": Label("DMFT-luku", "DMFT-tal", "DMFT"),
    "teeth": Label("hampaita suussa", "tänder i munnen", "teeth present"),
    "cpi": Label("ientaskuindeksi CPI", "parodontalindex CPI", "gum index CPI"),
    "bop": Label("ienverenvuoto, %", "blödning vid sondering, %", "bleeding on probing, %"),
    "ppd": Label("syvin ientasku, mm", "djupaste tandköttsficka, mm", "deepest gum pocket, mm"),
    "plaque": Label("plakki, %", "plack, %", "plaque, %"),
}
MEASURED_ABOUT = {
    "decayed": "caries",
    "missing": "tooth_loss",
    "filled": "caries",
    "dmft": "caries",
    "teeth": "tooth_loss",
    "cpi": "periodontal",
    "bop": "periodontal",
    "ppd": "periodontal",
    "plaque": "plaque",
}
ANSWERS = {
    "pain": Label("särky, 0–2", "värk, 0–2", "pain, 0–2"),  # noqa: RUF001 - the dash is typography
    "bleeding": Label("ikenet vuotavat, 0–2", "tandköttet blöder, 0–2", "gums bleed, 0–2"),  # noqa: RUF001
    "self_rated": Label("oma arvio suun terveydestä, 1–5", "egen bedömning av munhälsan, 1–5",  # noqa: RUF001
                        "own rating of oral health, 1–5"),  # noqa: RUF001
    "years_since_visit": Label("vuosia edellisestä käynnistä", "år sedan förra besöket", "years since the last visit"),
    "smoking": Label("tupakoi päivittäin", "röker dagligen", "smokes daily"),
    "diabetes": Label("diabetes", "diabetes", "diabetes"),
    "fear": Label("hoitopelko, 0–4", "tandvårdsrädsla, 0–4", "fear of dental care, 0–4"),  # noqa: RUF001
    "brushing": Label("hampaiden harjaus, kertaa päivässä", "tandborstning, gånger per dag",
                      "brushing, times a day"),
    "missing_teeth_self": Label("itse laskettuja puuttuvia hampaita", "saknade tänder enligt egen räkning",
                                "missing teeth by own count"),
}  # fmt: skip
ANSWERS_ABOUT = {
    "pain": "self_report",
    "bleeding": "periodontal",
    "self_rated": "self_report",
    "years_since_visit": "gap",
    "smoking": "medical",
    "diabetes": "medical",
    "fear": "self_report",
    "brushing": "plaque",
    "missing_teeth_self": "tooth_loss",
}
