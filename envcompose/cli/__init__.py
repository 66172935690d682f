"""Arguments -> api -> output; the only place that prints."""
