"""A file that is written anew keeps its rights, its owner, its links and its name."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

import pytest

from tests.support.writing import become_nobody, folder_for_all, needs_root, scheme_of_writing, write  # noqa: F401  # fixtures
from tinygrad_lstm import files
from tinygrad_lstm.files import whole_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("scheme")
@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0o027, 0o640)])
def test_a_new_file_has_the_rights_of_the_umask(umask: int, expected: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "file")
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == expected


@pytest.mark.usefixtures("scheme")
@pytest.mark.parametrize("rights", [0o600, 0o640, 0o644, 0o664, 0o666, 0o755, 0o200])
def test_an_old_file_keeps_its_rights(rights: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path)
    path.chmod(rights)
    with whole_file(path) as file:
        file.write(b"secret")
        assert all(mode(part) in (0o600, rights) for part in tmp_path.iterdir())  # and nobody reads it before
    assert mode(path) == rights


@needs_root
@pytest.mark.usefixtures("scheme")
def test_an_old_file_keeps_its_owner_and_group(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path)
    os.chown(path, 12345, 23456)
    path.chmod(0o640)
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (12345, 23456, 0o640)


@needs_root
@pytest.mark.usefixtures("scheme")
def test_rights_of_a_group_are_not_given_to_another(open_folder: Path) -> None:
    path = open_folder / "file"
    write(path)
    path.chmod(0o676)
    become_nobody()
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (65534, 65534, 0o606)


@pytest.mark.usefixtures("scheme")
def test_an_old_file_keeps_its_access_control_list(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path)
    entries = [(1, 6, -1), (2, 4, 12345), (4, 0, -1), (16, 4, -1), (32, 0, -1)]  # user::rw-, user:12345:r--, ...
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        os.setxattr(path, files.ACL, acl)
    except (OSError, AttributeError):
        pytest.skip("no access control lists here")
    write(path)
    assert os.getxattr(path, files.ACL) == acl


@pytest.mark.usefixtures("scheme")
@pytest.mark.parametrize("there", [True, False], ids=["", "dangling"])
def test_a_link_stays_and_its_target_is_written(there: bool, tmp_path: Path) -> None:
    folder, link, to_link = tmp_path / "folder", tmp_path / "link", tmp_path / "to_link"
    folder.mkdir()
    link.symlink_to("folder/target")
    to_link.symlink_to(link)
    if there:
        write(folder / "target", b"old")
        (folder / "target").chmod(0o600)
    write(to_link)
    assert (to_link.readlink(), link.readlink()) == (link, Path("folder/target"))
    assert not (folder / "target").is_symlink()
    assert (folder / "target").read_bytes() == b"new"
    assert not there or mode(folder / "target") == 0o600
    assert {path.name for path in tmp_path.rglob("*")} == {"folder", "link", "to_link", "target"}


@pytest.mark.usefixtures("scheme")
def test_another_name_of_the_same_file_keeps_the_old_content(tmp_path: Path) -> None:
    write(tmp_path / "file", b"old")
    os.link(tmp_path / "file", tmp_path / "snapshot")
    write(tmp_path / "file")
    assert ((tmp_path / "file").read_bytes(), (tmp_path / "snapshot").read_bytes()) == (b"new", b"old")


@pytest.mark.usefixtures("scheme")
@pytest.mark.parametrize("name", ["a" * 255, "ö" * 127, "-rf", "*", "a\nb", " "])
def test_any_name_that_a_file_can_have(name: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    write(tmp_path / name, b"again")
    assert (tmp_path / name).read_bytes() == b"again"
    assert os.listdir(tmp_path) == [name]
