import pytest
from read_fakes import FakeTextFiles, lines_of

from envcompose.errors import EnvcomposeError, FileUnreadable
from envcompose.read.conda_spec import parse_conda_spec
from envcompose.read.environment_yml import read_environment_yml


def read(text, *, environ=None, files=None):
    contents = {"env/environment.yml": text, **(files or {})}
    return lines_of(read_environment_yml("env/environment.yml", FakeTextFiles(contents), environ=environ or {}))


def test_specs_channels_and_the_pip_section_are_read_with_their_lines():
    text = """\
name: ml
channels:
  - nvidia
  - https://conda.example/t/${TOKEN}/chan
  - nodefaults
dependencies:
  - python=3.11
  - pytorch::pytorch==2.1.0=py3.11_cuda12.1
  - numpy >=1.21, <2
  - pip:
    - -r more.txt
    - --extra-index-url https://u:p@h/simple
    - torch==2.1
    - |
      first
      second==1
    - -e .
prefix: /home/someone
variables:
  API_KEY: hunter2
dependencis: []
"""
    files = {"env/more.txt": "x", "env/setup.cfg": "[metadata]\nname = own\n"}
    assert read(text, environ={"TOKEN": "swordfish"}, files=files) == [
        "requirements: x | x | env/more.txt:1",
        "requirements: torch==2.1 | torch==2.1 | env/environment.yml:13",
        "requirements: first | first | env/environment.yml:15",
        "requirements: second==1 | second==1 | env/environment.yml:16",
        "requirements: own @ ./env | . | env/environment.yml:17 editable",
        "conda: pytorch ==2.1.0 py3.11_cuda12.1 | pytorch | env/environment.yml:8",
        "conda: numpy >=1.21,<2 | None | env/environment.yml:9",
        "channel: nvidia",
        "channel: https://conda.example/t/swordfish/chan",
        "extra index: https://u:p@h/simple",
        "python: ==3.11.* | env/environment.yml:7",
        "fate: prefix: | env/environment.yml:18 | unsupported: the environment's place is pixi's to choose",
        "fate: variables: | env/environment.yml:19 | unsupported: environment variables of the file are not set; their"
        " values stand in the file alone",
        "fate: dependencis: | env/environment.yml:21 | unsupported: no key of an environment file: dependencies is"
        " meant?",
        "fate: nodefaults | env/environment.yml:5 | kept: no channel is added to those that are named",
        "fate: python=3.11 | env/environment.yml:7 | kept: a bound on the Python of the target",
        "fate: -r more.txt | env/environment.yml:11 | kept: read in its place",
        "fate: --extra-index-url https://****@h/simple | env/environment.yml:12 | kept: a source of packages",
        "name: ml",
    ]


@pytest.mark.parametrize(
    ("text", "channel", "name", "spec"),
    [
        ("a", None, "a", "*"),
        ("a=1.2", None, "a", "1.2.*"),
        ("a=1.2.*", None, "a", "1.2.*"),
        ("a==1.2", None, "a", "==1.2"),
        ("a=1.2=b", None, "a", "==1.2 b"),
        ("a 1.2", None, "a", "==1.2"),
        ("a 1.2.* cuda*", None, "a", "1.2.* cuda*"),
        ("a>=1", None, "a", ">=1"),
        ("a >= 1, < 2", None, "a", ">=1,<2"),
        ("a = 1.2", None, "a", "1.2.*"),
        ("a=*=x_1", None, "a", "* x_1"),
        ("a 1.2|1.3", None, "a", "==1.2|==1.3"),
        ("c/linux-64::A~=1.2", "c/linux-64", "a", "~=1.2"),
        ("a[version='>=1', build=\"x*\", channel=c]", "c", "a", ">=1 x*"),
    ],
)
def test_match_specs_mean_what_conda_means(text, channel, name, spec):
    found = parse_conda_spec(text)
    assert not isinstance(found, str)
    assert (found.channel, found.name, found.spec) == (channel, name, spec)


@pytest.mark.parametrize("text", ["", "=1", "a=", "a=1=", "a b c d", "a[version=1", "a[md5=0]", "a*", "é", "a @ b"])
def test_odd_match_specs_say_what_is_odd(text):
    assert isinstance(parse_conda_spec(text), str)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("- a", 1, "it must be a mapping with dependencies"),
        ("", 1, "it must be a mapping with dependencies"),
        ("dependencies: x", 1, "dependencies must be a list"),
        ("dependencies:\n- a\n- [b]", 3, "a dependency must be a match spec, or a mapping with pip"),
        ("dependencies:\n- numpy: 1.2", 2, "the mapping numpy is no pip section"),
        ("dependencies:\n- a b c d", 2, "the match spec 'a b c d' does not parse: its version is odd"),
        ("dependencies:\n- pip:\n  - {a: b}", 3, "an entry of the pip section must be a text"),
        ("name: a\nname: b", 2, "the key name stands twice"),
        ("name: &x a\nchannels: *x", 2, "aliases (*name) are not read"),
        ("name: a\nb: c: d", 2, "mapping values are not allowed in this context (YAML)"),
        ("[" * 100, 1, "it is nested too deeply"),
        ("a: b\n\x00", 2, "it is no YAML"),
    ],
)
def test_odd_files_are_errors_with_their_line(text, line, reason):
    with pytest.raises(FileUnreadable) as caught:
        read(text)
    assert caught.value.sentence == f"env/environment.yml, line {line} cannot be read: {reason}"


def test_a_pip_requirement_that_does_not_parse_is_told_with_its_line():
    with pytest.raises(EnvcomposeError) as caught:
        read("dependencies:\n- pip:\n  - ok\n  - not ok")
    assert (caught.value.file, caught.value.line) == ("env/environment.yml", 4)


def test_a_set_of_pythons_and_a_package_by_url_are_told():
    assert read("dependencies:\n- python 3.10|3.12\n- https://h/a-1-0.conda\n- python") == [
        "fate: python 3.10|3.12 | env/environment.yml:2 | unsupported: this set of Pythons has no PEP 440 form",
        "fate: https://h/a-1-0.conda | env/environment.yml:3 | unsupported: a package by URL: name it as"
        " NAME=VERSION=BUILD",
        "fate: python | env/environment.yml:4 | kept: every environment has a Python",
    ]
