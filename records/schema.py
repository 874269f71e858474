"""The schema of a record history: what every table holds, row by row.

A record history is everything recorded about one patient, as typed tables of events. This module *is* the
contract: readers cast to it, the importer checks against it, the assessment API documents itself from it.

Conventions that hold everywhere:

- Instants (`event_time`, `recorded_at`) are stored in UTC with microseconds. A calendar day is always a day in
  Europe/Helsinki. What a source knows only to the day is stamped with the last microsecond of that day
  (`records.clock.end_of_day`), so that a day counts as known when it is over.
- `event_time` is when it happened, `recorded_at` when the record system learned of it. A feature as of *t* sees an
  event only if both are before *t*.
- Every event has an `event_id` that is unique within its table and stable between exports of the same source.
- Missing is null. Zero, "none" and "never asked" are never written for missing.
- No identity code, name, address, phone number or free text is part of the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import ClassVar

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")

SEXES = ("female", "male", "other", "unknown")
CHANNELS = ("phone", "callback", "web", "walk_in", "professional", "other")
URGENCIES = ("emergency", "urgent", "routine")
SERVICES = ("examination", "treatment", "emergency", "advice", "other")
PROFESSIONS = ("dentist", "specialist", "hygienist", "assistant", "other")
MODES = ("office", "remote", "home")
PRODUCERS = ("own", "voucher", "purchased")
CODE_SYSTEMS = ("thl", "snomed", "cdt", "local")
FINDINGS = (
    "decayed",  # permanent teeth with dentine caries, count (the D of DMFT)
    "missing",  # permanent teeth missing because of caries, count (M)
    "filled",  # permanent teeth filled, count (F)
    "dmft",  # D + M + F, 0-32
    "cpi",  # highest sextant score of the Community Periodontal Index, 0-4
    "bop",  # bleeding on probing, % of sites
    "ppd",  # deepest probing pocket depth, mm
    "plaque",  # sites with visible plaque, %
    "teeth",  # permanent teeth present, count
)
APPOINTMENT_STATES = ("booked", "cancelled", "late_cancelled", "no_show", "fulfilled")
VOUCHER_STATES = ("granted", "activated", "ended", "withdrawn")
OUTCOMES = ("accepted", "overridden")
RECIPIENTS = ("client", "provider")
MESSAGE_CHANNELS = ("sms", "portal")
MESSAGE_STATES = ("queued", "sent", "not_sent", "delivered", "failed", "withdrawn")
CHARGES = ("dental", "medical", "hospital", "mental", "drugs", "other")


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, what it says in one sentence, and what a value must satisfy."""

    type: pa.DataType
    says: str
    nullable: bool = False
    one_of: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None


class Table:
    """Base of all tables. Subclasses name the table and declare one `Column` per class attribute."""

    name: ClassVar[str]

    @classmethod
    @cache
    def columns(cls) -> Mapping[str, Column]:
        """Columns by name, in declared order, inherited ones first."""
        found: dict[str, Column] = {}
        for owner in reversed(cls.__mro__):
            found |= {key: value for key, value in vars(owner).items() if isinstance(value, Column)}
        return MappingProxyType(found)

    @classmethod
    @cache
    def arrow(cls) -> pa.Schema:
        """The table's Arrow schema."""
        return pa.schema([pa.field(name, c.type, c.nullable) for name, c in cls.columns().items()])

    @classmethod
    def is_event(cls) -> bool:
        """Whether a row happened at a moment (all tables but `patients`)."""
        return "event_time" in cls.columns()


class Patients(Table):
    """One row is one person in care. Sorted by `patient_id`; exactly one row a person.

    `left_at` is when the person died or moved away: it ends the observation of labels and is never a feature.
    """

    name = "patients"
    patient_id = Column(pa.string(), "Opaque pseudonym of the person; never an identity code.")
    birth_date = Column(pa.date32(), "Date of birth; null when not known.", nullable=True)
    sex = Column(pa.string(), "Administrative sex.", one_of=SEXES)
    language = Column(pa.string(), "Language of service, ISO 639-1, lower case.", nullable=True)
    municipality = Column(pa.string(), "Municipality code of residence (three digits).", nullable=True)
    district = Column(pa.string(), "District of residence.", nullable=True)
    special_needs = Column(pa.bool_(), "Care needs special arrangements (THL code WYA30 or marked by staff).")
    sms_consent = Column(pa.bool_(), "Consent to text messages; null when never asked.", nullable=True)
    non_disclosure = Column(pa.bool_(), "Non-disclosure for personal safety (turvakielto).")
    left_at = Column(INSTANT, "When the person died or moved away; null while in care.", nullable=True)


class Event(Table):
    """Columns that every event has."""

    patient_id = Column(pa.string(), "Whose event it is.")
    event_id = Column(pa.string(), "Stable id, unique within the table.")
    event_time = Column(INSTANT, "When it happened.")
    recorded_at = Column(INSTANT, "When the record system learned of it.")
    source = Column(pa.string(), "The system or file that the event came from.")


class Contacts(Event):
    """One row is one contact made to book or ask for care: the moment at which need is assessed."""

    name = "contacts"
    channel = Column(pa.string(), "How contact was made.", one_of=CHANNELS)
    urgency = Column(pa.string(), "Urgency judged at the contact.", one_of=URGENCIES)
    service = Column(pa.string(), "The service asked for.", one_of=SERVICES)


class Appointments(Event):
    """One row is one change of an appointment's state: booked, cancelled, missed or fulfilled.

    `event_time` is when the state changed, so that a no-show is seen only once it is one. A rescheduled appointment
    is a cancelled one and a new one.
    """

    name = "appointments"
    appointment_id = Column(pa.string(), "The appointment; its rows share it.")
    state = Column(pa.string(), "The state from now on.", one_of=APPOINTMENT_STATES)
    starts_at = Column(INSTANT, "Start that was booked.")
    minutes = Column(
        pa.int32(), "Booked minutes; for `fulfilled` the real ones.", nullable=True, at_least=0, at_most=1440
    )
    profession = Column(pa.string(), "Who was to give the care.", one_of=PROFESSIONS)


class Visits(Event):
    """One row is one visit that took place; booked, cancelled and missed ones are not visits."""

    name = "visits"
    minutes = Column(pa.int32(), "Chair time, minutes; null when not known.", nullable=True, at_least=0, at_most=1440)
    profession = Column(pa.string(), "Who gave the care.", one_of=PROFESSIONS)
    urgency = Column(pa.string(), "Urgency of the visit.", one_of=URGENCIES)
    mode = Column(pa.string(), "Where or how the visit was held.", one_of=MODES)
    unit = Column(pa.string(), "Clinic that gave the care.", nullable=True)
    producer = Column(pa.string(), "Who produced the visit: own clinic, voucher, purchased.", one_of=PRODUCERS)


class Procedures(Event):
    """One row is one procedure done at a visit, as coded by the source. Unknown codes are kept as they are."""

    name = "procedures"
    visit_id = Column(pa.string(), "Event id of the visit it was done at.", nullable=True)
    code = Column(pa.string(), "Procedure code, upper case, as coded.")
    code_system = Column(pa.string(), "Whose code it is.", one_of=CODE_SYSTEMS)
    tooth = Column(pa.int16(), "Tooth, FDI two digits (11-48, 51-85).", nullable=True, at_least=11, at_most=85)
    surfaces = Column(pa.string(), "Tooth surfaces, letters of MODBLIP.", nullable=True)


class Diagnoses(Event):
    """One row is one diagnosis recorded at a visit."""

    name = "diagnoses"
    visit_id = Column(pa.string(), "Event id of the visit it was recorded at.", nullable=True)
    code = Column(pa.string(), "ICD-10 code without the dot, upper case (K021).")
    tooth = Column(pa.int16(), "Tooth, FDI two digits.", nullable=True, at_least=11, at_most=85)


class Findings(Event):
    """One row is one measured value of an examination, in whole units of its kind (see `FINDINGS`)."""

    name = "findings"
    visit_id = Column(pa.string(), "Event id of the examination.", nullable=True)
    kind = Column(pa.string(), "What was measured.", one_of=FINDINGS)
    value = Column(pa.int32(), "The value, in the kind's unit.", at_least=0, at_most=100)


class Answers(Event):
    """One row is one answer to one interview question, as a number (a coded choice or a quantity)."""

    name = "answers"
    contact_id = Column(pa.string(), "Event id of the contact it was asked at.", nullable=True)
    question = Column(pa.string(), "Stable name of the question.")
    value = Column(pa.float64(), "The answer; codes as their numbers.")


class Charges(Event):
    """One row is one amount charged for care: of one visit, or summed over a period that ends at `event_time`."""

    name = "charges"
    category = Column(pa.string(), "Kind of care charged for.", one_of=CHARGES)
    cents = Column(pa.int64(), "Amount, hundredths of the currency unit.", at_least=0)
    units = Column(pa.int32(), "How many visits or items it covers; null when not known.", nullable=True, at_least=0)


class Vouchers(Event):
    """One row is one change of a voucher's state: granted, activated, ended or withdrawn."""

    name = "vouchers"
    voucher_id = Column(pa.string(), "The voucher; its rows share it.")
    definition_id = Column(pa.string(), "The voucher definition, with its version, whose rules hold.")
    state = Column(pa.string(), "The state from now on.", one_of=VOUCHER_STATES)
    valid_until = Column(pa.date32(), "Last day on which care may be given.", nullable=True)
    provider_id = Column(pa.string(), "The provider chosen; null until activated.", nullable=True)


class Assessments(Event):
    """One row is one assessment that was given; its `event_id` is the assessment's id.

    `event_time` is the moment as of which the need was assessed, `recorded_at` when it was. The service writes it and
    monitoring reads it; it is no part of what a patient's need is assessed from. Without an estimate (no history, or
    too little) everything that was estimated is null.
    """

    name = "assessments"
    model_version = Column(pa.string(), "Name and version of the model that answered.")
    features_version = Column(pa.string(), "Version of the feature catalogue.")
    rules_version = Column(pa.string(), "Version of the dated tables that turned the estimate into advice.")
    suggested = Column(pa.string(), "Segment that was suggested.", nullable=True)
    at_least_moderate = Column(
        pa.float64(), "Probability of needing at least moderate care.", nullable=True, at_least=0, at_most=1
    )
    at_least_heavy = Column(pa.float64(), "Probability of needing heavy care.", nullable=True, at_least=0, at_most=1)
    members = Column(pa.string(), "The prediction set: names of segments in rising order, joined by +.", nullable=True)
    visits = Column(pa.float64(), "Expected visits of the episode.", nullable=True, at_least=0)
    minutes = Column(pa.float64(), "Expected chair minutes of the episode.", nullable=True, at_least=0)
    history_days = Column(
        pa.int32(), "Whole days from the latest event that was seen to the moment.", nullable=True, at_least=0
    )
    unit = Column(pa.string(), "Clinic for which it was asked.", nullable=True)
    language = Column(pa.string(), "Language of service of the patient, ISO 639-1, lower case.", nullable=True)


class Decisions(Event):
    """One row is one person's decision on one assessment; a later one supersedes it, both are kept."""

    name = "decisions"
    assessment_id = Column(pa.string(), "The assessment decided on.")
    suggested = Column(pa.string(), "Segment that was suggested; null without history.", nullable=True)
    decided = Column(pa.string(), "Segment that the person decided on.")
    outcome = Column(pa.string(), "Whether the suggestion was taken.", one_of=OUTCOMES)
    reason_code = Column(pa.string(), "Why it was overridden, as a code.", nullable=True)


class Messages(Event):
    """One row is one change of a message's state; its text is never kept here."""

    name = "messages"
    message_id = Column(pa.string(), "The message; its rows share it.")
    voucher_id = Column(pa.string(), "The voucher it is about.", nullable=True)
    kind = Column(pa.string(), "What it says, as the name of a rule.")
    recipient = Column(pa.string(), "Who gets it.", one_of=RECIPIENTS)
    channel = Column(pa.string(), "How it goes.", one_of=MESSAGE_CHANNELS)
    state = Column(pa.string(), "The state from now on.", one_of=MESSAGE_STATES)
    reason = Column(pa.string(), "Why it was not sent or failed, as a code.", nullable=True)


TABLES: dict[str, type[Table]] = {
    table.name: table
    for table in (
        Patients,
        Contacts,
        Appointments,
        Visits,
        Procedures,
        Diagnoses,
        Findings,
        Answers,
        Charges,
        Vouchers,
        Assessments,
        Decisions,
        Messages,
    )
}
EVENTS: dict[str, type[Table]] = {name: table for name, table in TABLES.items() if table.is_event()}
