"""What an alert is: the columns every rule fills, the states it passes through, and the words for why it ended."""

from __future__ import annotations

import pyarrow as pa

from records.schema import INSTANT

LANGUAGES = ("fi", "sv", "en")
RECIPIENTS = ("client", "provider")
CHANNELS = ("sms", "portal")

ALERT_STATES = ("open", "ended", "withdrawn")
"""`open`: still so. `ended`: it was so, and is over. `withdrawn`: later knowledge says that it never was."""

ENDINGS = ("activated", "visited", "ended", "withdrawn", "expired", "over", "corrected")
"""Why an alert is no longer open: the voucher was activated, visited, ended or withdrawn; its validity ran out; the
alert's own time is over; or the record was corrected (then its state is `withdrawn`)."""

FEEDBACK_STATES = ("active", "cancelled")
CANCELLERS = ("provider", "officer")
MESSAGE_STATES = ("queued", "sending", "sent", "delivered", "not_sent", "failed", "dead", "withdrawn")

ALERTS = pa.schema(
    [
        pa.field("alert_id", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("rule_version", pa.int32(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("voucher_id", pa.string(), nullable=False),
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("provider_id", pa.string()),
        pa.field("definition_id", pa.string(), nullable=False),
        pa.field("breached_on", pa.date32(), nullable=False),
        pa.field("variables", pa.string(), nullable=False),
        pa.field("found_at", INSTANT, nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("ended_at", INSTANT),
        pa.field("ended_why", pa.string()),
    ]
)
"""One row is one breach of one rule by one voucher.

- `alert_id`: the same for the same rule, subject, voucher and breach, however often it is found.
- `rule`, `rule_version`: the module of `alerts.rules` that found it, and its version.
- `subject`: what its messages are called in the voucher definition: the rule's name, or the name that the definition
  gives to a message of its own cycle.
- `provider_id`: null while the voucher has no provider.
- `breached_on`: the first day (Europe/Helsinki) on which it was so.
- `variables`: a JSON object of what the texts may name, see `alerts.variables`.
- `ended_at`: the event that ended it; for `withdrawn`, the moment at which that was found.
"""

DUE = pa.schema(
    [
        *(ALERTS.field(name) for name in ("alert_id", "rule", "subject", "voucher_id", "patient_id", "provider_id")),
        *(ALERTS.field(name) for name in ("definition_id", "breached_on", "variables")),
        pa.field("recipient", pa.string(), nullable=False),
        pa.field("occurrence", pa.int32(), nullable=False),
    ]
)
"""One row is one message that an open alert asks for: what a run hands to the outbox.

- `recipient`: who gets it; a provider only if the voucher has one.
- `occurrence`: 0 for the first message, 1 for the first reminder and so on, as the definition's cycle has it. A
  reminder that was missed is not made up for: only the latest one is due.

The same message may be asked for again, when an alert was withdrawn and came back: one that was sent or refused stays
so, one that was withdrawn unsent is queued again.
"""
