"""The version of the analyser, apart from it: what only asks a cache needs nothing else."""

ANALYSER_VERSION = "10"
"""Part of cache keys: it changes whenever equal sdists may get another analysis."""
