"""FHIR files as the command line asks for them: every option is a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from records.identity import Pseudonyms
from records.sources.batch import Batch, SourceError
from records.sources.fhir.read import read_fhir

ANSWERS = {"yes": True, "no": False}


def read_files(
    paths: Sequence[Path], *, key_file: str = "", source: str = "fhir", all_dental: str = "no"
) -> Iterator[Batch]:
    """Read FHIR files or folders of them, see `read_fhir`.

    Args:
        paths: files or folders.
        key_file: file of the secret key that turns identity codes into pseudonyms; empty leaves the resource ids.
        source: the `source` of every row.
        all_dental: `yes` when everything in the source is dental care, coded or not.

    Raises:
        SourceError: the key cannot be used, `all_dental` is neither yes nor no, or the files cannot be read.
    """
    if all_dental not in ANSWERS:
        raise SourceError("all_dental is yes or no")
    return read_fhir(paths, _identity(key_file), source=source, all_dental=ANSWERS[all_dental])


def _identity(key_file: str) -> Pseudonyms | None:
    if not key_file:
        return None
    try:
        return Pseudonyms(Path(key_file).read_bytes().strip())
    except OSError as error:
        raise SourceError(f"the key file {key_file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SourceError(f"the key file {key_file} cannot be used: {error}") from None
