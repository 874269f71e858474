"""Estimators of need: feature values in, one log-odds margin for every threshold between segments out.

With K segments there are K - 1 thresholds; margin *k* ranks patients by whether they need segment *k* + 1 or more.
Every estimator can say how each feature moved a margin: contributions and the base add up to it exactly. One margin a
threshold, instead of a single ordered margin, because "needs anything" and "needs much" can be different people
(on the RAND data a single ordered margin lost .119 of AUROC).
"""

from __future__ import annotations

from collections.abc import Mapping

from models.estimators.base import Estimator
from models.estimators.boosted import SHALLOW, Boosted
from models.estimators.ebm import ExplainableBoosting
from models.estimators.logistic import Logistic
from models.estimators.rule import PointsRule

KINDS: Mapping[str, type[Estimator]] = {
    kind.kind: kind for kind in (PointsRule, Logistic, Boosted, ExplainableBoosting)
}
"""Every estimator by its kind, the word that a saved model is read by."""

__all__ = ["KINDS", "SHALLOW", "Boosted", "Estimator", "ExplainableBoosting", "Logistic", "PointsRule"]
