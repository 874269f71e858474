"""The command that writes the report: `report`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alerts.command_line import DONE, add_database, opened, past
from alerts.defined import stored_definitions
from alerts.report import Report, as_csv, as_json, make_report
from alerts.report_page import as_html
from alerts.schema import LANGUAGES
from alerts.transactions import snapshot

FORMATS: dict[str, Callable[[Report, str], str]] = {
    "html": as_html,
    "json": lambda report, _language: as_json(report),
    "csv": lambda report, _language: as_csv(report),
}


def add_report(commands: Any) -> None:
    """Add the command `report`."""
    one = commands.add_parser(
        "report",
        help="count vouchers, feedback and messages",
        description="Count vouchers not activated or late, visit intervals exceeded, feedback cancelled, messages sent"
        " and not sent, by definition, provider and month. No number concerns fewer than five people.",
    )
    one.set_defaults(run=_report, parser=one)
    one.add_argument("--format", choices=list(FORMATS), default="html", help="%(choices)s (default %(default)s)")
    one.add_argument("--language", choices=LANGUAGES, default="fi", help="of the page (default %(default)s)")
    one.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: standard output)")
    one.add_argument("--now", type=past, help="the moment to report as of, ISO 8601 (default: the present)")
    add_database(one)


def _report(given: argparse.Namespace) -> int:
    with opened(given.database) as database, snapshot(database) as connection:
        made = make_report(connection, stored_definitions(connection), given.now or datetime.now(UTC))
    written = FORMATS[given.format](made, given.language)
    if given.out is None:
        sys.stdout.write(written)
        return DONE
    try:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(written, encoding="utf-8")
    except OSError as error:
        given.parser.error(f"{given.out} cannot be written: {error.strerror}")
    print(given.out)
    return DONE
