"""The JSON document of `envcompose lock`."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from program import Outcome

from envcompose.schema import lock_schema

_VALIDATOR = jsonschema.Draft202012Validator(lock_schema())


def document(outcome: Outcome) -> dict[str, Any]:
    """Stdout as one valid document, with nothing before or after it."""
    found: dict[str, Any] = json.loads(outcome.out)
    _VALIDATOR.validate(found)
    return found
