"""How a model is doing once it serves: what drifts, what no longer holds, and what to do about it."""
