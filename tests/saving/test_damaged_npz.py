"""Every program's ``.npz`` files are read, and a damaged one is an error."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.weights_files import archive, assert_same, changes, outcomes
from tinygrad_lstm.errors import WeightsError

PLAIN = {"a": np.arange(3.0), "b": {"c": np.eye(2, dtype=np.float32)}}
FLAT: dict[str, Any] = {"a": np.arange(3.0), "b/c": np.eye(2, dtype=np.float32)}


class Unseekable(io.RawIOBase):
    """A file as a pipe is: zipfile writes sizes after the members there."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.content += data
        return len(data)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def zipped(file: Any, **options: Any) -> None:
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, array in FLAT.items():
            archive.writestr(f"{name}.npy", npy(array))


def streamed(path: Path) -> None:
    file = Unseekable()
    np.savez(file, **FLAT)
    path.write_bytes(file.content)


def with_all_the_trimmings(path: Path) -> None:
    """Folders, comments, extra fields, dates, compression."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b/", b"")
        for name, array in FLAT.items():
            info = zipfile.ZipInfo(f"{name}.npy", (2026, 1, 2, 3, 4, 6))
            info.compress_type, info.comment, info.extra = zipfile.ZIP_DEFLATED, b"of it", b"UT\5\0\3abcd"
            archive.writestr(info, npy(array))
        archive.comment = b"of all"


def with_wide_sizes(path: Path) -> None:
    """As if there were more than 65,535 members: with an end of 64 bits."""
    zipped(path)
    whole = path.read_bytes()
    *_, count, length, begins, _ = struct.unpack("<4s4H2LH", whole[-22:])
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, begins)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(whole) - 22, 1)
    short = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(whole[:-22] + end64 + locator + short)


WRITERS: dict[str, Callable[[Path], None]] = {
    "save": lambda path: tg.save(PLAIN, path),
    "savez": lambda path: np.savez(path, **FLAT),
    "savez_compressed": lambda path: np.savez_compressed(path, **FLAT),
    "streamed": streamed,
    "zipfile": lambda path: zipped(path),
    "deflated": lambda path: zipped(path, compression=zipfile.ZIP_DEFLATED, compresslevel=9),
    "trimmings": with_all_the_trimmings,
    "wide": with_wide_sizes,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_any_program_wrote_is_read(writer: str, tmp_path: Path) -> None:
    WRITERS[writer](tmp_path / "x.npz")
    assert_same(tg.load(tmp_path / "x.npz"), PLAIN)


def slow_but_two(writer: str) -> Any:
    """Every byte of a file of every writer takes long, so only two are tried each time."""
    return pytest.param(writer, marks=() if writer in ("save", "trimmings") else pytest.mark.slow)


WIDE = ["save", "savez", "savez_compressed", "streamed", "zipfile"]  # those that write sizes of 64 bits where asked


@pytest.mark.parametrize("writer", [slow_but_two(name) for name in WIDE])
def test_sizes_of_64_bits(writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in files of more than 4 GB, which need them."""
    for name in ("ZIP64_LIMIT", "ZIP_FILECOUNT_LIMIT"):
        assert hasattr(zipfile, name)
        monkeypatch.setattr(zipfile, name, 1)
    path = tmp_path / "x.npz"
    WRITERS[writer](path)
    monkeypatch.undo()
    assert b"PK\6\6" in path.read_bytes()
    assert_same(tg.load(path), PLAIN)
    check_every_wrong_byte(path, writer)


def check_every_wrong_byte(path: Path, writer: str) -> None:
    """It is noticed, or means nothing; in a file that ``save`` wrote every byte means something."""
    read = list(outcomes(path, changes(path.read_bytes())))
    for found in read:
        assert_same(found, PLAIN)
    assert bool(read) == (writer != "save")


def test_small_members_behind_a_large_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a file of more than 2 GB: their entries need 64 bits to say where they begin, their headers do not."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100_000)
    saved = {"large": np.arange(20_000.0), "small": np.arange(3.0)}
    tg.save(saved, tmp_path / "x.npz")
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        assert [info.extract_version for info in archive.infolist()] == [45, 45, 45]
    assert_same(tg.load(tmp_path / "x.npz"), saved)


# Damage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", [slow_but_two(name) for name in WRITERS])
def test_every_wrong_byte_is_noticed_or_means_nothing(writer: str, tmp_path: Path) -> None:
    WRITERS[writer](tmp_path / "x.npz")
    check_every_wrong_byte(tmp_path / "x.npz", writer)


@pytest.mark.filterwarnings("ignore:Reading:UserWarning")  # a header may happen to look like one of Python 2
def test_every_wrong_bit_of_a_saved_file_is_noticed(tmp_path: Path) -> None:
    tg.save({"w": np.ones(1), "n": 1}, tmp_path / "x.npz")
    whole = (tmp_path / "x.npz").read_bytes()
    flipped = ({at: whole[at] ^ (1 << bit)} for at in range(len(whole)) for bit in range(8))
    assert list(outcomes(tmp_path / "x.npz", flipped)) == []


def pieces(whole: bytes) -> Iterator[bytes]:
    """A file cut at every length, with bytes left out or doubled, and its parts left out, doubled and swapped."""
    yield from (whole[:length] for length in range(len(whole)))
    yield from (whole[:at] + whole[at + 1 :] for at in range(len(whole)))
    yield from (whole[:at] + whole[at : at + 1] + whole[at:] for at in range(len(whole)))
    seams = [at for at in range(len(whole)) if whole[at : at + 2] == b"PK"] + [len(whole)]
    parts = [whole[start:end] for start, end in pairwise(seams)]
    for k in range(len(parts)):
        yield b"".join(parts[:k] + parts[k + 1 :])
        yield b"".join(parts[:k] + parts[k : k + 1] + parts[k:])
        yield b"".join(parts[:k] + parts[k + 1 : k + 2] + parts[k : k + 1] + parts[k + 2 :])
    yield b"\0" + whole
    yield from (whole + more for more in (whole, b"\0", bytes(100), b"PK\5\6" + bytes(18), b"PK\5\6"))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_cut_doubled_or_swapped_is_refused(writer: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    WRITERS[writer](path)
    whole = path.read_bytes()
    for broken in {*pieces(whole)} - {whole}:
        path.unlink()
        path.write_bytes(broken)
        with pytest.raises(WeightsError, match=r"x\.npz"):
            tg.load(path)


def built(
    *members: tuple[bytes, int, bytes, int, int], before: bytes = b"", after: bytes = b"", count: int | None = None
) -> bytes:
    """An archive of (name, method, packed, crc, size), with bytes before the first or after each member."""
    body, directory = before, b""
    for name, method, packed, crc, size in members:
        common = struct.pack("<5H3L2H", 20, 0, method, 0, 33, crc, len(packed), size, len(name), 0)
        directory += b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + name
        body += b"PK\3\4" + common + name + packed + after
    number = len(members) if count is None else count
    return body + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, number, number, len(directory), len(body), 0)


def stored(name: str, array: np.ndarray) -> tuple[bytes, int, bytes, int, int]:
    return name.encode(), zipfile.ZIP_STORED, npy(array), zlib.crc32(npy(array)), len(npy(array))


def deflated(name: str, array: np.ndarray, more: bytes) -> tuple[bytes, int, bytes, int, int]:
    _, _, content, crc, size = stored(name, array)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return name.encode(), zipfile.ZIP_DEFLATED, deflater.compress(content) + deflater.flush() + more, crc, size


def test_bytes_that_belong_to_nothing_are_refused(tmp_path: Path) -> None:
    path, x = tmp_path / "x.npz", np.arange(3.0)
    path.write_bytes(built(stored("a.npy", x), deflated("b.npy", x, b"")))
    assert_same(tg.load(path), {"a": x, "b": x})
    for words, content in {
        "something before its first member": built(stored("a.npy", x), before=b"\0"),
        "the members around a.npy overlap, or there is something": built(stored("a.npy", x), after=b"\0"),
        "something after the end of b.npy": built(deflated("b.npy", x, b"\0")),
        "its directory has 2 entries and should have 1": built(stored("a.npy", x), stored("b.npy", x), count=1),
    }.items():
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=words):
            tg.load(path)


@pytest.mark.parametrize("writer", WRITERS)
def test_every_byte_of_the_end_means_something(writer: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    WRITERS[writer](path)
    whole = path.read_bytes()
    end = whole.index(b"PK\6\6" if writer == "wide" else b"PK\5\6")
    known = len(b"of all") if writer == "trimmings" else 0  # the comment may say anything
    versions = {end + 12 + k for k in range(4)} if writer == "wide" else set()
    wrong = (at for at in changes(whole) if end <= min(at) < len(whole) - known and not at.keys() & versions)
    assert list(outcomes(path, wrong)) == []


def test_a_field_twice_and_a_comment_of_another_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as file:
        info = zipfile.ZipInfo("a.npy")
        info.extra = b"UT\1\0aUT\1\0b"
        file.writestr(info, npy(np.ones(1)))
    with pytest.raises(WeightsError, match="an extra field is damaged"):
        tg.load(path)
    tg.save(PLAIN, path)
    with zipfile.ZipFile(path, "a") as file:
        file.comment = b"mine"
    with pytest.raises(WeightsError, match="its headers are not those that save writes"):
        tg.load(path)


def test_the_list_of_members_is_that_of_the_structure(tmp_path: Path) -> None:
    """Also where every checksum is right: an array that is gone, that nothing names, or that stands in for another."""
    path = tmp_path / "x.npz"
    tg.save(PLAIN, path)
    with zipfile.ZipFile(path) as file:
        members = {info.filename: file.read(info) for info in file.infolist()}
    without = {name: content for name, content in members.items() if name != "b/c.npy"}
    changed = {
        "its structure names the array b/c": without,
        "its structure leaves out b/d": members | {"b/d.npy": members["b/c.npy"]},
        "its structure names the array b/c,": without | {"c.npy": members["b/c.npy"]},
    }
    for words, contents in changed.items():
        archive(path, contents)
        with pytest.raises(WeightsError, match=rf"x\.npz is not a whole \.npz file .*{words}"):
            tg.load(path)
