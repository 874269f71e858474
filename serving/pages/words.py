"""The words of the pages, in Finnish, Swedish and English. What an answer says of itself comes from the answer."""

from __future__ import annotations

from collections.abc import Mapping

from serving.words import Language

Texts = Mapping[str, Mapping[Language, str]]

PAGE: Texts = {
    "skip": {"fi": "Siirry sisältöön", "sv": "Gå till innehållet", "en": "Skip to content"},
    "language": {"fi": "Kieli", "sv": "Språk", "en": "Language"},
    "menu": {"fi": "Sivut", "sv": "Sidor", "en": "Pages"},
    "tagline": {
        "fi": "Suun hoidon tarpeen arvio",
        "sv": "Bedömning av behovet av munvård",
        "en": "Assessment of the need for dental care",
    },
    "home": {"fi": "Etusivu", "sv": "Startsida", "en": "Start"},
    "sign_in": {"fi": "Kirjaudu sisään", "sv": "Logga in", "en": "Sign in"},
    "sign_out": {"fi": "Kirjaudu ulos", "sv": "Logga ut", "en": "Sign out"},
    "user": {"fi": "Käyttäjätunnus", "sv": "Användarnamn", "en": "User name"},
    "password": {"fi": "Salasana", "sv": "Lösenord", "en": "Password"},
    "demo_users": {
        "fi": "Esittelyn tunnukset ja salasanat luotiin ensimmäisellä käynnistyskerralla. "
        "Ylläpitäjä saa ne näkyviin komennolla",
        "sv": "Demons användarnamn och lösenord skapades vid den första starten. "
        "Administratören får fram dem med kommandot",
        "en": "The demo's user names and passwords were made at the first start. The administrator is shown them by",
    },
    "from_record": {
        "fi": "Avaa sivu potilastietojärjestelmästä: se kertoo, kuka olet ja ketä potilasta hoidat.",
        "sv": "Öppna sidan från patientdatasystemet: det anger vem du är och vilken patient det gäller.",
        "en": "Open this page from the patient record system: it says who you are and which patient you care for.",
    },
    "wrong_password": {
        "fi": "Käyttäjätunnus tai salasana on väärä.",
        "sv": "Fel användarnamn eller lösenord.",
        "en": "The user name or the password is wrong.",
    },
    "find": {"fi": "Hae potilas", "sv": "Sök patient", "en": "Find a patient"},
    "patient_id": {"fi": "Potilaan tunniste", "sv": "Patientens identifierare", "en": "Patient identifier"},
    "patient_hint": {
        "fi": "Tietovaraston tunniste, esimerkiksi P000123. Ei henkilötunnusta.",
        "sv": "Identifierare i datalagret, till exempel P000123. Ingen personbeteckning.",
        "en": "As in the record store, for example P000123. No personal identity code.",
    },
    "assess": {"fi": "Arvioi hoidon tarve", "sv": "Bedöm vårdbehovet", "en": "Assess the need for care"},
    "error": {"fi": "Virhe", "sv": "Fel", "en": "Error"},
    "not_found": {
        "fi": "Tällä tunnisteella ei löydy potilasta. Tarkista tunniste.",
        "sv": "Ingen patient hittades med identifieraren. Kontrollera den.",
        "en": "No patient has this identifier. Check it.",
    },
    "no_store": {
        "fi": "Potilaan tietoja ei voi nyt lukea. Yritä hetken kuluttua uudelleen.",
        "sv": "Patientens uppgifter kan inte läsas just nu. Försök igen om en stund.",
        "en": "The patient's record cannot be read now. Try again in a moment.",
    },
    "unusable": {
        "fi": "Potilaan tietoja ei voi käyttää arviointiin.",
        "sv": "Patientens uppgifter kan inte användas för en bedömning.",
        "en": "The patient's record cannot be used for an assessment.",
    },
    "nothing_here": {
        "fi": "Sivuilla ei ole sinulle muuta kuin mallin tiedot.",
        "sv": "Här finns inget annat för dig än fakta om modellen.",
        "en": "There is nothing here for you but the facts about the model.",
    },
    "wait_launch": {
        "fi": "Avaa potilas potilastietojärjestelmässä.",
        "sv": "Öppna patienten i patientdatasystemet.",
        "en": "Open the patient in the patient record system.",
    },
    "assessment": {"fi": "Arvio", "sv": "Bedömning", "en": "Assessment"},
    "made_at": {"fi": "Arvio tehty {moment}", "sv": "Bedömning gjord {moment}", "en": "Assessed {moment}"},
    "of_hundred": {
        "fi": "Sadasta samanlaisesta potilaasta",
        "sv": "Av hundra liknande patienter",
        "en": "Of a hundred patients like this",
    },
    "need_class": {"fi": "Hoidon tarve", "sv": "Vårdbehov", "en": "Need for care"},
    "suggested": {"fi": "ehdotus", "sv": "förslag", "en": "suggested"},
    "possible": {
        "fi": "Arvio on epävarma: kirjattuihin tietoihin sopivat {names}.",
        "sv": "Bedömningen är osäker: det som är registrerat passar in på {names}.",
        "en": "The assessment is uncertain: what is recorded fits {names}.",
    },
    "certain": {
        "fi": "Muut vaihtoehdot sopivat kirjattuihin tietoihin huonosti.",
        "sv": "De andra alternativen passar dåligt in på det som är registrerat.",
        "en": "The others fit what is recorded poorly.",
    },
    "cautious": {
        "fi": "Ehdotus on varovainen: pidempää aikaa ehdotetaan, kun sen tarpeen todennäköisyys on yli {limit}, "
        "sillä liian lyhyt aika haittaa enemmän kuin liian pitkä.",
        "sv": "Förslaget är försiktigt: en längre tid föreslås när sannolikheten för att den behövs är över {limit}, "
        "eftersom en för kort tid gör större skada än en för lång.",
        "en": "The suggestion is cautious: a longer appointment is suggested once the probability of needing it is "
        "over {limit}, because one too short does more harm than one too long.",
    },
    "old_history": {
        "fi": "Viimeisin kirjaus on {ago}. Kysy, onko tilanne muuttunut.",
        "sv": "Den senaste uppgiften är {ago}. Fråga om läget har ändrats.",
        "en": "The latest record is {ago}. Ask whether anything has changed.",
    },
    "empty": {"fi": "Historiaa ei ole", "sv": "Ingen historik", "en": "There is no history"},
    "too_little": {
        "fi": "Historiaa on liian vähän tai se on liian vanhaa",
        "sv": "För lite historik, eller för gammal",
        "en": "The history is too short or too old",
    },
    "to_book": {"fi": "Varattava", "sv": "Att boka", "en": "What to book"},
    "first": {"fi": "Ensikäynti", "sv": "Första besöket", "en": "First appointment"},
    "special": {"fi": "Erityisjärjestelyt", "sv": "Särskilda arrangemang", "en": "Special arrangements"},
    "follow_ups": {"fi": "Jatkokäynnit", "sv": "Återbesök", "en": "Follow-ups"},
    "no_follow_ups": {"fi": "ei varattavia", "sv": "inga att boka", "en": "none to reserve"},
    "ways": {"fi": "Toteutustavat", "sv": "Sätt att ge vården", "en": "Ways to give the care"},
    "expected": {"fi": "Arvioitu hoito", "sv": "Uppskattad vård", "en": "Expected care"},
    "interval": {"fi": "Tutkimusväli hoidon jälkeen", "sv": "Undersökningsintervall efter vården",
                 "en": "Examinations after care"},
    "question": {"fi": "Kysy potilaalta", "sv": "Fråga patienten", "en": "Ask the patient"},
    "answered": {"fi": "Vastatut kysymykset", "sv": "Besvarade frågor", "en": "Answered"},
    "would_not_say": {
        "fi": "Ei osaa tai halua vastata",
        "sv": "Kan eller vill inte svara",
        "en": "Cannot or will not say",
    },
    "answer": {"fi": "Vastaus", "sv": "Svar", "en": "Answer"},
    "send_answer": {"fi": "Tallenna vastaus", "sv": "Spara svaret", "en": "Save the answer"},
    "no_question": {"fi": "Ei kysyttävää", "sv": "Inget att fråga", "en": "Nothing to ask"},
    "wrong_answer": {
        "fi": "Vastaus ei kelpaa. Tarkista vastaus.",
        "sv": "Svaret är inte giltigt. Kontrollera svaret.",
        "en": "That is not one of the answers. Check it.",
    },
    "decide": {"fi": "Päätös", "sv": "Beslut", "en": "Decision"},
    "accept": {"fi": "Hyväksy ehdotus", "sv": "Godkänn förslaget", "en": "Accept the suggestion"},
    "decide_need": {"fi": "Päätä hoidon tarve", "sv": "Besluta om vårdbehovet", "en": "Decide the need for care"},
    "otherwise": {"fi": "Päätä toisin", "sv": "Besluta annorlunda", "en": "Decide otherwise"},
    "reason": {"fi": "Syy", "sv": "Orsak", "en": "Reason"},
    "choose_need": {
        "fi": "Valitse syy ja sitten hoidon tarve",
        "sv": "Välj orsak och sedan vårdbehov",
        "en": "Choose the reason, then the need for care",
    },
    "comment": {"fi": "Lisätieto (ei pakollinen)", "sv": "Tilläggsuppgift (frivillig)", "en": "Comment (optional)"},
    "comment_hint": {
        "fi": "Tallennetaan salattuna. Ei henkilötietoja.",
        "sv": "Sparas krypterat. Inga personuppgifter.",
        "en": "Kept sealed. No personal data.",
    },
    "decided_accepted": {
        "fi": "Ehdotus hyväksyttiin",
        "sv": "Förslaget godkändes",
        "en": "The suggestion was accepted",
    },
    "decided_overridden": {
        "fi": "Päätettiin toisin",
        "sv": "Ett annat beslut fattades",
        "en": "It was decided otherwise",
    },
    "change_decision": {"fi": "Muuta päätöstä", "sv": "Ändra beslutet", "en": "Change the decision"},
    "earlier_decisions": {"fi": "Aiemmat päätökset", "sv": "Tidigare beslut", "en": "Earlier decisions"},
    "reason_missing": {"fi": "Valitse syy.", "sv": "Välj en orsak.", "en": "Choose a reason."},
    "decided_meanwhile": {
        "fi": "Arviosta ehdittiin jo päättää. Tarkista voimassa oleva päätös.",
        "sv": "Ett beslut har redan fattats. Kontrollera det beslut som gäller.",
        "en": "Somebody has decided meanwhile. Look at the decision that holds.",
    },
    "not_kept": {
        "fi": "Päätöstä ei voitu tallentaa. Yritä uudelleen.",
        "sv": "Beslutet kunde inte sparas. Försök igen.",
        "en": "The decision could not be kept. Try again.",
    },
    "why": {"fi": "Perusteet", "sv": "Orsaker", "en": "Reasons"},
    "open_reasons": {"fi": "Perusteet ja historia", "sv": "Orsaker och historik", "en": "Reasons and history"},
    "open_booking": {"fi": "Varaaminen ja päätös", "sv": "Bokning och beslut", "en": "Booking and decision"},
    "no_reasons": {
        "fi": "Mikään kirjattu tieto ei siirrä arviota juurikaan.",
        "sv": "Ingen registrerad uppgift påverkar uppskattningen nämnvärt.",
        "en": "Nothing on record moves the estimate by much.",
    },
    "modifiable": {"fi": "Tähän voi vaikuttaa", "sv": "Det här går att påverka", "en": "Can be changed"},
    "given": {"fi": "Tähän ei voi vaikuttaa", "sv": "Det här går inte att påverka", "en": "Cannot be changed"},
    "none_modifiable": {"fi": "Ei tällaisia perusteita.", "sv": "Inga sådana orsaker.", "en": "No such reasons."},
    "to_differ": {"fi": "Mikä tekisi arviosta kevyemmän", "sv": "Vad som skulle göra bedömningen lättare",
                  "en": "What would have to differ"},
    "lightest": {
        "fi": "Ehdotus on jo kevyin.",
        "sv": "Förslaget är redan det lättaste.",
        "en": "The suggestion is the lightest already.",
    },
    "not_searched": {
        "fi": "Malli ei osaa kertoa, minkä pitäisi olla toisin.",
        "sv": "Modellen kan inte säga vad som borde vara annorlunda.",
        "en": "The model cannot tell what would have to differ.",
    },
    "model_changed": {
        "fi": "Malli on vaihtunut arvion jälkeen. Tee uusi arvio, jos tarvitset tämän tiedon.",
        "sv": "Modellen har bytts efter bedömningen. Gör en ny bedömning om du behöver den här uppgiften.",
        "en": "The model has changed since. Make a new assessment if you need this.",
    },
    "uncertainty": {"fi": "Kuinka varma arvio on", "sv": "Hur säker bedömningen är", "en": "How sure this is"},
    "set_means": {
        "fi": "Kussakin tarveluokassa vähintään {level} potilaista saa arvion, jonka vaihtoehdoissa oikea luokka on.",
        "sv": "I varje behovsklass får minst {level} av patienterna en bedömning där den rätta klassen är bland "
        "alternativen.",
        "en": "Of the patients with each need, at least {level} get an assessment that has the right one among its "
        "options.",
    },
    "visits_between": {
        "fi": "Käyntejä {low}\N{EN DASH}{high}: vähintään {level} samanlaisista potilaista on tällä välillä.",
        "sv": "{low}\N{EN DASH}{high} besök: minst {level} av liknande patienter ligger i det här intervallet.",
        "en": "{low} to {high} visits: at least {level} of patients like this lie in between.",
    },
    "minutes_between": {
        "fi": "Hoitoaikaa {low}\N{EN DASH}{high} min: vähintään {level} samanlaisista potilaista on tällä välillä.",
        "sv": "{low}\N{EN DASH}{high} min vårdtid: minst {level} av liknande patienter ligger i det här intervallet.",
        "en": "{low} to {high} min of care: at least {level} of patients like this lie in between.",
    },
    "no_interval": {
        "fi": "Malli ei kerro, millä välillä käyntien määrä todennäköisesti on.",
        "sv": "Modellen anger inte inom vilket intervall antalet besök sannolikt ligger.",
        "en": "The model does not say between which limits the visits will lie.",
    },
    "unknown": {"fi": "Mitä malli ei tiedä", "sv": "Vad modellen inte vet", "en": "What the model does not know"},
    "unknown_told": {
        "fi": "Oireet, toiveet ja elämäntilanne, joita ei ole kysytty tai kirjattu.",
        "sv": "Symtom, önskemål och livssituation som inte har frågats eller registrerats.",
        "en": "Symptoms, wishes and circumstances that were not asked or recorded.",
    },
    "unknown_elsewhere": {
        "fi": "Muualla annettu hoito, jota ei ole kirjattu tähän historiaan.",
        "sv": "Vård som getts på annat håll och inte är registrerad i den här historiken.",
        "en": "Care given elsewhere that is not in this history.",
    },
    "unknown_urgency": {
        "fi": "Kuinka kiireellistä hoito on: arvio koskee hoidon määrää.",
        "sv": "Hur brådskande vården är: bedömningen gäller mängden vård.",
        "en": "How urgent the care is: this is about how much of it.",
    },
    "nothing_of": {
        "fi": "Ei kirjauksia: {tables}.",
        "sv": "Inga uppgifter: {tables}.",
        "en": "Nothing recorded: {tables}.",
    },
    "history": {"fi": "Hoitohistoria", "sv": "Vårdhistorik", "en": "History of care"},
    "no_timeline": {
        "fi": "Ennen arviointihetkeä ei ole kirjauksia.",
        "sv": "Det finns inga uppgifter före bedömningen.",
        "en": "Nothing is recorded before the assessment.",
    },
    "snapshot_gone": {
        "fi": "Arvion lähtötietoja ei löydy, joten historiaa ei voi näyttää.",
        "sv": "Bedömningens underlag hittas inte, så historiken kan inte visas.",
        "en": "What the assessment was made from is not there, so the history cannot be shown.",
    },
    "timeline_says": {
        "fi": "Aikajana {first}\N{EN DASH}{last}: {count} kirjausta. Samat luvut ovat taulukossa.",
        "sv": "Tidslinje {first}\N{EN DASH}{last}: {count} uppgifter. Samma tal finns i tabellen.",
        "en": "Timeline {first} to {last}: {count} records. The table holds the same numbers.",
    },
    "timeline_table": {"fi": "Kirjaukset vuosittain", "sv": "Uppgifter per år", "en": "Records by year"},
    "year": {"fi": "Vuosi", "sv": "År", "en": "Year"},
    "older": {
        "fi": "Lisäksi {count} vanhempaa kirjausta.",
        "sv": "Dessutom {count} äldre uppgifter.",
        "en": "Besides, {count} older records.",
    },
    "mark_size": {
        "fi": "Yksi merkki on yksi kuukausi; mitä suurempi merkki, sitä enemmän kirjauksia.",
        "sv": "Ett märke är en månad; ju större märke, desto fler uppgifter.",
        "en": "One mark is one month; the larger it is, the more was recorded.",
    },
    "overdue_clients": {"fi": "Myöhässä olevat asiakkaat", "sv": "Försenade klienter", "en": "Overdue clients"},
    "voucher_report": {
        "fi": "Palvelusetelien seuranta", "sv": "Uppföljning av servicesedlar", "en": "Monitoring of vouchers",
    },
    "model_facts": {"fi": "Mallin tiedot", "sv": "Modellfakta", "en": "Model facts"},
    "segments": {"fi": "Tarveluokat", "sv": "Behovsklasser", "en": "Classes of need"},
    "visits_from": {"fi": "Käyntejä vähintään", "sv": "Minst besök", "en": "Visits at least"},
    "suggest_above": {"fi": "Ehdotetaan, kun todennäköisyys yli", "sv": "Föreslås när sannolikheten är över",
                      "en": "Suggested once the probability is over"},
    "valid_from": {
        "fi": "Taulukko on voimassa {day} alkaen. Lähde:",
        "sv": "Tabellen gäller från och med {day}. Källa:",
        "en": "The table holds from {day}. Source:",
    },
    "no_card": {
        "fi": "Mallin mukana ei ole mallikorttia.",
        "sv": "Modellen har inget modellkort.",
        "en": "The model came without a card.",
    },
    "back_home": {"fi": "Etusivulle", "sv": "Till startsidan", "en": "To the start page"},
}  # fmt: skip

FAULTS: Texts = {
    "forbidden": {
        "fi": "Sinulla ei ole oikeutta tähän sivuun.",
        "sv": "Du har inte rätt till den här sidan.",
        "en": "You may not open this page.",
    },
    "no_such": {
        "fi": "Arviota ei löydy, tai se ei ole sinun nähtävissäsi.",
        "sv": "Bedömningen hittas inte, eller du har inte rätt att se den.",
        "en": "There is no such assessment, or it is not for you to see.",
    },
    "away": {
        "fi": "Palvelu ei nyt saa yhteyttä tietokantaansa. Yritä hetken kuluttua uudelleen.",
        "sv": "Tjänsten når inte sin databas just nu. Försök igen om en stund.",
        "en": "The service cannot reach its database now. Try again in a moment.",
    },
    "bad_form": {
        "fi": "Lomake on vanhentunut. Avaa sivu uudelleen ja yritä sitten.",
        "sv": "Formuläret har gått ut. Öppna sidan på nytt och försök igen.",
        "en": "The form is out of date. Open the page anew and try again.",
    },
    "bad_input": {
        "fi": "Lomakkeen tietoja ei voi lukea.",
        "sv": "Uppgifterna i formuläret kan inte läsas.",
        "en": "What the form holds cannot be read.",
    },
    "unlisted": {
        "fi": "Potilastietojärjestelmä ei ole niiden joukossa, jotka saavat avata tämän sivun.",
        "sv": "Patientdatasystemet hör inte till dem som får öppna den här sidan.",
        "en": "The patient record system is none of those that may open this page.",
    },
    "no_discovery": {
        "fi": "Potilastietojärjestelmä ei kerro, miten siihen kirjaudutaan turvallisesti.",
        "sv": "Patientdatasystemet anger inte hur man loggar in säkert.",
        "en": "The patient record system does not say how to sign in there safely.",
    },
    "launch_lost": {
        "fi": "Kirjautuminen keskeytyi tai vanheni. Avaa sivu uudelleen potilastietojärjestelmästä.",
        "sv": "Inloggningen avbröts eller gick ut. Öppna sidan på nytt från patientdatasystemet.",
        "en": "The sign-in was interrupted or has expired. Open the page anew from the patient record system.",
    },
    "launch_denied": {
        "fi": "Potilastietojärjestelmä ei antanut lupaa.",
        "sv": "Patientdatasystemet gav inte tillstånd.",
        "en": "The patient record system did not allow it.",
    },
    "no_token": {
        "fi": "Potilastietojärjestelmä ei vahvistanut kirjautumista.",
        "sv": "Patientdatasystemet bekräftade inte inloggningen.",
        "en": "The patient record system did not confirm the sign-in.",
    },
    "no_s256": {
        "fi": "Potilastietojärjestelmä ei tue turvallista kirjautumista (PKCE, S256).",
        "sv": "Patientdatasystemet stöder inte säker inloggning (PKCE, S256).",
        "en": "The patient record system does not support safe sign-in (PKCE, S256).",
    },
    "no_patient": {
        "fi": "Potilastietojärjestelmä ei kertonut, ketä potilasta avaaminen koskee.",
        "sv": "Patientdatasystemet angav inte vilken patient det gäller.",
        "en": "The patient record system did not say which patient this is about.",
    },
    "no_user": {
        "fi": "Potilastietojärjestelmä ei kertonut, kuka olet. Sivu on ammattihenkilöille.",
        "sv": "Patientdatasystemet angav inte vem du är. Sidan är för yrkespersoner.",
        "en": "The patient record system did not say who you are. The page is for professionals.",
    },
    "no_record": {
        "fi": "Potilaan tietoja ei saatu luettua potilastietojärjestelmästä: {missing}.",
        "sv": "Patientens uppgifter kunde inte läsas ur patientdatasystemet: {missing}.",
        "en": "The patient's record could not be read from the patient record system: {missing}.",
    },
}
"""Why a page is not shown."""

ROLES: Texts = {
    "agent": {"fi": "ajanvaraus", "sv": "tidsbokning", "en": "booking"},
    "clinician": {"fi": "kliinikko", "sv": "kliniker", "en": "clinician"},
    "data-scientist": {"fi": "data-analyytikko", "sv": "dataanalytiker", "en": "data scientist"},
    "operator": {"fi": "ylläpito", "sv": "drift", "en": "operator"},
    "officer": {"fi": "viranhaltija", "sv": "tjänsteinnehavare", "en": "officer"},
}

LANES: Texts = {
    "urgent": {"fi": "kiireelliset käynnit", "sv": "brådskande besök", "en": "urgent visits"},
    "visits": {"fi": "muut käynnit", "sv": "övriga besök", "en": "other visits"},
    "procedures": {"fi": "toimenpiteet", "sv": "åtgärder", "en": "procedures"},
    "diagnoses": {"fi": "diagnoosit", "sv": "diagnoser", "en": "diagnoses"},
    "findings": {"fi": "löydökset", "sv": "fynd", "en": "findings"},
    "missed": {"fi": "käyttämättä jääneet ajat", "sv": "uteblivna besök", "en": "missed appointments"},
}
"""The lanes of the timeline."""

_AGO: Mapping[str, Mapping[Language, str]] = {
    "months": {"fi": "{n} kuukauden takaa", "sv": "{n} månader gammal", "en": "{n} months old"},
    "years": {"fi": "{n} vuoden takaa", "sv": "{n} år gammal", "en": "{n} years old"},
}
DAYS_A_YEAR = 365


def ago(days: int, language: Language) -> str:
    """How long ago something was, in whole months, from two years on in whole years."""
    if days < 2 * DAYS_A_YEAR:
        return _AGO["months"][language].format(n=12 * days // DAYS_A_YEAR)
    return _AGO["years"][language].format(n=days // DAYS_A_YEAR)


def listed(names: list[str], language: Language) -> str:
    """Names as a sentence lists them, the last after "and"."""
    both = {"fi": " ja ", "sv": " och ", "en": " and "}[language]
    return both.join(filter(None, [", ".join(names[:-1]), names[-1]]))
