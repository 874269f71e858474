"""What a clinician would insist on: features of which more never means less need, or never more.

A constrained model keeps its margin rising (or falling) in such a feature, whatever else is known, so that no reason
says that decay found or a deep gum pocket lowers the need because those who were just treated need less.

Features are named by family, or by family and level. Only features whose direction holds for every single patient are
here: more visits, fillings or missing teeth speak for need in one patient and against it in another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from features.catalogue import Catalogue
from features.families import Feature

Sign = Literal[-1, 0, 1]

SIGNS: Mapping[str, Mapping[str, Sign] | Sign] = {
    "special_needs": 1,
    "emergencies": 1,
    "urgent_contacts": 1,
    "caries_diagnoses": 1,
    "teeth_with_caries": 1,
    "pulp_diagnoses": 1,
    "gum_diagnoses": 1,
    "broken_teeth": 1,
    "found": {"decayed": 1, "cpi": 1, "bop": 1, "ppd": 1, "plaque": 1},
    "worst": 1,
    "usual_finding": 1,
    "change": 1,
    "deep_pockets": 1,
    "recall": -1,  # the dentist's own judgement: who needs less is asked back later
    "diabetes": 1,
    "tobacco": 1,
    "dry_mouth": 1,
    "answer": {
        "pain": 1,
        "bleeding": 1,
        "smoking": 1,
        "diabetes": 1,
        "self_rated": -1,  # from very poor to very good
        "brushing": -1,
    },
}
"""1: the need never falls as the value rises; -1: it never rises. By family, or by its levels where they differ."""


def sign(feature: Feature) -> Sign:
    """The direction of one feature; 0 where nothing is asked."""
    said = SIGNS.get(feature.family.name, 0)
    return said if isinstance(said, int) else said.get(feature.level or "", 0)


def monotone(catalogue: Catalogue) -> list[int]:
    """A direction for every column of a catalogue, as LightGBM and interpret take `monotone_constraints`."""
    return [sign(feature) for feature in catalogue]
