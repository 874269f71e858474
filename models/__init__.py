"""What is predicted: need and segments, the estimators, and their reasons in words."""

import os

# Before anything loads OpenMP: by default its waiting threads spin so long that LightGBM on a busy machine takes two to
# ten times as long. Spinning briefly costs a tenth on an idle one.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
