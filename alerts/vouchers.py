"""What is known of vouchers at a moment: one entry a voucher, as arrays; what every rule looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alerts.times import NEVER, Flags, Ints, day_of, start_of

BLOCK = 100_000
"""How many vouchers a rule sees at once: enough to cost nothing, few enough for its arrays to stay small."""


@dataclass(frozen=True)
class Vouchers:
    """Vouchers as known at a moment, those of one definition beside each other.

    Instants and days are whole numbers, `NEVER` where there is none: see `alerts.times`.

    Attributes:
        now: the moment.
        voucher_id, patient_id, definition_id: Arrow arrays of text.
        provider_id: the same, null where no provider was chosen.
        granted, activated, closed: instants.
        withdrawn: whether a closed voucher was withdrawn; else it ended.
        valid_until: last day on which care may be given.
        first_visit: where each voucher's visits begin in `visits`, and one entry more for where the last one's end.
        visits: instants of all visits, by voucher and time.
    """

    now: int
    voucher_id: pa.Array
    patient_id: pa.Array
    provider_id: pa.Array
    definition_id: pa.Array
    granted: Ints
    activated: Ints
    closed: Ints
    withdrawn: Flags
    valid_until: Ints
    first_visit: Ints
    visits: Ints

    def __len__(self) -> int:
        return len(self.granted)

    @property
    def today(self) -> int:
        """The Helsinki day of the moment."""
        return int(day_of(np.array([self.now]))[0])

    @property
    def expiry(self) -> Ints:
        """First instants at which the vouchers are valid no more."""
        return start_of(self.valid_until + 1)

    @property
    def visit_owner(self) -> Ints:
        """The voucher of each visit, as its place among the vouchers."""
        return np.repeat(np.arange(len(self)), np.diff(self.first_visit))

    def valid_for(self, after_grant: int | None) -> Vouchers:
        """The same, valid for so many days after the day of the grant where no event names a last day."""
        if after_grant is None:
            return self
        counted = np.where(self.granted < NEVER, day_of(self.granted) + after_grant, NEVER)
        return replace(self, valid_until=np.where(self.valid_until < NEVER, self.valid_until, counted))

    def by_definition(self) -> Iterator[tuple[str, Vouchers]]:
        """The vouchers of one definition after another, in blocks of at most `BLOCK`, without copying them."""
        runs = pc.run_end_encode(self.definition_id)
        start = 0
        for name, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            for first in range(start, end, BLOCK):
                yield name, self._between(first, min(first + BLOCK, end))
            start = end

    def _between(self, start: int, end: int) -> Vouchers:
        first, last = self.first_visit[start], self.first_visit[end]
        columns = (*("voucher_id", "patient_id", "provider_id", "definition_id"), *_ARRAYS)
        return replace(
            self,
            **{name: getattr(self, name)[start:end] for name in columns},
            first_visit=self.first_visit[start : end + 1] - first,
            visits=self.visits[first:last],
        )


_ARRAYS = ("granted", "activated", "closed", "withdrawn", "valid_until")
