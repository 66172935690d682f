"""Metadata: what may be trusted, and what setup.py computes under each torch."""

from __future__ import annotations

from textwrap import dedent

import pytest

from envcompose.analyse import BuildRules, analyse_sdist, trim_checkout
from envcompose.model.analysis import Analysis, MetadataSource

TORCHES = (None, "2.5.1", "2.6.0", "2.8.0+cu128")


def analyse(files: dict[str, str], torches: tuple[str | None, ...] = (None,)) -> Analysis:
    texts = trim_checkout({path: dedent(text).encode() for path, text in files.items()}, "demo-1.0.tar.gz")
    return analyse_sdist(texts, rules=BuildRules(), torches=torches)


FOLLOWING = """
    import re, platform
    from importlib.metadata import PackageNotFoundError, version
    from setuptools import find_packages, setup

    def parse_requirements(extras):
        requires = []
        with open("./requirements.txt", encoding="utf-8") as lines:
            for line in [r.strip() for r in lines.readlines()]:
                if line.startswith("--extra-index-url"):
                    _, url = line.split()
                elif line and line[0] != "#":
                    requires.append(line)
        pinned = [r for r in requires if "xformers" in r][0]
        if "Darwin" in platform.system():
            requires.clear()
        else:
            try:
                torch_version = version("torch")
            except PackageNotFoundError:
                torch_version = "2.6.0"
            requires.append(f"torch=={torch_version}")
            match = re.match(r"^(\\d+)\\.(\\d+)(?:\\.(\\d+))?", torch_version)
            major, minor, patch = match.groups()
            if (int(major), int(minor)) >= (2, 8):
                requires.pop(requires.index(pinned))
                extras["vllm"] = ["vllm==0.11.0"]
            elif (int(major), int(minor)) >= (2, 6):
                requires.remove(pinned)
                requires.append("xformers==0.0.29.post2")
                extras.pop("vllm")
        return requires, extras

    extras = {"vllm": ["vllm==0.7.2"], "flash-attn": ["flash-attn==2.7.4.post1"]}
    install_requires, extras_build = parse_requirements(extras)
    setup(name="demo", packages=find_packages("src"), install_requires=install_requires, extras_require=extras_build)
"""
REQUIREMENTS = "--extra-index-url https://example.org/\n# a comment\nxformers>=0.0.23\nNumPy >= 1.24, <2\n"


def test_requirements_that_follow_torch_are_read_once_per_torch() -> None:
    analysis = analyse({"setup.py": FOLLOWING, "requirements.txt": REQUIREMENTS}, TORCHES)
    flash = 'flash-attn==2.7.4.post1; extra == "flash-attn"'
    assert [(r.torch, r.requires_dist) for r in analysis.readings] == [
        (None, ("numpy<2,>=1.24", "torch==2.6.0", "xformers==0.0.29.post2", flash)),
        ("2.5.1", ("xformers>=0.0.23", "numpy<2,>=1.24", "torch==2.5.1", 'vllm==0.7.2; extra == "vllm"', flash)),
        ("2.6.0", ("numpy<2,>=1.24", "torch==2.6.0", "xformers==0.0.29.post2", flash)),
        ("2.8.0+cu128", ("numpy<2,>=1.24", "torch==2.8.0+cu128", 'vllm==0.11.0; extra == "vllm"', flash)),
    ]
    assert {r.source for r in analysis.readings} == {MetadataSource.EVALUATED}
    assert all(r.complete and r.incomplete == () for r in analysis.readings)
    assert analysis.follows_torch
    assert not analysis.static_for_uv


INFO = """\
Metadata-Version: {version}
Name: demo
Version: 1.0
{dynamic}Requires-Python: >=3.9
Requires-Dist: torch==2.8.0
Provides-Extra: dev
Requires-Dist: pytest; extra == "dev"
"""


@pytest.mark.parametrize(
    ("version", "dynamic", "standard", "uv"),
    [
        ("2.4", "", True, True),
        ("2.2", "Dynamic: license\n", True, True),
        ("2.4", "Dynamic: requires-dist\n", False, True),
        ("2.4", "Dynamic: Requires-Dist\n", False, False),
        ("2.4", "Dynamic: provides-extra\n", False, True),
        ("2.1", "", False, False),
    ],
)
def test_pkg_info_is_static_by_the_standard_and_for_uv_by_different_rules(
    version: str, dynamic: str, standard: bool, uv: bool
) -> None:
    info = INFO.format(version=version, dynamic=dynamic)
    analysis = analyse({"PKG-INFO": info, "setup.py": "from setuptools import setup\nsetup(install_requires=['a'])\n"})
    assert (analysis.static_by_standard, analysis.static_for_uv) == (standard, uv)
    expected = ("torch==2.8.0", 'pytest; extra == "dev"') if standard else ("a",)
    assert analysis.readings[0].requires_dist == expected


def test_what_cannot_be_evaluated_falls_back_to_what_uv_reads() -> None:
    info = INFO.format(version="2.4", dynamic="Dynamic: requires-dist\n")
    setup = "import os\nfrom setuptools import setup\nsetup(install_requires=download())\n"
    (reading,) = analyse({"PKG-INFO": info, "setup.py": setup}).readings
    assert reading.source is MetadataSource.UV_STATIC
    assert reading.requires_dist == ("torch==2.8.0", 'pytest; extra == "dev"')
    assert reading.requires_python == ">=3.9"


def test_what_cannot_be_evaluated_at_all_is_used_as_found_and_named_with_its_line() -> None:
    setup = "from setuptools import setup\nimport site\nsetup(\n  install_requires=['numpy', site.choose()])\n"
    (reading,) = analyse({"setup.py": setup}).readings
    assert reading.source is MetadataSource.AS_FOUND
    assert reading.requires_dist == ("numpy",)
    assert reading.incomplete == ("setup.py:4: not known: site.choose()",)


def test_a_requirement_under_an_undecided_condition_is_kept_with_its_condition() -> None:
    setup = """
        import torch
        from setuptools import setup
        requires = ["numpy"]
        if torch.cuda.is_available():
            requires.append("nvidia-ml-py")
        setup(install_requires=requires)
    """
    (reading,) = analyse({"setup.py": setup}, ("2.6.0",)).readings
    assert reading.requires_dist == ("numpy", "nvidia-ml-py")
    assert reading.incomplete == ("depends on: torch.cuda.is_available()",)
    assert not analyse({"setup.py": setup}, ("2.6.0",)).follows_torch


def test_without_torch_a_setup_that_imports_it_says_so_and_gives_its_requirements_all_the_same() -> None:
    setup = "import torch\nfrom setuptools import setup\nsetup(install_requires=['torch', 'einops'])\n"
    isolated, visible = analyse({"setup.py": setup}, (None, "2.6.0")).readings
    assert isolated.requires_dist == visible.requires_dist == ("torch", "einops")
    assert isolated.incomplete == ("setup.py:1: raises ModuleNotFoundError (No module named 'torch')",)
    assert (isolated.complete, visible.complete) == (False, True)


def test_pyproject_states_and_setup_fills_in_only_what_is_dynamic() -> None:
    pyproject = """
        [build-system]
        requires = ["setuptools>=64"]
        build-backend = "setuptools.build_meta"
        [project]
        name = "demo"
        version = "1.0"
        requires-python = ">=3.10"
        dynamic = ["dependencies"]
        [project.optional-dependencies]
        Dev_Tools = ["pytest>=8"]
    """
    setup = "from setuptools import setup\nsetup(install_requires=['numpy'], extras_require={'x': ['y']})\n"
    (reading,) = analyse({"pyproject.toml": pyproject, "setup.py": setup}).readings
    assert reading.requires_dist == ("numpy", 'pytest>=8; extra == "dev-tools"')
    assert reading.provides_extra == ("dev-tools",)
    assert reading.requires_python == ">=3.10"
    assert reading.source is MetadataSource.EVALUATED


def test_dependencies_that_pyproject_takes_from_files_are_read() -> None:
    pyproject = """
        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"
        [project]
        name = "demo"
        dynamic = ["version", "dependencies"]
        [tool.setuptools.dynamic]
        dependencies = {file = ["requirements.txt"]}
    """
    (reading,) = analyse({"pyproject.toml": pyproject, "requirements.txt": "a>1 # why\n-r other.txt\nb\n"}).readings
    assert reading.requires_dist == ("a>1", "b")


def test_setup_cfg_is_read_where_setup_says_nothing() -> None:
    cfg = """
        [options]
        python_requires = >=3.8
        install_requires =
            numpy>=1.20
            tomli; python_version < "3.11"
        [options.extras_require]
        dev = pytest
    """
    (reading,) = analyse({"setup.cfg": cfg, "setup.py": "import setuptools\nsetuptools.setup()\n"}).readings
    assert reading.requires_dist == ("numpy>=1.20", 'tomli; python_version < "3.11"', 'pytest; extra == "dev"')
    assert reading.requires_python == ">=3.8"


def test_egg_info_is_used_where_setup_defeats_the_evaluation() -> None:
    files = {
        "setup.py": "from setuptools import setup\nsetup(install_requires=wonder())\n",
        "demo.egg-info/requires.txt": 'numpy\n\n[:python_version < "3.9"]\nold\n\n[gpu]\ncupy\n',
    }
    (reading,) = analyse(files).readings
    assert reading.source is MetadataSource.EGG_INFO
    assert reading.requires_dist == ("numpy", 'old; python_version < "3.9"', 'cupy; extra == "gpu"')


def test_a_malformed_pyproject_is_reported_and_counts_as_absent() -> None:
    analysis = analyse({"pyproject.toml": "[project\n", "setup.py": "from setuptools import setup\nsetup()\n"})
    assert analysis.build_backend == "setuptools.build_meta:__legacy__"
    assert analysis.incomplete[0].startswith("pyproject.toml: ")


@pytest.mark.parametrize("place", ["PKG-INFO", "demo.egg-info/requires.txt", "pyproject.toml", "setup.py"])
def test_a_number_of_thousands_of_digits_in_a_requirement_is_no_requirement(place: str) -> None:
    absurd = "numpy==" + "1" * 5001
    files = {
        "PKG-INFO": f"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nRequires-Dist: {absurd}\n",
        "demo.egg-info/requires.txt": f"{absurd}\n",
        "pyproject.toml": f'[build-system]\nrequires = ["{absurd}"]\n[project]\nname = "demo"\nversion = "1"\ndependencies = ["{absurd}"]\n',
        "setup.py": f"from setuptools import setup\nsetup(install_requires=['{absurd}'], setup_requires=['{absurd}'])\n",
    }
    analysis = analyse({place: files[place]})

    assert [text for reading in analysis.readings for text in reading.requires_dist or ()] == []
    assert "numpy" not in {need.distribution for need in analysis.build_needs}


def test_a_name_that_is_a_tangle_of_lists_is_no_name_and_ends_nothing() -> None:
    setup = """
        import torch
        from torch.utils.cpp_extension import CUDAExtension
        from setuptools import setup
        name = "demo"
        for i in range(3000):
            name = [name]
        file = f"https://x/{ver()}/{wheel()}.whl"
        setup(name=name, setup_requires=["ninja"], ext_modules=[CUDAExtension("a", ["a.cu"])])
    """
    analysis = analyse({"setup.py": setup})

    assert analysis.name == "demo"
    assert "torch" in {need.distribution for need in analysis.build_needs}


def test_a_requirement_whose_text_cannot_be_read_again_is_left_out_and_told() -> None:
    setup = """
        from setuptools import setup
        setup(install_requires=["numpy; python_version < '3.\\\\n'", "scipy"])
    """
    analysis = analyse({"setup.py": setup})

    (reading,) = analysis.readings
    assert reading.requires_dist == ("scipy",)
    assert not reading.complete and "not a requirement" in reading.incomplete[0]


def test_a_requirement_that_is_given_twice_is_given_twice_as_a_build_would_write_it() -> None:
    setup = "from setuptools import setup\nsetup(extras_require={'all': ['b', 'a', 'b']})\n"
    analysis = analyse({"setup.py": setup})

    assert analysis.readings[0].requires_dist == ('b; extra == "all"', 'a; extra == "all"', 'b; extra == "all"')


def test_requirements_that_come_from_a_set_stand_in_the_order_of_pkg_info_where_pixi_reads_that() -> None:
    info = "Metadata-Version: 2.2\nName: demo\nVersion: 1.0\nDynamic: requires-dist\n"
    files = {
        "setup.py": "from setuptools import setup\nsetup(install_requires=list({'a', 'c', 'b'}))\n",
        "PKG-INFO": info + "Requires-Dist: c\nRequires-Dist: a\nRequires-Dist: b\n",
    }
    (reading,) = analyse(files).readings
    assert (reading.requires_dist, reading.source) == (("c", "a", "b"), MetadataSource.EVALUATED)

    (reading,) = analyse({**files, "PKG-INFO": info + "Requires-Dist: c\nRequires-Dist: a\n"}).readings
    assert reading.requires_dist == ("a", "b", "c")
