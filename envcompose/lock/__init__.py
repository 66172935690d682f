"""Locking a manifest that is there: what is to be solved, both layers of each solve, and the lock's entries."""
