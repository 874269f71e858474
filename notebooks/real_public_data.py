# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The real public data
#
# Simulated people answer as they were made to. Here the same schema, features, estimators, calibration and figures
# meet real ones: the RAND Health Insurance Experiment, in which families in the United States were followed for three
# or five years. From a person's charges up to the end of a year: will there be any dental use, and heavy use, in the
# year after?
#
# **What it cannot show.** No Finnish patient is in it, there are no chair minutes, and the years are 1974 to 1981. It
# shows whether the machinery finds what there is to find, and whether its figures are honest.
#
# The file is not part of the project. With `TARVE_PUBLIC_DATA` set to a folder that holds
# `rand_hie_person_year.parquet` (ICPSR 6439) the cells below read it. Without, they run on made-up people in a file of
# the same shape, and their figures mean nothing: [the table kept with the project](../docs/real-data.md) holds those of
# the real ones.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.learners import HistGradient
from benchmarks.real import OURS, fitted, makers, measure, text
from benchmarks.tasks import rand_task
from models.calibration import refit
from records.studies import RAND_CHARGES, RAND_FILE

folder = Path(os.environ.get("TARVE_PUBLIC_DATA") or mkdtemp())
if not (folder / RAND_FILE).exists():
    print("MADE-UP PEOPLE: set TARVE_PUBLIC_DATA to the folder of the public files to see the real ones.")
    random = np.random.default_rng(1)
    rows = []
    for person in range(600):
        habit = random.gamma(0.8, 80)
        for year in (1, 2, 3):
            charges = dict.fromkeys(RAND_CHARGES.values(), 0.0)
            charges["dental_infl"] = round(float(random.poisson(habit) * (random.random() < 0.7)), 2)
            row = {"person": person, "fam_identifier": person // 3, "year": float(year), "full_year": 1.0}
            rows.append(row | {"age": float(20 + person % 40), "ddsvis": "2", "educper": 12.0} | charges)
    pd.DataFrame(rows).to_parquet(folder / RAND_FILE)

# %% [markdown]
# ## People as histories
#
# The study becomes record histories: charges by year, answers of the baseline interview. Features are declared as those
# of the dental records are, and computed by the same evaluator as of each year's end. Relatives share habits, so whole
# families are learnt from or tested on, never both.

# %%
task = rand_task(folder, None)
print(f"{len(task.learn.x):,} rows to learn from, {len(task.test.x):,} to test on, {len(task.catalogue)} features")
for name in task.catalogue.names[:8]:
    print("  ", name)

# %% [markdown]
# ## The models, the same rows
#
# The rule is what a clerk could do: last year's dental charges. Beside the project's own models stands scikit-learn's
# gradient boosting as it comes. Below the figures: each model less the project's LightGBM, with intervals from a
# bootstrap over families. If an interval holds 0, or the difference is smaller than rows of this number can show,
# there is no difference to speak of.

# %%
own = {name: fitted(task, make) for name, make in makers(task).items()}
lines = list(measure(task, own, [HistGradient()]))
print(text(task, lines))

# %% [markdown]
# ## Do the probabilities mean what they say?
#
# Tenths of the test rows by predicted probability. On the diagonal a model is calibrated; the rule, too, for its points
# were calibrated on the rows to learn from.

# %%
limits = np.array(list(task.targets.values()))
reached = task.test.outcome[:, None] >= limits
figure, axes = plt.subplots(1, len(limits), figsize=(9, 4))
for at, (axis, target) in enumerate(zip(axes, task.targets, strict=True)):
    for name, model in own.items():
        p = model.at_least(task.test.x)[:, at]
        tenth = np.array_split(np.argsort(p, kind="stable"), 10)
        axis.plot([p[rows].mean() for rows in tenth], [reached[rows, at].mean() for rows in tenth], "o-", label=name)
    top = axis.get_xlim()[1]
    axis.plot([0, top], [0, top], color="0.7")
    axis.set(title=f"{target} use", xlabel="predicted", ylabel="observed")
axes[0].legend()
figure.tight_layout()

# %% [markdown]
# ## When levels shift
#
# In a later period, or another place, people may need more or less while the ranking holds. Fitting the level anew on
# some of the new rows is a step of its own, and leaves ranking and reasons as they are. Here the shift is made: of the
# test rows only those are kept in which half of the heavy users are missing. Half of the families recalibrate, the
# other half shows what that is worth.

# %%
model, heavy = own[OURS], reached[:, -1]
kept = np.flatnonzero(~heavy | (np.random.default_rng(2).random(len(heavy)) < 0.5))
families = np.unique(task.test.groups)
first = np.isin(task.test.groups[kept], families[::2])
margins = model.estimator.margins(task.test.x[kept])
again, _ = refit(model.calibrator, margins[first], reached[kept][first])
for name, curve in {"as it was": model.calibrator, "level fitted anew": again}.items():
    expected = curve.at_least(margins[~first])[:, -1].sum()
    print(f"{name:<18} observed to expected {heavy[kept][~first].sum() / expected:.2f}")
