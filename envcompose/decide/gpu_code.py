"""Which GPU architectures are compiled for, and with how many jobs: rules, never the composing machine."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.version import Version

from envcompose.model.facts import CudaLine
from envcompose.model.target import Default, TorchChoice
from envcompose.model.values import dataclass

LOWEST_DEFAULT = "8.0"
DEFAULT_JOBS = 4
GIB_PER_JOB = 5.0
"""What one nvcc job of a large extension takes when nothing better is known (flash-attn's own rule is 5 GiB a thread)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuCode:
    """Compute capabilities, ascending, and the number of parallel compile jobs."""

    archs: tuple[str, ...]
    max_jobs: int
    max_jobs_why: str

    @property
    def dotted(self) -> str:
        """As TORCH_CUDA_ARCH_LIST wants them: `8.0;9.0`."""
        return ";".join(self.archs)

    @property
    def semicolon(self) -> str:
        """As FLASH_ATTN_CUDA_ARCHS wants them: `80;90`."""
        return ";".join(arch.replace(".", "") for arch in self.archs)


def gpu_code(
    torch: TorchChoice | None, line: CudaLine | None, wished: Sequence[str], memory_gib: float | None
) -> tuple[GpuCode, tuple[Default, ...]]:
    """The wished architectures, else those from 8.0 up that torch's own wheel holds machine code for (design.md)."""
    defaults = []
    archs = tuple(sorted(set(wished), key=Version))
    if not archs and torch is not None:
        own = torch.build.archs if torch.build is not None else ()
        archs = tuple(arch for arch in sorted(set(own), key=Version) if Version(arch) >= Version(LOWEST_DEFAULT))
        if line is not None and line.archs:
            archs = tuple(arch for arch in archs if arch in line.archs)
        why = f"those from {LOWEST_DEFAULT} up that the wheel of torch {torch.locked_version} holds"
        if not archs:
            archs = tuple(arch for arch in (line.archs if line else ()) if arch in ("8.0", "9.0"))
            why = "data-centre GPUs that this CUDA line compiles for; the architectures inside this torch are not in the tables"
        defaults.append(Default(name="gpus", value=" ".join(archs), why=why))
    jobs, jobs_why = DEFAULT_JOBS, f"{DEFAULT_JOBS} parallel compile jobs by default; --build-memory sets it"
    if memory_gib is not None:
        jobs = max(1, int(memory_gib // GIB_PER_JOB))
        jobs_why = f"{memory_gib:g} GiB at {GIB_PER_JOB:g} GiB a job"
    else:
        why = "a rule, so that the composing machine does not matter; --build-memory sets it"
        defaults.append(Default(name="max_jobs", value=str(jobs), why=why))
    return GpuCode(archs=archs, max_jobs=jobs, max_jobs_why=jobs_why), tuple(defaults)
