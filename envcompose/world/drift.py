"""Where the torch table and the package index differ: for maintainers, who then correct the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envcompose.model.facts import TorchRelease
from envcompose.resolve.seen_torch import PROJECT, SeenTorch, TorchPages, linux_wheels, seen_torch


def table_drift(index: TorchPages, torch: Sequence[TorchRelease]) -> tuple[str, ...]:
    """Give a line for each difference between the torch table and the index, oldest release first; empty is none.

    Compared are the releases themselves (no pre-releases, none older than the table's first, none that is yanked as a
    whole), and for each the Pythons and glibc of its Linux x86_64 wheels, the triton requirement, and the CUDA, cuDNN
    and NCCL that its NVIDIA requirements name. One metadata file is read per release. What the index does not say
    (builds on PyTorch's own indexes, the C++ ABI, architectures) is not compared. Raises what the index raises.
    """
    if not torch:
        return ("the torch table is empty",)
    table = {release.version: release for release in torch}
    wheels = linux_wheels(index.project(PROJECT) or (), min(table))
    lines = []
    for version in sorted({*table, *wheels}):
        if version not in wheels:
            lines.append(f"torch {version}: in the table, and no Linux wheel of it is on the index")
        elif version not in table:
            lines.append(f"torch {version}: on the index, and not in the table")
        else:
            lines.extend(_differences(table[version], seen_torch(index, wheels[version])))
    return tuple(lines)


def _differences(release: TorchRelease, seen: SeenTorch) -> Iterator[str]:
    default = release.builds[0].cuda if release.builds else None
    pairs = (
        ("Pythons", " ".join(release.pythons), " ".join(seen.pythons)),
        ("glibc", release.glibc, seen.glibc),
        ("triton", release.triton, seen.triton),
        ("CUDA of the default build", default, seen.cuda),
        ("cuDNN", release.cudnn, seen.cudnn),
        ("NCCL", release.nccl, seen.nccl),
    )
    for what, table, index in pairs:
        silent = index is None and what in ("CUDA of the default build", "glibc")
        if table != index and not silent:
            says = f"the table says {table or 'nothing'}, the index {index or 'nothing'}"
            yield f"torch {release.version}: {what}: {says}"
