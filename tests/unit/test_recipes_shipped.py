"""The recipes that ship: they load, they hang together, and they are refused when a key is unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from envcompose.errors import RecipeInvalid
from envcompose.model.facts import Facts, PackageRecipe
from envcompose.read.recipes import load_facts

ROOT = Path(__file__).parents[2] / "recipes"
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted(ROOT.rglob("*.toml"))}
OURS = {path: text for path, text in TEXTS.items() if path != "tables/build_rules.toml"}
FREE_KEYS = ("env",)
"""Tables whose keys are names of the user's world."""


@pytest.fixture(scope="module")
def facts() -> Facts:
    return load_facts(TEXTS)


def minor(version: object) -> str:
    return ".".join(str(version).split(".")[:2])


def wheels_of(recipe: PackageRecipe, version: str) -> int:
    found = [wheel for wheel in recipe.prebuilt if str(wheel.version) == version]
    return sum(len(wheel.pythons) * len(wheel.cxx11_abi) for wheel in found)


def test_every_table_has_facts(facts: Facts) -> None:
    for name in ("torch", "cuda", "gpus", "gpu_floors", "drivers", "pythons", "names", "twins", "packages", "stacks"):
        assert getattr(facts, name), name


def test_every_fact_names_a_source_and_a_date(facts: Facts) -> None:
    told = [build.evidence for release in facts.torch for build in release.builds]
    told += [wheel.evidence for recipe in facts.packages.values() for wheel in recipe.prebuilt]
    told += [fact.evidence for recipe in facts.packages.values() for fact in recipe.known_bad]
    told += [item for stack in facts.stacks.values() for item in stack.evidence]
    assert told
    assert all(evidence.text and evidence.source and evidence.as_of for evidence in told)


def test_the_stacks_of_the_first_release_are_there(facts: Facts) -> None:
    wanted = {"axolotl", "torch", "vllm", "sglang", "unsloth", "llamafactory", "verl", "openrlhf", "lmdeploy"}
    assert wanted <= set(facts.stacks)
    assert all(stack.distribution == name for name, stack in facts.stacks.items())


def test_torch_reaches_from_1_10_to_2_15_in_order(facts: Facts) -> None:
    versions = [release.version for release in facts.torch]
    assert versions == sorted(versions)
    assert (str(versions[0]), str(versions[-1])) == ("1.10.0", "2.15.0")


def test_each_torch_has_one_default_build_and_it_comes_first(facts: Facts) -> None:
    for release in facts.torch:
        assert [build.index is None for build in release.builds].index(True) == 0
        assert sum(build.index is None for build in release.builds) == 1


def test_builds_of_one_torch_for_one_cuda_line_agree(facts: Facts) -> None:
    for release in facts.torch:
        for line in {build.cuda for build in release.builds}:
            same = {(b.cxx11_abi, b.archs, b.ptx) for b in release.builds if b.cuda == line}
            assert len(same) == 1, (release.version, line)


def test_every_cuda_line_that_a_fact_mentions_is_in_the_cuda_table(facts: Facts) -> None:
    known = {line.version for line in facts.cuda}
    mentioned = {build.cuda for release in facts.torch for build in release.builds}
    mentioned |= {line for recipe in facts.packages.values() for build in recipe.conda for line in build.cuda}
    mentioned |= {cuda for recipe in facts.packages.values() for _, cuda, _ in recipe.wheel_cuda if cuda != "all"}
    mentioned |= {line for recipe in facts.packages.values() for bad in recipe.known_bad for line in bad.cuda or ()}
    mentioned |= {branch.cuda for branch in facts.drivers} | {floor.cuda for floor in facts.gpu_floors if floor.cuda}
    assert mentioned <= known


def test_every_torch_minor_that_a_fact_mentions_is_in_the_torch_table(facts: Facts) -> None:
    known = {minor(release.version) for release in facts.torch}
    mentioned = {build.torch for recipe in facts.packages.values() for build in recipe.conda if build.torch}
    mentioned |= {wheel.torch for recipe in facts.packages.values() for wheel in recipe.prebuilt}
    assert mentioned <= known


def test_each_build_embeds_only_what_its_cuda_can_compile(facts: Facts) -> None:
    archs = {line.version: set(line.archs) for line in facts.cuda}
    for release in facts.torch:
        for build in release.builds:
            assert set(build.archs) <= archs[build.cuda], (release.version, build.cuda)
            assert build.ptx is None or build.ptx in build.archs


def test_every_card_has_an_architecture_that_some_cuda_line_compiles_for(facts: Facts) -> None:
    known = {arch for line in facts.cuda for arch in line.archs}
    assert {gpu.arch for gpu in facts.gpus} <= known
    wanted = {"a100", "l4", "l40", "l40s", "h100", "h200", "gh200", "b100", "b200", "gb200", "b300", "v100", "t4"}
    assert wanted <= {gpu.name for gpu in facts.gpus}


def test_partners_and_drivers_are_versions_of_the_right_form(facts: Facts) -> None:
    assert all(re.fullmatch(r"\d+(\.\d+)*", line.driver_floor) for line in facts.cuda)
    assert all(release.torchvision for release in facts.torch)
    assert all(release.torchaudio for release in facts.torch)


def test_the_c_plus_plus_abi_of_torch_2_6_depends_on_the_build(facts: Facts) -> None:
    (release,) = [release for release in facts.torch if str(release.version) == "2.6.0"]
    assert [(build.cuda, build.local, build.cxx11_abi) for build in release.builds] == [
        ("12.4", None, False),
        ("11.8", "cu118", False),
        ("12.4", "cu124", False),
        ("12.6", "cu126", True),
    ]


@pytest.mark.parametrize(
    ("package", "version", "count"),
    [
        ("flash-attn", "2.0.6", 72),
        ("flash-attn", "2.5.8", 74),
        ("flash-attn", "2.6.3", 84),
        ("flash-attn", "2.7.0.post2", 92),
        ("flash-attn", "2.7.4.post1", 44),
        ("flash-attn", "2.8.3", 48),
        ("mamba-ssm", "2.2.2", 84),
        ("mamba-ssm", "2.2.4", 100),
        ("causal-conv1d", "1.5.4", 116),
    ],
)
def test_prebuilt_groups_stand_for_as_many_wheels_as_the_release_published(
    facts: Facts, package: str, version: str, count: int
) -> None:
    assert wheels_of(facts.packages[package], version) == count


def test_the_known_url_of_a_prebuilt_wheel_comes_out_of_the_template(facts: Facts) -> None:
    (wheel,) = [
        wheel
        for wheel in facts.packages["flash-attn"].prebuilt
        if (str(wheel.version), wheel.torch, wheel.cuda) == ("2.7.4.post1", "2.6", "12")
    ]
    assert "cp312" in wheel.pythons
    assert wheel.url.format(version="2.7.4.post1", cuda="12", torch="2.6", abi="FALSE", python="cp312") == (
        "https://github.com/Dao-AILab/flash-attention/releases/download/v2.7.4.post1/"
        "flash_attn-2.7.4.post1+cu12torch2.6cxx11abiFALSE-cp312-cp312-linux_x86_64.whl"
    )


def test_no_recipe_names_the_host_of_the_package_index() -> None:
    for path, text in TEXTS.items():
        assert urlsplit(PYPI_SIMPLE_ENDPOINT).netloc not in text, path
        assert "python" + "hosted" not in text, path


def tables_of(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield path, value
        for key, child in value.items():
            if key not in FREE_KEYS:
                yield from tables_of(child, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from tables_of(child, f"{path}[{index}]")


@given(
    data=st.data(), file=st.sampled_from(sorted(OURS)), key=st.from_regex(r"[a-z]{3,12}_[a-z]{3,12}", fullmatch=True)
)
def test_an_unknown_key_is_refused_in_every_table_of_every_file(data: st.DataObject, file: str, key: str) -> None:
    document = tomlkit.parse(OURS[file])
    tables = list(tables_of(document))
    where, table = tables[data.draw(st.integers(0, len(tables) - 1))]
    if key in table or key in ("compile_cost", "run_needs", "known_bad", "build_switches", "wheel_cuda"):
        return
    table[key] = "x"
    with pytest.raises(RecipeInvalid) as caught:
        load_facts({file: tomlkit.dumps(document)})
    path = f"{file}: {where}.{key}" if where else f"{file}: {key}"
    assert any(problem.startswith(path + ":") for problem in caught.value.facts)
