"""Who is overdue: the open alerts of rules that find a client late, as of the last run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from alerts.reading import last_run
from alerts.rules import rules
from alerts.tables import alerts
from alerts.why import why
from records.clock import HELSINKI


@dataclass(frozen=True)
class Overdue:
    """A voucher whose client is late.

    Attributes:
        alert_id, rule, rule_version, voucher_id, patient_id, provider_id, definition_id, variables: as the alert has
            them.
        breached_on: first day (Europe/Helsinki) on which it was so.
        days: whole days over the limit; 1 on that day.
    """

    alert_id: str
    rule: str
    rule_version: int
    voucher_id: str
    patient_id: str
    provider_id: str | None
    definition_id: str
    variables: str
    breached_on: date
    days: int

    @property
    def why(self) -> dict[str, str]:
        """The rule's sentence by language."""
        return why(self.rule, self.variables)


@dataclass(frozen=True)
class Lateness:
    """All overdue vouchers, the longest overdue first.

    Attributes:
        run_at: the moment of the run that found them; None when there was none.
        rules: the rules that find such, with their versions.
    """

    run_at: datetime | None
    rules: dict[str, int]
    rows: list[Overdue]


def lateness(connection: Connection, now: datetime) -> Lateness:
    """All overdue vouchers that the last run knew.

    Args:
        connection: a connection in a transaction.
        now: the moment up to which days are counted.
    """
    names = {name: rule.version for name, rule in rules().items() if rule.overdue}
    columns = [alerts.c[name] for name in ("alert_id", "rule", "rule_version", "voucher_id", "patient_id")]
    columns += [alerts.c[name] for name in ("provider_id", "definition_id", "breached_on", "variables")]
    query = select(*columns).where(alerts.c.state == "open", alerts.c.rule.in_(names))
    found = connection.execute(query.order_by(alerts.c.breached_on, alerts.c.alert_id))
    today = now.astimezone(HELSINKI).date()
    rows = [_overdue(row, today) for row in found]
    return Lateness(last_run(connection).now, names, rows)


def _overdue(row: Row[Any], today: date) -> Overdue:
    same = ("alert_id", "rule", "rule_version", "voucher_id", "patient_id", "provider_id", "definition_id")
    whole = {name: getattr(row, name) for name in (*same, "variables", "breached_on")}
    return Overdue(**whole, days=(today - row.breached_on).days + 1)
