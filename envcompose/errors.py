"""Every error that a user can see, with its stable code and its exit status (design.md, "Laws").

The place that raises gives facts, never sentences: the sentence, the facts one a line, and the hints are made here.
"""

from __future__ import annotations

from collections.abc import Sequence


class EnvcomposeError(Exception):
    """An error of the user's world; `code` is stable, `exit_status` is one of design.md's."""

    code: str = "error"
    exit_status: int = 2

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


class RequirementSyntax(InputError):
    """A requirement that does not parse; the caret stands under the first character that does not fit."""

    code = "requirement-syntax"

    def __init__(self, *, text: str, column: int, reason: str, file: str | None, line: int | None) -> None:
        where = "on the command line" if file is None else f"in {file}, line {line}"
        super().__init__(
            f"A requirement {where} does not parse: {reason}",
            facts=(f"  {text}", "  " + " " * max(column, 0) + "^"),
            hints=("write it as PEP 508 says, for example 'name[extra]>=1.2; python_version >= \"3.10\"'",),
            file=file,
            line=line,
        )


class FileMissing(InputError):
    """A file that the input names is not there."""

    code = "file-missing"

    def __init__(self, *, path: str, named_by: str | None = None, suggestion: str | None = None) -> None:
        named = f", named by {named_by}" if named_by else ""
        hints = (f"did you mean {suggestion}?",) if suggestion else ("check the path",)
        super().__init__(f"There is no file {path}{named}", hints=hints, file=path)


class FileUnreadable(InputError):
    """A file whose bytes cannot be read as the format that it claims to be."""

    code = "file-unreadable"

    def __init__(self, *, path: str, reason: str, line: int | None = None, hint: str | None = None) -> None:
        where = path if line is None else f"{path}, line {line}"
        super().__init__(f"{where} cannot be read: {reason}", hints=(hint,) if hint else (), file=path, line=line)


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
