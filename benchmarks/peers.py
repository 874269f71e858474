"""featuretools and meds-tab, which need other packages than the project: run by a Python of their own.

    PYTHON benchmarks/peers.py featuretools FOLDER
    PYTHON benchmarks/peers.py meds-tab FOLDER

`FOLDER` holds what `benchmarks.features` has made ready: `moments.parquet` and `visits.parquet` with Helsinki days for
featuretools, and a MEDS dataset in `meds` for meds-tab. The last line printed is JSON: CPU seconds of the work,
columns, rows, and for featuretools the counts of visits, which are compared with ours.

The packages are locked in `benchmarks/peers.txt`; make it anew with

    uv pip compile --generate-hashes --universal --python-version 3.11 -o benchmarks/peers.txt benchmarks/peers.in
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

WINDOWS = (183, 365, 730, 1826)


def main() -> None:
    """Run one of the two."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    found = of_featuretools(folder) if name == "featuretools" else of_meds_tab(folder)
    print(json.dumps(found))


def cpu() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def of_featuretools(folder: Path) -> dict[str, object]:
    """Counts, sums, means, highest values and times since of visits, in four windows and ever."""
    import featuretools as ft  # type: ignore[import-not-found]  # noqa: PLC0415 - meds-tab does not need it
    import pandas as pd  # noqa: PLC0415

    moments = pd.read_parquet(folder / "moments.parquet")
    visits = pd.read_parquet(folder / "visits.parquet")
    start = cpu()
    entities = ft.EntitySet("history")
    entities.add_dataframe(dataframe_name="patients", dataframe=moments[["patient_id"]], index="patient_id")
    entities.add_dataframe(
        dataframe_name="visits",
        dataframe=visits,
        index="event_id",
        time_index="day",
        logical_types={"profession": "Categorical", "urgency": "Categorical"},
    )
    entities.add_relationship("patients", "patient_id", "visits", "patient_id")
    matrices = [
        ft.dfs(
            entityset=entities,
            target_dataframe_name="patients",
            cutoff_time=moments.rename(columns={"today": "time"}),
            # A window of featuretools begins after the day that ours still holds.
            training_window=f"{days + 1} days" if days else None,
            agg_primitives=["count", "sum", "mean", "max", "num_unique", "time_since_last"],
            trans_primitives=[],
        )[0]
        for days in (*WINDOWS, None)
    ]
    counts = {str(days): m["COUNT(visits)"].fillna(0).tolist() for days, m in zip((*WINDOWS, 0), matrices, strict=True)}
    columns = sum(len(matrix.columns) for matrix in matrices)
    return {"cpu": cpu() - start, "columns": columns, "rows": len(moments), "visits": counts}


def of_meds_tab(folder: Path) -> dict[str, object]:
    """Counts of every code in four windows, at every time at which anything happened."""
    out = folder / "tabularised"
    common = [f"input_dir={folder / 'meds' / 'data'}", f"output_dir={out}", "do_overwrite=True"]
    windows = "183d,365d,730d,1826d,full"
    start = cpu()
    command(["meds-tab-describe", *common])
    command(
        [
            "meds-tab-tabularize-time-series",
            *common,
            f"tabularization.window_sizes=[{windows}]",
            "tabularization.aggs=[code/count]",
            "tabularization.min_code_inclusion_count=1",
        ]
    )
    used = cpu() - start
    return {"cpu": used, "columns": None, "rows": None, "files": len(list(out.rglob("*.npz")))}


def command(words: list[str]) -> None:
    """Run a command of meds-tab."""
    program = Path(sys.executable).parent / words[0]
    done = subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False)  # noqa: S603 - our words
    if done.returncode:
        raise SystemExit(f"{words[0]} failed:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    main()
