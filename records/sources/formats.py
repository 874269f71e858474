"""The formats that can be imported, by name: one line a format.

A reader is called with the paths given and the options of the format, all texts, and yields batches. It is imported
only when its format is asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from records.sources.batch import Batch, SourceError

FORMATS = {
    "fhir": "records.sources.fhir.command:read_files",
    "avohilmo": "records.sources.avohilmo:read_avohilmo",
    "tarve": "records.sources.own:read_own",
    "meds": "records.sources.meds:read_meds",
    "omop": "records.sources.omop:read_omop",
    "database": "records.sources.database:read_named",
}
"""Module and reader of every format."""


def read_format(name: str, paths: Sequence[Path], options: Mapping[str, str]) -> Iterator[Batch]:
    """Read paths of a format.

    Raises:
        SourceError: there is no such format, it has no such option or needs one that is not given, or the paths cannot
            be read.
    """
    if name not in FORMATS:
        raise SourceError(f"there is no format {name}; there are {', '.join(FORMATS)}")
    module, _, function = FORMATS[name].partition(":")
    reader = getattr(import_module(module), function)
    _require_options(name, reader, options)
    if not paths and name != "database":
        raise SourceError(f"name the files or folders to read as {name}")
    batches: Iterator[Batch] = reader(paths, **options)
    return batches


def _require_options(name: str, reader: Any, options: Mapping[str, str]) -> None:
    known = {key: one for key, one in inspect.signature(reader).parameters.items() if one.kind is one.KEYWORD_ONLY}
    for key in options:
        if key not in known:
            raise SourceError(f"the format {name} has no option {key}; it has {', '.join(known) or 'none'}")
    for key, one in known.items():
        if one.default is one.empty and key not in options:
            raise SourceError(f"the format {name} needs the option {key}")
