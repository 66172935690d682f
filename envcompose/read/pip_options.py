"""The options of a requirements file's line (pip, req_file.py, SUPPORTED_OPTIONS)."""

from __future__ import annotations

import shlex

from envcompose.errors import OptionSyntax
from envcompose.model.requirement import Origin
from envcompose.model.values import dataclass
from envcompose.read.suggest import nearest

_SHORT = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "-f": "--find-links",
    "-C": "--config-settings",
}
_WITH_VALUE = frozenset(
    {
        "--requirement",
        "--constraint",
        "--editable",
        "--index-url",
        "--extra-index-url",
        "--find-links",
        "--no-binary",
        "--only-binary",
        "--trusted-host",
        "--use-feature",
        "--hash",
        "--config-settings",
        "--global-option",
        "--install-option",
        "--all-releases",
        "--only-final",
        "--uploaded-prior-to",
    }
)
_FLAGS = frozenset({"--no-index", "--prefer-binary", "--pre", "--require-hashes", "--always-unzip"})
_ALIASES = {"--pypi-url": "--index-url", "--config-setting": "--config-settings", "-Z": "--always-unzip"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option by its long name; a flag's value is empty."""

    name: str
    value: str = ""


def split_line(line: str) -> tuple[str, str]:
    """Give the requirement and the options of a line: pip cuts before the first word that starts with a dash."""
    words = line.split(" ")
    for position, word in enumerate(words):
        if word.startswith("-"):
            return " ".join(words[:position]).strip(), " ".join(words[position:])
    return line.strip(), ""


def parse_options(text: str, origin: Origin) -> tuple[Option, ...]:
    """Parse the options of one line, in order; long names may be cut short where that is unambiguous (optparse).

    What pip would refuse raises OptionSyntax; no error holds an option's value, which may be a secret.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        reason = str(error).lower()
        raise OptionSyntax(option=text.partition("=")[0].partition(" ")[0], reason=reason, origin=origin) from error
    options: list[Option] = []
    rest = iter(words)
    for word in rest:
        name, value = _name_and_value(word, origin)
        if name in _FLAGS:
            if value is not None:
                raise OptionSyntax(option=name, reason="it takes no value", origin=origin)
            options.append(Option(name=name))
            continue
        value = next(rest, None) if value is None else value
        if not value:
            raise OptionSyntax(option=name, reason="its value is missing", origin=origin)
        options.append(Option(name=name, value=value))
    return tuple(options)


def _name_and_value(word: str, origin: Origin) -> tuple[str, str | None]:
    if not word.startswith("-"):
        reason = "a word without a dash stands among the options"
        raise OptionSyntax(option=None, reason=reason, origin=origin)
    if not word.startswith("--"):
        short = word[:2]
        name = _SHORT.get(short, _ALIASES.get(short))
        if name is None:
            raise OptionSyntax(option=short, reason="there is no such option", origin=origin)
        return name, word[2:] or None
    given, equals, value = word.partition("=")
    return _long_name(given, origin), value if equals else None


def _long_name(given: str, origin: Origin) -> str:
    known = _WITH_VALUE | _FLAGS | {alias for alias in _ALIASES if alias.startswith("--")}
    if given in known:
        return _ALIASES.get(given, given)
    fitting = sorted(name for name in known if name.startswith(given)) if len(given) > 2 else []
    if len(fitting) == 1:
        return _ALIASES.get(fitting[0], fitting[0])
    reason = f"it may mean {' or '.join(fitting)}" if fitting else "there is no such option"
    suggestion = None if fitting else nearest(given, known)
    raise OptionSyntax(option=given, reason=reason, origin=origin, suggestion=suggestion)
