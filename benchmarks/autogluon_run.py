"""Run AutoGluon on the rows of a folder: `python autogluon_run.py FOLDER SECONDS`, in an environment that has it.

Reads learn.parquet (with the columns `reached` and `weight`) and test.parquet, writes probability.parquet.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from autogluon.tabular import TabularPredictor  # type: ignore[import-not-found]

if __name__ == "__main__":
    folder, seconds = Path(sys.argv[1]), int(sys.argv[2])
    learn, test = (pd.read_parquet(folder / name) for name in ("learn.parquet", "test.parquet"))
    weighted = bool((learn["weight"] != 1).any())
    learn = learn if weighted else learn.drop(columns="weight")
    predictor = TabularPredictor(
        "reached",
        eval_metric="log_loss",
        path=str(folder / "models"),
        sample_weight="weight" if weighted else None,
        verbosity=0,
    )
    predictor.fit(learn, time_limit=seconds, presets="good_quality", num_cpus=1, calibrate_decision_threshold=False,
                  dynamic_stacking=False)  # fmt: skip
    probability = predictor.predict_proba(test)[1]
    probability.rename("probability").to_frame().to_parquet(folder / "probability.parquet")
