"""How others ask: the assessment API, served by BentoML, and its command line."""
