"""What stands behind an assessment: its inputs again from the snapshot, and what would have to differ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from features.families import Label
from models.assessment import assess
from records.check_person import check_person
from records.database import DatabaseError
from records.history import History
from serving import snapshots
from serving.desk import Desk
from serving.guard import LOG
from serving.pages.timeline import Timeline, timeline
from serving.questions import with_answers
from serving.storage.ledger import Kept, snapshot_name
from serving.wire import Answer, read_answer

TELLING = ("visits", "procedures", "diagnoses", "findings", "answers")


@dataclass(frozen=True)
class Behind:
    """One assessment and the history that it was made from.

    Attributes:
        desk: where it was made.
        kept: the assessment.
        answer: what it answered.
        history: as of the moment, with the answers of the interview; None when the snapshot is gone.
    """

    desk: Desk
    kept: Kept
    answer: Answer
    history: History | None

    @classmethod
    def of(cls, desk: Desk, kept: Kept) -> Behind:
        """Read the snapshot of an assessment."""
        try:
            content = desk.ledger.vault.content(snapshot_name(kept.id))
        except DatabaseError as error:
            LOG.error("a snapshot cannot be read: %s", error)
            content = None
        history = None
        if content is not None:
            snapshot = snapshots.unpack(content)
            person = check_person(snapshot.given, snapshot.as_of).person
            history = with_answers(person, snapshot.told, snapshot.as_of).history
        return cls(desk, kept, read_answer(kept.answer), history)

    @property
    def has_same_model(self) -> bool:
        """Whether the model that runs is the one that answered."""
        return self.kept.model == self.desk.release.tag

    @cached_property
    def timeline(self) -> Timeline | None:
        """The history as it is drawn; None where there is none."""
        return None if self.history is None else timeline(self.history, self.kept.as_of)

    @cached_property
    def to_differ(self) -> Label | None:
        """What would have to differ for a lighter segment; None for the lightest, and where that cannot be told."""
        if self.history is None or not self.has_same_model or self.answer.status != "assessed":
            return None
        release = self.desk.release
        again = assess(
            release.model, release.catalogue, release.segments, self.history, self.kept.as_of, differences=True
        )
        return None if again.lighter is None else again.lighter.text

    @property
    def is_lightest(self) -> bool:
        """Whether no lighter segment could be suggested."""
        return self.answer.segment is not None and self.answer.segment.name == self.desk.release.segments.names[0]

    @property
    def set_confidence(self) -> float | None:
        """The share of patients of each segment whose sets hold it; None when the model that answered cannot say."""
        uncertainty = self.desk.release.model.uncertainty
        return uncertainty.sets.confidence if uncertainty is not None and self.has_same_model else None

    @property
    def empty_tables(self) -> list[str]:
        """The tables in which nothing is recorded although it says much where it is."""
        return [] if self.history is None else [name for name in TELLING if not self.history[name].num_rows]
