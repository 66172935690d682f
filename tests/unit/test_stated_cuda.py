"""A CUDA line that an input states: it is composed for, and nobody is told to have asked for it with --cuda."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envcompose.api import load_recipes
from envcompose.model.intent import IndexOptions, InputReading, Intent, Wishes
from envcompose.model.requirement import CondaRequest, Origin, OriginKind
from envcompose.search.conda_wishes import with_conda_wishes
from envcompose.search.torch_indexes import with_torch_indexes
from envcompose.write.command import command_of

FACTS = load_recipes()[0]
ORIGIN = Origin(kind=OriginKind.FILE, file="environment.yml", line=4)
INDEX = next(
    build.index
    for release in FACTS.torch
    for build in release.builds
    if build.cuda == "12.4" and build.index is not None
)


def intent(reading: InputReading, cuda: str | None = None) -> Intent:
    asked = Intent(stacks=(), reading=reading, wishes=Wishes(cuda=cuda))
    return with_torch_indexes(with_conda_wishes(asked, FACTS), FACTS)


BY_INDEX = InputReading(indexes=IndexOptions(extra_index_urls=(INDEX,)))
BY_LINE = InputReading(conda=(CondaRequest(name="cuda-version", spec="12.4.*", origin=ORIGIN),))


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (BY_INDEX, f"CUDA 12.4, which {INDEX} states,"),
        (BY_LINE, "CUDA 12.4, which cuda-version 12.4.* (environment.yml:4) states,"),
    ],
)
def test_a_line_that_the_input_states_is_told_as_its_own(reading: InputReading, words: str) -> None:
    found = intent(reading)
    assert (found.wishes.cuda, found.spoken_cuda, found.cuda_words) == ("12.4", None, words)
    assert "--cuda" not in command_of(found)
    other = replace(found, wishes=replace(found.wishes, cuda="12.8"))
    assert command_of(other) == "envcompose init --cuda 12.8"


@pytest.mark.parametrize("reading", [BY_INDEX, BY_LINE])
def test_a_line_that_is_asked_for_is_told_as_asked_for(reading: InputReading) -> None:
    found = intent(reading, "12.4")
    assert (found.spoken_cuda, found.cuda_words) == ("12.4", "--cuda 12.4")
    assert command_of(found) == "envcompose init --cuda 12.4"


def test_the_index_that_states_the_line_is_named() -> None:
    assert [message.text.partition("; ")[2] for message in intent(BY_INDEX).reading.messages] == [
        "it states CUDA 12.4, since --cuda says no line"
    ]
    assert [message.text.partition("; ")[2] for message in intent(BY_INDEX, "12.4").reading.messages] == [""]
