"""Writing files: what lies where they belong, links among it, and whose name an error has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envcompose.world.files import remove_scratch, write_in_order


def tree(folder: Path) -> dict[str, str | None]:
    return {
        str(path.relative_to(folder)): f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_a_link_stays_one_and_the_file_that_it_leads_to_is_replaced_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far/lock").write_text("old")
    (tmp_path / "far/lock").chmod(0o600)
    (tmp_path / "between").symlink_to("far/lock")
    (tmp_path / "lock").symlink_to("between")
    number = (tmp_path / "far/lock").stat().st_ino
    write_in_order([(tmp_path / "lock", "new"), (tmp_path / "plain", "new")])
    assert tree(tmp_path) == {"between": "-> far/lock", "far/lock": "new", "lock": "-> between", "plain": "new"}
    # It is another file in one step, and not the old one with other bytes.
    assert (tmp_path / "far/lock").stat().st_ino != number
    assert (tmp_path / "far/lock").stat().st_mode & 0o777 == 0o600
    (tmp_path / "far/.lock.abc.new").write_text("what a killed run left")
    remove_scratch(tmp_path / "lock")
    assert not (tmp_path / "far/.lock.abc.new").exists()


@pytest.mark.parametrize(
    ("link", "reason"),
    [("nowhere/lock", "it is a link to nowhere/lock, where there is no file"), ("lock", "it is a link to lock, where")],
)
def test_a_link_that_leads_to_nothing_is_an_error_of_its_own_name(tmp_path: Path, link: str, reason: str) -> None:
    (tmp_path / "lock").symlink_to(link)
    remove_scratch(tmp_path / "lock")
    with pytest.raises(OSError, match=reason) as caught:
        write_in_order([(tmp_path / "first", "new"), (tmp_path / "lock", "new")])
    assert caught.value.filename == str(tmp_path / "lock")
    assert tree(tmp_path) == {"lock": f"-> {link}"}


def test_a_folder_in_the_place_of_a_file_and_a_file_in_that_of_its_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder") as caught:
        write_in_order([(tmp_path / "first", "new"), (tmp_path / "lock", "new")])
    assert caught.value.filename == str(tmp_path / "lock")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError) as below:
        write_in_order([(tmp_path / "first", "new"), (tmp_path / "file/lock", "new")])
    assert below.value.filename == str(tmp_path / "file/lock")
    assert sorted(os.listdir(tmp_path)) == ["file", "lock"]
