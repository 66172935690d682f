"""Questions to a conda solver, short to write."""

from __future__ import annotations

from collections.abc import Sequence

from envcompose.model.record import CondaAnswer, CondaQuestion, VirtualPackage

CUDA_12_4 = "12.4"


def question(
    *specs: str,
    channels: Sequence[str],
    cuda: str | None = CUDA_12_4,
    glibc: str = "2.28",
    arch: str = "x86_64",
    constraints: Sequence[str] = (),
    priority: str = "strict",
    strategy: str = "highest",
    exclude_newer: str | None = None,
) -> CondaQuestion:
    """A question for linux-64 with pixi's default virtual packages, and `__cuda` where there is a driver."""
    virtual = [
        VirtualPackage(name="__unix", version="0"),
        VirtualPackage(name="__linux", version="4.18"),
        VirtualPackage(name="__glibc", version=glibc),
        VirtualPackage(name="__archspec", version="1", build=arch),
    ]
    if cuda is not None:
        virtual.append(VirtualPackage(name="__cuda", version=cuda))
    return CondaQuestion(
        specs=specs,
        constraints=tuple(constraints),
        channels=tuple(channels),
        subdir="linux-64",
        virtual=tuple(virtual),
        priority=priority,
        strategy=strategy,
        exclude_newer=exclude_newer,
    )


def versions(answer: CondaAnswer) -> dict[str, str]:
    """Names and versions of a solution. Fails with the solver's words where there is none."""
    assert answer.records is not None, answer.words
    return {record.name: record.version for record in answer.records}


def files(answer: CondaAnswer) -> list[str]:
    """The file names of a solution."""
    assert answer.records is not None, answer.words
    return [record.file_name for record in answer.records]
