"""How the tables of alerts came to be what they are, version by version."""
