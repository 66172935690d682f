"""The set of files of one composition: their texts, and a digest that ties them together (law 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from envcompose.manifest.lock import LockFile
from envcompose.model.composition import Composition
from envcompose.model.values import dataclass

MANIFEST = "pixi.toml"
LOCK = "pixi.lock"
FOLDER = ".envcompose"
REPORT = f"{FOLDER}/report.md"
EXPECTATIONS = f"{FOLDER}/expect.json"
VERIFIER = f"{FOLDER}/verify"

_NO_SET = "0" * 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The generated files by relative path, in the order in which they are written (the manifest last).

    `composition` is what they tell of, and `version` the envcompose that tells it.
    """

    files: tuple[tuple[str, str], ...]
    set_digest: str
    lock: LockFile | None = None
    """The values whose text pixi.lock is."""
    composition: Composition | None = None
    version: str = ""

    def text(self, path: str) -> str | None:
        """The text of one file; None where it is not of the set."""
        return dict(self.files).get(path)

    def with_manifest(self, manifest: str) -> Bundle:
        """The same with another text of the manifest, which the expectations name by its digest."""
        old, new = digest_of(self.text(MANIFEST) or ""), digest_of(manifest)
        texts = {**dict(self.files), MANIFEST: manifest}
        texts[EXPECTATIONS] = texts[EXPECTATIONS].replace(old, new)
        return replace(self, files=tuple(texts.items()))

    def with_lock(self, text: str, lock: LockFile) -> Bundle:
        """The same with another lock of this text and these values, which the expectations name as `lock` writes them."""
        from envcompose.write.expectations import with_lock

        texts = dict(self.files)
        texts |= {LOCK: text, EXPECTATIONS: with_lock(texts[EXPECTATIONS], lock, digest_of(text))}
        return replace(self, files=tuple(texts.items()), lock=lock)

    def told_as(self, composition: Composition) -> Bundle:
        """The files of the same composition where something else is to be said of it, such as that it has no lock."""
        verifier = {
            path.removeprefix(f"{VERIFIER}/"): text for path, text in self.files if path.startswith(f"{VERIFIER}/")
        }
        return bundle_of(composition, version=self.version, verifier=verifier)


def bundle_of(composition: Composition, *, version: str, verifier: Mapping[str, str]) -> Bundle:
    """All files of a composition. Equal compositions give equal bytes; each file names the digest of the set."""
    from envcompose.manifest.lock_text import render_lock
    from envcompose.write.lock import lock_of

    lock = lock_of(composition)
    text = None if lock is None else render_lock(lock)
    draft = _texts(composition, text, version, _NO_SET, verifier)
    set_digest = hashlib.sha256("\0".join(text for _, text in draft).encode()).hexdigest()[:16]
    files = _texts(composition, text, version, set_digest, verifier)
    return Bundle(files=files, set_digest=set_digest, lock=lock, composition=composition, version=version)


def _texts(
    composition: Composition, lock: str | None, version: str, set_digest: str, verifier: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    # What writes is loaded where something is written: not every command gets there, and none before its resolve.
    from envcompose.manifest.blocks import sealed
    from envcompose.manifest.pixi_toml import render_manifest
    from envcompose.write.expectations import expectations_of
    from envcompose.write.manifest import manifest_of
    from envcompose.write.report import report_of

    manifest = sealed(render_manifest(manifest_of(composition, version=version, set_digest=set_digest)))
    report = report_of(composition, version=version, set_digest=set_digest)
    digests = {MANIFEST: digest_of(manifest), REPORT: digest_of(report)}
    if lock is not None:
        digests[LOCK] = digest_of(lock)
    expectations = expectations_of(composition, version=version, set_digest=set_digest, files=digests)
    tools = tuple((f"{VERIFIER}/{name}", text) for name, text in sorted(verifier.items()))
    locks = () if lock is None else ((LOCK, lock),)
    return (*tools, (EXPECTATIONS, expectations), (REPORT, report), *locks, (MANIFEST, manifest))


def digest_of(text: str) -> str:
    """The sha256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
