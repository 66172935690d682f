import pytest
from read_fakes import FakeTextFiles

from envcompose.errors import ConflictingPins, FileMissing, NearMiss, RequirementSyntax, WordUnclear
from envcompose.model.facts import StackRecipe
from envcompose.read.positional import read_positionals


def recipe(name, distribution=None):
    return StackRecipe(
        name=name,
        distribution=distribution or name,
        summary="",
        default_extras=(),
        extras_why=None,
        imports=(),
        evidence=(),
    )


STACKS = {one.name: one for one in (recipe("axolotl"), recipe("vllm"), recipe("torch"), recipe("trainer", "train-kit"))}


def read(*words, files=None):
    stacks, requirements, paths, messages = read_positionals(words, stacks=STACKS, files=FakeTextFiles(files))
    return (
        [f"{one.name} {one.specifier} {one.extras} | {one.text}" for one in stacks],
        [f"{one.requirement} | {one.text}" for one in requirements],
        list(paths),
        [one.text for one in messages],
    )


def test_words_are_stacks_requirements_and_paths():
    assert read("Axolotl[deepspeed]", "vllm==0.10.2", "train_kit", "flash-attn>=2.8", "./p", files={"p/x": ""}) == (
        [
            "axolotl  ('deepspeed',) | Axolotl[deepspeed]",
            "vllm ==0.10.2 None | vllm==0.10.2",
            "trainer  None | train_kit",
        ],
        ["flash-attn>=2.8 | flash-attn>=2.8"],
        ["p"],
        [],
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("xformers",), ["xformers is no stack of the recipes, so it is taken as the PyPI project xformers"]),
        (("xformers>=0.0.29",), []),
        (("torch", "xformers"), []),
    ],
)
def test_one_name_alone_that_is_no_stack_is_told(words: tuple[str, ...], said: list[str]):
    assert read(*words)[3] == said


def test_empty_brackets_ask_for_no_extras():
    assert read("axolotl[]")[0] == ["axolotl  () | axolotl[]"]


def test_urls_and_named_references_are_no_paths():
    assert read("foo @ https://u:p@h/foo.zip", "git+https://h/r#egg=r", "vllm @ https://h/vllm.zip")[1:] == (
        [
            "foo @ https://u:p@h/foo.zip | foo @ https://****@h/foo.zip",
            "r @ git+https://h/r | git+https://h/r#egg=r",
            "vllm @ https://h/vllm.zip | vllm @ https://h/vllm.zip",
        ],
        [],
        [],
    )


def test_a_wheel_by_path_is_a_requirement():
    wheel = "w/foo-1.0-py3-none-any.whl"
    assert read(wheel, files={wheel: ""})[1] == [f"foo @ ./{wheel} | {wheel}"]


@pytest.mark.parametrize(
    ("word", "stack"), [("axoltol", "axolotl"), ("axolot1s", "axolotl"), ("vlm", "vllm"), ("torhc", "torch")]
)
def test_a_near_miss_of_a_stack_is_an_error(word, stack):
    with pytest.raises(NearMiss) as caught:
        read(word)
    assert caught.value.hints == (
        f"did you mean {stack}?",
        f"write pypi:{word} if you mean the PyPI project of this name",
    )


def test_two_slips_in_a_short_name_are_no_near_miss():
    assert read("vapllm")[1] == ["vapllm | vapllm"]


def test_the_pypi_prefix_makes_a_requirement_of_any_name():
    assert read("pypi:axoltol", "pypi:vllm>=1")[:2] == ([], ["axoltol | axoltol", "vllm>=1 | vllm>=1"])


def test_a_stack_named_twice_is_asked_for_once():
    assert read("torch>=2", "torch[x]<3")[0] == ["torch <3,>=2 ('x',) | torch>=2 torch[x]<3"]
    with pytest.raises(ConflictingPins) as caught:
        read("torch==2.6.0", "torch==2.7.0")
    assert caught.value.facts == ("command line: torch==2.6.0", "command line: torch==2.7.0")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("requirements.txt", "write ./requirements.txt for the file, or -r requirements.txt for requirements"),
        ("vllm; python_version > '3'", "write vllm"),
        ("https://u:p@h/archive/main.zip", "write NAME @ https://****@h/archive/main.zip"),
    ],
)
def test_unclear_words_are_errors_with_the_clear_writing(word, hint):
    with pytest.raises(WordUnclear) as caught:
        read(word)
    assert caught.value.hints == (hint,)


def test_a_word_that_does_not_parse_is_shown_with_a_caret():
    with pytest.raises(RequirementSyntax) as caught:
        read("vllm=0.10.2")
    assert caught.value.facts == ("  vllm=0.10.2", "      ^")


def test_a_path_that_is_not_there_names_the_nearest():
    with pytest.raises(FileMissing) as caught:
        read("./porject", files={"project/pyproject.toml": ""})
    assert caught.value.hints == ("did you mean project?",)


@pytest.mark.parametrize(
    ("word", "caret", "reason"),
    [
        ("idna @ #egg=idna", 6, "the address behind the @ is empty"),
        ("idna[x] @ file://", 9, "the address behind the @ is empty"),
        ("idna @ file:///", 6, "the address behind the @ is empty"),
        ("idna @ https://#sha256=ab", 6, "its address names no host"),
        ("git+https://#egg=idna", 0, "its address names no host"),
    ],
)
def test_an_address_of_nothing_is_an_error_and_no_folder(word: str, caret: int, reason: str):
    with pytest.raises(RequirementSyntax) as caught:
        read(word)
    assert caught.value.sentence == f"A requirement on the command line does not parse: {reason}"
    assert caught.value.facts[1] == "  " + " " * caret + "^"
    assert caught.value.hints == (
        "write it as PEP 508 says, for example 'name @ https://index.example/name-1.2.tar.gz'",
    )
    assert caught.value.exit_status == 2
