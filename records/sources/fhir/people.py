"""Whose resource it is: server ids and identity codes to one opaque `patient_id`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from records.identity import Pseudonyms, is_identity_code, looks_like_identity_code
from records.sources.fhir.terminology import system_name


@dataclass
class People:
    """The patients of one source.

    With pseudonyms, a person with a Finnish identity code is known by its pseudonym, so that the same person of
    another source joins; anybody else by the server's resource id. References name resource ids, so the ids of the
    patients met are kept with their pseudonyms (texts only, one a person); patients must be met before what refers
    to them. Without pseudonyms resource ids are used as they are. A resource id in the form of an identity code
    is never used: it becomes its pseudonym, or nothing.
    """

    identity: Pseudonyms | None = None
    ids: dict[str, str | None] = field(default_factory=dict)

    def meet(self, key: str, identifiers: Iterable[Mapping[str, Any]]) -> str | None:
        """Learn one patient; the `patient_id`."""
        self.ids[key] = self._pseudonym(identifiers) or self._opaque(key)
        return self.ids[key]

    def of(self, key: str) -> str | None:
        """The `patient_id` of the person that a reference's key names."""
        if key not in self.ids:
            self.ids[key] = self._opaque(key)
        return self.ids[key]

    def named(self, identifier: Mapping[str, Any] | None) -> str | None:
        """The `patient_id` of the person that an identity code names in the place of a reference."""
        return self._pseudonym([identifier] if identifier else [])

    def one_of(self, keys: list[str], identifiers: Iterable[Mapping[str, Any]]) -> str | None:
        """The patient among several participants: the only one, or the only one that was met before."""
        several = set(keys) if len(set(keys)) == 1 else {key for key in keys if key in self.ids}
        return self.of(several.pop()) if len(several) == 1 else self._pseudonym(identifiers)

    def _opaque(self, key: str) -> str | None:
        if not looks_like_identity_code(key):
            return key
        return self.identity.of(key) if self.identity and is_identity_code(key) else None

    def _pseudonym(self, identifiers: Iterable[Mapping[str, Any]]) -> str | None:
        if self.identity is None:
            return None
        for identifier in identifiers:
            system, code = identifier.get("system"), identifier.get("value")
            is_hetu = type(system) is str and system_name(system) == "hetu" and identifier.get("use") != "old"
            if is_hetu and type(code) is str and is_identity_code(code):
                return self.identity.of(code)
        return None
