"""What was known about a patient at a moment: the catalogue, its evaluator, and the same compiled for one person."""
