"""What cannot be saved or loaded, and where, is an error in the caller's words, and leaves the old file whole."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.writing import become_nobody, folder_for_all, needs_root  # noqa: F401  # one is a fixture
from tinygrad_lstm import saving
from tinygrad_lstm.errors import WeightsError


@pytest.fixture(params=[".npz", ".safetensors"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A place for a file of either kind."""
    return tmp_path / f"file{request.param}"


def holds_itself() -> dict[str, Any]:
    obj: dict[str, Any] = {}
    obj["self"] = [obj]
    return obj


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        ({"a": {"b": object()}}, "a/b is of type object: only numbers and text, alone or in arrays, can be saved"),
        ({"a": [1, {2, 3}]}, "a/1 is of type set"),
        ({"a": b"bytes"}, "a is of type bytes"),
        ({"a": np.array([None])}, "a is an array of object"),
        ({"a": np.zeros(2, [("x", "f8")])}, r"a is an array of \[\('x', '<f8'\)\]"),
        ({"a": [np.ma.array([1.0], mask=[True])]}, "a/0: a masked array would lose its mask"),
        ({"a/b": np.ones(1)}, "words without a slash, not 'a/b'"),
        ({"a": {"..": 1}}, r"not '\.\.'"),
        ({"": 1}, "not ''"),
        ({"a\0b": 1}, "not 'a"),
        ({True: 1}, "not True"),
        ({1.5: 1}, "not 1.5"),
        ({"a": {0: np.ones(1), "0": np.ones(1)}}, "two keys would both be a/0"),
        (holds_itself(), "nested too deep, or holds itself"),
        ({"n": 10**5000}, "cannot hold it: Exceeds the limit"),
        ({10**5000: 1}, "cannot hold it: Exceeds the limit"),
        ([np.ones(1)], "not a list"),
        (tg.tensor([1.0]), "not a Tensor"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_saved_is_refused_before_a_file_is_made(obj: Any, words: str, path: Path) -> None:
    with pytest.raises(WeightsError, match=words):
        tg.save(obj, path)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        ({"a": np.ones(1, complex)}, "cannot hold a of complex128: save it as .npz"),
        ({"__metadata__": np.ones(1)}, "cannot hold __meta"),
    ],
)
def test_what_safetensors_cannot_hold(obj: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=words):
        tg.save(obj, tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x.pkl", "x", "x.NPZ.gz", ".npz"])
def test_an_unknown_suffix_is_told_the_known_ones(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    for call in (lambda path: tg.save({"a": 1}, path), tg.load):
        with pytest.raises(WeightsError, match=r"end in \.npz or \.safetensors, not"):
            call(tmp_path / name)


@pytest.mark.parametrize(
    "wrong", [3, None, b"x.npz", ["x.npz"], {"a": 1}, io.BytesIO()], ids=lambda value: str(type(value))
)
def test_what_is_no_path(wrong: Any) -> None:
    with pytest.raises(WeightsError, match=rf"^load takes a path, not a {type(wrong).__name__}$"):
        tg.load(wrong)
    with pytest.raises(WeightsError, match=rf"^save takes what to save and then a path, not a {type(wrong).__name__}$"):
        tg.save({"a": 1}, wrong)


@pytest.mark.parametrize("wrong", ["", "a\0.npz", "\ud800.npz", "a.npz\0", "\0"], ids=repr)
def test_paths_that_no_file_can_have(wrong: str) -> None:
    for call in (lambda path: tg.save({"a": 1}, path), tg.load):
        with pytest.raises(WeightsError, match="no file can have the path"):
            call(wrong)


def test_where_files_cannot_be(path: Path) -> None:
    with pytest.raises(WeightsError, match=f"there is no folder {path.parent}/missing to save {path.name} in"):
        tg.save({"a": 1}, path.parent / "missing" / path.name)
    with pytest.raises(FileNotFoundError, match="file"):
        tg.load(path)
    path.mkdir()
    for call in (lambda path: tg.save({"a": 1}, path), tg.load):
        with pytest.raises(WeightsError, match="is a folder, weights are in a file"):
            call(path)
    path.rmdir()
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match=f"there is no folder {path} to save"):
        tg.save({"a": 1}, path / path.name)
    with pytest.raises(WeightsError, match="cannot be read: Not a directory"):
        tg.load(path / path.name)
    path.unlink()
    os.mkfifo(path)
    for call in (lambda path: tg.save({"a": 1}, path), tg.load):
        with pytest.raises(WeightsError, match="is no plain file"):
            call(path)
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(WeightsError, match="cannot be written: Too many levels of symbolic links"):
        tg.save({"a": 1}, path)
    with pytest.raises(WeightsError, match="cannot be read: Too many levels of symbolic links"):
        tg.load(path)
    long = path.with_name("a" * 255 + path.suffix)
    with pytest.raises(WeightsError, match="cannot be written: File name too long"):
        tg.save({"a": 1}, long)
    with pytest.raises(WeightsError, match="cannot be read: File name too long"):
        tg.load(long)
    path.unlink()
    path.symlink_to("missing/file")
    with pytest.raises(WeightsError, match=f"there is no folder {path.parent}/missing to save {path.name} in"):
        tg.save({"a": 1}, path)


@needs_root
def test_what_a_user_may_not_write_or_read(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    for place in (open_folder, closed):
        tg.save({"a": 1}, place / "x.npz")
        (place / "x.npz").chmod(0o600)
    open_folder.chmod(0o755)
    become_nobody()
    for path in (open_folder / "x.npz", closed / "x.npz", open_folder / "new.npz"):
        with pytest.raises(WeightsError, match=rf"^{path} cannot be written: Permission denied$"):
            tg.save({"a": 1}, path)
    for path in (open_folder / "x.npz", closed / "x.npz"):
        with pytest.raises(WeightsError, match=rf"^{path} cannot be read: Permission denied$"):
            tg.load(path)


def test_a_file_is_not_called_damaged_where_memory_is_short(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise MemoryError

    tg.save({"a": 1}, path)
    monkeypatch.setitem(saving.FORMATS, path.suffix, (saving.FORMATS[path.suffix][0], refuse))
    with pytest.raises(MemoryError):
        tg.load(path)


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("disk full"), OSError),
        (OSError(errno.ENOSPC, "No space left on device"), OSError),
        (OSError(errno.EROFS, "Read-only file system"), WeightsError),
        (PermissionError(errno.EACCES, "Permission denied"), WeightsError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
    ],
    ids=repr,
)
def test_a_crash_while_saving_leaves_the_old_file_whole(
    error: BaseException, expected: type[BaseException], where: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tg.save({"a": np.ones(3)}, path)

    def crash(file: Any, *_: Any) -> None:
        if where == "write":
            file.write(b"half of it")
        raise error

    if where == "write":
        monkeypatch.setitem(saving.FORMATS, path.suffix, (crash, saving.FORMATS[path.suffix][1]))
    else:
        monkeypatch.setattr(os, where, crash)
    with pytest.raises(expected) as raised:
        tg.save({"a": np.zeros(3)}, path)
    assert type(raised.value) is expected
    assert "No space" not in str(error) or str(path) in str(raised.value)
    assert tg.load(path)["a"].tolist() == [1, 1, 1]
    assert list(path.parent.iterdir()) == [path]


def test_a_crash_within_an_archive_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    tg.save({"a": np.ones(3)}, path)

    def crash(file: Any, *_: Any, **__: Any) -> None:
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np.lib.format, "write_array", crash)
    with pytest.raises(OSError, match="disk full"):
        tg.save({"a": np.zeros(3)}, path)
    assert tg.load(path)["a"].tolist() == [1, 1, 1]
    assert list(tmp_path.iterdir()) == [path]


def test_arguments_the_wrong_way_round_are_told() -> None:
    with pytest.raises(WeightsError, match="what to save and then a path, not a dict"):
        tg.save("weights.npz", {"a": np.ones(2)})  # type: ignore[arg-type]  # the point
