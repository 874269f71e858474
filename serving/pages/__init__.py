"""The pages: what a booking agent and a clinician see, rendered here, without a script or an outside asset."""
