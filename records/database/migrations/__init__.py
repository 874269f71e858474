"""The versions of the schema in a database, one file a version; `records.database.versions` runs them."""
