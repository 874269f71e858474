"""What was found, diagnosed, on record of general health, and answered by the patient.

Beginnings of ICD-10 codes are those of the Finnish version: K02 caries, K03 wear and deposits, K04 pulp, K05 gums,
K07.6 jaw joint, K08 loss of teeth, K12-K13 mucosa, S02.5 broken teeth, E10-E14 diabetes, F17 and Z72.0 tobacco,
K11.7 and R68.2 dry mouth.
"""

from __future__ import annotations

from features.dental.words import ANSWERS, ANSWERS_ABOUT, MEASURED, MEASURED_ABOUT
from features.families import Family, Label, count, highest, last, lowest, mean, since, slope, whether

GUMS = {kind: MEASURED[kind] for kind in ("cpi", "bop", "ppd")}
CHANGING = {kind: MEASURED[kind] for kind in ("dmft", "decayed", "missing", "cpi", "bop", "ppd")}

FINDINGS: tuple[Family, ...] = (
    last("findings.value", "found", Label("Viimeisin löydös ({level})", "Senaste fynd ({level})",
                                          "Latest finding ({level})"), MEASURED_ABOUT, by="kind", levels=MEASURED,
         modifiable=("bop", "plaque")),
    since("findings", "since_found", Label("Aikaa viimeisestä löydöksestä ({level})",
                                           "Tid sedan senaste fynd ({level})",
                                           "Time since the latest finding ({level})"), "examination",
          by="kind", levels={kind: MEASURED[kind] for kind in ("dmft", "cpi")}),
    highest("findings.value", "worst", Label("Korkein löydös ({level})", "Högsta fynd ({level})",
                                             "Highest finding ({level})"), MEASURED_ABOUT, by="kind",
            levels={"decayed": MEASURED["decayed"], **GUMS}, windows="m60 ever"),
    lowest("findings.value", "fewest_teeth", Label("Vähiten hampaita suussa", "Minst antal tänder",
                                                   "Fewest teeth present"), "tooth_loss",
           where={"kind": "teeth"}),
    mean("findings.value", "usual_finding", Label("Löydös keskimäärin ({level})", "Fynd i genomsnitt ({level})",
                                                  "Mean finding ({level})"), MEASURED_ABOUT, by="kind",
         levels={kind: MEASURED[kind] for kind in ("decayed", "bop", "plaque")}, windows="m60"),
    slope("findings.value", "change", Label("Muutos vuodessa ({level})", "Förändring per år ({level})",
                                            "Change a year ({level})"), MEASURED_ABOUT, by="kind",
          levels=CHANGING, windows="m60"),
    count("findings", "deep_pockets", Label("Tutkimuksia, joissa syviä ientaskuja (CPI 3–4)",  # noqa: RUF001
                                            "Undersökningar med djupa tandköttsfickor (CPI 3–4)",  # noqa: RUF001
                                            "Examinations with deep gum pockets (CPI 3–4)"),  # noqa: RUF001
          "periodontal", where={"kind": "cpi", "value": (3, 4)}, windows="m60", never="missing"),
)  # fmt: skip

DIAGNOSES: tuple[Family, ...] = (
    count("diagnoses", "caries_diagnoses", Label("Kariesdiagnooseja", "Kariesdiagnoser", "Caries diagnoses"),
          "caries", where={"code": "K02*"}, windows="m12 m24 m60"),
    count("diagnoses", "pulp_diagnoses", Label("Hammasytimen diagnooseja", "Pulpadiagnoser", "Tooth pulp diagnoses"),
          "root_canal", where={"code": "K04*"}, windows="m12 m24 m60"),
    count("diagnoses", "gum_diagnoses", Label("Kiinnityskudoksen diagnooseja", "Parodontala diagnoser",
                                              "Gum diagnoses"), "periodontal",
          where={"code": "K05*"}, windows="m12 m24 m60"),
    count("diagnoses", "wear_diagnoses", Label("Hampaiden kulumisen ja kerrostumien diagnooseja",
                                               "Diagnoser för tandslitage och beläggningar",
                                               "Diagnoses of wear and deposits"), "other_care",
          where={"code": "K03*"}, windows="m60"),
    count("diagnoses", "jaw_diagnoses", Label("Leukanivelen diagnooseja", "Käkledsdiagnoser",
                                              "Jaw joint diagnoses"), "other_care",
          where={"code": "K076*"}, windows="m60"),
    count("diagnoses", "loss_diagnoses", Label("Hampaiden menetyksen diagnooseja", "Diagnoser för tandförlust",
                                               "Diagnoses of tooth loss"), "tooth_loss",
          where={"code": "K08*"}, windows="m60"),
    count("diagnoses", "mucosa_diagnoses", Label("Limakalvodiagnooseja", "Slemhinnediagnoser",
                                                 "Diagnoses of the mouth's lining"), "other_care",
          where={"code": ("K12*", "K13*")}, windows="m60"),
    count("diagnoses", "broken_teeth", Label("Hampaan murtumia", "Tandfrakturer", "Broken teeth"), "caries",
          where={"code": "S025*"}, windows="m60"),
    since("diagnoses", "since_caries", Label("Aikaa edellisestä kariesdiagnoosista",
                                             "Tid sedan förra kariesdiagnosen",
                                             "Time since the last caries diagnosis"), "caries",
          where={"code": "K02*"}),
    since("diagnoses", "since_pulp", Label("Aikaa edellisestä hammasytimen diagnoosista",
                                           "Tid sedan förra pulpadiagnosen",
                                           "Time since the last tooth pulp diagnosis"), "root_canal",
          where={"code": "K04*"}),
    since("diagnoses", "since_gum", Label("Aikaa edellisestä kiinnityskudoksen diagnoosista",
                                          "Tid sedan förra parodontala diagnosen",
                                          "Time since the last gum diagnosis"), "periodontal",
          where={"code": "K05*"}),
)  # fmt: skip

MEDICAL: tuple[Family, ...] = (
    whether("diagnoses", "diabetes", Label("Diabetes kirjattu", "Diabetes antecknad", "Diabetes on record"),
            "medical", where={"code": ("E10*", "E11*", "E12*", "E13*", "E14*")}, never="missing"),
    whether("diagnoses", "tobacco", Label("Tupakointi kirjattu", "Tobaksbruk antecknat", "Tobacco use on record"),
            "medical", where={"code": ("F17*", "Z720")}, never="missing", modifiable=True),
    whether("diagnoses", "dry_mouth", Label("Kuiva suu kirjattu", "Muntorrhet antecknad", "Dry mouth on record"),
            "medical", where={"code": ("K117", "R682")}, never="missing"),
)  # fmt: skip

ANSWERED: tuple[Family, ...] = (
    last("answers.value", "answer", Label("Oma vastaus: {level}", "Eget svar: {level}", "Own answer: {level}"),
         ANSWERS_ABOUT, by="question", levels=ANSWERS, modifiable=("bleeding", "brushing", "smoking")),
    since("answers", "since_answer", Label("Aikaa edellisestä haastattelusta", "Tid sedan förra intervjun",
                                           "Time since the last interview"), "self_report"),
)  # fmt: skip

HEALTH: tuple[Family, ...] = (*FINDINGS, *DIAGNOSES, *MEDICAL, *ANSWERED)
"""Families of findings, diagnoses, general health and answers."""
