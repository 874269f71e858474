"""How batches of a source become part of a store: checked, merged, sorted, and replaced whole or not at all."""

from records.imports.run import Watch, import_batches
from records.imports.summary import Summary

__all__ = ["Summary", "Watch", "import_batches"]
