"""Histories of known patients: a folder of Parquet files, or a database."""

from __future__ import annotations

from pathlib import Path

from records.database import Database, DatabaseError
from records.history import OrderError
from records.person import Person
from records.store import StoreError, read_patient
from serving.guard import LOG, Refused
from serving.wire import READ


class Known:
    """The record store of a service, or none."""

    def __init__(self, source: Path | Database | None) -> None:
        self._source = source

    def holds(self, patient_id: str) -> bool:
        """Whether a database holds a patient; a folder is not searched for that.

        Raises:
            Refused: the database cannot be read.
        """
        if not isinstance(self._source, Database) or "\0" in patient_id:
            return False
        try:
            return self._source.read_patient(patient_id, ()) is not None
        except DatabaseError as error:
            raise Refused(503, "", "the record store cannot be read now; try again") from error

    def person(self, patient_id: str) -> Person:
        """The history of a known patient, of the tables that the features read, unchecked.

        Raises:
            Refused: no such patient is there, or the store cannot be read.
        """
        if self._source is None:
            raise Refused(503, "patient_id", "this service has no record store; post the history instead")
        if "\0" in patient_id:  # no name holds it, and not every database can be asked
            raise Refused(404, "patient_id", "no such patient is in the record store")
        try:
            if isinstance(self._source, Database):
                history = self._source.read_patient(patient_id, READ)
            else:
                history = read_patient(self._source, patient_id)
        except (StoreError, OrderError, DatabaseError) as error:
            # These sentences are our own: they name a file, never a patient.
            LOG.error("the record store cannot be read: %s", error)
            what = "the record store cannot be read now; post the history instead"
            raise Refused(503, "patient_id", what) from error
        if history is None:
            raise Refused(404, "patient_id", "no such patient is in the record store")
        found = Person.of(history)
        return Person(found.row, {name: found[name] for name in READ})

    def close(self) -> None:
        """Close all connections."""
        if isinstance(self._source, Database):
            self._source.close()
