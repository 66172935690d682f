"""The closure that a resolver's pins mean."""

from packaging.requirements import Requirement

from envcompose.model.target import marker_environment
from envcompose.resolve.closure import Closure, trace_closure
from envcompose.resolve.universe import TargetUniverse
from tests.unit.core_fakes import FakeIndex

PYTHON = "3.12"


def closure_of(index: FakeIndex, pins: dict[str, str], *roots: str) -> Closure:
    universe = TargetUniverse(index, python=PYTHON, glibc="2.28")
    return trace_closure(pins, [Requirement(root) for root in roots], universe, marker_environment(PYTHON))


def told(closure: Closure) -> list[str]:
    """One line a member: its version, extras, and who requires it how."""
    return [
        f"{member.name} {member.version} [{','.join(member.extras)}] "
        + "; ".join(f"{requirer or 'you'}: {requirement}" for requirer, requirement in member.required_by)
        for member in closure.members.values()
    ]


def test_members_are_reached_through_markers_and_extras_and_know_who_requires_them():
    index = FakeIndex()
    index.add(
        "alpha-1.0-py3-none-any.whl",
        "beta>=1",
        "old; python_version < '3.12'",
        "gamma[fast]; extra == 'more'",
        "delta; extra == 'other'",
    )
    index.add("beta-2.0-py3-none-any.whl", "gamma<9")
    index.add("gamma-3.0-py3-none-any.whl", "speed; extra == 'fast'")
    index.add("speed-1.0.tar.gz")
    pins = {"alpha": "1.0", "Beta": "2.0", "gamma": "3.0", "speed": "1.0", "delta": "1.0", "old": "1.0"}
    closure = closure_of(index, pins, "alpha[more]>=1")
    assert told(closure) == [
        "alpha 1.0 [more] you: alpha[more]>=1",
        "beta 2.0 [] alpha: beta>=1",
        'gamma 3.0 [fast] alpha: gamma[fast]; extra == "more"; beta: gamma<9',
        'speed 1.0 [] gamma: speed; extra == "fast"',
    ]
    assert closure.members["gamma"].bounds() == ("<9",)
    assert [member.requested for member in closure.members.values()] == [True, False, False, False]
    assert closure.members["speed"].release.from_sdist


def test_an_extra_that_is_reached_late_still_brings_its_requirements():
    index = FakeIndex()
    index.add("alpha-1.0-py3-none-any.whl", "beta", "gamma")
    index.add("beta-1.0-py3-none-any.whl", "delta; extra == 'late'")
    index.add("gamma-1.0-py3-none-any.whl", "beta[late]")
    index.add("delta-1.0-py3-none-any.whl", "alpha")
    pins = {name: "1.0" for name in ("alpha", "beta", "gamma", "delta")}
    assert told(closure_of(index, pins, "alpha")) == [
        "alpha 1.0 [] you: alpha; delta: alpha",
        "beta 1.0 [late] alpha: beta; gamma: beta[late]",
        'delta 1.0 [] beta: delta; extra == "late"',
        "gamma 1.0 [] alpha: gamma",
    ]
