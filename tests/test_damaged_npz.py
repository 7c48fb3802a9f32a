"""Every program's ``.npz`` files are read, and a damaged one is an error."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.weights_files import archive, assert_same, changes, outcomes
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


# Damage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", WRITERS)
def test_every_wrong_byte_is_noticed_or_means_nothing(writer: str, tmp_path: Path) -> None:
    """In a file that ``save`` wrote every byte means something."""
    WRITERS[writer](tmp_path / "x.npz")
    read = list(outcomes(tmp_path / "x.npz", changes((tmp_path / "x.npz").read_bytes())))
    for found in read:
        assert_same(found, PLAIN)
    assert not read or writer != "save"


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
