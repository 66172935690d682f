"""`dataclass` as the standard library has it, made in a third of the time (docs/decisions/0006).

A command makes some 150 classes of values before it does anything. The standard decorator compiles seven functions for
each of them; here only the constructor is compiled, and what frozen values have in common is shared.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False, **options):
        """See dataclasses.dataclass. Frozen values with slots are made here; all others, by the standard library."""

        def made(cls):
            if frozen and slots and not options and _is_plain(cls):
                return _value_class(cls, kw_only=kw_only)
            return dataclasses.dataclass(cls, frozen=frozen, slots=slots, kw_only=kw_only, **options)

        return made if cls is None else made(cls)


def _is_plain(cls: type[Any]) -> bool:
    """Are its fields of the kinds that are made here: no InitVar, no KW_ONLY, no hash of their own?"""
    odd = any("InitVar" in str(one) or "KW_ONLY" in str(one) for one in inspect.get_annotations(cls).values())
    fields = (one for one in cls.__dict__.values() if isinstance(one, dataclasses.Field))
    return not odd and all(one.hash is None for one in fields)


def _value_class(cls: type[Any], *, kw_only: bool) -> type[Any]:
    """A class of frozen values with slots; equality, hash and order of the constructor are the standard library's."""
    own = dict(cls.__dict__)
    made: Any = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=True, kw_only=kw_only)
    fields = dataclasses.fields(made)
    if "__init__" not in own:
        made.__init__ = _constructor(made, fields)
    parts = _parts([field.name for field in fields if field.compare])
    if "__eq__" not in own:

        def equal(self: Any, other: object) -> Any:
            return parts(self) == parts(other) if other.__class__ is self.__class__ else NotImplemented

        made.__eq__ = equal
    # A class that says how its values are equal, and not how they are hashed, has None for the latter.
    if own.get("__hash__") is None:
        made.__hash__ = lambda self: hash(parts(self))
    if "__repr__" not in own:
        made.__repr__ = _shown_by([field.name for field in fields if field.repr])
    made.__setattr__ = _refused
    made.__delattr__ = _refused
    made.__getstate__ = _state
    made.__setstate__ = _with_state
    return made  # type: ignore[no-any-return]


def _constructor(made: Any, fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    """`__init__`: required fields first, as the standard library orders them, all by keyword where they are so."""
    names: dict[str, Any] = {"_ABSENT": dataclasses.MISSING}
    by_place: list[str] = []
    by_keyword: list[str] = []
    body: list[str] = []
    for field in fields:
        name, default, factory = field.name, field.default, field.default_factory
        if not field.init and default is dataclasses.MISSING and factory is dataclasses.MISSING:
            continue
        # The slot's own descriptor sets what the class's __setattr__ refuses.
        names[f"_set_{name}"] = getattr(made, name).__set__
        value, given = name, name
        if factory is not dataclasses.MISSING:
            names[f"_new_{name}"] = factory
            value, given = f"_new_{name}() if {name} is _ABSENT else {name}", f"{name}=_ABSENT"
        elif default is not dataclasses.MISSING:
            names[f"_default_{name}"] = default
            given = f"{name}=_default_{name}"
        if field.init:
            (by_keyword if field.kw_only else by_place).append(given)
        else:
            value = f"_new_{name}()" if factory is not dataclasses.MISSING else f"_default_{name}"
        body.append(f"_set_{name}(self, {value})")
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    given = ", ".join(["self", *by_place, *(["*", *by_keyword] if by_keyword else [])])
    exec(f"def __init__({given}):\n  " + ("\n  ".join(body) or "pass"), names)
    constructor = names["__init__"]
    constructor.__qualname__ = f"{made.__qualname__}.__init__"
    constructor.__annotations__ = {field.name: field.type for field in fields if field.init} | {"return": None}
    return constructor


def _parts(names: list[str]) -> Callable[[Any], object]:
    """What gives an object's attributes: what is compared and hashed."""
    if not names:
        return lambda self: ()
    return attrgetter(*names) if len(names) > 1 else lambda self: (getattr(self, names[0]),)


def _shown_by(names: list[str]) -> Any:
    @recursive_repr()
    def shown(self: Any) -> str:
        return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return shown


def _refused(self: object, name: str, *value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _with_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
