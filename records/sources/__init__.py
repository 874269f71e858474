"""Ways in: readers of other systems' files, each a stream of unchecked batches of the schema's tables."""
