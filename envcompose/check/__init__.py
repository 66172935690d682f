"""Findings on any manifest and lock: pixi's own verdict, and what pixi does not check."""
