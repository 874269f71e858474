"""Which alerts there are: all rules of all definitions, over vouchers as known at a moment."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alerts.definitions import Definition, Watch
from alerts.rule import Breaches
from alerts.rules import rules
from alerts.schema import ALERTS, ENDINGS
from alerts.times import NEVER, Ints, as_days, as_instants
from alerts.variables import DAY, KINDS
from alerts.vouchers import Vouchers


def evaluate(
    vouchers: Vouchers,
    definitions: Mapping[str, Definition],
    now: datetime,
    done: Callable[[int], object] = lambda _: None,
) -> pa.Table:
    """The alerts of vouchers at their moment, open and ended, as `ALERTS`; none is withdrawn.

    What a run finds depends on nothing else: not on earlier runs, nor on what arrived when.

    Args:
        vouchers: as known at the moment.
        definitions: by their id. Vouchers of others are left alone, see `unwatched`.
        now: the moment, as when the alerts were found.
        done: told of how many vouchers the rules have seen.
    """
    found = [ALERTS.empty_table()]
    for definition_id, some in vouchers.by_definition():
        definition = definitions.get(definition_id)
        if definition is not None:
            watched = some.valid_for(definition.limits.validity_days)
            found += [_of_watch(watched, definition, watch, now) for watch in definition.watches]
        done(len(some))
    return pa.concat_tables(found)


def unwatched(vouchers: Vouchers, definitions: Mapping[str, Definition]) -> dict[str, int]:
    """How many vouchers name a definition that is not there, by that name."""
    counts: Counter[str] = Counter()
    for name, some in vouchers.by_definition():
        counts[name] += len(some)
    return {name: count for name, count in counts.items() if name not in definitions}


def _of_watch(vouchers: Vouchers, definition: Definition, watch: Watch, now: datetime) -> pa.Table:
    rule = rules()[watch.rule]
    breaches = rule.find(vouchers, definition.limits, watch.settings)
    whose = pa.array(breaches.voucher)
    is_open = breaches.ended >= NEVER
    voucher_id = vouchers.voucher_id.take(whose)
    columns = {
        "alert_id": _ids(watch, voucher_id, breaches.since),
        "rule": _same(watch.rule, len(whose)),
        "rule_version": pa.array(np.full(len(whose), rule.version, np.int32)),
        "subject": _same(watch.subject, len(whose)),
        "voucher_id": voucher_id,
        "patient_id": vouchers.patient_id.take(whose),
        "provider_id": vouchers.provider_id.take(whose),
        "definition_id": _same(definition.definition_id, len(whose)),
        "breached_on": as_days(breaches.since),
        "variables": _variables(breaches),
        "found_at": pa.repeat(pa.scalar(now, ALERTS.field("found_at").type), len(whose)),
        "state": pa.array(["open", "ended"]).take(pa.array(np.where(is_open, 0, 1))),
        "ended_at": as_instants(breaches.ended),
        "ended_why": pa.array(ENDINGS).take(pa.array(breaches.why, mask=is_open)),
    }
    return pa.Table.from_pydict(columns, schema=ALERTS)


def _ids(watch: Watch, voucher_id: pa.Array, since: Ints) -> pa.Array:
    """Names that are the same for the same breach, and that say nothing of the voucher to who reads one."""
    prefix = f"{watch.rule} {watch.subject} "
    named = zip(since.tolist(), voucher_id.to_pylist(), strict=True)
    digests = [
        hashlib.blake2b(f"{prefix}{day} {voucher}".encode(), digest_size=16).hexdigest() for day, voucher in named
    ]
    return pa.array(digests, pa.string())


def _variables(breaches: Breaches) -> pa.Array:
    """JSON objects with sorted keys, written column by column."""
    told = {**breaches.variables, "breached_on": breaches.since}
    parts = [_member(name, values) for name, values in sorted(told.items())]
    joined = pc.binary_join_element_wise(*parts, ", ")
    return pc.binary_join_element_wise("{", joined, "}", "")


def _member(name: str, values: Ints) -> pa.Array:
    is_day = KINDS[name] == DAY
    text = (as_days(values) if is_day else pa.array(values)).cast(pa.string())
    quote = '"' if is_day else ""
    return pc.binary_join_element_wise(f'"{name}": {quote}', text, quote, "")


def _same(text: str, many: int) -> pa.Array:
    return pa.repeat(pa.scalar(text), many)
