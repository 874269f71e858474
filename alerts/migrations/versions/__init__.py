"""One module a version, never changed once it was released: databases in use were made by it."""
