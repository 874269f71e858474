"""How care has been asked for and booked: contacts, appointments kept and missed, vouchers."""

from __future__ import annotations

from features.families import Family, Label, count, share, since

CLOSED = ("fulfilled", "cancelled", "late_cancelled", "no_show")
ENDED = count(
    "appointments", "appointments", Label("Päättyneitä ajanvarauksia", "Avslutade tidsbokningar",
                                          "Appointments kept, cancelled or missed"), "attendance",
    where={"state": CLOSED}, windows="m24 m60 ever", never="missing",
)  # fmt: skip
NO_SHOWS = count(
    "appointments", "no_shows", Label("Peruuttamatta käyttämättä jääneitä aikoja", "Uteblivanden utan avbokning",
                                      "Missed appointments"), "attendance",
    where={"state": "no_show"}, windows="m12 m24 m60 ever", never="missing", modifiable=True,
)  # fmt: skip
LATE_CANCELS = count(
    "appointments", "late_cancels", Label("Myöhään peruttuja aikoja", "Sent avbokade tider",
                                          "Appointments cancelled late"), "attendance",
    where={"state": "late_cancelled"}, windows="m24 m60 ever", never="missing", modifiable=True,
)  # fmt: skip

BOOKING: tuple[Family, ...] = (
    count("contacts", "contacts", Label("Yhteydenottoja", "Kontakter", "Contacts"), "use", windows="m6 m12 m24"),
    count("contacts", "urgent_contacts", Label("Kiireellisiä yhteydenottoja", "Brådskande kontakter",
                                               "Urgent contacts"), "emergency",
          where={"urgency": ("emergency", "urgent")}, windows="m12 m24"),
    since("contacts", "since_contact", Label("Aikaa edellisestä yhteydenotosta", "Tid sedan förra kontakten",
                                             "Time since the last contact"), "use"),
    ENDED,
    NO_SHOWS,
    share(NO_SHOWS, ENDED, "no_show_share", Label("Peruuttamatta käyttämättä jääneiden aikojen osuus",
                                                  "Andel uteblivanden", "Share of appointments missed"),
          "attendance", windows="m24 m60 ever"),
    LATE_CANCELS,
    share(LATE_CANCELS, ENDED, "late_cancel_share", Label("Myöhään peruttujen aikojen osuus",
                                                          "Andel sent avbokade tider",
                                                          "Share of appointments cancelled late"),
          "attendance", windows="m24 m60 ever"),
    since("appointments", "since_no_show", Label("Aikaa edellisestä käyttämättä jääneestä ajasta",
                                                 "Tid sedan förra uteblivandet",
                                                 "Time since the last missed appointment"), "attendance",
          where={"state": "no_show"}),
    count("vouchers", "vouchers_granted", Label("Myönnettyjä palveluseteleitä", "Beviljade servicesedlar",
                                                "Vouchers granted"), "attendance",
          where={"state": "granted"}, windows="m60"),
    count("vouchers", "vouchers_used", Label("Käyttöön otettuja palveluseteleitä", "Aktiverade servicesedlar",
                                             "Vouchers activated"), "attendance",
          where={"state": "activated"}, windows="m60"),
)  # fmt: skip
"""Families of contacts, appointments and vouchers."""
