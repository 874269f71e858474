"""The words of the report's page, in Finnish, Swedish and English."""

from __future__ import annotations

FAMILIES: dict[str, dict[str, tuple[str, str]]] = {
    "activation": {
        "fi": ("Palvelusetelien aktivointi", "Myönnetyt palvelusetelit; kuukausi on myöntämiskuukausi."),
        "sv": ("Aktivering av servicesedlar", "Beviljade servicesedlar; månaden är den då sedeln beviljades."),
        "en": ("Activation of vouchers", "Vouchers granted; the month is that of the grant."),
    },
    "overruns": {
        "fi": ("Käyntivälin ylitykset", "Pisimmän käyntivälin ylitykset; kuukausi on ylityksen alkamiskuukausi."),
        "sv": (
            "Överskridna besöksintervall",
            "Gånger det längsta tillåtna besöksintervallet har överskridits; månaden är den då överskridandet började.",
        ),
        "en": ("Visit intervals exceeded", "Visit intervals that grew too long; the month is that in which they did."),
    },
    "feedback": {
        "fi": ("Hoitopalautteet ja niiden perumiset", "Lähetetyt hoitopalautteet; kuukausi on lähetyskuukausi."),
        "sv": ("Vårdresponser och återkallelser", "Inlämnade vårdresponser; månaden är den då responsen lämnades in."),
        "en": ("Treatment feedback and cancellations", "Treatment feedback sent; the month is that of sending."),
    },
    "text_messages": {
        "fi": (
            "Tekstiviestit asiakkaille",
            (
                "Asiakkaille tarkoitetut viestit; kuukausi on se, jona viestin aihe todettiin. Pitkä viesti lähtee"
                " osina, ja jokainen osa maksaa."
            ),
        ),
        "sv": (
            "Textmeddelanden till klienter",
            (
                "Meddelanden till klienter; månaden är den då skälet konstaterades. Ett långt meddelande skickas i"
                " delar, och varje del kostar."
            ),
        ),
        "en": (
            "Text messages to clients",
            (
                "Messages meant for clients; the month is that in which they became due. A long message goes in parts,"
                " each of which is paid for."
            ),
        ),
    },
    "portal_messages": {
        "fi": (
            "Viestit palveluntuottajille",
            "Portaalissa näytettävät viestit; kuukausi on se, jona aihe todettiin.",
        ),
        "sv": (
            "Meddelanden till serviceproducenter",
            "Meddelanden i portalen; månaden är den då skälet konstaterades.",
        ),
        "en": ("Messages to providers", "Messages in the portal; the month is that in which they became due."),
    },
}
"""By family: heading, and what is counted."""

OUTCOMES: dict[str, dict[str, dict[str, str]]] = {
    "activation": {
        "unactivated": {
            "fi": "Aktivoimatta, määräaika ohi",
            "sv": "Inte aktiverad, tiden har gått ut",
            "en": "Not activated, time is up",
        },
        "late": {"fi": "Aktivoitu myöhässä", "sv": "Aktiverad för sent", "en": "Activated late"},
        "in_time": {"fi": "Aktivoitu ajoissa", "sv": "Aktiverad i tid", "en": "Activated in time"},
        "waiting": {"fi": "Aktivointiaikaa jäljellä", "sv": "Tid kvar att aktivera", "en": "Still time to activate"},
        "closed": {
            "fi": "Päättynyt tai peruttu ennen määräaikaa",
            "sv": "Avslutad eller återkallad före tidsgränsen",
            "en": "Ended or withdrawn before the limit",
        },
    },
    "overruns": {
        "open": {"fi": "Yhä ilman käyntiä", "sv": "Fortfarande utan besök", "en": "Still without a visit"},
        "visited": {"fi": "Käynti on sittemmin ollut", "sv": "Besök har sedan ägt rum", "en": "Visited since"},
        "closed": {
            "fi": "Seteli päättynyt tai vanhentunut",
            "sv": "Sedeln avslutad eller utgången",
            "en": "Voucher ended or expired",
        },
    },
    "feedback": {
        "in_force": {"fi": "Voimassa", "sv": "I kraft", "en": "In force"},
        "cancelled_by_provider": {
            "fi": "Palveluntuottajan peruma",
            "sv": "Återkallad av serviceproducenten",
            "en": "Cancelled by the provider",
        },
        "cancelled_by_officer": {
            "fi": "Viranhaltijan peruma",
            "sv": "Återkallad av en tjänsteinnehavare",
            "en": "Cancelled by an officer",
        },
    },
    "text_messages": {
        "sent": {"fi": "Lähetetty", "sv": "Skickat", "en": "Sent"},
        "left": {
            "fi": "Asiakas kuollut tai muuttanut",
            "sv": "Klienten har avlidit eller flyttat",
            "en": "Client has died or moved away",
        },
        "non_disclosure": {"fi": "Turvakielto", "sv": "Spärrmarkering", "en": "Non-disclosure order"},
        "never_asked": {
            "fi": "Suostumusta ei ole kysytty",
            "sv": "Samtycke har inte begärts",
            "en": "Consent never asked for",
        },
        "no_consent": {"fi": "Ei suostumusta", "sv": "Inget samtycke", "en": "No consent"},
        "age_not_known": {"fi": "Ikä ei tiedossa", "sv": "Åldern är inte känd", "en": "Age not known"},
        "under_age": {"fi": "Alle ikärajan", "sv": "Under åldersgränsen", "en": "Under the age limit"},
        "no_number": {"fi": "Ei puhelinnumeroa", "sv": "Inget telefonnummer", "en": "No telephone number"},
        "unusable_number": {
            "fi": "Puhelinnumero ei kelpaa",
            "sv": "Telefonnumret är oanvändbart",
            "en": "Unusable telephone number",
        },
        "several_numbers": {
            "fi": "Useita puhelinnumeroita",
            "sv": "Flera telefonnummer",
            "en": "Several telephone numbers",
        },
        "failed": {"fi": "Lähetys epäonnistui", "sv": "Sändningen misslyckades", "en": "Sending failed"},
        "withdrawn": {"fi": "Peruttu tarpeettomana", "sv": "Återkallat som obehövligt", "en": "No longer needed"},
        "waiting": {"fi": "Odottaa lähetystä", "sv": "Väntar på att skickas", "en": "Waiting to be sent"},
    },
    "portal_messages": {
        "sent": {"fi": "Portaalissa", "sv": "I portalen", "en": "In the portal"},
        "no_provider": {"fi": "Ei palveluntuottajaa", "sv": "Ingen serviceproducent", "en": "No provider"},
        "withdrawn": {"fi": "Peruttu tarpeettomana", "sv": "Återkallat som obehövligt", "en": "No longer needed"},
        "waiting": {"fi": "Odottaa", "sv": "Väntar", "en": "Waiting"},
    },
}
"""By family and outcome."""

PAGE: dict[str, dict[str, str]] = {
    "fi": {
        "title": "Palvelusetelien seuranta",
        "as_of": "Tilanne {moment}",
        "contents": "Sisältö",
        "hiding": "Lukua, joka koskisi alle {limit} henkilöä, ei näytetä. Harvinaiset vaihtoehdot, vierekkäiset"
        " kuukaudet tai pienet palveluntuottajat on laskettu yhteen niin, ettei sellaista lukua saa selville"
        " vähentämälläkään.",
        "examples": "Esimerkkejä, joiden määräajat ja tekstit ovat keksittyjä: {names}.",
        "definition": "Setelin määritelmä",
        "provider": "Palveluntuottaja",
        "month": "Kuukausi",
        "by_definition": "Määritelmittäin",
        "by_provider": "Palveluntuottajittain",
        "by_month": "Kuukausittain",
        "sum": "Yhteensä",
        "parts": "Lähetettyjen osia",
        "no_provider": "ei vielä palveluntuottajaa",
        "together": "{many} muuta yhteensä",
        "all_together": "kaikki yhteensä",
        "hidden": "Koskee alle {limit} henkilöä: ei näytetä.",
        "none": "Ei yhtään.",
        "other": "Muut",
        "not_sent": "Ei lähetetty",
        "cancelled": "Peruttu",
        "chart": "{family} kuukausittain. Samat luvut ovat taulukossa.",
        "skip": "Siirry sisältöön",
    },
    "sv": {
        "title": "Uppföljning av servicesedlar",
        "as_of": "Läget {moment}",
        "contents": "Innehåll",
        "hiding": "Tal som skulle gälla färre än {limit} personer visas inte. Sällsynta alternativ, intilliggande"
        " månader eller små serviceproducenter har räknats ihop så att ett sådant tal inte heller kan räknas fram genom"
        " subtraktion.",
        "examples": "Exempel med påhittade tidsgränser och texter: {names}.",
        "definition": "Sedelns definition",
        "provider": "Serviceproducent",
        "month": "Månad",
        "by_definition": "Efter definition",
        "by_provider": "Efter serviceproducent",
        "by_month": "Efter månad",
        "sum": "Totalt",
        "parts": "Delar av de skickade",
        "no_provider": "ingen serviceproducent ännu",
        "together": "{many} andra tillsammans",
        "all_together": "alla tillsammans",
        "hidden": "Gäller färre än {limit} personer: visas inte.",
        "none": "Inga.",
        "other": "Övriga",
        "not_sent": "Inte skickat",
        "cancelled": "Återkallad",
        "chart": "{family} efter månad. Samma tal finns i tabellen.",
        "skip": "Gå till innehållet",
    },
    "en": {
        "title": "Vouchers: monitoring",
        "as_of": "As of {moment}",
        "contents": "Contents",
        "hiding": "No number is shown that would concern fewer than {limit} people. Rare outcomes, neighbouring months"
        " or small providers are counted together, so that no such number can be found by subtraction either.",
        "examples": "Examples, whose limits and texts are made up: {names}.",
        "definition": "Voucher definition",
        "provider": "Provider",
        "month": "Month",
        "by_definition": "By definition",
        "by_provider": "By provider",
        "by_month": "By month",
        "sum": "Total",
        "parts": "Parts of those sent",
        "no_provider": "no provider yet",
        "together": "{many} others together",
        "all_together": "all together",
        "hidden": "Concerns fewer than {limit} people: not shown.",
        "none": "None.",
        "other": "Others",
        "not_sent": "Not sent",
        "cancelled": "Cancelled",
        "chart": "{family} by month. The table holds the same numbers.",
        "skip": "Skip to content",
    },
}
"""The page's own words; braces are filled in."""

MONTHS: dict[str, tuple[str, ...]] = {
    "fi": tuple(f"{number}" for number in range(1, 13)),
    "sv": ("jan.", "feb.", "mars", "april", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec."),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec"),
}
"""Short names of the months; Finnish writes them as numbers."""
