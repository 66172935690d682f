"""The wheel that a build tries to download before it compiles: the template of its URL and of its name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from envcompose.analyse.declared import name_from_file
from envcompose.analyse.found import Found
from envcompose.analyse.machine import Seen
from envcompose.analyse.values import Choice, Unknown, Value, shown
from envcompose.model.analysis import Prebuilt

TAGS = {
    "cuda": re.compile(r"cu(\d[\d.]*|\{[^}]*\}(?:\{[^}]*\})*)"),
    "torch": re.compile(r"(?:torch|pt)(\d[\d.]*|\{[^}]*\}(?:\.?\{[^}]*\})*)"),
    "abi": re.compile(r"cxx11abi(TRUE|FALSE|\{[^}]*\})"),
}
PYTHON = re.compile(r"\bcp3\d+\b(?!-abi3)")
"""The tag of one Python; with the stable ABI it is that of the oldest, whichever is there."""
FIELD = re.compile(r"\{(\w*)\}")


def prebuilt(found: Found) -> tuple[Prebuilt, ...]:
    """Give the wheels that the build may download, in the order of the source; what is not known stands in braces.

    Only names that some build command puts together at run time count; where no URL was seen it is None.
    """
    names = _wheel_names(found)
    urls = list(_urls(found, {text: template for text, (template, _) in names.items()}))
    made: dict[str, Prebuilt] = {}
    for template, seen in names.values():
        url = next((url for url in urls if url.endswith(template)), None)
        if url is None or template in made:
            continue
        made[template] = Prebuilt(
            url=generic(url),
            filename=generic(template),
            tags=_tags(generic(template)),
            switches=_switches(found),
            place=seen.place,
        )
    for template, seen in _whole_addresses(found):
        name = template.rpartition("/")[2]
        if not any(entry.url == generic(template) for entry in made.values()):
            made[template] = Prebuilt(
                url=generic(template),
                filename=generic(name),
                tags=_tags(generic(name)),
                switches=_switches(found),
                place=seen.place,
            )
    return tuple(made.values())


WHOLE = re.compile(r"https?://[^\s'\"]+\.whl")
FOLDER = re.compile(r"https?://[^\s'\"]*wheel[^\s'\"]*/")


OTHER_GPU = re.compile(r"^(?!not ).*(?:hip|rocm|xpu)", re.IGNORECASE)
"""Conditions under which a wheel is for the GPUs of another vendor."""


def _whole_addresses(found: Found) -> Iterator[tuple[str, Seen]]:
    """Give the addresses of wheels that stand in one text, and of folders of wheels that a switch has it look into."""
    switched = bool(_switches(found))
    own = {name_from_file(found.sdist.filename)[0], canonicalize_name(shown(found.argument("name")))}
    for seen in found.seen("template"):
        template = seen.subject[0]
        if any(OTHER_GPU.search(condition) for condition in seen.conditions):
            continue
        if WHOLE.fullmatch(template):
            named = template.rpartition("/")[2].partition("-")[0]
            if "{" in named or canonicalize_name(named) in own:
                yield template, seen
        elif switched and "{" in f"{template}{seen.place.text}" and FOLDER.fullmatch(template):
            yield f"{template}{{wheel}}.whl", seen


def _wheel_names(found: Found) -> dict[str, tuple[str, Seen]]:
    """Give the wheels' names that were put together: by the text that stands for the result, the template and its place."""
    names: dict[str, tuple[str, Seen]] = {}
    for seen in found.seen("template"):
        template, result = seen.subject
        if template.endswith(".whl") and "{" in template and "://" not in template:
            names.setdefault(result, (template, seen))
    return names


def _urls(found: Found, names: dict[str, str]) -> Iterator[str]:
    for seen in found.seen("url"):
        owner, keywords = seen.subject
        if isinstance(owner, str):
            yield from _filled(owner, keywords, names)
    for seen in found.seen("template"):
        template, _ = seen.subject
        if "://" in template:
            texts = list(names.items())
            for text, name in texts:
                for word in (text, *_variables(found, text)):
                    if template.endswith(f"{{{word}}}"):
                        yield template[: -len(word) - 2] + name


def _variables(found: Found, text: str) -> Iterator[str]:
    """Name the variables that hold a text that was put together."""
    for source in found.sdist.texts.values():
        if ".whl" in source:
            for line in source.split("\n"):
                match = re.match(r"\s*(\w+)\s*=\s*\(?\s*f?['\"]", line)
                if match and ".whl" in line and len(line) < 1000:
                    yield match.group(1)


def _filled(owner: str, keywords: dict[str, Value], names: dict[str, str]) -> Iterator[str]:
    """Fill a URL's fields; a field that holds a wheel's name gives one URL for every name it may hold."""
    urls = [owner]
    for field in FIELD.findall(owner):
        value = keywords.get(field)
        texts = [_text_of(option, names) or f"{{{field}}}" for option in _options(value)]
        urls = [url.replace(f"{{{field}}}", text, 1) for url in urls for text in dict.fromkeys(texts)][:8]
    yield from urls


def _options(value: Value) -> list[Value]:
    return [option for _, option in value.options] if isinstance(value, Choice) else [value]


def _text_of(value: Value, names: dict[str, str]) -> str | None:
    if isinstance(value, str):
        return value
    return names.get(value.text) if isinstance(value, Unknown) else None


def generic(text: str) -> str:
    """Put braces where the evaluation assumed a Python."""
    return PYTHON.sub("cp{python}", text)


def _tags(template: str) -> tuple[tuple[str, str], ...]:
    found = [(name, match.group(1)) for name, pattern in TAGS.items() if (match := pattern.search(template))]
    parts = template.removesuffix(".whl").rsplit("-", 3)
    if len(parts) == 4:
        found += [("python", f"{parts[1]}-{parts[2]}"), ("platform", parts[3])]
    return tuple(found)


def _switches(found: Found) -> tuple[str, ...]:
    words = ("FORCE_BUILD", "PRECOMPILED", "SKIP_DOWNLOAD", "PREBUILT")
    return tuple(sorted({n for seen in found.seen("switch") if any(w in (n := str(seen.subject[0])) for w in words)}))
