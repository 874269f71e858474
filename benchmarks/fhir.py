"""Measure reading FHIR: resources a second, and how many times as long as merely parsing the same bytes takes.

    python -m benchmarks.fhir [--data FOLDER] [--resources N] [--rounds N]

Without `--data` it writes a made-up bulk export of dental care only, the worst case: every resource becomes a row. With
a folder of ndjson files that is read instead. The two are timed in turns, in CPU seconds of one core; the figures are
medians. Memory is the highest resident size of a fresh process that reads the files and drops every batch, above what
it had before reading; Linux only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.memory import highest_megabytes
from records.sources.fhir import read_fhir

CODES = ("SAA01", "SDA02", "SFA20", "EB1AA", "WX110", "SCA02", "EBA00", "SGB10")
THL, FDI = "urn:oid:1.2.246.537.6.33.2013", "http://terminology.hl7.org/CodeSystem/ex-tooth"
SURFACE = "http://terminology.hl7.org/CodeSystem/FDI-surface"
MEMORY = "import sys; from benchmarks.fhir import peak; print(*peak(sys.argv[1:]))"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures."""
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.data or write(Path(scratch), given.resources)
        files = sorted(folder.glob("*.ndjson"))
        if not files:
            sys.stderr.write(f"{folder} holds no ndjson file\n")
            return 2
        figures = compare(files, given.rounds) | memory(files)
    for name, figure in figures.items():
        sys.stdout.write(f"{name:<42}{figure:>14,.1f}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fhir", description="Measure reading FHIR.")
    parser.add_argument("--data", type=Path, help="folder of ndjson files (default: made-up data)")
    parser.add_argument("--resources", type=int, default=100_000, help="made-up resources (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="times that each is run (default %(default)s)")
    return parser


def compare(files: Sequence[Path], rounds: int) -> dict[str, float]:
    """Medians of reading and of parsing, run in turns after one round that is not counted."""
    times: dict[str, list[float]] = {"read": [], "parse": []}
    count = 0
    for _ in range(rounds + 1):
        for name, work in (("read", _read), ("parse", _parse)):
            seconds, count = _timed(work, files)
            times[name].append(seconds)
    read, parse = (statistics.median(times[name][1:]) for name in ("read", "parse"))
    return {
        "resources": count,
        "megabytes": sum(file.stat().st_size for file in files) / 1e6,
        "read_fhir, resources a CPU second": count / read,
        "bare parse, resources a CPU second": count / parse,
        "read_fhir takes ... times the bare parse": read / parse,
    }


def memory(files: Sequence[Path]) -> dict[str, float]:
    """Megabytes of a fresh process before reading and at its highest."""
    command = [sys.executable, "-c", MEMORY, *map(str, files)]
    before, highest = map(float, subprocess.run(command, check=True, capture_output=True).stdout.split())  # noqa: S603
    return {"memory before reading, MB": before, "added by reading at the highest, MB": highest - before}


def peak(files: Sequence[str]) -> tuple[float, float]:
    """Megabytes resident before and at the highest of reading; for a process of its own."""
    before = highest_megabytes()
    _read([Path(file) for file in files])
    return before, highest_megabytes()


def _timed(work: Callable[[Sequence[Path]], int], files: Sequence[Path]) -> tuple[float, int]:
    start = time.process_time()
    count = work(files)
    return time.process_time() - start, count


def _read(files: Sequence[Path]) -> int:
    return sum(batch.rows_read for batch in read_fhir(files))


def _parse(files: Sequence[Path]) -> int:
    count = 0
    for file in files:
        with file.open("rb") as stream:
            for line in stream:
                orjson.loads(line)
                count += 1
    return count


def write(folder: Path, resources: int) -> Path:
    """Write a made-up export: of ten resources one encounter, six procedures and three diagnoses."""
    people = max(resources // 200, 1)
    _write(folder, "Patient", (_patient(number) for number in range(people)))
    _write(folder, "Encounter", (_encounter(number, people) for number in range(resources // 10)))
    _write(folder, "Procedure", (_procedure(number, people) for number in range(resources * 6 // 10)))
    _write(folder, "Condition", (_condition(number, people) for number in range(resources * 3 // 10)))
    return folder


def _write(folder: Path, kind: str, made: Iterator[dict[str, Any]]) -> None:
    with (folder / f"{kind}.ndjson").open("w", encoding="utf-8") as file:
        for one in made:
            file.write(json.dumps({"resourceType": kind, "meta": {"versionId": "1"}} | one) + "\n")


def _when(number: int) -> str:
    return (
        f"20{10 + number % 15}-{1 + number % 12:02}-{1 + number % 28:02}T{8 + number % 9:02}:{number % 60:02}:00+02:00"
    )


def _patient(number: int) -> dict[str, Any]:
    birth = f"{1930 + number % 90}-{1 + number % 12:02}-{1 + number % 28:02}"
    return {"id": f"p{number}", "gender": ("female", "male")[number % 2], "birthDate": birth, "active": True}


def _encounter(number: int, people: int) -> dict[str, Any]:
    return {
        "id": f"e{number}", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/p{number % people}"},
        "period": {"start": _when(number), "end": _when(number)},
        "serviceType": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "88"}]},
        "serviceProvider": {"reference": f"Organization/o{number % 9}"},
    }  # fmt: skip


def _procedure(number: int, people: int) -> dict[str, Any]:
    teeth = [{"coding": [{"system": FDI, "code": f"{1 + number % 4}{1 + number % 8}"}]},
             {"coding": [{"system": SURFACE, "code": "MO"}]}]  # fmt: skip
    return {
        "id": f"x{number}", "status": "completed", "code": {"coding": [{"system": THL, "code": CODES[number % 8]}]},
        "subject": {"reference": f"Patient/p{number % people}"}, "performedDateTime": _when(number),
        "encounter": {"reference": f"Encounter/e{number // 6}"}, "bodySite": teeth if number % 2 else [],
    }  # fmt: skip


def _condition(number: int, people: int) -> dict[str, Any]:
    return {
        "id": f"c{number}", "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": {"coding": [{"system": "urn:oid:1.2.246.537.6.1", "code": ("K02.1", "K05.10", "K04.0")[number % 3]}]},
        "subject": {"reference": f"Patient/p{number % people}"}, "recordedDate": _when(number),
        "encounter": {"reference": f"Encounter/e{number // 3}"},
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
