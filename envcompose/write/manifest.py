"""A composition as pixi.toml."""

from __future__ import annotations

from envcompose.decide.manifest_needs import rich_platform
from envcompose.decide.tasks import VERIFY
from envcompose.manifest.blocks import OPEN_SEAL, SCHEMA_COMMENT, SEAL
from envcompose.manifest.pixi_toml import Line, Manifest, Table
from envcompose.manifest.toml_text import Value
from envcompose.model.composition import Composition, CondaDependency, Package, PypiDependency, Task
from envcompose.model.intent import ArtifactKind, Intent, Prefer, TorchFrom
from envcompose.model.requirement import UserRequirement
from envcompose.read.secrets import mask_secrets, without_secrets


def manifest_of(composition: Composition, *, version: str, set_digest: str) -> Manifest:
    """The manifest of a composition; `set_digest` names the set of files it was written with."""
    system = composition.system
    return Manifest(
        schema=SCHEMA_COMMENT,
        head=_head(composition),
        tables=(
            Table(name="workspace", lines=_workspace(composition)),
            Table(
                name="dependencies",
                lines=tuple(_conda_line(d) for d in system.dependencies),
                why="The system layer, from conda",
            ),
            Table(
                name="constraints",
                lines=tuple(_conda_line(d) for d in system.constraints),
                why="Bounds of PyPI packages on what conda brings by itself; they install nothing",
            ),
            Table(name="pypi-options", lines=_pypi_options(composition)),
            Table(
                name="pypi-dependencies",
                lines=tuple(Line(key=d.name, value=_pypi_value(d), why=d.why) for d in composition.pypi),
                why="The PyPI layer: what was asked for, what links torch, what is compiled; the rest is the lock's",
            ),
            Table(name="activation.env", lines=tuple(Line(key=v.name, value=v.value, why=v.why) for v in system.env)),
            *(Table(name=f"tasks.{task.name}", lines=_task_lines(task), why=task.why) for task in composition.tasks),
            Table(
                name="tool.envcompose",
                lines=_intent_lines(composition, version, set_digest),
                why="What was asked for; envcompose reads it again",
            ),
        ),
    )


def _head(composition: Composition) -> tuple[str, ...]:
    target = composition.target
    project = composition.intent.reading.project
    what = (
        composition.stack
        or (project.name if project else "")
        or ", ".join(_asked_for(user) for user in composition.intent.reading.requirements[:3])
        or composition.name
    )
    torch = composition.torch
    line = f"torch {torch.locked_version} (CUDA {torch.cuda}), " if torch else ""
    return (
        f"{what}: {line}Python {target.python}, {target.platform}",
        "Composed by envcompose; .envcompose/report.md tells every decision with its rule and evidence.",
        "Your own lines belong outside of the blocks from >>> to <<<: there they stay when it is composed again.",
        _lock_note(composition),
    )


def _asked_for(user: UserRequirement) -> str:
    """A requirement as it was written; of one by an address its name, since a path was written as seen from elsewhere."""
    return user.name if user.requirement.url else user.text


def _lock_note(composition: Composition) -> str:
    """Who can lock it: pixi by itself, or only envcompose."""
    tasks = [task.name for task in composition.tasks if task.name.startswith("build-")]
    besides = f", except what {', '.join(tasks)} installs" if tasks else ""
    solution = composition.solution
    if solution is not None and solution.beyond_pixi:
        return (
            f"pixi.lock is written by envcompose; pixi alone cannot lock this ({solution.beyond_pixi[0]}): "
            "run `envcompose lock` after a change, and instead of `pixi update`."
        )
    if solution is None or solution.distributions is None:
        if tasks:
            return f"pixi locks this by itself{besides}."
        return f"pixi can lock this by itself: `pixi run {VERIFY}` locks, installs and checks."
    return (
        f"pixi.lock is written by envcompose; pixi can lock this by itself too{besides}. "
        "After a change, `envcompose lock` writes it again."
    )


def _workspace(composition: Composition) -> tuple[Line, ...]:
    target = composition.target
    platform: Value = [target.platform]
    why = ""
    if rich_platform(composition.system, target.glibc):
        virtual: dict[str, Value] = {"platform": target.platform}
        if composition.system.needs_driver and composition.system.driver:
            virtual["cuda"] = composition.system.driver
        virtual["glibc"] = target.glibc
        lines = (
            Line(
                key="platforms",
                value=(virtual,),
                why="a conda package asks for a driver, or glibc is not pixi's default",
            ),
        )
    else:
        lines = (Line(key="platforms", value=platform, why=why),)
    return (
        Line(key="name", value=composition.name),
        Line(key="channels", value=tuple(without_secrets(channel) for channel in composition.system.channels)),
        *lines,
        Line(key="requires-pixi", value=f">={target.pixi}", why="the oldest pixi that reads this file rightly"),
    )


def _conda_line(dependency: CondaDependency) -> Line:
    """A line of conda's tables; pixi refuses a build behind the version in one text (facts: pixi.md §11, v170)."""
    version, _, build = dependency.spec.partition(" ")
    parts = {"version": version, "build": build, "channel": without_secrets(dependency.channel or "")}
    told: dict[str, Value] = {key: value for key, value in parts.items() if value}
    return Line(key=dependency.name, value=told if len(told) > 1 else version, why=dependency.why)


def _pypi_options(composition: Composition) -> tuple[Line, ...]:
    options = composition.intent.reading.indexes
    lines = []
    index = composition.intent.wishes.index or options.index_url
    if index:
        lines.append(Line(key="index-url", value=without_secrets(index), why="you named it"))
    if options.extra_index_urls:
        urls = tuple(without_secrets(url) for url in options.extra_index_urls)
        lines.append(
            Line(key="extra-index-urls", value=urls, why="you named them; the first index that knows a name serves it")
        )
    if options.find_links:
        places = tuple(_find_links(place) for place in options.find_links)
        lines.append(Line(key="find-links", value=places, why="you named them; their files were not looked into"))
    overrides = {
        user.name: _override(user) for user in composition.intent.reading.overrides if not user.requirement.url
    }
    if overrides:
        told = dict(sorted(overrides.items()))
        lines.append(Line(key="dependency-overrides", value=told, why="you override what other packages require"))
    forced = tuple(p.name for p in composition.packages if _is_source_by_wish(p))
    if forced:
        lines.append(Line(key="no-binary", value=forced, why="you asked for their sources, and the index has wheels"))
    if composition.no_build_isolation:
        why = "built against this environment, in this order"
        lines.append(Line(key="no-build-isolation", value=composition.no_build_isolation, why=why))
    return tuple(lines)


def _override(user: UserRequirement) -> Value:
    specifier = str(user.requirement.specifier) or "*"
    extras = tuple(sorted(user.requirement.extras))
    return {"version": specifier, "extras": extras} if extras else specifier


def _is_source_by_wish(package: Package) -> bool:
    """Would pixi take a wheel although the sdist was asked for?"""
    built = package.artifact.kind in (ArtifactKind.SDIST, ArtifactKind.NO_ISOLATION)
    return built and any(other.artifact is ArtifactKind.WHEEL for other in package.alternatives)


def _find_links(place: str) -> Value:
    return {"url": without_secrets(place)} if "://" in place else {"path": place}


def _pypi_value(dependency: PypiDependency) -> Value:
    value: dict[str, Value] = {}
    if dependency.git:
        value["git"] = without_secrets(dependency.git)
        if dependency.rev:
            value["rev"] = dependency.rev
    elif dependency.url:
        value["url"] = without_secrets(dependency.url)
    elif dependency.path:
        value["path"] = dependency.path
    else:
        value["version"] = dependency.specifier or "*"
    if dependency.subdirectory:
        value["subdirectory"] = dependency.subdirectory
    if dependency.index:
        value["index"] = without_secrets(dependency.index)
    if dependency.extras:
        value["extras"] = dependency.extras
    if dependency.editable:
        value["editable"] = True
    return dependency.specifier or "*" if set(value) == {"version"} else value


def _task_lines(task: Task) -> tuple[Line, ...]:
    lines = [Line(key="cmd", value=task.command)]
    if task.depends_on:
        lines.append(Line(key="depends-on", value=task.depends_on))
    if task.outputs:
        lines.append(Line(key="outputs", value=task.outputs, why="while it is there, nothing is built again"))
    return (*lines, Line(key="description", value=task.description))


def _intent_lines(composition: Composition, version: str, set_digest: str) -> tuple[Line, ...]:
    intent = composition.intent
    lines = [
        Line(key="version", value=version),
        Line(key="set", value=set_digest, why="the files that were written together name the same set"),
        Line(
            key=SEAL,
            value=OPEN_SEAL,
            why="the sha256 of the blocks and their lines: while it is right, nobody has edited them",
        ),
        Line(
            key="facts",
            value=f"{composition.facts_as_of} {composition.facts_digest[:16]}",
            why="the tables that it rests on",
        ),
    ]
    return (*lines, *(Line(key=key, value=value) for key, value in _asked(intent).items()))


def _asked(intent: Intent) -> dict[str, Value]:
    """The request and the wishes that were spoken; what defaulted is not repeated here."""
    request, wishes = intent.request, intent.wishes
    asked: dict[str, Value | None] = {
        "request": request.words,
        "requirement-files": request.requirement_files,
        "environment-file": request.environment_file,
        "project": request.project,
        "extras": request.extras,
        "groups": request.groups,
        "cuda": intent.spoken_cuda,
        "driver": wishes.driver,
        "python": wishes.python,
        "gpus": wishes.gpus,
        "glibc": wishes.glibc,
        "torch-from": wishes.torch_from.value if wishes.torch_from is not TorchFrom.AUTO else None,
        "artifacts": tuple(f"{name}={kind.value}" for name, kind in wishes.artifacts),
        "prefer": wishes.prefer.value if wishes.prefer is not Prefer.PREBUILT else None,
        "default-extras": None if wishes.default_extras else False,
        "build-memory": f"{wishes.build_memory_gib:g}" if wishes.build_memory_gib is not None else None,
        "requires-pixi": str(wishes.requires_pixi) if wishes.requires_pixi else None,
        "index": mask_secrets(wishes.index) if wishes.index else None,
        "channels": tuple(mask_secrets(channel) for channel in wishes.channels),
        "as-of": wishes.as_of,
        "name": wishes.name,
    }
    return {key: value for key, value in asked.items() if value is not None and value != ()}
