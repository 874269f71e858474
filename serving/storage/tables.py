"""The tables of the service itself, beside those of the record schema in one database; and the vault's, in another.

Record events (`assessments`, `decisions`) are in the schema's own tables, for everyone who reads a history. Here is
what only the service asks for.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table

from records.database.tables import TEXT, Instant

KEPT = MetaData()
SEALED = MetaData()

ASSESSMENTS = Table(
    "kept_assessments",
    KEPT,
    Column("id", TEXT, primary_key=True),
    Column("tenant", TEXT, nullable=False),
    Column("patient_id", TEXT, nullable=False),
    Column("made_at", Instant(), nullable=False),
    Column("as_of", Instant(), nullable=False),
    Column("suggested", TEXT),
    Column("model", TEXT, nullable=False),  # the tag under which the model store has it
    Column("answer", TEXT, nullable=False),  # the JSON that was answered
)
"""One row is one assessment as it was answered; whose it is, for whom, and by which model."""

DECISION_KEYS = Table(
    "kept_decision_keys",
    KEPT,
    Column("assessment_id", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),  # hashed: callers choose it
    Column("fingerprint", TEXT, nullable=False),
    Column("decision_id", TEXT, nullable=False),
)
"""One row is one idempotency key under which a decision was made."""

CARDS = Table(
    "kept_cards",
    KEPT,
    Column("id", TEXT, primary_key=True),
    Column("tenant", TEXT, nullable=False),
    Column("service", TEXT, nullable=False),
    Column("assessment_id", TEXT, nullable=False),
    Column("issued_at", Instant(), nullable=False),
    Column("suggestions", TEXT, nullable=False),  # their ids, joined by spaces
    Column("kind", TEXT, nullable=False),
    Column("profession", TEXT, nullable=False),
    Column("minutes", Integer, nullable=False),
)
"""One row is one card that was issued, with the appointment that it recommended."""

FEEDBACK = Table(
    "kept_feedback",
    KEPT,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", TEXT, nullable=False, unique=True),
    Column("tenant", TEXT, nullable=False),
    Column("card_id", TEXT, nullable=False),
    Column("received_at", Instant(), nullable=False),
    Column("outcome", TEXT, nullable=False),
    Column("outcome_at", Instant()),
    Column("suggestions", TEXT, nullable=False),  # those accepted, joined by spaces
    Column("reason_code", TEXT),
    Index(None, "card_id"),
)
"""One row is one feedback on one card, in the order of arrival; several may contradict each other."""

SPENT = Table(
    "kept_spent_tokens",
    KEPT,
    Column("token", TEXT, primary_key=True),  # the hash of issuer and token id
    Column("until", Instant(), nullable=False),
    Index(None, "until"),
)
"""One row is one token that was used and may not be used again."""

AUDIT = Table(
    "audit_lines",
    KEPT,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("line", TEXT, nullable=False),
    Column("hash", TEXT, nullable=False),
)
"""One row is one line of the audit, chained to the one before."""

HEAD = Table(
    "audit_head",
    KEPT,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", TEXT, nullable=False),
)
"""The one row says which line is the last; whoever adds lines holds it."""

SESSIONS = Table(
    "kept_sessions",
    KEPT,
    Column("name", TEXT, primary_key=True),  # hashed: whoever reads the table cannot take a session over
    Column("sealed", LargeBinary, nullable=False),
    Column("until", Instant(), nullable=False),
    Index(None, "until"),
)
"""One row is one person at the pages, or one launch on its way, until a moment."""

VAULT = Table(
    "vault",
    SEALED,
    Column("name", TEXT, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("kept_at", Instant(), nullable=False),
)
"""One row is one sealed thing: the inputs of an assessment, or the comment on one."""
