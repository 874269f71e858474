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
# # A first look at the data
#
# What a record history holds, what Tarve knows of a patient at a moment, and what the label is. The people are
# simulated: no number here is about a Finnish patient. Your own records take the same way
# (`python -m records import --help`).

# %%
import os
from datetime import date
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pyarrow.compute as pc

from features.dental import DENTAL
from features.evaluate import Moments, evaluate
from models.segments import read_tables, table_on
from records import store
from records.__main__ import main as records
from training import examples
from training.cohort import CohortDefinition, build

PATIENTS = os.environ.get("TARVE_NOTEBOOK_PATIENTS", "4000")
folder = Path(mkdtemp()) / "records"
records(["simulate", "--out", str(folder), "--patients", PATIENTS, "--years", "8"])
history = store.read(folder)

# %% [markdown]
# ## Tables of events, one way to write a row
#
# Every event says when it happened (`event_time`) and when the record system learned of it (`recorded_at`). The
# difference matters: a feature as of a moment sees only what was known by then.

# %%
for name in history:
    print(f"{name:<14}{history[name].num_rows:>10,} rows  {', '.join(history[name].column_names[5:])}")

# %%
visits = history["visits"].to_pandas()
late = (visits["recorded_at"] - visits["event_time"]).dt.total_seconds() / 86_400
print(f"recorded more than a day after the visit: {(late > 1).mean():.1%}")

# %% [markdown]
# ## One patient
#
# A person with a busy history, as lines of events.

# %%
busiest = visits["patient_id"].value_counts().index[0]
figure, axis = plt.subplots(figsize=(9, 2.6))
for at, (table, colour) in enumerate([("contacts", "C7"), ("visits", "C0"), ("procedures", "C2"), ("diagnoses", "C3")]):
    rows = history[table].filter(pc.equal(history[table]["patient_id"], busiest))
    axis.plot(rows["event_time"].to_pandas(), np.full(rows.num_rows, at), "|", color=colour, markersize=14)
axis.set_yticks(range(4), ["contacts", "visits", "procedures", "diagnoses"])
axis.set_title("Everything recorded about one simulated person")
figure.tight_layout()

# %% [markdown]
# ## What was known at a moment
#
# The catalogue declares the features; one evaluator computes them, for a single patient and for a million.

# %%
contacts = history["contacts"].filter(pc.equal(history["contacts"]["patient_id"], busiest))["event_time"].to_pylist()
matrix = evaluate(DENTAL, history, Moments.of([busiest, busiest], [contacts[0], contacts[-1]]))
for name in ("age", "visits_m24", "emergency_share_ever", "since_visit", "found_decayed", "teeth_refilled_ever"):
    first, last = matrix.values[:, matrix.names.index(name)]
    print(f"{DENTAL[name].label('en'):<34}{first:>8.2f} at the first contact{last:>8.2f} at the last")

# %% [markdown]
# Missing is not zero. A DMFT that was never measured is missing; who had no visit in the window had 0 visits.

# %%
cohort = build(history, CohortDefinition(), examples.last_recorded(folder))
matrix = evaluate(DENTAL, history, cohort.moments)
missing = np.isnan(matrix.values).mean(0)
for name in ("visits_m24", "found_dmft", "found_bop", "answer_pain", "no_show_share_m24"):
    print(f"{name:<22} missing for {missing[matrix.names.index(name)]:.0%} of the moments")

# %% [markdown]
# ## The label is need
#
# A moment is a booking contact that starts a course of care; its need is what followed. Who was left out is counted.

# %%
for reason, count in cohort.attrition.items():
    print(f"{reason:<36}{count:>8,}")

# %%
table = table_on(read_tables(), date(2024, 1, 1))
need = cohort.visits.sum(1)
figure, axis = plt.subplots(figsize=(7, 3))
axis.hist(need, bins=np.arange(0.5, 15.5), color="C0", rwidth=0.9)
for segment in table.segments[1:]:
    axis.axvline(segment.visits_at_least - 0.5, color="C3")
axis.set(xlabel="visits in the 12 months after the contact", ylabel="moments", title="Need, and where segments are cut")
figure.tight_layout()
shares = np.bincount(table.of_visits(need), minlength=len(table.names)) / len(need)
print(", ".join(f"{name} {share:.0%}" for name, share in zip(table.names, shares, strict=True)))
