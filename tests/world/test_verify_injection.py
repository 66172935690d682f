"""A sound environment is broken in one place, and the right check says so, and only checks that follow from it.

The Python parts here are real installations of small packages; `test_verify_compiled.py` has the compiled ones.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from verify_parts import PYTHON, Found, Project, digest

from envcompose.verify.command import judge

VERSION_FILE = "__version__ = '2.6.0+cu124'\ncuda: str | None = '12.4'\nhip = None\n"
CMAKE = 'set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")\n'
AXOLOTL = "axolotl-0.10.0.dist-info"
Change = Callable[[Project], object]
FOREIGN_FILES = [
    f"{AXOLOTL}/METADATA",
    f"{AXOLOTL}/RECORD",
    "torch/version.py",
    "torch/share/cmake/Torch/TorchConfig.cmake",
    "/conda-meta/cuda-version-12.4-0.json",
    "/bin/axolotl",
]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """torch (a stand-in), a named package with a script, and conda records."""
    made = Project(tmp_path)
    torch = {
        "torch/__init__.py": "",
        "torch/version.py": VERSION_FILE,
        "torch/share/cmake/Torch/TorchConfig.cmake": CMAKE,
    }
    made.distribution("torch", "2.6.0+cu124", files=torch)
    made.distribution("numpy", "1.26.4")
    made.distribution("axolotl", "0.10.0", "torch==2.6.0", "numpy>=1.26", "ray[default]; extra == 'cluster'")
    made.script("axolotl")
    made.conda("python", PYTHON + ".7")
    made.conda("cuda-version", "12.4")
    (tmp_path / "pixi.toml").write_text("[workspace]\n")
    made.expected.update(
        torch={"version": "2.6.0", "cuda": "12.4", "cxx11_abi": False, "layer": "pypi"},
        cuda="12.4",
        pins={"torch": "2.6.0", "axolotl": "0.10.0"},
        bounds={"numpy": [">=1.26", "<3"]},
        conda={"python": PYTHON + ".*", "cuda-version": "12.4.*"},
        imports=[{"distribution": "axolotl", "module": "axolotl"}],
        extensions=[{"distribution": "torch", "module": "torch.version"}],
        scripts=[{"distribution": "axolotl", "name": "axolotl"}],
        build_needs={"axolotl": ["numpy"]},
        env={"CUDA_HOME": "$CONDA_PREFIX"},
        files={"pixi.toml": digest(tmp_path / "pixi.toml")},
    )
    made.variables["CUDA_HOME"] = str(made.prefix)
    return made


def test_a_sound_environment_is_fine(project: Project) -> None:
    assert project.judge() == (0, set())


def _write(path: str, text: str) -> Change:
    return lambda project: project.write(path, text)


def _remove(path: str) -> Change:
    return lambda project: project.remove(path)


def _expect(**changes: object) -> Change:
    return lambda project: project.expected.update(changes)


def _set(name: str, value: str) -> Change:
    return lambda project: project.variables.update({name: value.replace("PREFIX", str(project.prefix))})


def _metadata(name: str, version: str, *lines: str) -> str:
    return "\n".join([f"Name: {name}", f"Version: {version}", *lines, ""])


BREAKAGES: list[tuple[str, Change, Found]] = [
    ("another Python", _expect(python="3.8"), {("versions.python", "error", "python")}),
    (
        "a pin at another version",
        _write(f"{AXOLOTL}/METADATA", _metadata("axolotl", "0.9.2")),
        {("versions.pins", "error", "axolotl")},
    ),
    (
        "a version outside its bounds",
        _write("numpy-1.26.4.dist-info/METADATA", _metadata("numpy", "3.0")),
        {("versions.bounds", "error", "numpy")},
    ),
    (
        "a distribution that is missing",
        _remove("numpy-1.26.4.dist-info"),
        {
            ("versions.missing", "error", "numpy"),
            ("versions.build-needs", "error", "numpy"),
            ("closure.requirements", "error", "axolotl"),
        },
    ),
    ("a locked version", _expect(locked={"numpy": "1.26.3"}), {("versions.locked", "error", "numpy")}),
    (
        "a conda package of another version",
        _expect(conda={"cuda-version": "12.8.*"}),
        {("versions.conda", "error", "cuda-version")},
    ),
    ("a conda package that is missing", _expect(conda={"gxx": "*"}), {("versions.conda", "error", "gxx")}),
    ("no conda environment", _remove("/conda-meta"), {("versions.conda", "error", "conda-meta")}),
    (
        "a manifest of another composition",
        lambda project: (
            project.expected.update(digest="a" * 64),
            (project.folder / "pixi.toml").write_text('[tool.envcompose]\nversion = "0.1.0"\nset = "bbbb"  # why\n'),
        ),
        {("versions.files", "error", "pixi.toml")},
    ),
    (
        "a build need that is missing",
        _expect(build_needs={"axolotl": ["psutil"]}),
        {("versions.build-needs", "error", "psutil")},
    ),
    (
        "a requirement of another version",
        _write(f"{AXOLOTL}/METADATA", _metadata("axolotl", "0.10.0", "Requires-Dist: numpy>=2")),
        {("closure.requirements", "error", "axolotl")},
    ),
    (
        "a requirement whose marker holds",
        _write(
            f"{AXOLOTL}/METADATA",
            _metadata("axolotl", "0.10.0", "Requires-Dist: ray; python_version >= '3.9' and sys_platform == 'linux'"),
        ),
        {("closure.requirements", "error", "axolotl")},
    ),
    (
        "a requirement of an extra that another distribution asks for",
        lambda project: project.distribution("trainer", "1.0", "axolotl[cluster]"),
        {("closure.requirements", "error", "axolotl")},
    ),
    (
        "a distribution for another Python",
        _write("numpy-1.26.4.dist-info/METADATA", _metadata("numpy", "1.26.4", "Requires-Python: <3.9")),
        {("closure.python", "error", "numpy")},
    ),
    (
        "two METADATA of one name",
        lambda project: project.distribution("numpy", "1.26.3", files={}),
        {("closure.doubled", "error", "numpy")},
    ),
    (
        "conda and PyPI holding one name",
        lambda project: project.conda("numpy", "2.0.0", purls=("pkg:pypi/numpy",)),
        {("closure.doubled", "error", "numpy")},
    ),
    (
        "conda and PyPI holding one name, told by conda's own metadata",
        lambda project: project.conda("numpy", "2.0.0", files=("lib/site-packages/numpy-2.0.0.dist-info/METADATA",)),
        {("closure.doubled", "error", "numpy")},
    ),
    (
        "a conda package of the same name that is another thing",
        lambda project: (
            project.conda("tzdata", "2026c", files=("share/zoneinfo/UTC",)),
            project.expected["bounds"].update(tzdata=[]),
        ),
        {("versions.missing", "error", "tzdata")},
    ),
    (
        "NVIDIA wheels of another line beside conda's libraries",
        lambda project: (
            project.conda("cuda-cudart", "12.4.127"),
            project.distribution("nvidia-nccl-cu13", "2.28.9", files={}),
        ),
        {("closure.nvidia", "error", "cuda-cudart"), ("closure.nvidia", "warning", "nvidia wheels")},
    ),
    (
        "a module that was deleted",
        lambda project: (project.write("numpy/core.py", ""), project.distribution("x", "1"), project.remove("x")),
        {("files.complete", "error", "x")},
    ),
    (
        "a torch of another CUDA line",
        _write("torch/version.py", VERSION_FILE.replace("'12.4'", "'12.6'")),
        {("torch.cuda", "error", "torch")},
    ),
    (
        "a CPU build of torch",
        _write("torch/version.py", VERSION_FILE.replace("'12.4'", "None")),
        {("torch.cuda", "error", "torch")},
    ),
    (
        "a torch of the other C++ ABI",
        _write("torch/share/cmake/Torch/TorchConfig.cmake", CMAKE.replace("=0", "=1")),
        {("torch.abi", "error", "torch")},
    ),
    (
        "an import that raises",
        _write("axolotl/__init__.py", "import surely_not_there\n"),
        {("imports.named", "error", "axolotl")},
    ),
    (
        "an import that crashes",
        _write("axolotl/__init__.py", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"),
        {("imports.named", "error", "axolotl")},
    ),
    (
        "an extension module that is not there",
        _expect(extensions=[{"distribution": "torch", "module": "torch._C"}]),
        {("imports.extensions", "error", "torch")},
    ),
    (
        "a probe that cannot be imported",
        _expect(probes=[{"id": "axolotl-train", "module": "axolotl.train", "code": None}]),
        {("imports.probes", "error", "axolotl-train")},
    ),
    ("a console script that is missing", _remove("/bin/axolotl"), {("host.scripts", "error", "axolotl")}),
    ("a dead shebang", _write("/bin/axolotl", "#!/nowhere/bin/python\n"), {("host.scripts", "error", "axolotl")}),
    (
        "a long shebang into another environment",
        _write("/bin/axolotl", f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''\n"),
        {("host.scripts", "error", "axolotl")},
    ),
    (
        "a script that is not executable",
        lambda project: (project.prefix / "bin" / "axolotl").chmod(0o644),
        {("host.scripts", "error", "axolotl"), ("host.path", "error", "axolotl")},
    ),
    (
        "a script that another folder of PATH hides",
        lambda project: (
            project.script("axolotl").rename(project.prefix / "axolotl"),
            project.script("axolotl"),
            project.variables.update(PATH=f"{project.prefix}:{project.variables['PATH']}"),
        ),
        {("host.path", "error", "axolotl")},
    ),
    ("a CUDA_HOME of the host", _set("CUDA_HOME", "/usr/local/cuda"), {("host.variables", "error", "CUDA_HOME")}),
    ("a PYTHONHOME of the host", _set("PYTHONHOME", "/usr"), {("host.leaks", "error", "PYTHONHOME")}),
    (
        "a package in the home folder",
        lambda project: _user_site(project, "numpy", "1.20"),
        {
            ("host.user-site", "error", "numpy"),
            ("versions.bounds", "error", "numpy"),
            ("closure.requirements", "error", "axolotl"),
        },
    ),
]  # fmt: skip


def _user_site(project: Project, name: str, version: str) -> None:
    """A folder that comes before the environment's own, by the means that Python's home folder has: a .pth file."""
    outside = project.folder / "home-site"
    info = outside / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(_metadata(name, version))
    project.write("outside.pth", f"import sys; sys.path.insert(0, {str(outside)!r})\n")


@pytest.mark.parametrize(("change", "findings"), [case[1:] for case in BREAKAGES], ids=[case[0] for case in BREAKAGES])
def test_one_breakage_is_found_by_its_own_check(project: Project, change: Change, findings: Found) -> None:
    change(project)
    assert project.judge() == (1, findings)


WARNINGS: list[tuple[str, Change, Found]] = [
    (
        "an edited manifest",
        lambda project: (project.folder / "pixi.toml").write_text("# mine\n"),
        {("versions.files", "warning", "pixi.toml")},
    ),
    (
        "a file of the set that is missing",
        _expect(files={"report.md": "0" * 64}),
        {("versions.files", "warning", "report.md")},
    ),
    ("a PYTHONPATH", _set("PYTHONPATH", "/opt/lib"), {("host.leaks", "warning", "PYTHONPATH")}),
    ("an LD_LIBRARY_PATH", _set("LD_LIBRARY_PATH", "/opt/lib"), {("host.leaks", "warning", "LD_LIBRARY_PATH")}),
    ("a PIP_USER", _set("PIP_USER", "1"), {("host.leaks", "warning", "PIP_USER")}),
    ("a cache that cannot be written", _set("HF_HOME", "/dev/null/x"), {("host.caches", "warning", "HF_HOME")}),
    (
        "a variable that is not set",
        lambda project: project.variables.pop("CUDA_HOME"),
        {("host.variables", "warning", "CUDA_HOME")},
    ),
    (
        "two distributions that write one file",
        lambda project: (
            project.distribution("gpu-runtime", "1", files={"runtime/session.py": "1"}),
            project.distribution("runtime", "1", files={"runtime/session.py": "2"}),
        ),
        {("files.overwritten", "warning", "runtime")},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "findings"), [case[1:] for case in WARNINGS], ids=[case[0] for case in WARNINGS])
def test_what_need_not_break_is_a_warning(project: Project, change: Change, findings: Found) -> None:
    change(project)
    assert project.judge() == (0, findings)


SOUND: list[tuple[str, Change]] = [
    ("variables that point into the environment", _set("LD_LIBRARY_PATH", "PREFIX/lib")),
    ("a conda package that stands for its PyPI name", lambda project: (
        project.conda("msgpack-python", "1.0.8", purls=("pkg:pypi/msgpack@1.0.8",)),
        project.expected["bounds"].update(msgpack=[">=1"]),
    )),
    ("a conda package of the same name that is another thing", lambda project: (
        project.conda("tzdata", "2026c", files=("share/zoneinfo/UTC",)), project.distribution("tzdata", "2026.6"),
    )),
    ("a build need that conda's program serves", lambda project: (
        project.conda("ninja", "1.13.2", files=("bin/ninja",)), project.expected["build_needs"].update(numpy=["ninja"]),
        project.script("ninja", "#!/bin/sh\necho 1.13.2\n"),
    )),
    ("a requirement whose marker does not hold", _write(
        f"{AXOLOTL}/METADATA", _metadata("axolotl", "0.10.0", "Requires-Dist: ray; sys_platform == 'win32'")
    )),
    ("a requirement with a URL", _write(
        f"{AXOLOTL}/METADATA", _metadata("axolotl", "0.10.0", "Requires-Dist: numpy @ https://x.example/numpy.whl")
    )),
    ("a script that is a binary", lambda project: project.script("axolotl").write_bytes(b"\x7fELF")),
]  # fmt: skip


@pytest.mark.parametrize("change", [case[1] for case in SOUND], ids=[case[0] for case in SOUND])
def test_what_is_sound_is_not_reported(project: Project, change: Change) -> None:
    change(project)
    assert project.judge() == (0, set())


def test_many_missing_distributions_are_one_finding_and_nothing_else_says_it_again(project: Project) -> None:
    names = [f"part-{n:02}" for n in range(60)]
    project.expected["pins"].update(dict.fromkeys(names, "1.0"))
    project.expected["imports"] += [{"distribution": name, "module": name} for name in names]
    project.expected["scripts"] += [{"distribution": name, "name": name} for name in names]
    project.expected["probes"] += [{"id": name, "distribution": name, "module": name, "code": None} for name in names]
    assert project.judge() == (1, {("versions.missing", "error", "60 of 63 distributions")})
    assert len(project.verify("--level", "quick").stdout.splitlines()) < 30
    document = json.loads(project.verify("--level", "quick", "--json").stdout)
    assert [finding["found"] for finding in document["findings"]] == ["missing: " + ", ".join(names)]


def test_many_findings_of_one_check_are_told_in_short(project: Project) -> None:
    requires = [f"numpy>={n}" for n in range(2, 40)]
    project.write(f"{AXOLOTL}/METADATA", _metadata("axolotl", "0.10.0", *(f"Requires-Dist: {r}" for r in requires)))
    text = project.verify("--level", "quick").stdout
    assert text.count("        fix ") == 3
    assert "FAIL  and 35 more of the kind  (closure.requirements)\n        about     axolotl\n" in text
    assert "The environment is broken: 38 errors" in text
    assert len(json.loads(project.verify("--level", "quick", "--json").stdout)["findings"]) == 38


def test_packages_that_are_found_outside_only_are_one_warning(project: Project) -> None:
    _user_site(project, "extra", "1.0")
    _user_site(project, "more", "1.0")
    assert project.judge() == (0, {("host.user-site", "warning", str(project.folder / "home-site"))})


def test_a_package_is_not_imported_again_where_a_module_of_it_is(project: Project) -> None:
    log = project.folder / "log"
    project.write("axolotl/__init__.py", f"open({str(log)!r}, 'a').write('x')\n")
    project.write("axolotl/train.py", "")
    project.expected["imports"].append({"distribution": "axolotl", "module": "axolotl.train"})
    assert (project.judge(), log.read_text()) == ((0, set()), "x")
    project.write("axolotl/__init__.py", "import surely_not_there\n")
    assert project.judge() == (1, {("imports.named", "error", "axolotl")})


def test_an_import_that_hangs_is_ended(project: Project) -> None:
    project.write("axolotl/__init__.py", "import time\ntime.sleep(60)\n")
    start = time.monotonic()
    assert project.judge(limit=1.0) == (1, {("imports.named", "error", "axolotl")})
    assert time.monotonic() - start < 50


def test_a_version_that_cannot_be_compared_is_unknown(project: Project) -> None:
    project.write("numpy-1.26.4.dist-info/METADATA", _metadata("numpy", "mine"))
    status, findings = project.judge()
    assert (status, ("versions.bounds", "unknown", "numpy") in findings) == (5, True)


def test_the_password_of_a_url_is_never_shown(project: Project) -> None:
    secret = "Requires-Dist: ray @ https://me:hunter2@x.example/ray.whl"
    project.write(f"{AXOLOTL}/METADATA", _metadata("axolotl", "0.10.0", secret))
    for arguments in ((), ("--json",)):
        text = project.verify("--level", "quick", *arguments).stdout
        assert ("hunter2" in text, "https://***@x.example/ray.whl" in text) == (False, True)


_foreign = st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FOREIGN_FILES), _foreign, st.booleans())
def test_whatever_a_file_holds_no_check_fails_in_itself(project: Project, path: str, noise: bytes, whole: bool) -> None:
    file = project.prefix / path[1:] if path.startswith("/") else project.site / path
    before = file.read_bytes()
    try:
        file.write_bytes(noise if whole else before[: len(before) // 2] + noise + before[len(before) // 2 :])
        outcomes = judge(project.case(full=False))
    finally:
        file.write_bytes(before)
    assert [f for o in outcomes for f in o.result.findings if f.expected == "the check runs"] == []


def test_the_quick_level_imports_nothing(project: Project) -> None:
    project.write("axolotl/__init__.py", "raise SystemExit(3)\n")
    assert project.judge(full=False) == (0, set())
