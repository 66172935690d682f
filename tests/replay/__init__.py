"""A recorded, trimmed package index: made by `python -m tests.replay.record`, replayed by the golden and law tests."""
