"""Expectations are read once, strictly, and all problems are told with their paths."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcompose.verify.expectations import Expectations, ExpectationsInvalid, Named, Probe, Torch, read

SCHEMA = json.loads((Path(__file__).parents[2] / "envcompose" / "verify" / "expect.schema.json").read_text())
FULL = {
    "schema": "envcompose.expectations/1", "version": "0.1.0", "digest": "ab", "files": {"pixi.toml": "cd"},
    "platform": "linux-64", "python": "3.12", "glibc": "2.28", "cuda": "12.4", "driver": "525.60.13",
    "gpus": ["8.0", "9.0"], "cxx11_abi": False,
    "torch": {"version": "2.6.0", "cuda": "12.4", "cxx11_abi": False, "layer": "pypi"},
    "pins": {"torch": "2.6.0"}, "bounds": {"numpy": [">=1.26", "<3"]}, "locked": None, "conda": {"python": "3.12.*"},
    "imports": [{"distribution": "axolotl", "module": "axolotl"}],
    "extensions": [{"distribution": "flash-attn", "module": "flash_attn_2_cuda"}],
    "scripts": [{"distribution": "axolotl", "name": "axolotl"}], "nvcc": "12.4",
    "built": [{"distribution": "flash-attn", "torch": "2.6.0"}], "build_needs": {"flash-attn": ["torch"]},
    "env": {"CUDA_HOME": "$CONDA_PREFIX"}, 
    "probes": [{"id": "attention", "distribution": "flash-attn", "module": "flash_attn", "code": "pass"}],
}  # fmt: skip


def test_every_key_is_read() -> None:
    jsonschema.validate(FULL, SCHEMA)
    assert read(json.dumps(FULL)) == Expectations(
        version="0.1.0",
        digest="ab",
        files={"pixi.toml": "cd"},
        platform="linux-64",
        python="3.12",
        glibc="2.28",
        cuda="12.4",
        driver="525.60.13",
        gpus=("8.0", "9.0"),
        cxx11_abi=False,
        torch=Torch("2.6.0", "12.4", False, "pypi"),
        pins={"torch": "2.6.0"},
        bounds={"numpy": (">=1.26", "<3")},
        locked=None,
        conda={"python": "3.12.*"},
        imports=(Named("axolotl", "axolotl"),),
        extensions=(Named("flash-attn", "flash_attn_2_cuda"),),
        scripts=(Named("axolotl", "axolotl"),),
        nvcc="12.4",
        built={"flash-attn": "2.6.0"},
        build_needs={"flash-attn": ("torch",)},
        env={"CUDA_HOME": "$CONDA_PREFIX"},
        probes=(Probe("attention", "flash-attn", "flash_attn", "pass"),),
    )


def test_unknown_is_null_everywhere() -> None:
    unknown = {key: None for key in FULL} | {"schema": FULL["schema"], "version": "0.1.0"}
    jsonschema.validate(unknown, SCHEMA)
    expectations = read(json.dumps(unknown))
    assert (expectations.torch, expectations.pins, expectations.gpus, expectations.probes) == (None, {}, (), ())


def test_all_problems_are_told_with_their_paths() -> None:
    wrong = {**FULL, "gpus": ["8.0", 9], "imports": [{"distribution": "x"}], "pins": {"torch": 2}, "python": 3.12}
    del wrong["nvcc"]
    with pytest.raises(ExpectationsInvalid) as caught:
        read(json.dumps(wrong))
    assert caught.value.problems == (
        "gpus[1] is not text",
        "imports[0].module is not text",
        "nvcc is missing",
        "pins holds something that is not text",
        "python is not text",
    )


def test_keys_of_a_later_envcompose_are_left_alone() -> None:
    assert read(json.dumps({**FULL, "later": 1})) == read(json.dumps(FULL))


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["id", "module", "code", "distribution", "name", "torch", "version", "x"]), inner
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(sorted(FULL)), _json, max_size=4))
def test_whatever_stands_there_is_read_or_refused(changes: dict[str, object]) -> None:
    try:
        assert isinstance(read(json.dumps({**FULL, **changes})), Expectations)
    except ExpectationsInvalid as error:
        assert error.problems
