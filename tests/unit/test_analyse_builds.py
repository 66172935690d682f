"""Patterns of sdists that nothing was tuned for: one test for each."""

from __future__ import annotations

import pytest

from envcompose.write.analysis_document import isolated_build
from tests.unit.analyse_parts import analyse, required, tools, traps


def test_a_list_whose_elements_are_exchanged_for_unknown_ones_is_no_error() -> None:
    setup = """
        import argparse, sys
        from setuptools import setup

        def parsed(argv):
            return argparse.ArgumentParser().parse_known_args(argv)

        options, sys.argv[:] = parsed(sys.argv)
        numbers = [1, 2, 3]
        numbers[1:] = range(2)
        import numpy
        setup(name="demo", install_requires=[f"a=={numbers}"])
    """
    analysis = analyse({"setup.py": setup})
    assert required(analysis) == {"numpy", "setuptools"}
    assert analysis.incomplete == ()
    assert analyse({"setup.py": "a = [1]\na[:] = 1\n"}).incomplete != ()


@pytest.mark.parametrize(
    "line", ["sys.path = [folder] + sys.path", "sys.path.insert(0, folder)", "sys.path[:0] = [folder]"]
)
def test_modules_on_a_path_that_a_build_makes_are_the_sdists_own(line: str) -> None:
    setup = f"""
        import os, sys
        from setuptools import setup
        from setuptools.command.build_ext import build_ext

        HERE = os.path.dirname(os.path.abspath(__file__))

        class Build(build_ext):
            def build_with(self, folder):
                {line}
                import build_native
                build_native.build()

            def run(self):
                self.build_with(os.path.join(HERE, "all_src", "build"))

        setup(name="demo", cmdclass={{"build_ext": Build}})
    """
    native = "import subprocess\n\ndef build():\n    subprocess.check_call(['cmake', '.'])\n"
    analysis = analyse({"setup.py": setup, "all_src/build/build_native.py": native})
    assert required(analysis) == {"cmake", "setuptools"}


def test_what_a_declared_requirement_brings_in_turn_does_not_fail_an_isolated_build() -> None:
    project = '[build-system]\nrequires = ["setuptools", "oldest-supported-numpy"]\n'
    analysis = analyse({"pyproject.toml": project, "setup.py": "from setuptools import setup\nimport numpy\nsetup()\n"})
    assert "numpy" in required(analysis)
    assert traps(analysis) == {"indirect-need"}
    assert isolated_build(analysis)[0] == "works"


def test_a_namespace_that_many_distributions_share_is_no_distribution() -> None:
    setup = (
        "from setuptools import setup\nimport nvidia, google\nimport nvidia.cublas\nimport google.protobuf\nsetup()\n"
    )
    assert required(analyse({"setup.py": setup})) == {"protobuf", "setuptools"}


def test_a_key_that_may_be_among_those_not_known_is_no_error() -> None:
    setup = """
        import subprocess
        from setuptools import Extension, setup

        given = {"sources": ["a.cpp"]}
        kinds = {"-I": "include_dirs", "-l": "libraries"}
        for word in subprocess.getoutput("pkg-config --libs demo").split():
            given.setdefault(kinds.get(word[:2]), []).append(word[2:])
        given["libraries"].append("pthread")
        setup(name="demo", ext_modules=[Extension("demo._C", **given)])
    """
    analysis = analyse({"setup.py": setup, "a.cpp": ""})
    assert analysis.incomplete == () and "raises" not in traps(analysis)
    assert "raises" in traps(analyse({"setup.py": "given = {'a': 1}\ngiven['libraries'].append(1)\n"}))


def test_examples_that_are_submodules_are_not_missed() -> None:
    modules = '[submodule "examples/one"]\n  path = examples/one\n[submodule "lib"]\n  path = lib\n'
    analysis = analyse({"setup.py": "from setuptools import setup\nsetup()\n", ".gitmodules": modules})
    assert [trap.text for trap in analysis.traps] == ["the git submodule lib is not there"]


def test_going_over_thousands_of_files_does_not_hide_what_comes_after() -> None:
    setup = """
        import os
        from setuptools import setup

        files = sum([[os.path.join(path, name) for name in names] for path, _, names in os.walk("data")], [])
        if not files:
            raise SystemExit
        import numpy
        setup(name="demo", package_data={"demo": files})
    """
    data = {f"data/{number // 50}/{number}.txt": "" for number in range(6_000)}
    analysis = analyse({"setup.py": setup, **data})
    assert required(analysis) == {"numpy", "setuptools"}
    assert analysis.incomplete == ()


def test_extensions_that_setup_is_not_given_are_not_compiled() -> None:
    setup = """
        from setuptools import Extension, setup

        stub = Extension("demo._stub", ["stub.c"])
        setup(name="demo")
    """
    analysis = analyse({"setup.py": setup})
    assert not analysis.extension and analysis.extension_modules == () and traps(analysis) == set()
    given = setup.replace('name="demo")', 'name="demo", ext_modules=[stub])')
    assert "sources-missing" in traps(analyse({"setup.py": given}))


CHOSEN = """
    import os, torch
    from setuptools import setup
    from torch.utils.cpp_extension import BuildExtension, CppExtension, CUDAExtension

    extension = CppExtension
    if torch.cuda.is_available() or os.getenv("FORCE_CUDA_EXTENSION", "0") == "1":
        extension = CUDAExtension
    setup(name="demo", ext_modules=[extension("demo._C", ["a.cpp"])], cmdclass={"build_ext": BuildExtension})
"""


def test_a_builder_of_extensions_that_is_chosen_keeps_its_condition() -> None:
    analysis = analyse({"setup.py": CHOSEN, "a.cpp": "", "b.cu": ""})
    condition = "torch.cuda.is_available() or os.getenv('FORCE_CUDA_EXTENSION', '0') == '1'"
    assert tools(analysis) == {"cxx": None, "nvcc": condition}
    told = next(trap.text for trap in analysis.traps if trap.code == "silent-cpu")
    assert told.endswith("left out in silence; FORCE_CUDA_EXTENSION decides it instead")


def test_cuda_code_that_is_compiled_in_any_case_is_not_left_out_where_there_is_no_gpu() -> None:
    setup = CHOSEN.replace("extension = CUDAExtension", "print('no GPU')").replace("= CppExtension", "= CUDAExtension")
    assert "silent-cpu" not in traps(analyse({"setup.py": setup, "a.cpp": "", "b.cu": ""}))


def test_pyx_sources_become_the_language_that_the_extension_names() -> None:
    setup = """
        from setuptools import Extension, setup
        from Cython.Build import cythonize
        setup(name="demo", ext_modules=cythonize([Extension("demo", ["demo.pyx"], language="c++")]))
    """
    assert tools(analyse({"setup.py": setup, "demo.pyx": ""})) == {"cxx": None}


def test_extensions_that_cannot_be_followed_take_the_compilers_of_the_sources() -> None:
    setup = "from setuptools import setup\nimport maker\nsetup(name='demo', ext_modules=maker.modules())\n"
    files = {"setup.py": setup, "a.pyx": "", "b.cu": "", "tests/c.cpp": ""}
    assert tools(analyse(files)).keys() == {"c", "nvcc"}


def test_numpys_setup_is_a_setup_and_is_gone_from_newer_pythons() -> None:
    setup = "from numpy.distutils.core import setup\nsetup(name='demo', version='1.5', install_requires=['scipy'])\n"
    analysis = analyse({"setup.py": setup})
    assert analysis.readings[0].requires_dist == ("scipy",)
    assert [trap.text for trap in analysis.traps if trap.code == "removed-module"] == [
        "imports numpy.distutils, gone since Python 3.12"
    ]


def test_rust_extensions_are_extension_modules() -> None:
    setup = """
        from setuptools import setup
        from setuptools_rust import Binding, RustExtension
        rust = [RustExtension("demo._rust", binding=Binding.PyO3), RustExtension({"cli": "demo.demo-cli"})]
        names = [name for one in rust for name in one.target.values()]
        setup(name="demo", rust_extensions=rust, install_requires=[f"a=={len(names)}"])
    """
    analysis = analyse({"setup.py": setup})
    assert analysis.extension_modules == ("demo._rust",)
    assert analysis.readings[0].requires_dist == ("a==2",)


def test_a_folder_of_wheels_is_told_with_the_switch_that_has_the_build_look_into_it() -> None:
    setup = """
        import json, os
        from setuptools import setup
        from urllib.parse import urljoin
        from urllib.request import urlopen

        def wheel_url():
            commit = os.getenv("DEMO_WHEEL_COMMIT", "nightly")
            folder = f"https://wheels.example.invalid/{commit}/demo/"
            with urlopen(folder + "metadata.json") as answer:
                wheels = json.loads(answer.read())
            return urljoin(folder, wheels[0]["path"])

        if os.environ.get("DEMO_USE_PRECOMPILED"):
            print(wheel_url())
        if os.environ.get("DEMO_ROCM"):
            print(f"https://wheels.example.invalid/{os.getenv('DEMO_WHEEL_COMMIT', 'x')}/rocm/")
        setup(name="demo", version="1.0")
    """
    analysis = analyse({"setup.py": setup})
    assert [(wheel.url, wheel.switches) for wheel in analysis.prebuilt] == [
        ("https://wheels.example.invalid/nightly/demo/{wheel}.whl", ("DEMO_USE_PRECOMPILED",))
    ]
    switch = next(switch for switch in analysis.environment if switch.name == "DEMO_USE_PRECOMPILED")
    assert switch.meaning == "takes the compiled files out of a prebuilt wheel of its own instead of compiling them"


def test_patterns_of_cython_sources_are_there_where_a_file_fits() -> None:
    setup = """
        from Cython.Build import cythonize
        from setuptools import Extension, setup
        setup(name="demo", ext_modules=cythonize(Extension("*", sources=["src/*.pyx"])))
    """
    assert "sources-missing" not in traps(analyse({"setup.py": setup, "src/a.pyx": ""}))
    assert "sources-missing" in traps(analyse({"setup.py": setup, "lib/a.pyx": ""}))


def test_maturin_names_the_extension_module() -> None:
    project = """
        [build-system]
        requires = ["maturin>=1.0,<2.0"]
        build-backend = "maturin"

        [tool.maturin]
        module-name = "demo._rust"
    """
    analysis = analyse({"pyproject.toml": project})
    assert (analysis.extension_modules, analysis.top_level) == (("demo._rust",), ("demo",))


def test_a_defaultdict_makes_what_it_lacks() -> None:
    setup = """
        from collections import defaultdict
        from setuptools import setup

        by_tag: dict = defaultdict(list)
        for name, tags in {"cython": "build", "numpy": "build, install"}.items():
            for tag in tags.split(", "):
                by_tag[tag].append(name)
        data = defaultdict(lambda: ["*.txt"])
        data["demo"].extend(["*.csv"])
        setup(name="demo", version="1.0", install_requires=by_tag["install"], setup_requires=by_tag["build"])
    """
    analysis = analyse({"setup.py": setup})
    assert analysis.readings[0].requires_dist == ("numpy",) and analysis.incomplete == ()
    assert {need.distribution for need in analysis.build_needs} == {"cython", "numpy", "setuptools"}
    assert "raises" in traps(analyse({"setup.py": "from collections import defaultdict\ndefaultdict()['a'].x()\n"}))


def test_what_the_build_copies_somewhere_is_there() -> None:
    setup = """
        import os, shutil
        from setuptools import Extension, setup

        made = os.path.join("build", "lib1")
        shutil.copytree("lib", made)
        with open(os.path.join(made, "a.c")) as source:
            text = source.read()
        setup(name="demo", ext_package="demo", ext_modules=[Extension("_c", [os.path.join(made, "a.c"), "b.c"])])
    """
    analysis = analyse({"setup.py": setup, "lib/a.c": "", "b.c": ""})
    assert traps(analysis) == set() and analysis.incomplete == ()
    assert analysis.extension_modules == ("demo._c",)
    assert "sources-missing" in traps(analyse({"setup.py": setup, "lib/a.c": ""}))


def test_an_import_whose_error_is_suppressed_is_optional() -> None:
    setup = """
        import contextlib
        from contextlib import suppress
        from setuptools import setup

        jobs = 1
        with contextlib.suppress(ImportError):
            import joblib
            jobs = joblib.cpu_count()
        with suppress(KeyError, AttributeError):
            import numpy
        setup(name="demo")
    """
    analysis = analyse({"setup.py": setup})
    assert required(analysis) == {"numpy", "setuptools"}
    assert "joblib" in {need.distribution for need in analysis.build_needs}


def test_a_loop_with_too_many_turns_does_not_hide_what_comes_after() -> None:
    setup = """
        from setuptools import setup

        total = 0
        for number in range(4_000):
            total = total + len(str(number) + "a" + str(number) + "b") + len([number, number]) + number * 2 + number * 3
        import numpy
        setup(name="demo")
    """
    analysis = analyse({"setup.py": setup})
    assert required(analysis) == {"numpy", "setuptools"}
    assert any("a loop with too many turns to follow" in line for line in analysis.incomplete)


def test_what_is_done_for_help_only_is_not_done_in_a_build() -> None:
    setup = """
        import sys
        from setuptools import Distribution, setup

        if any("--" + option in sys.argv for option in Distribution.display_option_names) or sys.argv[1] == "egg_info":
            import sphinx
        else:
            import numpy
        if not any("--" + option in sys.argv for option in Distribution.display_option_names + ["help-commands"]):
            import cython
        setup(name="demo")
    """
    assert required(analyse({"setup.py": setup})) == {"cython", "numpy", "setuptools"}


def test_a_modules_docstring_is_there() -> None:
    setup = '''
        """Demo: what it is."""
        from setuptools import setup
        import helper
        setup(name="demo", description=__doc__.lstrip(), install_requires=[helper.__doc__.strip()])
    '''
    analysis = analyse({"setup.py": setup, "helper.py": '"""numpy"""\n'})
    assert analysis.incomplete == () and analysis.readings[0].requires_dist == ("numpy",)


def test_finding_a_module_without_importing_it_needs_it() -> None:
    setup = """
        from imp import find_module
        from setuptools import setup
        print(find_module("numpy"))
        setup(name="demo")
    """
    assert required(analyse({"setup.py": setup})) == {"numpy", "setuptools"}


def test_texts_in_a_folder_that_is_spelt_are_read_whichever_is_meant() -> None:
    setup = """
        from setuptools import setup

        def read(name):
            with open(f"requirements/{name}.txt") as file:
                return file.read().split()

        setup(name="demo", version="1.0", install_requires=read("base"), extras_require={n: read(n) for n in ("gpu",)})
    """
    files = {"setup.py": setup, "requirements/base.txt": "numpy\n", "requirements/gpu.txt": "cupy\n"}
    assert set(analyse(files).readings[0].requires_dist) == {"numpy", 'cupy; extra == "gpu"'}


def test_extensions_that_numpys_distutils_is_told_of_are_compiled() -> None:
    setup = """
        from numpy.distutils.core import setup
        from numpy.distutils.misc_util import Configuration

        def configuration(parent_package="", top_path=None):
            config = Configuration(None, parent_package, top_path)
            config.add_subpackage("demo")
            return config

        setup(name="demo", configuration=configuration)
    """
    analysis = analyse({"setup.py": setup, "demo/a.f": "", "demo/b.pyx": ""})
    assert analysis.extension and tools(analysis).keys() == {"c", "fortran"}
