"""What a reviewer is told: packages with their decisions, what lost and why."""
