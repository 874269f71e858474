"""What care was given: procedures by need group, their extent, and whether recommended examinations were kept."""

from __future__ import annotations

from features.dental.use import VISITS
from features.dental.words import GROUPS, GROUPS_ABOUT, RARER_GROUPS
from features.families import Family, Label, by_groups, count, last, share, since, total

PROCEDURES = count(
    "procedures", "procedures", Label("Toimenpiteitä", "Åtgärder", "Procedures"), "use", windows="m12 m24 m60"
)
RECALLS = count(
    "procedures", "recalls", Label("Suositeltuja tutkimuksia, jotka tehtiin",
                                   "Rekommenderade undersökningar som gjordes",
                                   "Recommended examinations that were made"), "recall",
    where={"recall_kept": (0, 1)}, never="missing",
)  # fmt: skip
RECALLS_KEPT = count(
    "procedures", "recalls_kept", Label("Suositeltuja tutkimuksia, jotka tehtiin ajoissa",
                                        "Rekommenderade undersökningar som gjordes i tid",
                                        "Recommended examinations made in time"), "recall",
    where={"recall_kept": 1}, never="missing", modifiable=True,
)  # fmt: skip

CARE: tuple[Family, ...] = (
    PROCEDURES,
    share(PROCEDURES, VISITS, "procedures_per_visit", Label("Toimenpiteitä käyntiä kohti", "Åtgärder per besök",
                                                            "Procedures a visit"), "use", windows="m24 m60", unit=""),
    count("procedures", "care", Label("Toimenpiteitä ({level})", "Åtgärder ({level})", "Procedures ({level})"),
          GROUPS_ABOUT, windows="m12 m24 m60 ever", **by_groups(GROUPS)),
    count("procedures", "care_other", Label("Toimenpiteitä ({level})", "Åtgärder ({level})",
                                            "Procedures ({level})"),
          "other_care", windows="m60", **by_groups(RARER_GROUPS)),
    count("procedures", "care_special", Label("Erityisjärjestelyjä vaatinut hoito",
                                              "Vård som krävt särskilda arrangemang",
                                              "Care with special arrangements"), "special_needs",
          where={"group": "special"}),
    since("procedures", "since", Label("Aikaa edellisestä ({level})", "Tid sedan förra ({level})",
                                       "Time since the last ({level})"),
          GROUPS_ABOUT, **by_groups(GROUPS)),
    total("procedures.surface_count", "surfaces", Label("Paikattuja pintoja", "Lagade ytor", "Surfaces filled"),
          "caries", where={"group": "restorative"}, windows="m24 m60"),
    count("procedures", "large_fillings", Label("Laajoja paikkoja (vähintään 3 pintaa)",
                                                "Stora fyllningar (minst 3 ytor)",
                                                "Large fillings (3 surfaces or more)"), "caries",
          where={"group": "restorative", "surface_count": (3, 4, 5, 6, 7)}, windows="m60"),
    last("procedures.recall", "recall", Label("Viimeksi suositeltu tutkimusväli",
                                              "Senast rekommenderat undersökningsintervall",
                                              "Latest recommended time to the next examination"), "recall", unit="d"),
    last("procedures.overdue", "recall_overdue", Label("Suositeltu tutkimus myöhässä",
                                                       "Rekommenderad undersökning försenad",
                                                       "Recommended examination overdue"), "recall", unit="d",
         modifiable=True),
    RECALLS,
    RECALLS_KEPT,
    share(RECALLS_KEPT, RECALLS, "recall_kept_share", Label("Ajoissa tehtyjen tutkimusten osuus",
                                                            "Andel undersökningar gjorda i tid",
                                                            "Share of examinations made in time"), "recall"),
)  # fmt: skip
"""Families of procedures."""
