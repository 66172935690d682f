"""Fuzzing by hand and in CI: `python -m tests.fuzz.analyser --inputs 1000000 --seed 1`."""
