"""What training costs: so many patients learnt from, tuned in 20 trials, examined and reported; time and memory.

    python -m benchmarks.training [--patients 700000] [--trials 20] [--examples FILE] [--json FILE]

The commands are those that anybody types, each in a process of its own, so that time and memory are the whole
command's: a population is simulated, its features are computed, and `training train --tune-trials 20` fits the rule,
the logistic model and LightGBM, examines them, fits the validation folds and writes the report. Every moment counts as
a patient of its own, for a row costs the same whoever's it is, and about a third as many people have to be simulated.

The limits are those of the project: `MINUTES` of wall time on two free cores and `GIGABYTES` of memory. On a machine
that others use too, look at the CPU minutes; the load is printed beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from training import policy

HOME = Path(__file__).parent.parent
MINUTES, GIGABYTES = 60.0, 12.0
MOMENTS = 2.9
"""Moments of a simulated patient at the least, on average."""
ROW_GROUP = 20_000


class StepError(RuntimeError):
    """A command did not do its work."""


@dataclass(frozen=True)
class Step:
    """What one command took: minutes of wall time and of CPU time, most memory in GB, and the load when it ended."""

    name: str
    wall: float
    cpu: float
    memory: float
    load: float


def step(name: str, words: Sequence[str], folder: Path) -> Step:
    """Run a command of the project in a process of its own.

    Raises:
        StepError: it ended with another status than 0.
    """
    began = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(HOME), "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    process = subprocess.Popen([sys.executable, "-m", *words], cwd=folder, env=environment)  # noqa: S603 - our own
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise StepError(f"`python -m {' '.join(words[:2])}` ended with status {process.returncode}")
    wall, cpu = (time.monotonic() - began) / 60, (used.ru_utime + used.ru_stime) / 60
    return Step(name, wall, cpu, used.ru_maxrss / 1024**2, os.getloadavg()[0])


def apart(source: Path, out: Path, patients: int) -> int:
    """Write the first rows of a file of examples as if each were another patient's; returns how many they are."""
    rows = pq.ParquetFile(source)
    written = 0
    with pq.ParquetWriter(out, rows.schema_arrow, compression="zstd") as writer:
        for batch in rows.iter_batches(ROW_GROUP):
            table = pa.Table.from_batches([batch])[: patients - written]
            names = pa.array([f"p{written + at:08d}" for at in range(table.num_rows)], table["patient_id"].type)
            place = table.column_names.index("patient_id")
            writer.write_table(table.set_column(place, "patient_id", names))
            written += table.num_rows
            if written == patients:
                break
    return written


def prepared(folder: Path, patients: int) -> tuple[Path, list[Step]]:
    """Simulate people and compute their features; returns the file of examples and what that took."""
    records, made, examples = (folder / name for name in ("records", "made.parquet", "examples.parquet"))
    people = str(max(1000, int(patients / MOMENTS)))
    steps = [
        step("simulate", ["records", "simulate", "--patients", people, "--out", str(records)], folder),
        step("features", ["training", "features", "--records", str(records), "--out", str(made)], folder),
    ]
    apart(made, examples, patients)
    return examples, steps


def table_text(steps: Sequence[Step], rows: int, features: int, trials: int) -> str:
    """The steps as a table, with whether training kept within the limits."""
    lines = [f"{'step':<10}{'wall min':>10}{'CPU min':>10}{'GB':>8}{'load':>8}"]
    lines += [f"{one.name:<10}{one.wall:10.1f}{one.cpu:10.1f}{one.memory:8.1f}{one.load:8.1f}" for one in steps]
    train = steps[-1]
    kept = "within" if train.wall <= MINUTES and train.memory <= GIGABYTES else "beyond"
    lines.append(
        f"\n{rows:,} patients x {features} features, {trials} trials: {kept} {MINUTES:g} minutes and {GIGABYTES:g} GB"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status: 0, 1 when a command failed, 4 beyond the limits."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tarve-training-") as name:
        folder = Path(name)
        try:
            found, steps = (options.examples.resolve(), []) if options.examples else prepared(folder, options.patients)
            words = ["training", "train", "--examples", str(found), "--policy", str(options.policy.resolve())]
            words += ["--tune-trials", str(options.trials)] if options.trials else []
            steps.append(step("train", words, folder))
        except StepError as error:
            print(f"training: {error}", file=sys.stderr)
            return 1
        held = pq.ParquetFile(found)
        features = len(json.loads(held.schema_arrow.metadata[b"tarve"])["features"])
        print("\n" + table_text(steps, held.metadata.num_rows, features, options.trials))
    if options.json:
        said = {"rows": held.metadata.num_rows, "features": features, "steps": [asdict(one) for one in steps]}
        options.json.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return 0 if steps[-1].wall <= MINUTES and steps[-1].memory <= GIGABYTES else 4


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--patients", type=int, default=700_000, help="patients of the matrix (default %(default)s)")
    parser.add_argument("--trials", type=int, default=20, help="of the search for settings (default %(default)s)")
    parser.add_argument("--examples", type=Path, help="file of examples that is already there; nothing is simulated")
    parser.add_argument("--policy", type=Path, default=policy.DEFAULT, help="how models are examined")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
