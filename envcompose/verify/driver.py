"""NVIDIA's driver, asked directly in a child process: no package of the environment takes part."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from . import children

_ASK = """
import ctypes, json
def library(name):
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None
answer = {"driver": None, "cuda": None, "status": None, "devices": []}
nvml = library("libnvidia-ml.so.1")
if nvml is not None and nvml.nvmlInit_v2() == 0:
    text = ctypes.create_string_buffer(96)
    if nvml.nvmlSystemGetDriverVersion(text, 96) == 0:
        answer["driver"] = text.value.decode("ascii", "replace")
cuda = library("libcuda.so.1")
if cuda is not None:
    answer["status"] = cuda.cuInit(0)
    number = ctypes.c_int(0)
    if cuda.cuDriverGetVersion(ctypes.byref(number)) == 0:
        answer["cuda"] = "%d.%d" % (number.value // 1000, number.value % 1000 // 10)
    if answer["status"] == 0 and cuda.cuDeviceGetCount(ctypes.byref(number)) == 0:
        for n in range(number.value):
            parts = []
            for attribute in (75, 76):
                part = ctypes.c_int(0)
                cuda.cuDeviceGetAttribute(ctypes.byref(part), attribute, n)
                parts.append(str(part.value))
            answer["devices"].append(".".join(parts))
print(json.dumps(answer))
"""


@dataclass(frozen=True)
class Driver:
    """What the machine has; `story` says in one sentence why there is no GPU to use, None where there is one."""

    version: str | None
    cuda: str | None
    """The newest CUDA version that the driver knows, as nvidia-smi shows it."""
    devices: tuple[str, ...]
    """The compute capability of each visible GPU."""
    story: str | None

    @property
    def is_there(self) -> bool:
        """Whether there is a driver at all, with a GPU or without."""
        return self.version is not None or self.cuda is not None


def look(python: str, limit: float) -> Driver:
    """The machine's driver; never fails: a crash of the driver's own library is a story too."""
    ended = children.run([python, "-c", _ASK], limit)
    try:
        answer: dict[str, Any] = json.loads(ended.output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return Driver(None, None, (), f"the driver could not be asked: {ended.story}")
    story = None
    if answer["status"] is None:
        story = "there is no NVIDIA driver"
    elif answer["status"] != 0:
        story = f"the driver does not start (cuInit gave {answer['status']})"
    elif not answer["devices"]:
        story = "no GPU is visible"
    return Driver(answer["driver"], answer["cuda"], tuple(answer["devices"]), story)
