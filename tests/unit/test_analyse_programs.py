"""Programs, scripts and commands that a build starts: whether they are needed, and what they leave behind."""

from __future__ import annotations

import pytest

from envcompose.write.analysis_document import isolated_build
from tests.unit.analyse_parts import analyse, required, tools, traps


def test_a_program_whose_absence_is_handled_is_not_needed() -> None:
    setup = """
        import subprocess
        from setuptools import setup
        from torch.utils.cpp_extension import CppExtension, CUDAExtension

        def has_toolkit():
            try:
                subprocess.call(["nvcc"], stdout=subprocess.DEVNULL)
                return True
            except FileNotFoundError:
                return False

        modules = [CppExtension("demo._cpu", ["a.cpp"])]
        if has_toolkit():
            modules.append(CUDAExtension("demo._cuda", ["a.cu"]))
        try:
            subprocess.check_call(["ninja", "--version"])
        except OSError:
            print("slow")
        setup(name="demo", ext_modules=modules)
    """
    analysis = analyse({"setup.py": setup, "a.cpp": "", "a.cu": ""})
    assert tools(analysis) == {"cxx": None, "nvcc": "has_toolkit()"}
    assert required(analysis) == {"setuptools", "torch"}
    stops = setup.replace('print("slow")', 'raise RuntimeError("no ninja")').replace('"ninja"', '"cmake"')
    assert "cmake" in required(analyse({"setup.py": stops, "a.cpp": "", "a.cu": ""}))


def test_another_vendors_program_whose_absence_is_handled_is_not_there_when_requirements_are_read() -> None:
    setup = """
        import subprocess
        from setuptools import setup

        def is_other():
            there = True
            try:
                subprocess.run(["other-ls"], check=True)
            except (FileNotFoundError, subprocess.CalledProcessError):
                there = False
            return there

        setup(name="demo", version="1.0", install_requires=["other-sdk"] if is_other() else ["numpy"])
    """
    analysis = analyse({"setup.py": setup})
    assert [reading.requires_dist for reading in analysis.readings] == [("numpy",)]


@pytest.mark.parametrize(
    "start", ["spawn([sys.executable, 'ffi/build.py'])", "self.spawn([sys.executable, 'ffi/build.py'])"]
)
def test_what_a_command_spawns_is_started(start: str) -> None:
    setup = f"""
        import sys
        from distutils.spawn import spawn
        from setuptools import setup
        from setuptools.command.build_ext import build_ext

        class Build(build_ext):
            def run(self):
                {start}

        setup(name="demo", cmdclass={{"build_ext": Build}})
    """
    script = "import subprocess\nimport yaml\nsubprocess.check_call(['make', '-C', 'ffi'])\n"
    analysis = analyse({"setup.py": setup, "ffi/build.py": script})
    assert required(analysis) == {"pyyaml", "setuptools"}
    assert tools(analysis) == {"make": None}


def test_a_command_that_builds_documents_is_no_part_of_the_build() -> None:
    setup = """
        import subprocess
        from setuptools import Command, setup

        class BuildDoc(Command):
            def run(self):
                import sphinx
                subprocess.check_call(["make", "html"])

        setup(name="demo", cmdclass={"build_doc": BuildDoc})
    """
    analysis = analyse({"setup.py": setup})
    assert required(analysis) == {"setuptools"} and tools(analysis) == {}


def test_a_script_that_clones_has_the_build_use_the_network_under_its_condition() -> None:
    setup = """
        import os, subprocess
        from setuptools import Extension, setup
        if not os.path.exists(os.environ.get("PATH")):
            subprocess.check_call(["./fetch.sh"])
        setup(name="demo", ext_modules=[Extension("demo", ["a.cpp"])])
    """
    script = "#!/bin/sh\ngit clone https://host.invalid/demo.git\n"
    analysis = analyse({"setup.py": setup, "fetch.sh": script, "a.cpp": ""})
    assert tools(analysis)["network"] == "not os.path.exists(os.environ.get('PATH'))"
    assert "downloads" in traps(analysis)


def test_one_of_several_programs_is_not_needed_by_itself() -> None:
    setup = """
        import shutil, subprocess
        from setuptools import Extension, setup
        from setuptools.command.build_ext import build_ext

        class Build(build_ext):
            def build(self, folder, tool=None):
                subprocess.check_call(["cmake", folder])
                assert tool is not None
                subprocess.check_call([tool, "-j4"], cwd=folder)

            def run(self):
                tool = "ninja" if shutil.which("ninja") else "make"
                try:
                    self.build("src", tool)
                except subprocess.CalledProcessError:
                    self.build("src", tool)

        setup(name="demo", ext_modules=[Extension("demo", [])], cmdclass={"build_ext": Build})
    """
    analysis = analyse({"setup.py": setup})
    assert required(analysis) == {"cmake", "setuptools"}
    assert "ninja" in {need.distribution for need in analysis.build_needs}
    assert "raises" not in traps(analysis)


def test_a_script_of_the_build_that_the_sdist_lacks_is_a_trap() -> None:
    setup = """
        import subprocess
        from setuptools import Extension, setup
        try:
            subprocess.check_output(["python", "./csrc/generate.py", "--module"])
        except subprocess.CalledProcessError as error:
            raise Exception("generating failed")
        setup(name="demo", ext_modules=[Extension("demo", ["csrc/a.cpp"])])
    """
    analysis = analyse({"setup.py": setup, "csrc/a.cpp": ""})
    assert "runs csrc/generate.py, which is not in the sdist" in {trap.text for trap in analysis.traps}
    assert isolated_build(analysis)[0] == "fails"
    there = analyse({"setup.py": setup, "csrc/a.cpp": "", "csrc/generate.py": "import jinja2\n"})
    assert "jinja2" in required(there) and traps(there) == {"undeclared-need"}


def test_a_script_that_exits_with_a_status_that_is_not_known_does_not_stop_the_build() -> None:
    setup = """
        import sys
        from setuptools import Extension, setup
        from setuptools.command.build_ext import build_ext

        class Build(build_ext):
            def run(self):
                self.spawn([sys.executable, "tool.py", "build"])

        setup(name="demo", version="1.0", install_requires=["numpy"], cmdclass={"build_ext": Build})
        sys.exit(0)
    """
    tool = "import subprocess, sys\n\ndef main():\n    return subprocess.call(['bazel'])\n\nsys.exit(main())\n"
    analysis = analyse({"setup.py": setup, "tool.py": tool})
    assert tools(analysis) == {"bazel": None} and traps(analysis) == set() and analysis.incomplete == ()
    assert "raises" in traps(analyse({"setup.py": "import sys\nsys.exit('not here')\n"}))


def test_what_a_command_is_set_up_with_holds_while_it_runs() -> None:
    setup = """
        import subprocess
        from setuptools import setup
        from setuptools.command.install import install

        def silently(command, raise_error=False):
            try:
                subprocess.check_call(command)
            except Exception:
                if raise_error:
                    raise Exception("please install CMake first")
                return 1

        class Install(install):
            def initialize_options(self):
                install.initialize_options(self)
                self.precompile = 0

            def run(self):
                if not self.precompile:
                    silently(["cmake", "."], raise_error=True)

        setup(name="demo", cmdclass={"install": Install})
    """
    assert required(analyse({"setup.py": setup})) == {"cmake", "setuptools"}
    careless = setup.replace("raise_error=True", "raise_error=False")
    assert required(analyse({"setup.py": careless})) == {"setuptools"}
