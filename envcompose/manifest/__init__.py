"""pixi's files as typed values: the only place that knows their form and its versions."""
