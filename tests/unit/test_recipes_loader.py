"""The strict loader, over small texts of our own."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.errors import RecipeInvalid
from envcompose.model.facts import Facts
from envcompose.read.recipes import digest_of, load_facts

SOURCES = """
[sources.page]
source = "a page"
as_of = "2026-11-20"
"""

STACK = """
distribution = "some-stack"
summary = "Something"
default_extras = ["fast"]
extras_why = "the page says so"
imports = ["some_stack"]
[[evidence]]
text = "it is so"
source = "page"
"""

TORCH = """
index = "https://wheels.example/{label}"
[archs.all]
machine_code = "8.0 9.0"
ptx = "9.0"
source = "page"
[[release]]
version = "2.6.0"
date = "2025-01-29"
pythons = "3.9-3.11"
builds = [
  ["12.4", "", false, "all", "page"],
  ["12.6", "cu126", true, "all", "page"],
]
triton = "==3.2.0"
torchvision = "0.21.0"
glibc = "2.28"
cxx = 17
source = "page"
"""

PREBUILT = """
[prebuilt]
url = "https://wheels.example/{version}/{cuda}-{torch}-{abi}-{python}.whl"
[[prebuilt.groups]]
versions = "1.0 1.1"
glibc = "2.32"
nightly = "2.6"
files = [["2.5-2.6", "11 12", "3.9-3.10", "both"]]
source = "page"
"""


def load_one(path: str, text: str) -> Facts:
    return load_facts({path: text + SOURCES})


def problems_of(path: str, text: str, sources: str = SOURCES) -> list[str]:
    with pytest.raises(RecipeInvalid) as caught:
        load_facts({path: text + sources})
    return list(caught.value.facts)


def test_no_texts_give_empty_facts() -> None:
    facts = load_facts({})
    assert (facts.torch, facts.packages, facts.stacks, facts.as_of) == ((), {}, {}, "")


def test_a_stack_is_read_with_its_evidence() -> None:
    stack = load_one("stacks/some-stack.toml", STACK).stacks["some-stack"]
    assert stack.default_extras == ("fast",)
    assert [(item.text, item.source, item.as_of) for item in stack.evidence] == [("it is so", "a page", "2026-11-20")]


def test_a_torch_release_has_its_default_build_first_and_the_index_of_the_others() -> None:
    (release,) = load_one("tables/torch.toml", TORCH).torch
    default, other = release.builds
    assert (default.cuda, default.index, default.local, default.cxx11_abi) == ("12.4", None, None, False)
    assert (other.index, other.local) == ("https://wheels.example/cu126", "cu126")
    assert (other.archs, other.ptx) == (("8.0", "9.0"), "9.0")
    assert release.pythons == ("3.9", "3.10", "3.11")


def test_a_torch_release_without_a_default_build_is_refused() -> None:
    text = TORCH.replace('["12.4", "", false', '["12.4", "cu124", false')
    assert problems_of("tables/torch.toml", text) == [
        "tables/torch.toml: release[0].builds: the build of the default index must come first"
    ]


def test_releases_out_of_order_are_refused() -> None:
    release = TORCH[TORCH.index("[[release]]") :]
    text = TORCH + release.replace("2.6.0", "2.5.0", 1)
    assert problems_of("tables/torch.toml", text) == [
        "tables/torch.toml: release: must be in ascending order, without repetition"
    ]


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    text = STACK.replace("default_extras", "default_extra")
    assert "stacks/some-stack.toml: default_extra: unknown key, perhaps you meant 'default_extras'" in problems_of(
        "stacks/some-stack.toml", text
    )


def test_all_problems_of_all_files_come_in_one_report() -> None:
    with pytest.raises(RecipeInvalid) as caught:
        load_facts(
            {
                "stacks/some-stack.toml": STACK.replace('"some-stack"', "1") + SOURCES,
                "tables/torch.toml": TORCH.replace('"2.6.0"', '"two"') + SOURCES,
                "tables/cuda.toml": "not toml",
            }
        )
    assert list(caught.value.facts) == [
        "tables/torch.toml: release[0].version: 'two' is not a version",
        "tables/cuda.toml: is not TOML: Expected '=' after a key in a key/value pair (at line 1, column 5)",
        "stacks/some-stack.toml: distribution: must be a text",
    ]


def test_a_missing_key_is_named() -> None:
    text = STACK.replace('summary = "Something"', "")
    assert problems_of("stacks/some-stack.toml", text) == ["stacks/some-stack.toml: summary: is missing"]


def test_a_source_that_is_not_listed_is_refused_with_a_suggestion() -> None:
    text = STACK.replace('source = "page"', 'source = "pages"')
    assert problems_of("stacks/some-stack.toml", text) == [
        "stacks/some-stack.toml: evidence[0].source: no source is named 'pages', perhaps you meant 'page'",
        "stacks/some-stack.toml: sources.page: no fact refers to this source",
    ]


def test_a_source_without_a_real_date_is_refused() -> None:
    problems = problems_of("stacks/some-stack.toml", STACK, SOURCES.replace("2026-11-20", "2026-13-20"))
    assert problems == ["stacks/some-stack.toml: sources.page.as_of: must be a date such as '2026-11-20'"]


def test_default_extras_need_a_reason() -> None:
    text = STACK.replace('extras_why = "the page says so"', "")
    assert problems_of("stacks/some-stack.toml", text) == [
        "stacks/some-stack.toml: extras_why: must say why these extras are the default"
    ]


def test_an_unknown_file_is_refused_with_a_suggestion() -> None:
    with pytest.raises(RecipeInvalid) as caught:
        load_facts({"tables/tourch.toml": ""})
    assert caught.value.facts == ("tables/tourch.toml: unknown file, perhaps you meant 'tables/torch.toml'",)


def test_a_file_whose_name_is_no_project_name_is_refused() -> None:
    assert problems_of("stacks/Some_Stack.toml", STACK) == [
        "stacks/Some_Stack.toml: the file must have a normalised project name"
    ]


def test_the_table_of_another_reader_is_left_alone() -> None:
    assert load_facts({"tables/build_rules.toml": "anything = 1"}).torch == ()


def test_a_prebuilt_group_stands_for_every_pair_of_torch_and_label() -> None:
    wheels = load_one("packages/some-package.toml", PREBUILT).packages["some-package"].prebuilt
    assert [(str(wheel.version), wheel.torch, wheel.cuda, wheel.nightly) for wheel in wheels] == [
        (version, torch, cuda, torch == "2.6")
        for version in ("1.0", "1.1")
        for torch in ("2.5", "2.6")
        for cuda in ("11", "12")
    ]
    assert {(wheel.pythons, wheel.cxx11_abi, wheel.glibc) for wheel in wheels} == {
        (("cp39", "cp310"), (False, True), "2.32")
    }


@pytest.mark.parametrize(
    "row",
    ['["2.5", "cu12", "3.9", "both"]', '["2.5", "12", "3.9", "maybe"]', '["2", "12", "3.9", "both"]', '["2.5", "12"]'],
)
def test_a_row_that_does_not_fit_its_columns_is_refused_by_its_number(row: str) -> None:
    text = PREBUILT.replace('files = [["2.5-2.6", "11 12", "3.9-3.10", "both"]]', f"files = [{row}]")
    (problem,) = problems_of("packages/some-package.toml", text)
    assert problem.startswith("packages/some-package.toml: prebuilt.groups[0].files[0]: must be ")


def test_a_known_bad_pair_is_one_fact_per_artifact() -> None:
    text = """
    [[known_bad]]
    versions = "<2"
    artifacts = ["sdist", "task"]
    torch = ">=2.14"
    cxx11_abi = false
    why = "it fails"
    source = "page"
    """
    bad = load_one("packages/some-package.toml", text).packages["some-package"].known_bad
    assert [(fact.artifact, fact.torch, fact.cuda, fact.cxx11_abi) for fact in bad] == [
        ("sdist", SpecifierSet(">=2.14"), None, False),
        ("task", SpecifierSet(">=2.14"), None, False),
    ]
    assert Version("1.5") in bad[0].specifier


def test_an_unknown_artifact_is_refused() -> None:
    text = '[[known_bad]]\nversions = ""\nartifacts = ["weel"]\nwhy = "it fails"\nsource = "page"\n'
    problems = problems_of("packages/some-package.toml", text.replace('""', '"<2"'))
    assert problems == [
        "packages/some-package.toml: known_bad[0].artifacts: "
        "'weel' is none of conda, wheel, prebuilt, sdist, no-isolation, task, perhaps you meant 'wheel'"
    ]


def test_the_digest_ignores_line_ends_and_trailing_blanks_only() -> None:
    assert digest_of({"a": "x = 1\ny = 2\n"}) == digest_of({"a": "x = 1  \r\ny = 2"})
    assert digest_of({"a": "x = 1"}) != digest_of({"b": "x = 1"})
    assert digest_of({"a": "x = 1", "b": ""}) != digest_of({"a": "x = 1\nb"})


PROBE = """
[[probes]]
name = "attention"
module = "some.fast"
versions = ">=2"
code = "assert 1 + 1 == 2"
why = "it shows"
source = "page"
"""


def test_a_probe_is_read_with_its_evidence() -> None:
    (probe,) = load_one("packages/some.toml", PROBE).packages["some"].probes
    assert (probe.name, probe.module, probe.code) == ("attention", "some.fast", "assert 1 + 1 == 2")
    assert (probe.when, probe.why, probe.evidence.source) == (SpecifierSet(">=2"), "it shows", "a page")
    bare = (
        load_one("packages/some.toml", PROBE.replace('code = "assert 1 + 1 == 2"\nw', "w")).packages["some"].probes[0]
    )
    assert bare.code is None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('module = "some.fast"', 'module = "some-fast"', "probes[0].module: 'some-fast' is not a module's name"),
        ("1 + 1 ==", "1 + ==", "probes[0].code: is no Python 3.9: invalid syntax (<unknown>, line 1)"),
        ('why = "it shows"', "", "probes[0].why: is missing"),
        ('name = "attention"', 'name = "At tention"', "probes[0].name: 'At tention' is not a normalised project name"),
        ('code = "', 'kode = "', "probes[0].kode: unknown key, perhaps you meant 'code'"),
        (PROBE, PROBE + PROBE, "probes[1].name: some has two probes 'attention'"),
    ],
)
def test_a_probe_that_cannot_be_used_is_told_with_its_path(old: str, new: str, problem: str) -> None:
    assert problems_of("packages/some.toml", PROBE.replace(old, new)) == [f"packages/some.toml: {problem}"]
