"""Patterns found by reading more real sdists: one test for each."""

from __future__ import annotations

import pytest

from envcompose.analyse import analyse_sdist, trim_checkout
from envcompose.write.analysis_document import analysis_document, isolated_build
from tests.fuzz.cases import projects
from tests.unit.analyse_parts import RULES, analyse, required, tools, traps


def test_what_setuptools_reads_of_an_extension_is_read_properties_and_texts_among_it() -> None:
    setup = """
        from setuptools import Extension, setup

        class WithNumpy(Extension):
            def __init__(self, *args, **kwargs):
                self.__include_dirs = []
                super().__init__(*args, **kwargs)

            @property
            def include_dirs(self):
                import numpy
                return self.__include_dirs + [numpy.get_include()]

            @include_dirs.setter
            def include_dirs(self, dirs):
                self.__include_dirs = dirs

        class Include:
            def __str__(self):
                import pybind11
                return pybind11.get_include()

        setup(ext_modules=[WithNumpy("demo.one", ["one.c"]), Extension("demo.two", ["two.c"], include_dirs=[Include()])])
    """
    analysis = analyse({"setup.py": setup, "one.c": "", "two.c": ""})
    assert required(analysis) == {"numpy", "pybind11", "setuptools"}
    assert analysis.extension_modules == ("demo.one", "demo.two")
    assert tools(analysis) == {"c": None}


@pytest.mark.parametrize("call", ["super().__init__(name, sources=[])", "Extension.__init__(self, name, sources=[])"])
def test_an_extension_is_what_its_class_tells_the_base_class(call: str) -> None:
    setup = f"""
        from setuptools import Extension, setup

        class ByCMake(Extension):
            def __init__(self, name, folder="csrc"):
                {call}
                self.folder = folder

        setup(ext_modules=[ByCMake("demo._C", "native")])
    """
    analysis = analyse({"setup.py": setup})
    assert analysis.extension_modules == ("demo._C",)
    assert "sources-missing" not in traps(analysis)


def test_a_package_below_a_folder_that_is_put_on_the_path_is_the_sdists_own() -> None:
    setup = """
        import os, sys
        from setuptools import setup
        sys.path.insert(0, os.path.join(os.path.dirname(__file__), "install"))
        import own_builder
        from own_builder import parts
        setup(**parts.arguments())
    """
    parts = "import own_builder.more\nimport numpy\ndef arguments():\n    return {'install_requires': ['six']}\n"
    files = {"install/own_builder/__init__.py": "", "install/own_builder/parts.py": parts}
    analysis = analyse({"setup.py": setup, **files, "install/own_builder/more.py": "import cffi\n"})
    assert required(analysis) == {"cffi", "numpy", "setuptools"}
    assert analysis.readings[0].requires_dist == ("six",)


def test_setup_requires_are_brought_unless_the_import_stands_before_the_call_of_setup() -> None:
    late = "from setuptools import setup\ndef f():\n    import numpy\nsetup(setup_requires=['numpy'], x=f())\n"
    early = "import numpy\nfrom setuptools import setup\nsetup(setup_requires=['numpy'])\n"
    assert isolated_build(analyse({"setup.py": late}))[0] == "works"
    assert isolated_build(analyse({"setup.py": early})) == ("fails", "needs numpy and does not declare it")


POETRY = """
    [build-system]
    requires = ["poetry-core"]
    build-backend = "poetry.core.masonry.api"
    [tool.poetry.build]
    script = "build.py"
"""


HATCH = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"
    [tool.hatch.build.hooks.custom]
    path = "scripts/hook.py"
    [tool.hatch.build.targets.wheel.hooks.mypyc]
    dependencies = ["hatch-mypyc>=0.16"]
    [tool.hatch.build.hooks.other]
    dependencies = ["hatch-other"]
    enable-by-default = false
"""


def test_scripts_and_hooks_that_pyproject_names_are_part_of_the_build() -> None:
    script = "import cffi\ndef build(arguments):\n    from Cython.Build import cythonize\n"
    assert required(analyse({"pyproject.toml": POETRY, "build.py": script})) == {"cffi", "cython", "poetry-core"}
    hook = "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\nclass Own(BuildHookInterface):\n"
    hook += "    def initialize(self, version, build_data):\n        import numpy\n"
    analysis = analyse({"pyproject.toml": HATCH, "scripts/hook.py": hook})
    assert required(analysis) == {"hatchling", "hatch-mypyc", "numpy"}


def test_cython_is_needed_where_the_sdist_holds_no_c_of_a_source() -> None:
    setup = "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('demo', ['demo.pyx'])])\n"
    assert required(analyse({"setup.py": setup, "demo.pyx": ""})) == {"cython", "setuptools"}
    assert required(analyse({"setup.py": setup, "demo.pyx": "", "demo.c": ""})) == {"setuptools"}


def test_commands_of_a_shell_text_and_of_a_shell_script_are_commands_of_the_build() -> None:
    setup = """
        import os, subprocess
        from setuptools import setup
        folder = os.path.join(os.environ["HOME"], "build")
        {}
        setup(name="demo")
    """
    one = 'subprocess.run(f"cd {folder} && cmake -S . -B {folder}", shell=True)'
    other = "subprocess.check_call(['./native/build.sh', 'x'])"
    assert required(analyse({"setup.py": setup.format(one)})) == {"cmake", "setuptools"}
    script = "#!/bin/sh\ncmake . -B out\nif false; then\n  ninja\nfi\n"
    analysis = analyse({"setup.py": setup.format(other), "native/build.sh": script})
    assert required(analysis) == {"cmake", "setuptools"}
    place = next(need.place for need in analysis.build_needs if need.distribution == "cmake")
    assert (str(place), place.text if place else "") == ("native/build.sh:2", "cmake . -B out")


def test_a_backend_that_setup_py_imports_brings_its_tools_and_plugins_come_with_their_arguments() -> None:
    analysis = analyse({"setup.py": "from skbuild import setup\nsetup(name='demo', use_scm_version=True)\n"})
    assert required(analysis) == {"scikit-build", "setuptools", "setuptools-scm"}
    assert {"cmake", "cxx", "ninja"} <= tools(analysis).keys()


def test_a_torch_that_is_only_asked_for_is_told_as_what_a_build_without_it_leaves_out() -> None:
    setup = """
        from setuptools import setup
        modules = []
        try:
            from torch.utils import cpp_extension
            modules.append(cpp_extension.CppExtension("demo._C", ["a.cpp"]))
        except ImportError:
            pass
        setup(ext_modules=modules)
    """
    analysis = analyse({"setup.py": setup, "a.cpp": ""})
    assert "torch" in required(analysis)
    assert traps(analysis) >= {"torch-left-out"}
    assert isolated_build(analysis)[0] == "works"


def test_an_include_folder_is_missed_where_a_source_includes_something_of_it() -> None:
    setup = "from setuptools import Extension, setup\n"
    setup += (
        "setup(ext_modules=[Extension('demo', ['a.cpp'], include_dirs=['third_party/glm', 'third_party/unused'])])\n"
    )
    analysis = analyse({"setup.py": setup, "a.cpp": "#include <glm/glm.hpp>\n"})
    assert [trap.text.split()[3] for trap in analysis.traps] == ["third_party/glm"]


def test_what_a_program_makes_may_be_there_and_paths_that_machines_have_are_set() -> None:
    setup = """
        import os, shutil
        from setuptools import setup
        shutil.copytree("../common", "common")
        assert os.path.exists("common")
        try:
            folders = os.environ["PATH"].split(os.pathsep)
        except KeyError:
            folders = None
        if folders is None:
            import own
        setup(name="demo")
    """
    analysis = analyse({"setup.py": setup})
    assert required(analysis) == {"setuptools"}
    assert traps(analysis) == set()


@pytest.mark.parametrize("number", range(len(projects())))
def test_every_claim_shows_the_line_that_stands_there(number: int) -> None:
    files = projects()[number]
    analysis = analyse_sdist(trim_checkout(files, "demo-1.0"), rules=RULES)
    document = analysis_document(analysis, source={}, envcompose="1")
    needs = document["build_needs"]
    claims = [*needs["python"], *needs["conda"], *needs["tools"], *needs["env"].values(), *document["traps"]]
    claims += [*document["hints"], *document["prebuilt"]]
    assert claims
    for claim in claims:
        line = files[claim["file"]].decode().split("\n")[claim["line"] - 1]
        told = claim["source_line"].removeprefix("#include ").strip("<>")
        assert told == line.strip()[:200] or (line.startswith("#include") and told in line)


def test_a_wheel_at_a_whole_address_is_told_where_a_command_that_is_not_taken_would_fetch_it() -> None:
    setup = """
        import os
        from setuptools import setup
        from setuptools.command.build_ext import build_ext

        class fetched(build_ext):
            def run(self):
                commit = self.newest()
                place = f"https://wheels.example.invalid/{commit}/demo-1.0-cp38-abi3-linux_x86_64.whl"
                from urllib.request import urlretrieve
                urlretrieve(place, "demo.whl")

        commands = {"build_ext": fetched} if os.environ.get("DEMO_USE_PRECOMPILED") else {}
        setup(name="demo", cmdclass=commands)
    """
    (wheel,) = analyse({"setup.py": setup}).prebuilt
    assert wheel.url == "https://wheels.example.invalid/{commit}/demo-1.0-cp38-abi3-linux_x86_64.whl"
    assert wheel.switches == ("DEMO_USE_PRECOMPILED",)


def test_what_a_build_asks_for_and_does_not_need_is_told() -> None:
    setup = """
        from importlib.metadata import PackageNotFoundError, version
        from setuptools import setup
        try:
            installed = version("torch")
        except PackageNotFoundError:
            installed = "2.6.0"
        setup(install_requires=[f"torch=={installed}"])
    """
    (need,) = (need for need in analyse({"setup.py": setup}).build_needs if need.distribution == "torch")
    assert (need.required, need.why, str(need.place)) == (False, "asks whether torch is installed", "setup.py:5")


def test_an_installed_compiler_that_lacks_an_architecture_is_no_floor_of_its_version() -> None:
    setup = """
        import os
        from packaging.version import Version
        from setuptools import setup
        from torch.utils.cpp_extension import CUDA_HOME, CUDAExtension

        nvcc_version = Version(os.popen("nvcc --version").read())
        if nvcc_version < Version("11.0"):
            raise RuntimeError("CUDA 11.0 or higher is required")
        if any(name.startswith("8.9") for name in os.environ["ARCHS"].split()) and nvcc_version < Version("11.8"):
            raise RuntimeError("CUDA 11.8 or higher is required for compute capability 8.9")
        setup(ext_modules=[CUDAExtension("demo", ["demo.cu"])])
    """
    assert "nvcc>=11.0" in tools(analyse({"setup.py": setup, "demo.cu": ""}))


def test_a_build_that_runs_pip_is_a_trap() -> None:
    setup = """
        import subprocess, sys
        from setuptools import setup
        subprocess.check_call([sys.executable, "-m", "pip", "install", "numpy"])
        setup(name="demo")
    """
    (trap,) = (trap for trap in analyse({"setup.py": setup}).traps if trap.code == "runs-pip")
    assert "pip install numpy" in trap.text


def test_what_only_a_command_for_developers_imports_is_no_need() -> None:
    setup = """
        from setuptools import setup
        from setuptools.command.develop import develop

        class Develop(develop):
            def run(self):
                import notify2
                super().run()

        setup(name="demo", cmdclass={"develop": Develop})
    """
    assert required(analyse({"setup.py": setup})) == {"setuptools"}


def test_a_build_that_stops_fails_in_isolation() -> None:
    setup = """
        from setuptools import setup
        setup(name="demo", version=open("missing.txt").read())
    """
    analysis = analyse({"setup.py": setup})
    assert isolated_build(analysis)[0] == "fails"
    assert "raises" in traps(analysis)


def test_who_asks_where_a_module_lies_needs_it() -> None:
    setup = """
        from importlib.util import find_spec
        from setuptools import setup
        folder = find_spec("nanobind").origin
        setup(name="demo")
    """
    assert "nanobind" in required(analyse({"setup.py": setup}))


def test_a_property_made_by_call_is_read_as_one() -> None:
    setup = """
        from setuptools import Extension, setup

        class Late(Extension):
            def _read(self):
                import numpy
                return [numpy.get_include()]

            def _write(self, value):
                pass

            include_dirs = property(_read, _write)

        setup(ext_modules=[Late("demo", ["demo.c"])])
    """
    assert "numpy" in required(analyse({"setup.py": setup, "demo.c": ""}))


def test_another_encoding_given_to_a_path_is_the_programs_error() -> None:
    setup = """
        import os
        from setuptools import setup
        if os.environ.get("X"):
            os.path.expanduser("", "\\ud800")
        setup(name="demo")
    """
    assert required(analyse({"setup.py": setup})) == {"setuptools"}


@pytest.mark.parametrize(
    "lines",
    [
        "re.compile('a').sub('b')",
        "pattern = re.compile('a'); pattern.pattern = []; pattern.match('a')",
        "pattern = re.compile('a'); del pattern.pattern; pattern.match('a'); re.sub(pattern, 'a', 'b')",
        "made.kind = []; torch.cuda.is_available(); setup(ext_modules=[made])",
        "del made.kind, made.name, made.sources; setup(ext_modules=[made])",
    ],
)
def test_a_program_may_set_what_it_wants_on_objects_of_others(lines: str) -> None:
    head = "import re, torch\nfrom setuptools import setup\nfrom torch.utils.cpp_extension import CUDAExtension\n"
    program = head + "made = CUDAExtension('demo', ['demo.cu'])\n" + lines.replace("; ", "\n") + "\n"
    assert "torch" in required(analyse({"setup.py": program, "demo.cu": ""}))
