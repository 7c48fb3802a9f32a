"""Weights files to try: damaged and hostile ones, and what comes of loading them."""

from __future__ import annotations

import contextlib
import json
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.errors import WeightsError


def assert_same(found: Any, expected: Any) -> None:
    """The same values of the same types, all the way down."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected or found != found != expected  # NaN


def archive(path: Path, members: Mapping[str, bytes], **options: Any) -> None:
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in members.items():
            file.writestr(name, content)


def npy(shape: str, descr: str = "<f8", data: bytes = b"") -> bytes:
    """An array's bytes with any header."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n" + data


def safetensors(header: Any, data: bytes = b"") -> bytes:
    """A file with any header, text or what becomes JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Hostile:
    """What touches a file when unpickled."""

    def __init__(self, ran: Path) -> None:
        self.ran = ran

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.ran,)


def changes(whole: bytes) -> Iterator[Mapping[int, int]]:
    """Every byte as some others: with its lowest and highest bit changed, as 0, 255, and letters that formats use."""
    for at, byte in enumerate(whole):
        for value in {byte ^ 1, byte ^ 128, 0, 255, *b' "/\n'} - {byte}:
            yield {at: value}


def outcomes(path: Path, wrong: Iterable[Mapping[int, int]]) -> Iterator[Any]:
    """What is loaded from the file with these wrong bytes, one set after the other, where that is no WeightsError."""
    with open(path, "r+b", buffering=0) as file:
        whole = path.read_bytes()
        for bytes_at in wrong:
            for at, value in bytes_at.items():
                file.seek(at)
                file.write(bytes([value]))
            found = []
            with contextlib.suppress(WeightsError):
                found = [tg.load(path)]
            yield from found
            for at in bytes_at:
                file.seek(at)
                file.write(whole[at : at + 1])
