"""A file is written whole or not at all, and a killed process leaves nothing for ever."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.writing import become_nobody, folder_for_all, needs_root, scheme_of_writing, write  # noqa: F401  # fixtures
from tinygrad_lstm import files
from tinygrad_lstm.errors import ArgumentError, DtypeError
from tinygrad_lstm.files import file_path, whole_file

fcntl = pytest.importorskip("fcntl")
ROOT = Path(__file__).parents[2]


# Whole or not at all ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("scheme")
def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with whole_file(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("scheme")
@pytest.mark.parametrize("error", [ValueError(), OSError("disk full"), KeyboardInterrupt(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize("where", ["block", "fsync", "replace"])
def test_whatever_goes_wrong_leaves_the_old_file(
    error: BaseException, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write(path, b"old")

    def refuse(*_: Any) -> None:
        raise error

    def attempt() -> None:
        with whole_file(path) as file:
            file.write(b"new")
            if where == "block":
                raise error

    if where != "block":
        monkeypatch.setattr(os, where, refuse)
    with pytest.raises(type(error)):
        attempt()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("scheme")
def test_a_disk_without_room_leaves_the_old_file_and_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match=rf"File too large: '{path}'$") as error:
            write(path, bytes(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert error.value.errno == errno.EFBIG
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("scheme")
def test_the_bytes_are_on_the_disk_before_they_are_in_place_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else f"{os.fstat(handle).st_size} bytes")
        fsync(handle)

    def noted_replace(source: Path, target: Path) -> None:
        done.append(f"replace in {source.parent.name} to {target}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    write(tmp_path / "file", b"12345")
    assert done == ["5 bytes", f"replace in {tmp_path.name} to {tmp_path / 'file'}", "folder"]


@pytest.mark.usefixtures("scheme")
def test_threads_that_write_one_file_at_once_leave_one_of_them_whole(tmp_path: Path) -> None:
    contents = [bytes([k]) * 10_000 for k in range(8)]

    def write_often(own: bytes) -> None:
        for _ in range(20):
            write(tmp_path / "file", own)

    threads = [threading.Thread(target=write_often, args=[own]) for own in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "file").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# Killed processes ---------------------------------------------------------------------------------------------------

WRITER = """
import os, sys
if sys.argv[2] == "named" and hasattr(os, "O_TMPFILE"):
    del os.O_TMPFILE
from tinygrad_lstm.files import whole_file
with whole_file(sys.argv[1]) as file:
    file.write(b"by the child")
    file.flush()
    print("half", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def writer(scheme: str) -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Start a process that has written half of a file."""
    started: list[subprocess.Popen[str]] = []

    def start(path: Path) -> subprocess.Popen[str]:
        call = [sys.executable, "-c", WRITER, str(path), scheme]
        child = subprocess.Popen(call, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


Start = Callable[[Path], "subprocess.Popen[str]"]


def test_what_a_killed_process_leaves_is_gone_after_the_next_write(writer: Start, scheme: str, tmp_path: Path) -> None:
    write(tmp_path / "file", b"old")
    child = writer(tmp_path / "file")
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == (1 if scheme == "nameless" else 2)
    write(tmp_path / "other")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "other"}


def test_a_living_writers_file_is_left_alone(writer: Start, tmp_path: Path) -> None:
    child = writer(tmp_path / "file")
    before = set(tmp_path.iterdir())
    write(tmp_path / "other")
    assert set(tmp_path.iterdir()) == before | {tmp_path / "other"}
    child.communicate("go on\n")
    assert child.returncode == 0
    assert (tmp_path / "file").read_bytes() == b"by the child"
    assert {path.name for path in tmp_path.iterdir()} == {"file", "other"}


@pytest.mark.usefixtures("scheme")
def test_files_of_other_hosts_and_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    others = [
        f"{files.PREFIX}elsewhere-0123456789abcdef.part",
        f"{files.PREFIX}{os.uname().nodename}-notes.txt",
        ".w.npz.12.34.part",
        "file.part",
    ]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    ours = f"{files.PREFIX}{os.uname().nodename}-"
    (tmp_path / f"{ours}folder.part").mkdir()
    (tmp_path / f"{ours}dead.part").write_bytes(b"")
    write(tmp_path / "file")
    assert {path.name for path in tmp_path.iterdir()} == {*others, f"{ours}folder.part", "file"}


def test_a_file_that_is_removed_before_it_is_locked_is_made_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    flock, removed = fcntl.flock, list[Path]()

    def late(handle: Any, operation: int) -> None:
        if not removed:
            removed.extend(tmp_path.iterdir())
            removed[0].unlink()
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    write(tmp_path / "file")
    assert len(removed) == 1
    assert (tmp_path / "file").read_bytes() == b"new"


def test_without_locks_files_are_written_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(fcntl, "flock", refuse)
    unknown = tmp_path / f"{files.PREFIX}{os.uname().nodename}-0.part"
    unknown.write_bytes(b"")
    write(tmp_path / "file")
    assert set(tmp_path.iterdir()) == {tmp_path / "file", unknown}  # it may have a living writer


# What is refused ----------------------------------------------------------------------------------------------------


def refusals(tmp_path: Path) -> dict[str, tuple[Path, type[OSError]]]:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lost").symlink_to("nowhere/file")
    os.mkfifo(tmp_path / "pipe")
    return {
        "a folder": (tmp_path / "folder", IsADirectoryError),
        "the top": (Path("/"), IsADirectoryError),
        "a missing folder": (tmp_path / "nowhere" / "file", FileNotFoundError),
        "a link into a missing folder": (tmp_path / "lost", FileNotFoundError),
        "a file as a folder": (tmp_path / "file" / "file", NotADirectoryError),
        "links in a loop": (tmp_path / "loop", OSError),
        "a pipe": (tmp_path / "pipe", OSError),
        "a device": (Path("/dev/null"), OSError),
        "a name too long": (tmp_path / ("a" * 256), OSError),
    }


@pytest.mark.usefixtures("scheme")
def test_what_cannot_be_written_is_an_error_that_names_it_and_is_left_alone(tmp_path: Path) -> None:
    for what, (path, kind) in refusals(tmp_path).items():
        before = {path: path.lstat().st_mode for path in tmp_path.rglob("*")}
        with pytest.raises(kind) as error:
            write(path)
        assert error.value.filename == str(path), what
        assert error.value.filename2 is None, what
        assert {path: path.lstat().st_mode for path in tmp_path.rglob("*")} == before, what
    assert (tmp_path / "file").read_bytes() == b"old"


@needs_root
@pytest.mark.usefixtures("scheme")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_a_user_may_not_write_is_left_alone(what: str, open_folder: Path) -> None:
    path = open_folder / "file"
    write(path, b"old")
    if what == "file":
        path.chmod(0o444)
    else:
        path.chmod(0o666)
        open_folder.chmod(0o755)
    become_nobody()
    with pytest.raises(PermissionError, match=f"'{path}'$"):
        write(path)
    assert (path.read_bytes(), os.listdir(open_folder)) == (b"old", ["file"])


@needs_root
@pytest.mark.usefixtures("scheme")
def test_a_folder_that_may_be_written_and_not_listed(open_folder: Path) -> None:
    open_folder.chmod(0o733)
    become_nobody()
    write(open_folder / "file")
    assert (open_folder / "file").read_bytes() == b"new"


@pytest.mark.parametrize("path", [3, None, b"file", 1.5, ["file"], object()], ids=lambda path: type(path).__name__)
def test_what_is_no_path(path: Any) -> None:
    with pytest.raises(DtypeError, match=rf"a path is a str or a Path, not a {type(path).__name__}"):
        file_path(path)
    with pytest.raises(DtypeError), whole_file(path):
        pass


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800"], ids=repr)
def test_paths_that_no_file_can_have(path: str) -> None:
    with pytest.raises(ArgumentError, match="no file can have the path"):
        file_path(path)
