"""The command line of the alerts room: `python -m alerts define`, `run`, `send`, `dead-letters` and `report`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from alerts.command_line import DONE, FAILED, INCOMPLETE, REFUSED, Parser, add_database, opened, past
from alerts.defined import store_definitions
from alerts.definitions import DefinitionError, read_definitions
from alerts.gateways import GatewayError
from alerts.report_command import add_report
from alerts.run import BusyError, ClockError, Outcome, run
from alerts.send_command import add_dead_letters, add_send
from alerts.transactions import writing
from records.clock import HELSINKI
from records.database import DatabaseError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is one of `DONE`, `FAILED`, `WRONG_ARGUMENT`, `REFUSED` and `INCOMPLETE`."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        status: int = given.run(given)
    except ClockError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return REFUSED
    except (DatabaseError, DefinitionError, BusyError, GatewayError) as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m alerts", description="Watch vouchers.")
    commands = parser.add_subparsers(required=True, metavar="command", parser_class=Parser)
    _add_define(commands)
    _add_run(commands)
    add_send(commands)
    add_dead_letters(commands)
    add_report(commands)
    return parser


def _add_define(commands: Any) -> None:
    one = commands.add_parser("define", help="check voucher definitions and keep them in the database")
    one.set_defaults(run=_define)
    one.add_argument("paths", type=Path, nargs="+", help="YAML files, or folders of them", metavar="path")
    one.add_argument("--check", action="store_true", help="only check the files; no database is needed")
    add_database(one)


def _add_run(commands: Any) -> None:
    one = commands.add_parser(
        "run",
        help="find what is late, once",
        description="Find what is late, and queue and withdraw messages; twice is once, so that any cron will do.",
        epilog="Exit status: 0 done; 1 the database or a definition cannot be used; 2 an argument is wrong; 3 refused,"
        " a run of a later moment has been; 4 done, but some vouchers name a definition that is not there.",
    )
    one.set_defaults(run=_run)
    one.add_argument("--now", type=past, help="the moment to run as of, ISO 8601, Helsinki time (default: the present)")
    one.add_argument("--dry-run", action="store_true", help="change nothing, and say what would be changed")
    add_database(one)


def _define(given: argparse.Namespace) -> int:
    definitions = read_definitions(given.paths)
    if given.check:
        print(f"{len(definitions)} definitions are in order: {', '.join(definitions)}")
        return DONE
    with opened(given.database) as database, writing(database) as connection:
        new = store_definitions(connection, definitions, datetime.now(UTC))
    print(f"{len(new)} definitions are new, {len(definitions) - len(new)} were there")
    return DONE


def _run(given: argparse.Namespace) -> int:
    now = given.now or datetime.now(UTC)
    with opened(given.database) as database:
        outcome = run(database, now, dry=given.dry_run, progress=_progress)
    for line in _told(outcome, now, dry=given.dry_run):
        print(line)
    return INCOMPLETE if outcome.unwatched else DONE


@contextmanager
def _progress(step: str) -> Iterator[Callable[[int], object]]:
    with closing(tqdm(desc=step, unit=" rows", unit_scale=True, disable=None)) as bar:
        yield bar.update


def _told(outcome: Outcome, now: datetime, *, dry: bool) -> Iterator[str]:
    """What a run did, line by line; nothing about any one voucher."""
    counts = outcome.counts
    moment = f"{now.astimezone(HELSINKI):%Y-%m-%d %H:%M:%S %Z}"
    yield f"As of {moment}, nothing was changed; a run would do:" if dry else f"As of {moment}:"
    yield f"{outcome.vouchers:,} vouchers looked at"
    yield (
        f"{counts.opened.total():,} alerts opened, {counts.closed.total():,} ended,"
        f" {counts.withdrawn.total():,} withdrawn, {counts.past.total():,} found that were over already"
    )
    yield f"{counts.messages.total():,} messages asked for" + (
        "" if dry else f", {outcome.queued:,} of them queued anew; {outcome.unsent:,} withdrawn unsent"
    )
    subjects = sorted({key[:2] for counter in vars(counts).values() for key in counter})
    for definition_id, subject in subjects:
        yield f"  {definition_id} {subject}: {'; '.join(_told_subject(outcome, (definition_id, subject)))}"
    if outcome.examples:
        yield f"with limits and texts that are made up, as examples: {', '.join(outcome.examples)}"
    for definition_id, many in outcome.unwatched.items():
        yield f"{definition_id} is not defined: {many:,} vouchers were left alone"


def _told_subject(outcome: Outcome, subject: tuple[str, str]) -> Iterator[str]:
    counts = outcome.counts
    if counts.opened[subject]:
        yield f"{counts.opened[subject]:,} opened"
    for word, counter in (("ended because", counts.closed), ("messages to", counts.messages)):
        parts = [f"{key[2]} {many:,}" for key, many in sorted(counter.items()) if key[:2] == subject]
        if parts:
            yield f"{word} {', '.join(parts)}"
    for word, counter in (("withdrawn", counts.withdrawn), ("over already", counts.past)):
        if counter[subject]:
            yield f"{counter[subject]:,} {word}"


if __name__ == "__main__":
    sys.exit(main())
