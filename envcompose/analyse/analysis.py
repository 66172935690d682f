"""From an sdist's texts to its analysis: the stage on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from posixpath import basename, join, normpath

from packaging.utils import canonicalize_name

from envcompose.analyse import conclusions, tools
from envcompose.analyse.build_scripts import build_scripts
from envcompose.analyse.cmake import branches_of
from envcompose.analyse.collecting import uncollected
from envcompose.analyse.declared import Project, name_from_file, read_package_info, read_project
from envcompose.analyse.environment import environment
from envcompose.analyse.found import Found, child_modules
from envcompose.analyse.headers import toolkit_needs
from envcompose.analyse.hints import hints
from envcompose.analyse.machine import World
from envcompose.analyse.members import members
from envcompose.analyse.needs import build_needs
from envcompose.analyse.prebuilt import prebuilt
from envcompose.analyse.program import Outcome, run_setup
from envcompose.analyse.readings import is_static, is_static_for_uv, read_metadata
from envcompose.analyse.rules import BuildRules
from envcompose.analyse.traps import traps
from envcompose.analyse.trim import parse_python
from envcompose.model.analysis import Analysis, Place, SdistTexts
from envcompose.model.foreign import foreign_requirement

MAX_SCRIPTS = 5


def analyse_sdist(
    texts: SdistTexts,
    *,
    rules: BuildRules,
    torches: Sequence[str | None] = (None,),
    python: str = "3.12",
    platform: str = "linux",
) -> Analysis:
    """Read everything about one sdist that can be known without running any of it.

    The readings come in the order of `torches`. Equal inputs give equal analyses. Never raises for what an sdist
    contains: what could not be followed is named in `incomplete`.
    """
    with uncollected():
        return _analyse(texts, rules, torches, python, platform)


def _analyse(
    texts: SdistTexts, rules: BuildRules, torches: Sequence[str | None], python: str, platform: str
) -> Analysis:
    info, project = read_package_info(texts), read_project(texts)
    world = _world(project, python, platform)
    found = _find(texts, project, world, rules)
    surmise = next((outcome for outcome in found.outcomes if outcome.file == "setup.py"), None)
    readings = read_metadata(texts, info, project, torches, world, surmise)
    needs = build_needs(found, _declaration(texts))
    toolkit = toolkit_needs(found)
    name, version = _named(texts, project, found)
    analysis = Analysis(
        name=canonicalize_name(info.name) if info and info.name else name,
        version=info.version if info and info.version else version,
        static_by_standard=is_static(info, project),
        static_for_uv=is_static_for_uv(info, project),
        follows_torch=readings.follows_torch,
        readings=readings.readings,
        build_backend=project.build_backend,
        build_requires=project.build_requires,
        build_needs=needs,
        tools=tuple(need.name for need in tools.tool_needs(found)),
        toolkit_packages=tuple(need.name for need in toolkit),
        extension=conclusions.compiles(found),
        links_torch=conclusions.links_torch(found, needs),
        cuda_sources=conclusions.count_sources(texts, conclusions.CUDA),
        native_sources=conclusions.count_sources(texts, conclusions.NATIVE),
        cxx_standards=conclusions.cxx_standards(found),
        scripts=conclusions.scripts(found),
        top_level=conclusions.top_level(found),
        extension_modules=conclusions.extension_modules(found),
        switches=conclusions.switches(found),
        traps=traps(found, needs),
        tool_needs=tools.tool_needs(found),
        toolkit_needs=toolkit,
        environment=environment(found),
        prebuilt=prebuilt(found),
        hints=hints(found),
        incomplete=tuple(dict.fromkeys([*project.faults, *_unread(texts), *_stopped(found)])),
    )
    for outcome in (*found.outcomes, *readings.outcomes.values()):
        outcome.release()
    parse_python.cache_clear()
    members.cache_clear()
    branches_of.cache_clear()
    return analysis


def _named(texts: SdistTexts, project: Project, found: Found) -> tuple[str, str]:
    """Name what has no PKG-INFO: by its file's name, and a source folder by what it says of itself."""
    name, version = name_from_file(texts.filename)
    if version:
        return name, version
    table = project.project or {}
    own, its_version = (table.get(key) or found.argument(key) for key in ("name", "version"))
    return (
        canonicalize_name(own) if isinstance(own, str) and own else name,
        its_version if isinstance(its_version, str) else "",
    )


def _world(project: Project, python: str, platform: str) -> World:
    major, _, minor = python.partition(".")
    version = (int(major), int(minor.partition(".")[0] or 0))
    return World(torch="?", declared=_declared_names(project), lenient=True, python=version, platform=platform)


def _unread(texts: SdistTexts) -> list[str]:
    return [line for line in texts.refused if "longer than what is read" in line]


def _stopped(found: Found) -> list[str]:
    return [line for outcome in found.outcomes for line in outcome.stopped]


def _declared_names(project: Project) -> frozenset[str]:
    names = {"setuptools", "pip", "wheel"} if "setuptools" in project.build_backend else {"pip"}
    for text in project.build_requires:
        requirement = foreign_requirement(text)
        if requirement is not None:
            names.add(canonicalize_name(requirement.name))
    return frozenset(names)


def _find(texts: SdistTexts, project: Project, world: World, rules: BuildRules) -> Found:
    """Evaluate, leniently, what a build runs: setup.py or the in-tree backend, then the scripts that these start."""
    outcomes: list[Outcome] = []
    files = _backend_files(texts, project)
    if "setup.py" in texts.texts and _runs_setup(texts, project, files):
        files.append("setup.py")
    hooks = [path for path in build_scripts(project.document) if path in texts.texts]
    files += hooks
    done: set[str] = set()
    while files and len(done) < MAX_SCRIPTS:
        file = files.pop(0)
        if file not in done:
            done.add(file)
            outcomes.append(run_setup(texts, world, file, project.backend_path, hooked=file in hooks))
            files += [script for script in _scripts(texts, outcomes[-1]) if script not in done]
    return Found(sdist=texts, project=project, outcomes=tuple(outcomes), rules=rules, python=world.python)


def _runs_setup(texts: SdistTexts, project: Project, backend: list[str]) -> bool:
    """Does the build backend run setup.py: setuptools', or one in the tree that builds on setuptools'?"""
    return "setuptools" in project.build_backend or any("setuptools" in texts.texts[path] for path in backend)


def _backend_files(texts: SdistTexts, project: Project) -> list[str]:
    module = project.build_backend.partition(":")[0].replace(".", "/")
    found = []
    for folder in project.backend_path:
        stem = normpath(join(folder, module))
        found += [path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in texts.texts]
    return found


def _scripts(texts: SdistTexts, outcome: Outcome) -> list[str]:
    """Name the sdist's own Python files that child processes run."""
    scripts = []
    for seen in outcome.seen:
        if seen.kind == "command" and not child_modules(list(seen.subject)):
            for word in seen.subject[:4]:
                path = normpath(word.removeprefix("/sdist/")) if isinstance(word, str) and word.endswith(".py") else ""
                if path in texts.texts and basename(path) != "setup.py":
                    scripts.append(path)
    return list(dict.fromkeys(scripts))


def _declaration(texts: SdistTexts) -> Place | None:
    lines = texts.texts.get("pyproject.toml", "").splitlines()
    for number, line in enumerate(lines, 1):
        if line.strip().startswith("requires") and "=" in line and "python" not in line.partition("=")[0]:
            return Place(file="pyproject.toml", line=number, text=line.strip()[:200])
    return None
