import pytest
from read_fakes import FakeTextFiles, lines_of

from envcompose.errors import FileMissing, FileUnreadable, NothingToRead, UnknownValue
from envcompose.read.folder import read_folder
from envcompose.read.setup_files import FolderFiles, read_setup_cfg


def evaluate(files):
    assert b"setup" in files["setup.py"]
    return ("torch==2.6", "numpy"), {"Dev": ("pytest",)}, ">=3.9", ("it reads os.environ",)


def read(contents, *, extras=(), groups=(), evaluate_setup=evaluate, path="p/"):
    files = FakeTextFiles({f"p/{name}": text for name, text in contents.items()})
    return lines_of(read_folder(path, files, extras=extras, groups=groups, evaluate_setup=evaluate_setup))


def test_pyproject_speaks_first_and_what_is_not_read_is_told():
    contents = {
        "pyproject.toml": '[project]\nname = "p"\ndependencies = ["torch"]\n',
        "setup.py": "setup()",
        "requirements.txt": "numpy",
        "requirements-dev.txt": "pytest",
        "environment.yml": "",
    }
    assert read(contents) == [
        "requirements: torch | torch | p/pyproject.toml:3",
        "project: p p [] []",
        "note: requirements-dev.txt was not read: the project declares its own dependencies | p/requirements-dev.txt"
        " | -r p/requirements-dev.txt adds it",
        "note: requirements.txt was not read: the project declares its own dependencies | p/requirements.txt"
        " | -r p/requirements.txt adds it",
        "note: environment.yml was not read: a folder speaks through its Python project | p/environment.yml"
        " | -f p/environment.yml adds it",
        "name: p",
    ]


def test_setup_py_gives_what_pyproject_calls_dynamic():
    contents = {
        "pyproject.toml": '[project]\nname = "p"\ndynamic = ["dependencies", "optional-dependencies"]\n',
        "setup.py": "from setuptools import setup\nsetup(install_requires=[\n  'torch==2.6',\n])",
    }
    assert read(contents, extras=["dev"]) == [
        "requirements: torch==2.6 | torch==2.6 | p/setup.py:3",
        "requirements: numpy | numpy | p/setup.py",
        "requirements: pytest | pytest | p/setup.py",
        "python: >=3.9 | p/setup.py",
        "project: p p ['dev'] []",
        "warning: setup.py could not be followed to the end: it reads os.environ | p/setup.py",
        "name: p",
    ]


def test_a_requirements_file_speaks_where_no_project_does():
    contents = {"requirements.txt": "torch\n-i https://u:p@h/s\n", "pyproject.toml": "[tool.ruff]\n", "README": ""}
    assert read(contents) == [
        "requirements: torch | torch | p/requirements.txt:1",
        "index: https://u:p@h/s",
        "fate: -i https://****@h/s | p/requirements.txt:2 | kept: a source of packages",
    ]


def test_a_requirements_file_fills_in_for_a_project_without_dependencies():
    contents = {
        "pyproject.toml": '[project]\nname = "p"\ndynamic = ["dependencies"]\n',
        "requirements.txt": "-e .\ntorch\n-e ./lib\n",
        "lib/pyproject.toml": '[project]\nname = "lib"',
    }
    assert read(contents, evaluate_setup=None) == [
        "requirements: torch | torch | p/requirements.txt:2",
        "requirements: lib @ ./p/lib | ./lib | p/requirements.txt:3 editable",
        "project: p p [] []",
        "fate: . | p/requirements.txt:1 | merged: the project itself, which becomes an editable dependency",
        "name: p",
    ]


def test_setup_cfg_is_read_as_data():
    contents = {
        "setup.cfg": "[metadata]\nname = cc\n[options]\npython_requires = >=3.8\ninstall_requires =\n  a>=1\n  # why\n"
        "  b; python_version < '3.9'\nsetup_requires = wheel\n[options.extras_require]\nx =\n  y\n  cc[z]\nz = w; v\n"
    }
    assert read(contents, extras=["x"]) == [
        "requirements: a>=1 | a>=1 | p/setup.cfg:6",
        "requirements: b; python_version < \"3.9\" | b; python_version < '3.9' | p/setup.cfg:8",
        "requirements: y | y | p/setup.cfg:12",
        "requirements: w | w | p/setup.cfg",
        "requirements: v | v | p/setup.cfg",
        "python: >=3.8 | p/setup.cfg:4",
        "project: p cc ['x'] []",
        "fate: [options] setup_requires | p/setup.cfg:9 | unsupported: deprecated by setuptools, and not read",
        "fate: cc[z] | p/setup.cfg:13 | replaced: the extras z of this project itself",
        "name: cc",
    ]


def test_setup_cfg_may_name_requirements_files():
    files = FakeTextFiles({"setup.cfg": "[options]\ninstall_requires = file: base.txt\n", "base.txt": "torch\n"})
    assert lines_of(read_setup_cfg("setup.cfg", files, extras=())) == ["requirements: torch | torch | base.txt:1"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a = 1", 1, "it stands before the first section (INI)"),
        ("[a]\n[a]", 2, "this section is there already (INI)"),
        ("[a]\nb", 2, "it is neither a section nor an option with a value (INI)"),
        ("[options]\npython_requires = x", 2, "python_requires is no version specifier, such as >=3.10"),
    ],
)
def test_an_odd_setup_cfg_is_an_error_with_its_line(text, line, reason):
    with pytest.raises(FileUnreadable) as caught:
        read({"setup.cfg": text})
    assert caught.value.sentence == f"p/setup.cfg, line {line} cannot be read: {reason}"


def test_several_requirements_files_without_a_plain_one_are_a_question():
    with pytest.raises(NothingToRead) as caught:
        read({"requirements-cpu.txt": "torch", "requirements-gpu.txt": "torch"})
    assert caught.value.hints == (
        "name one of its files: requirements-cpu.txt",
        "name one of its files: requirements-gpu.txt",
    )


def test_unknown_extras_and_groups_are_errors():
    with pytest.raises(UnknownValue):
        read({"setup.cfg": "[metadata]\nname = cc\n[options.extras_require]\nx = y\n"}, extras=["z"])
    with pytest.raises(UnknownValue):
        read({"requirements.txt": "torch"}, groups=["dev"])


def test_a_folder_that_is_not_there_is_an_error():
    with pytest.raises(FileMissing) as caught:
        read({"setup.cfg": ""}, path="q")
    assert caught.value.sentence == "There is no file q, named by the command line"


def test_the_analyser_sees_the_files_of_the_folder_and_no_others():
    contents = {
        "p/setup.py": "",
        "p/a/version.txt": "1",
        "p/.git/config": "",
        "p/build/x": "",
        "q": "",
        "p/1/2/3/4/5/6": "",
    }
    files = FolderFiles("p", FakeTextFiles(contents))
    assert list(files) == ["a/version.txt", "setup.py"]
    assert files["a/version.txt"] == b"1"
    assert "../q" not in files
    assert "a" not in files
