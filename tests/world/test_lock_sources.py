"""Manifests whose packages come from repositories, folders, files and addresses: read, never run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from envcompose.errors import (
    FileMissing,
    FileUnreadable,
    GitFailed,
    HashWrong,
    IndexUnreachable,
    LockInfeasible,
    NotCached,
)
from envcompose.lock_files import check_lock
from envcompose.manifest.lock import LockedPypi
from envcompose.world.git import GitRepositories
from tests.cli.fake_index import FakeIndex, metadata, zip_of
from tests.world.lock_parts import Workspace, commit, git, packages, versions

PROJECT = '[project]\nname = "own"\nversion = "{version}"\ndependencies = {requires}\n'
TORCH_SETUP = """\
import os
import torch
from setuptools import setup

open(os.environ["ENVCOMPOSE_TEST_MARK"], "w").write("run")
setup(name="own", version="3.0", install_requires=["beta", "torch==" + torch.__version__])
"""


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with FakeIndex() as made:
        made.wheel("beta", "1.0")
        made.wheel("beta", "1.1")
        made.wheel("torch", "2.0")
        yield made


@pytest.fixture
def workspace(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("ENVCOMPOSE_TEST_MARK", str(tmp_path / "run"))
    return workspace


def project(version: str = "1.0", *requires: str) -> str:
    return PROJECT.format(version=version, requires=json.dumps(requires))


def entry(workspace: Workspace, name: str = "own", *, fresh: bool = False) -> LockedPypi:
    found = packages(workspace.lock(fresh=fresh))[name]
    assert isinstance(found, LockedPypi)
    assert check_lock(workspace.folder).is_fine
    return found


# Repositories


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("", ""),
        (', branch = "main"', "?branch=main"),
        (', tag = "v1"', "?tag=v1"),
        (', rev = "v1"', "?rev=v1"),
    ],
)
def test_a_commit_is_locked_with_what_was_asked_for(
    workspace: Workspace, tmp_path: Path, asked: str, told: str
) -> None:
    source = tmp_path / "source"
    first = commit(source, {"pyproject.toml": project("1.0", "beta")}, tag="v1")
    last = commit(source, {"pyproject.toml": project("2.0", "beta<1.1")})
    workspace.write(pypi=f'own = {{ git = "{source.as_uri()}"{asked} }}')
    found = entry(workspace)
    wanted = first if "v1" in asked else last
    assert found.url == f"git+{source.as_uri()}{told}#{wanted}"
    assert found.version == ("1.0" if wanted == first else "2.0")
    assert versions(workspace.lock())["beta"] == ("1.1" if wanted == first else "1.0")


def test_a_branch_that_moved_stays_at_the_locked_commit_unless_the_lock_is_fresh(
    workspace: Workspace, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    first = commit(source, {"pyproject.toml": project("1.0")})
    workspace.write(pypi=f'own = {{ git = "{source.as_uri()}", branch = "main" }}')
    workspace.lock()
    last = commit(source, {"pyproject.toml": project("2.0")})
    assert entry(workspace).url.endswith(first)
    assert entry(workspace, fresh=True).url.endswith(last)


def test_a_whole_and_a_short_commit_and_a_folder_within_a_repository_are_found(
    workspace: Workspace, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    first = commit(source, {"python/pyproject.toml": project("1.0")})
    commit(source, {"other.txt": "later"})
    for asked in (first, first[:9]):
        workspace.write(pypi=f'own = {{ git = "{source.as_uri()}", rev = "{asked}", subdirectory = "python" }}')
        assert entry(workspace).url == f"git+{source.as_uri()}?subdirectory=python&rev={asked}#{first}"


def test_sources_that_import_torch_are_read_with_it_and_nothing_of_them_is_run(
    workspace: Workspace, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    commit(source, {"setup.py": TORCH_SETUP, ".gitattributes": "* filter=evil\n", ".lfsconfig": "[lfs]\n"})
    git(source, "config", "uploadpack.allowFilter", "true")
    workspace.write(pypi=f'own = {{ git = "{source.as_uri()}" }}\ntorch = "*"', options='no-build-isolation = ["own"]')
    found = entry(workspace)
    assert found.requires_dist == ("beta", "torch==2.0")
    assert not (tmp_path / "run").exists()


def test_a_repository_is_no_door_to_other_protocols_or_programs(tmp_path: Path) -> None:
    mark = tmp_path / "run"
    repositories = GitRepositories(tmp_path / "cache")
    for address in (f"ext::sh -c 'touch {mark}'", f"--upload-pack=touch {mark}", "fd::7"):
        with pytest.raises(GitFailed, match="not supported"):
            repositories.commit(address, None)
    source = tmp_path / "source"
    commit(source, {"pyproject.toml": project()})
    with pytest.raises(GitFailed):
        repositories.commit(source.as_uri(), ("rev", f"--upload-pack=touch {mark}"))
    assert not mark.exists()


def test_hooks_submodules_and_links_of_a_repository_do_nothing(tmp_path: Path) -> None:
    source, inner = tmp_path / "source", tmp_path / "inner"
    commit(inner, {"secret.txt": "inside"})
    commit(source, {"pyproject.toml": project()})
    (source / "link").symlink_to("/etc/hostname")
    git(source, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", inner.as_uri(), "inner")
    last = commit(source, {"more.txt": "x"})
    templates = tmp_path / "templates" / "hooks"
    templates.mkdir(parents=True)
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (templates / hook).write_text(f"#!/bin/sh\ntouch {tmp_path}/run\n")
        (templates / hook).chmod(0o755)
    repositories = GitRepositories(tmp_path / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_TEMPLATE_DIR", str(templates.parent))
        found = repositories.files(source.as_uri(), repositories.commit(source.as_uri(), None), None)
    assert sorted(found) == [".gitmodules", "more.txt", "pyproject.toml"]
    assert repositories.commit(source.as_uri(), ("rev", last)) == last
    assert not (tmp_path / "run").exists()


def test_offline_a_known_commit_is_read_and_a_branch_is_not_asked_for(tmp_path: Path) -> None:
    source = tmp_path / "source"
    known = commit(source, {"pyproject.toml": project()})
    GitRepositories(tmp_path / "cache").commit(source.as_uri(), None)
    offline = GitRepositories(tmp_path / "cache", offline=True)
    assert "pyproject.toml" in offline.files(source.as_uri(), offline.commit(source.as_uri(), ("rev", known)), None)
    with pytest.raises(NotCached, match="main"):
        offline.commit(source.as_uri(), ("branch", "main"))
    with pytest.raises(NotCached, match="000000000000"):
        offline.commit(source.as_uri(), ("rev", "0" * 40))


def test_a_reference_or_a_repository_that_is_not_there_is_told(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    commit(source, {"pyproject.toml": project()})
    for asked, told in (('branch = "no"', "refs/heads/no"), ('rev = "no"', "it has no no")):
        workspace.write(pypi=f'own = {{ git = "{source.as_uri()}", {asked} }}')
        with pytest.raises(GitFailed, match=told) as caught:
            workspace.lock()
        assert caught.value.exit_status == 3
    workspace.write(pypi=f'own = {{ git = "{(tmp_path / "nowhere").as_uri()}" }}')
    with pytest.raises(GitFailed, match="nowhere' does not appear to be a git repository"):
        workspace.lock()
    # What ssh says before git gives up tells more than that it did.
    monkeypatch.setenv("GIT_SSH_COMMAND", "echo 'me@git.example: Permission denied (publickey).' >&2; exit 255; :")
    workspace.write(pypi='own = { git = "ssh://me@git.example/own" }')
    with pytest.raises(GitFailed, match=r"cannot be read: me@git.example: Permission denied \(publickey\)$") as refused:
        workspace.lock()
    assert refused.value.line == workspace.line_of("own = ")


# Folders and files


def test_a_project_beside_the_manifest_is_locked_without_a_version(workspace: Workspace) -> None:
    folder = workspace.folder / "own"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(project("1.0", "beta; extra == 'never'", "torch"))
    workspace.write(pypi='own = { path = "own", editable = true }')
    found = entry(workspace)
    assert (found.url, found.version, found.index) == ("./own", None, None)
    assert set(versions(workspace.lock())) == {"python", "own", "torch"}


def test_the_sources_of_a_project_are_followed(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "source"
    known = commit(source, {"pyproject.toml": '[project]\nname = "gitty"\nversion = "7"\n'})
    for name in ("own", "other", "own/members/inside"):
        (workspace.folder / name).mkdir(parents=True)
    (workspace.folder / "other" / "pyproject.toml").write_text('[project]\nname = "other"\nversion = "5"\n')
    (workspace.folder / "own/members/inside/pyproject.toml").write_text('[project]\nname = "inside"\nversion = "1"\n')
    with FakeIndex() as second:
        second.wheel("beta", "0.1")
        (workspace.folder / "own" / "pyproject.toml").write_text(
            project("1.0", "other>=9", "gitty", "inside", "beta")
            + f'[tool.uv.sources]\nother = {{ path = "../other" }}\ninside = {{ workspace = true }}\n'
            f'gitty = {{ git = "{source.as_uri()}", branch = "main" }}\nbeta = {{ index = "second" }}\n'
            f'[tool.uv.workspace]\nmembers = ["members/*"]\n[[tool.uv.index]]\nname = "second"\nurl = "{second.url}"\n'
        )
        workspace.write(pypi='own = { path = "own" }')
        found = packages(workspace.lock())
    own = found["own"]
    assert isinstance(own, LockedPypi)
    assert own.requires_dist == (
        "other @ ./other",
        f"gitty @ git+{source.as_uri()}@main",
        "inside @ ./own/members/inside",
        "beta",
    )
    assert found["gitty"].url == f"git+{source.as_uri()}?rev=main#{known}"
    assert (found["other"].url, found["inside"].url) == ("./other", "./own/members/inside")
    assert found["beta"].version == "0.1"


def test_addresses_among_the_requirements_of_a_project_are_followed(workspace: Workspace, tmp_path: Path) -> None:
    source, folder = tmp_path / "source", workspace.folder / "own"
    known = commit(
        source, {"pyproject.toml": '[project]\nname = "gitty"\nversion = "7"\ndependencies = ["beta<1.1"]\n'}
    )
    folder.mkdir()
    (folder / "pyproject.toml").write_text(project("1.0", f"gitty @ git+{source.as_uri()}@main"))
    workspace.write(pypi='own = { path = "own" }')
    found = packages(workspace.lock())
    assert found["gitty"].url == f"git+{source.as_uri()}?rev=main#{known}"
    assert found["beta"].version == "1.0"
    assert check_lock(workspace.folder).is_fine


def test_a_wheel_and_an_archive_on_disk_are_read(workspace: Workspace) -> None:
    info = "own-4.0.dist-info"
    (workspace.folder / "own-4.0-py3-none-any.whl").write_bytes(
        zip_of({f"{info}/METADATA": metadata("own", "4.0", "beta<1.1"), f"{info}/WHEEL": "Wheel-Version: 1.0\n"})
    )
    workspace.index.sdist("torch", "9.0", "beta")
    (workspace.folder / "torch-9.0.tar.gz").write_bytes(workspace.index.projects["torch"]["torch-9.0.tar.gz"])
    workspace.write(pypi='own = { path = "own-4.0-py3-none-any.whl" }\ntorch = { path = "./torch-9.0.tar.gz" }')
    found = packages(workspace.lock())
    assert [(found[name].url, found[name].version) for name in ("own", "torch", "beta")] == [
        ("./own-4.0-py3-none-any.whl", "4.0"),
        ("./torch-9.0.tar.gz", "9.0"),
        (found["beta"].url, "1.0"),
    ]


def test_what_is_not_there_or_something_else_is_told(workspace: Workspace) -> None:
    workspace.write(pypi='own = { path = "./nowhere-1.0-py3-none-any.whl" }')
    with pytest.raises(FileMissing):
        workspace.lock()
    folder = workspace.folder / "own"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(project().replace('"own"', '"another"'))
    workspace.write(pypi='own = { path = "own" }')
    with pytest.raises(FileUnreadable, match="it is the project another, not own") as caught:
        workspace.lock()
    line = workspace.line_of("own = {")
    assert caught.value.facts == (f"pixi.toml, line {line}, asks for own @ own",)
    assert (caught.value.file, caught.value.line) == ("pixi.toml", line)
    (folder / "pyproject.toml").write_text(
        project("1.0", "other") + '[tool.uv.sources]\nother = { path = "../missing" }\n'
    )
    with pytest.raises(FileMissing, match="no folder and no file missing") as sent:
        workspace.lock()
    assert sent.value.facts == ("own (own) asks for other @ missing",)


def test_a_version_that_only_a_build_tells_is_left_open_and_told(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "source"
    commit(source, {"pyproject.toml": '[project]\nname = "own"\ndynamic = ["version"]\ndependencies = ["beta"]\n'})
    workspace.write(pypi=f'own = {{ git = "{source.as_uri()}" }}')
    assert entry(workspace).version is None
    assert "version-unknown" in [message.code for message in workspace.lock().messages]


def test_find_links_offer_files_beside_the_index(workspace: Workspace) -> None:
    links = workspace.folder / "links"
    links.mkdir()
    for version in ("0.1", "5.0"):
        name = workspace.index.wheel("linked", version, "beta")
        (links / name).write_bytes(workspace.index.projects["linked"][name])
    del workspace.index.projects["linked"]
    workspace.write(pypi='linked = "*"', options='find-links = [{ path = "./links" }]')
    found = entry(workspace, "linked")
    assert (found.url, found.version, found.index) == ("./links/linked-5.0-py3-none-any.whl", "5.0", None)
    page = f"{workspace.index.url}/beta/"
    workspace.write(pypi='beta = "==1.0"', options=f'find-links = [{{ url = "{page}" }}]')
    assert entry(workspace, "beta").version == "1.0"


# Addresses


def test_a_wheel_by_address_is_read_and_its_known_hash_is_locked(workspace: Workspace) -> None:
    name = workspace.index.wheel("own", "1.0+local", "beta<1.1")
    sha256 = hashlib.sha256(workspace.index.projects["own"][name]).hexdigest()
    address = f"http://{workspace.index.host}/files/{name}#sha256={sha256}"
    workspace.write(pypi=f'own = {{ url = "{address}" }}')
    found = entry(workspace)
    assert (found.url, found.version, found.sha256) == (f"direct+{address}", "1.0+local", sha256)
    assert versions(workspace.lock())["beta"] == "1.0"


def test_a_hash_that_is_not_the_files_is_an_error_with_its_line(workspace: Workspace) -> None:
    newer = workspace.index.wheel("own", "2.0", "beta")
    other = hashlib.sha256(workspace.index.projects["own"][newer]).hexdigest()
    files = (workspace.index.wheel("own", "1.0"), workspace.index.sdist("own", "1.0"))
    for name in files:
        known = hashlib.sha256(workspace.index.projects["own"][name]).hexdigest()
        address = f"http://{workspace.index.host}/files/{name}"
        # Also where the file of that hash is known already.
        for given in (other, "ab" * 32):
            workspace.write(pypi='own = "==2.0"')
            workspace.lock()
            workspace.write(pypi=f'own = {{ url = "{address}#sha256={given}" }}')
            with pytest.raises(HashWrong, match=f"given for {name} is not that of the file") as caught:
                workspace.lock()
            line = workspace.line_of("own = {")
            assert caught.value.facts[:2] == (f"given: {given}", f"the index tells: {known}")
            assert (caught.value.exit_status, caught.value.line) == (3, line)
        workspace.write(pypi=f'own = {{ url = "{address}#sha256={known}" }}')
        assert entry(workspace).sha256 == known


def test_a_wheel_that_cannot_be_read_stands_with_the_requirements_of_its_release(workspace: Workspace) -> None:
    workspace.index.sdist("own", "1.0", "beta<1.1")
    workspace.write(pypi='own = { url = "http://127.0.0.1:9/own-1.0+cu12-py3-none-any.whl" }')
    result = workspace.lock()
    found = packages(result)["own"]
    assert isinstance(found, LockedPypi)
    assert (found.version, found.requires_dist) == ("1.0", ("beta<1.1",))
    (message,) = result.messages
    assert message.text.endswith("stands with the requirements of own-1.0.tar.gz")
    workspace.write(pypi='unknown = { url = "http://127.0.0.1:9/unknown-1.0-py3-none-any.whl" }')
    with pytest.raises(IndexUnreachable):
        workspace.lock()


def test_an_archive_of_sources_by_address_is_read(workspace: Workspace) -> None:
    name = workspace.index.sdist("own", "1.0", "beta<1.1")
    address = f"http://{workspace.index.host}/files/{name}"
    workspace.write(pypi=f'own = {{ url = "{address}" }}')
    found = entry(workspace)
    assert (found.url, found.version, found.requires_dist) == (f"direct+{address}", "1.0", ("beta<1.1",))


def test_a_source_of_a_name_that_conda_provides_is_a_conflict(workspace: Workspace) -> None:
    name = workspace.index.wheel("packaging", "23.2")
    address = f"http://{workspace.index.host}/files/{name}"
    workspace.write(conda='python = "3.12.*"\npackaging = "*"', pypi=f'packaging = {{ url = "{address}" }}')
    with pytest.raises(LockInfeasible) as caught:
        workspace.lock()
    (fact,) = caught.value.facts
    assert fact == (
        f"pixi.toml, line {workspace.line_of('packaging = { url')}, wants packaging from {address}, and conda provides it "
        "(packaging-25.0-pyh0_0.conda)"
    )
