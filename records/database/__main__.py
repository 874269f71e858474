"""Draft the next version of the schema: `python -m records.database "Add vouchers"`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from records.database.versions import draft


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the draft and say where it is."""
    parser = argparse.ArgumentParser(
        prog="python -m records.database",
        description="Draft the version of the schema that makes a database what records.schema says now.",
    )
    parser.add_argument("message", help="what changes, as a sentence without the full stop")
    sys.stdout.write(f"{draft(parser.parse_args(arguments).message)}: read it, and complete it, before you commit it\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
