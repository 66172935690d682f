"""Build needs: one test per pattern of the catalogue of real sdists."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from envcompose.analyse import analyse_sdist, load_rules, trim_checkout
from envcompose.model.analysis import Analysis, BuildNeed, Place

RULES = load_rules((Path(__file__).parents[2] / "recipes" / "tables" / "build_rules.toml").read_text(encoding="utf-8"))
LEGACY = {"setuptools"}


def analyse(files: dict[str, str], python: str = "3.12") -> Analysis:
    texts = trim_checkout({path: dedent(text).encode() for path, text in files.items()}, "demo-1.0.tar.gz")
    return analyse_sdist(texts, rules=RULES, python=python)


def required(analysis: Analysis) -> set[str]:
    return {need.distribution for need in analysis.build_needs if need.required}


def optional(analysis: Analysis) -> set[str]:
    return {need.distribution for need in analysis.build_needs if not need.required}


def pyproject(requires: str, backend: str = "setuptools.build_meta", rest: str = "") -> str:
    return f'[build-system]\nrequires = {requires}\nbuild-backend = "{backend}"\n{rest}'


def test_a_top_level_import_is_a_need_with_its_place_and_the_sources_line() -> None:
    analysis = analyse({"setup.py": "import os\nimport torch  # first\nfrom setuptools import setup\nsetup()\n"})
    assert analysis.build_needs == (
        BuildNeed(
            distribution="setuptools",
            required=True,
            condition=None,
            place=Place(file="setup.py", line=4, text="setup()"),
            why="no build-system table: PEP 517 fills in setuptools >= 40.8.0",
        ),
        BuildNeed(
            distribution="torch",
            required=True,
            condition=None,
            place=Place(file="setup.py", line=2, text="import torch  # first"),
            why="imports torch",
        ),
    )


CUDA_SETUP = """
    import os
    import torch
    from packaging.version import parse
    from setuptools import setup
    from torch.utils.cpp_extension import BuildExtension, CUDAExtension, CUDA_HOME
    from wheel.bdist_wheel import bdist_wheel

    FORCE_BUILD = os.getenv("DEMO_FORCE_BUILD", "FALSE") == "TRUE"
    SKIP = os.getenv("DEMO_SKIP_CUDA_BUILD", "FALSE") == "TRUE"
    ext_modules = []

    def bare_metal(folder):
        import subprocess
        out = subprocess.check_output([folder + "/bin/nvcc", "-V"], universal_newlines=True)
        return out, parse(out.split("release")[1])

    if not SKIP:
        if CUDA_HOME is not None:
            _, bare_metal_version = bare_metal(CUDA_HOME)
            if bare_metal_version < parse("11.7"):
                raise RuntimeError("too old")
        ext_modules.append(CUDAExtension(name="demo_cuda", sources=["csrc/a.cpp", "csrc/b.cu"],
                                         extra_compile_args={"cxx": ["-std=c++17"]}))

    class Cached(bdist_wheel):
        def run(self):
            import urllib.request
            urllib.request.urlretrieve("https://example.org/demo.whl")

    class Ninja(BuildExtension):
        def __init__(self, *args, **kwargs):
            if not os.environ.get("MAX_JOBS"):
                import psutil
            super().__init__(*args, **kwargs)

    setup(name="demo", ext_modules=ext_modules, setup_requires=["packaging", "ninja"],
          cmdclass={"bdist_wheel": Cached, "build_ext": Ninja} if ext_modules else {"bdist_wheel": Cached})
"""
CUDA_FILES = {"setup.py": CUDA_SETUP, "csrc/a.cpp": "#include <cublas_v2.h>\n", "csrc/b.cu": "#include <cub/cub.cuh>\n"}


def test_a_cuda_extension_tells_its_whole_story() -> None:
    analysis = analyse(CUDA_FILES)
    assert required(analysis) == {"setuptools", "torch", "packaging", "wheel", "psutil"}
    assert optional(analysis) == {"ninja"}
    psutil = next(need for need in analysis.build_needs if need.distribution == "psutil")
    assert psutil.condition == "not os.environ.get('MAX_JOBS')"
    assert analysis.tools == ("cxx", "network", "nvcc>=11.7")
    assert analysis.toolkit_packages == (
        "cuda-cccl",
        "cuda-cudart-dev",
        "libcublas-dev",
        "libcusolver-dev",
        "libcusparse-dev",
    )
    assert (analysis.extension, analysis.links_torch) == (True, True)
    assert (analysis.cuda_sources, analysis.native_sources) == (1, 2)
    assert analysis.cxx_standards == ("c++17",)
    assert analysis.extension_modules == ("demo_cuda",)
    assert [(name, default) for name, default, _ in analysis.switches] == [
        ("DEMO_FORCE_BUILD", "FALSE"),
        ("DEMO_SKIP_CUDA_BUILD", "FALSE"),
        ("MAX_JOBS", None),
    ]
    codes = {trap.code for trap in analysis.traps}
    assert codes >= {"torch-undeclared", "undeclared-need", "downloads", "cxx-standard"}
    assert "sources-missing" not in codes


def test_sources_that_the_sdist_lacks_are_a_trap() -> None:
    analysis = analyse({"setup.py": CUDA_SETUP})
    trap = next(trap for trap in analysis.traps if trap.code == "sources-missing")
    assert trap.text == "2 of 2 sources are not in the sdist, csrc/a.cpp among them"


def test_a_declared_torch_is_a_trap_of_its_own() -> None:
    files = CUDA_FILES | {"pyproject.toml": pyproject('["setuptools", "torch", "ninja"]')}
    analysis = analyse(files)
    assert {"torch-declared"} == {trap.code for trap in analysis.traps if trap.code.startswith("torch-")}
    assert "ninja" in optional(analysis)


SOFT = """
    from setuptools import setup
    try:
        import {module}
    except ImportError{name}:
        {handler}
    setup()
"""


@pytest.mark.parametrize(
    ("handler", "name", "hard"),
    [
        ("pass", "", False),
        ("available = False", "", False),
        ("print('no')", "", False),
        ("raise", "", True),
        ("raise RuntimeError('need it') from error", " as error", True),
        ("import sys; sys.exit(1)", "", True),
    ],
)
@pytest.mark.parametrize("module", ["numpy", "torch"])
def test_the_handler_decides_whether_an_import_is_needed(module: str, handler: str, name: str, hard: bool) -> None:
    analysis = analyse({"setup.py": SOFT.format(module=module, handler=handler, name=name)})
    assert (module in required(analysis), module in optional(analysis)) == (hard, not hard)


def test_a_soft_torch_that_decides_about_extensions_is_needed() -> None:
    setup = """
        from setuptools import setup
        try:
            import torch
            from torch.utils.cpp_extension import CUDAExtension
            modules = [CUDAExtension("demo._C", ["a.cu"])]
        except ImportError:
            modules = []
        setup(ext_modules=modules)
    """
    assert required(analyse({"setup.py": setup, "a.cu": ""})) == LEGACY | {"torch"}


def test_functions_called_from_the_arguments_of_setup_are_followed_and_others_are_not() -> None:
    setup = """
        from setuptools import setup, Extension

        def modules():
            import numpy as np
            return [Extension("demo.x", ["x.c"], include_dirs=[np.get_include()])]

        def publish():
            import twine

        setup(ext_modules=modules())
    """
    analysis = analyse({"setup.py": setup, "x.c": ""})
    assert required(analysis) == LEGACY | {"numpy"}
    assert analysis.tools == ("c",)


def test_switches_are_taken_at_their_defaults_and_what_they_switch_on_is_optional() -> None:
    setup = """
        import os
        from setuptools import setup
        if os.getenv("DEMO_CUDA", "0") == "1":
            import torch
        if not int(os.environ.get("DEMO_PURE", "0")):
            import numpy
        setup()
    """
    analysis = analyse({"setup.py": setup})
    assert required(analysis) == LEGACY | {"numpy"}
    torch = next(need for need in analysis.build_needs if need.distribution == "torch")
    assert (torch.required, torch.condition) == (False, "os.getenv('DEMO_CUDA', '0') == '1'")


def test_child_processes_are_read_from_their_argument_lists() -> None:
    setup = """
        import subprocess, sys
        from setuptools import setup
        subprocess.check_output([sys.executable, "-m", "pybind11", "--includes"])
        subprocess.run(["python3", "-c", "import jinja2; print(jinja2)"])
        subprocess.check_call(["cmake", "--build", "."])
        subprocess.run([sys.executable, "tools/generate.py"])
        setup()
    """
    analysis = analyse({"setup.py": setup, "tools/generate.py": "import yaml\n"})
    assert required(analysis) == LEGACY | {"pybind11", "jinja2", "cmake", "pyyaml"}
    assert "cmake" in analysis.tools


def test_local_modules_are_followed_and_are_no_needs_themselves() -> None:
    files = {
        "setup.py": """
            import os, sys
            sys.path.insert(0, os.path.join(os.path.dirname(__file__), "buildtools"))
            import helper
            from importlib.util import module_from_spec, spec_from_file_location
            spec = spec_from_file_location("compat", os.path.join("demo", "compat.py"))
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            from setuptools import setup
            setup(version=helper.VERSION)
        """,
        "buildtools/helper.py": "import numpy\nVERSION = '3'\n",
        "demo/compat.py": "import torch\n",
        "demo/__init__.py": "",
    }
    assert required(analyse(files)) == LEGACY | {"numpy", "torch"}


def test_in_tree_backends_are_read() -> None:
    files = {
        "pyproject.toml": pyproject('["hatchling"]', "backend", 'backend-path = ["_build"]\n'),
        "_build/backend.py": "from hatchling.build import *\nimport tomli_w\n",
    }
    assert required(analyse(files)) == {"hatchling", "tomli-w"}


@pytest.mark.parametrize(
    ("python", "module", "expected"),
    [
        ("3.11", "distutils.core", set()),
        ("3.12", "distutils.core", {"setuptools"}),
        ("3.12", "pkg_resources", {"setuptools"}),
        ("3.12", "yaml", {"pyyaml"}),
        ("3.12", "Cython.Build", {"cython"}),
        ("3.12", "google.protobuf", {"protobuf"}),
    ],
)
def test_modules_are_named_by_their_distribution(python: str, module: str, expected: set[str]) -> None:
    files = {"pyproject.toml": pyproject("[]", "backend", 'backend-path = ["."]\n'), "backend.py": f"import {module}\n"}
    assert required(analyse(files, python)) == expected


def test_declared_requirements_count_where_their_marker_holds() -> None:
    requires = """["setuptools", "tomli; python_version < '3.11'", "numpy>=2; python_version >= '3.9'"]"""
    analysis = analyse({"pyproject.toml": pyproject(requires)})
    assert required(analysis) == {"setuptools", "numpy"}


def test_a_stub_and_a_refusal_need_nothing_and_say_so() -> None:
    stub = analyse({"pyproject.toml": pyproject('["wheel_stub"]', "wheel_stub.buildapi")})
    assert (stub.build_needs, [trap.code for trap in stub.traps]) == ((), ["stub-sdist"])
    refusal = analyse({"setup.py": "raise RuntimeError('use the other index')\n"})
    assert (refusal.build_needs, [trap.code for trap in refusal.traps]) == ((), ["refuses"])


def test_a_cmake_build_that_looks_for_torch_needs_it() -> None:
    files = {
        "pyproject.toml": pyproject('["scikit-build-core"]', "scikit_build_core.build"),
        "CMakeLists.txt": "project(demo)\n# find_package(Nothing)\nfind_package(Torch REQUIRED)\n",
    }
    analysis = analyse(files)
    assert required(analysis) == {"scikit-build-core", "torch"}
    assert optional(analysis) == {"cmake", "ninja"}
    torch = next(need for need in analysis.build_needs if need.distribution == "torch")
    assert str(torch.place) == "CMakeLists.txt:3"


def test_scripts_entry_points_and_top_level_names_are_collected() -> None:
    setup = """
        from setuptools import setup
        setup(packages=["demo", "demo.inner"], py_modules=["single"], scripts=["bin/demo-run"],
              entry_points={"console_scripts": ["demo=demo.cli:main", "demo-x = demo.x:main"]})
    """
    analysis = analyse({"setup.py": setup, "demo/__init__.py": ""})
    assert analysis.scripts == ("demo", "demo-run", "demo-x")
    assert analysis.top_level == ("demo", "single")


def test_reading_conda_prefix_is_a_finding() -> None:
    setup = "import os\nfrom setuptools import setup\nprefix = os.environ.get('CONDA_PREFIX')\nsetup()\n"
    assert [trap.code for trap in analyse({"setup.py": setup}).traps] == ["conda-prefix"]


def test_a_probe_that_insists_is_a_need_and_a_probe_for_a_conflict_is_none() -> None:
    setup = """
        from importlib.util import find_spec
        from setuptools import setup
        if find_spec("jinja2") is None:
            raise RuntimeError("jinja2 is needed")
        if find_spec("rival") is not None:
            raise RuntimeError("rival must go")
        setup()
    """
    assert required(analyse({"setup.py": setup})) == LEGACY | {"jinja2"}


def test_a_program_that_is_looked_up_first_is_still_known() -> None:
    setup = """
        import shutil, subprocess
        from setuptools import setup
        CMAKE = shutil.which("cmake3") or shutil.which("cmake")
        subprocess.check_call([CMAKE, "--build", "."])
        setup()
    """
    assert required(analyse({"setup.py": setup})) == LEGACY | {"cmake"}


def test_what_an_in_tree_backend_asks_for_is_optional() -> None:
    files = {
        "pyproject.toml": pyproject('["setuptools"]', "backend", 'backend-path = ["."]\n'),
        "backend.py": """
            from setuptools import build_meta as inner
            def get_requires_for_build_wheel(config_settings=None):
                return ["cmake>=3.20"]
            def build_wheel(*args):
                import requests
        """,
    }
    analysis = analyse(files)
    assert required(analysis) == {"setuptools", "requests"}
    assert optional(analysis) == {"cmake"}


def test_commands_that_no_build_runs_need_nothing() -> None:
    setup = """
        from setuptools import Command, setup
        class Tests(Command):
            def run(self):
                import pytest
        class Build(Command):
            def run(self):
                import numpy
        setup(cmdclass={"test": Tests, "build_ext": Build})
    """
    assert required(analyse({"setup.py": setup})) == LEGACY | {"numpy"}


def test_modules_with_a_lazy_attribute_function_are_read() -> None:
    files = {
        "setup.py": """
            import envs
            from setuptools import setup
            if envs.TARGET == "cuda":
                import torch
            setup()
        """,
        "envs.py": """
            import os
            table = {"TARGET": lambda: os.getenv("DEMO_TARGET", "cuda")}
            def __getattr__(name):
                if name in table:
                    return table[name]()
                raise AttributeError(name)
        """,
    }
    analysis = analyse(files)
    assert required(analysis) == LEGACY | {"torch"}
    assert [name for name, _, _ in analysis.switches] == ["DEMO_TARGET"]
