"""What happened to single teeth: filled once and again, root-filled, removed."""

from __future__ import annotations

from features.families import Family, Label, distinct, repeated

TEETH: tuple[Family, ...] = (
    distinct("procedures.tooth", "teeth_filled", Label("Hampaita paikattu", "Tänder lagade", "Teeth filled"),
             "caries", where={"group": "restorative"}, windows="m24 m60 ever"),
    repeated("procedures.tooth", "teeth_refilled", Label("Hampaita paikattu useammin kuin kerran",
                                                         "Tänder lagade mer än en gång",
                                                         "Teeth filled more than once"),
             "caries", where={"group": "restorative"}, windows="m60 ever"),
    distinct("procedures.tooth", "teeth_again", Label("Hampaita paikattu uudelleen 24 kk:n sisällä",
                                                      "Tänder lagade på nytt inom 24 månader",
                                                      "Teeth filled again within 24 months"),
             "caries", where={"group": "restorative", "retreated": 1}, windows="m60 ever"),
    distinct("procedures.tooth", "teeth_root_filled", Label("Juuritäytettyjä hampaita", "Rotfyllda tänder",
                                                            "Root-filled teeth"),
             "root_canal", where={"code": "SGB*"}, windows="m60 ever"),
    distinct("procedures.tooth", "teeth_root_care", Label("Hampaita juurihoidettu", "Tänder rotbehandlade",
                                                          "Teeth with root canal care"),
             "root_canal", where={"group": "endodontic"}, windows="m24"),
    distinct("procedures.tooth", "teeth_removed", Label("Hampaita poistettu", "Tänder extraherade",
                                                        "Teeth removed"),
             "tooth_loss", where={"group": "extraction"}, windows="m24 m60 ever"),
    distinct("diagnoses.tooth", "teeth_with_caries", Label("Hampaita, joissa kariesdiagnoosi",
                                                           "Tänder med kariesdiagnos",
                                                           "Teeth with a caries diagnosis"),
             "caries", where={"code": "K02*"}, windows="m24"),
)  # fmt: skip
"""Families of single teeth."""
