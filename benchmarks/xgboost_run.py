"""Run XGBoost on the rows of a folder: `python xgboost_run.py FOLDER SECONDS`, in an environment that has it.

Reads learn.parquet (with the columns `reached` and `weight`) and test.parquet, writes probability.parquet. A fifth of
the rows, by position, says when to stop; then all rows are learnt from, in as many rounds. The seconds are not needed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from xgboost import XGBClassifier  # type: ignore[import-not-found]

SETTINGS = {"learning_rate": 0.05, "max_depth": 4, "subsample": 0.8, "colsample_bytree": 0.5, "min_child_weight": 5,
            "tree_method": "hist", "n_jobs": 1, "random_state": 1, "eval_metric": "logloss"}  # fmt: skip
ROUNDS, PATIENCE = 1000, 50

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    learn, test = (pd.read_parquet(folder / name) for name in ("learn.parquet", "test.parquet"))
    reached, weight = learn.pop("reached"), learn.pop("weight")
    stop = np.arange(len(learn)) % 5 == 0
    early = XGBClassifier(n_estimators=ROUNDS, early_stopping_rounds=PATIENCE, **SETTINGS).fit(
        learn[~stop], reached[~stop], sample_weight=weight[~stop], eval_set=[(learn[stop], reached[stop])],
        sample_weight_eval_set=[weight[stop]], verbose=False,
    )  # fmt: skip
    model = XGBClassifier(n_estimators=early.best_iteration + 1, **SETTINGS).fit(learn, reached, sample_weight=weight)
    pd.Series(model.predict_proba(test)[:, 1], name="probability").to_frame().to_parquet(folder / "probability.parquet")
