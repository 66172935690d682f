"""Compiled parts that are broken in one place: real shared objects, made here with chosen symbols, ABI, and needs."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from verify_parts import INCLUDE, SUFFIX, Found, Project, compiled, has_compiler, linked, module

pytestmark = pytest.mark.skipif(not has_compiler(), reason="there is no g++ here")

Change = Callable[[Project], object]
OLD, NEW = "-D_GLIBCXX_USE_CXX11_ABI=0", "-D_GLIBCXX_USE_CXX11_ABI=1"
VERSION_FILE = "__version__ = '{}'\ncuda: str | None = '12.4'\n"
INIT = """import ctypes, os
_lib = os.path.join(os.path.dirname(__file__), "lib")
ctypes.CDLL(os.path.join(_lib, "libtorch_global_deps.so"), mode=ctypes.RTLD_GLOBAL)
ctypes.CDLL(os.path.join(_lib, "libtorch_python.so"))
"""
C10 = """#include <string>
namespace c10 { void fail(std::string const& text) {} void warn(std::string const& text) {} %s }
"""
NCCL = 'extern "C" int ncclGetVersion() { return 2; } extern "C" int %s() { return 1; }'
CALLS = "namespace c10 { void %s(std::string const&); }"


def c10(abi: str = OLD, more: str = "") -> bytes:
    return compiled(C10 % more, abi, "-Wl,-soname,libc10.so")


def nccl(symbol: str = "ncclCommRegister") -> bytes:
    return compiled(NCCL % symbol, "-Wl,-soname,libnccl.so.2")


def torch_files(abi: str = OLD) -> dict[str, str | bytes]:
    """A torch with its libraries linked as the real ones are: python -> cuda -> c10 and NCCL, which is a wheel's."""
    source = 'extern "C" int ncclCommRegister(); int use() { return ncclCommRegister(); }'
    cuda = linked(
        source, {"libnccl.so.2": nccl()}, "-Wl,-soname,libtorch_cuda.so", "-Wl,-rpath,$ORIGIN/../../nvidia/nccl/lib"
    )
    needs = {"libc10.so": c10(abi), "libtorch_cuda.so": cuda}
    origin = "-Wl,-rpath,$ORIGIN"
    python = linked("int x;", needs, "-Wl,-soname,libtorch_python.so", "-Wl,--allow-shlib-undefined", origin)
    return {
        "torch/__init__.py": INIT,
        "torch/version.py": VERSION_FILE.format("2.6.0+cu124"),
        "torch/lib/libc10.so": c10(abi),
        "torch/lib/libtorch_cuda.so": cuda,
        "torch/lib/libtorch_python.so": python,
        "torch/lib/libtorch_global_deps.so": compiled("int deps;", "-Wl,-soname,libtorch_global_deps.so"),
    }


def kernel(abi: str = OLD, function: str = "fail", *flags: str, name: str = "kernel_cuda", body: str = "") -> bytes:
    """An extension that is linked to torch and calls one of its functions."""
    source = module(name, body + CALLS % function, f'c10::{function}("x");')
    others = {"libc10.so": compiled(C10 % "void later(std::string const&) {}", abi, "-Wl,-soname,libc10.so")}
    return linked(source, others, abi, INCLUDE, *flags)


def bundled() -> dict[str, str | bytes]:
    """A package with a library of its own beside it, as auditwheel arranges it."""
    own = compiled("int own() { return 1; }", "-Wl,-soname,libown-0123abcd.so.1")
    library = {"libown-0123abcd.so.1": own}
    source = module("fast", "int own();", "own();")
    extension = linked(source, library, INCLUDE, "-Wl,-rpath,$ORIGIN/../fast.libs")
    return {"fast/__init__.py": "", f"fast/fast{SUFFIX}": extension, "fast.libs/libown-0123abcd.so.1": own}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """torch with NCCL beside it, an extension that is linked to torch, and a package with a bundled library."""
    made = Project(tmp_path)
    made.distribution("nvidia-nccl-cu12", "2.21.5", files={"nvidia/nccl/lib/libnccl.so.2": nccl()})
    made.distribution("torch", "2.6.0+cu124", "nvidia-nccl-cu12==2.21.5", files=torch_files())
    made.distribution("kernel", "1.0", "torch", files={f"kernel_cuda{SUFFIX}": kernel()})
    made.distribution("fast", "1.0", files=bundled())
    made.expected.update(
        torch={"version": "2.6.0", "cuda": "12.4", "cxx11_abi": False, "layer": "pypi"},
        cuda="12.4",
        extensions=[
            {"distribution": "kernel", "module": "kernel_cuda"},
            {"distribution": "fast", "module": "fast.fast"},
        ],
    )
    return made


def _put(path: str, content: Callable[[], bytes]) -> Change:
    return lambda project: project.write(path, content())


KERNEL = f"kernel_cuda{SUFFIX}"
FAST = f"fast/fast{SUFFIX}"
IMPORT = ("imports.extensions", "error", "kernel")
FAST_IMPORT = ("imports.extensions", "error", "fast")


def bytes_of(project: Project, path: str) -> bytes:
    return (project.site / path).read_bytes()


def _edited(old: bytes, new: bytes, content: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


def test_a_sound_environment_is_fine_at_both_levels(project: Project) -> None:
    assert (project.judge(), project.judge(full=False)) == ((0, set()), (0, set()))


BREAKAGES: list[tuple[str, Change, Found]] = [
    (
        "an extension with the other C++ ABI",
        _put(KERNEL, lambda: kernel(NEW)),
        {("binary.symbols", "error", "kernel"), IMPORT},
    ),
    (
        "an extension for a newer torch",
        _put(KERNEL, lambda: kernel(OLD, "later")),
        {("binary.symbols", "error", "kernel"), IMPORT},
    ),
    (
        "a torch with the other C++ ABI",
        _put("torch/lib/libc10.so", lambda: c10(NEW)),
        {("torch.abi", "error", "torch"), ("binary.symbols", "error", "kernel"), IMPORT},
    ),
    (
        "an NCCL without a symbol that torch needs",
        _put("nvidia/nccl/lib/libnccl.so.2", lambda: nccl("ncclCommShrink")),
        {("binary.torch", "error", "torch"), IMPORT},
    ),
    (
        "an NCCL that is missing",
        lambda project: project.remove("nvidia/nccl/lib/libnccl.so.2"),
        {("binary.torch", "error", "torch"), ("files.complete", "error", "nvidia-nccl-cu12"), IMPORT},
    ),
    (
        "a bundled library that is missing",
        lambda project: project.remove("fast.libs"),
        {("binary.libraries", "error", "fast"), ("files.complete", "error", "fast"), FAST_IMPORT},
    ),
    (
        "a bundled library without its symbol",
        _put("fast.libs/libown-0123abcd.so.1", lambda: compiled("int other;", "-Wl,-soname,libown-0123abcd.so.1")),
        {("binary.symbols", "error", "fast"), FAST_IMPORT},
    ),
    (
        "a file that is cut off",
        lambda project: project.write(FAST, bytes_of(project, FAST)[:4500]),
        {("binary.readable", "error", "fast"), FAST_IMPORT},
    ),
    ("a file that is empty", _put(FAST, lambda: b""), {("binary.readable", "error", "fast"), FAST_IMPORT}),
    (
        "an extension for another machine",
        lambda project: project.write(FAST, _machine(183, bytes_of(project, FAST))),
        {("binary.machine", "error", "fast"), FAST_IMPORT},
    ),
    (
        "an extension for another Python",
        lambda project: (project.site / FAST).rename(project.site / "fast" / "fast.cpython-38-x86_64-linux-gnu.so"),
        {("binary.machine", "error", "fast"), ("files.complete", "error", "fast"), FAST_IMPORT},
    ),
    (
        "an extension for a newer glibc",
        lambda project: project.write(FAST, _edited(b"GLIBC_2.2.5", b"GLIBC_9.9.9", bytes_of(project, FAST))),
        {("binary.versions", "error", "fast"), FAST_IMPORT},
    ),
    (
        "an extension that calls what torch hides",
        _put(
            "torch/lib/libc10.so",
            lambda: compiled(
                C10.replace("void fail", '__attribute__((visibility("hidden"))) void fail') % "",
                OLD,
                "-Wl,-soname,libc10.so",
            ),
        ),
        {("binary.symbols", "error", "kernel"), IMPORT},
    ),
    (
        "an extension without code for a target's GPU",
        lambda project: (project.expected.update(gpus=["8.0", "9.0"]), project.write(KERNEL, gpu_kernel((2, 80, 0)))),
        {("gpucode.architectures", "error", "kernel")},
    ),
    (
        "a wheel for another torch, by its URL",
        lambda project: project.write(
            "kernel-1.0.dist-info/direct_url.json",
            '{"url": "https://x.example/v1/kernel-1.0+cu12torch2.5cxx11abiFALSE-cp311-cp311-linux_x86_64.whl"}',
        ),
        {("built.torch", "error", "kernel")},
    ),
]  # fmt: skip


def _machine(number: int, content: bytes) -> bytes:
    return content[:18] + struct.pack("<H", number) + content[20:]


def gpu_kernel(*entries: tuple[int, int, int]) -> bytes:
    """The extension with a fat binary in it: (kind, architecture, flags) as nvcc writes them, with empty code."""
    headers = b"".join(
        struct.pack("<HHIQIIHHIIIQQQ", kind, 257, 64, 0, 0, 0, 8, 1, number, 0, 0, flags, 0, 0)
        for kind, number, flags in entries
    )
    data = struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(headers)) + headers
    text = ",".join(str(byte) for byte in data)
    body = f'asm(".section .nv_fatbin, \\"a\\"\\n.align 8\\n.byte {text}\\n.text\\n");\n'
    return kernel(OLD, "fail", body=body)


@pytest.mark.parametrize(("change", "findings"), [case[1:] for case in BREAKAGES], ids=[case[0] for case in BREAKAGES])
def test_one_breakage_is_found_by_its_own_check(project: Project, change: Change, findings: Found) -> None:
    change(project)
    assert project.judge() == (1, findings)


WARNINGS: list[tuple[str, Change, Found]] = [
    (
        "an extension above the promised glibc",
        lambda project: project.expected.update(glibc="2.2"),
        {("binary.glibc", "warning", "fast"), ("binary.glibc", "warning", "kernel")},
    ),
    (
        "an RPATH that leaves the environment",
        _put(KERNEL, lambda: kernel(OLD, "fail", "-Wl,-rpath,/usr/share")),
        {("binary.rpath", "warning", "kernel")},
    ),
    (
        "a second NCCL that the extension would take",
        lambda project: (
            project.write("kernel.libs/libnccl.so.2", nccl("ncclCommSomethingOfAnotherSizeAltogether" * 40)),
            project.write(KERNEL, with_nccl()),
        ),
        {("binary.duplicates", "warning", "kernel")},
    ),
    (
        "an extension with PTX only",
        lambda project: (
            project.expected.update(gpus=["8.0", "9.0"]),
            project.write(KERNEL, gpu_kernel((2, 80, 0), (1, 80, 0))),
        ),
        {("gpucode.architectures", "warning", "kernel")},
    ),
    (
        "an extension that is for single chips only",
        lambda project: (
            project.expected.update(gpus=["8.0", "9.0"]),
            project.write(KERNEL, gpu_kernel((2, 90, 0x100011))),
        ),
        {("gpucode.architectures", "warning", "kernel")},
    ),
    (
        "a record of the build that names another torch",
        lambda project: record_of_build(project, "2.5.1+cu124"),
        {("built.torch", "warning", "kernel")},
    ),
    (
        "a part for a library that most machines lack",
        lambda project: project.write(f"fast/video{SUFFIX}", foreign()),
        {("binary.libraries", "note", "fast")},
    ),
]  # fmt: skip


def record_of_build(project: Project, torch: str) -> None:
    """A package's own record of its build, as xformers has it."""
    project.write("kernel/cpp_lib.json", json.dumps({"version": {"cuda": 1204, "torch": torch, "python": "3.11.7"}}))
    with (project.site / "kernel-1.0.dist-info" / "RECORD").open("a") as record:
        record.write("kernel/cpp_lib.json,,\n")


def with_nccl() -> bytes:
    libraries = {"libc10.so": c10(OLD), "libnccl.so.2": nccl()}
    source = module(
        "kernel_cuda", CALLS % "fail" + 'extern "C" int ncclGetVersion();', 'c10::fail("x"); ncclGetVersion();'
    )
    return linked(source, libraries, OLD, INCLUDE, "-Wl,-rpath,$ORIGIN/kernel.libs")


def foreign() -> bytes:
    library = compiled("int video() { return 1; }", "-Wl,-soname,libavcodec.so.58")
    return linked(module("video", "int video();", "video();"), {"libavcodec.so.58": library}, INCLUDE)


QUICK = ("an extension above the promised glibc", "a record of the build that names another torch")


@pytest.mark.parametrize(
    ("change", "findings"),
    [pytest.param(*case[1:], id=case[0], marks=() if case[0] in QUICK else pytest.mark.slow) for case in WARNINGS],
)
def test_what_need_not_break_is_no_error(project: Project, change: Change, findings: Found) -> None:
    change(project)
    assert project.judge() == (0, findings)


def test_a_record_of_the_build_that_names_this_torch_is_fine_and_working_outweighs_another(project: Project) -> None:
    record_of_build(project, "2.6.1")
    assert project.judge() == (0, set())
    record_of_build(project, "2.5.1")
    assert project.judge() == (0, set())


@pytest.mark.slow
def test_code_for_the_targets_gpus_is_fine(project: Project) -> None:
    project.expected.update(gpus=["8.6", "9.0"])
    project.write(KERNEL, gpu_kernel((2, 80, 0x11), (2, 90, 0x100011)))
    assert project.judge() == (0, set())


@pytest.mark.slow
def test_a_library_that_only_the_driver_brings_is_no_fault(project: Project) -> None:
    driver = compiled('extern "C" int cuInit() { return 0; }', "-Wl,-soname,libcuda.so.1")
    source = module("kernel_cuda", CALLS % "fail" + 'extern "C" int cuInit();', 'c10::fail("x"); cuInit();')
    project.write(KERNEL, linked(source, {"libc10.so": c10(OLD), "libcuda.so.1": driver}, OLD, INCLUDE))
    assert project.judge() == (0, {("imports.extensions", "note", "kernel")})


def test_an_extension_that_was_left_over_from_another_torch_is_told_by_the_stamp(project: Project) -> None:
    assert project.judge() == (0, set())
    for folder in project.site.glob("torch-*.dist-info"):
        metadata = (folder / "METADATA").read_text().replace("2.6.0+cu124", "2.7.1+cu126")
        (folder / "METADATA").write_text(metadata)
    project.write("torch/version.py", VERSION_FILE.format("2.7.1+cu124"))
    assert project.judge() == (1, {("built.torch", "error", "kernel")})
    # An extension that was built again is another file.
    project.write(KERNEL, kernel(OLD, "warn"))
    assert project.judge()[1] == set()
    assert project.judge(full=False) == (0, set())


def test_a_torch_that_came_after_the_extension_is_a_warning_until_it_was_seen_to_work(project: Project) -> None:
    # What tells is ctime, which nothing but time can set.
    project.expected.update(built=[{"distribution": "kernel", "torch": "2.6.0"}])
    record = project.site / "torch-2.6.0+cu124.dist-info" / "RECORD"
    time.sleep(1.2)
    os.utime(record)
    assert project.judge() == (0, {("built.torch", "warning", "kernel")})
    assert project.judge() == (0, set())
