"""The command line of the records room: `python -m records simulate`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from records.schema import TABLES
from records.simulate import SURVEY, TruthFile, simulate
from records.store import Writer

UNTIL = date(2025, 12, 31)
"""Last simulated day unless another is asked for; fixed, so that the same command gives the same bytes tomorrow."""


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one sentence, without repeating the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, or 2 (through `SystemExit`) when an argument is wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return _simulate(given)
    except (ValueError, OSError) as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m records", description="Work with record histories.")
    commands = parser.add_subparsers(required=True, metavar="command", parser_class=_Parser)
    one = commands.add_parser("simulate", help="write the history of a population that does not exist")
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
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not a date like {UNTIL}") from error


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
