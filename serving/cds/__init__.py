"""CDS Hooks 2.0: the same assessments, as cards in a booking system or a patient record."""
