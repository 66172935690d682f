"""What the target leaves open and what it fixes, before the search; each default has its rule (never the machine's)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.decide.known import cuda_major
from envcompose.errors import NoPythonLeft
from envcompose.model.decision import CompileClass, Rejection
from envcompose.model.facts import Facts
from envcompose.model.intent import ArtifactKind, Intent
from envcompose.model.message import Level, Message
from envcompose.model.target import Default, TorchChoice, admits_python
from envcompose.model.values import dataclass
from envcompose.read.secrets import mask_secrets, without_secrets
from envcompose.read.targets import cuda_of_driver
from envcompose.resolve.metadata import header_values
from envcompose.search.find import Found, dear_rejections
from envcompose.search.settled import Settled
from envcompose.search.subject import Demand, Stack
from envcompose.search.torches import TORCH, TorchWish

DEFAULT_GLIBC = "2.28"

_GLIBC = re.compile(r"\(--glibc (\d+\.\d+) admits them\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The fixed parts of a target and the Pythons that are open, newest first."""

    intent: Intent
    torch: TorchWish
    pythons: tuple[str, ...]
    glibc: str
    forced: Mapping[str, ArtifactKind]
    name: str

    @property
    def label(self) -> str:
        """The target in the user's words."""
        wishes = self.intent.wishes
        parts = [f"CUDA {wishes.cuda}" if wishes.cuda else "", f"driver {wishes.driver}" if wishes.driver else ""]
        parts += [
            f"Python {wishes.python}" if wishes.python else "",
            f"GPU {' '.join(wishes.gpus)}" if wishes.gpus else "",
        ]
        return ", ".join([*filter(None, parts), wishes.platform])

    @property
    def hints(self) -> tuple[str, ...]:
        """What to try when nothing fits."""
        wishes = self.intent.wishes
        hints = []
        if self.intent.spoken_cuda is not None and wishes.driver is None:
            hints.append(
                f"if CUDA {wishes.cuda} is what nvidia-smi shows, it is the driver's: use --driver {wishes.cuda} instead of --cuda"
            )
        if wishes.python is not None:
            hints.append("leave --python out to let the rules choose it")
        return tuple(hints)

    @property
    def indexes(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The indexes that the user named, secrets masked, with the names each one serves (empty: all)."""
        options = self.intent.reading.indexes
        urls = [self.intent.wishes.index or options.index_url, *options.extra_index_urls]
        found = [(mask_secrets(url), ()) for url in urls if url]
        by_url: dict[str, list[str]] = {}
        for name, url in options.pinned:
            by_url.setdefault(mask_secrets(url), []).append(name)
        return (*found, *((url, tuple(sorted(names))) for url, names in sorted(by_url.items())))

    def defaults_for(self, best: Settled) -> tuple[Default, ...]:
        """Python, glibc, the CUDA line and torch's source, where rules chose them."""
        wishes = self.intent.wishes
        found = []
        if wishes.python is None:
            why = "the newest that all requirements admit and for which every compiled package has a wheel"
            # The newest Python that was ruled out tells most: the ones above it are mostly newer than torch.
            why += "".join(f"; {text}" for text in best.prospect.newer_pythons[-1:])
            found.append(Default(name="python", value=best.prospect.python, why=why))
        if wishes.glibc is None:
            found.append(Default(name="glibc", value=DEFAULT_GLIBC, why="what pixi assumes of linux-64"))
        if wishes.cuda is None and best.torch is not None:
            found.append(Default(name="cuda", value=best.torch.line, why=_line_why(best.torch, wishes.driver)))
        return tuple(found)

    def driver_of(self, best: Settled) -> str | None:
        """The CUDA version that the driver must show: the wish, else the first of the line's major."""
        if best.torch is None:
            return self.torch.driver
        return self.torch.driver or f"{best.torch.cuda.split('.')[0]}.0"

    @property
    def messages(self) -> tuple[Message, ...]:
        """What the wishes themselves give reason to say."""
        options, found = self.intent.reading.indexes, []
        if self.intent.wishes.index and options.index_url:
            text = f"--index holds, so the index {mask_secrets(options.index_url)} of the input is not asked"
            found.append(Message(code="index-replaced", level=Level.NOTE, text=text))
        for place in options.find_links:
            text = f"{mask_secrets(place)} goes into the manifest, but its files were not looked into"
            found.append(Message(code="find-links-not-read", level=Level.WARNING, text=text))
        return (*found, *self._logins())

    def _logins(self) -> list[Message]:
        """Addresses that came with a login: no file may hold it, so pixi has to get it in its own way (law 9)."""
        options, wishes = self.intent.reading.indexes, self.intent.wishes
        urls = [wishes.index or options.index_url, *options.extra_index_urls, *(url for _, url in options.pinned)]
        urls += [*wishes.channels, *self.intent.reading.channels, *options.find_links]
        found = []
        for url in dict.fromkeys(url for url in urls if url and without_secrets(url) != url):
            host = urlsplit(without_secrets(url)).hostname
            text = f"{mask_secrets(url)} was given with a login, which no file of the set holds"
            hint = f"pixi auth login {host} (or a netrc file) gives it to pixi"
            found.append(Message(code="login-left-out", level=Level.NOTE, text=text, hint=hint))
        return found

    def messages_for(self, found: Found, stack: Stack | None, facts: Facts) -> tuple[Message, ...]:
        """Notes about what was given up: extras that the chosen release lacks, tables behind index variants."""
        best = found.best
        messages: list[Message] = []
        release = best.prospect.release if best else None
        for extra in release.missing_extras if release else ():
            text = f"{stack.recipe.name if stack else ''} {release.version if release else ''} has no extra {extra}, so it was left out"
            messages.append(Message(code="extra-missing", level=Level.NOTE, text=text))
        for text in best.known_bad if best else ():
            messages.append(Message(code="known-bad-pair", level=Level.WARNING, text=text, packages=(text.split()[0],)))
        if best is not None and best.torch is not None and not best.torch.release.date:
            text = f"torch {best.torch.version} is newer than the tables: what the index shows of it is used, the rest is assumed"
            messages.append(Message(code="torch-beyond-tables", level=Level.WARNING, text=text, packages=(TORCH,)))
        if best is not None and best.by_tables:
            names = ", ".join(best.by_tables)
            text = f"PyTorch's index could not be asked about {names}: their builds for CUDA {best.torch.cuda if best.torch else ''} stand by tables"
            messages.append(Message(code="index-by-tables", level=Level.NOTE, text=text, packages=best.by_tables))
        messages += self._driver_hint(found, stack)
        messages += self._glibc_hint(found, stack)
        messages += self._unused(found)
        messages += self._prebuilt_hint(found, facts)
        messages += _beside_conda(best) if best is not None else []
        for member in best.closure.members.values() if best else ():
            if member.release.unread:
                text = f"{member.name} comes from a source that is not read here, so what it requires is not in the closure"
                messages.append(
                    Message(code="source-not-read", level=Level.WARNING, text=text, packages=(member.name,))
                )
        if best is not None:
            for name, reasons in sorted(best.closure.assumed.items()):
                text = f"the metadata of {name} could not be followed to the end and are used as found ({_cut('; '.join(reasons[:2]))})"
                messages.append(Message(code="metadata-as-found", level=Level.WARNING, text=text, packages=(name,)))
        return tuple(messages)

    def _glibc_hint(self, found: Found, stack: Stack | None) -> list[Message]:
        """A newer release that only a newer glibc would get as a wheel."""
        best = found.best.prospect.release if found.best else None
        if stack is None or best is None or self.intent.wishes.glibc is not None:
            return []
        lost = [(entry.release, _GLIBC.search(entry.why)) for entry in (*found.rejected, *dear_rejections(found))]
        newer = [(release, match[1]) for release, match in lost if match and release and release > best.version]
        if not newer:
            return []
        release, glibc = min(newer, key=lambda pair: (Version(pair[1]), -_rank(pair[0], newer)))
        name = stack.recipe.name
        text = f"{name} {release} would come as wheels where every machine has glibc {glibc}; {self.glibc} is assumed"
        hint = f"envcompose init {name} --glibc {glibc}, with the other options"
        return [Message(code="glibc-not-assumed", level=Level.NOTE, text=text, hint=hint)]

    def _prebuilt_hint(self, found: Found, facts: Facts) -> list[Message]:
        """A long compile that a release wheel for a newer glibc would spare, at a version that the bounds admit."""
        best = found.best
        if best is None or best.torch is None:
            return []
        messages = []
        for name, artifact in sorted(best.artifacts.items()):
            recipe = facts.packages.get(name)
            if artifact.compile is not CompileClass.LONG or recipe is None:
                continue
            bounds = SpecifierSet(",".join(best.closure.members[name].bounds()))
            fitting = [
                wheel
                for wheel in recipe.prebuilt
                if wheel.version in bounds
                and wheel.glibc is not None
                and Version(wheel.glibc) > Version(self.glibc)
                and cuda_major(wheel.cuda) == cuda_major(best.torch.cuda)
            ]
            if not fitting:
                continue
            wheel = max(fitting, key=lambda wheel: (wheel.version, Version(wheel.torch)))
            text = f"{name} {wheel.version} has a release wheel for torch {wheel.torch}, which would spare the compile where every machine has glibc {wheel.glibc}"
            hint = f"the same command with --glibc {wheel.glibc} may take it"
            messages.append(Message(code="glibc-not-assumed", level=Level.NOTE, text=text, packages=(name,), hint=hint))
        return messages

    def _unused(self, found: Found) -> list[Message]:
        """Wishes and extras that nothing in the closure answered to (law 4)."""
        best, texts = found.best, []
        if best is None:
            return []
        members = best.closure.members
        texts += [
            f"--artifact {name}={kind.value} has no effect: {name} is not needed here"
            for name, kind in self.forced.items()
            if name not in members
        ]
        asks_for_driver = best.joined is not None and best.joined.system.needs_driver
        if best.torch is None and self.intent.wishes.cuda is not None and not asks_for_driver:
            texts.append(f"nothing here uses CUDA, so {self.intent.cuda_words} has no effect")
        for member in members.values():
            offered = {
                canonicalize_name(extra)
                for extra in header_values(best.universe.metadata_of(member.release), "Provides-Extra")
            }
            lacking = [extra for extra in member.extras if extra not in offered]
            if member.requested and lacking and not member.release.stub:
                texts.append(
                    f"{member.name} {member.version} has no extra {', '.join(lacking)}, so asking for it changes nothing"
                )
        return [Message(code="no-effect", level=Level.WARNING, text=text) for text in texts]

    def _driver_hint(self, found: Found, stack: Stack | None) -> list[Message]:
        """Many read the CUDA version off nvidia-smi: where a newer release fails only for the toolkit line, say what gets it."""
        wishes = self.intent.wishes
        best = found.best.prospect.release if found.best else None
        newer = [
            r.release
            for r in found.rejected
            if r.rule == "torch-bound" and r.release and best and r.release > best.version
        ]
        if self.intent.spoken_cuda is None or wishes.driver is not None or stack is None or not newer:
            return []
        name = stack.recipe.name
        text = f"{name} {min(newer)} and later need a torch without a CUDA {wishes.cuda} build; a driver that shows {wishes.cuda} may still run them"
        hint = f"envcompose init {name} --driver {wishes.cuda}"
        return [Message(code="driver-not-line", level=Level.NOTE, text=text, hint=hint)]


def _beside_conda(best: Settled) -> list[Message]:
    """Extras that are asked of what conda provides, and wheels that stand with the requirements of another file."""
    messages = []
    for name, member in sorted(best.closure.members.items()):
        if name in best.provided and member.extras:
            text = f"conda provides {name}, without extras: [{', '.join(member.extras)}] asks for nothing, as in pixi"
            messages.append(Message(code="extras-dropped", level=Level.WARNING, text=text, packages=(name,)))
        file, url = member.release.file, best.artifacts[name].url
        given = best.artifacts[name].rule == "as-given"
        if given and file is not None and url is not None and file.url != url.partition("#")[0]:
            text = f"{mask_secrets(url)} could not be read, and stands with the requirements of {file.filename}"
            messages.append(Message(code="wheel-not-read", level=Level.WARNING, text=text, packages=(name,)))
    return messages


def pinned_torch(demand: Demand, facts: Facts, choices: Choices) -> tuple[Rejection, ...]:
    """Where the user bounds torch and no such release has a build for the line: the line of the bound, and what there is."""
    cuda = choices.intent.wishes.cuda
    bounding = [user for user in (*demand.requirements, *demand.constraints) if user.name == TORCH]
    if cuda is None or not bounding:
        return ()
    fitting = [
        release for release in facts.torch if all(release.version in user.requirement.specifier for user in bounding)
    ]
    lines = sorted({build.cuda for release in fitting for build in release.builds}, key=Version)
    if not fitting or cuda in lines:
        return ()
    what = "; ".join(f"{user.text} ({user.origin})" for user in bounding)
    why = f"torch {fitting[-1].version} has wheels for CUDA {', '.join(lines)}, and CUDA {cuda} is asked for"
    return (Rejection(what=what, why=why, rule="torch-line"),)


def target_choices(intent: Intent, facts: Facts) -> Choices:
    """Everything about the target that is known before the search. Raises NoPythonLeft."""
    wishes = intent.wishes
    driver = cuda_of_driver(wishes.driver, facts) if wishes.driver else None
    return Choices(
        intent=intent,
        torch=TorchWish(
            cuda=wishes.cuda, driver=driver, gpus=wishes.gpus, source=wishes.torch_from, labelled=_is_labelled(intent)
        ),
        pythons=_pythons(intent, facts),
        glibc=wishes.glibc or DEFAULT_GLIBC,
        forced=dict(wishes.artifacts),
        name=wishes.name or intent.reading.name or _name_of(intent),
    )


def _cut(text: str, most: int = 200) -> str:
    """Foreign text at a length that people read."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _rank(version: Version, pairs: Sequence[tuple[Version, str]]) -> int:
    return sorted(other for other, _ in pairs).index(version)


def _is_labelled(intent: Intent) -> bool:
    users = (*intent.reading.requirements, *intent.reading.constraints)
    return any(user.name == TORCH and "+" in str(user.requirement.specifier) for user in users)


def _pythons(intent: Intent, facts: Facts) -> tuple[str, ...]:
    known = sorted((line.version for line in facts.pythons), key=Version, reverse=True)
    wished = intent.wishes.python
    if wished is not None:
        known = [version for version in known if version == wished]
    bounds = intent.reading.requires_python
    fitting = [version for version in known if all(admits_python(specifier, version) for specifier, _ in bounds)]
    if not fitting:
        facts_said = [f"{origin}: Python {specifier}" for specifier, origin in bounds]
        raise NoPythonLeft(wished=wished, bounds=facts_said)
    return tuple(fitting)


def _name_of(intent: Intent) -> str:
    """A name for the workspace: the stack, the project, or the first requirement."""
    if intent.reading.project is not None:
        return intent.reading.project.name
    names = [request.name for request in intent.stacks] or [user.name for user in intent.reading.requirements]
    return names[0] if names else "environment"


def _line_why(torch: TorchChoice, driver: str | None) -> str:
    if torch.build is not None and torch.build.index is None:
        return f"what the default wheels of torch {torch.version} are built for"
    if driver is not None:
        return f"the newest line of torch {torch.version} that a driver showing CUDA {driver} runs"
    return f"what this build of torch {torch.version} is for"
