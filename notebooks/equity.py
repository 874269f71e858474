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
# # Equity
#
# Does the model serve everyone alike? Sex, language, district and access are no features; they are the groups in which
# the model is looked at. Two questions are asked: are the probabilities right in every group, and is the *label* right,
# for people who need care and do not come leave no trace of it. The people are simulated, so the truth is known here
# and only here.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import pyarrow.parquet as pq

from features.dental import DENTAL
from models.estimators import Boosted
from models.segments import read_tables, table_on
from records.__main__ import main as records
from training import compare, examples
from training.cohort import CohortDefinition
from training.scores import auroc
from training.slices import dimensions, levels

PATIENTS = os.environ.get("TARVE_NOTEBOOK_PATIENTS", "8000")
LEAST_EVENTS = 20
folder = Path(mkdtemp())
records(["simulate", "--out", str(folder / "records"), "--patients", PATIENTS])
truth = folder / "records-truth.parquet"
rows = examples.derive(folder / "records", DENTAL, CohortDefinition(), truth)
pq.write_table(rows, folder / "examples.parquet")
found = examples.read(folder / "examples.parquet")
table = table_on(read_tables(), found.latest().date())
parts = compare.split(found, compare.SplitDefinition(), table.horizon_days)
model = compare.fit_model(lambda: Boosted(found.names), parts.learn, table)

# %% [markdown]
# ## By group
#
# AUROC says whether people of a group are ranked well among themselves; O:E, the need that came against the need
# expected, whether the group is under- or overestimated. A group with fewer than 20 events, or 20 without, is not
# assessable.

# %%
test = parts.test
p = model.predict(test.x).at_least[:, 0]
reached = compare.reached(test, table)[:, 0]
groups = dimensions(test.about, test.as_of, test.truth.get("access"))
points = []
for dimension, words in groups.items():
    for level, members in levels(words):
        events = int(reached[members].sum())
        if min(events, int(members.sum()) - events) < LEAST_EVENTS:
            print(f"{dimension:<26}{level:<26}not assessable")
            continue
        ratio = events / p[members].sum()
        points.append((f"{dimension}: {level}", ratio))
        print(
            f"{dimension:<26}{level:<26}{members.sum():>6} rows  AUROC {auroc(p[members], reached[members]):.2f}"
            f"  O:E {ratio:.2f}"
        )

# %%
figure, axis = plt.subplots(figsize=(7, 0.28 * len(points) + 1))
axis.axvline(1, color="0.6")
axis.plot([ratio for _, ratio in points], range(len(points)), "o")
axis.set_yticks(range(len(points)), [name for name, _ in points])
axis.invert_yaxis()
axis.set(xlabel="observed to expected need", title="Is any group under- or overestimated?")
figure.tight_layout()

# %% [markdown]
# ## Is the label right?
#
# The truth behind the simulation says what every person needed; the record says what they got. Where access is poor the
# record shows less of the need, and a model that learns from it repeats that.

# %%
needed, recorded = test.truth["need_visits"], test.visits.sum(1)
for level, members in levels(groups["access (true, simulated)"]):
    print(f"access, {level:<16} needed {needed[members].mean():.2f} visits, recorded {recorded[members].mean():.2f}")
