"""What is known of the need of many clients: of each the latest assessment, and what a person decided on it.

Nobody is assessed here. An assessment speaks of the episode that begins with a booking contact; made in the midst of
care, on the day on which an officer opens a list, it would be of a moment that no model was fitted or judged for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select

from models.segments import SegmentTable
from records.database import Database
from records.database.tables import DATABASE_TABLES, not_retracted
from serving.keys import Secrets

IDS_AT_ONCE = 500


@dataclass(frozen=True)
class Need:
    """What is known of one client's need.

    Attributes:
        segment: as decided, else as suggested.
        decided: whether a person has decided on it.
        as_of: the moment of which the assessment speaks.
        visits, at_least_heavy: as the assessment has them; None where it gives none.
        model, features, rules: versions of what made it.
    """

    assessment_id: str
    segment: str
    suggested: str | None
    decided: bool
    as_of: datetime
    visits: float | None
    at_least_heavy: float | None
    model: str
    features: str
    rules: str


class Needs:
    """Looks up needs of one tenant's clients.

    Args:
        database: where the service keeps assessments.
        secrets: the keys, because a client whose history was posted is kept under a keyed hash.
        tenant: whose assessments.
    """

    def __init__(self, database: Database, secrets: Secrets, tenant: str) -> None:
        self._database, self._secrets, self._tenant = database, secrets, tenant

    def of(self, patients: Collection[str], segments: SegmentTable, now: datetime) -> dict[str, Need]:
        """The needs that are known at a moment; of who has none, nothing.

        An assessment speaks for as long as its table of segments looks ahead. One without an estimate, on which nobody
        has decided either, says nothing of the need.

        Args:
            patients: ids of patients.
            segments: the table of segments; others' names are unknown here.
            now: the moment.

        Raises:
            DatabaseError: the database fails.
        """
        kept_as = {name: one for one in patients for name in (one, self._secrets.patient(self._tenant, one))}
        since = now - timedelta(days=segments.horizon_days)
        found: dict[str, Need] = {}
        with self._database.snapshot() as connection:
            for row in self._assessments(connection, list(kept_as), since, now):
                need = _need(row)
                if need is not None and need.segment in segments.names:
                    found[kept_as[row["patient_id"]]] = need  # later ones take the place of earlier ones
        return found

    def _assessments(
        self, connection: Connection, names: Sequence[str], since: datetime, now: datetime
    ) -> list[dict[str, Any]]:
        """Assessments with the segment that was decided on, in the order of their moments."""
        rows: list[dict[str, Any]] = []
        assessments = DATABASE_TABLES["assessments"]
        for some in _some(names):
            mine = assessments.c.patient_id.in_(some), assessments.c.source == f"tarve/{self._tenant}"
            when = assessments.c.event_time >= since, assessments.c.event_time <= now
            query = select(assessments).where(*mine, *when, not_retracted(assessments))
            made = [dict(row) for row in connection.execute(query).mappings()]
            decided = self._decided(connection, some)
            rows += [row | {"decided": decided.get(row["event_id"])} for row in made]
        return sorted(rows, key=lambda row: (row["event_time"], row["recorded_at"], row["event_id"]))

    def _decided(self, connection: Connection, names: Sequence[str]) -> dict[str, str]:
        """The segment that the last decision on each assessment is for."""
        decisions = DATABASE_TABLES["decisions"]
        mine = decisions.c.patient_id.in_(names), decisions.c.source == f"tarve/{self._tenant}"
        query = select(decisions.c.assessment_id, decisions.c.decided).where(*mine, not_retracted(decisions))
        return {row.assessment_id: row.decided for row in connection.execute(query.order_by(decisions.c.recorded_at))}


def _need(row: dict[str, Any]) -> Need | None:
    segment = row["decided"] or row["suggested"]
    if segment is None:
        return None
    return Need(
        assessment_id=row["event_id"],
        segment=segment,
        suggested=row["suggested"],
        decided=row["decided"] is not None,
        as_of=row["event_time"],
        visits=row["visits"],
        at_least_heavy=row["at_least_heavy"],
        model=row["model_version"],
        features=row["features_version"],
        rules=row["rules_version"],
    )


def _some(names: Iterable[str]) -> Iterator[list[str]]:
    waiting = iter(names)
    while some := list(islice(waiting, IDS_AT_ONCE)):
        yield some
