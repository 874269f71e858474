"""A simulated population: record histories that look like Helsinki's public oral care, of people who do not exist.

Behind every history stands a latent process: people differ in disease, in access to care, in fear and in their life
situation; disease accumulates between episodes of care; what is recorded is the need of the moment, bent by access,
dropping out and chance. Published figures that it was set by stand beside the constants they set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from records.history import History
from records.simulate import care
from records.simulate.people import People
from records.simulate.tables import tables
from records.simulate.truth import SURVEY, TRUTH, TruthFile
from records.simulate.window import Window

__all__ = ["MOST_PATIENTS", "MOST_YEARS", "SURVEY", "TRUTH", "Simulated", "TruthFile", "simulate"]

CHUNK = 2_000
"""People drawn from one random stream. Fixed, because a patient's record follows from the seed and the chunk."""
MOST_PATIENTS = 9_999_999
MOST_YEARS = 60
MOST_SEED = 2**32 - 1
UNTIL_YEARS = (1980, 2100)


@dataclass(frozen=True)
class Simulated:
    """A block of simulated patients.

    Attributes:
        history: what is on record about them.
        truth: what they needed at every contact that starts an episode, see `records.simulate.truth.TRUTH`.
        survey: how they all were on their last day, see `records.simulate.truth.SURVEY`.
    """

    history: History
    truth: pa.Table
    survey: pa.Table

    def __getitem__(self, name: str) -> pa.Table:
        """A table of the history."""
        return self.history[name]

    @classmethod
    def of(cls, tables: Mapping[str, pa.Table], truth: pa.Table, survey: pa.Table) -> Simulated:
        """From tables by name."""
        return cls(History.of(tables), truth, survey)

    @classmethod
    def joined(cls, parts: Sequence[Simulated]) -> Simulated:
        """Several blocks, in patient order, as one."""
        tables = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0].history}
        truth, survey = (pa.concat_tables([getattr(part, name) for part in parts]) for name in ("truth", "survey"))
        return cls.of(tables, truth, survey)


def simulate(patients: int, years: int, seed: int, until: date, block: int = 10_000) -> Iterator[Simulated]:
    """Simulate a population, block by block in patient order.

    A patient's record depends on the seed, the years and the end alone, not on how many patients there are or on
    the block size; blocks that are a multiple of 2,000 patients waste no work.

    Args:
        patients: how many, 1 to 9,999,999. People who arrive or leave during the years are among them.
        years: length of the window, 1 to 60.
        seed: 0 to 4,294,967,295; the same seed gives the same bytes.
        until: last day of the window, a day in Europe/Helsinki, 1980 to 2100. Nothing happens or is recorded after it.
        block: patients a block, 1 to 9,999,999.

    Raises:
        ValueError: an argument is out of range.
    """
    _require_between("patients", patients, 1, MOST_PATIENTS)
    _require_between("years", years, 1, MOST_YEARS)
    _require_between("the year of until", until.year, *UNTIL_YEARS)
    _require_between("seed", seed, 0, MOST_SEED)
    _require_between("block", block, 1, MOST_PATIENTS)
    window = Window.ending(until, years)
    return (_block(range(first, min(first + block, patients)), seed, window) for first in range(0, patients, block))


def _require_between(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} must be between {least} and {most}, not {value}")


def _block(places: range, seed: int, window: Window) -> Simulated:
    chunks = range(places.start // CHUNK, (places.stop - 1) // CHUNK + 1)
    parts = [_within(_chunk(chunk, seed, window), chunk, places) for chunk in chunks]
    return Simulated.joined(parts)


def _chunk(chunk: int, seed: int, window: Window) -> Simulated:
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, chunk])))
    people = People.drawn(rng, np.arange(CHUNK) + chunk * CHUNK + 1, window)
    return Simulated.of(*tables(rng, care.history(rng, people, window), window))


def _within(simulated: Simulated, chunk: int, places: range) -> Simulated:
    """The part of a chunk whose patients stand at these places of the population."""
    first, last = chunk * CHUNK, (chunk + 1) * CHUNK
    if places.start <= first and last <= places.stop:
        return simulated
    ids = simulated.history.patient_ids
    kept = ids[max(places.start - first, 0) : places.stop - first].combine_chunks()

    def only(rows: pa.Table) -> pa.Table:
        return rows.filter(pc.is_in(rows["patient_id"], kept))

    tables = {name: only(simulated[name]) for name in simulated.history}
    return Simulated.of(tables, only(simulated.truth), only(simulated.survey))
