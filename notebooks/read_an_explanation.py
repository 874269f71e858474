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
# # Read an explanation
#
# Why a patient gets a suggestion: what every feature adds to the margin, summed up by what a clinician calls one
# thing, and said in a sentence. The sums are exact, so a reason can never contradict the probability. The people are
# simulated.

# %%
import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pyarrow.parquet as pq

from features.dental import DENTAL
from features.dental.words import ABOUT
from models.assessment import assess
from models.estimators import Boosted
from models.reasons import group_weights
from models.segments import read_tables, table_on
from records import store
from records.__main__ import main as records
from training import compare, examples
from training.cohort import CohortDefinition

PATIENTS = os.environ.get("TARVE_NOTEBOOK_PATIENTS", "8000")
folder = Path(mkdtemp())
records(["simulate", "--out", str(folder / "records"), "--patients", PATIENTS])
pq.write_table(examples.derive(folder / "records", DENTAL, CohortDefinition()), folder / "examples.parquet")
found = examples.read(folder / "examples.parquet")
table = table_on(read_tables(), found.latest().date())
parts = compare.split(found, compare.SplitDefinition(), table.horizon_days)
model = compare.fit_model(lambda: Boosted(found.names), parts.learn, table)

# %% [markdown]
# ## One patient
#
# The patient of the test rows whom the model finds most likely to need much.

# %%
likely = int(np.argmax(model.predict(parts.test.x).at_least[:, -1]))
as_of = datetime.fromtimestamp(int(parts.test.as_of[likely]) / 1e6, UTC)
history = store.read_patient(folder / "records", str(parts.test.patient_ids[likely]))
assessment = assess(model, DENTAL, table, history, as_of)
for name, probability in assessment.probabilities.items():
    print(f"{name:<10}{probability:6.1%}")
for reason in assessment.reasons:
    print(f"{reason.weight:+.2f}  {reason.text.en}")
    print(f"       {reason.text.fi}")

# %% [markdown]
# ## All of it adds up
#
# Contributions are in log-odds. The base is the mean over the learnt rows; base and contributions make the margin, to
# the last digits. Below, the groups of this patient, strongest first.

# %%
threshold = len(table.names) - 2
contributions = model.estimator.contributions(parts.test.x[likely : likely + 1])[0, threshold]
margin = model.estimator.margins(parts.test.x[likely : likely + 1])[0, threshold]
print(f"base {contributions[-1]:+.3f}, contributions {contributions[:-1].sum():+.3f}, margin {margin:+.3f}")
assert abs(contributions.sum() - margin) < 1e-9

weights = group_weights(DENTAL, contributions[:-1])
strongest = sorted(weights, key=lambda group: abs(weights[group]))[-10:]
figure, axis = plt.subplots(figsize=(7, 4))
axis.barh(
    [ABOUT[group].en for group in strongest],
    [weights[group] for group in strongest],
    color=["C3" if weights[group] > 0 else "C0" for group in strongest],
)
axis.axvline(0, color="0.5")
axis.set(xlabel="log-odds", title="What raises and lowers this estimate")
figure.tight_layout()

# %% [markdown]
# ## Everyone
#
# How much each group moves the estimate in the test rows, on average, whichever way. A reason is an association in the
# records, not a cause and not advice.

# %%
every = model.estimator.contributions(parts.test.x)[:, threshold, :-1]
groups = list(ABOUT)
member = np.array([[feature.about == group for group in groups] for feature in DENTAL])
mean = np.abs(every @ member).mean(0)
order = np.argsort(mean)[-12:]
figure, axis = plt.subplots(figsize=(7, 4))
axis.barh([ABOUT[groups[at]].en for at in order], mean[order])
axis.set(xlabel="mean absolute log-odds", title="What the model goes by")
figure.tight_layout()
