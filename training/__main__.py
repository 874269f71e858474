"""The commands of training: `python -m training features | train | promote`, also entry points of `mlproject.yaml`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    from training import commands
    from training.examples import ExamplesError
    from training.gate import PolicyError

    run = {"features": commands.features, "train": commands.train, "promote": commands.promote}[options.command]
    try:
        return run(options)
    except (ExamplesError, PolicyError, commands.CommandError, OSError, ValueError) as error:
        print(f"training {options.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    features = commands.add_parser("features", help="find the cohort of a stored history and compute its features")
    features.add_argument("--records", type=Path, default=Path("var/records"), help="folder of the record history")
    features.add_argument("--out", type=Path, default=Path("var/examples.parquet"), help="file of examples to write")
    train = commands.add_parser("train", help="fit the three models, measure them, register the challenger")
    train.add_argument("--examples", type=Path, default=Path("var/examples.parquet"), help="file of examples")
    promote = commands.add_parser("promote", help="let the gate decide whether the challenger becomes champion")
    promote.add_argument("--examples", type=Path, default=Path("var/examples.parquet"), help="file of examples")
    promote.add_argument("--policy", type=Path, default=Path("training/policy.toml"), help="limits of the gate")
    return parser


if __name__ == "__main__":
    sys.exit(main())
