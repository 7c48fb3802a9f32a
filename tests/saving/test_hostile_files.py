"""A hostile weights file runs nothing, writes nothing, and takes no more memory than its reader allows."""

from __future__ import annotations

import io
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.weights_files import Hostile, archive, assert_same, npy, safetensors
from tinygrad_lstm import saving
from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.saving.structure import SMALL


@pytest.fixture(params=[".npz", ".safetensors"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A place for a file of either kind."""
    return tmp_path / f"file{request.param}"


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken", b"\x80\x04K\x01.", b"{}" * 100])
def test_a_file_of_another_kind_is_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"{path.name} is not a whole"):
        tg.load(path)


def test_a_pickle_is_refused_and_not_run(path: Path) -> None:
    ran = path.parent / "ran"
    assert not ran.exists()
    pickle.loads(pickle.dumps(Hostile(ran)))
    assert ran.exists()  # this is what would happen
    ran.unlink()

    payload = np.array(Hostile(ran), dtype=object)
    with open(path, "wb") as file:
        np.savez(file, a=payload)
    with pytest.raises(WeightsError, match="Python objects" if path.suffix == ".npz" else "not a whole"):
        tg.load(path)
    path.write_bytes(pickle.dumps(Hostile(ran)))
    with pytest.raises(WeightsError):
        tg.load(path)
    buffer = io.BytesIO()
    np.save(buffer, payload, allow_pickle=True)
    archive(path, {"archive/data.pkl": pickle.dumps(Hostile(ran)), "a.npy": buffer.getvalue()})  # as PyTorch's own
    with pytest.raises(WeightsError):
        tg.load(path)
    assert not ran.exists()


EYE = npy("(1,)", data=bytes(8))
BAD_ARCHIVES: list[tuple[dict[str, bytes], str]] = [
    ({"a.npy": npy("(1000000000000,)")}, r"a\.npy claims the shape \(1000000000000,\), 8000000000\d+ bytes, but has"),
    ({"a.npy": npy("(3,)", data=bytes(32))}, "claims"),
    ({"a.npy": npy("(-1,)", data=bytes(8))}, "claims"),
    ({"a.npy": npy("(1,)", "|O")}, "Python objects"),
    ({"a.npy": npy("__import__('os').getcwd()")}, "not a whole"),
    ({"a.npy": b"\x93NUMPY\x09\x00" + bytes(100)}, "not a whole"),
    ({"a.npy": npy("(" * 5000 + ")" * 5000)}, "not a whole"),
    ({"a.npy": npy("(" + "-" * 9000 + "1,)")}, "not a whole"),
    ({"a.npy": npy("(-1, -1)", data=bytes(8))}, "not a whole"),
    ({"a.npy": npy("(1,) * 100", data=bytes(8))}, "not a whole"),
    ({"a.npy": b""}, "not a whole"),
    ({"a.npy": b"not an array at all"}, "not a whole"),
    ({"a.txt": b"text"}, "not a whole"),
    ({"/etc/passwd.npy": EYE}, "no name of an array"),
    ({"../../a.npy": EYE}, "no name of an array"),
    ({"a//b.npy": EYE}, "no name of an array"),
    ({"a.npy": EYE, "a/b.npy": EYE}, "a is an array, and a/b is inside of it"),
    ({"a/b.npy": EYE, "a.npy": EYE}, "a is an array, and there are arrays inside of it"),
    ({"a.npy": EYE, "structure.json": b"{"}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b"\xff"}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b"[" * 100_000}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b"{}"}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b"3"}, "structure is no dict"),
    ({"structure.json": b"3"}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b'{"dict": []}'}, "leaves out a"),
    ({"a.npy": EYE, "structure.json": b'{"dict": [["a", {"array": "b"}]]}'}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b'{"dict": [["a", {"eval": "b"}]]}'}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b'{"dict": [["a", {"array": "a"}], ["b", {"array": "a"}]]}'}, "named before"),
    ({"a.npy": EYE, "structure.json": b'{"dict": [["a", {"array": "a"}], ["a", 1]]}'}, "a key twice"),
    ({"a/": b"content", "b.npy": EYE}, "a folder with a content"),
]


@pytest.mark.parametrize(("members", "words"), BAD_ARCHIVES)
def test_a_hostile_archive_is_refused(members: dict[str, bytes], words: str, tmp_path: Path) -> None:
    archive(tmp_path / "x.npz", members)
    before = set(Path.cwd().iterdir()), set(tmp_path.iterdir())
    with pytest.raises(WeightsError, match=words) as error:
        tg.load(tmp_path / "x.npz")
    assert "x.npz" in str(error.value)
    assert (set(Path.cwd().iterdir()), set(tmp_path.iterdir())) == before


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("a.npy", EYE)
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.npy", EYE)
    with pytest.raises(WeightsError, match="twice"):
        tg.load(tmp_path / "x.npz")


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("a.npy", npy("(1000,)", data=bytes(8000)))
        file.filelist += file.filelist * 9
    with pytest.raises(WeightsError, match="overlap"):
        tg.load(tmp_path / "x.npz")


def test_a_bomb_of_another_compression_is_refused(tmp_path: Path) -> None:
    archive(tmp_path / "x.npz", {"a.npy": npy("(10000,)", data=bytes(80_000))}, compression=zipfile.ZIP_LZMA)
    with pytest.raises(WeightsError, match="compressed as NumPy never does"):
        tg.load(tmp_path / "x.npz")


def patched(path: Path, at: int, *values: int) -> None:
    """Write other bytes into a file, from its beginning, or before its end if ``at`` is negative."""
    whole = bytearray(path.read_bytes())
    at = at if at >= 0 else len(whole) + at
    whole[at : at + len(values)] = values
    path.write_bytes(whole)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    archive(tmp_path / "x.npz", {"a.npy": EYE})
    patched(tmp_path / "x.npz", 6, 1)
    patched(tmp_path / "x.npz", -22 - 46 - len("a.npy") + 8, 1)
    with pytest.raises(WeightsError, match="or encrypted"):
        tg.load(tmp_path / "x.npz")


# Memory -------------------------------------------------------------------------------------------------------------

MB = 1_000_000


@pytest.fixture
def little_memory() -> Iterator[None]:
    """No more than 2 MB may be taken at once."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * MB, f"{peak:,} bytes were taken"


def compressed(path: Path, **sizes: int) -> None:
    """Zeros, which become a thousandth."""
    zeros: dict[str, Any] = {name: np.zeros(size, np.uint8) for name, size in sizes.items()}
    np.savez_compressed(path, **zeros)


@pytest.mark.parametrize("sizes", [{"a": 20 * MB}, {f"a{k}": MB // 4 for k in range(80)}], ids=["one", "many"])
def test_what_inflates_beyond_the_limit_is_refused_before_it_takes_memory(
    sizes: dict[str, int], tmp_path: Path
) -> None:
    path = tmp_path / "x.npz"
    compressed(path, **sizes)
    assert path.stat().st_size < 50_000
    tracemalloc.start()
    with pytest.raises(WeightsError) as error:
        tg.load(path, max_bytes=20 * MB - 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * MB
    assert str(error.value) == (
        f"{path}: its arrays would take 20,000,000 bytes of memory, more than the limit of 19,999,999; "
        "if you trust the file: load(path, max_bytes=20000000)"
    )
    assert sum(array.size for array in tg.load(path, max_bytes=20 * MB).values()) == 20 * MB


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_the_limit_counts_the_arrays_and_nothing_else(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    tg.save({"a": np.ones(3), "b": {"c": np.ones((2, 2), np.float32)}, "text": "x" * 1000}, path)
    assert len(tg.load(path, max_bytes=24 + 16)) == 3
    with pytest.raises(WeightsError, match="would take 40 bytes of memory, more than the limit of 39;"):
        tg.load(path, max_bytes=39)
    tg.save({"no": "arrays"}, path)
    assert tg.load(path, max_bytes=0) == {"no": "arrays"}


def test_by_default_a_file_may_become_16_times_as_large_and_a_small_one_256_mib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.npz"
    assert (saving.SMALL_LIMIT, saving.TIMES) == (256 * 2**20, 16)
    archive(path, {"a.npy": npy(f"({2**28 + 1},)", "|u1")})  # its content is checked after its size
    with pytest.raises(WeightsError, match="claims"):
        tg.load(path)
    monkeypatch.setattr(saving, "SMALL_LIMIT", MB)
    compressed(path, a=MB)
    tg.load(path)
    compressed(path, a=MB + 1)
    with pytest.raises(WeightsError, match="more than the limit of 1,000,000;"):
        tg.load(path)
    np.savez_compressed(path, a=np.zeros(MB, np.uint8), b=np.random.default_rng(0).bytes(MB))
    tg.load(path)


def test_what_save_wrote_is_read_whatever_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "SMALL_LIMIT", 0)
    for suffix in (".npz", ".safetensors"):
        for obj in ({}, {"a": 1}, {"a": np.zeros(100_000)}, {"list": [{"x": ()}] * 1000}):
            tg.save(obj, tmp_path / f"x{suffix}")
            assert_same(tg.load(tmp_path / f"x{suffix}"), obj)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("size", [100, MB])
def test_a_member_that_inflates_to_more_than_it_claims(size: int, tmp_path: Path) -> None:
    header = npy(f"({size},)", "|u1")
    claims = len(header) + size
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflater.compress(header)
    packed += b"".join(deflater.compress(bytes(MB // 4)) for _ in range(80)) + deflater.flush()
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 33, 0, len(packed), claims, 5, 0) + b"a.npy" + packed
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 33, 0, len(packed), claims, 5, 0, 0, 0, 0, 0, 0)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry) + 5, len(local), 0)
    (tmp_path / "x.npz").write_bytes(local + entry + b"a.npy" + end)
    with pytest.raises(WeightsError, match="has not the size that it claims"):
        tg.load(tmp_path / "x.npz", max_bytes=MB)


@pytest.mark.usefixtures("little_memory")
def test_a_structure_that_inflates_is_refused(tmp_path: Path) -> None:
    text = b'{"dict": [["a", [' + b"[], " * 200_000 + b"0]]]}"
    archive(tmp_path / "x.npz", {"structure.json": text}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(WeightsError, match="its structure is larger than the file"):
        tg.load(tmp_path / "x.npz")


def test_a_structure_counts_too_when_it_is_large(tmp_path: Path) -> None:
    for suffix in (".npz", ".safetensors"):
        tg.save({"text": "x" * 2 * SMALL}, tmp_path / f"x{suffix}")
        with pytest.raises(WeightsError, match=r"its \w+ would take 2,097,\d+ bytes of memory"):
            tg.load(tmp_path / f"x{suffix}", max_bytes=SMALL)
        tg.load(tmp_path / f"x{suffix}", max_bytes=3 * SMALL)


@pytest.mark.usefixtures("little_memory")
def test_a_header_of_safetensors_that_claims_much_takes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    entry = {"dtype": "F64", "shape": [10**12], "data_offsets": [0, 8 * 10**12]}
    for content in (safetensors({"a": entry}), struct.pack("<Q", 10**9) + b"{}", struct.pack("<Q", 2**64 - 1)):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="is not a whole"):
            tg.load(path)
    with open(path, "wb") as file:  # sparse: it takes nothing on the disk either
        file.write(safetensors({"a": {"dtype": "BF16", "shape": [5 * MB], "data_offsets": [0, 10 * MB]}}))
        file.truncate(file.tell() + 10 * MB)
    with pytest.raises(WeightsError, match="would take 20,000,000 bytes of memory, more than the limit of 19,999,999"):
        tg.load(path, max_bytes=20 * MB - 1)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", 10 * MB) + b"{")
        file.truncate(11 * MB)
    with pytest.raises(WeightsError, match="its header would take 10,000,000 bytes"):
        tg.load(path, max_bytes=9 * MB)


@pytest.mark.parametrize("max_bytes", [-1, 1.5, "1", True, float("inf"), np.inf], ids=repr)
def test_what_is_no_number_of_bytes(max_bytes: Any, tmp_path: Path) -> None:
    tg.save({}, tmp_path / "x.npz")
    with pytest.raises(ArgumentError, match=r"max_bytes is a number of bytes, 0 or more, not"):
        tg.load(tmp_path / "x.npz", max_bytes=max_bytes)
