"""What is needed, refused or taken only under a condition, which is told."""

from __future__ import annotations

from tests.unit.analyse_parts import analyse, tools, traps

BUILDERS = """
    import torch
    from setuptools import setup
    from torch.utils.cpp_extension import CppExtension, CUDAExtension
    KINDS = {"cpu": (CppExtension, ["a.cpp"]), "gpu": (CUDAExtension, ["a.cpp", "a.cu"])}
    kind = "gpu" if torch.cuda.is_available() else "cpu"
    builder, sources = KINDS[kind]
    setup(ext_modules=[builder("demo._C", sources=sources)])
"""


def test_a_builder_that_is_chosen_by_the_machine_is_called_as_either() -> None:
    analysis = analyse({"setup.py": BUILDERS, "a.cpp": "", "a.cu": ""})
    assert analysis.links_torch
    assert tools(analysis) == {"cxx": None, "nvcc": "torch.cuda.is_available()"}


def test_a_refusal_after_a_loop_or_a_return_that_may_have_been_taken_is_no_stop() -> None:
    setup = """
        import site, sys
        from setuptools import setup

        def library():
            for name in ("a", "b"):
                if site.has(name):
                    break
            else:
                raise RuntimeError("neither a nor b")
            if site.has("c"):
                return "c"
            sys.exit("no c")

        setup(name="demo", install_requires=["numpy"], libraries=library())
    """
    analysis = analyse({"setup.py": setup})
    assert analysis.readings[0].requires_dist == ("numpy",)
    assert analysis.readings[0].complete
    assert "raises" not in traps(analysis)


def test_a_program_that_may_be_missing_leaves_both_ways_open() -> None:
    setup = """
        import subprocess
        import torch
        from setuptools import Extension, setup

        def is_other():
            try:
                subprocess.run(["vendor-ls"], check=True)
            except (FileNotFoundError, subprocess.CalledProcessError):
                return False
            return True

        modules = []
        if torch.version.xpu is not None:
            raise RuntimeError("not for this machine")
        if not is_other() and torch.version.cuda is not None:
            modules.append(Extension("demo._C", ["a.cpp"]))
        setup(ext_modules=modules)
    """
    analysis = analyse({"setup.py": setup, "a.cpp": ""}, torches=("2.6.0",))
    assert analysis.extension_modules == ("demo._C",)
    assert list(tools(analysis)) == ["cxx"]


CMAKE = """
    cmake_minimum_required(VERSION 3.20)
    project(demo LANGUAGES CXX)
    option(USE_CUDA "" OFF)
    if(USE_CUDA)
      enable_language(CUDA)
    endif()
    if(BUILD_TESTS)
      FetchContent_Declare(googletest URL https://example.invalid/googletest.tar.gz)
    endif()
"""


SCIKIT = '[build-system]\nrequires = ["scikit-build-core"]\nbuild-backend = "scikit_build_core.build"\n'


def test_what_cmake_compiles_only_where_it_is_told_to_carries_its_condition() -> None:
    analysis = analyse({"pyproject.toml": SCIKIT, "CMakeLists.txt": CMAKE, "a.cu": "#include <cublas_v2.h>\n"})
    assert tools(analysis)["nvcc"] == "CMake's USE_CUDA"
    assert "network" not in tools(analysis)
    assert [(need.name, need.condition) for need in analysis.toolkit_needs] == [("libcublas-dev", "CMake's USE_CUDA")]


def test_a_switch_tells_the_condition_under_which_it_is_read() -> None:
    setup = """
        import os
        from setuptools import setup
        if os.getenv("DEMO_CUDA", "1") == "1":
            jobs = os.environ.get("DEMO_JOBS", "4")
        setup(name="demo")
    """
    analysis = analyse({"setup.py": setup})
    told = {switch.name: (switch.default, switch.condition) for switch in analysis.environment}
    assert told == {"DEMO_CUDA": ("1", None), "DEMO_JOBS": ("4", "os.getenv('DEMO_CUDA', '1') == '1'")}


def test_what_only_a_switch_that_is_off_asks_for_is_not_taken() -> None:
    setup = """
        import os
        from setuptools import setup
        if os.getenv("DEMO_OTHER", "0") == "1":
            import other
        try:
            import wheel
        except ImportError:
            wheel = None
        setup(name="demo")
    """
    needs = analyse({"setup.py": setup}).build_needs
    told = {need.distribution: (need.required, need.taken) for need in needs}
    assert told == {"other": (False, False), "setuptools": (True, True), "wheel": (False, True)}


def test_elements_that_a_list_may_lack_run_under_their_condition() -> None:
    setup = """
        import itertools, os
        from setuptools import Extension, setup
        kinds = ["cpu"]
        if os.path.exists("/opt/toolkit"):
            kinds.append("gpu")
        extensions = []
        for name, kind in itertools.product(["one", "two"], kinds):
            extensions.append(Extension(f"demo.{name}_{kind}", [f"{name}_{kind}.c"]))
        setup(ext_modules=extensions)
    """
    files = {"setup.py": setup} | {f"{name}_{kind}.c": "" for name in ("one", "two") for kind in ("cpu", "gpu")}
    analysis = analyse(files)
    assert {"demo.one_cpu", "demo.one_gpu", "demo.two_cpu", "demo.two_gpu"} <= set(analysis.extension_modules)
