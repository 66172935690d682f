"""Readers take any text: they give a reading or an error of the user's world, and nothing else, in bounded time."""

import sys
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envcompose.errors import EnvcomposeError, FileMissing
from envcompose.model.facts import StackRecipe
from envcompose.model.intent import InputReading
from envcompose.read.environment_yml import read_environment_yml
from envcompose.read.folder import read_folder
from envcompose.read.merge import merge_readings
from envcompose.read.positional import read_positionals
from envcompose.read.pyproject import read_pyproject
from envcompose.read.requirements_txt import read_requirements_txt
from envcompose.read.secrets import mask_secrets
from envcompose.read.setup_files import read_setup_cfg

FUZZED = settings(
    max_examples=60,
    deadline=timedelta(milliseconds=500),
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
)


class FakeTextFiles:
    """The TextFiles port over a mapping of paths to bytes."""

    def __init__(self, contents):
        self.contents = contents

    def read_bytes(self, path):
        if path not in self.contents:
            raise FileMissing(path=path)
        return self.contents[path]

    def exists(self, path):
        return path in self.contents or bool(self.listing(path))

    def listing(self, path):
        above = "" if path in ("", ".") else f"{path}/"
        return tuple(sorted({one[len(above) :].partition("/")[0] for one in self.contents if one.startswith(above)}))


def mixtures(*words):
    """Texts that are mostly made of a format's own words, so that they come far into its reader, and any bytes."""
    text = st.lists(st.one_of(st.sampled_from(words), st.text(max_size=3)), max_size=14).map("".join)
    encoded = st.builds(lambda one, codec: one.encode(codec, "replace"), text, st.sampled_from(["utf-8", "utf-16"]))
    return st.one_of(encoded, st.binary(max_size=40))


PIP_WORDS = (
    *("a", "torch", "==1.0", ">=2", " ", "\n", "\\\n", "#", "; python_version > '3'", "[x]", "@ "),
    *("${A}", "-e ", "./p", "-r a.txt", "-c a.txt", "--hash=sha256:" + "a" * 64, "--index-url "),
    *("https://u:p@h/x", "git+https://h/r", "#egg=n", "-f ", "--pre", "--", "=", "'", '"'),
    *("x-1.0-py3-none-any.whl", "# coding: utf-7\n", "(" * 300, "9" * 5000),
)
TOML_WORDS = (
    *("[project]\n", "[tool.uv]\n", "[tool.poetry]\n", "[dependency-groups]\n", "[tool.uv.sources]\n"),
    *("[[tool.uv.index]]\n", "[project.optional-dependencies]\n", "[tool.poetry.dependencies]\n"),
    *("[tool.poetry.group.d.dependencies]\n", "[tool.setuptools.dynamic]\n", 'name = "a"\n'),
    *("dependencies = ", 'dynamic = ["dependencies"]\n', "url = ", "python = ", '["torch==2"]\n'),
    *('["a[x]"]\n', "x = ", "torch = ", "{", "}", "[", "]", '"x"\n', '"^1.2"\n', "true\n", "1\n", "\n"),
    *('{include-group = "x"}', '{index = "a"}\n', '{git = "https://h/r"}\n', '{path = "."}\n'),
    *("{workspace = true}\n", '{version = "1", python = "^3"}\n', 'requires-python = ">=3"\n'),
    *("extra-build-dependencies = ", "'''", '"""', "="),
)
YAML_WORDS = (
    *("name: x\n", "channels:\n", "dependencies:\n", "  - ", "- ", "pip:\n", "    - ", "numpy", "=1.2"),
    *(" >=1,<2", "\n", "python=3.11", "::", "[", "]", "{", "}", "|\n", "&a ", "*a", "!!x ", "-r a.txt"),
    *("'", '"', ": ", "a", "#", "\t", "=b"),
)
CFG_WORDS = (
    *("[metadata]\n", "[options]\n", "[options.extras_require]\n", "name = a\n", "install_requires =\n"),
    *("  torch==2\n", "x =\n", "  a[x]\n", "file: a.txt\n", "python_requires = >=3\n", "\n", "=", ":"),
    *(";", "  ", "#", "[", "%(a)s", "a b"),
)

FOLDER_FILES = ("p/pyproject.toml", "p/setup.cfg", "p/setup.py", "p/requirements.txt", "p/requirements-a.txt")


def gives_a_reading_or_an_error(read):
    try:
        assert isinstance(read(), InputReading)
    except EnvcomposeError as error:
        assert error.exit_status == 2
        assert error.sentence


@FUZZED
@given(mixtures(*PIP_WORDS), mixtures(*PIP_WORDS))
def test_any_requirements_file_is_read_or_refused(data, included):
    files = FakeTextFiles({"r.txt": data, "a.txt": included, "p/setup.py": data})
    gives_a_reading_or_an_error(
        lambda: merge_readings([read_requirements_txt("r.txt", files, environ={"A": "https://u:hunter2@h/"})])
    )


@FUZZED
@given(mixtures(*TOML_WORDS), st.sampled_from([(), ("x",)]))
def test_any_pyproject_is_read_or_refused(data, wanted):
    files = FakeTextFiles({"pyproject.toml": data, "x": b"torch"})
    gives_a_reading_or_an_error(lambda: read_pyproject("pyproject.toml", files, extras=wanted, groups=wanted))


@FUZZED
@given(mixtures(*YAML_WORDS))
def test_any_environment_file_is_read_or_refused(data):
    files = FakeTextFiles({"e.yml": data, "a.txt": b"torch"})
    gives_a_reading_or_an_error(lambda: read_environment_yml("e.yml", files, environ={}))


@FUZZED
@given(mixtures(*CFG_WORDS), st.sampled_from([(), ("x",)]))
def test_any_setup_cfg_is_read_or_refused(data, wanted):
    files = FakeTextFiles({"setup.cfg": data, "a.txt": b"torch"})
    gives_a_reading_or_an_error(lambda: read_setup_cfg("setup.cfg", files, extras=wanted))


@FUZZED
@given(
    st.dictionaries(
        st.sampled_from(
            ["p/pyproject.toml", "p/setup.cfg", "p/setup.py", "p/requirements.txt", "p/requirements-a.txt"]
        ),
        st.one_of(mixtures(*TOML_WORDS), mixtures(*CFG_WORDS), mixtures(*PIP_WORDS)),
    ),
    st.lists(st.text(max_size=12), max_size=3),
)
def test_any_folder_is_read_or_refused(contents, requires):
    def evaluate(files):
        return tuple(requires), {"x": tuple(files)}, None, ()

    files = FakeTextFiles(contents)
    gives_a_reading_or_an_error(lambda: read_folder("p", files, extras=(), groups=(), evaluate_setup=evaluate))


@FUZZED
@given(st.lists(st.sampled_from(PIP_WORDS) | st.text(max_size=9), max_size=5).map("".join))
def test_any_word_of_a_command_line_is_read_or_refused(word):
    stack = StackRecipe(
        name="torch", distribution="torch", summary="", default_extras=(), extras_why=None, imports=(), evidence=()
    )
    try:
        read_positionals([word], stacks={"torch": stack}, files=FakeTextFiles({}))
    except EnvcomposeError as error:
        assert error.exit_status == 2


REQUIREMENTS = st.lists(
    st.sampled_from(
        ["torch", "Torch", "numpy>=1", "torch==2.6", "a[x]", "a; python_version > '3'", "b @ https://h/b.zip"]
    ),
    max_size=8,
)


@FUZZED
@given(REQUIREMENTS, REQUIREMENTS)
def test_merging_keeps_every_line_or_tells_it_and_merging_again_changes_nothing(first, second):
    files = FakeTextFiles({"a.txt": "\n".join(first).encode(), "b.txt": "\n".join(second).encode()})
    readings = [read_requirements_txt(name, files, environ={}) for name in ("a.txt", "b.txt")]
    merged = merge_readings(readings)
    told = [(one.text, one.origin) for one in (*merged.requirements, *merged.fates)]
    assert sorted(told) == sorted((one.text, one.origin) for reading in readings for one in reading.requirements)
    assert merge_readings([merged]) == merged
    assert merge_readings(readings) == merged


SAFE = st.text(st.characters(categories=("L", "Nd")), min_size=6, max_size=12).map(lambda one: f"Secret{one}")


@FUZZED
@given(
    SAFE,
    st.sampled_from(["https://{}@h/x", "https://u:{}@h:80/x", "git+https://{}:x@h/r@main", "https://h/s?token={}"]),
)
def test_a_secret_shows_in_no_text_of_a_reading(secret, form):
    url = form.format(secret)
    text = f"--index-url {url}\nfoo @ {url}\nbar @ {url} ; python_version>'3'\n-e {url}#egg=x\n{url}\n"
    reading = read_requirements_txt("r.txt", FakeTextFiles({"r.txt": text.encode()}), environ={})
    shown = [one.text for one in reading.requirements] + [one.text for one in reading.fates]
    assert secret not in " ".join(shown + [one.text for one in reading.messages])
    with pytest.raises(EnvcomposeError) as caught:
        read_requirements_txt("r.txt", FakeTextFiles({"r.txt": f"foo @ {url} odd".encode()}), environ={})
    assert secret not in str(caught.value) + " ".join(caught.value.facts)


@FUZZED
@given(st.text(max_size=60))
def test_masking_twice_changes_nothing(text):
    once = mask_secrets(text)
    assert mask_secrets(once) == once


def test_pinned_lines_are_read_in_linear_work():
    def calls(count):
        text = "".join(f"package-{number}==1.{number}.0\n" for number in range(count)).encode()
        files, made = FakeTextFiles({"r.txt": text}), 0

        def note(frame, event, argument):
            nonlocal made
            made += event == "call"

        sys.setprofile(note)
        try:
            merge_readings([read_requirements_txt("r.txt", files, environ={})])
        finally:
            sys.setprofile(None)
        return made

    # Four times the lines; caches that fill up once leave some room.
    assert calls(2000) < 5 * calls(500)
