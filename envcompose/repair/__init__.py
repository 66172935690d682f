"""Repairs of an infeasible intent: the same composing over changed intents, nearest first. Start at `answer.py`."""
