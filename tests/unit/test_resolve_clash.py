"""Clashes by the metadata alone: the facts between two lines, and nothing where it is not certain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.version import Version

from envcompose.model.target import marker_environment
from envcompose.resolve.clash import Clash, Line, find_clash


@dataclass
class Shelf:
    """Releases by name and version, each with its forms, and names of which nothing is known."""

    held: dict[str, dict[str, Sequence[Sequence[str]] | None]]
    unknown: frozenset[str] = frozenset()
    read: list[str] = field(default_factory=list)

    def versions(self, name: str) -> Iterable[Version] | None:
        return None if name in self.unknown else [Version(text) for text in self.held.get(name, {})]

    def requires(self, name: str, version: Version) -> Sequence[Sequence[str]] | None:
        self.read.append(f"{name} {version}")
        return self.held[name][str(version)]


def clash(shelf: Shelf, *lines: str, bounds: Sequence[str] = (), python: str = "3.12") -> Clash | None:
    made = [Line(number=number, requirement=Requirement(text)) for number, text in enumerate(lines)]
    made += [Line(number=len(lines) + n, requirement=Requirement(t), bound=True) for n, t in enumerate(bounds)]
    return find_clash(made, shelf, marker_environment(python))


NONE: Sequence[Sequence[str]] = ((),)


def needing(*texts: str) -> Sequence[Sequence[str]]:
    """A release that comes in one form."""
    return (texts,)


def test_a_line_and_what_another_requires_of_the_same_package():
    shelf = Shelf(
        {
            "numpy": {"2.0": NONE},
            "torch": {"2.5.1": NONE, "2.9.0": NONE},
            "xformers": {"0.0.29": needing("torch==2.5.1")},
        }
    )
    found = clash(shelf, "numpy", "torch==2.9", "xformers==0.0.29")
    assert found == Clash(name="torch", lines=frozenset({1, 2}), facts=("xformers 0.0.29 requires torch==2.5.1",))


def test_a_chain_is_told_link_by_link_and_others_are_left_out():
    shelf = Shelf(
        {
            "a": {"1.0": needing("b>=2")},
            "b": {"1.0": NONE, "2.0": needing("c<3"), "2.1": needing("c<3")},
            "c": {"2.0": NONE, "3.1": NONE},
            "other": {"1.0": needing("c")},
        }
    )
    found = clash(shelf, "other", "a", "c==3.1")
    assert found is not None
    assert found.lines == {1, 2}
    assert found.facts == ("a 1.0 requires b>=2", "b 2.0 to 2.1 require c<3")


def test_what_only_some_releases_require_narrows_nothing():
    shelf = Shelf({"a": {"1.0": needing("c<3"), "2.0": NONE}, "c": {"2.0": NONE, "3.1": NONE}})
    assert clash(shelf, "a", "c==3.1") is None


def test_releases_that_require_different_versions_admit_what_any_of_them_admits():
    shelf = Shelf(
        {
            "a": {"1.0": needing("c==1.0"), "2.0": needing("c==2.0")},
            "c": {"1.0": NONE, "2.0": NONE, "3.0": NONE},
        }
    )
    assert clash(shelf, "a", "c==2.0") is None
    found = clash(shelf, "a", "c==3.0")
    assert found is not None
    assert found.facts == ("a 1.0 to 2.0 require c==1.0 to c==2.0",)


def test_a_release_that_comes_in_two_forms_requires_what_either_asks_for():
    shelf = Shelf({"a": {"1.0": (("c==1.0",), ("c>=1.0",))}, "c": {"1.0": NONE, "2.0": NONE}})
    assert clash(shelf, "a", "c==2.0") is None


def test_what_is_not_known_of_a_release_or_a_package_is_no_clash():
    shelf = Shelf({"a": {"1.0": None}, "c": {"1.0": NONE}}, unknown=frozenset({"d"}))
    assert clash(shelf, "a", "c==1.0", "d==7") is None


def test_a_version_that_is_not_there_is_told_with_its_neighbours():
    shelf = Shelf({"a": {"0.12.2": NONE, "0.13.0.dev0": NONE, "0.13.1": NONE, "0.14.0": NONE}})
    found = clash(shelf, "a==0.13.0")
    assert found is not None
    assert found.facts == (
        "no release of a with a file for this Python and platform satisfies ==0.13.0; the nearest are 0.12.2 and 0.13.1",
    )
    above = clash(shelf, "a>=1")
    assert above is not None
    assert above.facts == (
        "no release of a with a file for this Python and platform satisfies >=1; the newest that has one is 0.14.0",
    )


def test_a_name_that_only_a_requirement_knows_is_told_with_who_wants_it():
    found = clash(Shelf({"a": {"1.0": needing("nowhere")}}), "a")
    assert found is not None
    assert found.facts == ("a 1.0 requires nowhere", "the index has nothing of nowhere that fits")


def test_a_constraint_binds_only_what_is_required():
    shelf = Shelf({"a": {"1.0": needing("c")}, "c": {"1.0": NONE}, "d": {"1.0": NONE}})
    assert clash(shelf, "a", bounds=("d>=2",)) is None
    found = clash(shelf, "a", bounds=("c>=2",))
    assert found is not None
    assert found.lines == {1}


def test_markers_extras_and_local_labels_are_honoured():
    shelf = Shelf(
        {
            "a": {"1.0": needing("c<2 ; extra == 'fast'", "c<1.5 ; python_version < '3.10'")},
            "c": {"1.0": NONE, "2.0": NONE},
        }
    )
    assert clash(shelf, "a", "c==2.0") is None
    assert clash(shelf, "a[fast]", "c==2.0") is not None
    assert clash(shelf, "a", "c==2.0", python="3.9") is not None
    assert clash(shelf, "a", "c==2.0 ; python_version < '3.10'") is None
    assert clash(shelf, "c==2.0+cu124") is None


def test_packages_with_many_releases_left_are_not_read():
    shelf = Shelf({"a": {f"1.{minor}": needing("c<1") for minor in range(50)}, "c": {"1.0": NONE}})
    assert clash(shelf, "a") is None
    assert shelf.read == []


def test_the_newest_release_speaks_for_many_where_only_a_reason_is_wanted():
    releases = {f"1.{minor}": needing("c<1") for minor in range(50)} | {"2.0rc1": NONE}
    shelf = Shelf({"a": releases, "c": {"1.0": NONE, "0.9": NONE}})
    made = [Line(number=n, requirement=Requirement(text)) for n, text in enumerate(("a", "c==1.0"))]
    found = find_clash(made, shelf, marker_environment("3.12"), by_newest=True)
    assert found is not None
    assert found.facts == ("the newest a that is left, 1.49, requires c<1",)


def test_a_cycle_of_requirements_ends():
    shelf = Shelf({"a": {"1.0": needing("b")}, "b": {"1.0": needing("a")}})
    assert clash(shelf, "a") is None
