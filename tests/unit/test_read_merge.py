import pytest
from read_fakes import FakeTextFiles, lines_of

from envcompose.errors import ConflictingPins, TwoProjects
from envcompose.model.intent import InputReading, ProjectFolder
from envcompose.read.merge import merge_readings
from envcompose.read.requirements_txt import read_requirements_txt


def reading(name, text):
    return read_requirements_txt(name, FakeTextFiles({name: text}), environ={})


def test_the_same_requirement_twice_is_kept_once_and_told():
    a_hash = "sha256:" + "a" * 64
    merged = merge_readings([reading("a.txt", "Torch==2.6\nnumpy"), reading("b.txt", f"torch==2.6 --hash={a_hash}\nx")])
    assert lines_of(merged) == [
        "requirements: Torch==2.6 | Torch==2.6 | a.txt:1 sha256:aaaaa",
        "requirements: numpy | numpy | a.txt:2",
        "requirements: x | x | b.txt:2",
        "fate: torch==2.6 | b.txt:1 | merged: the same as Torch==2.6 (a.txt:1)",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("torch==2.6.0", "torch==2.7.0"),
        ("torch==2.6.0+cu124", "torch==2.6.0+cu126"),
        ("torch==1.0", "torch>=2"),
        ("torch===odd", "torch>=2,==2"),
        ("torch>=2", "torch<2"),
        ("torch~=2.1", "torch<=2.0"),
        ("torch==2.6; sys_platform == 'linux'", "torch==2.7"),
        ("torch==2.6; python_version < '3.12'", "torch==2.7; python_version < '3.12'"),
        ("torch @ https://h/a.zip", "torch @ https://h/b.zip"),
    ],
)
def test_lines_that_exclude_each_other_are_named_both(first, second):
    with pytest.raises(ConflictingPins) as caught:
        merge_readings([reading("a.txt", first), reading("b.txt", f"\n{second}")])
    assert caught.value.facts == (f"a.txt:1: {first}", f"b.txt:2: {second}")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("torch==2.6.0+cu124", "torch==2.6.0"),
        ("torch==2.6.0", "torch>=2.0"),
        ("torch==2.*", "torch==2.6"),
        ("torch>=2", "torch<=2"),
        ("torch==2.6; sys_platform == 'win32'", "torch==2.7"),
        ("torch==2.6; python_version < '3.12'", "torch==2.7; python_version >= '3.12'"),
        ("torch===2.6.0", "torch==2.6"),
        ("torch @ https://h/a.zip", "torch==2.6"),
    ],
)
def test_lines_that_may_hold_together_are_left_to_the_resolver(first, second):
    merged = merge_readings([reading("a.txt", first), reading("b.txt", second)])
    assert [one.text for one in merged.requirements] == [first, second]


def test_a_constraint_may_contradict_a_requirement_too():
    with pytest.raises(ConflictingPins):
        merge_readings([reading("a.txt", "torch==2.6"), InputReading(constraints=reading("c", "torch<2").requirements)])


def test_an_override_ends_a_contradiction():
    overrides = InputReading(overrides=reading("c", "torch==2.7").requirements)
    merged = merge_readings([reading("a.txt", "torch==2.6\ntorch==2.7"), overrides])
    assert len(merged.requirements) == 2


def test_the_last_default_index_holds_and_the_other_is_told_masked():
    merged = merge_readings([reading("a.txt", "-i https://u:p@a/s"), reading("b.txt", "-i https://b/s")])
    assert lines_of(merged) == [
        "index: https://b/s",
        "fate: -i https://****@a/s | a.txt:1 | kept: a source of packages",
        "fate: -i https://b/s | b.txt:1 | kept: a source of packages",
        "warning: The package index https://b/s replaces https://****@a/s of an earlier input",
    ]


def test_two_projects_do_not_fit_into_one_manifest():
    with pytest.raises(TwoProjects):
        merge_readings([InputReading(project=ProjectFolder(path=path, name=path)) for path in ("a", "b")])
