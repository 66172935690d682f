"""Every error that a user can see, with its stable code and its exit status (design.md, "Laws").

The place that raises gives facts, never sentences: the sentence, the facts one a line, and the hints are made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from envcompose.model.requirement import Origin

if TYPE_CHECKING:
    from envcompose.model.decision import Rejection
    from envcompose.model.intent import Intent
    from envcompose.model.repair import Repairs


class EnvcomposeError(Exception):
    """An error of the user's world; `code` is stable, `exit_status` is one of design.md's.

    `intent` is what was read before it, where reading came to its end.
    """

    code: str = "error"
    exit_status: int = 2
    intent: Intent | None = None

    def __init__(
        self,
        sentence: str,
        *,
        facts: Sequence[str] = (),
        hints: Sequence[str] = (),
        file: str | None = None,
        line: int | None = None,
        packages: Sequence[str] = (),
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.facts = tuple(facts)
        self.hints = tuple(hints)
        self.file = file
        self.line = line
        self.packages = tuple(packages)


class InputError(EnvcomposeError):
    """Something the user wrote cannot be used (exit 2)."""

    code = "input"


class Usage(InputError):
    """A command line that does not fit the program's options (exit 2)."""

    code = "usage"

    def __init__(self, *, reason: str, command: str, suggestion: str | None = None, hints: Sequence[str] = ()) -> None:
        meant = [f"did you mean {suggestion}?"] if suggestion else []
        super().__init__(reason[:1].upper() + reason[1:], hints=(*meant, *hints, f"{command} --help"))


class OurBug(EnvcomposeError):
    """What should never happen (exit 70); `what` is the exception in one line."""

    code = "bug"
    exit_status = 70

    def __init__(self, *, what: str) -> None:
        super().__init__(
            f"This is a bug of envcompose: {what}", hints=("report it with the command and what it printed",)
        )


class RequirementSyntax(InputError):
    """A requirement that does not parse; the caret stands under the first character that does not fit.

    `form` is how such a requirement looks where it parses.
    """

    code = "requirement-syntax"

    def __init__(
        self, *, text: str, column: int, reason: str, file: str | None, line: int | None, form: str | None = None
    ) -> None:
        where = "on the command line" if file is None else f"in {file}, line {line}"
        form = form or 'name[extra]>=1.2; python_version >= "3.10"'
        super().__init__(
            f"A requirement {where} does not parse: {reason}",
            facts=(f"  {text}", "  " + " " * max(column, 0) + "^"),
            hints=(f"write it as PEP 508 says, for example '{form}'",),
            file=file,
            line=line,
        )


class FileMissing(InputError):
    """A file that the input names is not there; `what` says what else could be, as in `folder and no file`."""

    code = "file-missing"

    def __init__(
        self, *, path: str, named_by: str | None = None, suggestion: str | None = None, what: str = "file"
    ) -> None:
        named = f", named by {named_by}" if named_by else ""
        hints = (f"did you mean {suggestion}?",) if suggestion else ("check the path",)
        super().__init__(f"There is no {what} {path}{named}", hints=hints, file=path)


class FileUnreadable(InputError):
    """A file whose bytes cannot be read as the format that it claims to be."""

    code = "file-unreadable"

    def __init__(self, *, path: str, reason: str, line: int | None = None, hint: str | None = None) -> None:
        where = path if line is None else f"{path}, line {line}"
        hint = hint or ("check that it is the file you mean" if line is None else "correct the file around this line")
        super().__init__(f"{where} cannot be read: {reason}", hints=(hint,), file=path, line=line)


class CyclicInclude(InputError):
    """A requirements file or dependency group that includes itself."""

    code = "cyclic-include"

    def __init__(self, *, chain: Sequence[str], file: str | None = None, line: int | None = None) -> None:
        super().__init__(
            "An include comes back to itself",
            facts=(" -> ".join(chain),),
            hints=("take one of the includes out",),
            file=file,
            line=line,
        )


class RecipeInvalid(InputError):
    """A recipe or table that the strict loader refuses; all problems are reported at once."""

    code = "recipe-invalid"

    def __init__(self, *, problems: Sequence[str]) -> None:
        super().__init__("The recipes hold mistakes", facts=problems, hints=("see recipes/README.md for the format",))


class IndexUnreachable(EnvcomposeError):
    """A package index that cannot be reached, after retries (exit 3)."""

    code = "index-unreachable"
    exit_status = 3

    def __init__(self, *, index: str, reason: str, wanted: str | None = None) -> None:
        self.index = index
        facts = (f"wanted: {wanted}",) if wanted else ()
        super().__init__(
            f"The package index {index} cannot be reached: {reason}",
            facts=facts,
            hints=("check the network, or run again with --offline if the same was done here before",),
        )


class IndexBroken(EnvcomposeError):
    """A package index that answers, but not with what the standards say (exit 3)."""

    code = "index-broken"
    exit_status = 3

    def __init__(self, *, index: str, reason: str, wanted: str) -> None:
        self.index = index
        super().__init__(
            f"The package index {index} gave an answer that cannot be used: {reason}",
            facts=(f"wanted: {wanted}",),
            hints=("run again later, or name another index with --index",),
        )


class NotCached(EnvcomposeError):
    """Something needed is not in the cache and no connection may be made (exit 3)."""

    code = "not-cached"
    exit_status = 3

    def __init__(self, *, wanted: str) -> None:
        super().__init__(
            f"{wanted} is not in the cache, and --offline forbids asking for it",
            hints=("run the same command once without --offline",),
        )


class FileBroken(EnvcomposeError):
    """A file whose bytes are not what the index promised (exit 3)."""

    code = "file-broken"
    exit_status = 3

    def __init__(self, *, file: str, reason: str) -> None:
        super().__init__(
            f"{file} is not what its index promised: {reason}",
            hints=("run again; if it stays, tell the index's owner",),
        )


class HashWrong(EnvcomposeError):
    """A hash that the user gives with an address, and that is not the file's (exit 3)."""

    code = "hash-wrong"
    exit_status = 3

    def __init__(self, *, file: str, given: str, known: str) -> None:
        super().__init__(
            f"The sha256 that is given for {file} is not that of the file",
            facts=(f"given: {given}", f"the index tells: {known}"),
            hints=("correct the hash, or the address that it stands in",),
        )


class FileGone(EnvcomposeError):
    """A file that an index lists, or listed a while ago, and does not have (exit 3)."""

    code = "file-gone"
    exit_status = 3

    def __init__(self, *, index: str, file: str) -> None:
        super().__init__(
            f"{index[:1].upper()}{index[1:]} lists {file} and does not have it",
            hints=("run again with --refresh: the list may be older than the file's end",),
        )


class AddressGone(EnvcomposeError):
    """A file that the user names by its address, and that is not there (exit 3)."""

    code = "address-gone"
    exit_status = 3

    def __init__(self, *, name: str, address: str, origin: str) -> None:
        super().__init__(
            f"There is no file at the address that is given for {name}: {address}",
            facts=(f"given at: {origin}",),
            hints=("correct the address, or ask for the package by name",),
            packages=(name,),
        )


class UploadTimesUnknown(EnvcomposeError):
    """An index that does not say when its files were uploaded, so that --as-of cannot be honoured (exit 3)."""

    code = "upload-times-unknown"
    exit_status = 3

    def __init__(self, *, index: str, name: str) -> None:
        super().__init__(
            f"--as-of cannot be honoured: the package index {index} does not say when files of {name} were uploaded",
            hints=("leave --as-of out, or name an index that gives upload times (PEP 700) with --index",),
        )


class ResolverBroken(EnvcomposeError):
    """uv itself failed, not the requirements (exit 3)."""

    code = "resolver-broken"
    exit_status = 3

    def __init__(self, *, words: str) -> None:
        super().__init__(
            "uv, the resolver, failed", facts=words.strip().splitlines()[-6:], hints=("run again with -v",)
        )


class OptionSyntax(InputError):
    """An option in a requirements file that pip itself would refuse; its value is never shown."""

    code = "option-syntax"

    def __init__(self, *, option: str | None, reason: str, origin: Origin, suggestion: str | None = None) -> None:
        what = f"The option {option[:60]}" if option else "A line of options"
        super().__init__(
            f"{what} at {origin} cannot be read: {reason}",
            hints=(f"did you mean {suggestion}?",) if suggestion else ("see pip's requirements file format",),
            file=origin.file,
            line=origin.line,
        )


class ConflictingPins(InputError):
    """Two requirements of one distribution that no version can fulfil together."""

    code = "conflicting-pins"

    def __init__(self, *, name: str, first: tuple[str, Origin], second: tuple[str, Origin]) -> None:
        super().__init__(
            f"Two requirements of {name} exclude each other",
            facts=tuple(f"{origin}: {text}" for text, origin in (first, second)),
            hints=(f"keep one of the two lines about {name}",),
            file=second[1].file,
            line=second[1].line,
            packages=(name,),
        )


class TwoProjects(InputError):
    """Two installable project folders in one composition."""

    code = "two-projects"

    def __init__(self, *, first: str, second: str) -> None:
        super().__init__(
            "Two project folders are given, and a manifest has room for one",
            facts=(first, second),
            hints=(f"name one folder, and require the other as a path: envcompose init {first}",),
        )


class UnknownValue(InputError):
    """A value of an option that the tables do not know."""

    code = "unknown-value"

    def __init__(
        self,
        *,
        option: str,
        value: str,
        reason: str,
        known: Sequence[str] = (),
        suggestion: str | None = None,
        command: str = "init",
    ) -> None:
        facts = (f"known: {', '.join(known)}",) if known else ()
        hints = (
            f"did you mean {option} {suggestion}?"
            if suggestion
            else f"envcompose {command} --help tells what it takes",
        )
        super().__init__(f"{option} {value[:80]} cannot be used: {reason}", facts=facts, hints=hints)


class NearMiss(InputError):
    """A word that is almost a recipe's name: a slip, or a package that waits for slips."""

    code = "near-miss"

    def __init__(self, *, word: str, suggestion: str) -> None:
        super().__init__(
            f"{word} is no stack, and almost the name of one",
            hints=(f"did you mean {suggestion}?", f"write pypi:{word} if you mean the PyPI project of this name"),
            packages=(word,),
        )


class WordUnclear(InputError):
    """A word on the command line that could be read in two ways, or in none."""

    code = "word-unclear"

    def __init__(self, *, word: str, reason: str, hint: str) -> None:
        super().__init__(f"{word} on the command line is unclear: {reason}", hints=(hint,))


class ProjectUnknown(InputError):
    """A name that the package index does not know (exit 2)."""

    code = "project-unknown"

    def __init__(self, *, name: str, origin: str, suggestion: str | None = None) -> None:
        hint = (
            f"did you mean {suggestion}?"
            if suggestion
            else "check the spelling, or name the index that has it with --index"
        )
        super().__init__(f"The package index knows no project {name} ({origin})", hints=(hint,), packages=(name,))


class Infeasible(EnvcomposeError):
    """A wish that no candidate fulfils (exit 1, law 8); `rejected` says what was tried and why it lost.

    It is not `complete` where the search ended after it had `tried` as many candidates as it may: then one may stand.
    """

    code = "infeasible"
    exit_status = 1
    repairs: Repairs | None = None
    """What conflicts and what would repair it, where that was looked for."""

    def __init__(
        self,
        *,
        subject: str,
        target: str,
        rejected: Sequence[Rejection],
        complete: bool = True,
        tried: int = 0,
        hints: Sequence[str] = (),
    ) -> None:
        sentence = f"No combination of versions fulfils {subject} for {target}"
        hints = hints or ("loosen what is named above, or leave options such as --python to their rules",)
        if not complete:
            count = f"{tried} candidates were resolved" if tried != 1 else "1 candidate was resolved"
            sentence += f" (incomplete: {count}, as many as one search does, and there are more)"
            hints = (*hints, "fix a version or --python: a search of fewer candidates can be complete")
        super().__init__(sentence, facts=[f"{entry.what}: {entry.why}" for entry in rejected], hints=hints)
        self.rejected = tuple(rejected)
        self.complete = complete


class PixiTooOld(InputError):
    """A `--requires-pixi` below what the manifest needs (exit 2)."""

    code = "pixi-too-old"

    def __init__(self, *, asked: str, needed: str, why: str) -> None:
        super().__init__(
            f"The manifest cannot be valid for pixi {asked}: it needs {needed} or later",
            facts=(why,),
            hints=(f"leave --requires-pixi out, or ask for {needed}",),
        )


class ProofRequired(EnvcomposeError):
    """`--require-proof` where something rests on tables or assumptions (exit 3)."""

    code = "proof-required"
    exit_status = 3

    def __init__(self, *, unproved: Sequence[str]) -> None:
        super().__init__(
            "Not everything in this composition is proved, and --require-proof asks for that",
            facts=unproved,
            hints=("leave --require-proof out to get the manifest with the standing of each package in its report",),
        )


class NotOurs(EnvcomposeError):
    """A file in the way that envcompose did not write, or that was edited since (exit 4)."""

    code = "would-overwrite"
    exit_status = 4

    def __init__(self, *, path: str, reason: str, line: int | None = None, hints: Sequence[str] = ()) -> None:
        where = path if line is None else f"{path}, line {line},"
        super().__init__(
            f"{where} is in the way: {reason}",
            hints=(
                *hints,
                "choose another folder with -o",
                "--force replaces it and keeps the old file beside the new one",
            ),
            file=path,
            line=line,
        )


class NotWritable(EnvcomposeError):
    """A target folder that cannot be written (exit 2)."""

    code = "not-writable"

    def __init__(self, *, path: str, reason: str, hint: str = "choose another folder with -o") -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} cannot be written: {reason}", hints=(hint,), file=path)


class NothingToRead(InputError):
    """A folder without a file that says what its project needs."""

    code = "nothing-to-read"

    def __init__(self, *, folder: str, files: Sequence[str]) -> None:
        hints = [f"name one of its files: {name}" for name in files]
        super().__init__(
            f"There is no pyproject.toml, setup.cfg, setup.py or requirements.txt in {folder} that names a project",
            hints=hints or ("name a folder with one of these files",),
            file=folder,
        )


class NoPythonLeft(InputError):
    """Bounds on Python that no CPython of conda-forge fulfils (exit 2)."""

    code = "no-python-left"

    def __init__(self, *, wished: str | None, bounds: Sequence[str]) -> None:
        facts = ([f"--python {wished}"] if wished else []) + list(bounds)
        super().__init__(
            "No Python on conda-forge fulfils all that is asked of it", facts=facts, hints=("loosen one of these",)
        )


class NothingAsked(InputError):
    """A command without anything to compose (exit 2)."""

    code = "nothing-asked"

    def __init__(self) -> None:
        super().__init__(
            "There is nothing to compose",
            hints=(
                "name a stack, for example: envcompose init axolotl --cuda 12.4",
                "list the stacks: envcompose recipes list",
            ),
        )


class UnknownRecipe(InputError):
    """A recipe that does not ship with envcompose (exit 2)."""

    code = "unknown-recipe"

    def __init__(self, *, name: str, suggestion: str | None) -> None:
        hint = f"did you mean {suggestion}?" if suggestion else "envcompose recipes list"
        super().__init__(f"There is no recipe {name}", hints=(hint,))


class NothingUsable(InputError):
    """Inputs of which no line can be used (exit 2)."""

    code = "nothing-usable"

    def __init__(self, *, lines: Sequence[str]) -> None:
        super().__init__(
            "Nothing of what was given can be composed",
            facts=lines,
            hints=("name what the environment is for, for example: envcompose init axolotl --cuda 12.4",),
        )


class IndexAddress(InputError):
    """An index whose address is no HTTP URL (exit 2); the address itself may hold secrets and is masked by whoever raises."""

    code = "index-address"

    def __init__(self, *, shown: str) -> None:
        super().__init__(
            f"{shown} is no address of a package index",
            hints=("write it as https://HOST/simple",),
        )


class NotInComposition(InputError):
    """A package that `explain` is asked about and that the composition does not have (exit 2)."""

    code = "not-in-composition"

    def __init__(self, *, name: str, reasons: Sequence[str], near: str | None, command: str | None) -> None:
        hints = [f"did you mean {near}?"] if near else [f"ask for it: {command}"] if command else []
        super().__init__(
            f"{name} is not in this environment",
            facts=reasons or ("nothing in it requires it, and you do not ask for it",),
            hints=hints or ("check the spelling: the package index knows no such project either",),
            packages=(name,),
        )


class NothingComposed(InputError):
    """`explain` without inputs where no manifest of ours says what was asked for (exit 2)."""

    code = "nothing-composed"

    def __init__(self, *, path: str, package: str, exists: bool) -> None:
        reason = "was not written by envcompose" if exists else "is not there"
        super().__init__(
            f"Nothing says what environment is meant: {path} {reason}",
            hints=(
                f"name what it is for, as for init: envcompose explain {package} axolotl --cuda 12.4",
                f"name a manifest: envcompose explain {package} --manifest path/to/pixi.toml",
            ),
            file=path,
        )


class NoEnvironment(InputError):
    """A folder that holds no environment to judge (exit 2)."""

    code = "no-environment"

    def __init__(self, *, path: str, composed: bool) -> None:
        install = ("pixi install, in the folder of the pixi.toml",) if composed else ()
        super().__init__(
            f"There is no environment in {path}: it has no bin/python",
            hints=(*install, "name its folder, for example: envcompose verify .pixi/envs/default"),
            file=path,
        )


class NoExpectations(InputError):
    """An environment of which no composition says what it should be (exit 2)."""

    code = "no-expectations"

    def __init__(self, *, looked: str, named: bool) -> None:
        sentence = (
            f"There is no file {looked} that says what to expect"
            if named
            else f"Nothing says what to expect of {looked}: no folder above it, nor above this one, has .envcompose/expect.json"
        )
        super().__init__(
            sentence,
            hints=(
                "envcompose init composes an environment and writes it",
                "name the file, for example: envcompose verify --expect path/to/.envcompose/expect.json",
            ),
        )


class MistakenName(InputError):
    """A name on the package index that is something else than what people mean by it (exit 2)."""

    code = "mistaken-name"

    def __init__(self, *, name: str, what: str, meant: str) -> None:
        super().__init__(
            f"{name} on the package index is {what}",
            hints=(f"you probably mean {meant}", f"write pypi:{name} if you mean that very project"),
            packages=(name,),
        )


class OptionWithoutProject(InputError):
    """`--extra` or `--group` where no project folder is given (exit 2)."""

    code = "option-without-project"

    def __init__(self, *, options: Sequence[str]) -> None:
        super().__init__(
            f"{', '.join(options)} belong to a project folder, and none is given",
            hints=(
                "name the folder: envcompose init path/to/project --extra NAME",
                "extras of a requirement go into brackets: name[extra]",
            ),
        )


class NoSdist(InputError):
    """A requirement that no source distribution fulfils (exit 2); `newest` is the newest version that has one."""

    code = "no-sdist"

    def __init__(self, *, requirement: str, name: str, only_wheels: bool, newest: str | None) -> None:
        facts = ["the index has wheels for it: nothing needs to be built"] if only_wheels else []
        hint = f"envcompose analyze {name}=={newest}" if newest else "name an sdist on disk, or a source folder"
        super().__init__(
            f"The package index has no source distribution for {requirement}",
            facts=facts,
            hints=(hint,),
            packages=(name,),
        )


class ChannelUnreachable(EnvcomposeError):
    """A conda channel that cannot be reached after retries, or, `from_cache`, is not in the cache while offline (exit 3)."""

    code = "channel-unreachable"
    exit_status = 3

    def __init__(self, *, channel: str, reason: str, from_cache: bool = False) -> None:
        self.channel = channel
        self.reason = reason
        self.from_cache = from_cache
        super().__init__(
            f"The conda channel {channel} cannot be reached: {reason}",
            hints=(
                "run the same command once without --offline"
                if from_cache
                else "check the network, or name a channel that can be reached with --channel",
            ),
        )


class ChannelBroken(EnvcomposeError):
    """A conda channel that answers, but not with repodata that can be used (exit 3)."""

    code = "channel-broken"
    exit_status = 3
    from_cache = False

    def __init__(self, *, channel: str, reason: str) -> None:
        self.channel = channel
        super().__init__(
            f"The conda channel {channel} gave an answer that cannot be used: {reason}",
            hints=("run again later, or name another channel with --channel",),
        )


class ChannelUnknown(EnvcomposeError):
    """A channel text that is neither a name nor an address (exit 2)."""

    code = "channel-unknown"
    exit_status = 2

    def __init__(self, *, channel: str, reason: str) -> None:
        super().__init__(
            f"{channel!r} is no conda channel: {reason}",
            hints=("write a name (--channel conda-forge), a URL, or file:///folder/of/the/channel",),
        )


class CondaSpecInvalid(EnvcomposeError):
    """A conda match spec that the solver does not read (exit 2)."""

    code = "conda-spec-invalid"
    exit_status = 2

    def __init__(self, *, spec: str, reason: str) -> None:
        super().__init__(f"{spec!r} is no conda match spec: {reason}", hints=('write it as in "numpy >=1.26,<2"',))


class LockInvalid(InputError):
    """A lock file that pixi itself cannot read (exit 2); `reason` names the part of it, `command` would lock anew."""

    code = "lock-invalid"

    def __init__(self, *, path: str, reason: str, line: int | None = None, command: str = "envcompose lock") -> None:
        self.reason = reason
        where = path if line is None else f"{path}, line {line}"
        super().__init__(
            f"{where} is no lock file that can be read: {reason}",
            hints=(
                "take back the version that was committed last",
                f"or {command} --fresh, which forgets its versions",
            ),
            file=path,
            line=line,
        )


class LockUnsupported(InputError):
    """A lock file that pixi reads and that holds what envcompose does not know (exit 2); `what` names it."""

    code = "lock-unsupported"

    def __init__(self, *, path: str, what: str, line: int) -> None:
        super().__init__(
            f"{path}, line {line} holds {what}, which envcompose does not read",
            hints=("pixi lock",),
            file=path,
            line=line,
        )


class PackageRequirementInvalid(InputError):
    """A requirement in a package's own metadata that neither uv nor pixi reads (exit 2); `kind` is what it claims to be."""

    code = "package-requirement-invalid"

    def __init__(self, *, text: str, kind: str, reason: str) -> None:
        shown = "".join(letter if letter.isprintable() else " " for letter in text[:200])
        super().__init__(
            f"The {kind} {shown!r} of a package does not parse: {reason}",
            hints=("pin another version of the package that has it",),
        )


class ManifestInvalid(InputError):
    """A pixi manifest that pixi itself refuses (exit 2); `reason` says what, `hint` what was probably meant."""

    code = "manifest-invalid"

    def __init__(self, *, path: str, reason: str, line: int | None = None, hint: str | None = None) -> None:
        where = path if line is None else f"{path}, line {line}"
        super().__init__(
            f"{where} is no manifest that pixi accepts: {reason}",
            hints=(hint or ("correct this line" if line is not None else "correct the file"),),
            file=path,
            line=line,
        )


class GitMissing(EnvcomposeError):
    """A git source where no git program is on PATH (exit 3)."""

    code = "git-missing"
    exit_status = 3

    def __init__(self, *, repository: str) -> None:
        super().__init__(
            f"{repository} cannot be read: there is no git on PATH",
            hints=("install git, or take the package from an index",),
        )


class GitFailed(EnvcomposeError):
    """A git repository, or a commit in it, that cannot be had (exit 3)."""

    code = "git-failed"
    exit_status = 3

    def __init__(self, *, repository: str, reason: str) -> None:
        super().__init__(
            f"The repository {repository} cannot be read: {reason}",
            hints=("check its address and the branch, tag or commit that is asked for",),
        )


class LockInfeasible(EnvcomposeError):
    """A manifest that no set of packages fulfils (exit 1, law 8); `facts` are the lines against each other.

    `links` is the first place of its find-links, where no index is asked beside them and that is why.
    """

    code = "lock-infeasible"
    exit_status = 1

    def __init__(
        self,
        *,
        subject: str,
        facts: Sequence[str],
        file: str,
        line: int | None,
        hints: Sequence[str],
        links: str | None = None,
    ) -> None:
        super().__init__(
            f"The {subject} cannot be locked: not all that {file} asks for goes together",
            facts=facts,
            hints=hints,
            file=file,
            line=line,
        )
        self.links = links


class LockNotSupported(InputError):
    """Something in a manifest that envcompose does not lock (exit 2); `what` names it."""

    code = "lock-not-supported"

    def __init__(self, *, what: str, file: str | None, line: int | None) -> None:
        where = "" if file is None else f" ({file}{'' if line is None else f', line {line}'})"
        super().__init__(
            f"envcompose does not lock {what}{where}", hints=("pixi lock, if pixi can",), file=file, line=line
        )


class PythonMissing(InputError):
    """PyPI dependencies where conda brings no Python (exit 2); `table` is where a line with it can stand."""

    code = "python-missing"

    def __init__(self, *, environment: str, table: str, file: str, line: int | None) -> None:
        super().__init__(
            f"The {environment} has PyPI dependencies and no Python among its conda packages",
            hints=(f'add a line to {table}, such as python = "3.12.*"',),
            file=file,
            line=line,
        )


class SecretInManifest(InputError):
    """An address with a login in a manifest: pixi asks for the same in its lock, and no lock of ours holds one (exit 2)."""

    code = "secret-in-manifest"

    def __init__(self, *, what: str, shown: str, file: str) -> None:
        super().__init__(
            f"{file} has a login in the address of {what} ({shown}), and pixi takes a lock only with the same in it",
            hints=(
                "take the login out of the address: .netrc or a keyring has it for indexes, pixi auth login for channels",
            ),
            file=file,
        )


class ManifestMissing(InputError):
    """A path without a pixi manifest (exit 2)."""

    code = "manifest-missing"

    def __init__(self, *, path: str, is_folder: bool) -> None:
        what = "no pixi.toml, and no pyproject.toml with [tool.pixi]" if is_folder else "no file of this name"
        super().__init__(
            f"There is no pixi manifest at {path}: {what}",
            hints=("name the manifest, or its folder", "envcompose init composes one"),
            file=path,
        )


class LockMissing(EnvcomposeError):
    """A manifest without a lock to judge: pixi would solve it (exit 1); `command` would lock it."""

    code = "lock-missing"
    exit_status = 1

    def __init__(self, *, folder: str, command: str) -> None:
        super().__init__(f"There is no pixi.lock beside the manifest in {folder}", hints=(command,))


class LockNamed(InputError):
    """A lock where its manifest is to be named (exit 2); `command` is the one that was meant."""

    code = "lock-named"

    def __init__(self, *, path: str, command: str) -> None:
        super().__init__(f"{path} is a lock, not a manifest", hints=(f"name its manifest: {command}",), file=path)


class LockNoFile(InputError):
    """What lies where a lock belongs, and is no file (exit 2); `what` says what it is."""

    code = "lock-no-file"

    def __init__(self, *, path: str, what: str) -> None:
        super().__init__(f"{path} is {what}", hints=("move it away: a lock is a file, or a link to one",), file=path)


class LinksMissing(InputError):
    """A folder that find-links of a manifest names, and that is not there (exit 2)."""

    code = "links-missing"

    def __init__(self, *, folder: str) -> None:
        self.folder = folder
        super().__init__(
            f"There is no folder {folder}, which find-links names",
            hints=("check the path: it is seen from the manifest",),
        )


class LockRefused(EnvcomposeError):
    """A lock that was solved, and that pixi would not take: nothing was written (exit 1)."""

    code = "lock-refused"
    exit_status = 1

    def __init__(self, *, path: str, reasons: Sequence[str]) -> None:
        super().__init__(
            f"Both layers were solved, and pixi would not take the {path} that comes of it: it was not written",
            facts=reasons,
            hints=("change the lines that are named", "report it if nothing about them looks wrong"),
        )


class TwoBuilds(InputError):
    """A conda package that is asked for with two builds, neither of which is within the other (exit 2)."""

    code = "two-builds"

    def __init__(self, *, first: str, second: str) -> None:
        super().__init__(
            f"A conda package is asked for as {first} and as {second}, and no build is both",
            hints=("leave the build out of one of the lines that ask for it",),
        )


class Interrupted(EnvcomposeError):
    """A run that was interrupted or cancelled (exit 130, as shells have it); `written`: had files been replaced by then?"""

    code = "interrupted"
    exit_status = 130

    def __init__(self, *, written: bool) -> None:
        became = "each file is still the old one, or already the new one" if written else "nothing was written"
        super().__init__(f"interrupted; {became}")
