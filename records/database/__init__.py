"""The schema in a database through SQLAlchemy: SQLite by default, PostgreSQL by URL, changed by migrations only."""

from records.database.errors import DatabaseError
from records.database.store import Database, Written, add, rows_of
from records.database.versions import migrate

__all__ = ["Database", "DatabaseError", "Written", "add", "migrate", "rows_of"]
