"""environment.yml -> one InputReading (conda, "Creating an environment file manually")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from envcompose.model.intent import InputReading
from envcompose.model.requirement import CondaRequest, Origin, Outcome
from envcompose.ports import TextFiles
from envcompose.read.conda_spec import CondaSpec, parse_conda_spec, python_specifier
from envcompose.read.decode import decode_text
from envcompose.read.paths import folder_of
from envcompose.read.pip_lines import fill_in, logical_lines
from envcompose.read.reading_parts import Parts
from envcompose.read.requirements_txt import PipReader
from envcompose.read.secrets import mask_secrets
from envcompose.read.suggest import nearest
from envcompose.read.yaml_nodes import YamlNode, parse_yaml

_TOLD = {
    "prefix": "the environment's place is pixi's to choose",
    "variables": "environment variables of the file are not set; their values stand in the file alone",
    "platforms": "composed for linux-64 alone",
    "category": "conda-lock's categories are not read",
    "dry_run": "a setting of conda itself",
}
_KEYS = frozenset({"name", "channels", "dependencies", *_TOLD})


def read_environment_yml(path: str, files: TextFiles, *, environ: Mapping[str, str]) -> InputReading:
    """Read an environment file: conda specs, channels, and its pip section with every option that pip's files have.

    Relative paths and includes count from the file's folder, as conda runs pip there. `python` becomes a bound on
    Python and no package. Anything odd raises FileUnreadable or RequirementSyntax with its line.
    """
    root = parse_yaml(decode_text(files.read_bytes(path), path), path)
    if root.pairs is None:
        raise root.wrong("it must be a mapping with dependencies", 'see "environment.yml" in conda\'s documentation')
    reader = _Reader(path, files, environ)
    keys = dict(root.pairs)
    for key, node in root.pairs:
        reader.tell_key(key, node)
    reader.read_channels(keys.get("channels"))
    reader.read_dependencies(keys.get("dependencies"))
    return reader.reading(_name(keys.get("name")))


def _name(node: YamlNode | None) -> str | None:
    if node is None or node.is_empty:
        return None
    if node.text is None:
        raise node.wrong("name must be a text")
    return node.text


class _Reader:
    """Collects what one environment file says."""

    def __init__(self, path: str, files: TextFiles, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._parts = Parts()
        self._pip = PipReader(files=files, environ=environ, base=folder_of(path))
        self._conda: list[CondaRequest] = []
        self._channels: dict[str, None] = {}

    def tell_key(self, key: str, node: YamlNode) -> None:
        """Tell a top-level key that has no effect here; values may be secrets and are never shown."""
        if key in _TOLD:
            self._parts.tell(f"{key}:", node.origin, Outcome.UNSUPPORTED, _TOLD[key])
        elif key not in _KEYS:
            near = nearest(key, _KEYS)
            note = "no key of an environment file" + (f": {near} is meant?" if near else "")
            self._parts.tell(f"{key[:60]}:", node.origin, Outcome.UNSUPPORTED, note)

    def read_channels(self, node: YamlNode | None) -> None:
        """Read the list of channels, in order."""
        for item in _items(node, "channels"):
            if item.text is None:
                raise item.wrong("a channel must be a text")
            if item.text == "nodefaults":
                self._parts.tell("nodefaults", item.origin, Outcome.KEPT, "no channel is added to those that are named")
                continue
            self._channels[fill_in(item.text, self._environ)[0]] = None

    def read_dependencies(self, node: YamlNode | None) -> None:
        """Read conda specs and pip sections, in order."""
        for item in _items(node, "dependencies"):
            if item.text is not None:
                self._read_spec(item)
            elif item.pairs is not None:
                self._read_section(item)
            else:
                raise item.wrong("a dependency must be a match spec, or a mapping with pip", "take the empty entry out")

    def reading(self, name: str | None) -> InputReading:
        """Give everything that was read."""
        self._parts.add(self._pip.reading())
        reading = self._parts.reading()
        return replace(reading, conda=tuple(self._conda), channels=tuple(self._channels), name=name)

    def _read_section(self, item: YamlNode) -> None:
        for key, section in item.pairs or ():
            if key != "pip":
                raise item.wrong(
                    f"the mapping {key[:60]} is no pip section", f"write the spec as one text: {key[:60]}=VERSION"
                )
            for entry in _items(section, "pip"):
                if entry.text is None:
                    raise entry.wrong("an entry of the pip section must be a text")
                for line in logical_lines(entry.text, self._environ):
                    origin = replace(entry.origin, line=entry.line + line.number - 1)
                    self._pip.read_line(line, origin)

    def _read_spec(self, item: YamlNode) -> None:
        text = item.text or ""
        shown = mask_secrets(text)
        if "://" in text.partition("::")[2 if "::" in text else 0]:
            note = "a package by URL: name it as NAME=VERSION=BUILD"
            self._parts.tell(shown, item.origin, Outcome.UNSUPPORTED, note)
            return
        spec = parse_conda_spec(text)
        if isinstance(spec, str):
            reason = f"the match spec {shown[:80]!r} does not parse: {spec}"
            raise item.wrong(reason, "write it as NAME, NAME=1.2 or NAME >=1,<2")
        if spec.name == "python":
            self._read_python(spec, shown, item.origin)
            return
        channel = fill_in(spec.channel, self._environ)[0] if spec.channel else None
        self._conda.append(CondaRequest(name=spec.name, spec=spec.spec, origin=item.origin, channel=channel))

    def _read_python(self, spec: CondaSpec, shown: str, origin: Origin) -> None:
        specifier = python_specifier(spec)
        if specifier is None:
            self._parts.tell(shown, origin, Outcome.UNSUPPORTED, "this set of Pythons has no PEP 440 form")
            return
        if specifier:
            self._parts.requires_python.append((specifier, origin))
        note, outcome = "a bound on the Python of the target", Outcome.KEPT
        if not specifier:
            note = "every environment has a Python"
        if spec.build or spec.channel:
            note, outcome = f"{note}; its build and channel are not asked for", Outcome.REPLACED
        self._parts.tell(shown, origin, outcome, note)


def _items(node: YamlNode | None, key: str) -> tuple[YamlNode, ...]:
    if node is None or node.is_empty:
        return ()
    if node.items is None:
        raise node.wrong(f"{key} must be a list", f"put a dash before each of the {key}")
    return node.items
