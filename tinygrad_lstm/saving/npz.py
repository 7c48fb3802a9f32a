"""Arrays in an ``.npz`` file: a zip archive of ``.npy`` members, which ``numpy.load`` reads too.

Nothing that a file claims is believed before it is compared with what the file has. An honest member is stored, or
deflated to no less than a thousandth: a small file cannot make a large array.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.saving.structure import Arrays

STRUCTURE = "structure.json"  # no array has this name: theirs end in .npy


def write(file: BinaryIO, arrays: Arrays, structure: str) -> None:
    """Write arrays by their paths, and a text that goes with them."""
    with zipfile.ZipFile(file, "w") as archive:
        for path, array in arrays.items():
            with archive.open(f"{path}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        with archive.open(STRUCTURE, "w") as member:
            member.write(structure.encode())


def read(path: Path) -> tuple[Arrays, str | None]:
    """The arrays by their paths, and the text that goes with them if there is one."""
    arrays: Arrays = {}
    structure = None
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        if sum(info.compress_size for info in members) > path.stat().st_size:
            raise WeightsError("its members overlap")
        for info in members:
            name = info.filename.removesuffix(".npy")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise WeightsError(f"{info.filename} is compressed as NumPy never does")
            if info.filename == STRUCTURE:
                structure = archive.read(info).decode()
            elif name in arrays:
                raise WeightsError(f"{info.filename} is there twice")
            else:
                arrays[name] = _read_array(archive, info)
    return arrays, structure


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One member's array, if its header claims just as many bytes as there are."""
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with archive.open(info) as member:
        shape, _, dtype = headers[np.lib.format.read_magic(member)](member)
        claimed = member.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise WeightsError(f"{info.filename} holds Python objects, which could run code")
    if claimed != info.file_size:
        raise WeightsError(f"{info.filename} claims the shape {shape}, {claimed} bytes, but has {info.file_size}")
    with archive.open(info) as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))
