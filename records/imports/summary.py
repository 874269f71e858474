"""What an import did, in counts without any value of a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Summary:
    """Counts of one import.

    Of every table, `arrived` = `new` + `changed` + `unchanged` + what `aside` holds of it: no row is lost.

    Attributes:
        rows_read: rows or resources of the source.
        left_out: rows or resources that became no row of a table, by (kind, reason).
        arrived: rows by table that the source gave.
        new: rows by table that the store did not hold.
        changed: rows by table that replaced a stored row of the same id.
        unchanged: rows by table that the store held already.
        aside: rows kept aside in the quarantine, by (table, reason).
        notices: rows that are used although something about them is odd, by (kind, sentence).
    """

    rows_read: int = 0
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    arrived: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    aside: Counter[tuple[str, str]] = field(default_factory=Counter)
    notices: Counter[tuple[str, str]] = field(default_factory=Counter)

    def changes_nothing(self) -> bool:
        """Whether the store stays as it is."""
        return not self.new.total() and not self.changed.total()

    def aside_of(self, table: str) -> int:
        """How many rows of a table are kept aside."""
        return sum(count for (name, _), count in self.aside.items() if name == table)

    def lines(self) -> Iterator[str]:
        """The summary as text: one line a table, then what was kept aside, left out or odd, and why."""
        yield f"{self.rows_read:,} rows read"
        yield f"{'':<14}{'arrived':>12}{'new':>12}{'changed':>12}{'unchanged':>12}{'aside':>12}"
        for name in sorted(self.arrived):
            counts = (self.arrived, self.new, self.changed, self.unchanged)
            row = "".join(f"{count[name]:>12,}" for count in counts)
            yield f"{name:<14}{row}{self.aside_of(name):>12,}"
        for title, reasons in (("kept aside", self.aside), ("left out", self.left_out), ("note", self.notices)):
            for (kind, reason), count in sorted(reasons.items()):
                yield f"{title}: {count:,} {kind}: {reason}"
