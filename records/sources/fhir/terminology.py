"""Code systems, teeth and surfaces: what codings of many dialects mean to the schema.

Identifiers of code systems come bare, as `urn:oid:`, with a year or version behind, with http or https; one name
stands for all of them (`tables/code_systems.csv`). A coding is the JSON object with `system` and `code`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, TypeAlias

from records.codes import NEED_GROUPS, table_rows

Coding: TypeAlias = Mapping[str, Any]
Code: TypeAlias = tuple[str | None, str]

SURFACE_ORDER = "MODBLIP"
SURFACE_LETTERS = {**{letter: letter for letter in SURFACE_ORDER}, "V": "B", "F": "B"}
"""Vestibular and facial are the buccal side."""

DENTAL_DIAGNOSES = ("K00", "K01", "K02", "K03", "K04", "K05", "K06", "K07", "K08", "K09", "K10", "K11", "K12", "K13",
                    "K14", "S025", "S032", "Z012")  # fmt: skip
"""ICD-10 categories of the mouth and teeth: diseases, broken and displaced teeth, dental examination."""

PROCEDURE_SYSTEMS = {"thl_dental": "thl", "thl_procedure": "thl", "cdt": "cdt", "snomed": "snomed"}
"""Name of a code system -> `code_system` of the schema, best first; any other is local."""

_VERSION = re.compile(r"\.(?:19|20)\d{2}(?:\d{2}){0,2}")
_ICD10 = re.compile(r"[A-Z]\d{2}[A-Z0-9]{0,4}", re.ASCII)
_UNIVERSAL_MILK = "ABCDEFGHIJKLMNOPQRST"


@lru_cache(maxsize=4096)
def system_name(system: str | None) -> str | None:
    """The project's name of a code system; None when it is not one that the project knows.

    Examples:
        >>> {system_name("urn:oid:1.2.246.537.6.33.2013"), system_name("1.2.246.537.6.33|201801")}
        {'thl_dental'}
    """
    if not system:
        return None
    bare = _bare(system)
    names = _systems()
    return names.get(bare) or names.get(_VERSION.sub("", bare) if _VERSION.search(bare) else bare)


def _bare(system: str) -> str:
    text = system.partition("|")[0].strip().rstrip("/")
    for start, instead in (("urn:oid:", ""), ("urn:1.", "1."), ("urn:2.", "2."), ("https://", "http://")):
        if text.lower().startswith(start):
            text = instead + text[len(start) :]
    return text.lower()


@cache
def _systems() -> dict[str, str]:
    return {_bare(row["system"]): row["name"] for row in table_rows("code_systems")}


def codes(codings: Iterable[Coding]) -> Iterator[Code]:
    """(name of the system or None, code) of the codings that have a code."""
    for coding in codings:
        code, system = coding.get("code"), coding.get("system")
        if type(code) is str and code.strip():
            yield system_name(system if type(system) is str else None), code.strip()


def procedure_code(codings: Iterable[Coding]) -> tuple[str, str, bool] | None:
    """The code to keep of a procedure: (`code_system`, code in upper case, whether it is dental).

    Of several codings the dental one wins, then THL, CDT, SNOMED CT, anything else. THL's oral health codes and CDT are
    dental as such; a code of THL's general classification or SNOMED CT is when the need groups know it.
    """
    found = [(name or "", code.upper()) for name, code in codes(codings)]
    if not found:
        return None
    name, code = found[0] if len(found) == 1 else min(found, key=_rank)
    return PROCEDURE_SYSTEMS.get(name, "local"), code, is_dental(name, code)


def _rank(code: tuple[str, str]) -> tuple[bool, int]:
    systems = list(PROCEDURE_SYSTEMS)
    return not is_dental(*code), systems.index(code[0]) if code[0] in systems else len(systems)


@lru_cache(maxsize=65_536)
def is_dental(name: str, code: str) -> bool:
    """Whether a procedure code, in upper case, of a named system is one of dental care."""
    if name in {"thl_dental", "cdt"}:
        return True
    return name in PROCEDURE_SYSTEMS and NEED_GROUPS.knows(code)


def diagnosis_code(codings: Iterable[Coding]) -> tuple[str, bool] | None:
    """The ICD-10 code of a diagnosis without its dot, and whether it is dental; SNOMED CT by `snomed_diagnoses.csv`.

    None when no coding is ICD-10 or a SNOMED CT code that the table knows.
    """
    known = [code for name, code in codes(codings) for code in _icd10(name, code)]
    return min(((code, code.startswith(DENTAL_DIAGNOSES)) for code in known), key=lambda one: not one[1], default=None)


def _icd10(name: str | None, code: str) -> Iterator[str]:
    if name == "snomed" and code in _snomed_diagnoses():
        yield _snomed_diagnoses()[code]
    if name == "icd10":
        bare = code.upper().replace(".", "")
        if _ICD10.fullmatch(bare):
            yield bare


@cache
def _snomed_diagnoses() -> dict[str, str]:
    return {row["code"]: row["icd10"] for row in table_rows("snomed_diagnoses")}


@lru_cache(maxsize=4096)
def dental_mark(name: str, code: str) -> tuple[bool, str | None]:
    """Whether a code of a type, service, role or reason says dental care, and whose care if it says so.

    The codes are those of `fhir_dental_marks.csv`, dental procedures and dental diagnoses.
    """
    marks = [row for row in table_rows("fhir_dental_marks") if row["system"] == name]
    exact = [row for row in marks if row["match"] == "exact" and row["code"] == code]
    begun = [row for row in marks if row["match"] == "prefix" and code.startswith(row["code"])]
    for row in (*exact, *begun):
        return True, row["profession"] or None
    icd10 = next(_icd10(name, code), "")
    return is_dental(name, code.upper()) or icd10.startswith(DENTAL_DIAGNOSES), None


def dental_marks(*several: Iterable[Coding]) -> tuple[bool, str | None]:
    """Whether any coding says dental care, and the first profession that one names."""
    dental, profession = False, None
    for codings in several:
        for name, code in codes(codings) if codings else ():
            says, whose = dental_mark(name or "", code)
            dental = dental or says
            profession = profession or whose
    return dental, profession


@cache
def finding_codes() -> dict[Code, tuple[str, str]]:
    """(system, code) of a measured value -> (kind, unit); an empty unit is not looked at."""
    return {(row["system"], row["code"]): (row["kind"], row["unit"]) for row in table_rows("finding_codes")}


def tooth_and_surfaces(codings: Iterable[Coding]) -> tuple[int | None, str | None, str | None]:
    """The tooth (FDI), its surfaces, and what could not be told (None when all could).

    A number whose system is not named is taken when only one numbering has it: 48 is FDI, 7 and A are Universal,
    11 may be either and stays out, and so does B, which may be a surface. Several different teeth stay out, because
    a row has one.
    """
    teeth: set[int] = set()
    letters: set[str] = set()
    fault = None
    elsewhere = False
    for name, code in codes(codings):
        if name == "surface" or (name is None and set(code.upper()) <= {*SURFACE_ORDER} and len(code) > 1):
            letters |= {SURFACE_LETTERS[letter] for letter in code.upper() if letter in SURFACE_LETTERS}
        elif name in {"fdi_tooth", "universal_tooth", None}:
            tooth = tooth_number(name, code)
            fault = fault if tooth else "a tooth that its coding does not tell"
            teeth |= {tooth} if tooth else set()
        else:
            elsewhere = True
    if len(teeth) > 1:
        fault = "several teeth"
    elif elsewhere and not teeth:
        fault = "a site that is no known tooth"
    surfaces = "".join(letter for letter in SURFACE_ORDER if letter in letters)
    return (teeth.pop() if len(teeth) == 1 else None), surfaces or None, fault


@lru_cache(maxsize=1024)
def tooth_number(name: str | None, code: str) -> int | None:
    """A tooth's FDI number by the named numbering (`fdi_tooth`, `universal_tooth`, None when not said), or None."""
    fdi = int(code) if len(code) == 2 and code.isascii() and code.isdigit() and _is_fdi(int(code)) else None
    universal = _from_universal(code.upper())
    if name == "fdi_tooth":
        return fdi
    if name == "universal_tooth":
        return universal
    ambiguous = (fdi and universal) or code.upper() in SURFACE_LETTERS
    return None if ambiguous else fdi or universal


def _is_fdi(number: int) -> bool:
    quadrant, place = divmod(number, 10)
    return 1 <= place <= (8 if quadrant <= 4 else 5) and 1 <= quadrant <= 8


def _from_universal(code: str) -> int | None:
    """ADA Universal: 1-32 clockwise from the upper right wisdom tooth, A-T likewise for milk teeth."""
    if len(code) == 1 and code in _UNIVERSAL_MILK:
        return _clockwise(_UNIVERSAL_MILK.index(code), 5, 5)
    if len(code) <= 2 and code.isascii() and code.isdigit() and 1 <= int(code) <= 32:
        return _clockwise(int(code) - 1, 8, 1)
    return None


def _clockwise(at: int, teeth: int, first_quadrant: int) -> int:
    quadrant, place = divmod(at, teeth)
    number = teeth - place if quadrant % 2 == 0 else place + 1
    return 10 * (first_quadrant + quadrant) + number
