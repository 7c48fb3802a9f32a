"""Arrays in an ``.npz`` file: a zip archive of ``.npy`` members, which ``numpy.load`` reads too.

Nothing that a file claims is believed before it is compared with what the file has. Every byte of a file that ``save``
wrote has a checksum, a second copy or one value that it must have.
"""

from __future__ import annotations

import math
import zipfile
from io import BytesIO
from typing import Any, BinaryIO, Literal, NamedTuple
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np

from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.saving.archive import Archive, Member
from tinygrad_lstm.saving.structure import SMALL, STRUCTURE, Arrays, check_size

RIGHTS = 0o600 << 16  # of a member when it is unpacked, as numpy.savez has it
UNIX = 3  # the system named as the maker, the same on all: so the same contents are the same bytes
WIDE = 45  # the version of zip that numbers of 64 bits need
OUR_FRAMES = ((b"",), (b"", WIDE, WIDE))  # no comment; and the versions of a wide end
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Header(NamedTuple):
    """What an ``.npy`` member says of its array, and where the array begins."""

    shape: tuple[int, ...]
    in_fortran_order: bool
    dtype: np.dtype[Any]
    start: int


def write(file: BinaryIO, arrays: Arrays, structure: str) -> None:
    """Write arrays by their paths, and a text that goes with them."""
    with ZipFile(file, "w") as archive:
        for path, array in arrays.items():
            with archive.open(_info(f"{path}.npy", array.nbytes), "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        text = structure.encode()
        with archive.open(_info(STRUCTURE, len(text)), "w") as member:
            member.write(text)


def read(file: BinaryIO, limit: int) -> tuple[Arrays, str | None]:
    """The arrays by their paths, and the text that goes with them if there is one; arrays take no more than ``limit``.

    Raises WeightsError for what a file may not hold, BadZipFile or ValueError for one that is damaged.
    """
    archive = Archive(file)
    members: dict[str, Member] = {}
    structure = None
    for member in archive.members:
        if member.name.endswith("/"):
            if member.size:
                raise BadZipFile(f"{member.name} is a folder with a content")
        elif member.name == STRUCTURE and structure is None:
            structure = _text(archive, member, limit)
        elif member.name.removesuffix(".npy") in members or member.name == STRUCTURE:
            raise WeightsError(f"{member.name} is there twice")
        else:
            members[member.name.removesuffix(".npy")] = member
    if structure is not None and not (archive.frame in OUR_FRAMES and all(map(_is_framed_by_us, archive.members))):
        raise BadZipFile("its headers are not those that save writes")
    headers = {path: _header(next(archive.chunks(member), b""), member) for path, member in members.items()}
    check_size(sum(math.prod(header.shape) * header.dtype.itemsize for header in headers.values()), limit, "its arrays")
    return {path: _array(archive.content(members[path]), header) for path, header in headers.items()}, structure


def _info(name: str, size: int) -> ZipInfo:
    """A member's header; date and rights are the same for all.

    It knows about how large the member will be, so that ``ZipFile`` takes the wide form where that is needed. With
    ``force_zip64`` for all, Python before 3.11.4 writes headers that contradict themselves.
    """
    info = ZipInfo(name)
    info.create_system, info.external_attr = UNIX, RIGHTS
    info.file_size = size + 2**16  # its ``.npy`` header is smaller
    return info


def _is_framed_by_us(member: Member) -> bool:
    """Whether the fields that no reader uses are as ``write`` sets them, so that a wrong byte there is noticed too."""
    version = member.frame[0]
    entries = {version, WIDE} if member.start > zipfile.ZIP64_LIMIT else {version}  # far back, the entry alone is wide
    return member.frame in [(version, {}, b"", b"", (UNIX << 8) + v, v, 0, RIGHTS, {}, b"", b"", b"") for v in entries]


def _text(archive: Archive, member: Member, limit: int) -> str:
    """The structure, which is stored as it is: so it is not larger than the file."""
    if member.size > archive.size:
        raise WeightsError("its structure is larger than the file")
    check_size(member.size, max(limit, SMALL), "its structure")
    return archive.content(member).tobytes().decode()


def _header(beginning: bytes, member: Member) -> Header:
    """What a member says of its array, if that takes just as many bytes as there are."""
    start = BytesIO(beginning)
    try:
        shape, in_fortran_order, dtype = HEADERS[np.lib.format.read_magic(start)](start)
    except (KeyError, MemoryError, RecursionError):  # another version, or nested deeper than Python's parser goes
        raise BadZipFile(f"{member.name} has no header that NumPy writes") from None
    claimed = start.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise WeightsError(f"{member.name} holds Python objects, which could run code")
    if claimed != member.size:
        raise WeightsError(f"{member.name} claims the shape {shape}, {claimed} bytes, but has {member.size}")
    return Header(shape, in_fortran_order, dtype, start.tell())


def _array(content: np.ndarray, header: Header) -> np.ndarray:
    """The array whose bytes these are."""
    order: Literal["F", "C"] = "F" if header.in_fortran_order else "C"
    return np.ndarray(header.shape, header.dtype, buffer=content.data, offset=header.start, order=order)
