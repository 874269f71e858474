"""What was known about a patient at a moment: the catalogue of features and its one evaluator."""
