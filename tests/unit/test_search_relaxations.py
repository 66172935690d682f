"""Relaxations: what can be loosened, what it counts, and what the changed wish says in words, files and commands."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from envcompose.api import Inputs, _project_options, load_recipes, read_intent
from envcompose.model.composition import Composition
from envcompose.model.intent import ArtifactKind, Intent, TorchFrom, Wishes
from envcompose.search.relaxation import COSTS, Choice, Draft, Relaxation, Step, relaxed
from envcompose.search.relaxations import relaxations_of
from envcompose.write.command import command_of

README = Path(__file__).resolve().parents[2] / "README.md"


def read(folder: Path, *words: str, files: dict[str, str] | None = None, **wishes: object) -> Intent:
    """The intent of words and of the files `requirements.txt` and `environment.yml` where they are given."""
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    named = files or {}
    inputs = Inputs(
        words=words,
        requirement_files=("requirements.txt",) if "requirements.txt" in named else (),
        environment_file="environment.yml" if "environment.yml" in named else None,
        base=folder,
    )
    return read_intent(inputs, Wishes(**wishes), load_recipes()[0], folder=folder)[0]  # type: ignore[arg-type]


def loosenings(intent: Intent, *, cuda_is_option: bool = True) -> tuple[Relaxation, ...]:
    return relaxations_of(intent, load_recipes()[0], cuda_is_option=cuda_is_option)


def taken(intent: Intent, *labels: str) -> tuple[Intent, Draft]:
    """The intent with the steps of these labels, and the draft that it was made in."""
    found: list[tuple[int, int]] = []
    relaxations = loosenings(intent)
    for place, relaxation in enumerate(relaxations):
        found += [(place, number) for number, step in enumerate(relaxation.steps) if step.label in labels]
    assert len(found) == len(labels), [step.label for one in relaxations for step in one.steps]
    draft = Draft(intent)
    for place, step in found:
        relaxations[place].steps[step].apply(draft)
    choice: Choice = tuple(found)
    assert relaxed(intent, relaxations, choice) == draft.intent()
    return draft.intent(), draft


def costs(intent: Intent) -> dict[str, int]:
    return {step.label: step.cost for one in loosenings(intent) for step in one.steps}


def test_what_the_user_did_not_fix_is_not_loosened_but_for_the_defaults(tmp_path: Path):
    assert costs(read(tmp_path, "axolotl")) == {
        "--glibc 2.31": 4,
        "--glibc 2.34": 5,
        "--glibc 2.35": 6,
        "--glibc 2.39": 7,
        "axolotl without flash-attn": 3,
        "axolotl without deepspeed": 3,
    }


def test_lines_near_the_wished_one_count_least_and_another_major_more(tmp_path: Path):
    found = costs(read(tmp_path, "axolotl", cuda="12.4"))
    named = ("--driver 12.4", "--cuda 12.6", "--cuda 12.8", "--cuda 12.1", "--cuda 13.0", "--cuda 11.8")
    assert [found[label] for label in named] == [9, 10, 11, 14, 18, 22]


def test_every_option_that_was_given_can_be_loosened(tmp_path: Path):
    intent = read(
        tmp_path,
        "axolotl==0.19.0",
        driver="12.4",
        python="3.13",
        glibc="2.34",
        gpus=("8.0",),
        torch_from=TorchFrom.CONDA,
        artifacts=(("flash-attn", ArtifactKind.WHEEL),),
    )
    found = costs(intent)
    assert {label: found[label] for label in found if not label.startswith("--glibc")} == {
        "--driver 13.0": 16,
        "any Python": 10,
        "torch from anywhere": 10,
        "any artifact of flash-attn": 8,
        "without --gpu sm_80": 18,
        "axolotl==0.19.*": 22,
        "any axolotl": 24,
        "axolotl without flash-attn": 3,
        "axolotl without deepspeed": 3,
    }
    assert [label for label in found if label.startswith("--glibc")] == ["--glibc 2.35", "--glibc 2.39"]
    changed, _ = taken(intent, "any Python", "torch from anywhere", "without --gpu sm_80", "any artifact of flash-attn")
    assert command_of(changed) == "envcompose init axolotl==0.19.0 --driver 12.4 --glibc 2.34"


@pytest.mark.parametrize(
    ("labels", "command"),
    [
        (["any axolotl"], "envcompose init axolotl"),
        (["axolotl==0.19.*"], "envcompose init 'axolotl==0.19.*'"),
        (["axolotl without flash-attn"], "envcompose init 'axolotl[deepspeed]==0.19.0'"),
        (
            ["axolotl without flash-attn", "axolotl without deepspeed"],
            "envcompose init axolotl==0.19.0 --no-default-extras",
        ),
        (["any axolotl", "axolotl without deepspeed"], "envcompose init 'axolotl[flash-attn]'"),
    ],
)
def test_a_stack_is_written_as_the_word_that_asks_for_what_is_left(tmp_path: Path, labels: list[str], command: str):
    intent = read(tmp_path, "axolotl==0.19.0")
    changed, draft = taken(intent, *labels)
    assert command_of(changed) == command
    assert draft.edits() == ()
    read_again = read(tmp_path, *changed.request.words)
    assert (read_again.stacks[0].specifier, read_again.stacks[0].extras) == (
        changed.stacks[0].specifier,
        changed.stacks[0].extras,
    )


def test_an_extra_that_the_user_named_counts_more_than_one_of_the_recipe(tmp_path: Path):
    intent = read(tmp_path, "axolotl[deepspeed]", "pypi:tools[gui]>=2")
    found = costs(intent)
    assert (found["axolotl without deepspeed"], found["tools without gui"]) == (11, 11)
    changed, _ = taken(intent, "axolotl without deepspeed", "tools without gui")
    assert command_of(changed) == "envcompose init axolotl 'pypi:tools>=2' --no-default-extras"


FILE = "numpy\ntorch==2.9.1  # the newest\ntools[gui]==1.2.3 ; python_version >= '3.9'\n-c limits.txt\n"


def test_lines_of_a_file_are_edited_and_taken_out(tmp_path: Path):
    (tmp_path / "limits.txt").write_text("numpy<2\n")
    intent = read(tmp_path, files={"requirements.txt": FILE}, cuda="12.8")
    found = costs(intent)
    assert {
        label: found[label] for label in ("torch==2.9.*", "any torch", "tools==1.2.*", "any tools", "any numpy")
    } == {
        "torch==2.9.*": 12,
        "any torch": 14,
        "tools==1.2.*": 13,
        "any tools": 15,
        "any numpy": 15,
    }
    assert (found["without torch"], found["without numpy"]) == (30, 30)
    changed, draft = taken(intent, "any torch", "any tools", "tools without gui", "any numpy", "without numpy")
    told = [(str(edit.origin), edit.before, edit.after) for edit in draft.edits()]
    assert told == [
        ("requirements.txt:1", "numpy", None),
        ("requirements.txt:2", "torch==2.9.1", "torch"),
        ("requirements.txt:3", "tools[gui]==1.2.3 ; python_version >= '3.9'", 'tools; python_version >= "3.9"'),
        ("limits.txt:1", "numpy<2", "numpy"),
    ]
    assert command_of(changed) == "envcompose init -r requirements.txt --cuda 12.8"


def test_a_wheel_by_address_is_taken_from_the_index(tmp_path: Path):
    url = "https://releases.example/flash_attn-2.7.4+cu12torch2.6-cp312-cp312-linux_x86_64.whl"
    intent = read(tmp_path, "einops", f"flash-attn @ {url}")
    assert costs(intent)["flash-attn from the index"] == 17
    changed, _ = taken(intent, "flash-attn from the index")
    assert command_of(changed) == "envcompose init einops flash-attn"


YAML = """\
dependencies:
  - pytorch=2.2
  - gdal=3.6.1
  - pip:
    - xformers==0.0.29
"""


def test_lines_of_a_conda_file_keep_the_form_of_conda(tmp_path: Path):
    intent = read(tmp_path, files={"environment.yml": YAML})
    changed, draft = taken(intent, "any torch", "any gdal")
    told = [(str(edit.origin), edit.before, edit.after) for edit in draft.edits()]
    assert told == [
        ("environment.yml:2", "pytorch 2.2.*", "pytorch"),
        ("environment.yml:3", "gdal 3.6.1.*", "gdal"),
    ]
    # The bound on conda's package also bounds the PyPI project of the same name.
    assert [user.name for user in changed.reading.constraints] == []


def test_a_line_that_a_file_states_is_not_freed_by_leaving_out_an_option(tmp_path: Path):
    intent = read(tmp_path, "axolotl", cuda="12.4")
    stated = loosenings(intent, cuda_is_option=False)
    assert [str(one.part) for one in stated if one.group == "cuda"] == ["CUDA 12.4, which the input states"]


def test_words_that_were_joined_to_one_stack_become_one_word(tmp_path: Path):
    intent = read(tmp_path, "torch>=2", "torch<3", "einops")
    changed, _ = taken(intent, "any torch")
    assert command_of(changed) == "envcompose init torch einops"


def test_a_requires_python_of_a_project_can_be_loosened(tmp_path: Path):
    project = '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.13"\ndependencies = ["einops"]\n'
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pyproject.toml").write_text(project)
    intent = read(tmp_path, "./mine")
    changed, draft = taken(intent, "any requires-python")
    assert changed.reading.requires_python == ()
    assert [edit.before for edit in draft.edits()] == ["requires-python >=3.13"]


def test_an_extra_or_group_of_a_project_is_left_out_with_the_lines_that_it_alone_brings(tmp_path: Path):
    project = """\
[project]
name = "mine"
version = "1"
dependencies = ["einops"]
optional-dependencies = { train = ["einops", "peft>=1", "shared"], plot = ["shared"] }
[dependency-groups]
dev = ["pytest<9"]
"""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pyproject.toml").write_text(project)
    facts = load_recipes()[0]
    inputs = Inputs(words=("./mine",), extras=("train", "plot"), groups=("dev",), base=tmp_path)
    intent, _ = read_intent(inputs, Wishes(), facts, folder=tmp_path)
    options = _project_options(inputs, Wishes(), facts, intent)
    relaxations = relaxations_of(intent, facts, cuda_is_option=True, options=options)
    dropped = {}
    for place, relaxation in enumerate(relaxations):
        if relaxation.key.startswith(("--extra", "--group")):
            changed = relaxed(intent, relaxations, ((place, 0),))
            left = {user.text for user in changed.reading.requirements}
            gone = sorted({user.text for user in intent.reading.requirements} - left)
            dropped[relaxation.key] = (gone, relaxation.steps[0].cost, command_of(changed))
    command = "envcompose init ./mine"
    assert dropped == {
        "--extra train": (["peft>=1"], 11, f"{command} --extra plot --group dev"),
        "--extra plot": ([], 11, f"{command} --extra train --group dev"),
        "--group dev": (["pytest<9"], 11, f"{command} --extra train --extra plot"),
    }


def test_a_bound_of_what_alone_is_asked_for_is_the_subject(tmp_path: Path):
    assert costs(read(tmp_path, "torch==2.2.0"))["any torch"] == COSTS["subject"][0]
    assert costs(read(tmp_path, "einops==0.8.1"))["any einops"] == COSTS["subject"][0]
    assert "without einops" not in costs(read(tmp_path, "einops==0.8.1"))


def test_the_steps_of_one_thing_cannot_be_in_another_order_than_their_cost(tmp_path: Path):
    relaxation = next(one for one in loosenings(read(tmp_path, "axolotl", cuda="12.4")) if one.key == "cuda")
    with pytest.raises(ValueError, match="not in the order of their cost"):
        replace(relaxation, steps=tuple(reversed(relaxation.steps)))


def test_within_a_series_an_outcome_is_recognised(tmp_path: Path):
    relaxation = next(one for one in loosenings(read(tmp_path, "axolotl==0.19.0")) if one.key == "stacks 0")
    near = relaxation.steps[0]
    assert isinstance(near, Step)

    class Found:
        """A composition with one package."""

        def __init__(self, version: str) -> None:
            self.version = version

        def package(self, name: str) -> Found | None:
            return self if name == "axolotl" else None

    answers = [near.holds(made) for made in map(_as_composition, (Found("0.19.1"), Found("0.20.0"), Found("")))]
    assert answers == [True, False, False]


def _as_composition(found: object) -> Composition:
    assert hasattr(found, "package")
    return found  # type: ignore[return-value]


def test_the_readme_shows_what_every_change_counts():
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [(int(cost), why) for cost, why in rows] == [(cost, why) for cost, why in COSTS.values()]


def test_what_a_user_wrote_counts_more_than_a_default_and_the_subject_more_than_other_bounds():
    by_rule = [COSTS[kind][0] for kind in ("default-extra", "assumed-glibc")]
    options = [COSTS[k][0] for k in ("artifact", "cuda-as-driver", "cuda", "torch-from", "python", "extra", "glibc")]
    bounds = [COSTS[kind][0] for kind in ("torch-bound", "bound")]
    machine = [COSTS[kind][0] for kind in ("driver", "gpu")]
    assert max(by_rule) < min(options)
    assert max(options) < min(bounds)
    assert max(bounds) < min(machine) <= max(machine) < COSTS["subject"][0] < COSTS["left-out"][0]


def test_a_specifier_is_never_shared_between_a_wish_and_its_change(tmp_path: Path):
    intent = read(tmp_path, files={"requirements.txt": "torch==2.9.1\neinops\n"})
    taken(intent, "any torch")
    assert intent.reading.requirements[0].requirement == Requirement("torch==2.9.1")
    assert intent.reading.requirements[0].requirement.specifier == SpecifierSet("==2.9.1")
