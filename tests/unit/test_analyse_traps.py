"""Traps, toolkit packages, tools, switches, prebuilt wheels and hints: one test per pattern, each with its place."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from envcompose.analyse import analyse_sdist, load_rules, trim_checkout
from envcompose.model.analysis import Analysis, Hint, Place, Prebuilt

RULES = load_rules((Path(__file__).parents[2] / "recipes" / "tables" / "build_rules.toml").read_text(encoding="utf-8"))
IMPORTS = "import os\nimport torch\nfrom setuptools import setup\n"
BUILDERS = "from torch.utils.cpp_extension import CppExtension, CUDAExtension\n"


def analyse(files: dict[str, str]) -> Analysis:
    texts = trim_checkout({path: dedent(text).encode() for path, text in files.items()}, "demo-1.0.tar.gz")
    return analyse_sdist(texts, rules=RULES)


def places(analysis: Analysis) -> dict[str, str]:
    return {trap.code: str(trap.place) for trap in analysis.traps}


def setup_py(body: str) -> dict[str, str]:
    return {"setup.py": IMPORTS + BUILDERS + dedent(body), "a.cu": "", "a.cpp": ""}


def test_a_gpu_that_is_asked_without_fallback_is_needed() -> None:
    analysis = analyse(
        setup_py("""\
            major, minor = torch.cuda.get_device_capability()
            setup(ext_modules=[CUDAExtension("a", ["a.cu"], extra_compile_args=[f"-gencode=sm_{major}"])])
            """)
    )
    assert places(analysis)["gpu-needed"] == "setup.py:5"
    assert "silent-cpu" not in places(analysis)


def test_a_gpu_that_is_asked_with_a_fallback_is_not_needed() -> None:
    analysis = analyse(
        setup_py("""\
            try:
                torch.cuda.get_device_capability()
            except RuntimeError:
                pass
            setup(ext_modules=[CUDAExtension("a", ["a.cu"])])
            """)
    )
    assert "gpu-needed" not in places(analysis)
    assert places(analysis)["arch-list"] == "setup.py:9"


def test_a_build_that_stops_without_a_gpu_needs_one() -> None:
    analysis = analyse(
        setup_py("""\
            if not torch.cuda.is_available():
                raise RuntimeError("no GPU")
            setup(ext_modules=[CUDAExtension("a", ["a.cu"])])
            """)
    )
    assert places(analysis)["gpu-needed"] == "setup.py:6"


def test_cuda_code_that_is_left_out_without_a_gpu_is_told_with_the_switch_that_forces_it() -> None:
    analysis = analyse(
        setup_py("""\
            kind, sources = CppExtension, ["a.cpp"]
            if torch.cuda.is_available() or os.getenv("FORCE_CUDA", "0") == "1":
                kind, sources = CUDAExtension, ["a.cpp", "a.cu"]
            setup(ext_modules=[kind("a", sources)])
            """)
    )
    trap = next(trap for trap in analysis.traps if trap.code == "silent-cpu")
    assert str(trap.place) == "setup.py:6"
    assert trap.text.endswith("; FORCE_CUDA decides it instead")
    assert "nvcc" in analysis.tools


def test_submodules_and_include_folders_that_are_missing_are_named() -> None:
    files = setup_py("""\
        setup(ext_modules=[CUDAExtension("a", ["a.cu"], include_dirs=["third/cutlass/include", "inc", "build/made"])])
        """)
    files |= {
        ".gitmodules": '[submodule "x"]\n\tpath = third/x\n\turl = https://example.org\n',
        "inc/a.h": "",
        "third/y/a.h": "",
    }
    missing = [(trap.text[:50], str(trap.place)) for trap in analyse(files).traps if trap.code == "submodule-missing"]
    assert missing == [
        ("the git submodule third/x is not there", ".gitmodules:2"),
        ("the include folder third/cutlass/include is not in", "setup.py:5"),
    ]


def test_a_declared_torch_with_a_window_is_told_apart_from_one_without() -> None:
    head = '[build-system]\nbuild-backend = "setuptools.build_meta"\nrequires = [\n  "setuptools",\n'
    window = analyse({"pyproject.toml": head + '  "torch>=2.7.0,<2.7.1",\n]\n', "setup.py": IMPORTS + "setup()\n"})
    assert places(window)["torch-window"] == "pyproject.toml:5"
    assert places(window)["torch-declared"] == "pyproject.toml:5"
    floor = analyse({"pyproject.toml": head + '  "torch>=2.7",\n]\n', "setup.py": IMPORTS + "setup()\n"})
    assert "torch-window" not in places(floor)


def test_a_declared_name_that_ends_in_a_digit_is_declared() -> None:
    head = '[build-system]\nrequires = ["setuptools", "jinja2>=3", "torch"]\nbuild-backend = "setuptools.build_meta"\n'
    analysis = analyse({"pyproject.toml": head, "setup.py": "import jinja2\nfrom setuptools import setup\nsetup()\n"})
    assert "undeclared-need" not in places(analysis)


def test_toolkit_packages_follow_the_includes_that_the_sources_reach() -> None:
    files = setup_py('setup(ext_modules=[CUDAExtension("a", ["src/a.cu"])])\n')
    files |= {
        "src/a.cu": '#include "detail/b.h"\n#include <vector>\n',
        "src/detail/b.h": "// #include <nccl.h>\n#include <cub/cub.cuh>\n#include <cutlass/c.h>\n",
        "third/cutlass/include/cutlass/c.h": "\n#include <curand_kernel.h>\n",
        "third/cutlass/test/t.cu": "#include <cudnn.h>\n",
        "third/cutlass/tools/profiler.cu": "#include <nvrtc.h>\n",
        "src/unused.cu": "#include <cufft.h>\n",
    }
    analysis = analyse(files)
    found = {need.name: str(need.place) for need in analysis.toolkit_needs}
    assert found == {
        "cuda-cccl": "src/detail/b.h:2",
        "cuda-cudart-dev": "setup.py:5",
        "libcublas-dev": "setup.py:5",
        "libcurand-dev": "third/cutlass/include/cutlass/c.h:2",
        "libcusolver-dev": "setup.py:5",
        "libcusparse-dev": "setup.py:5",
    }
    assert analysis.toolkit_packages == tuple(found)


def test_torchs_cmake_package_brings_its_own_needs() -> None:
    analysis = analyse(
        {
            "pyproject.toml": '[build-system]\nrequires = ["scikit-build-core"]\nbuild-backend = "scikit_build_core.build"\n',
            "CMakeLists.txt": "project(a LANGUAGES CXX CUDA)\nfind_package(Torch REQUIRED)\nset(CMAKE_CXX_STANDARD 17)\n",
            "src/a.cu": "",
        }
    )
    assert {"libcufft-dev", "cuda-nvrtc-dev"} <= set(analysis.toolkit_packages)
    assert "nvcc" in analysis.tools
    assert analysis.cxx_standards == ("c++17",)
    assert places(analysis)["cxx-standard"] == "CMakeLists.txt:3"


def test_a_prebuilt_wheels_url_is_followed_through_formats_and_constants() -> None:
    analysis = analyse(
        {
            "setup.py": """\
                import os, platform, sys, urllib.request, torch
                from packaging.version import parse
                from setuptools import setup
                from wheel.bdist_wheel import bdist_wheel
                NAME = "demo"
                BASE = "https://example.org/{tag}/{wheel}"

                def url_of():
                    cuda_version = f"{parse(torch.version.cuda).major}"
                    torch_version = parse(torch.__version__)
                    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
                    abi = str(torch._C._GLIBCXX_USE_CXX11_ABI).upper()
                    wheel = f"{NAME}-1.0+cu{cuda_version}torch{torch_version}cxx11abi{abi}-{python}-{python}-linux_{platform.machine()}.whl"
                    return BASE.format(tag=f"v1.0", wheel=wheel), wheel

                class Cached(bdist_wheel):
                    def run(self):
                        if os.getenv("DEMO_FORCE_BUILD") == "TRUE":
                            return super().run()
                        urllib.request.urlretrieve(*url_of())

                setup(cmdclass={"bdist_wheel": Cached})
                """
        }
    )
    name = "demo-1.0+cu{cuda_version}torch{torch_version}cxx11abi{abi}-cp{python}-cp{python}-linux_x86_64.whl"
    (found,) = analysis.prebuilt
    assert found == Prebuilt(
        url=f"https://example.org/v1.0/{name}",
        filename=name,
        tags=(
            ("cuda", "{cuda_version}"),
            ("torch", "{torch_version}"),
            ("abi", "{abi}"),
            ("python", "cp{python}-cp{python}"),
            ("platform", "linux_x86_64"),
        ),
        switches=("DEMO_FORCE_BUILD",),
        place=found.place,
    )
    assert str(found.place) == "setup.py:13"


def test_a_wheel_that_is_only_named_is_no_prebuilt_wheel() -> None:
    analysis = analyse({"setup.py": IMPORTS + "name = f'demo-{torch.__version__}.whl'\nsetup()\n"})
    assert analysis.prebuilt == ()


def test_switches_tell_their_default_their_meaning_and_what_they_decide() -> None:
    analysis = analyse(
        {"setup.py": IMPORTS + 'JOBS = os.getenv("MAX_JOBS", "4")\n# if JOBS\nif JOBS == "1":\n    x = 1\nsetup()\n'}
    )
    (switch,) = analysis.environment
    assert (switch.name, switch.default, str(switch.place)) == ("MAX_JOBS", "4", "setup.py:4")
    assert switch.meaning == "how many compilers run at once"
    assert switch.uses == (Place(file="setup.py", line=6, text='if JOBS == "1": x = 1'),)


def test_the_projects_own_uv_table_is_evidence() -> None:
    text = """\
        [project]
        name = "demo"
        version = "1"

        [tool.uv]
        no-build-isolation-package = ["flash-attn"]

        [tool.uv.extra-build-dependencies]
        deepspeed = [{ requirement = "torch", match-runtime = true }]
        """
    assert analyse({"pyproject.toml": text}).hints == (
        Hint(
            kind="extra-build-dependencies",
            text="deepspeed: requirement = torch, match-runtime = true",
            place=Place(
                file="pyproject.toml", line=9, text='deepspeed = [{ requirement = "torch", match-runtime = true }]'
            ),
        ),
        Hint(
            kind="no-build-isolation-package",
            text="flash-attn",
            place=Place(file="pyproject.toml", line=6, text='no-build-isolation-package = ["flash-attn"]'),
        ),
    )
