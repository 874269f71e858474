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
# # Train and compare
#
# From records to three models, measured side by side on other patients at later moments: the points rule that stands
# for today's interview, logistic regression, and LightGBM. The same steps are commands (`python -m training --help`)
# that also track a run, examine a model and let the gate decide. The people are simulated.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pyarrow.parquet as pq

from features.dental import DENTAL
from models.segments import read_tables, table_on
from records.__main__ import main as records
from training import compare, examples
from training.cohort import CohortDefinition

PATIENTS = os.environ.get("TARVE_NOTEBOOK_PATIENTS", "8000")
folder = Path(mkdtemp())
records(["simulate", "--out", str(folder / "records"), "--patients", PATIENTS])

# %% [markdown]
# ## Examples
#
# A row is a booking contact that starts a course of care: what was known before it, and the need that followed.

# %%
pq.write_table(examples.derive(folder / "records", DENTAL, CohortDefinition()), folder / "examples.parquet")
found = examples.read(folder / "examples.parquet")
table = table_on(read_tables(), found.latest().date())
parts = compare.split(found, compare.SplitDefinition(), table.horizon_days)
print(f"{len(parts.learn):,} rows to learn from")
print(f"{len(parts.test):,} rows of other patients to test on, from {parts.test_from:%Y-%m-%d}")

# %% [markdown]
# ## Three models, the same rows

# %%
models = dict(compare.fit_all(parts.learn, table))
scores = {kind: compare.evaluate(model, parts.test, table) for kind, model in models.items()}
rows = {(segment, kind): each[segment] for segment in table.names[1:] for kind, each in scores.items()}
print(compare.table_text(rows, ("at least", "model")))

# %% [markdown]
# An AUROC above .95 would be a leak until shown otherwise: published systems reach .75 to .88.
#
# ## Do the probabilities mean what they say?
#
# Tenths of the test rows by predicted probability: predicted against observed. On the diagonal a model is calibrated.

# %%
reached = compare.reached(parts.test, table)
figure, axes = plt.subplots(1, len(table.names) - 1, figsize=(9, 4), sharex=True, sharey=True)
for at, (axis, segment) in enumerate(zip(axes, table.names[1:], strict=True)):
    axis.plot([0, 1], [0, 1], color="0.7")
    for kind, model in models.items():
        p = model.predict(parts.test.x).at_least[:, at]
        tenth = np.array_split(np.argsort(p, kind="stable"), 10)
        axis.plot([p[rows].mean() for rows in tenth], [reached[rows, at].mean() for rows in tenth], "o-", label=kind)
    axis.set(title=f"at least {segment}", xlabel="predicted", ylabel="observed")
axes[0].legend()
figure.tight_layout()

# %% [markdown]
# ## What a first appointment booked by each would cost
#
# The minutes of the appointment that the model's segment calls for, less those of the segment that it turned out to be.

# %%
minutes = np.array([segment.first.minutes for segment in table.segments], np.float64)
needed = minutes[table.of_visits(parts.test.visits.sum(1))]
for kind, model in models.items():
    booked = minutes[table.suggest(model.predict(parts.test.x).at_least)]
    too_long, too_short = np.maximum(booked - needed, 0).mean(), np.maximum(needed - booked, 0).mean()
    print(f"{kind:<10}{too_long:6.1f} minutes too many and {too_short:5.1f} too few in each booking")
