"""The words of the pages, in Finnish, Swedish and English. What an answer says of itself comes from the answer."""

from __future__ import annotations

from features.families import Label, Language
from serving.words import Texts

PAGE: Texts = {
    "skip": Label("Siirry sisältöön", "Gå till innehållet", "Skip to content"),
    "language": Label("Kieli", "Språk", "Language"),
    "menu": Label("Sivut", "Sidor", "Pages"),
    "tagline": Label(
        "Suun hoidon tarpeen arvio", "Bedömning av behovet av munvård", "Assessment of the need for dental care"
    ),
    "home": Label("Etusivu", "Startsida", "Start"),
    "sign_in": Label("Kirjaudu sisään", "Logga in", "Sign in"),
    "sign_out": Label("Kirjaudu ulos", "Logga ut", "Sign out"),
    "user": Label("Käyttäjätunnus", "Användarnamn", "User name"),
    "password": Label("Salasana", "Lösenord", "Password"),
    "demo_users": Label(
        (
            "Esittelyn tunnukset ja salasanat luotiin ensimmäisellä käynnistyskerralla. "
            "Ylläpitäjä saa ne näkyviin komennolla"
        ),
        (
            "Demons användarnamn och lösenord skapades vid den första starten. "
            "Administratören får fram dem med kommandot"
        ),
        "The demo's user names and passwords were made at the first start. The administrator is shown them by",
    ),
    "from_record": Label(
        "Avaa sivu potilastietojärjestelmästä: se kertoo, kuka olet ja ketä potilasta hoidat.",
        "Öppna sidan från patientdatasystemet: det anger vem du är och vilken patient det gäller.",
        "Open this page from the patient record system: it says who you are and which patient you care for.",
    ),
    "wrong_password": Label(
        "Käyttäjätunnus tai salasana on väärä.",
        "Fel användarnamn eller lösenord.",
        "The user name or the password is wrong.",
    ),
    "find": Label("Hae potilas", "Sök patient", "Find a patient"),
    "patient_id": Label("Potilaan tunniste", "Patientens identifierare", "Patient identifier"),
    "patient_hint": Label(
        "Tietovaraston tunniste, esimerkiksi P000123. Ei henkilötunnusta.",
        "Identifierare i datalagret, till exempel P000123. Ingen personbeteckning.",
        "As in the record store, for example P000123. No personal identity code.",
    ),
    "assess": Label("Arvioi hoidon tarve", "Bedöm vårdbehovet", "Assess the need for care"),
    "error": Label("Virhe", "Fel", "Error"),
    "not_found": Label(
        "Tällä tunnisteella ei löydy potilasta. Tarkista tunniste.",
        "Ingen patient hittades med identifieraren. Kontrollera den.",
        "No patient has this identifier. Check it.",
    ),
    "no_store": Label(
        "Potilaan tietoja ei voi nyt lukea. Yritä hetken kuluttua uudelleen.",
        "Patientens uppgifter kan inte läsas just nu. Försök igen om en stund.",
        "The patient's record cannot be read now. Try again in a moment.",
    ),
    "unusable": Label(
        "Potilaan tietoja ei voi käyttää arviointiin.",
        "Patientens uppgifter kan inte användas för en bedömning.",
        "The patient's record cannot be used for an assessment.",
    ),
    "nothing_here": Label(
        "Sivuilla ei ole sinulle muuta kuin mallin tiedot.",
        "Här finns inget annat för dig än fakta om modellen.",
        "There is nothing here for you but the facts about the model.",
    ),
    "wait_launch": Label(
        "Avaa potilas potilastietojärjestelmässä.",
        "Öppna patienten i patientdatasystemet.",
        "Open the patient in the patient record system.",
    ),
    "assessment": Label("Arvio", "Bedömning", "Assessment"),
    "made_at": Label("Arvio tehty {moment}", "Bedömning gjord {moment}", "Assessed {moment}"),
    "of_hundred": Label(
        "Sadasta samanlaisesta potilaasta", "Av hundra liknande patienter", "Of a hundred patients like this"
    ),
    "need_class": Label("Hoidon tarve", "Vårdbehov", "Need for care"),
    "suggested": Label("ehdotus", "förslag", "suggested"),
    "possible": Label(
        "Arvio on epävarma: kirjattuihin tietoihin sopivat {names}.",
        "Bedömningen är osäker: det som är registrerat passar in på {names}.",
        "The assessment is uncertain: what is recorded fits {names}.",
    ),
    "certain": Label(
        "Muut vaihtoehdot sopivat kirjattuihin tietoihin huonosti.",
        "De andra alternativen passar dåligt in på det som är registrerat.",
        "The others fit what is recorded poorly.",
    ),
    "cautious": Label(
        (
            "Ehdotus on varovainen: pidempää aikaa ehdotetaan, kun sen tarpeen todennäköisyys on yli {limit}, "
            "sillä liian lyhyt aika haittaa enemmän kuin liian pitkä."
        ),
        (
            "Förslaget är försiktigt: en längre tid föreslås när sannolikheten för att den behövs är över {limit}, "
            "eftersom en för kort tid gör större skada än en för lång."
        ),
        (
            "The suggestion is cautious: a longer appointment is suggested once the probability of needing it is "
            "over {limit}, because one too short does more harm than one too long."
        ),
    ),
    "old_history": Label(
        "Viimeisin kirjaus on {ago}. Kysy, onko tilanne muuttunut.",
        "Den senaste uppgiften är {ago}. Fråga om läget har ändrats.",
        "The latest record is {ago}. Ask whether anything has changed.",
    ),
    "empty": Label("Historiaa ei ole", "Ingen historik", "There is no history"),
    "too_little": Label(
        "Historiaa on liian vähän tai se on liian vanhaa",
        "För lite historik, eller för gammal",
        "The history is too short or too old",
    ),
    "to_book": Label("Varattava", "Att boka", "What to book"),
    "first": Label("Ensikäynti", "Första besöket", "First appointment"),
    "special": Label("Erityisjärjestelyt", "Särskilda arrangemang", "Special arrangements"),
    "follow_ups": Label("Jatkokäynnit", "Återbesök", "Follow-ups"),
    "no_follow_ups": Label("ei varattavia", "inga att boka", "none to reserve"),
    "ways": Label("Toteutustavat", "Sätt att ge vården", "Ways to give the care"),
    "expected": Label("Arvioitu hoito", "Uppskattad vård", "Expected care"),
    "interval": Label("Tutkimusväli hoidon jälkeen", "Undersökningsintervall efter vården", "Examinations after care"),
    "question": Label("Kysy potilaalta", "Fråga patienten", "Ask the patient"),
    "answered": Label("Vastatut kysymykset", "Besvarade frågor", "Answered"),
    "would_not_say": Label("Ei osaa tai halua vastata", "Kan eller vill inte svara", "Cannot or will not say"),
    "answer": Label("Vastaus", "Svar", "Answer"),
    "send_answer": Label("Tallenna vastaus", "Spara svaret", "Save the answer"),
    "no_question": Label("Ei kysyttävää", "Inget att fråga", "Nothing to ask"),
    "wrong_answer": Label(
        "Vastaus ei kelpaa. Tarkista vastaus.",
        "Svaret är inte giltigt. Kontrollera svaret.",
        "That is not one of the answers. Check it.",
    ),
    "decide": Label("Päätös", "Beslut", "Decision"),
    "accept": Label("Hyväksy ehdotus", "Godkänn förslaget", "Accept the suggestion"),
    "decide_need": Label("Päätä hoidon tarve", "Besluta om vårdbehovet", "Decide the need for care"),
    "otherwise": Label("Päätä toisin", "Besluta annorlunda", "Decide otherwise"),
    "reason": Label("Syy", "Orsak", "Reason"),
    "choose_need": Label(
        "Valitse syy ja sitten hoidon tarve",
        "Välj orsak och sedan vårdbehov",
        "Choose the reason, then the need for care",
    ),
    "comment": Label("Lisätieto (ei pakollinen)", "Tilläggsuppgift (frivillig)", "Comment (optional)"),
    "comment_hint": Label(
        "Tallennetaan salattuna. Ei henkilötietoja.",
        "Sparas krypterat. Inga personuppgifter.",
        "Kept sealed. No personal data.",
    ),
    "decided_accepted": Label("Ehdotus hyväksyttiin", "Förslaget godkändes", "The suggestion was accepted"),
    "decided_overridden": Label("Päätettiin toisin", "Ett annat beslut fattades", "It was decided otherwise"),
    "change_decision": Label("Muuta päätöstä", "Ändra beslutet", "Change the decision"),
    "earlier_decisions": Label("Aiemmat päätökset", "Tidigare beslut", "Earlier decisions"),
    "reason_missing": Label("Valitse syy.", "Välj en orsak.", "Choose a reason."),
    "decided_meanwhile": Label(
        "Arviosta ehdittiin jo päättää. Tarkista voimassa oleva päätös.",
        "Ett beslut har redan fattats. Kontrollera det beslut som gäller.",
        "Somebody has decided meanwhile. Look at the decision that holds.",
    ),
    "not_kept": Label(
        "Päätöstä ei voitu tallentaa. Yritä uudelleen.",
        "Beslutet kunde inte sparas. Försök igen.",
        "The decision could not be kept. Try again.",
    ),
    "why": Label("Perusteet", "Orsaker", "Reasons"),
    "open_reasons": Label("Perusteet ja historia", "Orsaker och historik", "Reasons and history"),
    "open_booking": Label("Varaaminen ja päätös", "Bokning och beslut", "Booking and decision"),
    "no_reasons": Label(
        "Mikään kirjattu tieto ei siirrä arviota juurikaan.",
        "Ingen registrerad uppgift påverkar uppskattningen nämnvärt.",
        "Nothing on record moves the estimate by much.",
    ),
    "modifiable": Label("Tähän voi vaikuttaa", "Det här går att påverka", "Can be changed"),
    "given": Label("Tähän ei voi vaikuttaa", "Det här går inte att påverka", "Cannot be changed"),
    "none_modifiable": Label("Ei tällaisia perusteita.", "Inga sådana orsaker.", "No such reasons."),
    "to_differ": Label(
        "Mikä tekisi arviosta kevyemmän", "Vad som skulle göra bedömningen lättare", "What would have to differ"
    ),
    "lightest": Label(
        "Ehdotus on jo kevyin.", "Förslaget är redan det lättaste.", "The suggestion is the lightest already."
    ),
    "not_searched": Label(
        "Malli ei osaa kertoa, minkä pitäisi olla toisin.",
        "Modellen kan inte säga vad som borde vara annorlunda.",
        "The model cannot tell what would have to differ.",
    ),
    "model_changed": Label(
        "Malli on vaihtunut arvion jälkeen. Tee uusi arvio, jos tarvitset tämän tiedon.",
        "Modellen har bytts efter bedömningen. Gör en ny bedömning om du behöver den här uppgiften.",
        "The model has changed since. Make a new assessment if you need this.",
    ),
    "uncertainty": Label("Kuinka varma arvio on", "Hur säker bedömningen är", "How sure this is"),
    "set_means": Label(
        "Kussakin tarveluokassa vähintään {level} potilaista saa arvion, jonka vaihtoehdoissa oikea luokka on.",
        (
            "I varje behovsklass får minst {level} av patienterna en bedömning där den rätta klassen är bland "
            "alternativen."
        ),
        (
            "Of the patients with each need, at least {level} get an assessment that has the right one among its "
            "options."
        ),
    ),
    "visits_between": Label(
        "Käyntejä {low}\N{EN DASH}{high}: vähintään {level} samanlaisista potilaista on tällä välillä.",
        "{low}\N{EN DASH}{high} besök: minst {level} av liknande patienter ligger i det här intervallet.",
        "{low} to {high} visits: at least {level} of patients like this lie in between.",
    ),
    "minutes_between": Label(
        "Hoitoaikaa {low}\N{EN DASH}{high} min: vähintään {level} samanlaisista potilaista on tällä välillä.",
        "{low}\N{EN DASH}{high} min vårdtid: minst {level} av liknande patienter ligger i det här intervallet.",
        "{low} to {high} min of care: at least {level} of patients like this lie in between.",
    ),
    "no_interval": Label(
        "Malli ei kerro, millä välillä käyntien määrä todennäköisesti on.",
        "Modellen anger inte inom vilket intervall antalet besök sannolikt ligger.",
        "The model does not say between which limits the visits will lie.",
    ),
    "unknown": Label("Mitä malli ei tiedä", "Vad modellen inte vet", "What the model does not know"),
    "unknown_told": Label(
        "Oireet, toiveet ja elämäntilanne, joita ei ole kysytty tai kirjattu.",
        "Symtom, önskemål och livssituation som inte har frågats eller registrerats.",
        "Symptoms, wishes and circumstances that were not asked or recorded.",
    ),
    "unknown_elsewhere": Label(
        "Muualla annettu hoito, jota ei ole kirjattu tähän historiaan.",
        "Vård som getts på annat håll och inte är registrerad i den här historiken.",
        "Care given elsewhere that is not in this history.",
    ),
    "unknown_urgency": Label(
        "Kuinka kiireellistä hoito on: arvio koskee hoidon määrää.",
        "Hur brådskande vården är: bedömningen gäller mängden vård.",
        "How urgent the care is: this is about how much of it.",
    ),
    "nothing_of": Label("Ei kirjauksia: {tables}.", "Inga uppgifter: {tables}.", "Nothing recorded: {tables}."),
    "history": Label("Hoitohistoria", "Vårdhistorik", "History of care"),
    "no_timeline": Label(
        "Ennen arviointihetkeä ei ole kirjauksia.",
        "Det finns inga uppgifter före bedömningen.",
        "Nothing is recorded before the assessment.",
    ),
    "snapshot_gone": Label(
        "Arvion lähtötietoja ei löydy, joten historiaa ei voi näyttää.",
        "Bedömningens underlag hittas inte, så historiken kan inte visas.",
        "What the assessment was made from is not there, so the history cannot be shown.",
    ),
    "timeline_says": Label(
        "Aikajana {first}\N{EN DASH}{last}: {count} kirjausta. Samat luvut ovat taulukossa.",
        "Tidslinje {first}\N{EN DASH}{last}: {count} uppgifter. Samma tal finns i tabellen.",
        "Timeline {first} to {last}: {count} records. The table holds the same numbers.",
    ),
    "timeline_table": Label("Kirjaukset vuosittain", "Uppgifter per år", "Records by year"),
    "year": Label("Vuosi", "År", "Year"),
    "older": Label(
        "Lisäksi {count} vanhempaa kirjausta.", "Dessutom {count} äldre uppgifter.", "Besides, {count} older records."
    ),
    "mark_size": Label(
        "Yksi merkki on yksi kuukausi; mitä suurempi merkki, sitä enemmän kirjauksia.",
        "Ett märke är en månad; ju större märke, desto fler uppgifter.",
        "One mark is one month; the larger it is, the more was recorded.",
    ),
    "overdue_clients": Label("Myöhässä olevat asiakkaat", "Försenade klienter", "Overdue clients"),
    "voucher_report": Label("Palvelusetelien seuranta", "Uppföljning av servicesedlar", "Monitoring of vouchers"),
    "model_facts": Label("Mallin tiedot", "Modellfakta", "Model facts"),
    "segments": Label("Tarveluokat", "Behovsklasser", "Classes of need"),
    "visits_from": Label("Käyntejä vähintään", "Minst besök", "Visits at least"),
    "suggest_above": Label(
        "Ehdotetaan, kun todennäköisyys yli",
        "Föreslås när sannolikheten är över",
        "Suggested once the probability is over",
    ),
    "valid_from": Label(
        "Taulukko on voimassa {day} alkaen. Lähde:",
        "Tabellen gäller från och med {day}. Källa:",
        "The table holds from {day}. Source:",
    ),
    "no_card": Label(
        "Mallin mukana ei ole mallikorttia.", "Modellen har inget modellkort.", "The model came without a card."
    ),
    "back_home": Label("Etusivulle", "Till startsidan", "To the start page"),
}

FAULTS: Texts = {
    "forbidden": Label(
        "Sinulla ei ole oikeutta tähän sivuun.", "Du har inte rätt till den här sidan.", "You may not open this page."
    ),
    "no_such": Label(
        "Arviota ei löydy, tai se ei ole sinun nähtävissäsi.",
        "Bedömningen hittas inte, eller du har inte rätt att se den.",
        "There is no such assessment, or it is not for you to see.",
    ),
    "away": Label(
        "Palvelu ei nyt saa yhteyttä tietokantaansa. Yritä hetken kuluttua uudelleen.",
        "Tjänsten når inte sin databas just nu. Försök igen om en stund.",
        "The service cannot reach its database now. Try again in a moment.",
    ),
    "bad_form": Label(
        "Lomake on vanhentunut. Avaa sivu uudelleen ja yritä sitten.",
        "Formuläret har gått ut. Öppna sidan på nytt och försök igen.",
        "The form is out of date. Open the page anew and try again.",
    ),
    "bad_input": Label(
        "Lomakkeen tietoja ei voi lukea.",
        "Uppgifterna i formuläret kan inte läsas.",
        "What the form holds cannot be read.",
    ),
    "unlisted": Label(
        "Potilastietojärjestelmä ei ole niiden joukossa, jotka saavat avata tämän sivun.",
        "Patientdatasystemet hör inte till dem som får öppna den här sidan.",
        "The patient record system is none of those that may open this page.",
    ),
    "no_discovery": Label(
        "Potilastietojärjestelmä ei kerro, miten siihen kirjaudutaan turvallisesti.",
        "Patientdatasystemet anger inte hur man loggar in säkert.",
        "The patient record system does not say how to sign in there safely.",
    ),
    "launch_lost": Label(
        "Kirjautuminen keskeytyi tai vanheni. Avaa sivu uudelleen potilastietojärjestelmästä.",
        "Inloggningen avbröts eller gick ut. Öppna sidan på nytt från patientdatasystemet.",
        "The sign-in was interrupted or has expired. Open the page anew from the patient record system.",
    ),
    "launch_denied": Label(
        "Potilastietojärjestelmä ei antanut lupaa.",
        "Patientdatasystemet gav inte tillstånd.",
        "The patient record system did not allow it.",
    ),
    "no_token": Label(
        "Potilastietojärjestelmä ei vahvistanut kirjautumista.",
        "Patientdatasystemet bekräftade inte inloggningen.",
        "The patient record system did not confirm the sign-in.",
    ),
    "no_s256": Label(
        "Potilastietojärjestelmä ei tue turvallista kirjautumista (PKCE, S256).",
        "Patientdatasystemet stöder inte säker inloggning (PKCE, S256).",
        "The patient record system does not support safe sign-in (PKCE, S256).",
    ),
    "no_patient": Label(
        "Potilastietojärjestelmä ei kertonut, ketä potilasta avaaminen koskee.",
        "Patientdatasystemet angav inte vilken patient det gäller.",
        "The patient record system did not say which patient this is about.",
    ),
    "no_user": Label(
        "Potilastietojärjestelmä ei kertonut, kuka olet. Sivu on ammattihenkilöille.",
        "Patientdatasystemet angav inte vem du är. Sidan är för yrkespersoner.",
        "The patient record system did not say who you are. The page is for professionals.",
    ),
    "no_record": Label(
        "Potilaan tietoja ei saatu luettua potilastietojärjestelmästä: {missing}.",
        "Patientens uppgifter kunde inte läsas ur patientdatasystemet: {missing}.",
        "The patient's record could not be read from the patient record system: {missing}.",
    ),
}
"""Why a page is not shown."""

ROLES: Texts = {
    "agent": Label("ajanvaraus", "tidsbokning", "booking"),
    "clinician": Label("kliinikko", "kliniker", "clinician"),
    "data-scientist": Label("data-analyytikko", "dataanalytiker", "data scientist"),
    "operator": Label("ylläpito", "drift", "operator"),
    "officer": Label("viranhaltija", "tjänsteinnehavare", "officer"),
}

LANES: Texts = {
    "urgent": Label("kiireelliset käynnit", "brådskande besök", "urgent visits"),
    "visits": Label("muut käynnit", "övriga besök", "other visits"),
    "procedures": Label("toimenpiteet", "åtgärder", "procedures"),
    "diagnoses": Label("diagnoosit", "diagnoser", "diagnoses"),
    "findings": Label("löydökset", "fynd", "findings"),
    "missed": Label("käyttämättä jääneet ajat", "uteblivna besök", "missed appointments"),
}
"""The lanes of the timeline."""

_AGO: Texts = {
    "months": Label("{n} kuukauden takaa", "{n} månader gammal", "{n} months old"),
    "years": Label("{n} vuoden takaa", "{n} år gammal", "{n} years old"),
}
DAYS_A_YEAR = 365


def ago(days: int, language: Language) -> str:
    """How long ago something was, in whole months, from two years on in whole years."""
    if days < 2 * DAYS_A_YEAR:
        return _AGO["months"][language].format(n=12 * days // DAYS_A_YEAR)
    return _AGO["years"][language].format(n=days // DAYS_A_YEAR)


def listed(names: list[str], language: Language) -> str:
    """Names as a sentence lists them, the last after "and"."""
    both = Label(" ja ", " och ", " and ")[language]
    return both.join(filter(None, [", ".join(names[:-1]), names[-1]]))
