"""What all JSON documents have alike: their messages, and no secret in any text."""

from __future__ import annotations

from typing import Any

from envcompose.model.message import Message
from envcompose.read.secrets import mask_secrets


def message_entry(message: Message) -> dict[str, Any]:
    """One message, as every schema has it."""
    return {
        "code": message.code,
        "level": message.level.value,
        "text": message.text,
        "file": message.file,
        "line": message.line,
        "packages": list(message.packages),
        "hint": message.hint,
    }


def masked(value: Any) -> Any:
    """The same value with no secret in any of its texts (law 9), wherever they came from."""
    if isinstance(value, str):
        return mask_secrets(value)
    if isinstance(value, dict):
        return {key: masked(held) for key, held in value.items()}
    return [masked(held) for held in value] if isinstance(value, list) else value
