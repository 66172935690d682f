"""One file of `recipes/packages/` or `recipes/stacks/` as a value; the format is in recipes/README.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envcompose.model.facts import (
    BuildSwitch,
    CompileCost,
    CondaBuild,
    Evidence,
    KnownBad,
    PackageRecipe,
    PrebuiltWheel,
    Probe,
    RunNeed,
    StackRecipe,
)
from envcompose.read.recipe_fields import Fields, Sources, expand_lines, parse_specifier, suggest
from envcompose.read.recipe_tables import version_at

ARTIFACTS = ("conda", "wheel", "prebuilt", "sdist", "no-isolation", "task")
COST_CLASSES = ("short", "minutes", "long")
ABIS: dict[str, tuple[bool | None, ...]] = {
    "false": (False,),
    "true": (True,),
    "both": (False, True),
    "unsaid": (None,),
}


def read_package(name: str, fields: Fields, sources: Sources) -> PackageRecipe:
    """Give the recipe of the package whose file this is."""
    return PackageRecipe(
        name=name,
        links_torch=fields.optional_flag("links_torch"),
        wheel_cuda=tuple(_wheel_cuda(name, fields, sources)),
        prebuilt=tuple(_prebuilt(name, fields, sources)),
        known_bad=tuple(_known_bad(fields, sources)),
        run_needs=tuple(_run_needs(fields, sources)),
        build_switches=tuple(_build_switches(fields, sources)),
        compile_cost=_compile_cost(fields, sources),
        conda=tuple(_conda(name, fields, sources)),
        imports=fields.texts("imports"),
        extensions=fields.texts("extensions"),
        scripts=fields.texts("scripts"),
        probes=tuple(_probes(name, fields, sources)),
    )


def read_stack(name: str, fields: Fields, sources: Sources) -> StackRecipe:
    """Give the recipe of the stack whose file this is."""
    recipe = StackRecipe(
        name=name,
        distribution=fields.name("distribution"),
        summary=fields.text("summary"),
        default_extras=fields.texts("default_extras"),
        extras_why=fields.optional_text("extras_why"),
        imports=fields.texts("imports"),
        evidence=tuple(_evidence(entry, sources) for entry in fields.tables("evidence")),
    )
    if recipe.default_extras and recipe.extras_why is None:
        fields.problem("extras_why", "must say why these extras are the default")
    return recipe


def _evidence(fields: Fields, sources: Sources) -> Evidence:
    evidence = sources.evidence(fields.text("source"), fields.text("text"), fields.at("source"))
    fields.finish()
    return evidence


def _wheel_cuda(name: str, fields: Fields, sources: Sources) -> Iterator[tuple[SpecifierSet, str, Evidence]]:
    for path, row in fields.rows("wheel_cuda", (str, str, str)):
        versions, cuda, key = (str(item) for item in row)
        if cuda != "all" and len(expand_lines(cuda) or ()) != 1:
            fields.problems.add(path, f"{cuda!r} is neither a CUDA line nor 'all'")
        text = f"the index's wheels of {name} {versions} are built for CUDA {cuda}"
        try:
            yield parse_specifier(versions), cuda, sources.evidence(key, text, path)
        except InvalidSpecifier:
            fields.problems.add(path, f"{versions!r} is not a version specifier")


def _prebuilt(name: str, fields: Fields, sources: Sources) -> Iterator[PrebuiltWheel]:
    if not fields.has("prebuilt"):
        return
    table = fields.table("prebuilt")
    url = table.text("url")
    for group in table.tables("groups"):
        glibc = group.optional_line("glibc")
        nightly = group.lines("nightly", "")
        key = group.text("source")
        rows = list(_files(group))
        for text in group.text("versions").split():
            version = version_at(group, "versions", text)
            evidence = sources.evidence(
                key, f"{name} {version} publishes wheels on its release page", group.at("source")
            )
            for torch, cuda, pythons, abis in rows:
                yield PrebuiltWheel(
                    version=version,
                    torch=torch,
                    cuda=cuda,
                    pythons=pythons,
                    cxx11_abi=abis,
                    url=url,
                    glibc=glibc,
                    nightly=torch in nightly,
                    evidence=evidence,
                )
        group.finish()
    table.finish()


def _files(group: Fields) -> Iterator[tuple[str, str, tuple[str, ...], tuple[bool | None, ...]]]:
    """Give each row of a group as single torch and CUDA: `["2.2-2.4", "11 12", "3.9-3.12", "both"]` is six."""
    for path, row in group.rows("files", (str, str, str, str)):
        torches, labels, pythons, abi = (str(item) for item in row)
        minors, lines = expand_lines(torches), expand_lines(pythons)
        if not minors or not lines or abi not in ABIS or not all(label.isdigit() for label in labels.split()):
            group.problems.add(path, "must be (torch minors, CUDA labels, Pythons, one of " + ", ".join(ABIS) + ")")
            continue
        tags = tuple("cp" + line.replace(".", "") for line in lines)
        for torch in minors:
            for label in labels.split():
                yield torch, label, tags, ABIS[abi]


def _known_bad(fields: Fields, sources: Sources) -> Iterator[KnownBad]:
    for entry in fields.tables("known_bad"):
        specifier = entry.specifier("versions")
        torch = entry.specifier("torch") if entry.has("torch") else None
        cuda = entry.lines("cuda") if entry.has("cuda") else None
        abi = entry.optional_flag("cxx11_abi")
        why = entry.text("why")
        evidence = sources.evidence(entry.text("source"), why, entry.at("source"))
        artifacts = entry.texts("artifacts")
        for artifact in artifacts:
            if artifact not in ARTIFACTS:
                entry.problem(
                    "artifacts", f"{artifact!r} is none of {', '.join(ARTIFACTS)}{suggest(artifact, ARTIFACTS)}"
                )
        for chosen in artifacts or (None,):
            yield KnownBad(
                specifier=specifier,
                artifact=chosen,
                torch=torch,
                cuda=cuda,
                cxx11_abi=abi,
                why=why,
                evidence=evidence,
            )
        entry.finish()


def _run_needs(fields: Fields, sources: Sources) -> Iterator[RunNeed]:
    for entry in fields.tables("run_needs"):
        env = entry.table("env")
        why = entry.text("why")
        yield RunNeed(
            conda=entry.texts("conda"),
            env=tuple((key, env.text(key)) for key in sorted(env)),
            when=entry.specifier("versions", default=""),
            why=why,
            evidence=sources.evidence(entry.text("source"), why, entry.at("source")),
        )
        entry.finish()


def _probes(package: str, fields: Fields, sources: Sources) -> Iterator[Probe]:
    seen: set[str] = set()
    for entry in fields.tables("probes"):
        name, why = entry.name("name"), entry.text("why")
        if name in seen:
            entry.problem("name", f"{package} has two probes {name!r}")
        seen.add(name)
        module = entry.text("module")
        if module and not all(part.isidentifier() for part in module.split(".")):
            entry.problem("module", f"{module!r} is not a module's name")
        code = entry.optional_text("code")
        if code is not None:
            _check_code(code, entry)
        yield Probe(
            name=name,
            module=module,
            code=code,
            when=entry.specifier("versions", default=""),
            why=why,
            evidence=sources.evidence(entry.text("source"), why, entry.at("source")),
        )
        entry.finish()


def _check_code(code: str, entry: Fields) -> None:
    """Does it parse as the oldest Python that the verifier runs on?"""
    try:
        ast.parse(code, feature_version=(3, 9))
    except (SyntaxError, ValueError) as error:
        entry.problem("code", f"is no Python 3.9: {error}")


def _build_switches(fields: Fields, sources: Sources) -> Iterator[BuildSwitch]:
    for entry in fields.tables("build_switches"):
        why = entry.text("why")
        yield BuildSwitch(
            name=entry.text("name"),
            value=entry.text("value"),
            why=why,
            evidence=sources.evidence(entry.text("source"), why, entry.at("source")),
        )
        entry.finish()


def _compile_cost(fields: Fields, sources: Sources) -> CompileCost | None:
    if not fields.has("compile_cost"):
        return None
    entry = fields.table("compile_cost")
    text = entry.text("text")
    cost = CompileCost(
        class_=entry.choice("class", COST_CLASSES),
        text=text,
        memory_gib_per_job=entry.optional_number("memory_gib_per_job"),
        evidence=sources.evidence(entry.text("source"), text, entry.at("source")),
    )
    entry.finish()
    return cost


def _conda(name: str, fields: Fields, sources: Sources) -> Iterator[CondaBuild]:
    for path, row in fields.rows("conda", (str, str, str, str, str, str)):
        version, conda_version, torch, cuda, pythons, key = (str(item) for item in row)
        lines, minors = expand_lines(cuda), expand_lines(pythons)
        if not lines or not minors or (torch and len(expand_lines(torch) or ()) != 1):
            fields.problems.add(path, "must be (version, conda's version, torch minor, CUDA lines, Pythons, source)")
            continue
        against = f" against torch {torch}" if torch else ""
        text = f"conda-forge builds {name} {conda_version}{against} for CUDA {cuda.replace(' ', ', ')}"
        yield CondaBuild(
            version=version_at(fields, "conda", version),
            conda_version=conda_version,
            torch=torch or None,
            cuda=lines,
            pythons=minors,
            evidence=sources.evidence(key, text, path),
        )
