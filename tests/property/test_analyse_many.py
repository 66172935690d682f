"""The fuzz command's inputs, a few of them on every run: `python -m tests.fuzz.analyser` runs as many as wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.analyser import Tally, fuzz
from tests.fuzz.cases import case

ROOT = Path(__file__).parents[2]
INPUTS = 2000
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_no_input_escapes_the_analyser(part: int) -> None:
    tally, size = Tally(), INPUTS // PARTS
    fuzz(20261121, range(part * size, (part + 1) * size), tally, seconds=60)
    assert tally.escapes == []
    assert sum(tally.answers.values()) == size


def test_equal_seeds_make_equal_inputs() -> None:
    assert [case(1, number) for number in range(40)] == [case(1, number) for number in range(40)]
    assert case(1, 7) != case(2, 7)


def test_answers_are_the_same_in_processes_that_order_their_sets_differently() -> None:
    told = set()
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "tests.fuzz.analyser", "--inputs", "150", "--seed", "5"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        told.add(run.stdout.partition("digest of the answers: ")[2])
    assert len(told) == 1
    assert "0 escapes" in told.pop()
