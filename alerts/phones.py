"""Where telephone numbers are looked up: kept apart from the record history, and only at the moment of sending."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import Engine, delete, insert, select

from alerts.consent import normalised
from alerts.tables import phone_numbers


class PhoneBook(Protocol):
    """Knows telephone numbers. A city's own register of clients is reached by writing another one of these."""

    def numbers(self, patient_id: str) -> Sequence[str]:
        """All telephone numbers of one person, in any spelling."""


class DatabasePhoneBook:
    """Telephone numbers in the table `phone_numbers`, of the same database or of one of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def numbers(self, patient_id: str) -> list[str]:
        """All telephone numbers of one person, E.164, in order."""
        statement = select(phone_numbers.c.number).where(phone_numbers.c.patient_id == patient_id)
        with self._engine.connect() as connection:
            return list(connection.scalars(statement.order_by(phone_numbers.c.number)))

    def replace(self, patient_id: str, numbers: Iterable[str]) -> None:
        """Set all telephone numbers of one person.

        Raises:
            NumberError: one of them is no telephone number; nothing was changed.
        """
        rows = [{"patient_id": patient_id, "number": number} for number in sorted({*map(normalised, numbers)})]
        with self._engine.begin() as connection:
            connection.execute(delete(phone_numbers).where(phone_numbers.c.patient_id == patient_id))
            if rows:
                connection.execute(insert(phone_numbers), rows)
