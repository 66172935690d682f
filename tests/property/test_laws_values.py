"""Values made by our own `dataclass` are what the standard library's are."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcompose.model import values

FROZEN = {"frozen": True, "slots": True}


def made_by(decorator: Any) -> dict[str, Any]:
    """The same classes, by either decorator."""

    @decorator(**FROZEN, kw_only=True)
    class Plain:
        """Named fields."""

        name: str
        size: int = 3
        parts: tuple[str, ...] = ()
        table: Mapping[str, int] = dataclasses.field(default_factory=dict, compare=False)
        secret: str = dataclasses.field(default="x", repr=False)

    @decorator(**FROZEN)
    class Placed:
        first: int
        second: int = 2

    @decorator(**FROZEN)
    class Further(Placed):
        third: int = 3

    @decorator(**FROZEN, kw_only=True)
    class Derived:
        given: int
        twice: int = dataclasses.field(init=False, repr=False, compare=False)

        def __post_init__(self) -> None:
            if self.given < 0:
                raise ValueError("negative")
            object.__setattr__(self, "twice", 2 * self.given)

    @decorator(**FROZEN)
    class Own:  # noqa: PLW1641
        value: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and self.value % 2 == other.value % 2

        def __repr__(self) -> str:
            return "own"

    @decorator(**FROZEN)
    class Nothing:
        pass

    return {cls.__name__: cls for cls in (Plain, Placed, Further, Derived, Own, Nothing)}


OURS, THEIRS = made_by(values.dataclass), made_by(dataclasses.dataclass)
CALLS = st.one_of(
    st.tuples(st.just("Plain"), st.just(()), st.fixed_dictionaries({"name": st.text(max_size=2)}, optional={
        "size": st.integers(0, 2), "parts": st.just(("a",)), "table": st.just({"a": 1}), "secret": st.just("y"), "no": st.just(1)})),
    st.tuples(st.sampled_from(["Placed", "Further", "Own", "Nothing", "Derived", "Plain"]),
              st.lists(st.integers(0, 2), max_size=4).map(tuple), st.just({})),
    st.tuples(st.just("Derived"), st.just(()), st.fixed_dictionaries({"given": st.integers(-2, 3)})),
)  # fmt: skip


def tried(classes: dict[str, Any], call: tuple[str, tuple[Any, ...], dict[str, Any]]) -> Any:
    """The value, or the class of the error."""
    name, arguments, keywords = call
    try:
        return classes[name](*arguments, **keywords)
    except (TypeError, ValueError) as error:
        return type(error)


@given(CALLS, CALLS)
def test_what_is_made_compared_hashed_shown_and_changed_is_the_same(one: Any, other: Any) -> None:
    pairs = [(tried(OURS, call), tried(THEIRS, call)) for call in (one, other)]
    assert [isinstance(ours, type) for ours, _ in pairs] == [isinstance(theirs, type) for _, theirs in pairs]
    for ours, theirs in pairs:
        if isinstance(theirs, type):
            assert ours is theirs
            continue
        assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
        assert repr(ours) == repr(theirs).replace(type(theirs).__qualname__, type(ours).__qualname__)
        assert hash(ours) == hash(theirs)
        assert copy.copy(ours) == ours and copy.deepcopy(ours) == ours
        assert ours.__slots__ == theirs.__slots__ and not hasattr(ours, "__dict__")
        assert dataclasses.replace(ours) == ours
        assert ours != theirs
    (ours, theirs), (our_other, their_other) = pairs
    assert (ours == our_other) == (theirs == their_other)


@pytest.mark.parametrize("name", ["Placed", "Further", "Nothing"])
def test_values_cannot_be_changed(name: str) -> None:
    value = OURS[name](1) if name != "Nothing" else OURS[name]()
    for change in (
        lambda: setattr(value, "first", 2),
        lambda: setattr(value, "other", 2),
        lambda: delattr(value, "first"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()


def test_values_are_pickled_and_documented_as_the_standard_ones() -> None:
    from envcompose.model.requirement import Origin, OriginKind

    origin = Origin(kind=OriginKind.FILE, file="a", line=1)
    assert pickle.loads(pickle.dumps(origin)) == origin
    assert [(field.name, field.type) for field in dataclasses.fields(OURS["Plain"])] == [
        (field.name, field.type) for field in dataclasses.fields(THEIRS["Plain"])
    ]
    assert OURS["Plain"].__match_args__ == THEIRS["Plain"].__match_args__
    assert OURS["Plain"].__init__.__annotations__ == THEIRS["Plain"].__init__.__annotations__
    assert OURS["Plain"].__doc__ == "Named fields."


def test_other_kinds_of_classes_are_left_to_the_standard_library() -> None:
    @values.dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        a: int

    @values.dataclass
    class Loose:
        a: int = 1

    @values.dataclass(frozen=True, slots=True)
    class Hashed:
        a: int
        b: list[int] = dataclasses.field(default_factory=list, hash=False)

    @values.dataclass(frozen=True, slots=True)
    class Given:
        a: dataclasses.InitVar[int]
        _: dataclasses.KW_ONLY
        b: int = 1

    assert hash(Hashed(1)) == hash(Hashed(1, [2]))
    assert Given(1, b=2).b == 2 and not hasattr(Given(1), "a")
    assert Ordered(1) < Ordered(2)
    loose = Loose()
    loose.a = 2
    assert loose == Loose(2)
