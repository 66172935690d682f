import pytest
from read_fakes import FakeTextFiles, lines_of

from envcompose.errors import CyclicInclude, FileMissing, FileUnreadable, RequirementSyntax, UnknownValue
from envcompose.read.pyproject import read_pyproject
from envcompose.read.tool_poetry import poetry_specifier


def read(text, *, extras=(), groups=(), files=None):
    contents = {"pyproject.toml": text, **(files or {})}
    return lines_of(read_pyproject("pyproject.toml", FakeTextFiles(contents), extras=extras, groups=groups))


def error_of(kind, text, **given):
    with pytest.raises(kind) as caught:
        read(text, **given)
    return caught.value


PROJECT = """\
[project]
name = "My_Proj"
requires-python = ">=3.10"
dependencies = [
  "torch==2.6.0",
  "my-proj[fast]; python_version >= '3.11'",
]
[project.optional-dependencies]
fast = ["flash-attn>=2.7", "my-proj[more]"]
more = ["deepspeed", "my-proj[fast]"]
train = ["accelerate"]
unused = ["x"]
[dependency-groups]
dev = ["pytest", {include-group = "lint"}]
lint = ["ruff"]
docs = ["sphinx"]
"""


def test_dependencies_extras_and_groups_are_read_with_their_lines():
    assert read(PROJECT, extras=["Train"], groups=["dev"]) == [
        "requirements: torch==2.6.0 | torch==2.6.0 | pyproject.toml:5",
        'requirements: flash-attn>=2.7; python_version >= "3.11" | flash-attn>=2.7 | pyproject.toml:9',
        'requirements: deepspeed; python_version >= "3.11" | deepspeed | pyproject.toml:10',
        "requirements: pytest | pytest | pyproject.toml:14",
        "requirements: ruff | ruff | pyproject.toml:15",
        "requirements: accelerate | accelerate | pyproject.toml:11",
        "python: >=3.10 | pyproject.toml:3",
        "project: . My_Proj ['Train'] ['dev']",
        "fate: my-proj[fast]; python_version >= '3.11' | pyproject.toml:6 | replaced: the extras fast of this project"
        " itself",
        "fate: my-proj[more] | pyproject.toml:9 | replaced: the extras more of this project itself",
        "fate: my-proj[fast] | pyproject.toml:10 | replaced: the extras fast of this project itself",
        "note: Not asked for, so not read: extras unused | pyproject.toml | --extra unused adds it",
        "note: Not asked for, so not read: groups docs | pyproject.toml | --group docs adds it",
        "name: My_Proj",
    ]


def test_uv_tables_give_indexes_sources_and_build_hints():
    text = """\
[project]
name = "p"
dependencies = ["torch", "lib-a[x]>=1", "tool", "gone", "mine"]
[tool.uv]
no-build-isolation-package = ["flash-attn"]
constraint-dependencies = ["urllib3<2"]
override-dependencies = ["numpy==1.26.4"]
prerelease = "allow"
[tool.uv.extra-build-dependencies]
flash-attn = ["torch", {requirement = "psutil", match-runtime = true}]
[[tool.uv.index]]
name = "pytorch-cu124"
url = "https://u:p@download.example/whl/cu124"
explicit = true
[[tool.uv.index]]
url = "https://mirror.example/simple"
default = true
[tool.uv.sources]
torch = [
  { index = "pytorch-cu124", marker = "sys_platform == 'linux'" },
  { index = "pytorch-cu124", marker = "sys_platform == 'darwin'" },
]
lib-a = { workspace = true }
tool = { git = "https://github.com/o/tool", tag = "v1", subdirectory = "s" }
gone = { workspace = true }
mine = { path = "vendor/mine", editable = true }
[tool.uv.workspace]
members = ["packages/*"]
"""
    files = {"packages/a/pyproject.toml": '[project]\nname = "lib_a"', "vendor/mine/setup.py": ""}
    assert read(text, files=files) == [
        "requirements: torch | torch | pyproject.toml:3",
        "requirements: lib-a[x] @ ./packages/a | lib-a[x]>=1 | pyproject.toml:3 editable",
        "requirements: tool @ git+https://github.com/o/tool@v1#subdirectory=s | tool | pyproject.toml:3",
        "requirements: mine @ ./vendor/mine | mine | pyproject.toml:3 editable",
        "constraints: urllib3<2 | urllib3<2 | pyproject.toml:6",
        "overrides: numpy==1.26.4 | numpy==1.26.4 | pyproject.toml:7",
        "index: https://mirror.example/simple",
        "pinned: torch https://u:p@download.example/whl/cu124",
        "no isolation: flash-attn | pyproject.toml:5",
        "build hint: flash-attn torch psutil | pyproject.toml:10",
        "project: . p [] []",
        "fate: index pytorch-cu124 | pyproject.toml:13 | kept: used only for the packages that name it",
        "fate: index https://mirror.example/simple | pyproject.toml:16 | kept: the default index",
        "fate: no-build-isolation-package flash-attn | pyproject.toml:5 | kept: it is built without isolation",
        "fate: extra-build-dependencies flash-attn: torch, psutil | pyproject.toml:10 | kept: a hint for its build",
        "fate: [tool.uv] prerelease | pyproject.toml:8 | unsupported: put a pre-release into the bound of the"
        " requirement that needs one",
        "fate: source of torch: index pytorch-cu124 | pyproject.toml:19 | kept: this index serves it",
        "fate: source of torch: index pytorch-cu124 | pyproject.toml:19 | inactive: its marker does not hold on"
        " linux-64",
        "fate: source of lib-a: workspace True | pyproject.toml:23 | kept: it comes from here instead of an index",
        "fate: source of tool: git https://github.com/o/tool | pyproject.toml:24 | kept: it comes from here instead of"
        " an index",
        "fate: source of gone: workspace True | pyproject.toml:25 | unsupported: no member of the workspace has this"
        " name",
        "fate: source of mine: path vendor/mine | pyproject.toml:26 | kept: it comes from here instead of an index",
        "fate: gone | pyproject.toml:3 | unsupported: its source in [tool.uv.sources] is not there, and an index may"
        " have another project of this name",
        "name: p",
    ]


def test_dynamic_lists_are_read_from_the_files_that_setuptools_names():
    text = """\
[project]
name = "p"
dynamic = ["dependencies", "optional-dependencies"]
[tool.setuptools.dynamic]
dependencies = {file = ["base.txt"]}
optional-dependencies.dev = {file = "dev.txt"}
"""
    assert read(text, extras=["dev"], files={"base.txt": "-i https://h/s\ntorch\n", "dev.txt": "# x\npytest\n"}) == [
        "requirements: torch | torch | base.txt:2",
        "requirements: pytest | pytest | dev.txt:2",
        "index: https://h/s",
        "project: . p ['dev'] []",
        "fate: -i https://h/s | base.txt:1 | kept: a source of packages",
        "name: p",
    ]


def test_lists_that_a_backend_computes_are_told():
    assert read('[project]\nname = "p"\ndynamic = ["dependencies"]') == [
        "project: . p [] []",
        "warning: The dependencies of this project are computed by its build backend and were not read"
        " | pyproject.toml:3 | give the project's folder instead of its file",
        "name: p",
    ]


def test_poetry_tables_become_requirements():
    text = """\
[tool.poetry]
name = "p"
[tool.poetry.dependencies]
python = "^3.10"
torch = {version = "~2.1", source = "pt"}
git-one = {git = "https://h/y.git", branch = "main", extras = ["z"]}
split = [{version = ">=1,<2", python = "<3.11"}, {version = "^2", python = ">=3.11"}]
maybe = {version = "*", optional = true}
union = "1||2"
[tool.poetry.extras]
more = ["maybe"]
[tool.poetry.group.dev.dependencies]
pytest = "*"
[[tool.poetry.source]]
name = "pt"
url = "https://h/whl"
priority = "explicit"
"""
    assert read(text, extras=["more"], groups=["dev"]) == [
        'requirements: torch<2.2,>=2.1 | torch = {version = "~2.1", source = "pt"} | pyproject.toml:5',
        "requirements: git-one[z] @ git+https://h/y.git@main"
        ' | git-one = {git = "https://h/y.git", branch = "main"} | pyproject.toml:6',
        'requirements: split<2,>=1; python_full_version < "3.11"'
        ' | split = {version = ">=1,<2", python = "<3.11"} | pyproject.toml:7',
        'requirements: split<3,>=2; python_full_version >= "3.11"'
        ' | split = {version = "^2", python = ">=3.11"} | pyproject.toml:7',
        'requirements: pytest | pytest = "*" | pyproject.toml:13',
        'requirements: maybe | maybe = {version = "*"} | pyproject.toml:8',
        "pinned: torch https://h/whl",
        "python: <4,>=3.10 | pyproject.toml:4",
        "project: . p ['more'] ['dev']",
        'fate: union = "1||2" | pyproject.toml:9 | unsupported: this version constraint has no PEP 440 form',
        "fate: source pt https://h/whl | pyproject.toml:16 | kept: used only for the packages that name it",
        "name: p",
    ]


@pytest.mark.parametrize(
    ("text", "specifier"),
    [
        ("^1.2.3", "<2,>=1.2.3"),
        ("^0.2.3", "<0.3,>=0.2.3"),
        ("^0.0.3", "<0.0.4,>=0.0.3"),
        ("^0", "<1,>=0"),
        ("^0.0", "<0.1,>=0.0"),
        ("~1.2.3", "<1.3,>=1.2.3"),
        ("~1", "<2,>=1"),
        ("1.2", "==1.2"),
        ("1.2.*", "==1.2.*"),
        ("*", ""),
        (">=1 <2", "<2,>=1"),
        (">= 1.0, != 1.5", "!=1.5,>=1.0"),
        ("1 || 2", None),
        ("latest", None),
    ],
)
def test_poetry_constraints_have_these_pep_440_forms(text, specifier):
    found = poetry_specifier(text)
    assert (None if found is None else str(found)) == specifier


def test_other_tools_tables_are_told():
    text = '[tool.pixi.workspace]\nname = "x"\n[[tool.pdm.source]]\nname = "pypi"\nurl = "https://u:p@h/s"\n'
    assert read(text) == [
        "index: https://u:p@h/s",
        "fate: source https://****@h/s | pyproject.toml:5 | kept: a source of packages",
        "fate: [tool.pixi] | pyproject.toml:1 | unsupported: pixi's own table is not read yet",
    ]


def test_a_requirement_that_does_not_parse_is_shown_with_its_line_and_a_caret():
    error = error_of(RequirementSyntax, '[project]\nname = "p"\ndependencies = [\n  "ok",\n  "torch=2",\n]')
    assert (error.line, error.facts) == (5, ("  torch=2", "       ^"))


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[project]\nname = 1", 2, "project.name must be a text"),
        ('[project]\nname = "p"\ndependencies = "torch"', 3, "project.dependencies must be a list of texts"),
        ("[project]\nname = '-'", 2, "project.name is no distribution name"),
        ("x = 1\nx = ", None, "Invalid value (TOML)"),
        ("x = 1\nx = 2\n", 2, "Cannot overwrite a value (TOML)"),
        (
            '[project]\nname = "p"\nrequires-python = "3.x"',
            3,
            "project.requires-python is no version specifier, such as >=3.10",
        ),
        (
            '[tool.uv.sources]\ntorch = {index = "pt"}\n[[tool.uv.index]]\nname = "ptt"\nurl = "https://h"',
            2,
            "tool.uv.sources.torch names the index pt, which [[tool.uv.index]] does not have, did you mean ptt?",
        ),
    ],
)
def test_odd_values_are_errors_with_their_place(text, line, reason):
    error = error_of(FileUnreadable, text)
    assert error.line == line
    assert error.sentence.endswith(f"cannot be read: {reason}")


def test_unknown_extras_and_groups_suggest_known_ones():
    assert error_of(UnknownValue, PROJECT, extras=["trian"]).hints == ("did you mean --extra train?",)
    assert error_of(UnknownValue, PROJECT, groups=["lnit"]).hints == ("did you mean --group lint?",)


def test_groups_in_a_circle_name_the_circle():
    text = '[dependency-groups]\na = [{include-group = "B"}]\nb = [{include-group = "a"}]'
    assert error_of(CyclicInclude, text, groups=["A"]).facts == ("a -> b -> a",)


def test_a_group_that_includes_none_names_the_nearest():
    text = '[dependency-groups]\ndev = [{include-group = "lnt"}]\nlint = []'
    error = error_of(FileUnreadable, text, groups=["dev"])
    assert (error.line, error.hints) == (2, ("did you mean lint?",))


def test_a_path_source_that_is_not_there_is_an_error():
    text = '[project]\nname = "p"\ndependencies = ["x"]\n[tool.uv.sources]\nx = {path = "../x"}'
    assert error_of(FileMissing, text).sentence == "There is no file ../x, named by pyproject.toml:5"
