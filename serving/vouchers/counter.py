"""The counter: whose vouchers these are, who acts on them, and that it stands in the audit before it is done.

What becomes of an act (taken, refused, and why) the alerts' own audit says, in the transaction that does it; the
service's audit says who was let in, to do what to what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from fastapi import Request
from sqlalchemy import Connection, Engine

from alerts.definitions import DefinitionError
from alerts.transactions import snapshot, writing
from records.database import DatabaseError
from serving import audit
from serving.access import ROUTES
from serving.assessments import caller_of
from serving.audit import Deed, Object
from serving.desk import actor
from serving.guard import LOG, Refused
from serving.house import House
from serving.storage.writer import Write
from serving.tokens import Caller

_OURS = re.compile(r"[0-9a-f]{32}")


class Counter:
    """Where the routes of vouchers are served.

    Args:
        house: what the service holds.
        now: the present, aware.
    """

    def __init__(self, house: House, now: Callable[[], datetime]) -> None:
        self.ledger, self.secrets, self.now = house.ledger, house.secrets, now
        self._vouchers = house.vouchers

    def serve(self, request: Request, deed: Deed, *others: tuple[str, str]) -> Visit:
        """Let a caller in, and write down what for.

        Args:
            request: the request, which the door has let in.
            deed: what is to be done.
            others: to what, as kind and name.

        Raises:
            Refused: the vouchers are not this tenant's, a name is none of ours, or the audit cannot be written.
        """
        visit = self.admit(request)
        for kind, name in others:
            if not _OURS.fullmatch(name):  # nothing that a caller made up gets into the audit
                raise Refused(404, f"{kind.rpartition('-')[2]}_id", f"there is no such {kind.replace('-', ' ')}")
        visit.note(deed, others)
        return visit

    def admit(self, request: Request) -> Visit:
        """Let a caller in who will say later what for.

        Raises:
            Refused: the vouchers are not this tenant's.
        """
        caller = caller_of(request)
        if self._vouchers is None or not caller.tenant.vouchers:
            raise Refused(404, "", "this service knows of no vouchers of yours")
        method = "GET" if request.method == "HEAD" else request.method
        return Visit(self, caller, ROUTES[method, request.scope["tarve.route"]].purpose, self._vouchers)

    def whom(self, patient_id: str, tenant: str) -> str:
        """The keyed hash of a patient, for the audit."""
        return self.secrets.patient(tenant, patient_id)


class Visit:
    """One caller at the counter.

    Attributes:
        caller: who calls.
        vouchers: the database of vouchers.
        now: the moment.
    """

    def __init__(self, counter: Counter, caller: Caller, purpose: str, vouchers: Engine) -> None:
        self._counter, self._actor = counter, actor(caller, purpose)
        self.caller, self.vouchers, self.now = caller, vouchers, counter.now()

    @property
    def who(self) -> str:
        """The caller's pseudonym in the alerts' audit: the same for the same user of the same issuer."""
        return self._counter.secrets.patient(self.caller.tenant.name, f"{self.caller.issuer} {self.caller.subject}")

    @property
    def provider(self) -> str:
        """For which provider the caller speaks; the door lets nobody to a provider's routes without one."""
        return self.caller.provider or ""

    def note(self, deed: Deed, others: Sequence[tuple[str, str]]) -> None:
        """Write a line into the audit, with the caller's pseudonym beside its name.

        Raises:
            Refused: it cannot be written.
        """
        thing = Object(others=[("user", self.who), *others])
        line = audit.line(deed, self._actor, thing, self.now, self._counter.secrets)
        with reached():
            self._counter.ledger.writer.put(Write(lines=[line])).result()

    def note_patients(self, deed: Deed, patients: Sequence[str]) -> None:
        """Write down whose data is about to be seen, by keyed hash.

        Raises:
            Refused: it cannot be written.
        """
        tenant = self.caller.tenant.name
        self.note(deed, [("patient", self._counter.whom(one, tenant)) for one in dict.fromkeys(patients)])

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment.

        Raises:
            Refused: the database fails.
        """
        with reached(), snapshot(self.vouchers) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that changes messages or feedback.

        Raises:
            Refused: the database fails; nothing was written.
        """
        with reached(), writing(self.vouchers) as connection:
            yield connection


@contextmanager
def reached() -> Iterator[None]:
    """Refuse in a sentence when a database fails.

    Raises:
        Refused: it does.
    """
    try:
        yield
    except DatabaseError as error:
        raise Refused(503, "", "the database cannot be reached now; try again") from error
    except DefinitionError as error:
        # The sentence names a definition and a key of it, never a client.
        LOG.error("a voucher definition cannot be read: %s", error)
        raise Refused(503, "", "a voucher definition cannot be read; an operator has to look at it") from error
