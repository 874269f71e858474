"""The need model as an MLflow pyfunc: named feature columns in, need and how sure it is out.

MLflow runs this file to load a logged model (models from code); nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from models.need import NeedModel


class NeedPyfunc(PythonModel):
    """Predicts from a DataFrame whose columns are the model's features (float64, NaN for missing).

    A column `site` may stand beside them (`models.sites`): sets and intervals then are those of each row's site.
    """

    def load_context(self, context: Any) -> None:
        """Read the model's files."""
        self.model = NeedModel.load(Path(context.artifacts["need"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """One row for each input row, with the columns of `models.need.Predictions.columns`."""
        del context, params
        x = model_input[list(self.model.estimator.features)].to_numpy(np.float64)
        site = model_input["site"].fillna("").to_numpy(np.str_) if "site" in model_input else None
        return pd.DataFrame(self.model.predict(x, site).columns())


set_model(NeedPyfunc())
