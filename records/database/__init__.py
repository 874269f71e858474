"""The schema in a database through SQLAlchemy: SQLite by default, PostgreSQL by URL, changed by migrations only."""

from records.database.errors import DatabaseError
from records.database.migrate import migrate
from records.database.store import Database, Written

__all__ = ["Database", "DatabaseError", "Written", "migrate"]
