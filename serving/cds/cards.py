"""Cards: what an assessment says in a booking system, and the suggestion to change the proposed appointment.

A suggestion echoes the whole Appointment as it was sent and changes nothing but its length, end, type and profession;
the status is never set and nothing is done without a person (no system actions). A patient who books is told which
appointment to take, and neither probabilities nor clinical reasons.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import uuid4

import orjson

from features.families import Language
from records.clock import HELSINKI
from serving.advice import override_reasons
from serving.cds.call import Call, Spelled
from serving.cds.phrases import phrase, plain, summary
from serving.tenants import Tenant
from serving.wire import Answer, Words
from serving.words import PROFESSIONS, TEXTS, number, said, source, word

OVER: Container[object] = ("arrived", "checked-in", "fulfilled", "cancelled", "noshow", "entered-in-error")
"""Of the states of an Appointment those in which nothing is left to book."""


@dataclass(frozen=True)
class Desktop:
    """Whom cards are for, and where they lead.

    Attributes:
        language: of all texts.
        base: public URL of the service, which names its code systems.
        tenant: whose cards they are.
    """

    language: Language
    base: str
    tenant: Tenant


def cards(given: Answer, call: Call, desktop: Desktop) -> list[dict[str, Any]]:
    """The cards of an assessment; a link to the clinician's page stands alone on a card of its own."""
    main = _card(given, desktop, _headline(given, call, desktop.language))
    proposed = _first(call)
    changed = None if proposed is None else changed_appointment(proposed, given, desktop)
    fits = changed is not None and changed == proposed
    change = None if changed is None or fits else _suggestion(changed, given, desktop)
    if call.is_by_staff:
        main["detail"] = detail(given, desktop.language, fits=fits)
        main["overrideReasons"] = _reasons(desktop)
    else:
        main["detail"] = plain(phrase("fits", desktop.language)) if fits else ""
    if change is not None:
        main["suggestions"], main["selectionBehavior"] = [change], "at-most-one"
    found = [{name: value for name, value in main.items() if value}]
    if call.is_by_staff and desktop.tenant.smart_launch is not None:
        found.append(_link_card(given, desktop, desktop.tenant.smart_launch))
    return found


def issued(found: Sequence[Mapping[str, Any]], given: Answer, service: str, tenant: str, at: datetime) -> Any:
    """Cards as they are kept."""
    first = given.first_appointment
    return [
        {
            "id": card["uuid"],
            "tenant": tenant,
            "service": service,
            "assessment_id": given.id,
            "issued_at": at,
            "suggestions": " ".join(one["uuid"] for one in card.get("suggestions", ())),
            "kind": first.kind,
            "profession": first.profession,
            "minutes": first.minutes,
        }
        for card in found
    ]


def detail(given: Answer, language: Language, *, fits: bool = False) -> str:
    """What stands behind a suggestion, as Markdown in which nothing but our own list marks means anything."""
    reasons = [getattr(reason.text, language) for reason in given.reasons]
    lines = [*_lines(given, language, fits=fits), *(f"- {plain(reason)}" for reason in reasons)]
    lines += [f"- {plain(one)}" for one in _oddities(given, language)]
    model = TEXTS["model"][language].format(name=given.model.name, version=given.model.version)
    return "\n".join([*lines, "", f"{plain(model)}. {plain(getattr(given.says, language))}"])


def _lines(given: Answer, language: Language, *, fits: bool) -> Iterator[str]:
    if fits:
        yield f"- {plain(phrase('fits', language))}"
    if given.visits is not None and given.minutes is not None:
        visits, minutes = number(given.visits.total, 1, language), number(given.minutes.total, 0, language)
        yield f"- {plain(phrase('need', language, visits=visits, minutes=minutes))}"
    for one in given.follow_ups or ():
        who = word(PROFESSIONS, one.profession, language)
        length = f"{one.count} × {one.minutes} {TEXTS['minutes'][language]}"  # noqa: RUF001 - times
        yield f"- {plain(TEXTS['follow_ups'][language])}: {plain(who)} {length}"
    ways = ", ".join(getattr(way.label, language) for way in given.pathway.ways)
    yield f"- {plain(TEXTS['pathway'][language])}: {plain(getattr(given.pathway.label, language))} ({plain(ways)})"
    if given.special_needs:
        yield f"- {plain(TEXTS['special_needs'][language])}"
    yield f"- {plain(_history(given, language))}"
    if given.next_question is not None:
        yield f"- {plain(TEXTS['ask'][language])}: {plain(getattr(given.next_question.text, language))}"


def _history(given: Answer, language: Language) -> str:
    text = phrase("history", language, events=given.history.events_seen)
    if given.history.age_days is None:
        return text
    return f"{text}, {TEXTS['latest'][language].format(days=given.history.age_days)}"


def _oddities(given: Answer, language: Language) -> Iterator[str]:
    for row in given.set_aside:
        yield f"{source(row.table, language)}: {row.rows}, {said(row.reason, language)}"
    for notice in given.notices:
        yield f"{source(notice.table, language)}: {notice.rows or ''} {said(notice.says, language)}"


def _headline(given: Answer, call: Call, language: Language) -> str:
    values: dict[str, Any] = _appointment(given, language)
    if not call.is_by_staff:
        return phrase("for_patient", language, **values)
    if given.segment is not None and given.probabilities is not None:
        share = number(100 * given.probabilities[given.segment.name], 0, language)
        values |= {"segment": _text(given.segment.label, language), "percent": _percent(share, language)}
    return phrase(given.status, language, **values)


def _percent(share: str, language: Language) -> str:
    return f"{share}%" if language == "en" else f"{share} %"


def _appointment(given: Answer, language: Language) -> dict[str, Any]:
    first = given.first_appointment
    return {
        "appointment": _text(first.label, language),
        "who": word(PROFESSIONS, first.profession, language),
        "minutes": first.minutes,
    }


def _card(given: Answer, desktop: Desktop, headline: str) -> dict[str, Any]:
    topic = {"system": f"{desktop.base}/fhir/topic", "code": "dental-need", "display": TEXTS["topic"][desktop.language]}
    label = f"Tarve, {given.model.name} {given.model.version}"
    return {
        "uuid": str(uuid4()),
        "summary": summary(headline),
        "indicator": "info",
        "source": {"label": label, "url": f"{desktop.base}/docs", "topic": topic},
    }


def _link_card(given: Answer, desktop: Desktop, launch: str) -> dict[str, Any]:
    link = {
        "label": phrase("open", desktop.language),
        "url": launch,
        "type": "smart",
        "appContext": f'{{"assessment":"{given.id}"}}',
    }
    return _card(given, desktop, phrase("look", desktop.language)) | {"links": [link]}


def _reasons(desktop: Desktop) -> list[dict[str, str]]:
    system = f"{desktop.base}/fhir/override-reason"
    return [
        {"code": one.code, "system": system, "display": one.label[desktop.language]}
        for one in override_reasons().values()
    ]


def _suggestion(changed: dict[str, Any], given: Answer, desktop: Desktop) -> dict[str, Any] | None:
    """The suggestion to change an appointment so; None when it cannot be written."""
    written = _written(changed)
    if written is None:
        return None
    values = _appointment(given, desktop.language)
    action = {"type": "update", "description": phrase("change", desktop.language, **values), "resource": written}
    return {
        "label": phrase("suggestion", desktop.language, **values),
        "uuid": str(uuid4()),
        "isRecommended": True,
        "actions": [action],
    }


def _written(appointment: dict[str, Any]) -> orjson.Fragment | None:
    """An appointment as JSON; None when it cannot be written: nested too deeply, or too odd in several ways at once."""
    try:
        return orjson.Fragment(orjson.dumps(appointment, default=_as_spelled))
    except orjson.JSONEncodeError:
        pass  # nested deeply, or with half a surrogate pair in it: slower, and with numbers as we spell them
    try:
        return orjson.Fragment(json.dumps(appointment, allow_nan=False))
    except (RecursionError, ValueError):
        return None


def _as_spelled(number: Spelled) -> orjson.Fragment:
    return orjson.Fragment(number.text)


def _first(call: Call) -> dict[str, Any] | None:
    """The earliest of the appointments that are this patient's, still to come, and can be named in an update."""
    named = [
        one
        for one in call.appointments
        if isinstance(one.get("id"), str) and one.get("status") not in OVER and _is_for(one, call.patient_id)
    ]
    starting = [(_stamp(start), one) for one in named if (start := _moment(one.get("start"))) is not None]
    return min(starting, key=itemgetter(0))[1] if starting else next(iter(named), None)


def _is_for(appointment: Mapping[str, Any], patient_id: str) -> bool:
    """Whether an appointment names no patient, or this one."""
    participants = appointment.get("participant")
    named = []
    for one in participants if isinstance(participants, list) else ():
        actor = one.get("actor") if isinstance(one, dict) else None
        reference = actor.get("reference") if isinstance(actor, dict) else None
        parts = reference.split("/")[-2:] if isinstance(reference, str) else []
        named += parts[1:] if parts[:1] == ["Patient"] else []
    return not named or patient_id in named


def changed_appointment(proposed: Mapping[str, Any], given: Answer, desktop: Desktop) -> dict[str, Any]:
    """The appointment with the length, end, type and profession that are recommended, and all else as it was."""
    first = given.first_appointment
    changed = dict(proposed)
    changed["minutesDuration"] = first.minutes
    start = _moment(proposed.get("start"))
    if start is not None:
        changed["end"] = _like(proposed["start"], start + timedelta(minutes=first.minutes))
    kind = _concept(f"{desktop.base}/fhir/first-appointment", first.kind, _text(first.label, desktop.language))
    who = _concept(f"{desktop.base}/fhir/profession", first.profession,
                   word(PROFESSIONS, first.profession, desktop.language))  # fmt: skip
    changed["serviceType"] = _with(proposed.get("serviceType"), kind)
    changed["specialty"] = _with(proposed.get("specialty"), who)
    return changed


def _concept(system: str, code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def _with(concepts: object, ours: dict[str, Any]) -> list[Any]:
    """Concepts with ours among them, in the place of an earlier one of ours."""
    system = ours["coding"][0]["system"]
    known = concepts if isinstance(concepts, list) else []
    return [one for one in known if not _is_of_system(one, system)] + [ours]


def _is_of_system(concept: object, system: str) -> bool:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    several = codings if isinstance(codings, list) else []
    return any(isinstance(one, dict) and one.get("system") == system for one in several)


def _moment(text: object) -> datetime | None:
    """A moment, also one without an offset; None when there is none, or its end would be in no calendar."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) and len(text) > len("2026-12-01") else None
    except ValueError:
        return None
    return found if found is not None and 1 < found.year < 9999 else None


def _stamp(moment: datetime) -> float:
    """Seconds by which moments are ordered; one without an offset is taken as Helsinki's."""
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=HELSINKI)).timestamp()


def _like(text: str, moment: datetime) -> str:
    """A moment spelled as another one was: with Z or an offset, with fractions of a second or without."""
    spelled = moment.isoformat(timespec="auto" if "." in text else "seconds")
    return spelled.replace("+00:00", "Z") if text.endswith("Z") else spelled


def _text(words: Words, language: Language) -> str:
    text: str = getattr(words, language)
    return text
