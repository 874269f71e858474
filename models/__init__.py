"""What is predicted: need and segments, the estimators, and their reasons in words."""
