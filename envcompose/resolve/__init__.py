"""The closure: what a resolver is shown and what its answer means."""
