import pytest
from read_fakes import FakeTextFiles, lines_of

from envcompose.errors import (
    CyclicInclude,
    EnvcomposeError,
    FileMissing,
    FileUnreadable,
    OptionSyntax,
    RequirementSyntax,
)
from envcompose.read.requirements_txt import read_requirements_txt

A_HASH = "sha256:" + "a" * 64
B_HASH = "sha256:" + "b" * 64


def read(text, *, environ=None, path="requirements.txt", **others):
    contents = {path: text, **{name.replace("__", "/").replace("_", "."): value for name, value in others.items()}}
    return lines_of(read_requirements_txt(path, FakeTextFiles(contents), environ=environ or {}))


def error_of(kind, text, **given):
    with pytest.raises(kind) as caught:
        read(text, **given)
    return caught.value


def test_requirements_keep_their_line_their_marker_and_their_hashes():
    text = f"""# a comment
requests [security] >= 2.8.1 ; python_version < "3.14"  # why

torch==2.6.0 \\
    --hash={A_HASH} \\
    --hash {B_HASH}
numpy"""
    assert read(text) == [
        'requirements: requests[security]>=2.8.1; python_version < "3.14"'
        ' | requests [security] >= 2.8.1 ; python_version < "3.14" | requirements.txt:2',
        "requirements: torch==2.6.0 | torch==2.6.0 | requirements.txt:4 sha256:aaaaa sha256:bbbbb",
        "requirements: numpy | numpy | requirements.txt:7",
    ]


def test_includes_count_from_the_including_file_and_constraints_stay_apart():
    found = read(
        "-r sub/base.txt\n-c limits.txt\nfinal\n",
        sub__base_txt="numpy\n--requirement ../more.txt\n",
        more_txt="scipy\n",
        limits_txt="urllib3<2\n-r more.txt\n",
    )
    assert found == [
        "requirements: numpy | numpy | sub/base.txt:1",
        "requirements: scipy | scipy | more.txt:1",
        "requirements: final | final | requirements.txt:3",
        "constraints: urllib3<2 | urllib3<2 | limits.txt:1",
        "fate: -r sub/base.txt | requirements.txt:1 | kept: read in its place",
        "fate: --requirement ../more.txt | sub/base.txt:2 | kept: read in its place",
        "fate: -c limits.txt | requirements.txt:2 | kept: read in its place",
        "fate: -r more.txt | limits.txt:2 | merged: this file was read already",
    ]


def test_indexes_keep_their_secrets_and_show_none():
    found = read(
        "--index-url https://user:hunter2@first.example/simple\n"
        "--extra-index-url=https://${TOKEN}@second.example/simple?key=abc\n"
        "-f wheels --find-links https://links.example/\n",
        environ={"TOKEN": "swordfish"},
        wheels__a_whl="",
    )
    assert found == [
        "index: https://user:hunter2@first.example/simple",
        "extra index: https://swordfish@second.example/simple?key=abc",
        "find links: wheels",
        "find links: https://links.example/",
        "fate: --index-url https://****@first.example/simple | requirements.txt:1 | kept: a source of packages",
        "fate: --extra-index-url=https://${TOKEN}@second.example/simple?key=**** | requirements.txt:2"
        " | kept: a source of packages",
        "fate: -f wheels --find-links https://links.example/ | requirements.txt:3 | kept: a source of packages",
        "fate: -f wheels --find-links https://links.example/ | requirements.txt:3 | kept: a source of packages",
    ]


def test_references_get_their_name_from_the_line_or_the_file():
    found = read(
        "-e .\n"
        "-e git+https://github.com/a/b.git@v1#egg=bee[x]&subdirectory=s\n"
        "./wheels/foo-1.0-py3-none-any.whl ; python_version > '3'\n"
        f"bar[x] @ https://u:p@files.example/bar-1.0.tar.gz#{A_HASH.replace(':', '=')}\n"
        "https://files.example/baz-2.0.tar.gz\n"
        "./lib[fast]\n",
        pyproject_toml='[project]\nname = "Me"\n',
        lib__setup_py="from setuptools import setup\nsetup(name='lib-me')\n",
        **{"wheels__foo-1_0-py3-none-any_whl": ""},
    )
    assert found == [
        "requirements: Me @ . | . | requirements.txt:1 editable",
        "requirements: bee[x] @ git+https://github.com/a/b.git@v1#subdirectory=s"
        " | git+https://github.com/a/b.git@v1#egg=bee[x]&subdirectory=s | requirements.txt:2 editable",
        'requirements: foo @ ./wheels/foo-1.0-py3-none-any.whl ; python_version > "3"'
        " | ./wheels/foo-1.0-py3-none-any.whl ; python_version > '3' | requirements.txt:3",
        "requirements: bar[x] @ https://u:p@files.example/bar-1.0.tar.gz"
        f" | bar[x] @ https://****@files.example/bar-1.0.tar.gz#{A_HASH.replace(':', '=')} | requirements.txt:4"
        " sha256:aaaaa",
        "requirements: baz @ https://files.example/baz-2.0.tar.gz"
        " | https://files.example/baz-2.0.tar.gz | requirements.txt:5",
        "requirements: lib-me[fast] @ ./lib | ./lib[fast] | requirements.txt:6",
    ]


def test_file_urls_are_paths_whatever_their_form():
    found = read(
        "a @ file:lib%20one\nb @ FILE:///srv/two\n-e file:./lib%20one#egg=c\n",
        **{"lib one__setup_py": "", "__srv__two__setup_py": ""},
    )
    assert found == [
        "requirements: a @ ./lib%20one | a @ file:lib%20one | requirements.txt:1",
        "requirements: b @ file:///srv/two | b @ FILE:///srv/two | requirements.txt:2",
        "requirements: c @ ./lib%20one | file:./lib%20one#egg=c | requirements.txt:3 editable",
    ]


def test_what_cannot_be_honoured_is_told_line_by_line():
    found = read(
        "--pre\n--no-binary :all:\nfoo --config-settings a=b\ngit+https://github.com/a/b\nhg+https://h/x#egg=y\n"
        "-r https://h/other.txt\n--require-hashes\n"
    )
    assert found == [
        "requirements: foo | foo | requirements.txt:3",
        "fate: --pre | requirements.txt:1 | unsupported: put a pre-release into the bound of the requirement that"
        " needs one (>=2.0rc1)",
        "fate: --no-binary :all: | requirements.txt:2 | unsupported: say it per package: --artifact NAME=sdist",
        "fate: foo --config-settings | requirements.txt:3 | unsupported: pixi passes no settings to build backends",
        "fate: git+https://github.com/a/b | requirements.txt:4 | unsupported: nothing says which distribution this is:"
        " write it as NAME @ URL",
        "fate: hg+https://h/x#egg=y | requirements.txt:5 | unsupported: pixi installs from git only, not from hg",
        "fate: -r https://h/other.txt | requirements.txt:6 | unsupported: requirements behind a URL are not fetched:"
        " save the file and name it",
        "fate: --require-hashes | requirements.txt:7 | unsupported: requirements without a hash are taken; given hashes"
        " must match",
    ]


def test_an_undefined_variable_stays_as_it_is_and_is_told():
    assert read("foo @ https://${USER_1}:${PASS}@h/foo-1.0.zip\n") == [
        "requirements: foo @ https://${USER_1}:${PASS}@h/foo-1.0.zip"
        " | foo @ https://${USER_1}:${PASS}@h/foo-1.0.zip | requirements.txt:1",
        "warning: USER_1, PASS is not set in the environment, so the line stays as it is written | requirements.txt:1"
        " | set USER_1, PASS, or write its value",
    ]


def test_a_requirement_that_does_not_parse_is_shown_with_a_caret():
    error = error_of(RequirementSyntax, "numpy\ntorch==2.6.0 torchvision\n")
    assert (error.line, error.facts) == (2, ("  torch==2.6.0 torchvision", "               ^"))


def test_a_value_from_the_environment_is_in_no_error():
    error = error_of(RequirementSyntax, "foo @ ${WHERE} bar baz\n", environ={"WHERE": "https://u:hunter2@h/x y"})
    assert "hunter2" not in str(error) + " ".join(error.facts)
    assert error.facts[0] == "  foo @ ${WHERE} bar baz"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("--indx-url https://x", "The option --indx-url at requirements.txt:1 cannot be read: there is no such option"),
        ("--no", "The option --no at requirements.txt:1 cannot be read: it may mean --no-binary or --no-index"),
        ("-r", "The option --requirement at requirements.txt:1 cannot be read: its value is missing"),
        ("--pre=yes", "The option --pre at requirements.txt:1 cannot be read: it takes no value"),
        (
            "--pre foo",
            "A line of options at requirements.txt:1 cannot be read: a word without a dash stands among the options",
        ),
        ("-f 'x", "The option -f at requirements.txt:1 cannot be read: no closing quotation"),
        (
            "a==1 --hash=md5:00",
            "The option --hash at requirements.txt:1 cannot be read: a hash is sha256:, sha384: or sha512: and all its"
            " hexadecimal digits",
        ),
    ],
)
def test_options_that_pip_refuses_are_errors(text, sentence):
    assert error_of(OptionSyntax, text).sentence == sentence


def test_includes_in_a_circle_name_the_circle():
    error = error_of(CyclicInclude, "-r a.txt", a_txt="-r b.txt", b_txt="\n-r a.txt")
    assert (error.facts, error.file, error.line) == (("a.txt -> b.txt -> a.txt",), "b.txt", 2)


def test_a_missing_include_names_the_line_and_the_nearest_file():
    error = error_of(FileMissing, "\n-r sub/bsae.txt", sub__base_txt="")
    assert error.sentence == "There is no file sub/bsae.txt, named by requirements.txt:2"
    assert error.hints == ("did you mean sub/base.txt?",)


def test_a_path_of_the_machine_that_froze_the_list_suggests_the_name():
    error = error_of(FileMissing, "numpy @ file:///croot/numpy_1/there")
    assert error.sentence == "There is no file /croot/numpy_1/there, named by requirements.txt:1"
    assert error.hints == ("did you mean numpy==VERSION?",)


def test_a_file_of_another_format_is_refused_with_the_way_to_name_it():
    error = error_of(FileUnreadable, "-r pyproject.toml", pyproject_toml="[project]")
    assert (error.sentence, error.hints) == (
        "pyproject.toml cannot be read: it is no requirements file",
        ("name the folder that it lies in",),
    )


@pytest.mark.parametrize(
    "data",
    [
        "näme>1".encode("utf-16"),
        b"\xef\xbb\xbfn\xc3\xa4me>1",
        b"# -*- coding: latin-1 -*-\nn\xe4me>1",
    ],
)
def test_marks_and_coding_lines_decide_the_encoding(data):
    assert "näme>1" in error_of(RequirementSyntax, data).facts[0]


def test_bytes_that_are_no_text_are_told_with_their_line():
    error = error_of(FileUnreadable, b"numpy\ntorch \xff\n")
    assert error.sentence == "requirements.txt, line 2 cannot be read: byte 0xff is not utf-8"
    error = error_of(FileUnreadable, b"# coding: nonsense\n")
    assert error.sentence == (
        "requirements.txt, line 1 cannot be read: its coding line names nonsense, which is no text encoding"
    )


def test_a_comment_ends_a_continuation_as_in_pip():
    assert read("a\\\n# note \\\nb\n") == [
        "requirements: a | a | requirements.txt:1",
        "requirements: b | b | requirements.txt:3",
    ]


def test_an_editable_constraint_and_extras_on_a_constraint_are_told():
    found = read("-c c.txt", c_txt="a[x]>1\n-e git+https://h/r#egg=e\n")
    assert found == [
        "fate: -c c.txt | requirements.txt:1 | kept: read in its place",
        "fate: a[x]>1 | c.txt:1 | unsupported: a constraint cannot have extras",
        "fate: git+https://h/r#egg=e | c.txt:2 | unsupported: a constraint cannot be editable",
    ]


def test_every_error_here_is_an_input_error():
    for text in ("a b", "-r x", "--x", "\\x"):
        assert error_of(EnvcomposeError, text).exit_status == 2
