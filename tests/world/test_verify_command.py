"""The verifier as a user runs it, on a small sound environment that is then broken in one place."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from verify_parts import PYTHON, VERIFIER, Project

VERSION_FILE = "__version__ = '2.6.0+cu124'\ncuda: str | None = '12.4'\nhip = None\n"
CMAKE = 'set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A sound environment with a stand-in torch, a named package, a script and a pair of conda records."""
    made = Project(tmp_path)
    torch = {
        "torch/__init__.py": "",
        "torch/version.py": VERSION_FILE,
        "torch/share/cmake/Torch/TorchConfig.cmake": CMAKE,
    }
    made.distribution("torch", "2.6.0+cu124", files=torch)
    made.distribution("numpy", "1.26.4")
    made.distribution("axolotl", "0.10.0", "torch==2.6.0", "numpy>=1.26")
    made.script("axolotl")
    made.conda("python", PYTHON + ".7")
    made.conda("cuda-nvcc", "12.4.131")
    nvcc = made.script("nvcc", "/bin/sh")
    nvcc.write_text("#!/bin/sh\necho 'Cuda compilation tools, release 12.4, V12.4.131'\n")
    (tmp_path / "pixi.toml").write_text("[workspace]\n")
    made.expected.update(
        torch={"version": "2.6.0", "cuda": "12.4", "cxx11_abi": False, "layer": "pypi"},
        pins={"torch": "2.6.0", "axolotl": "0.10.0"},
        bounds={"numpy": [">=1.26", "<3"]},
        conda={"python": PYTHON + ".*", "cuda-nvcc": "12.4.*"},
        imports=[{"distribution": "axolotl", "module": "axolotl"}],
        extensions=[{"distribution": "torch", "module": "torch.version"}],
        scripts=[{"distribution": "axolotl", "name": "axolotl"}],
        nvcc="12.4",
        build_needs={"axolotl": ["numpy"]},
        env={"CUDA_HOME": "$CONDA_PREFIX"},
        files={"pixi.toml": "4fd6f87b0ab45e8abc0b0a8b12d7a1b6e6e6fc5a4e3a5ef2d5ac0fb5db8e6a18"},
    )
    made.expected["files"] = {"pixi.toml": _digest(tmp_path / "pixi.toml")}
    return made


def _digest(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def judge(project: Project, *arguments: str, **variables: str | None) -> tuple[int, set[tuple[str, str, str]]]:
    activation: dict[str, str | None] = {"CONDA_PREFIX": str(project.prefix), "CUDA_HOME": str(project.prefix)}
    return project.judge(*arguments, **{**activation, **variables})


def test_a_sound_environment_is_fine(project: Project) -> None:
    assert judge(project) == (0, set())


def _rewrite(path: str, text: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        (project.prefix / path.replace("SITE", str(project.site))).write_text(text)

    return change


def _remove(path: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        found = project.prefix / path.replace("SITE", str(project.site))
        shutil.rmtree(found) if found.is_dir() else found.unlink()

    return change


def _expect(key: str, value: object) -> Callable[[Project], None]:
    return lambda project: project.expected.update({key: value})


BREAKAGES: list[tuple[str, Callable[[Project], None], set[tuple[str, str, str]]]] = [
    ("another Python", _expect("python", "3.8"), {("versions.python", "error", "python")}),
    (
        "a pin at another version",
        _rewrite("SITE/axolotl-0.10.0.dist-info/METADATA", "Name: axolotl\nVersion: 0.9.2\n"),
        {("versions.pins", "error", "axolotl")},
    ),
    (
        "a version outside its bounds",
        _rewrite("SITE/numpy-1.26.4.dist-info/METADATA", "Name: numpy\nVersion: 3.0\n"),
        {("versions.bounds", "error", "numpy")},
    ),
    (
        "a distribution that is missing",
        _remove("SITE/numpy-1.26.4.dist-info"),
        {
            ("versions.missing", "error", "numpy"),
            ("versions.build-needs", "error", "numpy"),
            ("closure.requirements", "error", "axolotl"),
        },
    ),
    ("a locked version", _expect("locked", {"numpy": "1.26.3"}), {("versions.locked", "error", "numpy")}),
    (
        "a conda package of another version",
        _expect("conda", {"python": PYTHON + ".*", "cuda-nvcc": "12.8.*"}),
        {("versions.conda", "error", "cuda-nvcc")},
    ),
    (
        "a conda package that is missing",
        _expect("conda", {"gxx": "*"}),
        {("versions.conda", "error", "gxx")},
    ),
    (
        "a torch of another CUDA line",
        _rewrite("SITE/torch/version.py", VERSION_FILE.replace("'12.4'", "'12.6'")),
        {("torch.cuda", "error", "torch")},
    ),
    (
        "a CPU build of torch",
        _rewrite("SITE/torch/version.py", VERSION_FILE.replace("'12.4'", "None")),
        {("torch.cuda", "error", "torch")},
    ),
    (
        "a torch of the other C++ ABI",
        _rewrite("SITE/torch/share/cmake/Torch/TorchConfig.cmake", CMAKE.replace("=0", "=1")),
        {("torch.abi", "error", "torch")},
    ),
    (
        "an import that raises",
        _rewrite("SITE/axolotl/__init__.py", "import surely_not_there\n"),
        {("imports.named", "error", "axolotl")},
    ),
    (
        "an import that crashes",
        _rewrite("SITE/axolotl/__init__.py", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"),
        {("imports.named", "error", "axolotl")},
    ),
    (
        "an import that hangs",
        _rewrite("SITE/axolotl/__init__.py", "import time\ntime.sleep(60)\n"),
        {("imports.named", "error", "axolotl")},
    ),
    (
        "an extension module that is not there",
        _expect("extensions", [{"distribution": "torch", "module": "torch._C"}]),
        {("imports.extensions", "error", "torch")},
    ),
    ("a console script that is missing", _remove("bin/axolotl"), {("host.scripts", "error", "axolotl")}),
    (
        "a dead shebang",
        _rewrite("bin/axolotl", "#!/nowhere/bin/python\n"),
        {("host.scripts", "error", "axolotl")},
    ),
    (
        "a shebang into another environment",
        _rewrite("bin/axolotl", f"#!{sys.executable}\n"),
        {("host.scripts", "error", "axolotl")},
    ),
    (
        "a script that is not executable",
        lambda project: (project.prefix / "bin" / "axolotl").chmod(0o644),
        {("host.scripts", "error", "axolotl"), ("host.path", "error", "axolotl")},
    ),
    (
        "an nvcc of another line",
        _rewrite("bin/nvcc", "#!/bin/sh\necho 'release 12.8, V12.8.93'\n"),
        {("toolchain.nvcc", "error", "nvcc")},
    ),
    ("no nvcc", _remove("bin/nvcc"), {("toolchain.nvcc", "error", "nvcc")}),
    (
        "a build need that is missing",
        _expect("build_needs", {"axolotl": ["psutil"]}),
        {("versions.build-needs", "error", "psutil")},
    ),
    (
        "a manifest of another composition",
        lambda project: (
            project.expected.update(digest="a" * 64),
            (project.folder / "pixi.toml").write_text('[tool.envcompose]\ndigest = "bbbb"\n'),
        )[0],
        {("versions.files", "error", "pixi.toml")},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "findings"), [case[1:] for case in BREAKAGES], ids=[case[0] for case in BREAKAGES])
def test_one_breakage_is_found_by_its_own_check(
    project: Project, change: Callable[[Project], None], findings: set[tuple[str, str, str]]
) -> None:
    change(project)
    assert judge(project, "--time-limit", "3") == (1, findings)


def test_an_edited_manifest_is_a_warning(project: Project) -> None:
    (project.folder / "pixi.toml").write_text("[workspace]\n# mine\n")
    assert judge(project) == (0, {("versions.files", "warning", "pixi.toml")})


def test_a_script_that_another_folder_of_path_hides_is_found(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(project.script("axolotl"), other / "axolotl")
    path = f"{other}:{project.prefix / 'bin'}:/usr/bin:/bin"
    assert judge(project, PATH=path) == (1, {("host.path", "error", "axolotl")})


def test_a_cuda_home_of_the_outer_environment_is_found(project: Project) -> None:
    assert judge(project, CUDA_HOME="/usr/local/cuda") == (1, {("host.variables", "error", "CUDA_HOME")})


def test_the_quick_level_imports_nothing(project: Project) -> None:
    (project.site / "axolotl" / "__init__.py").write_text("raise SystemExit(3)\n")
    assert judge(project, "--level", "quick") == (0, set())


def test_a_conda_package_stands_for_its_pypi_name(project: Project) -> None:
    project.conda("msgpack-python", "1.0.8", purls=("pkg:pypi/msgpack@1.0.8",))
    project.expected["bounds"]["msgpack"] = [">=1"]
    assert judge(project) == (0, set())


def test_the_json_is_one_document_that_fits_the_schema(project: Project) -> None:
    schema = json.loads((VERIFIER / "schema.json").read_text())
    expect = json.loads((VERIFIER / "expect.schema.json").read_text())
    jsonschema.validate(project.expected, expect)
    for document in (project.verify("--json").stdout, project.verify("--json", "--expect", "nowhere.json").stdout):
        jsonschema.validate(json.loads(document), schema)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        '{"schema": "envcompose.expectations/2"}',
        '{"schema": "envcompose.expectations/1"}',
        "[" * 100_000,
        '{"schema": "envcompose.expectations/1", "torch": 3, "pins": {"a": 1}, "imports": ["x"], "gpus": 4}',
    ],
)
def test_expectations_that_cannot_be_used_are_could_not_tell(project: Project, text: str) -> None:
    file = project.folder / "other.json"
    file.write_text(text)
    ended = project.verify("--json", "--expect", str(file))
    assert (ended.returncode, json.loads(ended.stdout)["verdict"]) == (5, "unknown")
    assert "Traceback" not in ended.stderr


def test_a_prefix_without_an_interpreter_is_could_not_tell(project: Project, tmp_path: Path) -> None:
    ended = project.verify(str(tmp_path / "nowhere"))
    assert ended.returncode == 5
    assert "cannot be judged" in ended.stderr


def test_wrong_usage_is_status_2(project: Project) -> None:
    assert project.verify("--level", "deep").returncode == 2


def test_another_interpreter_can_judge_the_environment_from_outside(project: Project) -> None:
    project.verify()
    command = [sys.executable, "-m", "envcompose.verify", str(project.folder), "--json"]
    ended = subprocess.run(command, cwd=VERIFIER.parents[1], capture_output=True, text=True, timeout=60, check=False)
    skipped = {check["id"] for check in json.loads(ended.stdout)["checks"] if check["status"] == "skipped"}
    assert (ended.returncode, {"host.path", "host.variables"} <= skipped) == (0, True)


def test_the_table_puts_failures_first_with_their_fix_and_has_no_colour_in_a_pipe(project: Project) -> None:
    (project.site / "numpy-1.26.4.dist-info" / "METADATA").write_text("Name: numpy\nVersion: 3.0\n")
    (project.site / "axolotl" / "__init__.py").write_text("raise ValueError('\\x1b[2J')\n")
    ended = project.verify(CUDA_HOME=str(project.prefix), CONDA_PREFIX=str(project.prefix))
    assert ended.returncode == 1
    assert ended.stdout.startswith("FAIL  numpy  (versions.bounds)\n        expected  ")
    assert "        fix       pixi reinstall numpy\n" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert ended.stdout.rstrip().splitlines()[-1].startswith("The environment is broken: 2 errors")


def test_nothing_is_written_beside_the_verifier(project: Project) -> None:
    copied = project.own / "verify"
    copied.unlink()
    shutil.copytree(VERIFIER, copied, ignore=shutil.ignore_patterns("__pycache__"))
    before = sorted(copied.rglob("*"))
    project.verify()
    assert sorted(copied.rglob("*")) == before
