"""What the tests of manifest workspace have alike."""

from __future__ import annotations

import pytest

from envcompose.errors import ManifestInvalid
from envcompose.manifest.workspace import (
    CondaWish,
    Workspace,
)
from envcompose.manifest.workspace_reading import read_workspace


def read(text: str, path: str = "pixi.toml") -> Workspace:
    return read_workspace(text, path)


def refusal(text: str, path: str = "pixi.toml") -> tuple[int | None, str, tuple[str, ...]]:
    with pytest.raises(ManifestInvalid) as caught:
        read(text, path)
    error = caught.value
    return error.line, error.sentence.partition(": ")[2], error.hints


def specs(wishes: tuple[CondaWish, ...]) -> list[str]:
    return [f"{wish.name} {wish.spec.version or '*'}" for wish in wishes]
