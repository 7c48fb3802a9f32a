"""Arrays in a ``.safetensors`` file: a header in JSON and then plain bytes.

The format has no checksum. ``save`` puts one among the texts of the header, SHA-256 of the whole file with zeros in the
checksum's own place, so every wrong byte in such a file is noticed. Files of other programs have none: their sizes are
checked, their numbers cannot be.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from typing import Any, BinaryIO

import numpy as np

from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.saving.structure import SMALL, STRUCTURE, Arrays, check_size

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "BOOL": "|b1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
}  # fmt: skip
WRITTEN = {dtype: name for name, dtype in DTYPES.items() if name not in ("BF16", "C64")}  # what all readers know
TEXTS = "__metadata__"
BEFORE, BLANK = f'{{"{TEXTS}":{{"sha256":"'.encode(), b"0" * 64  # how our headers begin
LONGEST_HEADER = 100_000_000  # as the format has it


def write(file: BinaryIO, arrays: Arrays, structure: str) -> None:
    """Write arrays by their paths, and a text that goes with them; WeightsError for a dtype that the format lacks."""
    header: dict[str, Any] = {TEXTS: {"sha256": BLANK.decode(), STRUCTURE: structure}}
    at = 0
    for path, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):  # so that each is aligned
        dtype = array.dtype.newbyteorder("<").str
        if dtype not in WRITTEN or path == TEXTS:
            raise WeightsError(f"a .safetensors file cannot hold {path} of {array.dtype}: save it as .npz")
        header[path] = {"dtype": WRITTEN[dtype], "shape": array.shape, "data_offsets": (at, at + array.nbytes)}
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        raise WeightsError("a .safetensors file has names and values of 100 MB at most: save it as .npz")
    start = struct.pack("<Q", len(text)) + text
    checksum = hashlib.sha256(start)
    file.write(start)
    for path in list(header)[1:]:
        data = arrays[path].astype(DTYPES[header[path]["dtype"]], order="C", copy=False)
        raw = data.reshape(-1).view(np.uint8).data
        checksum.update(raw)
        file.write(raw)
    file.seek(8 + len(BEFORE))
    file.write(checksum.hexdigest().encode())


def read(file: BinaryIO, limit: int) -> tuple[Arrays, str | None]:
    """The arrays by their paths, and the text that goes with them if there is one; arrays take no more than ``limit``.

    BF16, which NumPy lacks, becomes float32 exactly. Raises WeightsError for what NumPy has no dtype for or takes too
    much memory, ValueError for a file that is damaged.
    """
    size = os.fstat(file.fileno()).st_size
    start = file.read(8)
    (length,) = struct.unpack("<Q", start)
    if length > min(size - 8, LONGEST_HEADER):
        raise ValueError(f"its header should have {length} bytes")
    check_size(length, max(limit, SMALL), "its header")
    text = file.read(length)
    header = json.loads(text.decode(), object_pairs_hook=_each_once)
    texts = header.pop(TEXTS, {})
    if not all(isinstance(value, str) for value in texts.values()):
        raise ValueError("its texts are no texts")
    ours = text.startswith(BEFORE)
    if not ours and STRUCTURE in texts and len(texts) > 1:  # alone it is in files of versions that wrote no checksum
        raise ValueError("its checksum is not where save writes it")
    _check(header, size - 8 - length)
    taken = sum(math.prod(entry["shape"]) * _dtype(name, entry).itemsize for name, entry in header.items())
    check_size(taken, limit, "its arrays")

    place = slice(len(BEFORE), len(BEFORE) + len(BLANK))
    checksum = hashlib.sha256(start + text[: place.start] + BLANK + text[place.stop :])
    arrays: Arrays = {}
    for name in sorted(header, key=lambda name: header[name]["data_offsets"]):
        array = np.empty(header[name]["shape"], DTYPES[header[name]["dtype"]])
        raw = array.reshape(-1).view(np.uint8)
        if file.readinto(raw) != raw.size:  # type: ignore[attr-defined]  # every binary file has it
            raise ValueError("it became shorter while it was read")
        if ours:
            checksum.update(raw.data)
        arrays[name] = _widen(array) if header[name]["dtype"] == "BF16" else array
    if ours and text[place] != checksum.hexdigest().encode():
        raise ValueError("it is damaged: its checksum is another")
    return {name: arrays[name] for name in sorted(arrays)}, texts.get(STRUCTURE)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice in its header")
    return found


def _check(header: dict[str, Any], size: int) -> None:
    """Make sure that arrays of these shapes fill the file: no byte belongs to two of them, or to none."""
    for name, entry in header.items():
        if not isinstance(entry, dict) or not entry.keys() >= {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"{name} has no dtype, shape and data_offsets")
    at = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begins, ends = entry["data_offsets"]
        if any(type(length) is not int or length < 0 for length in entry["shape"]):
            raise ValueError(f"{name} has the shape {entry['shape']}")
        itemsize = 2 if entry["dtype"] == "BF16" else _dtype(name, entry).itemsize
        if begins != at or ends - begins != math.prod(entry["shape"]) * itemsize:
            raise ValueError(f"the bytes of {name} are not where they should be")
        at = ends
    if at != size:
        raise ValueError(f"its arrays take {at} bytes, but it has {size}")


def _dtype(name: str, entry: dict[str, Any]) -> np.dtype[Any]:
    """What an array becomes in memory."""
    if entry["dtype"] not in DTYPES:
        raise WeightsError(f"{name} is {entry['dtype']}, which NumPy has no dtype for: save it as float32, or as BF16")
    return np.dtype(np.float32 if entry["dtype"] == "BF16" else DTYPES[entry["dtype"]])


def _widen(bfloat16: np.ndarray) -> np.ndarray:
    """The upper halves of float32 numbers as such numbers."""
    return (bfloat16.astype(np.uint32) << 16).view(np.float32)
