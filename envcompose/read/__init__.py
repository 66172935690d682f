"""Texts -> intent: what the user's files and words say, with the place of each thing and nothing dropped."""
