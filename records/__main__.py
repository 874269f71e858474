"""The command line of the records room: `python -m records simulate`, `import`, `export` and `quality`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NoReturn, Self

from tqdm import tqdm

from records.history import OrderError
from records.imports import import_batches
from records.imports.quarantine import QuarantineError
from records.quality import as_json, as_text, measure
from records.schema import TABLES
from records.simulate import SURVEY, TruthFile, simulate
from records.sources.batch import SourceError
from records.sources.formats import FORMATS, read_format
from records.sources.meds import export_meds
from records.store import StoreError, Writer

UNTIL = date(2025, 12, 31)
"""Last simulated day unless another is asked for; fixed, so that the same command gives the same bytes tomorrow."""


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one sentence, without repeating the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    The exit status is 0; 1 when a source or a store cannot be read; 2 (through `SystemExit`) when an argument is wrong.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        status: int = given.run(given)
    except (SourceError, StoreError, OrderError, QuarantineError) as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 1
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m records", description="Work with record histories.")
    commands = parser.add_subparsers(required=True, metavar="command", parser_class=_Parser)
    _add_simulate(commands)
    _add_import(commands)
    _add_export(commands)
    _add_quality(commands)
    return parser


def _add_simulate(commands: Any) -> None:
    one = commands.add_parser("simulate", help="write the history of a population that does not exist")
    one.set_defaults(run=_simulate)
    one.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder to write; the truth behind it goes to OUT-truth.parquet and OUT-survey.parquet",
    )
    one.add_argument("--patients", type=int, default=20_000, help="how many people (default %(default)s)")
    one.add_argument("--years", type=int, default=10, help="years of history (default %(default)s)")
    one.add_argument("--seed", type=int, default=1, help="the same seed gives the same bytes (default %(default)s)")
    one.add_argument("--until", type=_day, default=UNTIL, help="last day, YYYY-MM-DD (default %(default)s)")


def _add_import(commands: Any) -> None:
    one = commands.add_parser("import", help="bring files of another system into a store")
    one.set_defaults(run=_import)
    one.add_argument("format", choices=list(FORMATS), help="what the files are: %(choices)s", metavar="format")
    one.add_argument("paths", type=Path, nargs="*", help="files or folders of the format")
    one.add_argument("--store", type=Path, required=True, help="folder of the history; made when it does not exist")
    one.add_argument(
        "--quarantine", type=Path, help="folder for rows kept aside, with the reason (default STORE-quarantine)"
    )
    one.add_argument(
        "--option", type=_option, action="append", default=[], metavar="NAME=VALUE", help="an option of the format"
    )


def _add_export(commands: Any) -> None:
    one = commands.add_parser("export", help="write a store in a format of another world")
    one.set_defaults(run=_export)
    one.add_argument("format", choices=["meds"], help="what to write: %(choices)s", metavar="format")
    one.add_argument("--store", type=Path, required=True, help="folder of the history")
    one.add_argument("--out", type=Path, required=True, help="folder to write; must not exist")


def _add_quality(commands: Any) -> None:
    one = commands.add_parser("quality", help="what is set aside, odd or implausible in a store, in counts")
    one.set_defaults(run=_quality)
    one.add_argument("--history", type=Path, required=True, help="folder of the history")
    one.add_argument("--quarantine", type=Path, help="folder of rows kept aside (default HISTORY-quarantine)")
    one.add_argument("--json", type=Path, help="file to write the report to as JSON")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not a date like {UNTIL}") from error


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not of the form NAME=VALUE")
    return name, value


def _import(given: argparse.Namespace) -> int:
    store = given.store.resolve()
    _require_replaceable(store)
    quarantine = given.quarantine or store.with_name(f"{store.name}-quarantine")
    batches = read_format(given.format, given.paths, dict(given.option))
    origin = ": ".join([given.format, *sorted(path.name for path in given.paths)])
    with _Bars() as bars:
        summary = import_batches(store, batches, quarantine.resolve(), origin=origin, watch=bars)
    sys.stdout.writelines(f"{line}\n" for line in summary.lines())
    return 0


class _Bars:
    """Progress on stderr: rows read, then ranges of patients merged."""

    def __enter__(self) -> Self:
        self._bar = tqdm(unit=" rows", desc="read", file=sys.stderr)
        return self

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if total is not None and self._bar.total != total:
            self._bar.close()
            self._bar = tqdm(total=total, unit=" ranges", desc=stage, file=sys.stderr)
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _export(given: argparse.Namespace) -> int:
    rows = export_meds(given.store, given.out)
    sys.stdout.write(f"{rows:,} rows written\n")
    return 0


def _quality(given: argparse.Namespace) -> int:
    folder = given.history.resolve()
    report = measure(folder, given.quarantine or folder.with_name(f"{folder.name}-quarantine")).report()
    if given.json:
        given.json.write_text(as_json(report), encoding="utf-8")
    sys.stdout.writelines(f"{line}\n" for line in as_text(report))
    return 0


def _simulate(given: argparse.Namespace) -> int:
    folder = given.out.resolve()
    _require_replaceable(folder)
    blocks = simulate(given.patients, given.years, given.seed, given.until)
    rows: Counter[str] = Counter()
    bar = tqdm(total=given.patients, unit="patient", file=sys.stderr)
    with (
        bar,
        TruthFile(truth_path(folder)) as truth,
        TruthFile(survey_path(folder), SURVEY) as survey,
        Writer(folder) as writer,
    ):
        for block in blocks:
            writer.write(block.history)
            truth.write(block.truth)
            rows.update(block.history.rows())
            survey.write(block.survey)
            rows["truth"] += block.truth.num_rows
            rows["survey"] += block.survey.num_rows
            bar.update(len(block.history.patient_ids))
    for name, count in rows.items():
        sys.stdout.write(f"{name:<12}{count:>12,}\n")
    return 0


def truth_path(folder: Path) -> Path:
    """Where the truth behind a simulated history lies: beside its folder."""
    return folder.with_name(f"{folder.name}-truth.parquet")


def survey_path(folder: Path) -> Path:
    """Where the true state of everyone at the end lies: beside the folder."""
    return folder.with_name(f"{folder.name}-survey.parquet")


def _require_replaceable(folder: Path) -> None:
    """A folder is replaced whole, so nothing but an earlier history may be in it."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; give a folder to write to")
    expected = {f"{name}.parquet" for name in TABLES}
    if folder.is_dir() and any(file.name not in expected for file in folder.iterdir()):
        raise ValueError(f"{folder} holds something other than a history; give a new folder")


if __name__ == "__main__":
    sys.exit(main())
