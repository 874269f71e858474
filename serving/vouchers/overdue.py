"""The officer's list: overdue clients in the order of their need, and how that order came to be."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from alerts.overdue import Overdue, lateness
from models.segments import SegmentTable
from records.database import Database
from serving.keys import Secrets
from serving.vouchers.needs import Need, Needs
from serving.vouchers.wire import NeedOut, OverdueListOut, OverdueOut, RuleOut
from serving.vouchers.words import LIST, ROW
from serving.wire import Words
from serving.wording import words

Fallback = Literal["no_champion", "no_assessment"]


def overdue_list(
    vouchers: Connection,
    kept: Database,
    secrets: Secrets,
    tenant: str,
    *,
    champion: str | None,
    segments: SegmentTable,
    now: datetime,
    at_most: int,
) -> OverdueListOut:
    """The list as of a moment.

    Args:
        vouchers: a connection to the database of vouchers, in a transaction.
        kept: where the service keeps assessments.
        secrets: the keys of the service.
        tenant: whose clients these are.
        champion: name and version of the model that holds; None when none does. Then nobody vouches for any assessment,
            and none orders the list.
        segments: the table of segments.
        now: the moment.
        at_most: so many rows, of those that come first.

    Raises:
        DatabaseError: a database fails.
    """
    late = lateness(vouchers, now)
    patients = {row.patient_id for row in late.rows}
    needs = {} if champion is None else Needs(kept, secrets, tenant).of(patients, segments, now)
    fallback = _fallback(champion, needs)
    ordered = in_order(late.rows, needs, segments)
    return OverdueListOut(
        as_of=now,
        run_at=late.run_at,
        ordered_by="days_overdue" if fallback else "need",
        fallback=fallback,
        says=words(LIST[fallback or "need"]),
        model=champion,
        rules=[RuleOut(name=name, version=version) for name, version in late.rules.items()],
        segments_from=segments.valid_from,
        total=len(ordered),
        rows=[
            _row(place, row, needs.get(row.patient_id), champion)
            for place, row in enumerate(ordered[:at_most], start=1)
        ],
    )


def in_order(rows: list[Overdue], needs: dict[str, Need], segments: SegmentTable) -> list[Overdue]:
    """Rows by need, the highest segment first, and within one by days overdue.

    Those whose need is not known come after the highest segment and before all others: they may need as much.

    Args:
        rows: the overdue vouchers.
        needs: by patient.
        segments: the table of segments, in rising order of need.
    """
    highest = len(segments.names) - 1

    def place(row: Overdue) -> tuple[float, int, str]:
        need = needs.get(row.patient_id)
        rank = highest - 0.5 if need is None else segments.names.index(need.segment)
        return -rank, -row.days, row.alert_id

    return sorted(rows, key=place)


def _fallback(champion: str | None, needs: dict[str, Need]) -> Fallback | None:
    if champion is None:
        return "no_champion"
    return None if needs else "no_assessment"


def _row(place: int, row: Overdue, need: Need | None, champion: str | None) -> OverdueOut:
    reason = "no_champion" if champion is None else "no_assessment"
    how = reason if need is None else "decided" if need.decided else "suggested"
    return OverdueOut(
        position=place,
        patient_id=row.patient_id,
        voucher_id=row.voucher_id,
        provider_id=row.provider_id,
        definition_id=row.definition_id,
        rule=RuleOut(name=row.rule, version=row.rule_version),
        breached_on=row.breached_on,
        days_overdue=row.days,
        why=Words(**row.why),
        ordered_by="days_overdue" if need is None else "need",
        need=None if need is None else NeedOut(**vars(need)),
        says=words(ROW[how]),
    )
