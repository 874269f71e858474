"""The dental catalogue: what Tarve knows of a patient's record history before a first visit is booked.

Sex, language and district are deliberately no features: they are slices in which the model is examined.
"""

from __future__ import annotations

from features.catalogue import Catalogue
from features.families import (
    Label,
    age,
    attribute,
    by_groups,
    count,
    distinct,
    highest,
    last,
    mean,
    oldest,
    share,
    since,
    slope,
    total,
)

CARE = {
    "examination": Label("tutkimus", "undersökning", "examination"),
    "prevention": Label("ehkäisevä hoito", "förebyggande vård", "prevention"),
    "periodontal": Label("parodontologinen hoito", "parodontal behandling", "gum care"),
    "restorative": Label("paikkaushoito", "lagning", "fillings"),
    "endodontic": Label("juurihoito", "rotbehandling", "root canal care"),
    "extraction": Label("hampaan poisto", "tandextraktion", "extraction"),
    "prosthetic": Label("proteettinen hoito", "protetisk vård", "prosthetic care"),
    "imaging": Label("röntgenkuva", "röntgenbild", "radiographs"),
}
CARE_ABOUT = {
    "examination": "examination",
    "prevention": "prevention",
    "periodontal": "periodontal",
    "restorative": "caries",
    "endodontic": "root_canal",
    "extraction": "tooth_loss",
    "prosthetic": "tooth_loss",
    "imaging": "examination",
}
WORKERS = {
    "dentist": Label("hammaslääkäri", "tandläkare", "dentist"),
    "hygienist": Label("suuhygienisti", "munhygienist", "hygienist"),
}
MEASURED = {
    "decayed": Label("reikiintyneet hampaat", "karierade tänder", "decayed teeth"),
    "missing": Label("puuttuvat hampaat", "saknade tänder", "missing teeth"),
    "filled": Label("paikatut hampaat", "lagade tänder", "filled teeth"),
    "cpi": Label("ientaskuindeksi CPI", "parodontalindex CPI", "gum index CPI"),
    "bop": Label("ienverenvuoto, %", "blödning vid sondering, %", "bleeding on probing, %"),
    "ppd": Label("syvin ientasku, mm", "djupaste tandköttsficka, mm", "deepest gum pocket, mm"),
    "plaque": Label("plakki, %", "plack, %", "plaque, %"),
}
MEASURED_ABOUT = {
    "decayed": "caries",
    "missing": "tooth_loss",
    "filled": "caries",
    "cpi": "periodontal",
    "bop": "periodontal",
    "ppd": "periodontal",
    "plaque": "plaque",
}
# The ICD-10 codes most used in Finnish public dental care (AvoHilmo counts of a research biobank, 2010-2023).
CARIES = ("K020", "K021", "K022", "K029")
PULP = ("K040", "K041", "K044", "K045", "K046", "K047")
PERIODONTITIS = ("K0530", "K0531", "K053")

VISITS = count("visits", "visits", Label("Käyntejä", "Besök", "Visits"), "use", windows="m12 m24 m60")
EMERGENCIES = count(
    "visits", "emergencies", Label("Päivystyskäyntejä", "Akutbesök", "Emergency visits"), "emergency",
    where={"urgency": "emergency"}, windows="m12 m24 m60",
)  # fmt: skip

DENTAL = Catalogue(
    age("age", Label("Ikä", "Ålder", "Age"), "age"),
    attribute("patients.special_needs", "special_needs",
              Label("Hoito vaatii erityisjärjestelyjä", "Vården kräver särskilda arrangemang",
                    "Care needs special arrangements"), "special_needs"),
    VISITS,
    EMERGENCIES,
    share(EMERGENCIES, VISITS, "emergency_share",
          Label("Päivystyskäyntien osuus", "Andel akutbesök", "Share of emergency visits"), "emergency"),
    count("visits", "visits_by", Label("Käyntejä ({level})", "Besök ({level})", "Visits ({level})"), "use",
          by="profession", levels=WORKERS, windows="m24 m60"),
    total("visits.minutes", "minutes", Label("Hoitoaikaa", "Behandlingstid", "Treatment time"), "use",
          unit="min", windows="m12 m24"),
    count("visits", "episodes", Label("Hoitojaksoja", "Vårdperioder", "Courses of care"), "use",
          where={"starts_episode": 1}, windows="m60"),
    since("visits", "since_visit",
          Label("Aikaa edellisestä käynnistä", "Tid sedan förra besöket", "Time since the last visit"),
          "gap", modifiable=True),
    oldest("visits", "history_length",
           Label("Aikaa ensimmäisestä kirjatusta käynnistä", "Tid sedan första registrerade besöket",
                 "Time since the first recorded visit"), "history"),
    mean("visits.gap", "gap_mean", Label("Käyntiväli keskimäärin", "Genomsnittligt besöksintervall",
                                         "Mean time between visits"), "gap", unit="d", windows="m60"),
    highest("visits.gap", "gap_longest", Label("Pisin käyntiväli", "Längsta besöksintervall",
                                               "Longest time between visits"), "gap", unit="d", modifiable=True),
    distinct("visits.unit", "units", Label("Eri hoitopaikkoja", "Olika mottagningar", "Different clinics"), "use",
             windows="m60"),
    count("procedures", "care", Label("Toimenpiteitä ({level})", "Åtgärder ({level})", "Procedures ({level})"),
          CARE_ABOUT, windows="m24 m60", **by_groups(CARE)),
    since("procedures", "since", Label("Aikaa edellisestä ({level})", "Tid sedan förra ({level})",
                                       "Time since the last ({level})"),
          CARE_ABOUT, **by_groups({group: CARE[group] for group in
                                   ("examination", "periodontal", "restorative", "endodontic", "extraction")})),
    last("findings.value", "found", Label("Viimeisin löydös ({level})", "Senaste fynd ({level})",
                                          "Latest finding ({level})"), MEASURED_ABOUT, by="kind", levels=MEASURED),
    highest("findings.value", "worst_cpi", Label("Korkein ientaskuindeksi CPI", "Högsta parodontalindex CPI",
                                                 "Highest gum index CPI"), "periodontal",
            where={"kind": "cpi"}, windows="m60"),
    slope("findings.value", "dmft_change", Label("DMFT-luvun muutos vuodessa", "Förändring i DMFT per år",
                                                 "Change of DMFT a year"), "caries",
          where={"kind": "dmft"}, windows="m60"),
    count("diagnoses", "caries_diagnoses", Label("Kariesdiagnooseja", "Kariesdiagnoser", "Caries diagnoses"),
          "caries", where={"code": CARIES}, windows="m24 m60"),
    count("diagnoses", "pulp_diagnoses", Label("Hammasytimen diagnooseja", "Pulpadiagnoser", "Tooth pulp diagnoses"),
          "root_canal", where={"code": PULP}, windows="m24"),
    count("diagnoses", "gum_diagnoses", Label("Parodontiittidiagnooseja", "Parodontitdiagnoser",
                                              "Periodontitis diagnoses"), "periodontal",
          where={"code": PERIODONTITIS}, windows="m24"),
    count("contacts", "contacts", Label("Yhteydenottoja", "Kontakter", "Contacts"), "use", windows="m12"),
    count("contacts", "urgent_contacts", Label("Kiireellisiä yhteydenottoja", "Brådskande kontakter",
                                               "Urgent contacts"), "emergency",
          where={"urgency": ("emergency", "urgent")}, windows="m24"),
)  # fmt: skip
"""The features of the need model."""
