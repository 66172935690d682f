"""The system layer: what an unisolated build needs of conda, by what its source declares for the target."""

from __future__ import annotations

from dataclasses import replace

from packaging.version import Version

from envcompose.decide.gpu_code import GpuCode
from envcompose.decide.system import Plan, plan_system
from envcompose.model.composition import SystemLayer
from envcompose.model.decision import Artifact, Standing
from envcompose.model.intent import ArtifactKind
from envcompose.resolve.closure import Closure, Member
from envcompose.resolve.universe import stub
from tests.unit.core_fakes import analysis_of, facts_of


def planned(*build_requires: str, python: str = "3.12") -> SystemLayer:
    """The layer for one source, `ext`, that is built without isolation and declares what its build requires."""
    member = Member(
        name="ext", version=Version("1.0"), release=stub("ext", Version("1.0")), extras=(), requires=(), required_by=()
    )
    artifact = Artifact(
        kind=ArtifactKind.NO_ISOLATION, rule="no-isolation-sdist", why="its build sees torch", standing=Standing.ASSUMED
    )
    plan = Plan(
        facts=facts_of(),
        closure=Closure(members={"ext": member}, assumed={}),
        artifacts={"ext": artifact},
        analyses={"ext": replace(analysis_of("ext"), build_requires=build_requires)},
        torch=None,
        island=frozenset(),
        python=python,
        line=None,
        gpu_code=GpuCode(archs=(), max_jobs=1, max_jobs_why="a test"),
        requests=(),
        channels=("conda-forge",),
        build_hints={},
    )
    return plan_system(plan)


def test_what_a_build_declares_for_other_pythons_and_platforms_is_not_asked_for() -> None:
    declared = ("setuptools>=61", "tomli ; python_version < '3.12'", "numpy ; sys_platform == 'win32'")
    assert planned(*declared).build_needs[0].python == ("setuptools",)
    assert planned(*declared, python="3.11").build_needs[0].python == ("setuptools", "tomli")
    names = {line.name for line in planned(*declared).dependencies}
    assert "setuptools" in names and not {"tomli", "numpy"} & names


def test_a_build_need_has_the_bounds_for_its_target_alone() -> None:
    declared = ("numpy<2 ; python_version < '3.12'", "numpy>=2 ; python_version >= '3.12'")
    specs = {
        python: {line.name: line.spec for line in planned(*declared, python=python).dependencies}["numpy"]
        for python in ("3.11", "3.12")
    }
    assert specs == {"3.11": "<2a0", "3.12": ">=2"}
