"""pip's requirements files -> one InputReading (pip's "Requirements File Format").

What cannot be honoured is told as an unsupported line; what pip would refuse is an error with its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from envcompose.errors import CyclicInclude, FileMissing, FileUnreadable, OptionSyntax
from envcompose.model.intent import IndexOptions, InputReading
from envcompose.model.message import Level, Message
from envcompose.model.requirement import Fate, Origin, OriginKind, Outcome, UserRequirement
from envcompose.ports import TextFiles
from envcompose.read.decode import decode_text
from envcompose.read.direct import Words, is_url, read_requirement
from envcompose.read.paths import folder_of, inside, is_folder, path_of_file_url
from envcompose.read.pip_lines import LogicalLine, logical_lines
from envcompose.read.pip_options import Option, parse_options, split_line
from envcompose.read.secrets import mask_secrets
from envcompose.read.suggest import nearest

_DEEPEST_INCLUDE = 50
# pip takes these three and no weaker ones (pip, hashes.py, STRONG_HASHES).
_HASH = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}", re.IGNORECASE)

# People name these with -r, and the first error of their text would only confuse.
_OTHER_FORMATS = {
    "cfg": "name the folder that it lies in",
    "py": "name the folder that it lies in",
    "toml": "name the folder that it lies in",
    "yaml": "name it with -f",
    "yml": "name it with -f",
}

_FILE_OPTION_NOTES: Mapping[str, tuple[Outcome, str]] = {
    "--no-index": (Outcome.UNSUPPORTED, "the default package index is still asked"),
    "--no-binary": (Outcome.UNSUPPORTED, "say it per package: --artifact NAME=sdist"),
    "--only-binary": (Outcome.UNSUPPORTED, "say it per package: --artifact NAME=wheel"),
    "--prefer-binary": (Outcome.KEPT, "prebuilt files are preferred by default (--prefer prebuilt)"),
    "--pre": (
        Outcome.UNSUPPORTED,
        "put a pre-release into the bound of the requirement that needs one (>=2.0rc1)",
    ),
    "--all-releases": (Outcome.UNSUPPORTED, "put a pre-release into the bound of the requirement that needs one"),
    "--only-final": (Outcome.KEPT, "pre-releases are taken only where a requirement names one"),
    "--uploaded-prior-to": (Outcome.UNSUPPORTED, "say it for the whole composition: --as-of DATE"),
    "--trusted-host": (Outcome.UNSUPPORTED, "certificates are always checked"),
    "--use-feature": (Outcome.UNSUPPORTED, "a switch of pip itself"),
    "--require-hashes": (
        Outcome.UNSUPPORTED,
        "requirements without a hash are taken; given hashes must match",
    ),
    "--always-unzip": (Outcome.UNSUPPORTED, "without effect, in pip too"),
    "--hash": (Outcome.UNSUPPORTED, "a hash stands on the line of its requirement"),
    "--config-settings": (Outcome.UNSUPPORTED, "pixi passes no settings to build backends"),
    "--global-option": (Outcome.UNSUPPORTED, "pixi passes no options to setup.py"),
    "--install-option": (Outcome.UNSUPPORTED, "pixi passes no options to setup.py"),
}


def read_requirements_txt(path: str, files: TextFiles, *, environ: Mapping[str, str]) -> InputReading:
    """Read a requirements file and all that it includes; includes count from their file, paths from the working folder.

    Raises FileMissing, FileUnreadable, CyclicInclude, RequirementSyntax and OptionSyntax, each with file and line.
    """
    reader = PipReader(files=files, environ=environ)
    reader.read_file(path)
    return reader.reading()


class PipReader:
    """Collects what requirements files and pip sections say, in reading order.

    `base` is the folder that relative paths of requirements count from; pip's rule is the working folder.
    """

    def __init__(self, *, files: TextFiles, environ: Mapping[str, str], base: str = "") -> None:
        self._files = files
        self._environ = environ
        self._base = base
        self._requirements: list[UserRequirement] = []
        self._constraints: list[UserRequirement] = []
        self._fates: list[Fate] = []
        self._messages: list[Message] = []
        self._index_url: str | None = None
        self._extra_index_urls: dict[str, None] = {}
        self._find_links: dict[str, None] = {}
        self._seen: set[tuple[str, bool]] = set()
        self._chain: list[str] = []

    def read_file(self, path: str, *, constraint: bool = False, named_by: Origin | None = None) -> None:
        """Read one file and what it includes. A file that is missing is told with the line that names it."""
        path = inside("", path)
        if path in self._chain:
            chain = [*self._chain[self._chain.index(path) :], path]
            where = named_by or Origin(kind=OriginKind.FILE, file=path)
            raise CyclicInclude(chain=chain, file=where.file, line=where.line)
        if len(self._chain) >= _DEEPEST_INCLUDE:
            reason = f"it is included more than {_DEEPEST_INCLUDE} files deep"
            raise FileUnreadable(path=path, reason=reason)
        text = self._text_of(path, named_by)
        self._seen.add((path, constraint))
        self._chain.append(path)
        for line in logical_lines(text, self._environ):
            self.read_line(line, Origin(kind=OriginKind.FILE, file=path, line=line.number), constraint=constraint)
        self._chain.pop()

    def read_line(self, line: LogicalLine, origin: Origin, *, constraint: bool = False) -> None:
        """Read one logical line; includes in it count from the folder of `origin.file`."""
        if line.undefined:
            self._tell_undefined(line, origin)
        requirement, options_text = split_line(line.filled)
        options = parse_options(options_text, origin) if options_text else ()
        if requirement:
            shown = split_line(line.written)[0] or line.written
            words = Words(text=requirement, shown=shown, origin=origin)
            self._add_requirement(words, options, constraint=constraint)
        elif any(option.name == "--editable" for option in options):
            self._read_editable(line, options, origin, constraint=constraint)
        else:
            for option in options:
                self._read_file_option(option, line, origin)

    def reading(self) -> InputReading:
        """Give everything that was read so far."""
        return InputReading(
            requirements=tuple(self._requirements),
            constraints=tuple(self._constraints),
            indexes=IndexOptions(
                index_url=self._index_url,
                extra_index_urls=tuple(self._extra_index_urls),
                find_links=tuple(self._find_links),
            ),
            fates=tuple(self._fates),
            messages=tuple(self._messages),
        )

    def _text_of(self, path: str, named_by: Origin | None) -> str:
        if is_folder(path, self._files):
            raise FileUnreadable(path=path, reason="it is a folder")
        if not self._files.exists(path):
            folder = folder_of(path)
            near = nearest(path.rpartition("/")[2], self._files.listing(folder or "."))
            suggestion = inside(folder, near) if near else None
            raise FileMissing(path=path, named_by=str(named_by) if named_by else None, suggestion=suggestion)
        if (hint := _OTHER_FORMATS.get(path.rpartition(".")[2].lower())) is not None:
            raise FileUnreadable(path=path, reason="it is no requirements file", hint=hint)
        return decode_text(self._files.read_bytes(path), path, coding_line=True)

    def _tell_undefined(self, line: LogicalLine, origin: Origin) -> None:
        names = ", ".join(line.undefined)
        self._messages.append(
            Message(
                code="environment-variable-undefined",
                level=Level.WARNING,
                text=f"{names} is not set in the environment, so the line stays as it is written",
                file=origin.file,
                line=origin.line,
                hint=f"set {names}, or write its value",
            )
        )

    def _read_editable(
        self, line: LogicalLine, options: tuple[Option, ...], origin: Origin, *, constraint: bool
    ) -> None:
        """Read the `-e` of a line; the other options on the line belong to it (pip takes one editable a line)."""
        position = [option.name for option in options].index("--editable")
        target = options[position].value
        rest = options[:position] + options[position + 1 :]
        shown = line.written if line.written != line.filled else target
        self._add_requirement(
            Words(text=target, shown=shown, origin=origin, editable=True), rest, constraint=constraint
        )

    def _add_requirement(self, words: Words, options: tuple[Option, ...], *, constraint: bool) -> None:
        read = read_requirement(words, self._files, self._base)
        hashes = tuple(self._hash(option, words.origin) for option in options if option.name == "--hash")
        for option in options:
            if option.name != "--hash":
                self._tell_requirement_option(option, words)
        if isinstance(read, Fate):
            self._fates.append(read)
            return
        if hashes:
            read = replace(read, hashes=tuple(dict.fromkeys(read.hashes + hashes)))
        if not constraint:
            self._requirements.append(read)
        elif words.editable or read.requirement.extras:
            what = "editable" if words.editable else "have extras"
            note = f"a constraint cannot {'be ' if words.editable else ''}{what}"
            self._fates.append(Fate(text=read.text, origin=read.origin, outcome=Outcome.UNSUPPORTED, note=note))
        else:
            self._constraints.append(read)

    def _tell_requirement_option(self, option: Option, words: Words) -> None:
        note = "an option for the whole file stands on a line of its own"
        if option.name in ("--config-settings", "--global-option", "--install-option"):
            note = _FILE_OPTION_NOTES[option.name][1]
        shown = f"{mask_secrets(words.shown)} {option.name}"
        self._fates.append(Fate(text=shown, origin=words.origin, outcome=Outcome.UNSUPPORTED, note=note))

    @staticmethod
    def _hash(option: Option, origin: Origin) -> str:
        if not _HASH.fullmatch(option.value):
            reason = "a hash is sha256:, sha384: or sha512: and all its hexadecimal digits"
            raise OptionSyntax(option="--hash", reason=reason, origin=origin)
        return option.value.lower()

    def _read_file_option(self, option: Option, line: LogicalLine, origin: Origin) -> None:
        shown = mask_secrets(line.written)
        if option.name in ("--requirement", "--constraint"):
            self._include(option, shown, origin)
            return
        outcome, note = _FILE_OPTION_NOTES.get(option.name, (Outcome.KEPT, "a source of packages"))
        if option.name == "--index-url":
            self._tell_replaced_index(origin)
            self._index_url = option.value
        elif option.name == "--extra-index-url":
            self._extra_index_urls[option.value] = None
        elif option.name == "--find-links":
            self._find_links[self._links_place(option.value, origin)] = None
        self._fates.append(Fate(text=shown, origin=origin, outcome=outcome, note=note))

    def _tell_replaced_index(self, origin: Origin) -> None:
        if self._index_url is None:
            return
        self._messages.append(
            Message(
                code="index-replaced",
                level=Level.WARNING,
                text=f"This index replaces {mask_secrets(self._index_url)}, which an earlier line named",
                file=origin.file,
                line=origin.line,
            )
        )

    def _links_place(self, value: str, origin: Origin) -> str:
        """pip looks beside the requirements file first, and takes the value as it is where nothing is there."""
        beside = inside(folder_of(origin.file or ""), value)
        is_there = not is_url(value) and (self._files.exists(beside) or is_folder(beside, self._files))
        return beside if is_there else value

    def _include(self, option: Option, shown: str, origin: Origin) -> None:
        if is_url(option.value) and not option.value.lower().startswith("file:"):
            note = "requirements behind a URL are not fetched: save the file and name it"
            self._fates.append(Fate(text=shown, origin=origin, outcome=Outcome.UNSUPPORTED, note=note))
            return
        # pip's rule: -r inside of a constraints file gives requirements again.
        constraint = option.name == "--constraint"
        path = inside(folder_of(origin.file or ""), path_of_file_url(option.value))
        if path not in self._chain and (path, constraint) in self._seen:
            note = "this file was read already"
            self._fates.append(Fate(text=shown, origin=origin, outcome=Outcome.MERGED, note=note))
            return
        self._fates.append(Fate(text=shown, origin=origin, outcome=Outcome.KEPT, note="read in its place"))
        self.read_file(path, constraint=constraint, named_by=origin)
