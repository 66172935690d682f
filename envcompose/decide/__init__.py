"""Layers, islands, artifacts and build order: tables of rules, first answer decides."""
