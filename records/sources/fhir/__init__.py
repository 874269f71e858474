"""FHIR R4: bulk exports, Bundles and the prefetch of a request, through one declared mapping."""

from records.sources.fhir.read import from_resources, read_fhir

__all__ = ["from_resources", "read_fhir"]
