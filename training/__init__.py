"""How a model earns its place: cohort, fit, evaluation, gate, registry."""
