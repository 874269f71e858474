"""The need model as an MLflow pyfunc: named feature columns in, probabilities, visits and minutes out.

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
    """Predicts from a DataFrame whose columns are the model's features (float64, NaN for missing)."""

    def load_context(self, context: Any) -> None:
        """Read the model's files."""
        self.model = NeedModel.load(Path(context.artifacts["need"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """One row for each input row: `at_least_1` ..., `visits`, `minutes`."""
        del context, params
        x = model_input[list(self.model.estimator.features)].to_numpy(np.float64)
        predicted = self.model.predict(x)
        columns = {f"at_least_{k + 1}": predicted.at_least[:, k] for k in range(predicted.at_least.shape[1])}
        columns |= {"visits": predicted.visits.sum(1), "minutes": predicted.minutes.sum(1)}
        return pd.DataFrame(columns)


set_model(NeedPyfunc())
