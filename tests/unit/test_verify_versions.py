"""The verifier's own PEP 440, PEP 508 and conda versions, against the real `packaging`."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as RealRequirement
from packaging.specifiers import InvalidSpecifier
from packaging.specifiers import Specifier as RealSpecifier
from packaging.version import InvalidVersion
from packaging.version import Version as RealVersion

from envcompose.verify import conda_versions
from envcompose.verify.requirements import Requirement
from envcompose.verify.versions import Specifier, SpecifierSet, Version, equals_pin, normalise

_small = st.integers(0, 3)
_release = st.lists(_small, min_size=1, max_size=4).map(lambda numbers: ".".join(map(str, numbers)))
_pre = st.one_of(
    st.just(""), st.tuples(st.sampled_from(["a", "b", "rc", ".pre", "-alpha", "c"]), _small).map("{0[0]}{0[1]}".format)
)
_post = st.one_of(
    st.just(""), st.tuples(st.sampled_from([".post", "-", "rev", ".r"]), _small).map("{0[0]}{0[1]}".format)
)
_dev = st.one_of(st.just(""), _small.map(".dev{}".format))
_local = st.one_of(st.just(""), st.sampled_from(["+cu124", "+cu124.1", "+1", "+CU_118", "+a.10", "+a.9"]))
_epoch = st.sampled_from(["", "", "", "1!"])
public_versions = st.tuples(_epoch, _release, _pre, _post, _dev).map("".join)
versions = st.tuples(public_versions, _local).map("".join)
operators = st.sampled_from(["==", "!=", "<=", ">=", "<", ">", "~=", "==="])


@given(versions, versions)
def test_versions_are_ordered_as_packaging_orders_them(left: str, right: str) -> None:
    ours, theirs = (Version.parse(left), Version.parse(right)), (RealVersion(left), RealVersion(right))
    assert (ours[0] < ours[1], ours[0] == ours[1]) == (theirs[0] < theirs[1], theirs[0] == theirs[1])


@given(st.text(alphabet="0123.!+-_abrcdevpost v", max_size=12))
def test_what_is_a_version_is_what_packaging_takes_for_one(text: str) -> None:
    theirs = ours = True
    try:
        RealVersion(text)
    except InvalidVersion:
        theirs = False
    try:
        Version.parse(text)
    except ValueError:
        ours = False
    assert ours == theirs


@settings(max_examples=200)
@given(operators, versions, st.booleans(), versions)
def test_specifiers_admit_what_packaging_admits(operator: str, text: str, star: bool, candidate: str) -> None:
    clause = operator + text + (".*" if star and operator in ("==", "!=") else "")
    try:
        real = RealSpecifier(clause)
    except InvalidSpecifier:
        with pytest.raises(ValueError):
            Specifier.parse(clause)
        return
    assert SpecifierSet.parse(clause).admits(candidate) == real.contains(candidate, prereleases=True)


@pytest.mark.parametrize(
    ("installed", "pin", "equal"),
    [
        ("2.6.0+cu124", "2.6.0", True),
        ("2.6", "2.6.0", True),
        ("2.6.0", "2.6.0+cu124", False),
        ("2.7.4.post1", "2.7.4", False),
        ("1.0RC1", "1.0rc1", True),
        ("2014a-weird", "2014A-weird", True),
    ],
)
def test_a_pin_is_compared_by_value_and_not_by_text(installed: str, pin: str, equal: bool) -> None:
    assert equals_pin(installed, pin) is equal


def test_names_are_compared_as_pep_503_says() -> None:
    assert normalise("Flash_Attn.-x") == "flash-attn-x"


_variables = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.7",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "5.15.0-91-generic",
    "platform_system": "Linux",
    "platform_version": "#1 SMP",
    "python_full_version": "3.11.7",
    "python_version": "3.11",
    "sys_platform": "linux",
}
_clauses = st.sampled_from(
    [
        "python_version < '3.10'",
        'python_version >= "3.8"',
        "'3.9' <= python_version",
        "python_full_version != '3.11.*'",
        "sys_platform == 'linux'",
        "sys_platform != 'darwin'",
        "'linux' in sys_platform",
        "platform_machine not in 'arm64 aarch64'",
        "platform_release >= '5'",
        "os.name == 'posix'",
        "platform_system == \"Windows\"",
        "extra == 'Dev_Tools'",
        "extra != 'dev-tools'",
        "implementation_name == 'cpython'",
        "platform_python_implementation == 'PyPy'",
        "python_implementation == 'CPython'",
    ]
)  # fmt: skip
_markers = st.recursive(
    _clauses,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map("".join), inner.map("({})".format)
    ),
    max_leaves=6,
)


@given(_markers, st.sampled_from(["", "dev-tools", "other"]))
def test_markers_hold_where_packaging_says_so(marker: str, extra: str) -> None:
    real = Marker(marker).evaluate({**_variables, "extra": extra})
    requirement = Requirement.parse(f"x; {marker}")
    extras = frozenset({extra}) if extra else frozenset()
    plain = Marker(marker).evaluate({**_variables, "extra": ""})
    assert requirement.applies(_variables, extras) == (real or plain)


@pytest.mark.parametrize(
    "text",
    [
        "numpy",
        "numpy>=1.26,<3",
        "numpy (>=1.26)",
        "uvicorn[standard]>=0.12.0 ; python_version < '3.13'",
        "flash-attn @ https://x.example/a.whl",
        "flash-attn @ https://x.example/a.whl#sha256=00;b ; extra == 'gpu'",
        "Foo.Bar[a, b] == 2.*",
        "nvidia-nccl-cu12==2.21.5; platform_system == 'Linux' and platform_machine == 'x86_64'",
        "x!",
        "x>=3.6.*",
        "",
        "x >=1 <2",
    ],
)
def test_requirements_are_read_as_packaging_reads_them(text: str) -> None:
    real = None
    with contextlib.suppress(InvalidRequirement):
        real = RealRequirement(text)
    if real is None:
        with pytest.raises(ValueError):
            Requirement.parse(text)
        return
    ours = Requirement.parse(text)
    assert ours.name == normalise(real.name)
    assert ours.extras == tuple(sorted(real.extras))
    assert ours.url == real.url
    assert bool(ours.marker) == (real.marker is not None)
    clauses = {clause.operator + clause.text for clause in ours.specifiers.clauses}
    assert clauses == {str(clause) for clause in real.specifier}


@pytest.mark.parametrize("marker", ["python_version <", "(os_name == 'x'", "nothing == 'x'", "os_name ~= 'x'", "a b"])
def test_a_bad_marker_is_a_value_error(marker: str) -> None:
    with pytest.raises(ValueError):
        Requirement.parse(f"x; {marker}").applies(_variables)


@pytest.mark.parametrize(
    ("spec", "version", "fits"),
    [
        ("*", "1.0", True),
        ("12.4.*", "12.4", True),
        ("12.4.*", "12.4.131", True),
        ("12.4.*", "12.41", False),
        ("12.4", "12.4.1", False),
        ("=12.4", "12.4.1", True),
        (">=75,<81", "80.9.0", True),
        (">=75,<81", "81", False),
        (">=75,<81", "9.1", False),
        ("1.2|1.4.*", "1.4.7", True),
        ("!=1.3.*", "1.3.1", False),
        ("!=1.0.post.*", "1.0.post1", False),
        ("~=1.3.1", "1.3.9", True),
        ("~=1.3.1", "1.4", False),
        ("<1.0", "1.0rc1", True),
        ("<1.0", "1.0dev3", True),
        (">1.0", "1.0.post1", True),
        ("==3.3", "3.3.0", True),
        (">=2024a", "2024b", True),
    ],
)
def test_conda_specs_admit_what_conda_admits(spec: str, version: str, fits: bool) -> None:
    assert conda_versions.admits(spec, version) is fits


def test_a_conda_build_is_matched_as_a_glob() -> None:
    assert conda_versions.admits("2.6.* cuda126*", "2.6.0", "cuda126_mkl_py311_1")
    assert not conda_versions.admits("2.6.* cuda126*", "2.6.0", "cpu_mkl_py311_1")
