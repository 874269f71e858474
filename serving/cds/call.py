"""One call of a CDS Hooks service, read tolerantly: what is not used may be anything."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import orjson

from records.sources.fhir.read import unpacked
from serving.guard import Refused

STAFF = ("Practitioner", "PractitionerRole")
MOST_APPOINTMENTS = 50
_ODD = re.compile(rb"\A\xef\xbb\xbf|\\u[dD][89a-fA-F]|\d{20}|[eE][+-]?\d{3}")
"""What makes another attempt at reading worth its time: a mark, half of a pair, a number out of all bounds."""
_EXACT = 18
"""Digits of a whole number that every reader holds exactly."""
_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")


@dataclass(frozen=True)
class Call:
    """What is used of a call.

    Attributes:
        patient_id: the patient's id on the client's FHIR server.
        user: type and id of who sits at the client; None when that cannot be told.
        appointments: the proposed appointments, as they were sent.
        prefetch: what was given of the record, by key.
        fhir_server: base URL of the client's FHIR server.
        token: allows reading there, for this call.
        instance: the hook instance, when it is a UUID.
    """

    patient_id: str
    user: tuple[str, str] | None
    appointments: tuple[dict[str, Any], ...]
    prefetch: Mapping[str, Any]
    fhir_server: str | None
    token: str | None
    instance: str | None

    @property
    def is_by_staff(self) -> bool:
        """Whether a professional is known to sit at the client; only such a one is told reasons and probabilities."""
        return self.user is not None and self.user[0] in STAFF

    @property
    def has_fhir_id(self) -> bool:
        """Whether the patient's id is one that may be put into an address."""
        return _ID.fullmatch(self.patient_id) is not None


def read_call(body: bytes, hook: str) -> Call:
    """Read the body of a call.

    Raises:
        Refused: it is no JSON object, of another hook, or names no patient.
    """
    sent, said = _read(body)
    if said.get("hook") != hook:
        raise Refused(400, "hook", f"must be {hook}")
    context = _object(said.get("context"))
    patient = context.get("patientId")
    if not isinstance(patient, str) or not patient.removeprefix("Patient/"):
        raise Refused(400, "context.patientId", "must be the id of a patient")
    server = said.get("fhirServer")
    token = _object(said.get("fhirAuthorization")).get("access_token")
    return Call(
        patient_id=patient.removeprefix("Patient/"),
        user=_user(context.get("userId")),
        appointments=_proposed(body, sent),
        prefetch=_object(said.get("prefetch")),
        fhir_server=server.rstrip("/") if isinstance(server, str) else None,
        token=token if isinstance(token, str) and token.isascii() and token.isprintable() else None,
        instance=_uuid(said.get("hookInstance")),
    )


def read_object(body: bytes) -> dict[str, Any]:
    """A body that must be a JSON object.

    Raises:
        Refused: it is not.
    """
    return _read(body)[1]


def _read(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """A body as it was sent, and as text that every database and every answer can hold."""
    try:
        sent = said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        try:
            sent = exactly(body) if _ODD.search(body) else None
            said = read_json(body)
        except (ValueError, RecursionError):
            raise Refused(400, "body", f"is not valid JSON at character {error.pos}") from None
    if not isinstance(said, dict):
        raise Refused(400, "body", "must be a JSON object")
    return sent, said


def read_json(body: bytes) -> Any:
    """JSON, also behind a byte order mark, and with question marks for halves of surrogate pairs.

    Clients that cut a text after so many letters cut some emoji in two, and write the half as an escape. It is JSON by
    its grammar, but no text; and a number that is larger than any float is JSON too. Such a one is read as null.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if not _ODD.search(body):
            raise
        read = json.loads(body, parse_float=_finite, parse_int=_whole, parse_constant=_refuse)
        return orjson.loads(json.dumps(read, ensure_ascii=False).encode("utf-8", "replace"))


def exactly(body: bytes) -> Any:
    """JSON with halves of pairs as they are, and numbers that a reader would round as they are spelled.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(body, parse_float=Spelled, parse_int=_whole_spelled, parse_constant=_refuse)


class Spelled(float):
    """A number that knows how it was spelled."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Read it."""
        made = super().__new__(cls, text)
        made.text = text
        return made


def _whole_spelled(text: str) -> int | Spelled:
    return int(text) if len(text) <= _EXACT else Spelled(text)


def _whole(text: str) -> int | float | None:
    return int(text) if len(text) <= _EXACT else _finite(text)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _refuse(_: str) -> None:
    """NaN and the infinities, which are no JSON.

    Raises:
        ValueError: always.
    """
    raise ValueError


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _user(value: object) -> tuple[str, str] | None:
    """Type and id of a reference, also of an absolute one or one to a version."""
    parts = value.partition("/_history/")[0].split("/")[-2:] if isinstance(value, str) else []
    return (parts[0], parts[1]) if len(parts) == 2 and all(_ID.fullmatch(part) for part in parts) else None


def _proposed(body: bytes, sent: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The appointments as they were sent, to the last half of a pair and the last digit: a suggestion echoes them."""
    found = tuple(_appointments(_object(sent.get("context")).get("appointments")))
    if not _may_be_rounded(found):
        return found
    try:
        return tuple(_appointments(exactly(body)["context"]["appointments"]))
    except RecursionError:
        return found


def _may_be_rounded(value: object) -> bool:
    """Whether there is a number that was perhaps spelled otherwise than we would spell it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, float):
            return True
        if isinstance(one, dict | list | tuple):
            waiting += one.values() if isinstance(one, dict) else one
    return False


def _appointments(value: object) -> Iterator[dict[str, Any]]:
    """The appointments of a Bundle, of a bare list of them or of entries, or the only one."""
    found = 0
    for resource in resources_of(value):
        if resource.get("resourceType") == "Appointment" and found < MOST_APPOINTMENTS:
            found += 1
            yield resource


def resources_of(value: object) -> Iterator[dict[str, Any]]:
    """The resources of a Bundle, of a list of them or of entries, or the only one, each with its own id."""
    return unpacked(_entries_as_resources(value))


def _entries_as_resources(value: object) -> object:
    if isinstance(value, dict) and value.get("resourceType") == "Bundle":
        # Entries as they are: the reader of records would put a urn:uuid address in the place of the id.
        entries = value.get("entry")
        return [_entry(one) for one in entries] if isinstance(entries, list) else []
    return [_entry(one) for one in value] if isinstance(value, list) else value


def _entry(one: object) -> object:
    return one["resource"] if isinstance(one, dict) and "resourceType" not in one and "resource" in one else one


def _uuid(value: object) -> str | None:
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None
