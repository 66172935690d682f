"""Classes of the evaluated program: what is found along their bases."""

from __future__ import annotations

from envcompose.analyse.values import ABSENT, Class, Function, Instance, Opaque, Value


def is_property(owner: Instance, name: str) -> bool:
    """Is an attribute of an object a property of its class?"""
    found = find_in_class(owner.cls, name) if isinstance(owner.cls, Class) else ABSENT
    return isinstance(found, Function) and found.kind == "property"


def class_of_names(cls: Class | str, names: dict[str, Value]) -> Class | None:
    """Find the class, among a class and its bases, whose body gave these names."""
    queue: list[Value] = [cls]
    for _ in range(50):
        if not queue:
            break
        here = queue.pop(0)
        if isinstance(here, Class):
            if here.names is names:
                return here
            queue.extend(here.bases)
    return None


def find_in_class(cls: Class, name: str) -> Value:
    """Find a class attribute along the bases, depth first; ABSENT where no class of the sdist has it."""
    queue: list[Value] = [cls]
    for _ in range(50):
        if not queue:
            break
        here = queue.pop(0)
        if isinstance(here, Class):
            if name in here.names:
                return here.names[name]
            queue = [*here.bases, *queue]
    return ABSENT


def is_named_tuple(cls: Class) -> bool:
    """Is it made by naming its fields?"""
    return any(isinstance(base, Opaque) and base.path.endswith("NamedTuple") for base in cls.bases)


def outer_bases(cls: Class) -> list[str]:
    """Name the classes from outside of the sdist among the bases, nearest first."""
    paths: list[str] = []
    queue: list[Value] = [cls]
    for _ in range(50):
        if not queue:
            break
        here = queue.pop(0)
        if isinstance(here, Class):
            queue.extend(here.bases)
        elif isinstance(here, Opaque):
            paths.append(here.path)
    return paths
