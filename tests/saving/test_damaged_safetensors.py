"""A damaged ``.safetensors`` file of ours is an error, and others' files are read as their format says."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.weights_files import assert_same, changes, outcomes, safetensors
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.saving.safetensors import BEFORE, BLANK, WRITTEN


def one(shape: list[int], *ends: int, dtype: str = "F64") -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": ends}}


BAD_SAFETENSORS: list[bytes] = [
    struct.pack("<Q", 2**63) + b"{}",
    struct.pack("<Q", 100) + b"{}",
    safetensors(b"{"),
    safetensors(b"[" * 100_000),
    safetensors([]),
    safetensors(one([10**12], 0, 8 * 10**12)),
    safetensors(one([10**12], 0, 8), bytes(8)),
    safetensors(one([1], 8, 16), bytes(16)),
    safetensors(one([1], -8, 0), bytes(8)),
    safetensors(one([1], 0, 8), bytes(16)),
    safetensors({"__metadata__": {"structure.json": "3"}}),
    safetensors({"__metadata__": {"structure.json": 3}}),
]


@pytest.mark.parametrize("content", BAD_SAFETENSORS)
def test_a_bad_header_of_safetensors_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.safetensors is not a whole"):
        tg.load(tmp_path / "x.safetensors")


def test_names_in_others_safetensors_are_looked_at_too(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    for name in ("../a", "/a", "a/"):
        numpy.save_file({name: np.ones(1)}, tmp_path / "x.safetensors")
        with pytest.raises(WeightsError, match="no name of an array"):
            tg.load(tmp_path / "x.safetensors")


def test_others_headers_are_believed_only_where_they_agree_with_themselves(tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    after = entry | {"data_offsets": [4, 8]}
    numbers = struct.pack("<2f", 1, 2)
    (tmp_path / "x.safetensors").write_bytes(safetensors({"a": entry, "b": after}, numbers))
    assert tg.load(tmp_path / "x.safetensors") == {"a": 1, "b": 2}
    for header in (
        {"a": entry, "b": entry},
        {"a": entry, "b": entry | {"data_offsets": [5, 8]}},
        {"a": entry, "b": after | {"shape": [2]}},
        {"a": entry, "b": after | {"shape": [-1]}},
        {"a": entry, "b": after | {"shape": [1.0]}},
        {"a": entry, "b": after | {"shape": [True]}},
        {"a": entry, "b": after | {"shape": [1] * 100}},
        {"a": entry, "b": after | {"data_offsets": [4]}},
        {"a": entry, "b": {"dtype": "F32", "shape": [1]}},
        {"a": entry, "b": 3},
        {"a": entry},
        {"a": entry, "b": after, "__metadata__": {"x": 3}},
        {"a": entry, "b": after, "__metadata__": []},
    ):
        (tmp_path / "x.safetensors").write_bytes(safetensors(header, numbers))
        with pytest.raises(WeightsError, match=r"x\.safetensors is not a whole"):
            tg.load(tmp_path / "x.safetensors")
    twice = b'{"a":' + json.dumps(entry).encode() + b',"a":' + json.dumps(after).encode() + b"}"
    (tmp_path / "x.safetensors").write_bytes(safetensors(twice, numbers))
    with pytest.raises(WeightsError, match="a name is there twice"):
        tg.load(tmp_path / "x.safetensors")


# Damage -------------------------------------------------------------------------------------------------------------


def saved(path: Path) -> bytes:
    tg.save({"a": np.arange(3.0), "b": {"c": np.eye(2, dtype=np.float32), "d": [1, (2.5, None)]}}, path)
    return path.read_bytes()


def test_every_wrong_byte_of_a_saved_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    whole = saved(path)
    assert list(outcomes(path, changes(whole))) == []
    assert list(outcomes(path, ({at: whole[at] ^ (1 << bit)} for at in range(len(whole)) for bit in range(8)))) == []


def test_a_saved_file_cut_or_added_to_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    whole = saved(path)
    broken = [whole[:length] for length in range(len(whole))] + [
        whole[:at] + whole[at + 1 :] for at in range(len(whole))
    ]
    for content in [*broken, whole + b"\0", b"\0" + whole, whole + whole]:
        path.unlink()
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"x\.safetensors is not a whole"):
            tg.load(path)


def test_the_checksum_is_sha256_of_the_file_with_zeros_in_its_place(tmp_path: Path) -> None:
    whole = saved(tmp_path / "x.safetensors")
    assert whole[8:].startswith(BEFORE)
    digest, at = whole[8 + len(BEFORE) :][:64], 8 + len(BEFORE)
    assert digest.decode() == hashlib.sha256(whole[:at] + BLANK + whole[at + 64 :]).hexdigest()


def test_what_another_program_made_of_a_saved_file_is_not_taken_for_it(tmp_path: Path) -> None:
    """Its texts kept and its arrays changed: then the checksum is another."""
    path = tmp_path / "x.safetensors"
    whole = saved(path)
    (length,) = struct.unpack_from("<Q", whole)
    header = json.loads(whole[8 : 8 + length])
    path.write_bytes(safetensors(header, whole[8 + length :]))  # the same with other spaces
    with pytest.raises(WeightsError, match="its checksum is not where save writes it"):
        tg.load(path)


def test_a_file_from_before_there_were_checksums_is_read(tmp_path: Path) -> None:
    header = {"__metadata__": {"structure.json": '{"dict": [["a", {"array": "a"}]]}'}}
    (tmp_path / "x.safetensors").write_bytes(safetensors(header | one([1], 0, 8), struct.pack("<d", 3)))
    assert tg.load(tmp_path / "x.safetensors") == {"a": 3}


def test_a_wrong_number_in_a_file_of_others_cannot_be_noticed(tmp_path: Path) -> None:
    content = safetensors(one([1], 0, 8), struct.pack("<d", 3))
    (tmp_path / "x.safetensors").write_bytes(content[:-1] + b"\0")
    assert tg.load(tmp_path / "x.safetensors")["a"] != 3


# Dtypes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("imported", ["", "ml_dtypes"])
def test_bfloat16_becomes_float32_whatever_else_is_imported(imported: str, tmp_path: Path) -> None:
    if imported:
        pytest.importorskip(imported)
    bits = [0x0000, 0x8000, 0x3F80, 0xC040, 0x7F80, 0xFF80, 0x7FC0, 0x0001, 0x7F7F]
    exact = [0.0, -0.0, 1.0, -3.0, np.inf, -np.inf, np.nan, 2.0**-133, (2 - 2.0**-7) * 2.0**127]
    data = struct.pack("<9H", *bits)
    (tmp_path / "x.safetensors").write_bytes(safetensors(one([3, 3], 0, 18, dtype="BF16"), data))
    array = tg.load(tmp_path / "x.safetensors")["a"]
    assert_same(array, np.array(exact, np.float32).reshape(3, 3))
    assert np.signbit(array[0, 1])


@pytest.mark.parametrize(
    "dtype", ["F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F4", "F6_E2M3", "F6_E3M2", "NEW"]
)
def test_a_dtype_that_numpy_lacks_is_named(dtype: str, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(safetensors(one([8], 0, 8, dtype=dtype), bytes(8)))
    with pytest.raises(WeightsError, match=rf"x.safetensors: a is {dtype}, which NumPy has no dtype for"):
        tg.load(tmp_path / "x.safetensors")


def test_the_package_reads_ours_and_we_read_its_files(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    arrays: dict[str, np.ndarray] = {name: np.arange(6).reshape(2, 3).astype(name) for name in WRITTEN}
    arrays |= {"empty": np.ones((2, 0, 3)), "scalar": np.array(2.0), "ö 'x'": np.ones(3, np.float32)}
    tg.save(arrays, tmp_path / "ours.safetensors")
    numpy.save_file(arrays | {"complex": np.ones(2, np.complex64)}, tmp_path / "theirs.safetensors")
    theirs = numpy.load_file(tmp_path / "ours.safetensors")
    assert_same({name: theirs[name] for name in arrays}, arrays)
    ours = tg.load(tmp_path / "theirs.safetensors")
    assert list(ours) == sorted(ours)
    assert_same({name: ours[name] for name in arrays}, arrays)
    assert_same(ours["complex"], np.ones(2, np.complex64))
