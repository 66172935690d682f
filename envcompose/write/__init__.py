"""A composition as texts: manifest, verifier's expectations, report, JSON."""
