"""What a marker says about linux-64, whatever Python is chosen."""

from __future__ import annotations

from packaging.markers import Marker

# A marker that gives one answer for each of these gives it whatever Python is chosen.
_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
_LINUX = {
    "extra": "",
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
}


def holds_on_linux(marker: Marker | None) -> bool | None:
    """Does the marker hold on linux-64: for every Python, for none, or (None) for some only?"""
    if marker is None:
        return True
    answers: set[bool] = set()
    for python in _PYTHONS:
        full = {"python_version": python, "python_full_version": f"{python}.0", "implementation_version": f"{python}.0"}
        try:
            answers.add(marker.evaluate({**_LINUX, **full}))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
    return answers.pop() if len(answers) == 1 else None


def both_markers(first: Marker | None, second: Marker | None) -> str:
    """Give the text of a marker that holds where both do; empty where both are missing."""
    texts = [f"({marker})" for marker in (first, second) if marker is not None]
    return " and ".join(texts)
