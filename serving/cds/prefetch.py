"""What is there of a patient's record: given with the call, or fetched; and what truly is not there.

A key may be absent (not given), null (there is nothing), an OperationOutcome (the client failed), whole, or the first
of several pages. Nothing is no history; what was not given is not nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from records.sources.fhir.read import unpacked
from serving.cds.call import Call, resources_of
from serving.cds.discovery import WANTED
from serving.cds.fetch import FhirServer, addressed, has_failed, next_page
from serving.tenants import Tenant

Connect = Callable[[str, str | None], FhirServer]
"""Reaches a FHIR server by its base URL and a token."""


@dataclass(frozen=True)
class Gathered:
    """What is there.

    Attributes:
        resources: of all keys that are there.
        missing: keys that are not.
    """

    resources: list[dict[str, Any]]
    missing: tuple[str, ...]

    @property
    def missing_required(self) -> tuple[str, ...]:
        """Keys that are not there, and without which nothing can be said."""
        return tuple(key for key in self.missing if WANTED[key].required)


@dataclass
class _Parts:
    """What was given, sorted out: whole keys, and those to fetch from some address on."""

    whole: dict[str, list[Any]] = field(default_factory=dict)
    begun: dict[str, list[Any]] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)


async def gather(call: Call, tenant: Tenant, connect: Connect) -> Gathered:
    """Gather what a call gives and, if its server is listed for the tenant, fetch what it lacks."""
    parts = _given(call)
    lacking = [key for key in WANTED if key not in parts.whole]
    if lacking and call.has_fhir_id and call.fhir_server in tenant.fhir_servers:
        asked = {key: parts.pages.get(key) or addressed(WANTED[key].template, call.patient_id) for key in lacking}
        fetched = await connect(call.fhir_server or "", call.token).fetch(asked, parts.begun)
        parts.whole |= {key: kept for key, found in fetched.items() if (kept := _of(key, found, call)) is not None}
    resources = [resource for key in WANTED if key in parts.whole for resource in unpacked(parts.whole[key])]
    return Gathered(resources, tuple(key for key in WANTED if key not in parts.whole))


def _given(call: Call) -> _Parts:
    parts = _Parts()
    for key in WANTED:
        if key not in call.prefetch:
            continue
        value = _unwrapped(call.prefetch[key])
        if value is None:
            parts.whole[key] = []
        elif not isinstance(value, dict | list) or _has_failed(value):
            continue
        elif (following := _following(value)) is not None:
            parts.begun[key], parts.pages[key] = [value], following
        elif (kept := _of(key, [value], call)) is not None:
            parts.whole[key] = kept
    return parts


def _unwrapped(value: object) -> object:
    """The resource of an entry with `response` and `resource`, as clients of the first drafts send it."""
    if isinstance(value, dict) and "resourceType" not in value and "resource" in value:
        return value["resource"]
    return value


def _has_failed(value: dict[str, Any] | list[Any]) -> bool:
    return isinstance(value, dict) and has_failed(value)


def _following(value: dict[str, Any] | list[Any]) -> str | None:
    return next_page(value) if isinstance(value, dict) else None


def _of(key: str, found: list[Any], call: Call) -> list[Any] | None:
    """What was found under a key; None when it cannot be what was asked for: under `patient`, the patient of the call.

    A patient without an id was asked for by that id.
    """
    if key != "patient":
        return found
    people = [one for value in found for one in resources_of(value) if one.get("resourceType") == "Patient"]
    own = next((one for one in people if one.get("id", call.patient_id) == call.patient_id), None)
    return None if own is None else [own | {"id": call.patient_id}]
