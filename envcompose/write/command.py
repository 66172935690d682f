"""The command line that an intent came from, as a reviewer would type it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from envcompose.model.intent import Intent, Prefer, TorchFrom
from envcompose.read.secrets import mask_secrets


def command_of(intent: Intent, *, pinned: str | None = None, artifact: str | None = None) -> str:
    """`envcompose init …` with every wish that was spoken; `pinned` stands in for the stack's word, `artifact` is added."""
    words = ["envcompose", "init", *_words(intent, pinned), *_options(intent)]
    if artifact is not None:
        words += ["--artifact", artifact]
    return " ".join(shlex.quote(word) for word in words)


def _words(intent: Intent, pinned: str | None) -> Iterator[str]:
    stacks = {request.text for request in intent.stacks[:1]}
    for word in intent.request.words:
        yield pinned if pinned is not None and word in stacks else word
    if intent.request.project:
        project = intent.request.project
        yield project if "/" in project or project.startswith(".") else f"./{project}"


def _options(intent: Intent) -> Iterator[str]:
    request, wishes = intent.request, intent.wishes
    pairs: list[tuple[str, str | None]] = [("-r", path) for path in request.requirement_files]
    pairs += [("-f", request.environment_file)]
    pairs += [("--extra", name) for name in request.extras] + [("--group", name) for name in request.groups]
    pairs += [("--cuda", intent.spoken_cuda), ("--driver", wishes.driver), ("--python", wishes.python)]
    pairs += [("--gpu", f"sm_{arch.replace('.', '')}") for arch in wishes.gpus]
    pairs += [("--glibc", wishes.glibc), ("--as-of", wishes.as_of)]
    pairs += [("--torch-from", wishes.torch_from.value if wishes.torch_from is not TorchFrom.AUTO else None)]
    pairs += [("--prefer", wishes.prefer.value if wishes.prefer is not Prefer.PREBUILT else None)]
    pairs += [("--artifact", f"{name}={kind.value}") for name, kind in wishes.artifacts]
    pairs += [("--index", mask_secrets(wishes.index) if wishes.index else None)]
    pairs += [("--channel", mask_secrets(channel)) for channel in wishes.channels]
    pairs += [("--requires-pixi", str(wishes.requires_pixi) if wishes.requires_pixi else None), ("--name", wishes.name)]
    pairs += [("--build-memory", f"{wishes.build_memory_gib:g}" if wishes.build_memory_gib else None)]
    for option, value in pairs:
        if value is not None:
            yield from (option, value)
    if not wishes.default_extras:
        yield "--no-default-extras"
