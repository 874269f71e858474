"""Rows of the schema from the rows of the views: one function a resource type.

**Times.** `event_time` is when it happened as the resource says: the start of a visit, when a procedure was performed,
the onset of a condition. `recorded_at` is the resource's own `recordedDate`, `issued` or `created`, and otherwise the
end of what happened. `meta.lastUpdated` is not used: it is when the server last touched the copy, for an export often
years later, and one migration would hide a whole history from every earlier moment. Where a source records something
before the last microsecond of the vague day on which it happened, the record's time is also the event's.

**Dental visits.** A source may hold all of medicine. An Encounter is a visit when a code of its type, service, role or
reason says dental care (`records/tables/fhir_dental_marks.csv`), when a dental Procedure refers to it, or when the
caller says that the whole source is dental. A referral to dental care is not dental care.

**Minutes.** `Encounter.length` where it is given. `Encounter.period` is booked or wall time, not chair time, and in
generated data meaningless: it is taken between 5 and 240 minutes, else the minutes are null.

**What FHIR does not say.** A visit's profession is `other` unless a code of the visit names it; its urgency
`routine`, its mode `office`, its producer `own` unless told. Special needs are marked by procedures (WYA30), so a
patient's flag is false here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from records.schema import SEXES
from records.sources.fhir.people import People
from records.sources.fhir.terminology import (
    codes,
    dental_marks,
    diagnosis_code,
    finding_codes,
    procedure_code,
    tooth_and_surfaces,
)
from records.sources.fhir.times import birth_day, instant_of, minutes_between
from records.sources.fhir.views import View, load

Seen: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = list[dict[str, Any]]
Outcome: TypeAlias = Rows | str
"""The rows of one resource, or why it has none."""

NOT_DENTAL = "not dental"
SHORTEST_PERIOD, LONGEST_PERIOD = 5, 240
"""Minutes between which an encounter's period may be time in the chair."""

STATUSES = {
    "encounter": {"finished", "completed"},
    "procedure": {"completed"},
    "observation": {"final", "amended", "corrected", "preliminary"},
    "appointment": {"booked", "arrived", "checked-in", "fulfilled", "cancelled", "noshow"},
}
"""Statuses of what took place (of an appointment: of what was booked)."""

OTHER_STATUSES = {"planned", "in-progress", "arrived", "triaged", "onleave", "on-hold", "cancelled", "entered-in-error",
                  "unknown", "not-done", "stopped", "preparation", "registered", "proposed", "pending", "waitlist",
                  "discharged", "discontinued"}  # fmt: skip

FINAL_STATES = {"fulfilled": "fulfilled", "cancelled": "cancelled", "noshow": "no_show"}
URGENCIES = {"EM": "emergency", "EMER": "emergency", "UR": "urgent", "A": "urgent", "S": "urgent", "R": "routine"}
"""v3 ActPriority and the encounter class EMER."""

HIGHEST = ("cpi", "ppd")
"""Findings that are the highest of many measured values."""

MODES = {"VR": "remote", "HH": "home"}
UNIT_SECONDS = {"s": 1, "min": 60, "h": 3600}


@dataclass
class Reader:
    """What rows of one source have in common, and what is learnt on the way.

    Attributes:
        people: the source's patients.
        source: the `source` of every row.
        all_dental: whether everything in the source is dental care, coded or not.
        dental_encounters: keys of the encounters that dental procedures refer to.
        left_out: resources that became no row, by (resource type, reason).
        notices: resources of which a part could not be read, by (resource type, what).
    """

    people: People
    source: str = "fhir"
    all_dental: bool = False
    dental_encounters: set[str] = field(default_factory=set)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    notices: Counter[tuple[str, str]] = field(default_factory=Counter)

    def meet(self, resource: Mapping[str, Any]) -> None:
        """Learn a patient's id before the resources that refer to it are read."""
        if resource.get("resourceType") == "Patient":
            for seen in load("patient").seen(resource):
                self.people.meet(seen["id"], seen["identifiers"]) if seen["id"] else None

    def read(self, resource: Mapping[str, Any]) -> tuple[str, Rows]:
        """The table that a resource belongs to and its rows there, none when it is left out (and counted)."""
        kind = resource.get("resourceType")
        if not isinstance(kind, str) or kind not in KINDS:
            self.left_out[_type_name(kind), "resource type not used"] += 1
            return "", []
        table, view, make = KINDS[kind]
        outcome = make(self, view.seen(resource))
        if not isinstance(outcome, str):
            return table, outcome
        self.left_out[_type_name(kind), outcome] += 1
        return table, []

    def patient(self, several: Sequence[Seen]) -> Outcome:
        """`patients`."""
        (seen,) = several
        labels = {label.upper() for label in seen["labels"]}
        return [{
            "patient_id": self.people.meet(seen["id"], seen["identifiers"]) if seen["id"] else None,
            "birth_date": birth_day(seen["birth_date"]),
            "sex": seen["gender"] if seen["gender"] in SEXES else "unknown",
            "language": _language([*seen["preferred_languages"], *seen["languages"]]),
            "municipality": seen["municipality"],
            "special_needs": False,
            "non_disclosure": "TURVAKIELTO" in labels,
            "left_at": instant_of(seen["deceased"]),
        }]  # fmt: skip

    def encounter(self, several: Sequence[Seen]) -> Outcome:
        """`visits`."""
        (seen,) = several
        fault = _status_fault("encounter", seen["status"])
        if fault:
            return fault
        dental, profession = dental_marks(
            seen["types"], seen["services"], seen["roles"], seen["reasons"], seen["older_reasons"]
        )
        if not (dental or self.all_dental or seen["id"] in self.dental_encounters):
            return NOT_DENTAL
        start, end = instant_of(seen["start"]), instant_of(seen["end"])
        urgent = [URGENCIES[code] for code in (seen["class"], *seen["priorities"]) if code in URGENCIES]
        return [self._event("Encounter", seen, start or end, end) | {
            "minutes": _visit_minutes(seen, start, end),
            "profession": profession or "other",
            "urgency": urgent[0] if urgent else "routine",
            "mode": MODES.get(seen["class"], "office"),
            "unit": seen["provider"],
            "producer": "own",
        }]  # fmt: skip

    def procedure(self, several: Sequence[Seen]) -> Outcome:
        """`procedures`; a dental one makes its encounter a dental visit, so procedures are read before encounters."""
        (seen,) = several
        fault = _status_fault("procedure", seen["status"])
        if fault:
            return fault
        found = procedure_code(seen["codes"])
        if found is None:
            return "no code"
        system, code, dental = found
        if not (dental or self.all_dental or dental_marks(seen["categories"])[0]):
            return NOT_DENTAL
        start = instant_of(seen["performed"] or seen["performed_start"] or seen["occurrence"])
        end = instant_of(seen["performed_end"])
        tooth, surfaces = self._site("Procedure", seen)
        encounter = seen["encounter"] or seen["context"]
        if encounter is not None:
            self.dental_encounters.add(encounter)
        return [self._event("Procedure", seen, start or end, end) | {
            "visit_id": _visit_id(seen), "code": code, "code_system": system, "tooth": tooth, "surfaces": surfaces,
        }]  # fmt: skip

    def condition(self, several: Sequence[Seen]) -> Outcome:
        """`diagnoses`."""
        (seen,) = several
        if {*seen["verifications"], seen["older_verification"]} & {"entered-in-error", "refuted"}:
            return "status says that it is not so"
        found = diagnosis_code(seen["codes"])
        if found is None:
            return "no code that is known to be dental"
        code, dental = found
        if not (dental or self.all_dental):
            return NOT_DENTAL
        onset = instant_of(seen["onset"] or seen["onset_start"])
        tooth, _ = self._site("Condition", seen)
        return [self._event("Condition", seen, onset, instant_of(seen["recorded"] or seen["asserted"])) | {
            "visit_id": _visit_id(seen), "code": code, "tooth": tooth,
        }]  # fmt: skip

    def observation(self, several: Sequence[Seen]) -> Outcome:
        """`findings`, one of every value with a known code; of sites or sextants the highest."""
        seen = several[0]
        fault = _status_fault("observation", seen["status"])
        if fault:
            return fault
        values = _highest([found for found in map(_finding, several) if found])
        if not values:
            return "no code of a finding"
        when = instant_of(seen["effective"] or seen["effective_instant"] or seen["effective_start"])
        event = self._event("Observation", seen, when, instant_of(seen["issued"])) | {"visit_id": _visit_id(seen)}
        return [
            event | {"event_id": _id("Observation", seen["id"], kind), "kind": kind, "value": value}
            for kind, value in values
        ]

    def appointment(self, several: Sequence[Seen]) -> Outcome:
        """`appointments`: the booking, and the final state if there is one.

        R4 keeps the present state only. It was booked when the resource was created. When it was cancelled is not
        said, so that counts from its start, the latest that it can be; a no-show and a fulfilled one from its end.
        """
        (seen,) = several
        fault = _status_fault("appointment", seen["status"])
        if fault:
            return fault
        dental, profession = dental_marks(*(seen[name] for name in (
            "categories", "services", "specialties", "types", "reasons", "older_reasons"
        )))  # fmt: skip
        if not (dental or self.all_dental):
            return NOT_DENTAL
        start, end, created = instant_of(seen["start"]), instant_of(seen["end"]), instant_of(seen["created"])
        minutes = seen["minutes"] if seen["minutes"] is not None else minutes_between(start, end)
        minutes = None if minutes is None else _whole(minutes)
        common = {
            "patient_id": self.people.one_of(seen["patients"], seen["patient_identifiers"]),
            "appointment_id": _id("Appointment", seen["id"]),
            "starts_at": start,
            "minutes": minutes,
            "profession": profession or "other",
            "source": self.source,
        }
        final = FINAL_STATES.get(seen["status"])
        closed = _close(final, start, end, minutes)
        states = [("booked", created)] if created or not final else []
        states += [(final, closed)] if final else []
        return [
            common | {"event_id": _id("Appointment", seen["id"], state), "state": state, "event_time": when,
                      "recorded_at": when}
            for state, when in states
        ]  # fmt: skip

    def _event(self, kind: str, seen: Seen, when: datetime | None, recorded: datetime | None) -> dict[str, Any]:
        """The columns that every event has; the earlier of the two times is when it happened."""
        when = min(when, recorded) if when and recorded else when or recorded
        return {
            "patient_id": self._patient_id(seen),
            "event_id": _id(kind, seen["id"]),
            "event_time": when,
            "recorded_at": recorded or when,
            "source": self.source,
        }

    def _patient_id(self, seen: Seen) -> str | None:
        key = seen["patient"]
        return self.people.of(key) if key else self.people.named(seen["patient_identifier"])

    def _site(self, kind: str, seen: Seen) -> tuple[int | None, str | None]:
        codings = [*seen["sites"], *seen["structures"], *seen["qualifiers"]]
        if not codings:
            return None, None
        tooth, surfaces, fault = tooth_and_surfaces(codings)
        if fault:
            self.notices[kind, fault] += 1
        return tooth, surfaces


KINDS: dict[str, tuple[str, View, Callable[[Reader, Sequence[Seen]], Outcome]]] = {
    "Patient": ("patients", load("patient"), Reader.patient),
    "Encounter": ("visits", load("encounter"), Reader.encounter),
    "Procedure": ("procedures", load("procedure"), Reader.procedure),
    "Condition": ("diagnoses", load("condition"), Reader.condition),
    "Observation": ("findings", load("observation"), Reader.observation),
    "Appointment": ("appointments", load("appointment"), Reader.appointment),
}
"""Resource type -> table, view and the method that makes the rows."""


def _type_name(kind: object) -> str:
    """A resource type as a name in a count; anything that does not look like one is not repeated."""
    return kind if isinstance(kind, str) and kind.isascii() and kind.isalpha() and len(kind) <= 40 else "no type"


def _status_fault(kind: str, status: str | None) -> str | None:
    if status in STATUSES[kind]:
        return None
    return f"status {status}" if status in OTHER_STATUSES else "status is missing or not known"


def _id(kind: str, *parts: str | None) -> str | None:
    return "/".join([kind, *(part or "" for part in parts)]) if parts[0] else None


def _visit_id(seen: Seen) -> str | None:
    return _id("Encounter", seen["encounter"] or seen["context"])


def _language(tags: Iterable[str]) -> str | None:
    """The first language tag as ISO 639-1: en-US is en."""
    short = (tag.partition("-")[0].lower() for tag in tags)
    return next((tag for tag in short if len(tag) == 2 and tag.isascii() and tag.isalpha()), None)


def _visit_minutes(seen: Seen, start: datetime | None, end: datetime | None) -> int | None:
    length = seen["length"]
    if length is not None:
        seconds = next((UNIT_SECONDS[unit] for unit in _units(length) if unit in UNIT_SECONDS), None)
        value: Any = length.get("value")
        if seconds and type(value) in {int, float} and 0 <= value * seconds <= 86_400:
            return round(float(value * seconds) / 60)
    between = minutes_between(start, end)
    return between if between is not None and SHORTEST_PERIOD <= between <= LONGEST_PERIOD else None


def _finding(part: Seen) -> tuple[str, int] | None:
    """(kind, value in whole units) of a part of an observation with a known code and a number in the right unit."""
    known = next((finding_codes()[code] for code in codes(part["codes"]) if code in finding_codes()), None)
    if known is None:
        return None
    kind, unit = known
    quantity = part["quantity"] or {}
    value: Any = part["integer"] if part["integer"] is not None else quantity.get("value")
    units = _units(quantity)
    if type(value) not in {int, float} or not math.isfinite(value) or (unit and units and unit not in units):
        return None
    return kind, _whole(round(value))


def _highest(values: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Of the kinds that are a maximum by definition only the highest; any other twice is for the check to see."""
    most = {kind: max(value for some, value in values if some == kind) for kind in HIGHEST if (kind in dict(values))}
    return [(kind, value) for kind, value in values if kind not in most] + list(most.items())


def _units(quantity: Mapping[str, Any]) -> list[str]:
    """The unit of a quantity as it is coded and as it is written, whichever there is."""
    return [unit for unit in (quantity.get("code"), quantity.get("unit")) if type(unit) is str]


def _whole(number: int) -> int:
    """A number that fits the schema's 32 bits; one that does not is out of every range, and stays so."""
    return max(-(2**31), min(number, 2**31 - 1))


def _close(final: str | None, start: datetime | None, end: datetime | None, minutes: int | None) -> datetime | None:
    """When an appointment's final state is known at the latest."""
    if final == "cancelled" or start is None:
        return start
    try:
        return end or start + timedelta(minutes=min(max(minutes or 0, 0), 1440))
    except OverflowError:
        return None
