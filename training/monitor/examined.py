"""What is normal for a model, from the rows that it was examined on: later moments of people it has not learnt from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.evaluate import Matrix
from features.profile import Profile
from models.conformal import holding
from models.need import NeedModel
from models.segments import SegmentTable
from training.cohort import OBSERVED
from training.compare import predict
from training.examples import Examples
from training.fit import segment_of
from training.monitor.reference import Reference
from training.monitor.served import Served


def reference_of(model: NeedModel, rows: Examples, table: SegmentTable) -> Reference:
    """What to expect of a model in service.

    What examples do not hold stays open, and the monitor leaves it out: the share without history (examples are chosen
    for having one), visits in the first days, and overrides. A stretch of service says that too
    (`python -m training reference --since DAY`).

    Args:
        model: the model.
        rows: that it was examined on, also those whose need was not observed.
        table: cuts the segments.

    Raises:
        NoReferenceError: there are no rows.
    """
    profile = Profile.of(rows.catalogue, Matrix(rows.names, rows.x), pa.array(rows.patient_ids)).published()
    return Reference.of(as_served(model, rows, table), profile)


def as_served(model: NeedModel, rows: Examples, table: SegmentTable) -> Served:
    """Examples as if the model had assessed them when they were asked about, and nobody had decided."""
    predicted = predict(model, rows)
    suggested = table.suggest(predicted.at_least)
    n, nothing = len(rows), np.full(len(rows), "")
    none = np.zeros((n, len(table.segments)), np.bool_)
    observed = rows.fate == OBSERVED if len(rows.fate) else np.ones(n, np.bool_)
    site, language = (np.asarray(rows.about.get(name, nothing), np.str_) for name in ("site", "language"))
    return Served(
        patient_ids=rows.patient_ids,
        when=rows.as_of,
        groups={"unit": site, "language": language, "model_version": nothing},
        features_version=np.full(n, rows.catalogue),
        suggested=suggested,
        at_least=predicted.at_least,
        members=none if predicted.prediction_set is None else holding(predicted.prediction_set, suggested),
        decided=np.full(n, -1),
        truth=np.where(observed, segment_of(rows, table), -1),
        early=np.full(n, np.nan),
        x=rows.x,
        names=rows.names,
    )
