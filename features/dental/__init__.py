"""The dental catalogue: what Tarve knows of a patient's record history before a first visit is booked.

Sex, language and district are deliberately no features: they are slices in which the model is examined. Money is
none either: what care costs a person says what they can pay, not what they need.
"""

from __future__ import annotations

from features.catalogue import Catalogue
from features.dental.booking import BOOKING
from features.dental.care import CARE
from features.dental.health import HEALTH
from features.dental.teeth import TEETH
from features.dental.use import USE

DENTAL = Catalogue(*USE, *BOOKING, *CARE, *TEETH, *HEALTH)
"""The features of the need model."""
