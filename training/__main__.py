"""The commands of training, also entry points of `mlproject.yaml`: `python -m training COMMAND --help` says more.

features, train, evaluate, recalibrate, promote, rollback, compare, reproduce, score, reference, monitor.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

EXAMPLES, POLICY = Path("var/examples.parquet"), Path(__file__).parent / "policy.toml"
LIMITS = Path(__file__).parent / "monitor" / "limits.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 not possible, 2 wrongly asked, 3 refused, 4 past a limit."""
    options = _parser().parse_args(arguments)
    from training import commands, score
    from training.monitor import command as monitoring

    run = {
        "features": commands.features, "train": commands.train, "evaluate": commands.evaluate,
        "recalibrate": commands.recalibrate, "promote": commands.promote, "rollback": commands.rollback,
        "compare": commands.compare_models,
        "reproduce": commands.reproduce, "score": score.run,
        "reference": monitoring.run, "monitor": monitoring.run,
    }[options.command]  # fmt: skip
    try:
        return run(options)
    except (OSError, ValueError) as error:
        print(f"training {options.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    features = commands.add_parser("features", help="find the cohort of a stored history and compute its features")
    features.add_argument("--records", type=Path, default=Path("var/records"), help="folder of the record history")
    features.add_argument("--out", type=Path, default=EXAMPLES, help="file of examples to write")
    train = commands.add_parser("train", help="fit the models, examine them, register the challenger")
    _add_ground(train)
    train.add_argument("--challenger", choices=("lightgbm", "ebm", "logistic"), default="lightgbm",
                       help="the model to register (default %(default)s)")  # fmt: skip
    train.add_argument("--also", choices=("none", "ebm"), default="none",
                       help="fit and compare the glass box too; it takes minutes (default %(default)s)")  # fmt: skip
    train.add_argument("--tune-trials", type=int, default=0, metavar="N",
                       help="search for the settings of LightGBM in so many trials (default: none)")  # fmt: skip
    train.add_argument("--tune-minutes", type=float, default=60.0, metavar="M",
                       help="no trial begins after so many minutes (default %(default)g)")  # fmt: skip
    train.add_argument("--no-interview", dest="interview", action="store_false",
                       help="let the challenger learn nothing of interviews, and ask nothing")  # fmt: skip
    evaluate = commands.add_parser("evaluate", help="examine a registered model: report, evaluation, card")
    _add_ground(evaluate)
    evaluate.add_argument("--model", default="challenger", help="version or alias (default %(default)s)")
    evaluate.add_argument("--out", type=Path, help="file to write the report to, beside the run")
    evaluate.add_argument("--folds", action="store_true", help="also fit anew for later years and left-out sites")
    recalibrate = commands.add_parser("recalibrate", help="fit a model's levels anew for a recent period and its sites")
    _add_ground(recalibrate)
    recalibrate.add_argument("--model", default="champion", help="version or alias (default %(default)s)")
    recalibrate.add_argument("--since", type=date.fromisoformat, help="first day of the period, YYYY-MM-DD (default: "
                             "the first on which models are tested)")  # fmt: skip
    recalibrate.add_argument("--slopes", action="store_true", help="fit slopes too, and not levels alone")
    promote = commands.add_parser("promote", help="let the gate decide whether a model becomes champion")
    _add_ground(promote)
    promote.add_argument("--model", default="challenger", help="version or alias (default %(default)s)")
    promote.add_argument("--signed-by", default="", metavar="NAME", help="the person who answers for the promotion")
    rollback = commands.add_parser("rollback", help="make the champion before the one in use champion again")
    rollback.add_argument("--reason", default="", help="why; kept with the run, so name no patient")
    rollback.add_argument("--signed-by", default="", metavar="NAME", help="the person who answers for it")
    compare = commands.add_parser("compare", help="two models on the same rows, with paired intervals")
    compare.add_argument("first", help="version or alias")
    compare.add_argument("second", help="version or alias")
    _add_ground(compare)
    reproduce = commands.add_parser("reproduce", help="fit the model of a run again and compare byte for byte")
    reproduce.add_argument("run_id", help="id of a training run")
    reproduce.add_argument("--examples", type=Path, help="file of examples, when it is not where the run found it")
    _add_score(commands)
    _add_monitor(commands)
    return parser


def _add_monitor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    reference = commands.add_parser("reference", help="write what is normal: of a model, or of a stretch of service")
    reference.add_argument("--since", type=date.fromisoformat, help="first day of a quiet stretch of service, "
                           "YYYY-MM-DD; without it the rows that the model was examined on")  # fmt: skip
    reference.add_argument("--model", default="champion", help="version or alias (default %(default)s)")
    reference.add_argument("--reference", default="var/reference.json", help="file to write (default %(default)s)")
    monitor_reference = "file that says what is normal, or the version or alias that does (default %(default)s)"
    monitor = commands.add_parser("monitor", help="judge the last whole months of service; status 4 beyond a limit")
    monitor.add_argument("--reference", default="champion", help=monitor_reference)
    monitor.add_argument("--months", type=int, default=12, help="how many (default %(default)s)")
    monitor.add_argument("--limits", type=Path, default=LIMITS, help="what is let pass")
    monitor.add_argument("--out", type=Path, default=Path("var/monitor"), help="folder for the report as JSON, page "
                         "and metrics (default %(default)s)")  # fmt: skip
    for parser in (reference, monitor):
        parser.add_argument("--records", type=Path, default=Path("var/records"), help="folder of the record history "
                            "with the assessments served (default %(default)s)")  # fmt: skip
        parser.add_argument("--until", type=date.fromisoformat, help="last day, YYYY-MM-DD (default: today)")


def _add_ground(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--examples", type=Path, default=EXAMPLES, help="file of examples (default %(default)s)")
    parser.add_argument("--policy", type=Path, default=POLICY, help="how models are examined and judged")


def _add_score(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    score = commands.add_parser("score", help="assess a whole population: one row a patient, as Parquet")
    score.add_argument("--history", type=Path, required=True, help="folder of the record history")
    score.add_argument("--as-of", required=True, help="the moment, ISO 8601; a bare date is the end of that day")
    score.add_argument("--out", type=Path, required=True, help="Parquet file to write; a folder with --spark")
    score.add_argument("--model", default="champion", help="version or alias (default %(default)s)")
    score.add_argument("--block", type=int, default=20_000, help="patients at a time (default %(default)s)")
    score.add_argument("--reasons", action="store_true", help="also the three reason groups that matter most")
    score.add_argument("--spark", action="store_true", help="predict through mlflow.pyfunc.spark_udf (local Spark)")


if __name__ == "__main__":
    sys.exit(main())
