"""Commits of git repositories, fetched into a cache and read from there; nothing of a repository is ever run or checked out.

Without a working tree no hook, no filter (LFS) and no submodule of a repository comes into play. Only the protocols that
uv knows are allowed, and no question is asked on a terminal.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from envcompose.errors import GitFailed, GitMissing, NotCached
from envcompose.read.secrets import mask_secrets

MOST_SECONDS = 900
MOST_FILES = 200_000
MOST_READ = 2 << 20
"""Bytes of one file that are read; the analyser looks into none that is longer."""
_SCHEMES = ("https", "http", "ssh", "file")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SETTINGS = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("protocol.allow", "never"),
    *((f"protocol.{scheme}.allow", "always") for scheme in _SCHEMES),
)


class GitRepositories:
    """Repositories by address, each kept as a bare one below the cache folder. Safe to use from several threads."""

    def __init__(self, folder: Path, *, offline: bool = False) -> None:
        self._folder = folder / "git"
        self._offline = offline
        self._lock = threading.Lock()
        self._trees: dict[tuple[str, str, str], CommitFiles] = {}

    def commit(self, repository: str, reference: tuple[str, str] | None) -> str:
        """The commit that a reference (`branch`, `tag` or `rev` and its text; None: the default branch) means now.

        Raises GitMissing, GitFailed and NotCached (exit 3).
        """
        kind, text = reference or ("head", "HEAD")
        with self._lock:
            store = self._store(repository)
            if kind == "rev" and _COMMIT.fullmatch(text.lower()):
                self._ensure(store, repository, text.lower())
                return text.lower()
            if self._offline:
                raise NotCached(wanted=f"What {text} of {mask_secrets(repository)} is now")
            return self._resolved(store, repository, kind, text)

    def files(self, repository: str, commit: str, subdirectory: str | None) -> Mapping[str, bytes]:
        """The files of a commit below a folder, by relative path. Raises what `commit` raises."""
        key = (repository, commit, subdirectory or "")
        with self._lock:
            if key not in self._trees:
                store = self._store(repository)
                self._ensure(store, repository, commit)
                self._trees[key] = CommitFiles(store, commit, subdirectory or "", mask_secrets(repository))
            return self._trees[key]

    def close(self) -> None:
        """End what still reads; the files of a commit can be read again afterwards."""
        for tree in self._trees.values():
            tree.close()

    def _store(self, repository: str) -> Path:
        if shutil.which("git") is None:
            raise GitMissing(repository=mask_secrets(repository))
        scheme = repository.partition("://")[0]
        if scheme not in _SCHEMES or repository.startswith("-"):
            raise GitFailed(repository=mask_secrets(repository), reason=f"git over {scheme} is not supported")
        store = self._folder / hashlib.sha256(repository.encode()).hexdigest()[:24]
        if not (store / "HEAD").exists():
            store.mkdir(parents=True, exist_ok=True)
            _git(None, ["init", "--quiet", "--bare", "--template=", str(store)], repository)
        return store

    def _ensure(self, store: Path, repository: str, commit: str) -> None:
        """Fetch a commit that is not there yet: alone where the server allows it, else with all branches and tags."""
        if _has(store, commit):
            return
        if self._offline:
            raise NotCached(wanted=f"The commit {commit[:12]} of {mask_secrets(repository)}")
        try:
            self._fetch(store, repository, [commit], shallow=True)
        except GitFailed:
            self._fetch_all(store, repository)
        if not _has(store, commit):
            raise GitFailed(repository=mask_secrets(repository), reason=f"it has no commit {commit}")

    def _resolved(self, store: Path, repository: str, kind: str, text: str) -> str:
        named = {"branch": f"refs/heads/{text}", "tag": f"refs/tags/{text}", "head": "HEAD"}.get(kind)
        if named is not None:
            self._fetch(store, repository, [named], shallow=True)
            return _parsed(store, "FETCH_HEAD", repository)
        try:
            # A rev may be the name of a tag or a branch, which a server knows, or a short hash, which it does not.
            self._fetch(store, repository, [text], shallow=True)
            return _parsed(store, "FETCH_HEAD", repository)
        except GitFailed:
            self._fetch_all(store, repository)
            return _parsed(store, text, repository)

    def _fetch_all(self, store: Path, repository: str) -> None:
        heads = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
        self._fetch(store, repository, heads, shallow=False)

    def _fetch(self, store: Path, repository: str, what: Sequence[str], *, shallow: bool) -> None:
        # What was shallow stays so until it is made whole, or older commits are never asked for.
        depth = ["--depth=1"] if shallow else ["--unshallow"] if (store / "shallow").exists() else []
        options = ["--quiet", "--no-tags", "--no-recurse-submodules", "--force", *depth]
        _git(store, ["fetch", *options, "--", repository, *what], repository)


class CommitFiles(Mapping[str, bytes]):
    """The plain files of one commit below a folder; links and submodules are passed over. Read one by one, when asked."""

    def __init__(self, store: Path, commit: str, below: str, shown: str) -> None:
        self._store = store
        self._shown = shown
        below = "/".join(step for step in below.split("/") if step not in ("", "."))
        listed = _git(store, ["ls-tree", "-r", "-z", "--full-tree", f"{commit}:{below}"], shown)
        self._blobs: dict[str, str] = {}
        for entry in listed.decode(errors="surrogateescape").split("\0"):
            head, tab, path = entry.partition("\t")
            mode, kind, blob = head.split(" ") if tab else ("", "", "")
            if kind == "blob" and mode in ("100644", "100755") and len(self._blobs) < MOST_FILES:
                self._blobs[path] = blob
        self._reader: subprocess.Popen[bytes] | None = None

    def __getitem__(self, path: str) -> bytes:
        blob = self._blobs[path]
        if self._reader is None:
            self._reader = subprocess.Popen(
                _command(self._store, ["cat-file", "--batch"]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        reading, answer = self._reader.stdin, self._reader.stdout
        assert reading is not None and answer is not None
        try:
            reading.write(f"{blob}\n".encode())
            reading.flush()
        except OSError as error:
            raise GitFailed(repository=self._shown, reason=f"{path} cannot be read") from error
        head = answer.readline().split()
        if len(head) != 3:
            raise GitFailed(repository=self._shown, reason=f"{path} cannot be read")
        size = int(head[2])
        data = answer.read(min(size, MOST_READ))
        rest = size - len(data) + 1
        while rest > 0:
            rest -= len(answer.read(min(rest, 1 << 20)) or b" " * rest)
        return data

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._blobs))

    def __len__(self) -> int:
        return len(self._blobs)

    def close(self) -> None:
        """End the reader."""
        if self._reader is not None:
            self._reader.communicate()
            self._reader = None


def _has(store: Path, commit: str) -> bool:
    command = _command(store, ["cat-file", "-e", f"{commit}^{{commit}}"])
    return subprocess.run(command, env=_environment(), capture_output=True, check=False).returncode == 0


def _parsed(store: Path, text: str, repository: str) -> str:
    try:
        found = _git(store, ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}"], repository)
    except GitFailed:
        raise GitFailed(repository=mask_secrets(repository), reason=f"it has no {text}") from None
    return found.decode().strip()


def _command(store: Path | None, arguments: Sequence[str]) -> list[str]:
    settings = [word for name, value in _SETTINGS for word in ("-c", f"{name}={value}")]
    place = [] if store is None else [f"--git-dir={store}"]
    return ["git", *settings, *place, *arguments]


def _environment() -> dict[str, str]:
    """The user's environment, for logins and proxies, without what points git to a repository of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(("GIT_SSL", "GIT_SSH", "GIT_ASKPASS", "GIT_CONFIG_GLOBAL"))
    }
    return kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}


def _git(store: Path | None, arguments: Sequence[str], repository: str) -> bytes:
    try:
        run = subprocess.run(
            _command(store, arguments),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GitFailed(repository=mask_secrets(repository), reason="git did not come to an end") from error
    except OSError as error:
        raise GitFailed(repository=mask_secrets(repository), reason=error.strerror or "git does not start") from error
    if run.returncode != 0:
        words = mask_secrets(run.stderr.decode(errors="replace"))
        reason = _reason(words) or f"git ended with status {run.returncode}"
        raise GitFailed(repository=mask_secrets(repository), reason=reason)
    return run.stdout


def _reason(words: str) -> str:
    """The line of git's words that says most: the first that tells of a failure, or what was said before it by ssh."""
    lines = [line.strip() for line in words.splitlines() if line.strip() and not line.startswith("warning:")]
    first = next((number for number, line in enumerate(lines) if line.startswith(("fatal:", "error:"))), None)
    if first is None:
        return lines[-1] if lines else ""
    if first > 0 and "Could not read from remote repository" in lines[first]:
        return lines[first - 1].rstrip(".")
    return lines[first].partition(": ")[2].rstrip(".")
