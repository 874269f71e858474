"""What a service keeps: assessments, decisions, cards, feedback, the audit; and apart from them, sealed, the inputs."""
